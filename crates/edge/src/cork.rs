//! A stream that collects what is written to it and sends it in one piece. A TLS library writes each
//! record as it is made; each piece of its own costs a call and wakes the other side.
//!
//! In a handshake a piece goes out when the other side's next is waited for. What a handshake of TLS 1.3
//! ends with, tickets that nobody needs yet, goes out with what is written next. From then on a piece
//! goes out when it is flushed, or when there is much of it.
//!
//! Used by `listen` below TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much is held at most: a full record of TLS, and what comes before it.
const HELD_BYTES_MAX: usize = 18 << 10;

pub(crate) struct Corked<S> {
    stream: S,
    held: Vec<u8>,
    /// How much of it was sent.
    sent: usize,
    /// In a handshake.
    begins: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Corked<S> {
    /// A stream whose handshake begins.
    pub(crate) fn new(stream: S) -> Corked<S> {
        Corked {
            stream,
            held: Vec::new(),
            sent: 0,
            begins: true,
        }
    }

    /// The handshake is over.
    pub(crate) fn begun(&mut self) {
        self.begins = false;
    }

    /// Ready when nothing is held any more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                size => self.sent += size,
            }
        }
        // A connection that rests holds nothing.
        (self.held, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Whether so much more can be held.
    fn has_room(&self, size: usize) -> bool {
        self.held.len() + size <= HELD_BYTES_MAX
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            return Poll::Ready(read);
        }
        if self.begins {
            // It may be what the other side waits for.
            ready!(self.poll_send(cx))?;
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_room(bytes.len()) {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = slices.iter().map(|slice| slice.len()).sum();
        if self.has_room(size) {
            for slice in slices {
                self.held.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(size));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.begins {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test)
    }

    fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
        let mut context = Context::from_waker(Waker::noop());
        std::pin::pin!(future).poll(&mut context)
    }

    /// What has arrived at the other end by now.
    fn arrived(other: &mut tokio::io::DuplexStream) -> Vec<u8> {
        let mut space = [0; 64 << 10];
        let mut buffer = ReadBuf::new(&mut space);
        let _ = Pin::new(other).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        buffer.filled().to_vec()
    }

    #[test]
    fn pieces_go_out_as_one_when_flushed() {
        run(async {
            let (stream, mut other) = tokio::io::duplex(64 << 10);
            let mut corked = Corked::new(stream);
            corked.begun();
            corked.write_all(b"one ").await.unwrap();
            corked.write_all(b"two").await.unwrap();
            assert_eq!(arrived(&mut other), b"");
            corked.flush().await.unwrap();
            assert_eq!(arrived(&mut other), b"one two");
            assert_eq!(corked.held.capacity(), 0);
        });
    }

    #[test]
    fn in_a_handshake_all_is_sent_when_an_answer_is_waited_for_and_not_before() {
        run(async {
            let (stream, mut other) = tokio::io::duplex(64 << 10);
            let mut corked = Corked::new(stream);
            corked.write_all(b"a hello").await.unwrap();
            corked.flush().await.unwrap();
            assert_eq!(arrived(&mut other), b"");
            // What is there to read already comes first.
            other.write_all(b"x").await.unwrap();
            assert_eq!(corked.read_u8().await.unwrap(), b'x');
            assert_eq!(arrived(&mut other), b"");
            let mut byte = [0];
            let read = corked.read(&mut byte);
            assert!(once(read).is_pending());
            assert_eq!(arrived(&mut other), b"a hello");
            // What it ends with goes with the first answer.
            corked.write_all(b"a ticket, ").await.unwrap();
            corked.flush().await.unwrap();
            corked.begun();
            assert!(once(corked.read(&mut byte)).is_pending());
            assert_eq!(arrived(&mut other), b"");
            corked.write_all(b"an answer").await.unwrap();
            corked.flush().await.unwrap();
            assert_eq!(arrived(&mut other), b"a ticket, an answer");
        });
    }

    #[test]
    fn much_is_not_held_and_nothing_overtakes() {
        run(async {
            let (stream, mut other) = tokio::io::duplex(1 << 20);
            let mut corked = Corked::new(stream);
            corked.write_all(b"first ").await.unwrap();
            let large = vec![b'l'; HELD_BYTES_MAX];
            corked.write_all(&large).await.unwrap();
            let mut all = b"first ".to_vec();
            all.extend_from_slice(&large);
            assert_eq!(arrived(&mut other), all);
            corked.write_all(b"last").await.unwrap();
            corked.shutdown().await.unwrap();
            assert_eq!(arrived(&mut other), b"last");
        });
    }

    #[test]
    fn a_side_that_takes_nothing_is_waited_for_and_loses_nothing() {
        run(async {
            let (stream, mut other) = tokio::io::duplex(10);
            let mut corked = Corked::new(stream);
            corked.begun();
            corked.write_all(&[b'a'; 25]).await.unwrap();
            let mut all = Vec::new();
            loop {
                let sent = once(corked.flush());
                all.extend_from_slice(&arrived(&mut other));
                if sent.is_ready() {
                    break;
                }
            }
            assert_eq!(all, [b'a'; 25]);
        });
    }
}
