//! One connection: who is at the other end, what is in progress on it, and the deadlines that
//! hyper does not have: for the first byte, for a peer that takes nothing, for idleness.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::limits::Limits;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process of this machine, on the local socket.
    Local {
        /// The user it runs as, as the kernel says.
        uid: u32,
        /// Whether that is root or the user that runs hereby.
        admitted: bool,
    },
    /// Somebody on the loopback interface.
    Plain(IpAddr),
    /// Somebody over TLS.
    Tls(IpAddr),
}

/// A connection and the requests in progress on it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    busy: Mutex<Busy>,
}

#[derive(Debug)]
struct Busy {
    next: u64,
    /// Requests in progress that must end, and since when.
    running: BTreeMap<u64, Instant>,
    /// Streams of live events.
    endless: usize,
    idle_since: Instant,
}

/// What is to become of a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may stay.
    Stay,
    /// It has been idle for too long: ask it to end.
    Idle,
    /// An answer has not been taken for too long: cut it.
    Stuck,
}

impl Connection {
    pub(crate) fn new(peer: Peer, now: Instant) -> Arc<Connection> {
        let busy = Busy {
            next: 0,
            running: BTreeMap::new(),
            endless: 0,
            idle_since: now,
        };
        Arc::new(Connection {
            peer,
            busy: Mutex::new(busy),
        })
    }

    /// A request begins. It ends when the ticket is dropped.
    pub(crate) fn begin(self: &Arc<Connection>, now: Instant) -> Ticket {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let number = busy.next;
        busy.next += 1;
        busy.running.insert(number, now);
        Ticket {
            connection: self.clone(),
            number,
            endless: false,
        }
    }

    /// What is to become of it.
    pub(crate) fn verdict(&self, limits: &Limits, now: Instant) -> Verdict {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // Numbers only grow, so the first is the oldest.
        if let Some(oldest) = busy.running.values().next() {
            let stuck = now.saturating_duration_since(*oldest) > limits.request_time_max;
            return if stuck { Verdict::Stuck } else { Verdict::Stay };
        }
        let patience = match busy.next {
            0 => limits.first_byte_time_max + limits.head_time_max,
            _ => limits.idle_time_max,
        };
        let idle = now.saturating_duration_since(busy.idle_since) > patience;
        if busy.endless == 0 && idle {
            Verdict::Idle
        } else {
            Verdict::Stay
        }
    }
}

/// A request in progress, until its answer was taken.
#[derive(Debug)]
pub(crate) struct Ticket {
    connection: Arc<Connection>,
    number: u64,
    endless: bool,
}

impl Ticket {
    /// This answer has no end: live events.
    pub(crate) fn never_ends(&mut self) {
        let mut busy = self
            .connection
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if busy.running.remove(&self.number).is_some() {
            busy.endless += 1;
            self.endless = true;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut busy = self
            .connection
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.running.remove(&self.number);
        if self.endless {
            busy.endless -= 1;
        }
        busy.idle_since = Instant::now();
    }
}

/// A byte stream with a deadline for its first byte and for a peer that takes nothing.
pub(crate) struct Watched<S> {
    inner: S,
    first_byte: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
    stall_max: Duration,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S, limits: &Limits) -> Watched<S> {
        Watched {
            inner,
            first_byte: Some(Box::pin(tokio::time::sleep(limits.first_byte_time_max))),
            stalled: None,
            stall_max: limits.write_stall_max,
        }
    }

    /// Passes on what a write came to; pending for too long is an error.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall_max = self.stall_max;
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(too_slow("the peer takes nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if read.is_ready() {
            self.first_byte = None;
        } else if let Some(timer) = &mut self.first_byte
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(too_slow("nothing was sent")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, shut)
    }
}

#[cfg(test)]
mod tests;
