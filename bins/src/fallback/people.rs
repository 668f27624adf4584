//! Who is told, and the role table.

use switchover::action::Announce;
use switchover::config::ProviderSpec;
use switchover::model::{Announcement, AnnouncementKey, RoleRow, RunId};
use switchover::report::{subject, wording};
use switchover_announce::{SlackOptions, SmtpOptions};
use switchover_markdown::{MarkdownOptions, markers, table};

use super::Hand;
use super::page::quoted;

impl Hand<'_> {
    pub(super) fn announce(&mut self, announce: &Announce) {
        let Some(spec) = self.config.announcers.get(&announce.to) else { return };
        let Some(told) = self.announcement(announce) else { return };
        self.page.say("Nothing waits for this: go on with the next step, and tell people meanwhile.");
        match spec.kind.as_str() {
            "slack" => self.slack(spec, &wording(&told)),
            "smtp" => self.mail(spec, &told),
            _ => {
                self.by_hand(&format!("tell {} ({}):", announce.to, spec.kind));
                self.page.say(&format!("> {}", wording(&told)));
            }
        }
    }

    /// What the program would say, but for the run's id and its operator.
    fn announcement(&self, announce: &Announce) -> Option<Announcement> {
        let (plan, at) = (self.plan, self.snapshot.at);
        let run = RunId::new(self.run_by_hand()).ok()?;
        Some(Announcement {
            key: AnnouncementKey::of(&run, announce.moment, &announce.to, at),
            moment: announce.moment,
            at,
            pair: plan.pair.clone(),
            run,
            intent: plan.intent,
            shifts: plan.shifts.clone(),
            release: announce.release.clone(),
            by: None,
            reason: None,
            detail: None,
        })
    }

    /// The text comes from standard input, as JSON that `jq` makes of it (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
    fn slack(&mut self, spec: &ProviderSpec, text: &str) {
        let Ok(options) = spec.options::<SlackOptions>() else { return };
        let url = self.page.secret(&options.url);
        self.page.sh(&format!(
            "jq -nc --arg text {} '{{text: $text}}' |\n  \
             curl --fail-with-body --silent --show-error --max-time 10 --header 'Content-Type: application/json' --data @- \"{url}\"",
            quoted(text)
        ));
    }

    fn mail(&mut self, spec: &ProviderSpec, told: &Announcement) {
        let Ok(options) = spec.options::<SmtpOptions>() else { return };
        self.by_hand(&format!("send mail to {}:", options.to.join(", ")));
        self.page.say(&format!("> {}\n>\n> {}", subject(told), wording(told)));
    }

    pub(super) fn role_table(&mut self, rows: &[RoleRow]) {
        let Some(spec) = &self.config.role_table else { return };
        match spec.kind.as_str() {
            "markdown" => self.markdown(spec, rows),
            _ => self.unknown("make the role table true", spec),
        }
    }

    /// Between the two markers; all else stays.
    fn markdown(&mut self, spec: &ProviderSpec, rows: &[RoleRow]) {
        let Ok(options) = spec.options::<MarkdownOptions>() else { return };
        let file = self.page.path(&options.file);
        let (opening, closing) = (markers::opening(&self.plan.pair), markers::CLOSES);
        self.page.say("What stands between the pair's two markers becomes this; all else stays:");
        self.page.sh(&format!(
            "cat > role-table.md <<'ROLES'\n{}ROLES\n\
             awk -v opens='{opening}' -v closes='{closing}' '\n  \
             FNR == NR {{ rows = rows $0 \"\\n\"; next }}\n  \
             inside && index($0, closes) {{ inside = 0 }}\n  \
             !inside {{ print }}\n  \
             index($0, opens) {{ printf \"%s\", rows; inside = 1 }}\n\
             ' role-table.md {file} > role-table.new && cat role-table.new > {file} && rm role-table.md role-table.new",
            table::render(rows)
        ));
    }
}
