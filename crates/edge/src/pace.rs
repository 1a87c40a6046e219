//! How long what may take, and how fast an answer must be taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use policy::Moment;
use policy::config::Connection;
use tokio::time::Sleep;

use crate::clock;

/// How long what may take.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) first_byte_ms: u64,
    pub(crate) head_ms: u64,
    pub(crate) idle_ms: u64,
    /// An answer read slower than that, over `idle_ms`, ends the connection.
    pub(crate) read_bytes_per_s_min: u64,
}

impl Pace {
    pub(crate) fn new(limits: &Connection) -> Pace {
        Pace {
            first_byte_ms: limits.first_byte_ms,
            head_ms: limits.head_ms,
            idle_ms: limits.idle_ms,
            read_bytes_per_s_min: limits.body_bytes_per_s_min,
        }
    }
}

/// A moment to wait for that is moved often and reached seldom.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready at that moment. A later one than before waits for the timer to fire first, which costs
    /// less than moving it.
    pub(crate) fn poll(&mut self, due: Moment, cx: &mut Context<'_>) -> Poll<()> {
        let instant = clock::instant(due);
        let timer = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(instant)));
        if timer.deadline() > instant {
            timer.as_mut().reset(instant);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= instant {
                return Poll::Ready(());
            }
            timer.as_mut().reset(instant);
        }
        Poll::Pending
    }
}

/// How fast answers are taken. Only the time counts in which the other side did not take anything.
#[derive(Default)]
pub(crate) struct Taking {
    waiting_since: Option<Moment>,
    waited_micros: u64,
    taken_bytes: u64,
    alarm: Alarm,
}

impl Taking {
    /// Nothing is taken now. Ready when that was so for too long.
    pub(crate) fn stalled(&mut self, pace: &Pace, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(clock::now);
        let left = (pace.idle_ms * 1_000).saturating_sub(self.waited_micros);
        self.alarm.poll(Moment(since.0.saturating_add(left)), cx)
    }

    /// Some of an answer was taken.
    pub(crate) fn taken(&mut self, size: usize, pace: &Pace) {
        let Some(since) = self.waiting_since.take() else {
            return;
        };
        self.waited_micros += clock::now().micros_since(since);
        self.taken_bytes += size as u64;
        let least = pace.read_bytes_per_s_min.saturating_mul(pace.idle_ms) / 1_000;
        if self.taken_bytes >= least {
            (self.waited_micros, self.taken_bytes) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn time_in_which_nothing_waits_for_the_client_is_not_the_clients() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _guard = runtime.enter();
        let pace = Pace {
            first_byte_ms: 1,
            head_ms: 1,
            idle_ms: 60_000,
            read_bytes_per_s_min: 500,
        };
        let mut cx = Context::from_waker(Waker::noop());
        let mut taking = Taking::default();
        assert!(taking.stalled(&pace, &mut cx).is_pending());
        // All was taken, and nothing is to be written for a while.
        taking.taken(0, &pace);
        let waited = taking.waited_micros;
        std::thread::sleep(std::time::Duration::from_millis(20));
        taking.taken(10, &pace);
        assert_eq!(taking.waited_micros, waited);
        assert!(waited < 10_000, "{waited}");
    }
}
