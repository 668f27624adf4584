//! Which pair and which stores a command line means.

use std::collections::BTreeSet;

use switchover::config::{Config, PairConfig};
use switchover::model::{EnvironmentName, PairName, StoreRef};
use switchover::plan::PlanError;

use crate::exit::{Exit, Stop};

/// A pair and some of its stores.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) pair: PairName,
    pub(super) stores: BTreeSet<StoreRef>,
}

impl Scope {
    /// The first name is the pair's if there is a pair of that name, or if the file has several.
    pub(super) fn of(
        config: &Config,
        names: &[String],
        environments: &[EnvironmentName],
    ) -> Result<Self, Stop> {
        let first = names.first().and_then(|name| PairName::new(name.as_str()).ok());
        let chosen_pair = first.filter(|name| config.pairs.contains_key(name) || config.pairs.len() > 1);
        let rest = if chosen_pair.is_some() { names.get(1..).unwrap_or_default() } else { names };
        let pair =
            config.pair(chosen_pair.as_ref()).map_err(|error| Stop::new(Exit::Usage, error.to_string()))?;
        let stores = chosen(pair, rest, environments)?;
        Ok(Self { pair: pair.pair.name.clone(), stores })
    }
}

fn chosen(
    pair: &PairConfig,
    names: &[String],
    environments: &[EnvironmentName],
) -> Result<BTreeSet<StoreRef>, Stop> {
    for name in environments {
        pair.pair.environment(name).map_err(|error| Stop::from(PlanError::from(error)))?;
    }
    let all: Vec<StoreRef> = pair.stores.keys().cloned().collect();
    if all.is_empty() {
        return Err(Stop::new(Exit::Usage, format!("pair {} has no stores", pair.pair.name))
            .hint("configure one: `[pair.NAME.environments.live.stores.files]`"));
    }
    let inside = |store: &&StoreRef| environments.is_empty() || environments.contains(&store.environment);
    if names.is_empty() {
        return Ok(all.iter().filter(inside).cloned().collect());
    }
    let mut stores = BTreeSet::new();
    for name in names {
        let is_meant = |store: &&StoreRef| store.to_string() == *name || store.store.as_str() == name;
        let found: Vec<StoreRef> = all.iter().filter(inside).filter(is_meant).cloned().collect();
        if found.is_empty() {
            return Err(unknown(pair, name, &all));
        }
        stores.extend(found);
    }
    Ok(stores)
}

fn unknown(pair: &PairConfig, name: &str, all: &[StoreRef]) -> Stop {
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    let distance = |store: &&StoreRef| {
        strsim::damerau_levenshtein(name, store.store.as_str())
            .min(strsim::damerau_levenshtein(name, &store.to_string()))
    };
    let near = all.iter().min_by_key(distance).filter(|store| distance(store) <= name.len() / 3 + 1);
    let stop = Stop::new(
        Exit::Usage,
        format!("pair {} has no store `{name}`; its stores are {}", pair.pair.name, known.join(", ")),
    );
    match near {
        Some(store) => stop.hint(format!("did you mean `{store}`?")),
        None => stop,
    }
}
