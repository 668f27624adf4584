//! What people are told, in golden files.

use crate::model::{
    Announcement, AnnouncementKey, AnnouncerName, EnvironmentName, Moment, PairName, ReleaseName, RunId,
    SideName,
};
use crate::plan::{Intent, Shift};

use super::{subject, wording};

/// The announcement of a swap that begins, of live alone, and with a reason that markup would stumble over.
pub(crate) fn announcement() -> Announcement {
    let (run, to) = (RunId::new("20261121T120000Z-0a0b0c").unwrap(), AnnouncerName::new("ops").unwrap());
    let at = "2026-11-21T12:00:00Z".parse().unwrap();
    let side = |name: &str| SideName::new(name).unwrap();
    Announcement {
        key: AnnouncementKey::of(&run, Moment::Begins, &to, at),
        moment: Moment::Begins,
        at,
        pair: PairName::new("gigadb").unwrap(),
        run,
        intent: Intent::Switchover,
        shifts: vec![Shift {
            environment: EnvironmentName::new("live").unwrap(),
            from: side("hongkong"),
            to: side("sydney"),
        }],
        release: None,
        by: Some("ada".to_owned()),
        reason: Some("R&D asked".to_owned()),
        detail: None,
    }
}

fn all() -> String {
    let detail = |moment| match moment {
        Moment::Begins | Moment::Swapped | Moment::Test => None,
        Moment::Finished => Some("ask resolvers for gigadb.org: not done after 120 s".to_owned()),
        Moment::Undone | Moment::Paused => Some("step `swap gigadb.org` failed: refused.".to_owned()),
        Moment::ApprovalNeeded => Some("business, tech".to_owned()),
    };
    let texts = Moment::ALL.map(|moment| {
        let told = Announcement {
            moment,
            detail: detail(moment),
            release: Some(ReleaseName::new("v4.4.0").unwrap()),
            ..announcement()
        };
        format!("{}\n  {}\n  {}\n", moment.key(), subject(&told), wording(&told))
    });
    texts.concat()
}

#[test]
fn every_moment_has_a_text_in_plain_words() {
    insta::assert_snapshot!(all());
}

#[test]
fn what_there_is_not_is_not_spoken_of() {
    let told = Announcement { by: None, reason: None, moment: Moment::Finished, ..announcement() };
    assert_eq!(
        wording(&told),
        "gigadb: switchover is done. live: sydney is production now, hongkong is the stand-by. (Run 20261121T120000Z-0a0b0c.)"
    );
}
