//! One pair, its providers and its engine, from the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use switchover::config::{Config, PairConfig};
use switchover::execute::{Engine, Unwatched, Watcher};
use switchover::journal::{Holder, JournalError};
use switchover::model::{Environment, EnvironmentName, PairName};
use switchover::plan::PlanError;
use switchover::port::Ports;

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::load::{Loaded, load};
use crate::registry::{self, Unready};
use crate::render::problems;

/// Everything that a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    /// The folder that relative paths of the file start from.
    pub(crate) folder: PathBuf,
    pub(crate) pair: PairConfig,
    pub(crate) engine: Engine,
}

impl Session {
    /// Loads the file, chooses the pair and sets its providers up. Nothing is sent.
    pub(crate) async fn open(
        common: &Common,
        pair: Option<&PairName>,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, Stop> {
        Self::connect(load(&common.config)?, pair, watcher).await
    }

    /// As [`Session::open`], for a file that is loaded already.
    pub(crate) async fn connect(
        loaded: Loaded,
        pair: Option<&PairName>,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, Stop> {
        Self::with(loaded, pair, watcher, registry::connect).await
    }

    /// As [`Session::open`], for commands that only read the journal: no other system and no credential is needed.
    pub(crate) async fn open_journal(common: &Common, pair: Option<&PairName>) -> Result<Self, Stop> {
        let loaded = load(&common.config)?;
        let ports = registry::journal(&loaded.config, &loaded.folder).await;
        Self::with(loaded, pair, Arc::new(Unwatched), async |_, _, _| ports).await
    }

    async fn with(
        loaded: Loaded,
        pair: Option<&PairName>,
        watcher: Arc<dyn Watcher>,
        connect: impl AsyncFnOnce(&Config, &Path, &PairConfig) -> Result<Ports, Unready>,
    ) -> Result<Self, Stop> {
        let Loaded { config, folder } = loaded;
        let pair = config.pair(pair).map_err(|error| Stop::new(Exit::Usage, error.to_string()))?.clone();
        let ports = match connect(&config, &folder, &pair).await {
            Ok(ports) => ports,
            Err(Unready::Journal(error)) => return Err(JournalError::Store(error).into()),
            Err(Unready::Providers(faults)) => {
                for (path, why) in &faults {
                    problems::show_fault(&config, path, why);
                }
                return Err(Stop::said(Exit::Config));
            }
        };
        let engine = Engine { watcher, ..Engine::new(pair.pair.clone(), ports, holder()) };
        Ok(Self { config, folder, pair, engine })
    }

    /// The named environments, or all, in the order of the file.
    pub(crate) fn environments(&self, names: &[EnvironmentName]) -> Result<Vec<Environment>, Stop> {
        for name in names {
            self.pair.pair.environment(name).map_err(|error| Stop::from(PlanError::from(error)))?;
        }
        let wanted = |environment: &&Environment| names.is_empty() || names.contains(&environment.name);
        Ok(self.pair.pair.environments.iter().filter(wanted).cloned().collect())
    }
}

fn holder() -> Holder {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Holder {
        actor: user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
        host,
        process: std::process::id(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
