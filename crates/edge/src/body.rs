//! Bodies: what goes up within its limits, and what comes down with its account.

use std::fs::File;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use policy::{Moment, Reason};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Sleep;

use crate::account::Account;
use crate::clock;
use crate::conversation::Conversation;
use crate::http1::Content as Http1;
use crate::pool::Lease;
use crate::tunnel::Joint;

/// A request's body as it comes.
pub(crate) enum Inbound {
    Empty,
    Http1(Http1),
    Http2(Incoming),
}

impl Inbound {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
        match self {
            Inbound::Empty => Poll::Ready(None),
            Inbound::Http1(content) => {
                let piece = ready!(content.poll(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)).transpose())
            }
            Inbound::Http2(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|_| ())))
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Inbound::Empty => true,
            Inbound::Http1(content) => content.left() == Some(0),
            Inbound::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Inbound::Empty => SizeHint::with_exact(0),
            Inbound::Http1(content) => content
                .left()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Inbound::Http2(incoming) => incoming.size_hint(),
        }
    }
}

/// What may be asked of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadLimits {
    pub(crate) bytes_max: u64,
    pub(crate) time_ms: u64,
    pub(crate) bytes_per_s_min: u64,
    pub(crate) grace_ms: u64,
}

/// What became of a request's body, for who sent it on.
#[derive(Debug)]
pub(crate) struct Sent {
    refused: AtomicU32,
    /// Since when the upstream is waited for, in microseconds; 0 while the client is.
    upstream_since: AtomicU64,
    over: AtomicBool,
}

impl Sent {
    fn new() -> Sent {
        Sent {
            refused: AtomicU32::new(0),
            upstream_since: AtomicU64::new(clock::now().0),
            over: AtomicBool::new(false),
        }
    }

    /// Why it was cut off.
    pub(crate) fn refused(&self) -> Option<Reason> {
        let index = usize::try_from(self.refused.load(Relaxed))
            .ok()?
            .checked_sub(1)?;
        Reason::ALL.get(index).copied()
    }

    /// Since when the upstream lets us wait; none while it is the client who does.
    pub(crate) fn upstream_since(&self) -> Option<Moment> {
        let since = self.upstream_since.load(Relaxed);
        (since > 0).then_some(Moment(since))
    }

    /// Whether nothing more of it will be sent.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    fn refuse(&self, reason: Reason) -> Cut {
        self.refused.store(reason as u32 + 1, Relaxed);
        Cut(reason.as_str())
    }
}

/// A body ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cut(&'static str);

/// A request's body on its way up.
pub(crate) enum Upload {
    Empty,
    Stream(Box<Stream>),
}

pub(crate) struct Stream {
    inner: Inbound,
    limits: UploadLimits,
    taken: u64,
    due: Moment,
    /// The time in which the client let us wait, and what came in it.
    waiting_since: Option<Moment>,
    waited_micros: u64,
    window_bytes: u64,
    timer: Pin<Box<Sleep>>,
    sent: Arc<Sent>,
    conversation: Arc<Conversation>,
}

