//! What brings releases and settings to the sides, and the settings of an environment by role.

use std::collections::BTreeMap;

use super::super::document::Node;
use super::super::problem::quoted;
use super::super::{ConfigPath, PortKind, Problem, ProviderSpec, SettingSpec, ValueSource, raw};
use super::{Reader, span_of};
use crate::model::{EnvironmentName, SettingName, SettingRef, SideName};

impl Reader {
    /// Reads `delivery` of both sides.
    pub(super) fn deliveries(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        sides: &[&str],
    ) -> BTreeMap<SideName, ProviderSpec> {
        let path = path.key("sides");
        let mut specs = BTreeMap::new();
        for name in sides {
            let Some(side) = pair.get("sides").and_then(|table| table.get(name)) else { continue };
            let Some(node) = side.get("delivery") else { continue };
            let spec = self.spec(node, &path.key(*name).key("delivery"), PortKind::Delivery);
            let side = SideName::new(*name).ok();
            specs.extend(side.zip(spec));
        }
        self.refuse_lone_delivery(pair, &path, sides, &specs);
        self.refuse_one_delivery(pair, &specs);
        specs
    }

    /// A release that can be brought to one side only would leave the pair unequal for good.
    fn refuse_lone_delivery(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        sides: &[&str],
        specs: &BTreeMap<SideName, ProviderSpec>,
    ) {
        let (1, [_, _], Some(table)) = (specs.len(), sides, pair.get("sides")) else { return };
        let without = sides.iter().find(|name| !specs.keys().any(|side| side.as_str() == **name));
        let Some(without) = without else { return };
        let path = path.key(*without);
        if !self.is_clean(&path) {
            return;
        }
        let problem = Problem::new(
            format!("the side {} has no `delivery`, and the other one has", quoted(without)),
            &path,
            span_of(table, without),
        );
        self.report(problem.help("both sides take turns as production: give each its own"));
    }

    fn refuse_one_delivery(&mut self, pair: &Node, specs: &BTreeMap<SideName, ProviderSpec>) {
        let mut both = specs.iter();
        let (Some((first, one)), Some((second, other))) = (both.next(), both.next()) else { return };
        if one.kind != other.kind || one.options != other.options {
            return;
        }
        let node = pair.get("sides").and_then(|table| table.get(second.as_str()));
        let Some(node) = node.and_then(|side| side.get("delivery")) else { return };
        let message =
            format!("both sides have one delivery, so what is deployed to {second} is deployed to {first}");
        let problem = Problem::new(message, &other.path, node.span.clone());
        self.report(problem.help("give each side its own project or programs"));
    }

    /// Reads `settings` of an environment, and puts what each says into `specs`.
    pub(super) fn settings(
        &mut self,
        environment: &EnvironmentName,
        node: &Node,
        path: &ConfigPath,
        specs: &mut BTreeMap<SettingRef, SettingSpec>,
    ) -> Vec<SettingName> {
        let path = path.key("settings");
        let mut names = Vec::new();
        for (name, entry) in self.named(node.get("settings"), &path, SettingName::new) {
            let path = path.key(&entry.key);
            let Some(values) = self.read::<raw::RoleValues>(&entry.node, &path) else { continue };
            let (production, standby) = (source(values.production), source(values.standby));
            if production == standby {
                let message = format!("{} says the same in both roles", quoted(name.as_str()));
                let problem = Problem::new(message, &path, entry.node.span.clone());
                self.report(problem.help("only settings that depend on the role are listed here"));
            }
            let key = SettingRef { environment: environment.clone(), name: name.clone() };
            specs.insert(key, SettingSpec { production, standby, path });
            names.push(name);
        }
        names
    }

    /// Settings and schedules are reached through a delivery.
    pub(super) fn need_delivery(&mut self, environment: &Node, path: &ConfigPath, has_delivery: bool) {
        if has_delivery {
            return;
        }
        for key in ["settings", "standby_schedules"] {
            let Some(node) = environment.get(key) else { continue };
            if node.entries().is_empty() && node.items().is_empty() {
                continue;
            }
            let message = format!("`{key}` needs a `delivery` on both sides");
            let problem = Problem::new(message, &path.key(key), node.span.clone());
            self.report(
                problem.help("such as `delivery = { provider = \"gitlab\", project = \"group/project\" }`"),
            );
        }
    }
}

fn source(text: raw::SettingText) -> ValueSource {
    match text {
        raw::SettingText::Plain(text) => ValueSource::Plain(text),
        raw::SettingText::Secret(reference) => ValueSource::Secret(reference),
    }
}
