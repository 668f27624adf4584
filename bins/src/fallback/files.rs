//! Directory trees: a flag that the application honours, `rsync` for what differs.

use std::path::Path;

use switchover::action::SyncStore;
use switchover::config::ProviderSpec;
use switchover::model::SideName;
use switchover::port::SyncPurpose;
use switchover_files::shelf::{FREEZE, OWN};
use switchover_files::{FilesOptions, FreezeOptions};

use super::Hand;
use super::page::{quoted, words};

/// A side of a tree: where it is, as a word of a shell, and how it is frozen.
struct Tree {
    /// As it is.
    path: String,
    freeze: FreezeOptions,
}

impl Hand<'_> {
    fn tree(&self, spec: &ProviderSpec, side: &SideName) -> Option<Tree> {
        let options: FilesOptions = spec.options().ok()?;
        let of_side = options.sides.get(side.as_str())?;
        let freeze = of_side.freeze.clone().unwrap_or(options.freeze);
        let folder = std::path::absolute(self.folder).unwrap_or_else(|_| self.folder.to_path_buf());
        Some(Tree { path: folder.join(&of_side.path).display().to_string(), freeze })
    }

    pub(super) fn freeze_files(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(Tree { path, freeze }) = self.tree(spec, side) else { return };
        let run = self.run_by_hand();
        if !freeze.command.is_empty() {
            self.page.sh(&command(&freeze.command, side, &path, &run));
        }
        if freeze.guards() {
            let flag = quoted(&format!("{path}/{}", flag(&freeze)));
            let written = quoted(&format!("{path}/{OWN}-by-hand.json"));
            self.page.say("The flag that the application looks for before it writes:");
            self.page.sh(&format!(
                "{} > {written} && mv {written} {flag} && sleep {}",
                flag_text(&run),
                settle(&freeze)
            ));
        }
        self.prove_files(&freeze, side, &path, &run);
    }

    /// Tries a write as the application does, where the configuration says how.
    pub(super) fn prove_files(&mut self, freeze: &FreezeOptions, side: &SideName, path: &str, run: &str) {
        if !freeze.guards() {
            return self.by_hand(
                "nothing is configured that could refuse writes: stop the application on this side",
            );
        }
        if freeze.probe.is_empty() {
            return self.by_hand("try a write as a client does, and see it refused");
        }
        let name = format!("{OWN}-probe-by-hand");
        let probe = command(&freeze.probe, side, path, run);
        let file = quoted(&format!("{path}/{name}"));
        self.page.say("Only a write that is refused proves it: this must say `refused`.");
        self.page.sh(&format!(
            "if SWITCHOVER_PROBE={file} {probe}; then echo 'NOT FROZEN: a write went through'; else echo refused; fi; rm -f {file}"
        ));
    }

    pub(super) fn thaw_files(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(Tree { path, freeze }) = self.tree(spec, side) else { return };
        let run = self.run_by_hand();
        if !freeze.thaw.is_empty() {
            self.page.sh(&command(&freeze.thaw, side, &path, &run));
        }
        if freeze.guards() {
            self.page.sh(&format!("rm -f {}", quoted(&format!("{path}/{}", flag(&freeze)))));
        }
    }

    /// Other names for the same files: a sync puts new files in their place and writes into none.
    pub(super) fn keep_files(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some(Tree { path, .. }) = self.tree(spec, side) else { return };
        let (run, own) = (self.run_by_hand(), quoted(&format!("/{OWN}*")));
        let (tree, kept) = (quoted(&path), quoted(&format!("{path}/{OWN}-kept-{run}")));
        self.page.sh(&format!(
            "rsync --archive --hard-links --exclude={own} --link-dest={tree} {tree}/ {kept}/ && du -sh {kept}"
        ));
    }

    pub(super) fn sync_files(&mut self, spec: &ProviderSpec, sync: &SyncStore) {
        let (from, to) = (self.tree(spec, sync.direction.from()), self.tree(spec, sync.direction.to()));
        let (Some(from), Some(to)) = (from, to) else { return };
        let dry = if sync.purpose == SyncPurpose::Rehearsal { " --dry-run" } else { "" };
        let own = quoted(&format!("/{OWN}*"));
        let flags = [&from.freeze, &to.freeze]
            .map(|freeze| format!("--exclude={}", quoted(&format!("/{}", flag(freeze)))));
        let excludes = if flags[0] == flags[1] { flags[0].clone() } else { flags.join(" ") };
        self.page.say("It is done when the second one of these prints nothing but directories (lines that begin with `.d` or `cd`).");
        let rsync = format!("rsync{dry} --archive --hard-links --delete --exclude={own} {excludes}");
        let places = format!("{} {}", quoted(&format!("{}/", from.path)), quoted(&format!("{}/", to.path)));
        self.page.sh(&format!("{rsync} {places}\n{rsync} --checksum --itemize-changes --dry-run {places}"));
    }
}

/// The flag's name within a tree.
pub(super) fn flag(freeze: &FreezeOptions) -> String {
    freeze.flag.as_deref().and_then(Path::to_str).unwrap_or(FREEZE).to_owned()
}

/// A command that prints the flag, as Switchover writes it: without an end, because nobody renews a freeze by hand.
pub(super) fn flag_text(run: &str) -> String {
    format!(
        "printf '{{\"format\":1,\"run\":\"{run}\",\"since\":\"%s\",\"until\":null,\"renew_by\":null}}\\n' \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\""
    )
}

/// For how long a write that was under way may still take, in whole seconds.
pub(super) fn settle(freeze: &FreezeOptions) -> u64 {
    freeze.settle.0.as_secs() + 1
}

/// A configured command with what it finds in its environment.
pub(super) fn command(command: &[String], side: &SideName, path: &str, run: &str) -> String {
    let filled = command.iter().map(|word| word.replace("{side}", side.as_str()).replace("{path}", path));
    format!("SWITCHOVER_SIDE={side} SWITCHOVER_PATH={} SWITCHOVER_RUN={run} {}", quoted(path), words(filled))
}
