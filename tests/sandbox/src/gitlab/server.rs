//! A server that runs: from the wire to the state and back, faults included, and its controls.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::hand::{Edit, Press, Script};
use super::job::Course;
use super::state::State;
use super::{BASE, GitLabSeed, control, deployments, dispatch, jobs, periods, schedules, variables};
use crate::api::reply::Reply;
use crate::api::serve::{End, Voice, carry_out, respond};
use crate::connection::{Connection, Resettable};
use crate::fault::{self, FaultRule, Faults};
use crate::log::{RequestEntry, millis};
use crate::world::lock;

const LONGEST_BODY: usize = 1 << 20;

/// A call, read whole.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: String,
    /// Below [`BASE`], as it was sent; `None` if it is elsewhere.
    pub(super) path: Option<String>,
    /// The URL without the query, for links.
    pub(super) url: String,
    pub(super) query: String,
    pub(super) token: Option<SecretString>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug)]
struct Inner {
    seed: GitLabSeed,
    address: SocketAddr,
    state: Mutex<State>,
    started: Instant,
    stopping: watch::Receiver<bool>,
}

/// A GitLab server that runs. Clones are one server.
#[derive(Clone, Debug)]
pub struct GitLab(Arc<Inner>);

impl GitLab {
    /// A server on a listener, and what serves it until it is told to stop.
    pub(crate) fn new(
        seed: GitLabSeed,
        listener: TcpListener,
        address: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) -> (GitLab, impl Future<Output = ()> + Send + 'static) {
        let state = Mutex::new(State::of(&seed, Timestamp::now()));
        let own = GitLab(Arc::new(Inner { seed, address, state, started: Instant::now(), stopping }));
        let router: Router<()> = control::router().fallback(serve).with_state(own.clone());
        let service = router.into_make_service_with_connect_info::<Connection>();
        let watched = own.clone();
        let served = async move {
            let stopped = async move { watched.stopped().await };
            // The only error there is comes from accepting, which axum itself retries.
            let _ = axum::serve(Resettable(listener), service).with_graceful_shutdown(stopped).await;
        };
        (own, served)
    }

    /// The name in the seed.
    pub fn name(&self) -> &str {
        &self.0.seed.name
    }

    /// The URL of the server, as clients take it.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The URL of the API.
    pub fn api_url(&self) -> String {
        format!("{}{BASE}", self.url())
    }

    /// The URL below which the controls are.
    pub fn control_url(&self) -> String {
        format!("{}/sandbox", self.url())
    }

    /// The value of the seed's token of that name.
    pub fn token(&self, name: &str) -> Option<SecretString> {
        self.0.seed.tokens.iter().find(|token| token.name == name).map(|token| token.value.clone())
    }

    /// The value of the seed's first token.
    pub fn first_token(&self) -> Option<SecretString> {
        self.0.seed.tokens.first().map(|token| token.value.clone())
    }

    /// The requests to the API since the start, or the last [`GitLab::clear_requests`].
    pub fn requests(&self) -> Vec<RequestEntry> {
        self.locked(|state| state.log.entries().to_vec())
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.locked(|state| state.log.clear());
    }

