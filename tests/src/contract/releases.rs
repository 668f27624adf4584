//! The contract of [`Releases`]: what runs and what is under way is seen, and an order starts one deployment however often it is given.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{Deployment, DeploymentId, DeploymentState, EnvironmentName, ReleaseName};
use switchover::port::{
    Candidate, DeployOrder, Deploying, Obstacle, Progress, ReleaseError, Releases, RemoteError,
};

/// How deployments of a harness end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Well, after a moment.
    Well,
    /// Badly, after a moment.
    Badly,
    /// Never.
    Never,
}

/// What a provider can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Whether it knows which releases there are, before one is tried.
    pub releases: bool,
    /// Whether it sees deployments that it did not start.
    pub others: bool,
    /// Whether its credentials and its network can fail.
    pub remote: bool,
}

/// Releases under test. Nothing was deployed to the environment yet.
#[async_trait]
pub trait ReleasesHarness: Send + Sync {
    /// The provider under test.
    fn releases(&self) -> Arc<dyn Releases>;

    /// What it can see.
    fn sight(&self) -> Sight;

    /// An environment.
    fn environment(&self) -> EnvironmentName;

    /// Two releases that can be deployed, and one that there is, with nothing to deploy.
    fn offered(&self) -> ([ReleaseName; 2], ReleaseName);

    /// Says how deployments end that are started from now on.
    async fn ending(&self, ending: Ending);

    /// Somebody starts a deployment by hand, also one that ended before.
    async fn by_hand(&self, release: &ReleaseName);

    /// Somebody cancels the deployment of a release.
    async fn cancel(&self, release: &ReleaseName);

    /// How many deployments of a release were ever started.
    async fn started(&self, release: &ReleaseName) -> usize;

    /// The same with credentials that may only look.
    fn reader(&self) -> Arc<dyn Releases>;

    /// The same with credentials that nobody knows.
    fn stranger(&self) -> Arc<dyn Releases>;

    /// The provider with an address at which nobody listens.
    fn unreachable(&self) -> Arc<dyn Releases>;

    /// Lets the service carry out the next start and lose its answer.
    async fn lose_next_answer(&self);

    /// Lets the next start be lost on its way, with its answer.
    async fn lose_next_start(&self);

    /// Lets time pass.
    async fn pass(&self, time: Duration);
}

/// Makes a test of every part of the contract: `releases_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! releases_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, releases:
            nothing_deployed_is_nothing_seen
            a_release_is_deployed_followed_and_runs
            a_release_that_there_is_not_is_named_with_what_is_meant
            a_release_with_nothing_to_deploy_says_so
            an_order_given_twice_starts_one_deployment
            an_order_given_again_after_its_end_starts_nothing
            a_deployment_that_fails_says_so_and_its_order_starts_no_other
            a_new_order_after_a_failure_starts_another
            a_release_comes_back_after_another
            a_deployment_that_hangs_stays_under_way
            a_deployment_that_is_cancelled_says_so
            another_release_under_way_is_in_the_way
            the_same_release_started_by_hand_is_found
            one_that_somebody_tries_again_names_its_successor
            a_deployment_that_there_is_not_is_named
            credentials_that_may_only_look_start_nothing
            credentials_that_nobody_knows_are_unauthorized
            where_nobody_listens_nothing_is_unknown
            a_start_whose_answer_is_lost_is_one_deployment
            a_start_that_is_lost_is_unknown_and_can_be_repeated
        );
    };
}

struct Bench<'a, H> {
    harness: &'a H,
    releases: Arc<dyn Releases>,
    live: EnvironmentName,
    new: ReleaseName,
    other: ReleaseName,
}

impl<'a, H: ReleasesHarness> Bench<'a, H> {
    async fn new(harness: &'a H, ending: Ending) -> Self {
        let ([new, other], _) = harness.offered();
        harness.ending(ending).await;
        Self { harness, releases: harness.releases(), live: harness.environment(), new, other }
    }

    async fn find(&self, release: &ReleaseName) -> Candidate {
        self.releases.find(&self.live, release).await.expect("a look")
    }

    /// An order as a plan makes it.
    async fn order(&self, release: &ReleaseName) -> DeployOrder {
        let candidate = self.find(release).await;
        assert_eq!(candidate.obstacles, [], "{release}");
        DeployOrder { environment: self.live.clone(), release: release.clone(), after: candidate.latest }
    }

    async fn start(&self, order: &DeployOrder) -> DeploymentId {
        match self.releases.deploy(order).await {
            Ok(Deploying::Started(deployment)) => {
                assert_eq!(deployment.release, order.release);
                deployment.id
            }
            other => panic!("{other:?}"),
        }
    }

