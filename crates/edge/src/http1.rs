//! HTTP/1 towards clients: one connection, its requests one after another. What comes is judged by
//! `policy::wire` before anything reads it, then read by httparse, another's work, and both must
//! agree; what goes out is written here. A connection that waits holds its socket, its place and a
//! few hundred bytes; all that a request needs begins and ends with it.
//!
//! Uses `serve` for what is answered; used by `listen`.

mod answer;
mod head;
mod line;
mod plug;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::{Request, Response};
use policy::Reason;
use policy::wire::HeadLimits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::body::{Answer, Inbound};
use crate::edge::Draining;
use crate::facts::Facts;
use crate::pace::Pace;
use crate::serve::{self, rest};
use crate::tunnel::{self, Joint};

use answer::Reply;
use line::{End, Line};

pub(crate) use line::Content;

const LINGER_MAX: Duration = Duration::from_secs(1);

/// A connection that is read by the body in progress, and by who waits for the next request.
type Shared<S> = Rc<RefCell<Line<S>>>;

/// Serves a connection to its end. `first`: what of its first request was read already.
pub(crate) async fn serve<S>(
    facts: Rc<Facts>,
    stream: S,
    first: Vec<u8>,
    limits: HeadLimits,
    pace: Pace,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut draining = facts.worker.edge.draining.subscribe();
    let mut requests = pin!(requests(&facts, stream, first, limits, pace));
    if !draining.borrow().begun() {
        tokio::select! {
            () = requests.as_mut() => return,
            _ = draining.wait_for(|now| now.begun()) => {}
        }
    }
    // Whoever asks now is answered, and told that it was the last answer. To close a connection
    // that is merely idle at this moment would lose the request that is on its way.
    facts.conversation.close();
    // Boxed, so that no idle connection holds room for it.
    let last = Box::pin(async {
        tokio::select! {
            // First: what has come already is heard before the connection is closed.
            biased;
            () = requests.as_mut() => {}
            () = rest(&facts.worker.edge, &facts.conversation) => {}
            _ = draining.wait_for(|now| *now == Draining::Now) => {}
        }
    });
    last.await;
}

async fn requests<S>(facts: &Rc<Facts>, stream: S, first: Vec<u8>, limits: HeadLimits, pace: Pace)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let conversation = facts.conversation.clone();
    let line = Line::new(stream, first, limits, pace, conversation);
    let line = Rc::new(RefCell::new(line));
    let _end = Unplugs(Rc::downgrade(&line));
    loop {
        let next = match poll_fn(|cx| line.borrow_mut().poll_head(cx)).await {
            Ok(head) => Box::pin(one(facts, &line, head)).await,
            Err(End::Refused(reason)) => Box::pin(refuse(facts, &line, reason)).await,
            Err(End::Unheard(reason)) => return facts.worker.edge.refusals.add(reason),
            Err(End::Over) => Next::End,
        };
        match next {
            Next::Request if let Some(time) = paused(facts) => Box::pin(rests(&line, time)).await,
            // Who sends many at once has them answered in turn with everybody else's.
            Next::Request if line.borrow().is_ahead() => tokio::task::yield_now().await,
            Next::Request => {}
            Next::End => return Box::pin(close(line)).await,
            Next::Nothing => return,
            Next::Tunnel(joint) => return Box::pin(join(facts, line, *joint)).await,
        }
    }
}

/// For how long nothing is heard: after a refusal for too much to do, of whoever asks for itself.
fn paused(facts: &Facts) -> Option<Duration> {
    let ms = facts.conversation.take_pause_ms();
    (ms > 0 && !facts.trusted).then(|| Duration::from_millis(ms))
}

/// Waits so long, or until the client has gone: its place is free at once.
async fn rests<S>(line: &Shared<S>, time: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        () = sleep(time) => {}
        () = poll_fn(|cx| line.borrow_mut().poll_gone(cx)) => {}
    }
}

/// Pulls the connection out at its end, however that comes: an upstream that answered before it had all
/// of a body may hold on to that.
struct Unplugs<S: AsyncRead + AsyncWrite + Unpin>(Weak<RefCell<Line<S>>>);

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Unplugs<S> {
    fn drop(&mut self) {
        if let Some(line) = self.0.upgrade() {
            line.borrow_mut().unplug();
        }
    }
}

