//! A client that uploads one file after the other to wherever a name leads, and asks for all of them at the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Names, Tally, Verdict, Written, http, put, with_causes};

/// How often a file is asked for that nobody gives an answer about, and the time between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Where to upload to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name of production.
    pub name: String,
    /// The port of its application.
    pub port: u16,
    /// Who says where the name leads.
    pub resolver: SocketAddr,
}

struct Uploader<'t> {
    target: &'t Target,
    names: Names,
    client: Client,
    /// Makes this client's files differ from those of others.
    stamp: String,
}

/// Uploads a file at each tick until told to stop, then asks whoever is production for all that were acknowledged.
///
/// A file that was refused is tried again at the next tick. An error says that nobody could be asked at the end.
pub async fn upload(
    target: &Target,
    every: Duration,
    stop: impl Future<Output = ()>,
) -> Result<Verdict, String> {
    let client = http().map_err(|error| with_causes(&error))?;
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S").to_string();
    let names = Names::new(target.resolver, target.name.clone());
    let mut uploader = Uploader { target, names, client, stamp };
    let tally = uploader.until(every, stop).await;
    let lost = uploader.lost(&tally.acknowledged).await?;
    Ok(Verdict { tally, lost })
}

impl Uploader<'_> {
    async fn until(&mut self, every: Duration, stop: impl Future<Output = ()>) -> Tally {
        let mut tally = Tally::default();
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = ticks.tick() => {}
            }
            let name = format!("upload-{}-{:06}.txt", self.stamp, tally.acknowledged.len() + 1);
            // Not cut off by the end: what it is about to acknowledge counts.
            let written = self.one(&name).await;
            tally.count(&name, &written, Instant::now());
        }
        tally.over(Instant::now());
        tally
    }

    async fn one(&mut self, name: &str) -> Written {
        match self.request(Method::PUT, name).await {
            Ok(request) => put(request, content(name)).await,
            Err(why) => Written::Unasked(why),
        }
    }

    async fn request(&mut self, method: Method, file: &str) -> Result<RequestBuilder, String> {
        let address = self.names.address().await.map_err(|error| error.to_string())?;
        let Target { name, port, .. } = self.target;
        let request = self.client.request(method, format!("http://{address}:{port}/files/{file}"));
        Ok(request.header(header::HOST, format!("{name}:{port}")))
    }

    /// Those that the production of this moment does not have as they were written.
    async fn lost(&mut self, names: &[String]) -> Result<Vec<String>, String> {
        self.names.forget();
        let mut lost = Vec::new();
        for name in names {
            if !self.is_there(name).await? {
                lost.push(name.clone());
            }
        }
        Ok(lost)
    }

    async fn is_there(&mut self, name: &str) -> Result<bool, String> {
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            match self.read(name).await {
                Ok(found) => return Ok(found.is_some_and(|found| found == content(name))),
                Err(error) => why = error,
            }
            sleep(PAUSE).await;
        }
        Err(why)
    }

    async fn read(&mut self, name: &str) -> Result<Option<String>, String> {
        let answer = self.request(Method::GET, name).await?.send().await;
        let answer = answer.map_err(|error| with_causes(&error))?;
        match answer.status() {
            StatusCode::OK => answer.text().await.map(Some).map_err(|error| with_causes(&error)),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(format!("{} answers {other}", self.target.name)),
        }
    }
}

fn content(name: &str) -> String {
    format!("this is {name}\n")
}