    async fn look(&self, id: &DeploymentId) -> Progress {
        let progress = self.releases.look(&self.live, id).await.expect("a look");
        assert_eq!(progress.deployment.id, *id);
        progress
    }

    /// Follows a deployment to its end.
    async fn end(&self, id: &DeploymentId) -> Progress {
        for _ in 0..200 {
            let progress = self.look(id).await;
            if !progress.deployment.state.is_under_way() {
                return progress;
            }
            self.harness.pass(Duration::from_millis(500)).await;
        }
        panic!("{id} does not end")
    }

    async fn current(&self) -> Option<ReleaseName> {
        self.releases.read(&self.live).await.expect("a look").current.map(|current| current.release)
    }

    async fn under_way(&self) -> Vec<Deployment> {
        self.releases.read(&self.live).await.expect("a look").under_way
    }

    async fn deployed(&self, release: &ReleaseName) -> DeploymentId {
        let id = self.start(&self.order(release).await).await;
        assert_eq!(self.end(&id).await.deployment.state, DeploymentState::Succeeded);
        id
    }
}

/// No release runs, and none is on its way.
pub async fn nothing_deployed_is_nothing_seen(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Well).await;
    assert_eq!((bench.current().await, bench.under_way().await), (None, vec![]));
    assert_eq!(bench.find(&bench.new).await.latest, None);
    let in_flight = bench.releases.in_flight();
    assert!(in_flight < Duration::from_secs(3600), "{in_flight:?}");
}

/// From the order to the release that runs, with a log.
pub async fn a_release_is_deployed_followed_and_runs(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Well).await;
    let id = bench.start(&bench.order(&bench.new).await).await;
    let end = bench.end(&id).await;
    assert_eq!(end.deployment.state, DeploymentState::Succeeded);
    assert!(end.deployment.started.is_some() && end.deployment.finished >= end.deployment.started, "{end:?}");
    assert!(!end.log.lines().is_empty() && end.retried_as.is_none(), "{end:?}");
    assert_eq!((bench.current().await, bench.under_way().await), (Some(bench.new.clone()), vec![]));
    assert_eq!(bench.find(&bench.new).await.latest, Some(id));
    assert_eq!(harness.started(&bench.new).await, 1);
}

