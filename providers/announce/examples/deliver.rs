//! Tells a signed webhook of the beginning of a swap, as a run does: `deliver URL`, with the keys in `WEBHOOK_KEY` and, if receivers are changing
//! over, `WEBHOOK_OLD_KEY`. `tests/vendors` holds what it sends against the library of Standard Webhooks.

use std::error::Error;
use std::sync::Arc;

use secrecy::SecretString;
use switchover::config::SecretRef;
use switchover::model::{
    Announcement, AnnouncementKey, AnnouncerName, EnvironmentName, Moment, PairName, RunId, SideName,
};
use switchover::plan::{Intent, Shift};
use switchover::port::{Announcer as _, Clock as _};
use switchover_announce::{Key, Texts, Webhook, WebhookOptions};
use switchover_runtime::TokioClock;

fn announcement(clock: &TokioClock) -> Result<Announcement, Box<dyn Error>> {
    let (run, to) = (RunId::new("20261121T120000Z-0a0b0c")?, AnnouncerName::new("robot")?);
    let at = clock.now();
    Ok(Announcement {
        key: AnnouncementKey::of(&run, Moment::Begins, &to, at),
        moment: Moment::Begins,
        at,
        pair: PairName::new("gigadb")?,
        run,
        intent: Intent::Switchover,
        shifts: vec![Shift {
            environment: EnvironmentName::new("live")?,
            from: SideName::new("hongkong")?,
            to: SideName::new("sydney")?,
        }],
        release: None,
        by: Some("ada".to_owned()),
        reason: Some("release 4.4 – with ümlauts".to_owned()),
        detail: None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("deliver URL")?;
    let given = ["WEBHOOK_KEY", "WEBHOOK_OLD_KEY"].into_iter().filter_map(|name| std::env::var(name).ok());
    let keys = given.map(|key| Key::new(&SecretString::from(key))).collect::<Result<Vec<_>, _>>()?;
    let secret = SecretRef::Env("WEBHOOK_KEY".to_owned());
    let options =
        WebhookOptions { url, secret, previous_secret: None, timeout: None, template: Texts::default() };
    let clock = TokioClock::new();
    let announcement = announcement(&clock)?;
    Webhook::new(options, keys, Arc::new(clock))?.announce(&announcement).await?;
    Ok(())
}