impl Upload {
    /// The body as it goes up, and what is known of it while it does.
    ///
    /// # Errors
    /// When it is said beforehand that it is too large.
    pub(crate) fn new(
        inner: Inbound,
        limits: UploadLimits,
        conversation: &Arc<Conversation>,
    ) -> Result<(Upload, Option<Arc<Sent>>), Reason> {
        if inner.is_over() {
            return Ok((Upload::Empty, None));
        }
        if inner.size_hint().lower() > limits.bytes_max {
            return Err(Reason::BodyTooLarge);
        }
        let sent = Arc::new(Sent::new());
        let stream = Stream {
            inner,
            limits,
            taken: 0,
            due: clock::now().plus_ms(limits.time_ms),
            waiting_since: None,
            waited_micros: 0,
            window_bytes: 0,
            timer: Box::pin(tokio::time::sleep(Duration::from_millis(limits.grace_ms))),
            sent: sent.clone(),
            conversation: conversation.clone(),
        };
        Ok((Upload::Stream(Box::new(stream)), Some(sent)))
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let polled = self.piece(cx);
        let since = match polled {
            Poll::Pending => 0,
            Poll::Ready(_) => clock::now().0,
        };
        self.sent.upstream_since.store(since, Relaxed);
        if self.inner.is_over() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.sent.over.store(true, Relaxed);
        }
        polled
    }

    fn piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.inner.poll(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.arrived(frame))),
            Poll::Ready(Some(Err(()))) => {
                let why = self.conversation.body_refused();
                let cut = self.sent.refuse(why.unwrap_or(Reason::ClientGone));
                Poll::Ready(Some(Err(cut)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.late(cx));
                Poll::Ready(Some(Err(self.sent.refuse(Reason::BodyTooSlow))))
            }
        }
    }

    fn arrived(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Cut> {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.taken += size;
        if self.taken > self.limits.bytes_max {
            return Err(self.sent.refuse(Reason::BodyTooLarge));
        }
        if let Some(since) = self.waiting_since.take() {
            self.waited_micros += clock::now().micros_since(since);
            self.window_bytes += size;
            let least = self
                .limits
                .bytes_per_s_min
                .saturating_mul(self.limits.grace_ms)
                / 1_000;
            if self.window_bytes >= least {
                (self.waited_micros, self.window_bytes) = (0, 0);
            }
        }
        Ok(frame)
    }

    /// Ready when the client let us wait for too long.
    fn late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(clock::now);
        let left = (self.limits.grace_ms * 1_000).saturating_sub(self.waited_micros);
        let due = Moment(since.0.saturating_add(left)).min(self.due);
        let instant = clock::instant(due);
        if self.timer.deadline() != instant {
            self.timer.as_mut().reset(instant);
        }
        self.timer.as_mut().poll(cx)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Upload::Empty => Poll::Ready(None),
            Upload::Stream(stream) => stream.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Empty => true,
            Upload::Stream(stream) => stream.inner.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Empty => SizeHint::with_exact(0),
            Upload::Stream(stream) => stream.inner.size_hint(),
        }
    }
}

/// A file that is sent piece by piece, each read by another thread when it is wanted.
pub(crate) struct Pieces {
    file: Option<File>,
    left: u64,
    reading: Option<JoinHandle<std::io::Result<(File, Bytes)>>>,
}

const PIECE_BYTES: u64 = 64 << 10;

impl Pieces {
    /// The next `left` bytes of a file.
    pub(crate) fn new(file: File, left: u64) -> Pieces {
        Pieces {
            file: Some(file),
            left,
            reading: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let size = self.left.min(PIECE_BYTES);
        if let Some(file) = self.file.take() {
            self.reading = Some(spawn_blocking(move || read(file, size)));
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(Some(Err(Cut("the file can't be read on"))));
        };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(Some(match read {
            Ok(Ok((_, bytes))) if bytes.is_empty() => Err(Cut("the file became shorter")),
            Ok(Ok((file, bytes))) => {
                self.file = Some(file);
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Ok(bytes)
            }
            _ => Err(Cut("the file can't be read on")),
        }))
    }
}

fn read(mut file: File, size: u64) -> std::io::Result<(File, Bytes)> {
    let mut piece = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    (&mut file).take(size).read_to_end(&mut piece)?;
    Ok((file, piece.into()))
}

/// An answer's body on its way down. Its account is closed when it is dropped, sent or not.
pub(crate) struct Answer {
    content: Content,
    /// So long the tenant's budget of bytes makes it wait.
    pause: Option<Pin<Box<Sleep>>>,
    account: Option<Box<Account>>,
}

enum Content {
    Empty,
    Whole(Bytes),
    File(Box<Pieces>),
    Upstream(Box<Download>),
    Tunnel(Box<Joint>),
}

struct Download {
    inner: Incoming,
    lease: Option<Lease>,
    between_ms: u64,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when a piece is waited for.
    since: Option<Moment>,
    /// Its end has come. A body in chunks doesn't know that itself.
    over: bool,
}

impl From<Content> for Answer {
    fn from(content: Content) -> Answer {
        Answer {
            content,
            pause: None,
            account: None,
        }
    }
}

impl Answer {
    pub(crate) fn empty() -> Answer {
        Content::Empty.into()
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Answer {
        let bytes = bytes.into();
        match bytes.is_empty() {
            true => Content::Empty.into(),
            false => Content::Whole(bytes).into(),
        }
    }

    pub(crate) fn file(pieces: Pieces) -> Answer {
        Content::File(Box::new(pieces)).into()
    }

    /// What an upstream answers; its connection is given back at the end.
    pub(crate) fn upstream(inner: Incoming, lease: Option<Lease>, between_ms: u64) -> Answer {
        let download = Download {
            over: inner.is_end_stream(),
            inner,
            lease,
            between_ms,
            timer: None,
            since: None,
        };
        Content::Upstream(Box::new(download)).into()
    }

    /// The end of a tunnel, for whom HTTP/1 joins with it.
    pub(crate) fn tunnel(joint: Joint) -> Answer {
        Content::Tunnel(Box::new(joint)).into()
    }

    /// The end of the tunnel, if that is what it is.
    pub(crate) fn joint(&mut self) -> Option<Joint> {
        match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Tunnel(joint) => Some(*joint),
            content => {
                self.content = content;
                None
            }
        }
    }

