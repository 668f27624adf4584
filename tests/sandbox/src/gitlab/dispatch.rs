//! From a call to its answer: who calls, may they, where to.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::page::{Place, page};
use super::params::{Params, decoded};
use super::seed::{Role, Scope, TokenState};
use super::server::Call;
use super::state::{Caller, Project, State};
use super::{deployments, jobs, periods, pipelines, schedules, variables};
use crate::api::reply::Reply;

/// Answers a call. Nothing is changed unless the answer is a success.
pub(super) fn answer(state: &mut State, call: &Call, now: Timestamp) -> Reply {
    route(state, call, now).unwrap_or_else(|error| error.reply())
}

/// The name of the token that a caller presents, for the log.
pub(super) fn token_name(state: &State, call: &Call) -> Option<String> {
    let token = call.token.as_ref()?;
    state.callers.iter().find(|caller| caller.has(token)).map(|caller| caller.name.clone())
}

fn identify(state: &State, call: &Call) -> Result<Caller, ApiError> {
    let token = call.token.as_ref().ok_or_else(ApiError::unauthorized)?;
    let caller = state.callers.iter().find(|caller| caller.has(token)).ok_or_else(ApiError::unauthorized)?;
    match (caller.state, caller.scope) {
        (TokenState::Expired, _) => Err(ApiError::bad_token("is expired")),
        (TokenState::Revoked, _) => Err(ApiError::bad_token("was revoked")),
        (TokenState::Active, Scope::ReadApi) if call.method != "GET" => Err(ApiError::insufficient_scope()),
        (TokenState::Active, Scope::Api | Scope::ReadApi) => Ok(caller.clone()),
    }
}

fn route(state: &mut State, call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
    let path = call.path.as_deref().ok_or_else(ApiError::no_route)?;
    let segments: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let caller = identify(state, call)?;
    match segments[..] {
        ["user"] if call.method == "GET" => Ok(Reply::json(
            200,
            &json!({ "id": 1, "username": caller.user, "name": caller.user, "state": "active" }),
        )),
        ["projects", project, ref rest @ ..] => {
            let project = find(state, &caller, project)?;
            let params = Params::read(&call.query, &call.body)?;
            let ask = Ask { call, caller: &caller, params: &params, now };
            ask.below(project, rest)
        }
        _ => Err(ApiError::no_route()),
    }
}

/// A project that there is not and one that the caller is no member of look the same.
fn find<'a>(state: &'a mut State, caller: &Caller, named: &str) -> Result<&'a mut Project, ApiError> {
    let own = |project: &&mut Project| project.path == named || project.id.to_string() == named;
    let member =
        |project: &Project| caller.projects.as_ref().is_none_or(|paths| paths.contains(&project.path));
    let found = state.projects.iter_mut().find(own).filter(|project| member(project));
    found.ok_or_else(|| ApiError::not_found("Project"))
}

fn number(segment: &str) -> Result<u64, ApiError> {
    segment.parse().map_err(|_| ApiError::parameter("id is invalid"))
}

struct Ask<'a> {
    call: &'a Call,
    caller: &'a Caller,
    params: &'a Params,
    now: Timestamp,
}

