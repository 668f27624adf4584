//! What a vendor's status page answers: it is good enough only if it says so, and what it says cannot speak to a terminal.
//!
//! Input: as [`switchover_fuzz::Web::tell`] reads it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use switchover::port::StatusPage as _;
use switchover_fuzz::{Web, run, told};
use switchover_http::{StatusPageOptions, Statuspage, Trouble};

static WEB: LazyLock<Web> = LazyLock::new(Web::start);
// Each loads the machine's certificates, which takes longer than the conversation.
static WHOLE: LazyLock<Statuspage> = LazyLock::new(|| page(&[]));
static PART: LazyLock<Statuspage> = LazyLock::new(|| page(&["DNS", "API"]));

fn page(components: &[&str]) -> Statuspage {
    let components = components.iter().map(ToString::to_string).collect();
    let options =
        StatusPageOptions { url: WEB.url(), components, worst: Some(Trouble::Minor), timeout: None };
    Statuspage::new(options).expect("the options are good")
}

fuzz_target!(|input: &str| {
    let (page, said): (_, fn(&Value) -> bool) = match input.strip_prefix("part\n") {
        Some(_) => (&PART, components_are_good),
        None => (&WHOLE, whole_is_good),
    };
    let answers = input.strip_prefix("part\n").unwrap_or(input);
    WEB.tell(answers);
    let good = told(run(page.look())).is_some();
    if good {
        let first = answers.split("\n%%\n").next().and_then(|answer| answer.split_once('\n'));
        let body = first.and_then(|(_, body)| serde_json::from_str::<Value>(body).ok()).unwrap_or_default();
        assert!(said(&body), "it was taken for good: {body}");
    }
});

fn whole_is_good(body: &Value) -> bool {
    matches!(body["status"]["indicator"].as_str(), Some("none" | "minor" | "maintenance"))
}

fn components_are_good(body: &Value) -> bool {
    let good = |status: &Value| {
        matches!(status.as_str(), Some("operational" | "degraded_performance" | "under_maintenance"))
    };
    let of = |name: &str| {
        let components = body["components"].as_array();
        components.is_some_and(|all| all.iter().any(|one| one["name"] == name && good(&one["status"])))
    };
    of("DNS") && of("API")
}
