//! Ctrl-C and SIGTERM: the first asks the run to stop at a safe point, the second ends the program at once.

use switchover::execute::StopSignal;
use tokio::signal::unix::{SignalKind, signal};

/// Listens until the program ends.
pub(crate) fn listen(stop: StopSignal) {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked {
                // The journal knows how far the run is; killing the process here is the same as a crash, which it survives.
                std::process::exit(130);
            }
            asked = true;
            stop.stop();
            anstream::eprintln!("stopping at the next safe point; once more to stop at once");
        }
    });
}
