//! The port, for everything that mirrors.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use switchover::model::{PairName, SideName, StoreRef};
use switchover::port::{
    Clock, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Method, Overseer, Store, StoreProblem,
    StoreSide, SyncOrder, Synced,
};

use crate::freeze::Freezer;
use crate::guard::Seen;
use crate::marker::Owner;
use crate::mirror::{Keeper, Limits, Mirror, Site};
use crate::session::{Session, site};
use crate::work::{Control, drive};

/// How long a proof may take: two passes over a tree of millions of files.
const PROOF: Duration = Duration::from_secs(30 * 60);

/// A store that is kept by mirroring trees. [`crate::FilesStore`] is the one for directories.
#[derive(Debug)]
pub struct MirrorStore<B> {
    pub(crate) backend: Arc<B>,
    owner: Owner,
    clock: Arc<dyn Clock>,
}

impl<B: Mirror + Limits> MirrorStore<B> {
    /// A store of a pair. Nothing is looked at yet.
    pub fn over(backend: B, pair: PairName, store: StoreRef, clock: Arc<dyn Clock>) -> Self {
        Self { backend: Arc::new(backend), owner: Owner { pair, store }, clock }
    }

    pub(crate) async fn on<T, W>(
        &self,
        place: &str,
        limit: Duration,
        overseer: Option<&dyn Overseer>,
        work: W,
    ) -> Result<T, DataError>
    where
        T: Send + 'static,
        W: FnOnce(&B, &Owner, &dyn Clock, &Control) -> Result<T, DataError> + Send + 'static,
    {
        let (backend, owner, clock) =
            (Arc::clone(&self.backend), self.owner.clone(), Arc::clone(&self.clock));
        drive(&*self.clock, limit, place, overseer, move |control| work(&backend, &owner, &*clock, control))
            .await
    }

    pub(crate) async fn see(
        &self,
        side: &SideName,
        depth: Depth,
    ) -> Result<(Seen, Vec<StoreProblem>), DataError> {
        let of = side.clone();
        self.on(side.as_str(), self.backend.timeout(), None, move |backend, owner, clock, control| {
            let seen = crate::session::see(backend, &of, clock, control)?;
            let mut problems = match depth {
                Depth::Glance => Vec::new(),
                Depth::Preflight => backend.preflight(&of, control)?,
            };
            if depth == Depth::Preflight {
                problems.extend(unprepared(&seen, &site(backend, &of)?));
            }
            problems.extend(seen.marker.as_ref().and_then(|marker| marker.misplaced(owner, &of)).map(
                |why| StoreProblem {
                    side: Some(of.clone()),
                    fatal: true,
                    message: format!("{}: {why}", seen.place),
                    advice: None,
                },
            ));
            Ok((seen, problems))
        })
        .await
    }

    /// Removes one of a side's own small files.
    pub(crate) async fn remove(&self, side: &SideName, name: String) -> Result<(), DataError> {
        let of = side.clone();
        self.on(side.as_str(), self.backend.timeout(), None, move |backend, _, _, _| {
            site(backend, &of)?.shelf.remove(&name)
        })
        .await
    }

    /// How long a freeze may take: the commands, and the writes that are under way.
    fn patience(&self, side: &SideName) -> Duration {
        let freeze = self.backend.site(side).map(|site| (site.freeze.timeout.0, site.freeze.settle.0));
        let (timeout, settle) = freeze.unwrap_or_default();
        self.backend.timeout().saturating_add(timeout.saturating_mul(4)).saturating_add(settle)
    }
}

/// What should be known before a swap, of one side.
fn unprepared(seen: &Seen, site: &Site<'_>) -> Vec<StoreProblem> {
    let problem = |message: &str, advice: &str| StoreProblem {
        side: Some(seen.side.clone()),
        fatal: false,
        message: format!("{}: {message}", seen.place),
        advice: Some(advice.to_owned()),
    };
    let mut problems = Vec::new();
    if !site.freeze.guards() {
        problems.push(problem(
            "nothing refuses writes there during a swap, so that what is written meanwhile can be lost",
            "set `freeze` with a `flag` that the application honours, or a `command`",
        ));
    } else if site.freeze.probe.is_empty() {
        problems.push(problem(
            "no `probe` tries to write there, so that a freeze is believed when nothing changes for a while",
            "set `freeze.probe` to a command that writes as the application does",
        ));
    }
    if !site.freeze.command.is_empty() {
        problems.push(problem(
            "it is frozen by a command, which does not end by itself if the controller dies",
            "use a `flag`, or know how to run the `thaw` command by hand",
        ));
    }
    if let Some(run) = seen.marker.as_ref().and_then(|marker| marker.working.as_ref()) {
        problems.push(problem(
            &format!(
                "the sync of run {run} to it did not come to its end, so that it is a mixture of old and new"
            ),
            "sync again",
        ));
    }
    problems
}

pub(crate) fn shown(seen: Seen) -> (SideName, StoreSide) {
    let diverged = seen.diverged();
    let (copied, bytes) = seen.marker.map_or((None, None), |marker| (marker.copied, marker.bytes));
    let side =
        StoreSide { place: seen.path, identity: seen.identity, access: seen.access, copied, diverged, bytes };
    (seen.side, side)
}

#[async_trait]
impl<B: Mirror + Limits + Keeper> Store for MirrorStore<B> {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        let names = self.backend.sides();
        let (first, second) = join(self.see(names[0], depth), self.see(names[1], depth)).await;
        let (mut sides, mut unread) = (BTreeMap::new(), BTreeMap::new());
        let mut problems = Vec::new();
        for (name, look) in names.into_iter().zip([first, second]) {
            match look {
                Ok((seen, found)) => {
                    problems.extend(found);
                    sides.extend([shown(seen)]);
                }
                Err(error) => drop(unread.insert(name.clone(), error.to_string())),
            }
        }
        let mut identities = sides.values().map(|side| &side.identity);
        let (one, other) = (identities.next(), identities.next());
        if one.is_some() && one == other {
            problems.push(StoreProblem {
                side: None,
                fatal: true,
                message: format!("{} and {} are one and the same tree", names[0], names[1]),
                advice: Some("give each side the path of its own tree".to_owned()),
            });
        }
        Ok(Inspection { method: Method::Mirror, sides, unread, stream: None, problems })
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        let (of, order) = (side.clone(), order.clone());
        self.on(side.as_str(), self.patience(side), None, move |backend, _, clock, control| {
            backend.look(&of, control)?;
            Freezer { site: site(backend, &of)?, side: &of, clock }.freeze(&order, control)
        })
        .await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        let of = side.clone();
        self.on(side.as_str(), PROOF, None, move |backend, _, clock, control| {
            backend.look(&of, control)?;
            let mut fingerprint = || backend.fingerprint(&of, control);
            Freezer { site: site(backend, &of)?, side: &of, clock }.prove(&mut fingerprint, control)
        })
        .await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let of = side.clone();
        self.on(side.as_str(), self.patience(side), None, move |backend, _, clock, control| {
            backend.look(&of, control)?;
            Freezer { site: site(backend, &of)?, side: &of, clock }.thaw(control)
        })
        .await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let (place, limit) = (order.direction.to().to_string(), order.deadline);
        let order = order.clone();
        self.on(&place, limit, Some(overseer), move |backend, owner, clock, control| {
            Session { backend, owner, clock, order: &order, control }.run()
        })
        .await
    }
}
