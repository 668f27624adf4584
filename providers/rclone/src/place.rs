//! One side: a directory of this machine, or a remote.

use sha2::{Digest as _, Sha256};
use switchover::model::SideName;
use switchover::port::DataError;
use switchover_files::shelf::{OWN, Shelf, UNFINISHED};
use switchover_files::work::Control;
use switchover_files::{Directory, FreezeOptions, Scan};

use crate::log::Heard;
use crate::process::{Ended, NOT_FOUND, Rclone};

/// How often a call about a small file is looked at before it is given up: for half a minute.
const SMALL: u32 = 120;

/// One side's tree.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) remote: String,
    pub(crate) freeze: FreezeOptions,
    pub(crate) tree: Tree,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum Tree {
    /// A directory: its small files and its digest need no rclone, and a flag there is never half written.
    Local(Directory),
    /// Anything else.
    Remote(Remote),
}

/// A remote's own small files.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) rclone: Rclone,
    pub(crate) side: SideName,
    /// As rclone knows it.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn side(&self) -> &SideName {
        match &self.tree {
            Tree::Local(directory) => directory.side(),
            Tree::Remote(remote) => &remote.side,
        }
    }

    pub(crate) fn shelf(&self) -> &dyn Shelf {
        match &self.tree {
            Tree::Local(directory) => directory,
            Tree::Remote(remote) => remote,
        }
    }

    /// Filters that leave Switchover's own files and folders out, and so keep them from being deleted
    /// (<https://rclone.org/filtering/#filter-add-a-file-filtering-rule>). A pattern that does not end with `/**` is one for files alone.
    pub(crate) fn filters(&self) -> Vec<String> {
        let mut filters = vec![format!("- /{OWN}*"), format!("- /{OWN}*/**"), format!("- {UNFINISHED}*")];
        filters.extend(
            self.freeze.flag.as_ref().map(|flag| format!("- /{}", literal(&flag.display().to_string()))),
        );
        filters.into_iter().map(|filter| format!("--filter={filter}")).collect()
    }

    /// Goes through all of it.
    pub(crate) fn scan(&self, threads: u16, control: &Control) -> Result<Scan, DataError> {
        match &self.tree {
            Tree::Local(directory) => directory.scan(threads, control),
            Tree::Remote(remote) => remote.scan(&self.filters(), control),
        }
    }
}

