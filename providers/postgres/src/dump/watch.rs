//! Says every now and then how far work is that only counts bytes.

use std::time::Duration;

use switchover::port::{Advance, Overseer, Unit};
use switchover_backups::Progress;

/// How often it is said.
const EVERY: Duration = Duration::from_millis(250);

/// Waits for work, and tells the overseer of its progress meanwhile.
pub(super) async fn bytes<T>(
    work: impl Future<Output = T>,
    phase: &str,
    total: Option<u64>,
    progress: &Progress,
    overseer: &dyn Overseer,
) -> T {
    let tell = || {
        let done = progress.bytes();
        // A damaged backup may have more bytes than it should.
        let total = total.map(|total| total.max(done));
        overseer.advance(&Advance { phase: phase.to_owned(), done, total, unit: Unit::Bytes });
    };
    let telling = async {
        loop {
            tell();
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        done = work => { tell(); done }
        () = telling => unreachable!("it never ends"),
    }
}
