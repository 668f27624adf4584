//! Finds and reads the configuration file.

use std::path::{Path, PathBuf};

use switchover::config::{Config, parse};

use crate::exit::{Exit, Stop};
use crate::registry;
use crate::render::problems;

/// A configuration and the folder that its relative paths start from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) folder: PathBuf,
}

/// Reads and checks a file; every problem is shown at once.
pub(crate) fn load(path: &Path) -> Result<Loaded, Stop> {
    let bytes = std::fs::read(path).map_err(|error| {
        Stop::new(Exit::Config, format!("the configuration {} cannot be read: {error}", path.display()))
            .hint("name it with `--config FILE`, or write one with `switchover init`")
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Stop::new(Exit::Config, format!("the configuration {} is not UTF-8 text (byte {at})", path.display()))
    })?;
    let config = parse(path.display().to_string(), &text, &registry::catalog()?).map_err(|found| {
        problems::show(&found);
        Stop::said(Exit::Config)
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(Loaded { config, folder: parent.unwrap_or_else(|| Path::new(".")).to_path_buf() })
}