    /// Nothing of it is to be sent, as the request or the status has it.
    pub(crate) fn skip(&mut self) {
        if let Content::Whole(_) | Content::File(_) = self.content {
            self.content = Content::Empty;
        }
    }

    /// The account that is closed with it.
    #[must_use]
    pub(crate) fn on(mut self, account: Box<Account>) -> Answer {
        self.account = Some(account);
        self
    }
}

impl Content {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Content::Empty | Content::Tunnel(_) => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::File(pieces) => {
                let piece = ready!(pieces.poll(cx));
                let piece = piece.map(|piece| piece.map(Frame::data));
                Poll::Ready(piece.map(|piece| piece.map_err(|cut| Broken(cut, None))))
            }
            Content::Upstream(download) => download.poll(cx),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Content::Empty | Content::Tunnel(_) => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::File(pieces) => pieces.left == 0,
            Content::Upstream(download) => download.over,
        }
    }
}

/// An answer broke off, and for what reason if it was the upstream's.
struct Broken(Cut, Option<Reason>);

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.since = None;
                self.over = frame.is_trailers() || self.inner.is_end_stream();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                let cut = Cut("the upstream broke off");
                Poll::Ready(Some(Err(Broken(cut, Some(Reason::UpstreamBroken)))))
            }
            Poll::Ready(None) => {
                self.over = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let since = *self.since.get_or_insert_with(clock::now);
                let due = clock::instant(since.plus_ms(self.between_ms));
                let timer = self
                    .timer
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
                loop {
                    ready!(timer.as_mut().poll(cx));
                    // It was set when an earlier piece came.
                    if timer.deadline() >= due {
                        break;
                    }
                    timer.as_mut().reset(due);
                }
                let cut = Cut("the upstream was silent for too long");
                Poll::Ready(Some(Err(Broken(cut, Some(Reason::UpstreamTooSlow)))))
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        if let Some(account) = &mut this.account {
            account.taken();
        }
        let Some(frame) = ready!(this.content.poll(cx)) else {
            return Poll::Ready(None);
        };
        let Some(account) = &mut this.account else {
            return Poll::Ready(Some(frame.map_err(|Broken(cut, _)| cut)));
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(Broken(cut, reason)) => {
                if let Some(reason) = reason {
                    account.broke(reason);
                }
                return Poll::Ready(Some(Err(cut)));
            }
        };
        let size = frame.data_ref().map_or(0, Bytes::len);
        let wait_ms = account.sent(size);
        if wait_ms > 0 && !this.content.is_over() {
            let wait = tokio::time::sleep(Duration::from_millis(wait_ms));
            this.pause = Some(Box::pin(wait));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty | Content::Tunnel(_) => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::File(pieces) => SizeHint::with_exact(pieces.left),
            Content::Upstream(download) => download.inner.size_hint(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let whole = self.is_end_stream();
        if let Content::Upstream(download) = &mut self.content
            && let Some(lease) = download.lease.take()
            && whole
        {
            lease.give_back();
        }
        if let Some(account) = self.account.take() {
            // Who had as much as was said has all, even if the upstream's end is still on its way.
            account.close(whole || self.size_hint().exact() == Some(0));
        }
    }
}
