//! Metrics in the text format of Prometheus. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use switchover::model::Role;

use super::{Metrics, StoreMetrics};

/// The metrics in the text format 0.0.4, in a fixed order. A store or role that is given twice stands in it once, since a file with a
/// sample that stands twice is refused as a whole.
pub fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    for family in &STORES {
        let samples =
            metrics.stores.iter().filter_map(|store| Some((labels_of(store), (family.value)(store)?)));
        add(&mut text, family, samples.collect());
    }
    let roles = metrics.roles.iter().map(|held| {
        let labels = [
            ("pair", held.pair.as_str()),
            ("environment", held.environment.as_str()),
            ("side", held.side.as_str()),
            ("role", role(held.role)),
        ];
        (labelled(&labels), Value::Count(1))
    });
    add(&mut text, &ROLE, roles.collect());
    text
}

/// A metric: its name, its kind, what it says, and where its value is.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&StoreMetrics) -> Option<Value>,
}

/// A number, written without exponent and without loss.
#[derive(Clone, Copy)]
enum Value {
    Count(u64),
    Moment(Timestamp),
    Span(Duration),
}

const STORES: [Family; 7] = [
    Family {
        name: "switchover_data_as_of_timestamp_seconds",
        kind: "gauge",
        help: "The moment that the stand-by's data is of; its age is time() minus this.",
        value: |store| store.as_of.map(Value::Moment),
    },
    Family {
        name: "switchover_sync_last_success_timestamp_seconds",
        kind: "gauge",
        help: "When the latest sync that succeeded ended.",
        value: |store| store.last_success.map(Value::Moment),
    },
    Family {
        name: "switchover_sync_last_attempt_timestamp_seconds",
        kind: "gauge",
        help: "When the latest sync began, whatever became of it.",
        value: |store| store.last_attempt.map(Value::Moment),
    },
    Family {
        name: "switchover_sync_last_duration_seconds",
        kind: "gauge",
        help: "How long the latest sync that succeeded took.",
        value: |store| store.last_duration.map(Value::Span),
    },
    Family {
        name: "switchover_sync_last_bytes",
        kind: "gauge",
        help: "The bytes that the latest sync that succeeded moved.",
        value: |store| store.last_bytes.map(Value::Count),
    },
    Family {
        name: "switchover_sync_rpo_seconds",
        kind: "gauge",
        help: "How old the stand-by's data may be (recovery point objective).",
        value: |store| store.rpo.map(Value::Span),
    },
    Family {
        name: "switchover_sync_failures_total",
        kind: "counter",
        help: "The syncs that failed, of all that the journal holds.",
        value: |store| Some(Value::Count(store.failures)),
    },
];

const ROLE: Family = Family {
    name: "switchover_role",
    kind: "gauge",
    help: "1 for the role that a side holds in an environment.",
    value: |_| None,
};

/// A word for a label's value, without spaces and the same for ever.
fn role(role: Role) -> &'static str {
    match role {
        Role::Production => "production",
        Role::Standby => "standby",
    }
}

fn add(text: &mut String, family: &Family, samples: BTreeMap<String, Value>) {
    let Family { name, kind, help, .. } = family;
    if !samples.is_empty() {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }
    for (labels, value) in samples {
        text.push_str(&format!("{name}{{{labels}}} {value}\n"));
    }
}

fn labels_of(store: &StoreMetrics) -> String {
    labelled(&[
        ("pair", store.pair.as_str()),
        ("environment", store.store.environment.as_str()),
        ("store", store.store.store.as_str()),
    ])
}

/// Names allow no character that would need escaping today; should they some day, the file must not break.
fn labelled(labels: &[(&str, &str)]) -> String {
    let label = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    };
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Span(span) => write!(f, "{}.{:03}", span.as_secs(), span.subsec_millis()),
            Self::Moment(moment) => {
                let millis = moment.as_millisecond();
                let sign = if millis < 0 { "-" } else { "" };
                let millis = millis.unsigned_abs();
                write!(f, "{sign}{}.{:03}", millis / 1000, millis % 1000)
            }
        }
    }
}
