//! The fallback plan: what a run would do, as commands of the vendors' own tools with real values, for a person without this program.
//!
//! ```text
//!   mod        the document: what is needed, the stages in order, the way back
//!   page       Markdown, commands for a shell, names of secrets and never their values
//!   names      records and their servers     ──► cloudflare, rfc2136
//!   checks     what a side is asked
//!   store      freeze, sync, thaw            ──► files, rclone, postgres, rds, efs
//!   rescue     a side that is lost, and what it holds when it is back
//!   delivery   releases, settings, embargoes ──► gitlab, command
//!   people     who is told, and the role table
//! ```
//!
//! What cannot be said for a kind of provider is said plainly: `By hand: …`.

mod checks;
#[cfg(feature = "cloudflare")]
mod cloudflare;
mod command;
mod delivery;
#[cfg(feature = "efs")]
mod efs;
mod files;
mod gitlab;
mod names;
mod page;
mod people;
#[cfg(feature = "postgres")]
mod postgres;
mod rclone;
#[cfg(feature = "rds")]
mod rds;
mod rescue;
#[cfg(feature = "rfc2136")]
mod rfc2136;
mod store;

use std::path::Path;
use std::time::Duration;

use switchover::action::{Action, Gate, Soak};
use switchover::config::{PairConfig, Period, ProviderSpec};
use switchover::observe::Snapshot;
use switchover::plan::{Intent, Plan, Stage, Step};

use crate::session::Session;
use page::Page;

/// The document for a plan, as Markdown. Holds no secret, only the names of variables and files that do.
pub(crate) fn document(session: &Session, plan: &Plan, snapshot: &Snapshot) -> String {
    let page = Page::new(&session.folder);
    let mut hand = Hand { config: &session.pair, folder: &session.folder, plan, snapshot, page };
    hand.stages();
    hand.way_back();
    hand.afterwards();
    let Page { text: steps, secrets, files, .. } = hand.page;
    let mut head = Page::new(&session.folder);
    heading(&mut head, plan, snapshot);
    needed(&mut head, secrets.iter());
    for (name, text) in &files {
        head.say(&format!("Write this file into the folder that you work in, {name}:"));
        head.sh(&format!("cat > {name} <<'SWITCHOVER'\n{text}SWITCHOVER"));
    }
    head.text + "\n" + &steps
}

/// Writes a plan down step by step.
struct Hand<'a> {
    config: &'a PairConfig,
    folder: &'a Path,
    plan: &'a Plan,
    snapshot: &'a Snapshot,
    page: Page,
}

fn heading(page: &mut Page, plan: &Plan, snapshot: &Snapshot) {
    page.heading(1, &format!("By hand: {} of {}", plan.intent, plan.pair));
    page.say(&format!(
        "Made by Switchover {} from the plan `{}` and what was seen at {} UTC. Follow it from top to bottom if Switchover cannot be used. Where \
         something reads otherwise than it says here, stop: the world has changed since.",
        env!("CARGO_PKG_VERSION"),
        plan.digest().short(),
        snapshot.at.strftime("%F %T"),
    ));
    for shift in plan.shifts.iter().filter(|shift| shift.from != shift.to) {
        page.say(&format!("- {}: production from {} to {}", shift.environment, shift.from, shift.to));
    }
    page.say(
        "Be alone: no run of Switchover may be under way on any machine (`switchover status` says so), no timer may start a sync, and nobody else \
         may deploy or edit records. Each block is for a POSIX shell, in one session: variables that are set in one are used in later ones.",
    );
}

fn needed<'a>(page: &mut Page, secrets: impl Iterator<Item = &'a String>) {
    let listed: Vec<String> = secrets.map(|secret| format!("`{secret}`")).collect();
    page.heading(2, "Before you begin");
    if !listed.is_empty() {
        page.say(&format!("Have at hand, and never write down here: {}.", listed.join(", ")));
    }
    page.say("The commands need `curl`, `jq`, `dig` and what each step names.");
}

impl<'a> Hand<'a> {
    fn stages(&mut self) {
        let pivot = self.plan.pivot_stage();
        for (place, stage) in self.plan.stages.iter().enumerate() {
            self.page.heading(2, &format!("{}. {}", place + 1, stage.title));
            if pivot == Some(place) {
                self.page.say(
                    "**The point of no return.** Before it, *The way back* below takes everything back. From its first command on go forward, \
                     to the end: users and their writes are on the new side.",
                );
            }
            self.stage(stage);
        }
    }

    fn stage(&mut self, stage: &'a Stage) {
        for step in &stage.steps {
            self.page.heading(3, &capital(step.id.as_str()));
            self.act(step, &step.action);
        }
    }

