//! How swaps of an environment are conducted: approvals, windows, the soak, and where a swap is rehearsed.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::document::Node;
use super::super::problem::{all, quoted};
use super::super::{ConfigPath, Problem, raw};
use super::period::Sensible;
use super::{Reader, span_of};
use crate::model::{ApprovalPolicy, EnvironmentName, Group, GroupName, MaintenanceWindow, SwapPolicy};
use crate::near::nearest;

const EXPIRE: Sensible = Sensible::new(Duration::from_secs(60), Duration::from_secs(31 * 86_400));
const RTO: Sensible = Sensible::new(Duration::from_secs(1), Duration::from_secs(7 * 86_400));
const SOAK: Sensible = Sensible::new(Duration::from_secs(1), Duration::from_secs(14 * 86_400));

impl Reader {
    /// Reads what an environment says about its swaps.
    pub(super) fn policy_of_swaps(&mut self, node: &Node, path: &ConfigPath) -> SwapPolicy {
        let soak = node.get("soak").map(|_| {
            let mut soak = Duration::ZERO;
            self.period(&mut soak, (node, path), "soak", &SOAK);
            soak
        });
        let rto = node.get("rto").map(|_| {
            let mut rto = Duration::ZERO;
            self.period(&mut rto, (node, path), "rto", &RTO);
            rto
        });
        let rehearse_on: Option<String> = self.field(node, path, "rehearse_on");
        let at = span_of(node, "rehearse_on");
        let rehearse_on =
            rehearse_on.and_then(|name| self.id(EnvironmentName::new(name), &path.key("rehearse_on"), &at));
        SwapPolicy {
            approval: self.approvals(node, path),
            windows: self.windows(node, path),
            soak,
            rto,
            rehearse_on,
        }
    }

    fn approvals(&mut self, environment: &Node, path: &ConfigPath) -> ApprovalPolicy {
        let path = path.key("approvals");
        let mut policy = ApprovalPolicy::default();
        let Some(node) = environment.get("approvals") else { return policy };
        self.period(&mut policy.expire, (node, &path), "expire", &EXPIRE);
        policy.by_requester = self.field(node, &path, "by_requester").unwrap_or(false);
        let path = path.key("groups");
        for (name, entry) in self.named(node.get("groups"), &path, GroupName::new) {
            let path = path.key(&entry.key);
            policy.groups.extend(self.group(name, &entry.node, &path));
        }
        policy
    }

    fn group(&mut self, name: GroupName, node: &Node, path: &ConfigPath) -> Option<Group> {
        let raw::Group { members: given, needed } = self.read(node, path)?;
        let members: BTreeSet<String> = given.iter().cloned().collect();
        let needed = needed.unwrap_or(1);
        let at = || span_of(node, "members");
        if members.len() < given.len() || members.contains("") {
            let message = format!("the group {} names somebody twice, or nobody", quoted(name.as_str()));
            self.report(Problem::new(message, &path.key("members"), at()));
        }
        let enough = usize::try_from(needed).is_ok_and(|needed| needed >= 1 && needed <= members.len());
        if !enough {
            let message = format!("{needed} of {} members cannot approve", members.len());
            let problem = Problem::new(message, path, node.span.clone());
            self.report(problem.help("`needed` is at least 1 and at most the number of members"));
        }
        Some(Group { name, members, needed })
    }

    fn windows(&mut self, environment: &Node, path: &ConfigPath) -> Vec<MaintenanceWindow> {
        let given: Vec<raw::Window> = self.field(environment, path, "windows").unwrap_or_default();
        let read = given.into_iter().enumerate().map(|(index, window)| {
            if window.lasts.0.is_zero() {
                let (path, at) = (path.key("windows").index(index), span_of(environment, "windows"));
                self.report(Problem::new("a window that closes when it opens", &path.key("lasts"), at));
            }
            MaintenanceWindow {
                opens: window.opens,
                lasts: window.lasts.0,
                time_zone: window.time_zone.unwrap_or_else(|| "UTC".to_owned()),
            }
        });
        read.collect()
    }

    /// Where swaps of an environment are rehearsed must be another environment of the pair.
    pub(super) fn check_rehearsals(
        &mut self,
        table: &Node,
        path: &ConfigPath,
        named: &[(EnvironmentName, SwapPolicy)],
    ) {
        for (name, policy) in named {
            let Some(on) = &policy.rehearse_on else { continue };
            let others = || named.iter().map(|(other, _)| other).filter(|other| *other != name);
            if others().any(|other| other == on) {
                continue;
            }
            let Some(node) = table.get(name.as_str()) else { continue };
            let message = format!("{} is no other environment of this pair", quoted(on.as_str()));
            let path = path.key(name.as_str()).key("rehearse_on");
            let problem = Problem::new(message, &path, span_of(node, "rehearse_on"));
            self.report(match nearest(on.as_str(), others().map(EnvironmentName::as_str)) {
                Some(near) => problem.meant(Some(near)),
                None => {
                    problem.help(format!("the others are {}", all(others().map(EnvironmentName::as_str))))
                }
            });
        }
    }
}
