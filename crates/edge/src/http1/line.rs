//! The bytes of one connection: what came and was not read yet, who may read it, and by when it
//! must have come.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use policy::wire::{HeadLimits, Http1, Phase};
use policy::{Moment, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::clock;
use crate::conversation::Conversation;
use crate::http1::plug::Plug;
use crate::pace::{Alarm, Pace, Taking};
use crate::scratch;

const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Why no request follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client went, or rested for too long.
    Over,
    /// What came is no request: that is answered.
    Refused(Reason),
    /// Nothing came to answer.
    Unheard(Reason),
}

pub(super) struct Line<S> {
    stream: Plug<S>,
    wire: Http1,
    limits: HeadLimits,
    /// What came and was not read yet.
    pending: Vec<u8>,
    /// Nothing more will come.
    ended: bool,
    /// When the first byte of an incomplete head came.
    head_since: Option<Moment>,
    /// Which request it is: a body that outlives its request reads nothing of the next one.
    number: u64,
    /// How much of `GO_ON` is still to be said before a body comes.
    go_on: &'static [u8],
    /// It was said, and may not have gone out yet.
    go_on_held: bool,
    pace: Pace,
    alarm: Alarm,
    taking: Taking,
    /// Who wants to know when a body was read to its end.
    watcher: Option<Waker>,
    /// Who waits for more of a body.
    reader: Option<Waker>,
    conversation: Arc<Conversation>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub(super) fn new(
        stream: S,
        first: Vec<u8>,
        limits: HeadLimits,
        pace: Pace,
        conversation: Arc<Conversation>,
    ) -> Line<S> {
        Line {
            stream: Plug(Some(stream)),
            wire: Http1::new(limits),
            limits,
            pending: first,
            ended: false,
            head_since: None,
            number: 0,
            go_on: &[],
            go_on_held: false,
            pace,
            alarm: Alarm::default(),
            taking: Taking::default(),
            watcher: None,
            reader: None,
            conversation,
        }
    }

    pub(super) fn lines_max(&self) -> usize {
        self.limits.header_lines_max
    }

