//! Bodies: what goes up within its limits, and what comes down with its account.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use policy::{Moment, Reason};
use tokio::time::Sleep;

use crate::account::Account;
use crate::clock;
use crate::conversation::Conversation;
use crate::pool::Lease;

/// What may be asked of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadLimits {
    pub(crate) bytes_max: u64,
    pub(crate) time_ms: u64,
    pub(crate) bytes_per_s_min: u64,
    pub(crate) grace_ms: u64,
}

/// What became of a request's body, for who sent it on.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    refused: AtomicU32,
}

impl Sent {
    /// Why it was cut off.
    pub(crate) fn refused(&self) -> Option<Reason> {
        let index = usize::try_from(self.refused.load(Relaxed))
            .ok()?
            .checked_sub(1)?;
        Reason::ALL.get(index).copied()
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
    inner: Incoming,
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
    pub(crate) fn new(
        inner: Incoming,
        limits: UploadLimits,
        conversation: &Arc<Conversation>,
    ) -> (Upload, Option<Arc<Sent>>) {
        if inner.is_end_stream() {
            return (Upload::Empty, None);
        }
        let sent = Arc::new(Sent::default());
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
        (Upload::Stream(Box::new(stream)), Some(sent))
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.arrived(frame))),
            Poll::Ready(Some(Err(_))) => {
                let why = self.conversation.body_refused();
                Poll::Ready(Some(Err(match why {
                    Some(reason) => self.sent.refuse(reason),
                    None => Cut("the client broke off"),
                })))
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
            Upload::Stream(stream) => stream.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Empty => SizeHint::with_exact(0),
            Upload::Stream(stream) => stream.inner.size_hint(),
        }
    }
}

/// Pieces of a file, read by another thread.
pub(crate) type Pieces = tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>;

/// An answer's body on its way down. Its account is closed when it is dropped, sent or not.
pub(crate) struct Answer {
    content: Content,
    account: Option<Box<Account>>,
}

enum Content {
    Empty,
    Whole(Bytes),
    File { pieces: Pieces, left: u64 },
    Upstream(Box<Download>),
}

struct Download {
    inner: Incoming,
    lease: Option<Lease>,
    between_ms: u64,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when a piece is waited for.
    since: Option<Moment>,
    /// So long the tenant's budget of bytes makes it wait.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Answer {
    pub(crate) fn empty() -> Answer {
        Answer {
            content: Content::Empty,
            account: None,
        }
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Answer {
        let bytes = bytes.into();
        let content = if bytes.is_empty() {
            Content::Empty
        } else {
            Content::Whole(bytes)
        };
        Answer {
            content,
            account: None,
        }
    }

    pub(crate) fn file(pieces: Pieces, size: u64) -> Answer {
        Answer {
            content: Content::File { pieces, left: size },
            account: None,
        }
    }

    /// What an upstream answers; its connection is given back at the end.
    pub(crate) fn upstream(inner: Incoming, lease: Option<Lease>, between_ms: u64) -> Answer {
        let download = Download {
            inner,
            lease,
            between_ms,
            timer: None,
            since: None,
            pause: None,
        };
        Answer {
            content: Content::Upstream(Box::new(download)),
            account: None,
        }
    }

    /// The account that is closed with it.
    #[must_use]
    pub(crate) fn on(mut self, account: Box<Account>) -> Answer {
        self.account = Some(account);
        self
    }
}

impl Download {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        account: Option<&mut Box<Account>>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.since = None;
                let size = frame.data_ref().map_or(0, Bytes::len);
                let wait_ms = account.map_or(0, |account| account.sent(size));
                if wait_ms > 0 {
                    let wait = tokio::time::sleep(Duration::from_millis(wait_ms));
                    self.pause = Some(Box::pin(wait));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(account) = account {
                    account.broke(Reason::UpstreamBroken);
                }
                Poll::Ready(Some(Err(Cut("the upstream broke off"))))
            }
            Poll::Ready(None) => Poll::Ready(None),
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
                if let Some(account) = account {
                    account.broke(Reason::UpstreamTooSlow);
                }
                Poll::Ready(Some(Err(Cut("the upstream was silent for too long"))))
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
        match &mut this.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                if let Some(account) = &mut this.account {
                    account.sent(bytes.len());
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::File { pieces, left } => match ready!(pieces.poll_recv(cx)) {
                Some(Ok(bytes)) => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    if let Some(account) = &mut this.account {
                        account.sent(bytes.len());
                    }
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                Some(Err(_)) => Poll::Ready(Some(Err(Cut("the file can't be read on")))),
                None if *left > 0 => Poll::Ready(Some(Err(Cut("the file became shorter")))),
                None => Poll::Ready(None),
            },
            Content::Upstream(download) => download.poll(cx, this.account.as_mut()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::File { left, .. } => *left == 0,
            Content::Upstream(download) => download.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::File { left, .. } => SizeHint::with_exact(*left),
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
            account.close(whole);
        }
    }
}