impl Ask<'_> {
    fn needs(&self, role: Role) -> Result<(), ApiError> {
        if self.caller.role >= role { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    fn listed(&self, items: &[Value]) -> Result<Reply, ApiError> {
        page(&Place { url: &self.call.url, params: self.params }, items)
    }

    /// A project, with the caller's role as a number (<https://docs.gitlab.com/api/members/#roles>).
    fn overview(&self, project: &Project) -> Value {
        let level = match self.caller.role {
            Role::Guest => 10,
            Role::Reporter => 20,
            Role::Developer => 30,
            Role::Maintainer => 40,
        };
        json!({
            "id": project.id,
            "path_with_namespace": project.path,
            "permissions": { "project_access": { "access_level": level }, "group_access": null },
        })
    }

    /// `/projects/:id` and everything below it.
    fn below(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        let method = self.call.method.as_str();
        let (params, now) = (self.params, self.now);
        self.needs(Role::Reporter)?;
        match (method, rest) {
            ("GET", []) => Ok(Reply::json(200, &self.overview(project))),
            (_, ["variables", rest @ ..]) => self.variables(project, rest),
            ("GET", ["repository", "tags"]) => self.listed(&pipelines::tags(project, params)?),
            ("GET", ["repository", "tags", tag]) => pipelines::tag(project, tag),
            ("GET", ["pipelines"]) => self.listed(&pipelines::list(project, params, now)?),
            ("GET", ["pipelines", id]) => {
                let pipeline = pipelines::find(project, number(id)?)?;
                Ok(Reply::json(200, &pipelines::show(project, pipeline, now)))
            }
            ("GET", ["pipelines", id, "jobs"]) => {
                self.listed(&pipelines::jobs_of(project, number(id)?, params, now)?)
            }
            (_, ["jobs", rest @ ..]) => self.jobs(project, rest),
            (_, ["deployments", rest @ ..]) => self.deployments(project, rest),
            ("GET", ["environments"]) => self.listed(&pipelines::environments(project, params)?),
            ("GET", ["environments", id]) => pipelines::environment(project, number(id)?, now),
            (_, ["freeze_periods", rest @ ..]) => self.periods(project, rest),
            (_, ["pipeline_schedules", rest @ ..]) => self.schedules(project, rest),
            _ => Err(ApiError::no_route()),
        }
    }

    /// Only maintainers see variables at all.
    fn variables(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        self.needs(Role::Maintainer)?;
        match (self.call.method.as_str(), rest) {
            ("GET", []) => self.listed(&variables::list(project)),
            ("POST", []) => variables::create(project, self.params),
            ("GET", [key]) => variables::get(project, key, self.params),
            ("PUT", [key]) => variables::update(project, key, self.params),
            ("DELETE", [key]) => variables::delete(project, key, self.params),
            _ => Err(ApiError::no_route()),
        }
    }

    fn jobs(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        let (user, now) = (self.caller.user.as_str(), self.now);
        let method = self.call.method.as_str();
        if let ("GET", []) = (method, rest) {
            return self.listed(&jobs::list(project, self.params, now)?);
        }
        let [id, verb @ ..] = rest else { return Err(ApiError::no_route()) };
        let job = project.job(number(id)?).cloned().ok_or_else(ApiError::no_record)?;
        let shown = |project: &Project, id: u64| {
            project.job(id).map_or(Value::Null, |job| jobs::show(project, job, now))
        };
        match (method, verb) {
            ("GET", []) => Ok(Reply::json(200, &jobs::show(project, &job, now))),
            ("GET", ["trace"]) => Ok(jobs::trace(&job, now)),
            ("POST", [verb @ ("play" | "retry" | "cancel")]) => {
                self.needs(if job.protected { Role::Maintainer } else { Role::Developer })?;
                match *verb {
                    "play" => {
                        project.play(job.id, user, now).map(|()| Reply::json(200, &shown(project, job.id)))
                    }
                    "retry" => {
                        project.retry(job.id, user, now).map(|id| Reply::json(201, &shown(project, id)))
                    }
                    _ => project.cancel(job.id, now).map(|()| Reply::json(201, &shown(project, job.id))),
                }
            }
            _ => Err(ApiError::no_route()),
        }
    }

    fn deployments(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        match (self.call.method.as_str(), rest) {
            ("GET", []) => self.listed(&deployments::list(project, self.params, self.now)?),
            ("GET", [id]) => deployments::get(project, number(id)?, self.now),
            ("POST", []) => {
                self.needs(Role::Developer)?;
                deployments::create(project, self.params, &self.caller.user, self.now)
            }
            ("PUT", [id]) => {
                self.needs(Role::Developer)?;
                deployments::update(project, number(id)?, self.params, self.now)
            }
            _ => Err(ApiError::no_route()),
        }
    }

    fn periods(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        let method = self.call.method.as_str();
        if method != "GET" {
            self.needs(Role::Maintainer)?;
        }
        match (method, rest) {
            ("GET", []) => self.listed(&periods::list(project)),
            ("POST", []) => periods::create(project, self.params, self.now),
            ("GET", [id]) => periods::get(project, number(id)?),
            ("PUT", [id]) => periods::update(project, number(id)?, self.params, self.now),
            ("DELETE", [id]) => periods::delete(project, number(id)?),
            _ => Err(ApiError::no_route()),
        }
    }

    fn schedules(&self, project: &mut Project, rest: &[&str]) -> Result<Reply, ApiError> {
        self.needs(Role::Developer)?;
        let user = self.caller.user.as_str();
        match (self.call.method.as_str(), rest) {
            ("GET", []) => self.listed(&schedules::list(project, self.params)?),
            ("GET", [id]) => schedules::get(project, number(id)?),
            ("PUT", [id]) => schedules::update(project, number(id)?, self.params, user, self.now),
            ("POST", [id, "take_ownership"]) => {
                self.needs(Role::Maintainer)?;
                schedules::take(project, number(id)?, user)
            }
            _ => Err(ApiError::no_route()),
        }
    }
}
