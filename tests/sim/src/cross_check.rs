//! The same scenarios under another executor and another clock: tokio's, paused. A rule that holds only in the order of our own executor
//! is none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use switchover_tests::fake::{Pace, VirtualClock};
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::Task;

/// Tokio's clock.
#[derive(Debug)]
struct TokioPace(Instant);

#[async_trait]
impl Pace for TokioPace {
    fn passed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn pass(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A task after each of whose steps somebody looks at the world.
struct Watched<'a, F> {
    task: Task<'a>,
    look: &'a F,
}

impl<F: Fn()> Future for Watched<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.task.as_mut().poll(context);
        (self.look)();
        polled
    }
}

/// Runs these tasks until the first of them is over; returns how often any of them went on.
///
/// # Panics
///
/// If no runtime can be made.
pub(crate) fn run<F: Fn()>(clock: &VirtualClock, mut tasks: Vec<Task<'_>>, look: &F) -> u64 {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads needs nothing");
    let steps = std::cell::Cell::new(0);
    let counted = || {
        steps.set(steps.get() + 1);
        look();
    };
    runtime.block_on(async {
        clock.follow(std::sync::Arc::new(TokioPace(Instant::now())));
        let first = Watched { task: tasks.remove(0), look: &counted };
        let others: FuturesUnordered<_> =
            tasks.into_iter().map(|task| Watched { task, look: &counted }).collect();
        let others = others.for_each(async |()| {});
        match select(first, std::pin::pin!(others)).await {
            Either::Left(((), _)) => {}
            Either::Right(((), first)) => first.await,
        }
    });
    steps.get()
}