/// A name in which nothing is a pattern.
fn literal(name: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
    name.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

impl Remote {
    /// A file within the remote.
    fn file(&self, name: &str) -> String {
        let joint = if self.name.ends_with([':', '/']) { "" } else { "/" };
        format!("{}{joint}{name}", self.name)
    }

    pub(crate) fn unreachable(&self, why: impl Into<String>) -> DataError {
        DataError::Unreachable { place: self.place(), why: why.into() }
    }

    /// A call about one small file. Nobody leads it, so it has an end of its own.
    fn small(&self, verb: &str, name: &str, input: Option<&[u8]>) -> Result<(Ended, Vec<u8>), DataError> {
        let file = self.file(name);
        let arguments =
            [verb, "--retries=1", "--low-level-retries=3", "--contimeout=10s", "--timeout=20s", &file];
        let mut ticks = 0_u32;
        let watch = |_: &Heard| {
            ticks += 1;
            let late = ticks > SMALL;
            if late { Err(self.unreachable(format!("rclone {verb} of {name} does not end"))) } else { Ok(()) }
        };
        let mut printed = Vec::new();
        let take = |line: &[u8]| printed.extend_from_slice(line);
        let ended = self.rclone.lead(&arguments, input, &Control::alone(), take, watch)?;
        Ok((ended, printed))
    }

    /// Looks whether it is there. An object store has no empty folders: there the bucket tells.
    pub(crate) fn look(&self, control: &Control) -> Result<(), DataError> {
        let list = |remote: &str| {
            let arguments =
                ["lsf", "--max-depth=1", "--retries=1", "--low-level-retries=2", "--contimeout=5s", remote];
            self.rclone.lead(&arguments, None, control, |_| {}, |_| Ok(()))
        };
        let ended = list(&self.name)?;
        if ended.code == Some(0) {
            return Ok(());
        }
        if NOT_FOUND.contains(&ended.code) && self.features(control)?.bucket_based {
            let (name, path) = self.name.split_once(':').unwrap_or((&self.name, ""));
            let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            if list(&format!("{name}:{bucket}"))?.code == Some(0) {
                return Ok(());
            }
        }
        Err(self.unreachable(format!("it cannot be listed: {}", ended.heard.told())))
    }

    pub(crate) fn features(&self, control: &Control) -> Result<Features, DataError> {
        let (ended, printed) = self.rclone.run(&["backend", "features", &self.name], None, control)?;
        let parsed = serde_json::from_slice::<serde_json::Value>(&printed).ok();
        let Some(features) = parsed.filter(|_| ended.code == Some(0)) else {
            return Err(
                self.unreachable(format!("rclone does not know what it can do: {}", ended.heard.told()))
            );
        };
        let has = |name: &str| features["Features"][name].as_bool().unwrap_or(false);
        let md5 = features["Hashes"].as_array().is_some_and(|hashes| hashes.iter().any(|hash| hash == "md5"));
        Ok(Features { bucket_based: has("BucketBased"), md5, slow_hash: has("SlowHash") })
    }

    fn scan(&self, filters: &[String], control: &Control) -> Result<Scan, DataError> {
        let features = self.features(control)?;
        let mut arguments = vec!["lsjson", "--recursive", "--files-only", "--no-mimetype", "--retries=1"];
        // Where hashes come with the listing, times would cost a request for each object.
        let by_hash = features.md5 && !features.slow_hash;
        arguments.extend(if by_hash { &["--hash", "--no-modtime"][..] } else { &[][..] });
        arguments.extend(filters.iter().map(String::as_str));
        arguments.push(&self.name);
        let (mut files, mut bytes, mut digest) = (0_u64, 0_u64, 0_u128);
        let take = |line: &[u8]| {
            let line = line.trim_ascii().strip_suffix(b",").unwrap_or(line.trim_ascii());
            let Ok(entry) = serde_json::from_slice::<serde_json::Value>(line) else { return };
            if let Some(size) = entry["Size"].as_u64() {
                files += 1;
                bytes += size;
                let hash = Sha256::digest(line);
                let low = hash.iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
                digest = digest.wrapping_add(low);
            }
        };
        let ended = self.rclone.lead(&arguments, None, control, take, |_| Ok(()))?;
        match ended.code {
            Some(0) => {}
            // An object store without objects.
            code if NOT_FOUND.contains(&code) && features.bucket_based => {}
            Some(_) | None => {
                return Err(self.unreachable(format!("it cannot be listed: {}", ended.heard.told())));
            }
        }
        Ok(Scan { files, bytes, digest: format!("{files} files, {bytes} bytes, {digest:032x}") })
    }
}

/// What a remote can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Features {
    pub(crate) bucket_based: bool,
    pub(crate) md5: bool,
    pub(crate) slow_hash: bool,
}

impl Shelf for Remote {
    fn side(&self) -> &SideName {
        &self.side
    }

    fn path(&self) -> &str {
        &self.name
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataError> {
        let (ended, printed) = self.small("cat", name, None)?;
        match ended.code {
            // An object store takes the name for a folder without objects. None of our files is empty.
            Some(0) if printed.is_empty() => Ok(None),
            Some(0) => Ok(Some(printed)),
            code if NOT_FOUND.contains(&code) => Ok(None),
            Some(_) | None => Err(self.unreachable(format!("{name} cannot be read: {}", ended.heard.told()))),
        }
    }

    fn write(&self, name: &str, content: &[u8], _: bool) -> Result<(), DataError> {
        let (ended, _) = self.small("rcat", name, Some(content))?;
        if ended.code == Some(0) {
            return Ok(());
        }
        Err(self.unreachable(format!("{name} cannot be written: {}", ended.heard.told())))
    }

    fn remove(&self, name: &str) -> Result<(), DataError> {
        let (ended, _) = self.small("deletefile", name, None)?;
        // rclone has no exit code for a file that was not there, so it is looked for.
        if ended.code == Some(0) || self.read(name)?.is_none() {
            return Ok(());
        }
        Err(self.unreachable(format!("{name} cannot be deleted: {}", ended.heard.told())))
    }
}