    /// What is taken back if something fails before the point of no return, last first.
    fn way_back(&mut self) {
        let undone: Vec<&Step> = self.plan.steps().filter(|step| step.undo.is_some()).collect();
        if undone.is_empty() {
            return;
        }
        self.page.heading(2, "The way back");
        self.page.say("Only before the point of no return, and only what was done: each of these undoes one step, last first.");
        for step in undone.into_iter().rev() {
            let Some(undo) = &step.undo else { continue };
            self.page.heading(3, &format!("Undo: {}", step.id));
            self.act(step, undo);
        }
    }

    fn afterwards(&mut self) {
        self.page.heading(2, "Afterwards");
        self.page.say(
            "Switchover's journal knows nothing of this. `switchover status` reads the roles from DNS again. What was skipped here with a word, such as a \
             stream that was to turn round, is made up for by `sync-data`.",
        );
        match self.plan.intent {
            Intent::Failover => self.page.say(
                "The side that was lost may hold what the new production does not. Let nothing write to it before it refuses writes and what it holds was \
                 kept: not an application, not a sync, not a replication that begins again by itself.",
            ),
            Intent::Reprotect => self.page.say(
                "What is owed stays in Switchover's journal until `swap-roles --reprotect` has done the same: it does no harm to do it twice.",
            ),
            Intent::Switchover | Intent::Revert | Intent::Sync | Intent::Finalize => self.frozen_by_hand(),
            Intent::Prepare | Intent::RestoreTtl | Intent::Drill => {}
        }
    }

    fn frozen_by_hand(&mut self) {
        if self.plan.steps().any(|step| step.action.as_freeze_store().is_some()) {
            self.page.say(
                "A side that was frozen by hand counts as one that may hold what the other does not, and no swap is planned. Once you have seen that it \
                 took no write after the last sync, `sync-data --overwrite --reason \"swapped by hand\"` makes it the stand-by again.",
            );
        }
    }

    /// What somebody can do for an action. No step stands there with nothing under it.
    fn act(&mut self, step: &Step, action: &'a Action) {
        let before = self.page.text.len();
        self.action(step, action);
        if self.page.text.len() == before {
            self.by_hand("the file says too little about this for commands; do what the step's name says");
        }
    }

    fn action(&mut self, step: &Step, action: &'a Action) {
        match action {
            Action::ChangeRecords(change) => self.change_records(change),
            Action::AwaitRecords(wait) => self.await_records(wait, step.deadline()),
            Action::RunChecks(checks) => self.run_checks(&checks.checks),
            Action::Hold(hold) => self.wait(hold.duration()),
            Action::FreezeStore(freeze) => self.freeze(freeze),
            Action::ThawStore(thaw) => self.thaw(thaw),
            Action::SyncStore(sync) => self.sync(sync),
            Action::ProveFrozen(_) | Action::VerifyBackup(_) => {
                self.by_hand("this belongs to a drill, which is for Switchover itself");
            }
            Action::Deploy(deploy) => self.deploy(deploy),
            Action::SetEmbargo(set) => self.embargo(set),
            Action::SwitchSchedules(switch) => self.schedules(switch),
            Action::ChangeSettings(change) => self.settings(change),
            Action::Gate(gate) => self.gate(gate),
            Action::Soak(soak) => self.soak(soak),
            Action::Announce(announce) => self.announce(announce),
            Action::WriteRoleTable(write) => self.role_table(&write.rows),
            Action::TakeOver(taken) => self.take_over(taken),
            Action::FenceLost(fence) => self.fence_lost(fence),
            Action::KeepData(keep) => self.keep(keep),
        }
    }

    fn wait(&mut self, duration: Duration) {
        self.page.say("Leave the old side as it is until resolvers have forgotten it.");
        self.page.sh(&format!("sleep {}", duration.as_secs_f64().ceil()));
    }

    fn gate(&mut self, gate: &Gate) {
        for group in &gate.groups {
            let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
            self.by_hand(&format!(
                "wait until {} of {} ({}) have agreed, in writing",
                group.needed,
                group.name,
                members.join(", ")
            ));
        }
        for window in &gate.windows {
            let closes =
                window.closes.map(|at| format!(" until {}", at.strftime("%F %R"))).unwrap_or_default();
            self.by_hand(&format!("go on from {} UTC{closes}", window.opens.strftime("%F %R")));
        }
    }

    fn soak(&mut self, soak: &'a Soak) {
        self.by_hand(&format!(
            "watch the new production for {}, with these again and again",
            Period(soak.duration())
        ));
        self.run_checks(&soak.checks);
    }

    fn by_hand(&mut self, what: &str) {
        self.page.say(&format!("By hand: {what}."));
    }

    /// For a kind of which nothing is known here.
    fn unknown(&mut self, what: &str, spec: &ProviderSpec) {
        self.by_hand(&format!("{what}; no commands are known for the provider `{}`", spec.kind));
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