/// What comes after a request.
enum Next {
    /// Another one.
    Request,
    /// The connection's end.
    End,
    /// Nothing, not even that: the other side is gone.
    Nothing,
    /// Another protocol.
    Tunnel(Box<Joint>),
}

/// One request, from its head to the last byte of its answer.
async fn one<S>(facts: &Rc<Facts>, line: &Shared<S>, head: Vec<u8>) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let Some(asked) = head::read(head.into(), line.borrow().lines_max()) else {
        return refuse(facts, line, Reason::HeadMalformed).await;
    };
    let content = line.borrow_mut().begin(asked.expects);
    let body = match content {
        Some(number) => Inbound::Http1(Content::new(line.clone(), number)),
        None => Inbound::Empty,
    };
    let manner = asked.manner;
    let request = Request::from_parts(asked.parts, body);
    let mut answering = pin!(serve::answer(facts.clone(), request));
    let response = poll_fn(|cx| {
        if let Poll::Ready(response) = answering.as_mut().poll(cx) {
            return Poll::Ready(Some(response));
        }
        line.borrow_mut().poll_gone(cx).map(|()| None)
    });
    match response.await {
        Some(response) => reply(line, response, manner).await,
        None => Next::Nothing,
    }
}

/// The answer to what is no request. It is the last one.
async fn refuse<S>(facts: &Rc<Facts>, line: &Shared<S>, reason: Reason) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    line.borrow_mut().end();
    let response = serve::refuse(facts, reason);
    reply(line, response, head::Manner::LAST).await
}

/// Writes an answer.
async fn reply<S>(line: &Shared<S>, response: Response<Answer>, manner: head::Manner) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if line.borrow().in_body() {
        // Who sent it on may have been told to stop just now.
        tokio::task::yield_now().await;
    }
    // Nobody reads the request's body any more: what is left of it is not read as another request.
    let unread = line.borrow().in_body() && Rc::strong_count(line) == 1;
    let mut reply = Reply::new(response, manner, unread);
    let written = poll_fn(|cx| write(&mut reply, line, cx)).await;
    if written.is_err() {
        return Next::Nothing;
    }
    if let Some(joint) = reply.joint() {
        return Next::Tunnel(Box::new(joint));
    }
    let last = reply.is_last();
    drop(reply);
    if last || line.borrow().in_body() {
        return Next::End;
    }
    Next::Request
}

/// Ready when all of the answer is written.
fn write<S>(reply: &mut Reply, line: &Shared<S>, cx: &mut Context<'_>) -> Poll<Result<(), ()>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if reply.fill(cx).is_err() {
            // What was written before is told from a whole answer by the connection's end.
            return Poll::Ready(Err(()));
        }
        let mut line = line.borrow_mut();
        let waiting = reply.waiting();
        if waiting.is_empty() {
            if line.poll_flush(cx)?.is_pending() {
                return Poll::Pending;
            }
            if reply.is_written() {
                return Poll::Ready(Ok(()));
            }
            return line.poll_gone(cx).map(|()| Err(()));
        }
        match line.poll_write(waiting, cx)? {
            Poll::Ready(size) => reply.wrote(size),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Ends a connection so that its last answer arrives.
async fn close<S>(line: Shared<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let unread = line.borrow().is_unread();
    let shut = poll_fn(|cx| line.borrow_mut().poll_shutdown(cx));
    if tokio::time::timeout(LINGER_MAX, shut).await.is_err() || !unread {
        return;
    }
    let mut discarded = 0;
    let discard = poll_fn(|cx| line.borrow_mut().poll_discard(cx, &mut discarded));
    let _ = tokio::time::timeout(LINGER_MAX, discard).await;
}

/// Passes bytes on in both directions.
async fn join<S>(facts: &Rc<Facts>, line: Shared<S>, joint: Joint)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let line = Rc::try_unwrap(line).ok();
    let Some((stream, early)) = line.and_then(|line| line.into_inner().into_parts()) else {
        return;
    };
    facts.conversation.begin();
    tunnel::join(facts, stream, early, joint).await;
    facts.conversation.end();
}
