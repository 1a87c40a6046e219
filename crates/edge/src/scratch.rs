//! Where bytes land before they are judged: one place for each thread, so that a connection that
//! waits holds none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

const SCRATCH_BYTES: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// Reads what is there, at most `most` bytes, and shows it. Nothing is shown but an end.
pub(crate) fn read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    most: usize,
    show: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let size = most.min(scratch.len());
        let mut buffer = ReadBuf::new(scratch.get_mut(..size).unwrap_or(&mut []));
        Pin::new(stream)
            .poll_read(cx, &mut buffer)
            .map_ok(|()| show(buffer.filled()))
    })
}

/// The most that is read at once.
pub(crate) const MOST: usize = SCRATCH_BYTES;

/// Throws away what comes. Ready when nothing more will, or it was enough.
pub(crate) fn discard<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    discarded: &mut usize,
) -> Poll<()> {
    while *discarded < LINGER_BYTES_MAX {
        match read(stream, cx, MOST, <[u8]>::len) {
            Poll::Ready(Ok(size @ 1..)) => *discarded += size,
            Poll::Ready(_) => break,
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(())
}

/// What is read of a connection that ends, so that its last answer arrives: closing while there is
/// something unread resets the connection, and the answer with it (RFC 9112, 9.6).
const LINGER_BYTES_MAX: usize = 1 << 20;
