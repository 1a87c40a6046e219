//! Between a socket and HTTP/2: hands on only frames that `policy::wire` found well formed and
//! cheap, and ends what is too slow. What it refuses ends the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::ReadBufCursor;
use policy::wire::Http2;
use policy::{Moment, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use crate::clock;
use crate::conversation::Conversation;
use crate::pace::{Alarm, Pace, Taking};
use crate::scratch;

const LINGER_MAX: Duration = Duration::from_secs(1);

/// A stream whose bytes were judged.
pub(crate) struct Gate<S> {
    stream: S,
    wire: Http2,
    /// Bytes that came and were not handed on; the first `admitted` may be.
    pending: Vec<u8>,
    given: usize,
    admitted: usize,
    /// When the first byte of what is incomplete came.
    part_since: Option<Moment>,
    ended: bool,
    /// Bytes were refused: nothing after them is handed on.
    refused: bool,
    pace: Pace,
    conversation: Arc<Conversation>,
    alarm: Alarm,
    taking: Taking,
    linger: Option<Pin<Box<Sleep>>>,
    discarded: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    /// `first`: what was read of it already.
    pub(crate) fn new(
        stream: S,
        first: Vec<u8>,
        wire: Http2,
        pace: Pace,
        conversation: Arc<Conversation>,
    ) -> Gate<S> {
        Gate {
            stream,
            wire,
            part_since: (!first.is_empty()).then(clock::now),
            pending: first,
            given: 0,
            admitted: 0,
            ended: false,
            refused: false,
            pace,
            conversation,
            alarm: Alarm::default(),
            taking: Taking::default(),
            linger: None,
            discarded: 0,
        }
    }

    /// Judges what is pending. True when something may be handed on, or the end was reached.
    fn judge(&mut self) -> io::Result<bool> {
        if self.admitted > self.given {
            return Ok(true);
        }
        self.pending.drain(..self.given);
        (self.given, self.admitted) = (0, 0);
        if self.pending.is_empty() {
            // An idle connection keeps nothing.
            self.pending = Vec::new();
            return Ok(self.ended);
        }
        match self.wire.admit(&self.pending, clock::now()) {
            Ok(0) => {
                self.part_since.get_or_insert_with(clock::now);
                Ok(self.ended)
            }
            Ok(admitted) => {
                self.admitted = admitted;
                self.part_since = None;
                Ok(true)
            }
            Err(reason) => Err(self.refuse(reason)),
        }
    }

    fn refuse(&mut self, reason: Reason) -> io::Error {
        self.refused = true;
        self.conversation.refuse_body(reason);
        io::Error::new(io::ErrorKind::InvalidData, reason.as_str())
    }

    /// Reads what is there, judges it, and puts what may be handed on into `into`.
    fn fill(&mut self, cx: &mut Context<'_>, into: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.judge()? {
                let admitted = self.pending.get(self.given..self.admitted).unwrap_or(&[]);
                let admitted = admitted.get(..into.remaining()).unwrap_or(admitted);
                into.put_slice(admitted);
                self.given += admitted.len();
                return Poll::Ready(Ok(()));
            }
            let (pending, ended) = (&mut self.pending, &mut self.ended);
            let read = scratch::read(&mut self.stream, cx, scratch::MOST, |bytes| {
                pending.extend_from_slice(bytes);
                *ended = bytes.is_empty();
            });
            if read?.is_pending() {
                // A whole connection's rest is its server's to end, with GOAWAY.
                let Some(since) = self.part_since else {
                    return Poll::Pending;
                };
                ready!(self.alarm.poll(since.plus_ms(self.pace.head_ms), cx));
                return Poll::Ready(Err(self.refuse(Reason::HeadTooSlow)));
            }
        }
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(size)) => {
                self.wire.sent(size);
                self.taking.taken(size, &self.pace);
                Poll::Ready(Ok(size))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.taking.stalled(&self.pace, cx));
                self.conversation.refuse_body(Reason::BodyTooSlow);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.fill(cx, &mut buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Write for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if !self.refused {
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        let timer = this
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER_MAX)));
        if timer.as_mut().poll(cx).is_pending() {
            ready!(scratch::discard(&mut this.stream, cx, &mut this.discarded));
        }
        Poll::Ready(Ok(()))
    }
}
