//! GitLab's API (<https://docs.gitlab.com/api/rest/>): jobs, freeze periods, schedules, variables.

use switchover::action::{ChangeSettings, Deploy, Rule, SetEmbargo, SwitchSchedules};
use switchover::config::{ProviderSpec, SecretRef};
use switchover::model::Activity;
use switchover_gitlab::{GitLabOptions, TOKEN_VARIABLE};

use super::Hand;
use super::page::quoted;

/// A body comes from standard input: on the command line everybody on the machine could read a value.
const JSON: &str = "--header 'Content-Type: application/json' --data @-";

/// A project and how it is asked.
struct Project {
    options: GitLabOptions,
    curl: String,
    url: String,
}

/// Letters, digits and a few signs stand for themselves in an address (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

impl Hand<'_> {
    fn project(&mut self, spec: &ProviderSpec) -> Option<Project> {
        let options: GitLabOptions = spec.options().ok()?;
        let token = options.token.clone().unwrap_or_else(|| SecretRef::Env(TOKEN_VARIABLE.to_owned()));
        let token = self.page.secret(&token);
        let curl = format!(
            "curl --fail-with-body --silent --show-error --max-time 60 --header \"PRIVATE-TOKEN: {token}\""
        );
        let url =
            format!("{}/api/v4/projects/{}", options.url.trim_end_matches('/'), encoded(&options.project));
        Some(Project { options, curl, url })
    }

    /// A deployment is the manual job of the tag's pipeline, played (<https://docs.gitlab.com/api/jobs/#run-a-job>).
    pub(super) fn deploy_gitlab(&mut self, spec: &ProviderSpec, deploy: &Deploy) {
        let Some(Project { options, curl, url }) = self.project(spec) else { return };
        let named = options.environments.get(deploy.environment.as_str());
        let Some(job) = named.and_then(|named| named.deploy_job.as_ref()) else {
            return self.by_hand("no deploy job is configured; start it in the project's pipelines");
        };
        let name = deploy.release.as_str();
        let pipelines = quoted(&format!("{url}/pipelines?ref={}&per_page=1", encoded(name)));
        self.page.sh(&format!(
            "PIPELINE=$({curl} {pipelines} | jq -er '.[0].id')\n\
             JOB=$({curl} \"{url}/pipelines/$PIPELINE/jobs?per_page=100\" | jq -er --arg job {} '[.[] | select(.name == $job)][0].id')\n\
             {curl} --request POST \"{url}/jobs/$JOB/play\" | jq -r .status",
            quoted(job)
        ));
        self.page.say("Until it says `success`; with `failed` or `canceled` stop here:");
        self.page.sh(&format!(
            "while STATUS=$({curl} \"{url}/jobs/$JOB\" | jq -er .status); do echo \"$STATUS\"; case $STATUS in success|failed|canceled) break;; esac; sleep 10; done"
        ));
    }

    /// A freeze period that begins an hour ago and would end half an hour before that: it holds for almost a year, or until it is deleted
    /// (<https://docs.gitlab.com/api/freeze_periods/>).
    pub(super) fn embargo_gitlab(&mut self, spec: &ProviderSpec, set: &SetEmbargo) {
        let Some(Project { curl, url, .. }) = self.project(spec) else { return };
        match set.rule {
            Rule::Imposed => self.page.sh(&format!(
                "START=$(date -u -d '60 minutes ago' '+%-M %-H %-d %-m *') END=$(date -u -d '90 minutes ago' '+%-M %-H %-d %-m *')\n\
                 jq -nc --arg from \"$START\" --arg to \"$END\" '{{freeze_start: $from, freeze_end: $to, cron_timezone: \"UTC\"}}' |\n  \
                 {curl} --request POST {JSON} \"{url}/freeze_periods\" | jq -r .id"
            )),
            Rule::Lifted => {
                self.page.say("All freeze periods of the project; delete those that were laid for this, by their id:");
                self.page.sh(&format!(
                    "{curl} \"{url}/freeze_periods?per_page=100\" | jq -r '.[] | \"\\(.id): \\(.freeze_start) to \\(.freeze_end) \\(.cron_timezone)\"'"
                ));
                self.page.say(&format!("`{} --request DELETE \"{url}/freeze_periods/ID\"`", curl.replace('`', "")));
            }
        }
    }

    pub(super) fn schedules_gitlab(&mut self, spec: &ProviderSpec, switch: &SwitchSchedules) {
        let Some(Project { curl, url, .. }) = self.project(spec) else { return };
        let active = switch.to == Activity::Active;
        let each = switch.schedules.iter().map(|schedule| {
            let id = encoded(schedule.id.as_str());
            format!("echo '{{\"active\":{active}}}' | {curl} --request PUT {JSON} \"{url}/pipeline_schedules/{id}\" | jq -r '\"\\(.description): \\(.active)\"'")
        });
        let each: Vec<String> = each.collect();
        self.page.say(&format!("Each of these must say `{active}`; one that is somebody else's may have to be taken over first, in the project's schedules."));
        self.page.sh(&each.join("\n"));
    }

    /// Only the value: whether a variable is masked, protected or raw stays (<https://docs.gitlab.com/api/project_level_variables/>).
    pub(super) fn settings_gitlab(&mut self, spec: &ProviderSpec, change: &ChangeSettings) {
        let Some(Project { options, curl, url }) = self.project(spec) else { return };
        for planned in &change.settings {
            let environment = planned.setting.environment.as_str();
            let named = options.environments.get(environment).and_then(|named| named.scope.clone());
            let scope = named.unwrap_or_else(|| environment.to_owned());
            let Some(value) = self.value(planned, change.role) else { continue };
            let key = planned.setting.name.as_str();
            self.page.sh(&format!(
                "printf %s {value} | jq -Rsc '{{value: .}}' |\n  {curl} --request PUT --globoff {JSON} \
                 \"{url}/variables/{}?filter[environment_scope]={}\" | jq -r .key",
                encoded(key),
                encoded(&scope)
            ));
        }
    }
}