    /// The next head, whole and well formed.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, End>> {
        loop {
            if !self.pending.is_empty() {
                match self.wire.admit(&self.pending) {
                    Ok(0) => self.begun(),
                    Ok(size) => {
                        let rest = self.pending.split_off(size);
                        return Poll::Ready(Ok(self.complete(rest)));
                    }
                    Err(reason) => return Poll::Ready(Err(End::Refused(reason))),
                }
            }
            if self.ended {
                return Poll::Ready(Err(End::Over));
            }
            let (pending, wire) = (&mut self.pending, &mut self.wire);
            let came = scratch::read(&mut self.stream, cx, scratch::MOST, |bytes| {
                if bytes.is_empty() {
                    return Came::End;
                }
                if pending.is_empty() {
                    match wire.admit(bytes) {
                        Ok(size @ 1..) => {
                            let (head, rest) = bytes.split_at_checked(size).unwrap_or((bytes, &[]));
                            pending.extend_from_slice(rest);
                            return Came::Head(head.to_vec());
                        }
                        Ok(0) => {}
                        Err(reason) => return Came::Bad(reason),
                    }
                }
                pending.extend_from_slice(bytes);
                Came::Some
            });
            match came {
                Poll::Ready(Ok(Came::Head(head))) => {
                    let rest = std::mem::replace(&mut self.pending, head);
                    return Poll::Ready(Ok(self.complete(rest)));
                }
                Poll::Ready(Ok(Came::Bad(reason))) => {
                    return Poll::Ready(Err(End::Refused(reason)));
                }
                Poll::Ready(Ok(Came::Some)) => self.begun(),
                Poll::Ready(Ok(Came::End) | Err(_)) => self.ended = true,
                Poll::Pending => {
                    if self.pending.is_empty() {
                        // Who rests holds no room.
                        self.pending = Vec::new();
                    }
                    return self.late(cx).map(Err);
                }
            }
        }
    }

    /// A head begins.
    fn begun(&mut self) {
        if self.head_since.is_none() {
            self.head_since = Some(clock::now());
            self.conversation.listen();
        }
    }

    /// `pending` is a whole head, and `rest` came behind it.
    fn complete(&mut self, rest: Vec<u8>) -> Vec<u8> {
        self.head_since = None;
        std::mem::replace(&mut self.pending, rest)
    }

    /// Ready when what is waited for should have come by now.
    fn late(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let (due, end) = match (self.head_since, self.number) {
            (Some(since), _) => (
                since.plus_ms(self.pace.head_ms),
                End::Refused(Reason::HeadTooSlow),
            ),
            (None, 0) => (
                self.conversation.rested().plus_ms(self.pace.first_byte_ms),
                End::Unheard(Reason::FirstByteTooSlow),
            ),
            (None, _) => (
                self.conversation.rested().plus_ms(self.pace.idle_ms),
                End::Over,
            ),
        };
        self.alarm.poll(due, cx).map(|()| end)
    }

    /// A request begins: its number, if it has a body.
    pub(super) fn begin(&mut self, expects: bool) -> Option<u64> {
        self.number += 1;
        let body = self.in_body();
        self.go_on = match body && expects && self.pending.is_empty() {
            true => GO_ON,
            false => &[],
        };
        body.then_some(self.number)
    }

    /// The connection is over, whoever still holds on to a body of it.
    pub(super) fn unplug(&mut self) {
        self.end();
        self.stream = Plug(None);
        let waiting = [self.reader.take(), self.watcher.take()];
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    /// Nothing more is read as a request.
    pub(super) fn end(&mut self) {
        self.number += 1;
        self.ended = true;
    }

    /// Whether there is more of the body.
    pub(super) fn in_body(&self) -> bool {
        self.wire.phase() == Phase::Body
    }

    /// Whether some of the next request has come.
    pub(super) fn is_ahead(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether something may have been sent that nobody read.
    pub(super) fn is_unread(&self) -> bool {
        self.ended || self.in_body() || !self.pending.is_empty()
    }

    /// The next piece of a body, none at its end.
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>> {
        let polled = self.poll_piece(cx);
        self.reader = polled.is_pending().then(|| cx.waker().clone());
        // Who knows how long it is does not ask for its end.
        if !self.in_body()
            && let Some(watcher) = self.watcher.take()
        {
            watcher.wake();
        }
        polled
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>> {
        loop {
            if !self.in_body() {
                return Poll::Ready(Ok(None));
            }
            let (content, used) = taken(&mut self.wire, &self.pending);
            self.pending.drain(..used);
            if let Some(found) = self.found(content) {
                return Poll::Ready(found);
            }
            if !self.in_body() {
                continue;
            }
            ready!(self.poll_go_on(cx))?;
            let (pending, wire) = (&mut self.pending, &mut self.wire);
            let came = scratch::read(&mut self.stream, cx, scratch::MOST, |bytes| {
                let (content, used) = taken(wire, bytes);
                pending.extend_from_slice(bytes.get(used..).unwrap_or(&[]));
                (content, bytes.is_empty())
            });
            let (content, end) = ready!(came).map_err(|_| ())?;
            if end {
                self.ended = true;
                return Poll::Ready(Err(()));
            }
            if let Some(found) = self.found(content) {
                return Poll::Ready(found);
            }
        }
    }

    /// What is said of content that was found; none: there was none yet.
    fn found(&self, content: Result<Vec<u8>, Reason>) -> Option<Result<Option<Bytes>, ()>> {
        match content {
            Ok(content) if content.is_empty() => None,
            Ok(content) => Some(Ok(Some(content.into()))),
            Err(reason) => {
                self.conversation.refuse_body(reason);
                Some(Err(()))
            }
        }
    }

    /// Asks for the body, if that is waited for.
    fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while !self.go_on.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, self.go_on);
            let size = ready!(written).map_err(|_| ())?;
            self.go_on = self.go_on.get(size.max(1)..).unwrap_or(&[]);
            self.go_on_held = true;
        }
        if self.go_on_held {
            ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(|_| ())?;
            self.go_on_held = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the client has gone, as far as that can be seen while its request is in progress.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.in_body() {
            // Who reads the body will see it.
            self.watcher = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.ended || !self.pending.is_empty() {
            return Poll::Pending;
        }
        let pending = &mut self.pending;
        let came = scratch::read(&mut self.stream, cx, scratch::MOST, |bytes| {
            pending.extend_from_slice(bytes);
            bytes.is_empty()
        });
        match came {
            Poll::Ready(Ok(false)) | Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(true) | Err(_)) => {
                self.ended = true;
                Poll::Ready(())
            }
        }
    }

    /// Writes some of an answer. An error: the client is gone, or takes it too slowly.
    pub(super) fn poll_write(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Poll<usize>, ()> {
        // What is begun with an answer can't be asked for any more; what was begun is ended.
        if self.go_on.len() == GO_ON.len() {
            self.go_on = &[];
        }
        while !self.go_on.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.go_on) {
                Poll::Ready(Ok(size @ 1..)) => {
                    self.go_on = self.go_on.get(size..).unwrap_or(&[]);
                }
                Poll::Ready(_) => return Err(()),
                Poll::Pending => return self.poll_taken(cx).map(|()| Poll::Pending),
            }
        }
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(size @ 1..)) => {
                self.taking.taken(size, &self.pace);
                Ok(Poll::Ready(size))
            }
            Poll::Ready(_) => Err(()),
            Poll::Pending => self.poll_taken(cx).map(|()| Poll::Pending),
        }
    }

    /// Nothing is taken now. An error: that was so for too long.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        match self.taking.stalled(&self.pace, cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                self.conversation.refuse_body(Reason::BodyTooSlow);
                Err(())
            }
        }
    }

    /// Sees to it that all that was written goes out.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, ()> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                // All was taken: from now on nobody waits for the client.
                self.taking.taken(0, &self.pace);
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(_)) => Err(()),
            Poll::Pending => self.poll_taken(cx).map(|()| Poll::Pending),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>, discarded: &mut usize) -> Poll<()> {
        scratch::discard(&mut self.stream, cx, discarded)
    }

    /// The stream, and what came of it already.
    pub(super) fn into_parts(self) -> Option<(S, Vec<u8>)> {
        Some((self.stream.0?, self.pending))
    }
}

