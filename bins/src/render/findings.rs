//! Findings at their place in the file.

use annotate_snippets::Level;
use switchover::config::{Config, ConfigPath, SideField};
use switchover::model::PairName;
use switchover::observe::{Finding, Place, Severity};

use super::{problems, say};

/// Where in the file a finding belongs.
fn path(pair: &PairName, place: &Place) -> ConfigPath {
    match place {
        Place::Pair => ConfigPath::pair(pair),
        Place::Side { side } => ConfigPath::side(pair, side, SideField::Addresses),
        Place::Announcer { announcer } => ConfigPath::announcer(announcer),
        Place::RoleTable => ConfigPath::role_table(pair),
        Place::StatusPage { page } => ConfigPath::status_page(page),
        Place::Zone { zone } => ConfigPath::service(&zone.service),
        Place::Environment { environment } => ConfigPath::environment(pair, environment),
        Place::Store { store } => ConfigPath::store(pair, store),
        Place::Delivery { side } => ConfigPath::side(pair, side, SideField::Delivery),
        Place::Setting { setting } => {
            ConfigPath::environment(pair, &setting.environment).key("settings").key(setting.name.as_str())
        }
        Place::Endpoint { environment, index, field } => {
            ConfigPath::endpoint(pair, environment, *index, *field)
        }
    }
}

/// Shows findings, and says how many stop a plan.
pub(crate) fn show<'a>(config: &Config, pair: &PairName, findings: impl IntoIterator<Item = &'a Finding>) {
    for finding in findings {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let help = finding.suggestion.as_deref().unwrap_or_default();
        say(problems::at(config, &path(pair, &finding.place), level, &finding.message, help));
    }
}