    /// The faults that are set.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.locked(|state| state.faults.rules())
    }

    /// Sets a fault beside those that are set. Paths are those below `/api/v4`, as they are sent.
    pub fn add_fault(&self, rule: FaultRule) {
        self.locked(|state| state.faults.add(rule));
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.locked(|state| state.faults = Faults::default());
    }

    /// Sets how long every request takes before its work is done.
    pub fn set_latency(&self, latency: Duration) {
        self.locked(|state| state.latency = latency);
    }

    /// Sets how jobs of a name go that are played from now on.
    pub fn script(&self, script: &Script) {
        let course = Course {
            pending: Duration::from_millis(script.pending_ms),
            takes: Duration::from_millis(script.takes_ms),
            ends: script.ends,
            log: script.log.clone(),
        };
        self.locked(|state| {
            for project in &mut state.projects {
                for template in project.templates.iter_mut().filter(|own| own.name == script.job) {
                    (template.pending_ms, template.takes_ms) = (script.pending_ms, script.takes_ms);
                    (template.ends, template.log) = (script.ends, script.log.clone());
                }
                for job in project.jobs.iter_mut().filter(|own| own.name == script.job && own.is_waiting()) {
                    job.course = course.clone();
                }
            }
        });
    }

    /// Edits or removes a variable as somebody else would. Says whether there was one.
    #[must_use]
    pub fn edit_variable(&self, edit: &Edit) -> bool {
        self.locked(|state| {
            let project = state.projects.iter_mut().find(|own| own.path == edit.project);
            let Some(project) = project else { return false };
            let fits = |own: &&mut super::VariableSeed| {
                own.key == edit.key && own.environment_scope == edit.environment_scope
            };
            match (project.variables.iter_mut().find(fits), &edit.value) {
                (None, _) => false,
                (Some(own), Some(value)) => {
                    own.value.clone_from(value);
                    true
                }
                (Some(_), None) => {
                    project.variables.retain(|own| {
                        !(own.key == edit.key && own.environment_scope == edit.environment_scope)
                    });
                    true
                }
            }
        })
    }

    /// Somebody plays a job, or runs it again if it has run. The id of the job that runs; `None` if that is not possible.
    pub fn play(&self, press: &Press) -> Option<u64> {
        self.pressed(press, |project, id, now| {
            project.play(id, "somebody", now).ok().and_then(|()| project.newest(&press.tag, &press.job))
        })
    }

    /// Somebody cancels a job.
    pub fn cancel(&self, press: &Press) -> Option<u64> {
        self.pressed(press, |project, id, now| project.cancel(id, now).ok().map(|()| id))
    }

    fn pressed<T>(
        &self,
        press: &Press,
        act: impl FnOnce(&mut super::state::Project, u64, Timestamp) -> Option<T>,
    ) -> Option<T> {
        self.locked(|state| {
            let project = state.projects.iter_mut().find(|own| own.path == press.project)?;
            let id = project.newest(&press.tag, &press.job)?;
            act(project, id, Timestamp::now())
        })
    }

    /// A project as it is now, by its path: variables (hidden values too), jobs, deployments, freeze periods and schedules, as the API
    /// shows them.
    pub fn project(&self, path: &str) -> Option<Value> {
        let now = Timestamp::now();
        self.locked(|state| {
            let project = state.projects.iter().find(|own| own.path == path)?;
            let variables = project.variables.iter().map(|own| {
                let mut shown = variables::show(own);
                shown["value"] = own.value.clone().into();
                shown
            });
            // Without parameters nothing can be wrong with them.
            let none = super::params::Params::read("", &[]).ok()?;
            Some(json!({
                "path": project.path,
                "variables": variables.collect::<Vec<_>>(),
                "jobs": jobs::list(project, &none, now).ok()?,
                "deployments": deployments::list(project, &none, now).ok()?,
                "freeze_periods": periods::list(project),
                "schedules": schedules::list(project, &none).ok()?,
            }))
        })
    }

    /// Every project as it is now.
    pub fn projects(&self) -> Vec<Value> {
        self.0.seed.projects.iter().filter_map(|project| self.project(&project.path)).collect()
    }

    /// Brings everything back to what the seed says.
    pub fn reset(&self) {
        self.locked(|state| {
            let mut fresh = State::of(&self.0.seed, Timestamp::now());
            fresh.log.clone_from(&state.log);
            fresh.log.clear();
            *state = fresh;
        });
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut lock(&self.0.state))
    }

    async fn stopped(&self) {
        let mut stopping = self.0.stopping.clone();
        // An error means that the sandbox is gone, which is what is waited for.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Logs a call that arrived, and says what is to happen to it and under which number it is logged.
    fn arrive(&self, call: &Call) -> (usize, fault::Course) {
        let started = self.0.started;
        self.locked(|state| {
            let path = call.path.clone().unwrap_or_default();
            let course = fault::Course::of(state.faults.hit(&call.method, &path), state.latency);
            let token = dispatch::token_name(state, call);
            let number = state.log.push(RequestEntry {
                at: Timestamp::now(),
                at_ms: millis(started.elapsed()),
                method: call.method.clone(),
                path,
                query: call.query.clone(),
                token,
                status: None,
                took_ms: None,
                applied: false,
            });
            (number, course)
        })
    }

    fn work(&self, number: usize, call: &Call) -> Reply {
        self.locked(|state| {
            let reply = dispatch::answer(state, call, Timestamp::now());
            let applied = call.method != "GET" && (200..300).contains(&reply.status);
            if let Some(entry) = state.log.entry(number) {
                entry.applied = applied;
            }
            reply
        })
    }

    fn ended(&self, number: usize, status: Option<u16>) {
        let now = millis(self.0.started.elapsed());
        self.locked(|state| {
            if let Some(entry) = state.log.entry(number) {
                entry.status = status;
                entry.took_ms = Some(now.saturating_sub(entry.at_ms));
            }
        });
    }

    async fn run(self, call: Call, number: usize, course: fault::Course) -> End {
        for token in &course.expire {
            self.locked(|state| {
                for caller in state.callers.iter_mut().filter(|caller| caller.name == *token) {
                    caller.state = super::TokenState::Expired;
                }
            });
        }
        sleep(course.before).await;
        let end = carry_out(&|| self.work(number, &call), course.fault, VOICE).await;
        sleep(course.after).await;
        self.ended(number, if let End::Answered(reply) = &end { Some(reply.status) } else { None });
        end
    }
}

/// How faults sound here (`Rack::Attack` answers 429 with plain text: <https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/>).
const VOICE: Voice = Voice {
    failure: |status, _, message| Reply::json(status, &json!({ "message": format!("{status} {message}") })),
    limited: |retry_after| {
        let body = b"Retry later\n".to_vec();
        let reply = Reply { status: 429, headers: Vec::new(), content_type: "text/plain", body };
        match retry_after {
            Some(seconds) => reply.with("retry-after", seconds.to_string()),
            None => reply,
        }
    },
};

async fn serve(
    Shared(server): Shared<GitLab>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Some(call) = read(&server, request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (number, course) = server.arrive(&call);
    // A task of its own: a client that hangs up does not stop the work.
    let work = tokio::spawn(server.clone().run(call, number, course));
    match work.await {
        Ok(End::Answered(reply)) => respond(reply),
        Ok(End::Silent) => {
            server.stopped().await;
            connection.reset();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Ok(End::Reset) | Err(_) => {
            connection.reset();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn read(server: &GitLab, request: Request) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.ok()?;
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || text(header::AUTHORIZATION)?.strip_prefix("Bearer ");
    let token = text(header::HeaderName::from_static("private-token")).or_else(bearer);
    let path = parts.uri.path();
    Some(Call {
        method: parts.method.as_str().to_owned(),
        path: path.strip_prefix(BASE).filter(|path| path.starts_with('/')).map(str::to_owned),
        url: format!("{}{path}", server.url()),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        token: token.map(SecretString::from),
        body: body.to_vec(),
    })
}
