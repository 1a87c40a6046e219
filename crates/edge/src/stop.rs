//! When an edge is told to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that say: enough.
pub(crate) struct Stop {
    term: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(crate) fn new() -> io::Result<Stop> {
        Ok(Stop {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn said(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// A service manager tells all processes at once: one that drains already goes on with that.
    pub(crate) async fn again(&mut self, told: bool) {
        if !told {
            self.said().await;
        }
        self.said().await;
    }
}
