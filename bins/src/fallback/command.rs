//! A side's own programs: called as Switchover calls them, without a shell in between but for this one.

use switchover::action::{Deploy, Rule, SetEmbargo};
use switchover::config::ProviderSpec;
use switchover::model::{EnvironmentName, SideName};
use switchover_command::CommandOptions;

use super::Hand;
use super::page::{quoted, words};

impl Hand<'_> {
    /// A program with what it finds in its environment.
    fn call(
        &mut self,
        options: &CommandOptions,
        (side, environment): (&SideName, &EnvironmentName),
        more: &str,
        program: &[String],
    ) -> String {
        let mut text = format!("SWITCHOVER_SIDE={side} SWITCHOVER_ENVIRONMENT={environment} {more}");
        for (name, reference) in &options.secrets {
            text += &format!("{name}=\"{}\" ", self.page.secret(reference));
        }
        text + &words(program)
    }

    pub(super) fn deploy_command(&mut self, spec: &ProviderSpec, deploy: &Deploy) {
        let Ok(options) = spec.options::<CommandOptions>() else { return };
        if options.deploy.is_empty() {
            return self.by_hand(&format!(
                "no program is configured that deploys; bring {} there by other means",
                deploy.release
            ));
        }
        let more = format!("SWITCHOVER_RELEASE={} SWITCHOVER_DEPLOYMENT=0 ", quoted(deploy.release.as_str()));
        let place = (&deploy.side, &deploy.environment);
        let order = self.call(&options, place, &more, &options.deploy);
        let current = self.call(&options, place, "", &options.current_release);
        self.page.sh(&format!("{order}\n{current} # {}", deploy.release));
    }

    pub(super) fn embargo_command(&mut self, spec: &ProviderSpec, set: &SetEmbargo) {
        let Ok(options) = spec.options::<CommandOptions>() else { return };
        if options.embargo.is_empty() {
            return self.by_hand("say so to everybody who deploys");
        }
        let act = match set.rule {
            Rule::Imposed => "impose",
            Rule::Lifted => "lift",
        };
        let order = self.call(
            &options,
            (&set.side, &set.environment),
            &format!("SWITCHOVER_EMBARGO={act} "),
            &options.embargo,
        );
        self.page.sh(&order);
    }
}
