//! Remotes of rclone (<https://rclone.org/commands/rclone_sync/>): the flag as a small object, `rclone sync` for what differs.

use std::fmt::Write as _;

use switchover::action::SyncStore;
use switchover::config::ProviderSpec;
use switchover::model::SideName;
use switchover::port::SyncPurpose;
use switchover_files::FreezeOptions;
use switchover_files::shelf::OWN;
use switchover_rclone::RcloneOptions;

use super::Hand;
use super::files::{command, flag, flag_text, settle};
use super::page::quoted;

/// A side's remote as rclone names it, and how it is frozen.
struct Remote {
    name: String,
    freeze: FreezeOptions,
}

fn options(spec: &ProviderSpec) -> Option<RcloneOptions> {
    spec.options().ok()
}

fn remote(options: &RcloneOptions, side: &SideName) -> Option<Remote> {
    let of_side = options.sides.get(side.as_str())?;
    let freeze = of_side.freeze.clone().unwrap_or_else(|| options.freeze.clone());
    Some(Remote { name: of_side.remote.clone(), freeze })
}

fn rclone(options: &RcloneOptions) -> String {
    let mut text = quoted(&options.program.display().to_string());
    if let Some(config) = &options.config {
        // Writing to a string cannot fail.
        let _ = write!(text, " --config {}", quoted(&config.display().to_string()));
    }
    text
}

fn inside(remote: &str, name: &str) -> String {
    let separator = if remote.ends_with([':', '/']) { "" } else { "/" };
    quoted(&format!("{remote}{separator}{name}"))
}

/// Leaves Switchover's own files out, and what it keeps: a pattern without `/**` matches files alone
/// (<https://rclone.org/filtering/#directory_filter>), and what is in a folder would be deleted.
fn excludes(freezes: &[&FreezeOptions]) -> String {
    let own = [format!("/{OWN}*"), format!("/{OWN}*/**")];
    let patterns = own.into_iter().chain(freezes.iter().map(|freeze| format!("/{}", flag(freeze))));
    let each: Vec<String> = patterns.map(|pattern| format!("--exclude {}", quoted(&pattern))).collect();
    each.join(" ")
}

impl Hand<'_> {
    pub(super) fn freeze_remote(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(options) = options(spec) else { return };
        let Some(Remote { name, freeze }) = remote(&options, side) else { return };
        let run = self.run_by_hand();
        if !freeze.command.is_empty() {
            self.page.sh(&command(&freeze.command, side, &name, &run));
        }
        if freeze.guards() {
            let flag = inside(&name, &flag(&freeze));
            self.page.say("The flag that the application looks for before it writes:");
            self.page.sh(&format!(
                "{} | {} rcat {flag} && sleep {}",
                flag_text(&run),
                rclone(&options),
                settle(&freeze)
            ));
        }
        self.prove_files(&freeze, side, &name, &run);
    }

    pub(super) fn thaw_remote(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(options) = options(spec) else { return };
        let Some(Remote { name, freeze }) = remote(&options, side) else { return };
        if !freeze.thaw.is_empty() {
            self.page.sh(&command(&freeze.thaw, side, &name, &self.run_by_hand()));
        }
        if freeze.guards() {
            self.page.sh(&format!("{} deletefile {}", rclone(&options), inside(&name, &flag(&freeze))));
        }
    }

    /// A copy within the remote.
    pub(super) fn keep_remote(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(options) = options(spec) else { return };
        let Some(Remote { name, freeze }) = remote(&options, side) else { return };
        let kept = inside(&name, &format!("{OWN}-kept-{}", self.run_by_hand()));
        let (rclone, excludes, name) = (rclone(&options), excludes(&[&freeze]), quoted(&name));
        self.page.say("It is done when the last one of these says `0 differences found`.");
        self.page.sh(&format!(
            "{rclone} copy --links {excludes} {name} {kept}\n{rclone} check --one-way {excludes} {name} {kept}"
        ));
    }

    pub(super) fn sync_remote(&mut self, spec: &ProviderSpec, sync: &SyncStore) {
        let Some(options) = options(spec) else { return };
        let sides = [sync.direction.from(), sync.direction.to()].map(|side| remote(&options, side));
        let [Some(from), Some(to)] = sides else { return };
        let dry = if sync.purpose == SyncPurpose::Rehearsal { " --dry-run" } else { "" };
        let rclone = rclone(&options);
        let excludes = excludes(&[&from.freeze, &to.freeze]);
        let metadata = if options.metadata { " --metadata" } else { "" };
        let work =
            format!("--transfers {} --checkers {}{metadata} {excludes}", options.transfers, options.checkers);
        let (from, to) = (quoted(&from.name), quoted(&to.name));
        let hops = match &options.via {
            None => vec![(from.clone(), to.clone())],
            Some(via) => vec![(from.clone(), quoted(via)), (quoted(via), to.clone())],
        };
        let copies: Vec<String> =
            hops.iter().map(|(from, to)| format!("{rclone} sync{dry} {work} {from} {to}")).collect();
        self.page.say("It is done when the last one of these says `0 differences found`.");
        self.page.sh(&format!("{}\n{rclone} check {excludes} {from} {to}", copies.join("\n")));
    }
}
