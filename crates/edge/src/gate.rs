//! Between a socket and HTTP: hands on only bytes that `policy::wire` found well formed, and ends
//! what is too slow. Bytes that are refused become a request of the gate's own, so that HTTP
//! answers it in its turn, after the answers to what came before.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::ReadBufCursor;
use policy::config::{Connection, Http2};
use policy::wire::{self, HeadLimits, Phase};
use policy::{Moment, Reason};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::clock;
use crate::conversation::Conversation;

/// What stands for a head that was refused. The connection ends with its answer.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// How HTTP/2 begins in the clear (RFC 9113, 3.4): no HTTP/1 method begins so.
const PREFACE_START: &[u8] = b"PRI ";

const SCRATCH_BYTES: usize = 16 << 10;
/// What is read of a refused connection, so that its answer arrives.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_MAX: Duration = Duration::from_secs(1);

thread_local! {
    /// Where bytes land before they are judged: one for the thread, so that an idle connection
    /// holds none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

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

enum Wire {
    Undecided,
    Http1(Box<wire::Http1>),
    Http2(Box<wire::Http2>),
}

/// How fast answers are taken. Only the time counts in which the other side did not take anything.
#[derive(Default)]
struct Taking {
    waiting_since: Option<Moment>,
    waited_micros: u64,
    taken_bytes: u64,
}

/// A stream whose bytes were judged.
pub(crate) struct Gate<S> {
    stream: S,
    wire: Wire,
    /// Bytes that came and were not handed on; the first `admitted` may be.
    pending: Vec<u8>,
    given: usize,
    admitted: usize,
    /// When the first byte of what is incomplete came.
    head_since: Option<Moment>,
    ended: bool,
    /// Bytes were refused: nothing after them is handed on.
    refused: bool,
    /// How much was thrown away since, and until when more is.
    lingered: usize,
    linger: Option<Pin<Box<Sleep>>>,
    pace: Pace,
    conversation: Arc<Conversation>,
    timer: Option<Pin<Box<Sleep>>>,
    taking: Taking,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    pub(crate) fn new(stream: S, pace: Pace, conversation: Arc<Conversation>) -> Gate<S> {
        Gate {
            stream,
            wire: Wire::Undecided,
            pending: Vec::new(),
            given: 0,
            admitted: 0,
            head_since: None,
            ended: false,
            refused: false,
            lingered: 0,
            linger: None,
            pace,
            conversation,
            timer: None,
            taking: Taking::default(),
            write_timer: None,
        }
    }

    /// Waits for the first bytes, and says what they speak. With `spoken` that is known already.
    ///
    /// # Errors
    /// A reason when too little came in time; none when nothing came and the stream ended.
    pub(crate) async fn settle(
        &mut self,
        spoken: Option<Version>,
        http2: bool,
        limits: HeadLimits,
        frames: &Http2,
    ) -> Result<Version, Option<Reason>> {
        use tokio::io::AsyncReadExt as _;
        let deadline = clock::instant(clock::now().plus_ms(self.pace.first_byte_ms));
        let mut first = [0_u8; 4];
        let wait = async {
            while self.pending.len() < first.len() {
                match self.stream.read(&mut first).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => self
                        .pending
                        .extend_from_slice(first.get(..read).unwrap_or(&[])),
                }
                let some = self.pending.get(..1).is_some_and(|byte| byte != b"P");
                if spoken.is_some() || some {
                    break;
                }
            }
        };
        if tokio::time::timeout_at(deadline, wait).await.is_err() {
            return Err(Some(Reason::FirstByteTooSlow));
        }
        if self.pending.is_empty() {
            return Err(None);
        }
        self.head_since = Some(clock::now());
        let version = match spoken {
            Some(version) => version,
            None if http2 && self.pending.starts_with(PREFACE_START) => Version::Http2,
            None => Version::Http1,
        };
        self.wire = match version {
            Version::Http1 => Wire::Http1(Box::new(wire::Http1::new(limits))),
            Version::Http2 => {
                let limits = wire::Http2Limits::new(frames, limits.head_bytes_max);
                Wire::Http2(Box::new(wire::Http2::new(limits, clock::now())))
            }
        };
        Ok(version)
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
        match admit(&mut self.wire, &self.pending, &self.conversation) {
            Ok(0) => {
                self.head_since.get_or_insert_with(clock::now);
                Ok(self.ended)
            }
            Ok(admitted) => {
                self.admitted = admitted;
                self.head_since = None;
                Ok(true)
            }
            Err(reason) => self.refuse(reason).map(|()| true),
        }
    }

    /// Answers with a reason, or ends the connection where no answer can stand.
    fn refuse(&mut self, reason: Reason) -> io::Result<()> {
        let between = match &self.wire {
            Wire::Http1(http) => matches!(http.phase(), Phase::Idle | Phase::Head),
            Wire::Http2(_) | Wire::Undecided => false,
        };
        if !between {
            self.conversation.refuse_body(reason);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason.as_str()));
        }
        self.conversation.refuse_next(reason);
        self.pending.clear();
        self.pending.extend_from_slice(STAND_IN);
        (self.given, self.admitted) = (0, STAND_IN.len());
        self.head_since = None;
        self.refused = true;
        Ok(())
    }

    /// What must have happened by when, as things stand.
    fn deadline(&self) -> Option<(Moment, Option<Reason>)> {
        if self.conversation.is_tunnel() {
            return None;
        }
        if let Some(since) = self.head_since {
            return Some((since.plus_ms(self.pace.head_ms), Some(Reason::HeadTooSlow)));
        }
        if matches!(self.wire, Wire::Http2(_)) {
            // A whole connection's rest is its server's to end, with GOAWAY.
            return None;
        }
        let since = self.conversation.idle_since()?;
        Some((since.plus_ms(self.pace.idle_ms), None))
    }

    /// Ready when something is too late.
    fn late(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        loop {
            // A request in progress looks again when it is over, or after a rest's time.
            let (due, why) = self
                .deadline()
                .unwrap_or_else(|| (clock::now().plus_ms(self.pace.idle_ms.max(1_000)), None));
            let instant = clock::instant(due);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(instant)));
            // A later deadline waits for the timer to fire; only an earlier one moves it.
            if timer.deadline() > instant {
                timer.as_mut().reset(instant);
            }
            ready!(timer.as_mut().poll(cx));
            if self.deadline().is_some_and(|(due, _)| due <= clock::now()) {
                return Poll::Ready(why);
            }
            let next = self.deadline().map_or_else(
                || clock::now().plus_ms(self.pace.idle_ms.max(1_000)),
                |(due, _)| due,
            );
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(clock::instant(next));
            }
        }
    }

    /// Ready when an answer is taken too slowly.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.taking.waiting_since.get_or_insert_with(clock::now);
        let left = (self.pace.idle_ms * 1_000).saturating_sub(self.taking.waited_micros);
        let due = clock::instant(Moment(since.0.saturating_add(left)));
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }

    /// Some of an answer was taken.
    fn taken(&mut self, size: usize) {
        if let Wire::Http2(http) = &mut self.wire {
            http.sent(size);
        }
        let Some(since) = self.taking.waiting_since.take() else {
            return;
        };
        self.taking.waited_micros += clock::now().micros_since(since);
        self.taking.taken_bytes += size as u64;
        let least = self
            .pace
            .read_bytes_per_s_min
            .saturating_mul(self.pace.idle_ms)
            / 1_000;
        if self.taking.taken_bytes >= least || self.conversation.is_tunnel() {
            self.taking = Taking::default();
        }
    }

    /// Reads what is there, judges it, and puts what may be handed on into `into`.
    fn fill(&mut self, cx: &mut Context<'_>, into: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.refused && self.admitted == self.given {
                // An end here would end the connection before the answer is written.
                ready!(self.discard(cx));
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            if self.judge()? {
                let admitted = self.pending.get(self.given..self.admitted).unwrap_or(&[]);
                let admitted = admitted.get(..into.remaining()).unwrap_or(admitted);
                into.put_slice(admitted);
                self.given += admitted.len();
                return Poll::Ready(Ok(()));
            }
            let outcome = SCRATCH.with_borrow_mut(|scratch| {
                let room = if self.pending.is_empty() {
                    into.remaining()
                } else {
                    SCRATCH_BYTES
                };
                let size = room.min(scratch.len());
                let mut buffer = ReadBuf::new(scratch.get_mut(..size).unwrap_or(&mut []));
                match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) => Poll::Ready(self.receive(buffer.filled(), into)),
                }
            });
            match outcome {
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => match ready!(self.late(cx)) {
                    Some(reason) => self.refuse(reason)?,
                    None => return Poll::Ready(Ok(())),
                },
            }
        }
    }

    /// Throws away what comes. Ready when nothing more will, or it was enough.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            while self.lingered < LINGER_BYTES_MAX {
                let mut buffer = ReadBuf::new(scratch);
                match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                    Ok(()) if !buffer.filled().is_empty() => self.lingered += buffer.filled().len(),
                    _ => break,
                }
            }
            Poll::Ready(())
        })
    }

    /// Whether the client may still be sending what nobody will read.
    fn is_cut(&self) -> bool {
        let within = match &self.wire {
            Wire::Http1(http) => http.phase() == Phase::Body,
            Wire::Http2(_) | Wire::Undecided => false,
        };
        self.refused || within
    }

    /// Judges what was read just now. False: nothing of it was handed on, look again.
    fn receive(&mut self, bytes: &[u8], into: &mut ReadBufCursor<'_>) -> io::Result<bool> {
        if bytes.is_empty() {
            self.ended = true;
            return Ok(false);
        }
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            return Ok(false);
        }
        match admit(&mut self.wire, bytes, &self.conversation) {
            Ok(size) => {
                if size < bytes.len() {
                    self.pending
                        .extend_from_slice(bytes.get(size..).unwrap_or(&[]));
                }
                if size == 0 {
                    self.head_since = Some(clock::now());
                    return Ok(false);
                }
                into.put_slice(bytes.get(..size).unwrap_or(bytes));
                Ok(true)
            }
            Err(reason) => self.refuse(reason).map(|()| false),
        }
    }
}

/// How many of these bytes may be handed on.
fn admit(wire: &mut Wire, bytes: &[u8], conversation: &Conversation) -> Result<usize, Reason> {
    match wire {
        Wire::Undecided => Ok(0),
        Wire::Http1(http) => {
            if conversation.is_tunnel() {
                http.tunnel();
            }
            let head = matches!(http.phase(), Phase::Idle | Phase::Head);
            let admitted = http.admit(bytes)?;
            if head && admitted > 0 {
                conversation.head();
            }
            Ok(admitted)
        }
        Wire::Http2(http) => http.admit(bytes, clock::now()),
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
        if !self.is_cut() {
            return Poll::Ready(Ok(()));
        }
        // Closing while there is something unread resets the connection, and the answer with it
        // (RFC 9112, 9.6).
        let timer = self
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER_MAX)));
        if timer.as_mut().poll(cx).is_pending() {
            ready!(self.discard(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(size)) => {
                self.taken(size);
                Poll::Ready(Ok(size))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.stalled(cx));
                self.conversation.refuse_body(Reason::BodyTooSlow);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}