/// What a read gave.
enum Came {
    Head(Vec<u8>),
    Bad(Reason),
    Some,
    End,
}

/// The content of what is there of a body, and of how many bytes it was made. What is wrong is said
/// after what was right before it.
fn taken(wire: &mut Http1, bytes: &[u8]) -> (Result<Vec<u8>, Reason>, usize) {
    let (mut content, mut used) = (Vec::new(), 0);
    while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
        match wire.piece(rest) {
            Ok(piece) if piece.length() == 0 => break,
            Ok(piece) => {
                used += piece.length();
                content
                    .extend_from_slice(rest.get(piece.framing..piece.length()).unwrap_or_default());
            }
            Err(reason) if content.is_empty() => return (Err(reason), used),
            Err(_) => break,
        }
    }
    (Ok(content), used)
}

/// Where a body comes from, whatever it comes over.
trait Source {
    fn poll(&self, number: u64, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>>;
    fn left(&self, number: u64) -> Option<u64>;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Source for RefCell<Line<S>> {
    fn poll(&self, number: u64, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>> {
        let mut line = self.borrow_mut();
        match line.number == number {
            true => line.poll_content(cx),
            false => Poll::Ready(Err(())),
        }
    }

    fn left(&self, number: u64) -> Option<u64> {
        let line = self.borrow();
        match line.number == number {
            true => line.wire.left(),
            false => Some(0),
        }
    }
}

/// A request's body.
pub(crate) struct Content {
    source: Rc<dyn Source>,
    number: u64,
}

impl Content {
    pub(super) fn new<S>(line: Rc<RefCell<Line<S>>>, number: u64) -> Content
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        Content {
            source: line,
            number,
        }
    }

    /// The next piece, none at the end; an error: it breaks off, and the conversation may know why.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ()>> {
        self.source.poll(self.number, cx)
    }

    /// How many bytes are still to come; none: only the end will tell.
    pub(crate) fn left(&self) -> Option<u64> {
        self.source.left(self.number)
    }
}