/// A slip of a tag.
pub async fn a_release_that_there_is_not_is_named_with_what_is_meant(harness: &impl ReleasesHarness) {
    if !harness.sight().releases {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let slip = ReleaseName::new(format!("{}0", bench.new)).expect("a release's name");
    match &bench.find(&slip).await.obstacles[..] {
        [Obstacle::NoSuchRelease { near }] => assert!(near.contains(&bench.new), "{near:?}"),
        other => panic!("{other:?}"),
    }
    let order = DeployOrder { environment: bench.live.clone(), release: slip.clone(), after: None };
    let outcome = bench.releases.deploy(&order).await;
    assert!(matches!(outcome, Err(ReleaseError::Obstructed { .. })), "{outcome:?}");
}

/// A tag without a pipeline.
pub async fn a_release_with_nothing_to_deploy_says_so(harness: &impl ReleasesHarness) {
    if !harness.sight().releases {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let (_, bare) = harness.offered();
    let candidate = bench.find(&bare).await;
    assert!(matches!(candidate.obstacles[..], [Obstacle::NothingToDeploy { .. }]), "{candidate:?}");
    let order = DeployOrder { environment: bench.live.clone(), release: bare, after: None };
    let outcome = bench.releases.deploy(&order).await;
    assert!(matches!(outcome, Err(ReleaseError::Obstructed { .. })), "{outcome:?}");
}

/// While it runs.
pub async fn an_order_given_twice_starts_one_deployment(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Never).await;
    let order = bench.order(&bench.new).await;
    let id = bench.start(&order).await;
    for _ in 0..3 {
        match bench.releases.deploy(&order).await {
            Ok(Deploying::Found(found)) => assert_eq!(found.id, id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(harness.started(&bench.new).await, 1);
}

/// After it ended well.
pub async fn an_order_given_again_after_its_end_starts_nothing(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Well).await;
    let order = bench.order(&bench.new).await;
    let id = bench.start(&order).await;
    bench.end(&id).await;
    let fresh = bench.order(&bench.new).await;
    for order in [order, fresh] {
        match bench.releases.deploy(&order).await {
            Ok(Deploying::Found(found)) => assert_eq!(found.state, DeploymentState::Succeeded),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(harness.started(&bench.new).await, 1);
}

/// The order has had its attempt.
pub async fn a_deployment_that_fails_says_so_and_its_order_starts_no_other(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Badly).await;
    let order = bench.order(&bench.new).await;
    let id = bench.start(&order).await;
    let end = bench.end(&id).await;
    assert!(matches!(end.deployment.state, DeploymentState::Failed { .. }), "{end:?}");
    assert!(!end.log.lines().is_empty(), "{end:?}");
    harness.ending(Ending::Well).await;
    match bench.releases.deploy(&order).await {
        Ok(Deploying::Found(found)) => assert_eq!(found.id, id),
        other => panic!("{other:?}"),
    }
    assert_eq!((harness.started(&bench.new).await, bench.current().await), (1, None));
}

/// An order that knows of the failure.
pub async fn a_new_order_after_a_failure_starts_another(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Badly).await;
    let first = bench.start(&bench.order(&bench.new).await).await;
    bench.end(&first).await;
    harness.ending(Ending::Well).await;
    let order = bench.order(&bench.new).await;
    assert_eq!(order.after, Some(first.clone()));
    let second = bench.start(&order).await;
    assert_ne!(first, second);
    assert_eq!(bench.end(&second).await.deployment.state, DeploymentState::Succeeded);
    assert_eq!((harness.started(&bench.new).await, bench.current().await), (2, Some(bench.new.clone())));
}

/// A revert: it ran once and does not run any more, so it has to be deployed again.
pub async fn a_release_comes_back_after_another(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Well).await;
    bench.deployed(&bench.new).await;
    harness.pass(Duration::from_secs(1)).await;
    bench.deployed(&bench.other).await;
    assert_eq!(bench.current().await, Some(bench.other.clone()));
    harness.pass(Duration::from_secs(1)).await;
    bench.deployed(&bench.new).await;
    assert_eq!((harness.started(&bench.new).await, bench.current().await), (2, Some(bench.new.clone())));
}

/// It is for the caller to lose patience.
pub async fn a_deployment_that_hangs_stays_under_way(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Never).await;
    let id = bench.start(&bench.order(&bench.new).await).await;
    harness.pass(Duration::from_secs(2)).await;
    assert!(bench.look(&id).await.deployment.state.is_under_way());
    let under_way = bench.under_way().await;
    assert!(matches!(&under_way[..], [own] if own.id == id), "{under_way:?}");
    assert_eq!(bench.current().await, None);
}

/// By somebody else.
pub async fn a_deployment_that_is_cancelled_says_so(harness: &impl ReleasesHarness) {
    if !harness.sight().others {
        return;
    }
    let bench = Bench::new(harness, Ending::Never).await;
    let id = bench.start(&bench.order(&bench.new).await).await;
    harness.pass(Duration::from_millis(100)).await;
    harness.cancel(&bench.new).await;
    assert_eq!(bench.end(&id).await.deployment.state, DeploymentState::Cancelled);
    assert_eq!((bench.current().await, bench.under_way().await), (None, vec![]));
}

/// Whoever started it.
pub async fn another_release_under_way_is_in_the_way(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Never).await;
    let order = bench.order(&bench.new).await;
    if harness.sight().others {
        harness.by_hand(&bench.other).await;
    } else {
        bench.start(&bench.order(&bench.other).await).await;
    }
    harness.pass(Duration::from_millis(100)).await;
    assert!(matches!(&bench.under_way().await[..], [own] if own.release == bench.other));
    let candidate = bench.find(&bench.new).await;
    assert!(matches!(candidate.obstacles[..], [Obstacle::UnderWay(_)]), "{candidate:?}");
    match bench.releases.deploy(&order).await {
        Err(ReleaseError::Obstructed { obstacle: Obstacle::UnderWay(other), .. }) => {
            assert_eq!(other.release, bench.other);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(harness.started(&bench.new).await, 0);
}

/// Somebody was faster.
pub async fn the_same_release_started_by_hand_is_found(harness: &impl ReleasesHarness) {
    if !harness.sight().others {
        return;
    }
    let bench = Bench::new(harness, Ending::Never).await;
    let order = bench.order(&bench.new).await;
    harness.by_hand(&bench.new).await;
    harness.pass(Duration::from_millis(100)).await;
    match bench.releases.deploy(&order).await {
        Ok(Deploying::Found(found)) => assert_eq!(found.release, bench.new),
        other => panic!("{other:?}"),
    }
    assert_eq!(harness.started(&bench.new).await, 1);
}

/// The one to follow.
pub async fn one_that_somebody_tries_again_names_its_successor(harness: &impl ReleasesHarness) {
    if !harness.sight().others {
        return;
    }
    let bench = Bench::new(harness, Ending::Badly).await;
    let id = bench.start(&bench.order(&bench.new).await).await;
    assert_eq!(bench.end(&id).await.retried_as, None);
    harness.ending(Ending::Well).await;
    harness.by_hand(&bench.new).await;
    let next = bench.look(&id).await.retried_as.expect("a successor");
    assert_ne!(next, id);
    assert_eq!(bench.end(&next).await.deployment.state, DeploymentState::Succeeded);
}

/// No number, or nobody's.
pub async fn a_deployment_that_there_is_not_is_named(harness: &impl ReleasesHarness) {
    let bench = Bench::new(harness, Ending::Well).await;
    for text in ["999999999", "deployment-999999999", "no-number"] {
        let id = DeploymentId::new(text).expect("an id");
        match bench.releases.look(&bench.live, &id).await {
            Err(ReleaseError::NoDeployment { id: named, .. }) => assert_eq!(named, id),
            other => panic!("{other:?}"),
        }
    }
}

/// It is an obstacle among the others, before anything is tried.
pub async fn credentials_that_may_only_look_start_nothing(harness: &impl ReleasesHarness) {
    if !harness.sight().remote {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let order = bench.order(&bench.new).await;
    let reader = harness.reader();
    let candidate = reader.find(&bench.live, &bench.new).await.expect("a look");
    assert!(matches!(candidate.obstacles[..], [Obstacle::NotPermitted { .. }]), "{candidate:?}");
    let outcome = reader.deploy(&order).await;
    assert!(matches!(outcome, Err(ReleaseError::Remote(RemoteError::Forbidden { .. }))), "{outcome:?}");
    assert_eq!(harness.started(&bench.new).await, 0);
}

/// Whatever is asked.
pub async fn credentials_that_nobody_knows_are_unauthorized(harness: &impl ReleasesHarness) {
    if !harness.sight().remote {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let order = bench.order(&bench.new).await;
    let stranger = harness.stranger();
    let outcomes = [
        stranger.read(&bench.live).await.map(|_| ()),
        stranger.find(&bench.live, &bench.new).await.map(|_| ()),
        stranger.deploy(&order).await.map(|_| ()),
    ];
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(ReleaseError::Remote(RemoteError::Unauthorized { .. }))),
            "{outcome:?}"
        );
    }
}

/// What was never sent was never done.
pub async fn where_nobody_listens_nothing_is_unknown(harness: &impl ReleasesHarness) {
    if !harness.sight().remote {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let order = bench.order(&bench.new).await;
    let outcome = harness.unreachable().deploy(&order).await;
    assert!(matches!(outcome, Err(ReleaseError::Remote(RemoteError::Unavailable { .. }))), "{outcome:?}");
}

/// It shows when it is looked for, or when the order is given again. Once played and once run again.
pub async fn a_start_whose_answer_is_lost_is_one_deployment(harness: &impl ReleasesHarness) {
    if !harness.sight().remote {
        return;
    }
    let bench = Bench::new(harness, Ending::Badly).await;
    for round in 1..=2 {
        let order = bench.order(&bench.new).await;
        harness.lose_next_answer().await;
        let outcome = match bench.releases.deploy(&order).await {
            Err(ReleaseError::Remote(RemoteError::Unknown { .. })) => {
                harness.pass(bench.releases.in_flight()).await;
                bench.releases.deploy(&order).await
            }
            outcome => outcome,
        };
        let id = outcome.expect("it is found").deployment().id.clone();
        assert_ne!(Some(&id), order.after.as_ref());
        bench.end(&id).await;
        match bench.releases.deploy(&order).await {
            Ok(Deploying::Found(found)) => assert_eq!(found.id, id),
            other => panic!("{other:?}"),
        }
        assert_eq!(harness.started(&bench.new).await, round);
    }
}

/// Nothing shows, so nobody can tell yet; later it can be done.
pub async fn a_start_that_is_lost_is_unknown_and_can_be_repeated(harness: &impl ReleasesHarness) {
    if !harness.sight().remote {
        return;
    }
    let bench = Bench::new(harness, Ending::Well).await;
    let order = bench.order(&bench.new).await;
    harness.lose_next_start().await;
    let outcome = bench.releases.deploy(&order).await;
    assert!(matches!(outcome, Err(ReleaseError::Remote(RemoteError::Unknown { .. }))), "{outcome:?}");
    assert_eq!(harness.started(&bench.new).await, 0);
    harness.pass(bench.releases.in_flight()).await;
    let id = bench.start(&order).await;
    assert_eq!(bench.end(&id).await.deployment.state, DeploymentState::Succeeded);
    assert_eq!(harness.started(&bench.new).await, 1);
}
