//! How one edge process takes over from another: the listening sockets go to the successor, so that
//! nobody who connects meanwhile is refused. The successor reads its configuration and listens
//! first, and says so; only then the old one stops accepting. One that fails changes nothing.
//!
//! They speak over a pair of Unix sockets, of which the successor has one end as its standard input:
//! the old one writes one line of JSON and the descriptors, the successor answers one line.

use std::io::{self, BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use policy::failover::Saved;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

/// Says to a successor that its standard input is the old edge.
pub const TAKEOVER: &str = "HEREBY_EDGE_TAKEOVER";

/// The kernel takes at most 253 in one message.
const DESCRIPTORS_EACH: usize = 32;
const LINE_BYTES_MAX: u64 = 16 << 20;
/// So long a successor may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(60);

/// What a successor is given besides the sockets. It can't be printed: a secret is in it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Heirloom {
    /// Where the sockets listen, in the order they are given.
    pub(crate) listening: Vec<SocketAddr>,
    /// How each route's failover stands, by its name.
    #[serde(default)]
    pub(crate) failovers: Vec<(String, Saved)>,
    /// Upstreams by name, and which of their servers fail their probes.
    #[serde(default)]
    pub(crate) unhealthy: Vec<(String, Vec<String>)>,
    /// What answers to challenges were asked with: they stay good. It crosses a pair of sockets, and
    /// is nowhere else.
    #[serde(default)]
    pub(crate) challenge_secret: Option<[u8; 32]>,
}

/// Why there is no successor. The old edge goes on.
#[derive(Debug, thiserror::Error)]
pub enum NoSuccessor {
    #[error("the successor can't be started: {0}")]
    Start(io::Error),
    #[error("the successor refused: {0}")]
    Refused(String),
    #[error("the successor ended before it was ready{0}")]
    Ended(String),
    #[error("the successor was not ready within 60 seconds and was ended")]
    TooSlow,
    #[error("this edge was told to stop before the successor was ready")]
    Stopped,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Ready,
    Refused(String),
}

/// A successor that was started and has not taken over yet.
pub(crate) struct Successor {
    child: Child,
    line: UnixStream,
}

impl Successor {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn start(
        program: &Path,
        arguments: &[std::ffi::OsString],
    ) -> Result<Successor, NoSuccessor> {
        let (line, theirs) = UnixStream::pair().map_err(NoSuccessor::Start)?;
        let child = Command::new(program)
            .args(arguments)
            .env(TAKEOVER, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .map_err(NoSuccessor::Start)?;
        Ok(Successor { child, line })
    }

    /// What ends the wait for it early, when it is shut down.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub(crate) fn line(&self) -> io::Result<UnixStream> {
        self.line.try_clone()
    }

    /// Gives it everything and waits until it listens. Called on a thread that may wait.
    ///
    /// # Errors
    /// See [`NoSuccessor`]; it is ended and nothing has changed then.
    pub(crate) fn hand_over(
        mut self,
        heirloom: &Heirloom,
        sockets: &[TcpListener],
    ) -> Result<u32, NoSuccessor> {
        match hand_over(&self.line, heirloom, sockets, &mut self.child) {
            Ok(()) => Ok(self.child.id()),
            Err(error) => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                Err(error)
            }
        }
    }
}

fn hand_over(
    ours: &UnixStream,
    heirloom: &Heirloom,
    sockets: &[TcpListener],
    child: &mut Child,
) -> Result<(), NoSuccessor> {
    let deadline = Instant::now() + READY_MAX;
    let ended = |error: io::Error, child: &mut Child| {
        std::thread::sleep(Duration::from_millis(50));
        match child.try_wait() {
            Ok(Some(status)) => NoSuccessor::Ended(format!(" ({status})")),
            _ if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
            {
                NoSuccessor::TooSlow
            }
            _ => NoSuccessor::Ended(format!(": {error}")),
        }
    };
    ours.set_write_timeout(Some(READY_MAX))
        .map_err(NoSuccessor::Start)?;
    let line = serde_json::to_vec(heirloom).map_err(|error| NoSuccessor::Start(error.into()))?;
    give(ours, &line, sockets).map_err(|error| ended(error, child))?;
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1));
    ours.set_read_timeout(Some(left))
        .map_err(NoSuccessor::Start)?;
    let mut word = String::new();
    let read = BufReader::new(ours)
        .take(LINE_BYTES_MAX)
        .read_line(&mut word);
    match read {
        Ok(0) => Err(ended(io::ErrorKind::UnexpectedEof.into(), child)),
        Ok(_) => match serde_json::from_str(&word) {
            Ok(Word::Ready) => Ok(()),
            Ok(Word::Refused(why)) => Err(NoSuccessor::Refused(why)),
            Err(_) => Err(NoSuccessor::Refused(word)),
        },
        Err(error) => Err(ended(error, child)),
    }
}

/// Writes the line, then the descriptors, some with each byte.
fn give(to: &UnixStream, line: &[u8], sockets: &[TcpListener]) -> io::Result<()> {
    let mut to_write = to;
    to_write.write_all(line)?;
    to_write.write_all(b"\n")?;
    for some in sockets.chunks(DESCRIPTORS_EACH) {
        let descriptors: Vec<BorrowedFd<'_>> = some.iter().map(|one| one.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_EACH))];
        let mut with = SendAncillaryBuffer::new(&mut space);
        if !with.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("too many descriptors for one message"));
        }
        rustix::net::sendmsg(to, &[IoSlice::new(b".")], &mut with, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}

/// The successor's end.
pub(crate) struct Predecessor {
    stream: UnixStream,
}

impl Predecessor {
    /// Its end is the standard input, if the environment says so.
    ///
    /// # Errors
    /// When that is no socket.
    pub(crate) fn there(takeover: bool) -> io::Result<Option<Predecessor>> {
        if !takeover {
            return Ok(None);
        }
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        stream.set_read_timeout(Some(READY_MAX))?;
        Ok(Some(Predecessor { stream }))
    }

    /// Takes what it is given.
    ///
    /// # Errors
    /// When the old edge ended, or speaks another language.
    pub(crate) fn take(&self) -> io::Result<(Heirloom, Vec<TcpListener>)> {
        let mut line = Vec::new();
        // One byte at a time: what comes after the line comes with descriptors.
        let mut byte = [0];
        loop {
            (&self.stream).read_exact(&mut byte)?;
            if byte == *b"\n" {
                break;
            }
            line.extend_from_slice(&byte);
            if line.len() as u64 > LINE_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let heirloom: Heirloom = serde_json::from_slice(&line)?;
        let mut sockets = Vec::with_capacity(heirloom.listening.len());
        while sockets.len() < heirloom.listening.len() {
            let before = sockets.len();
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_EACH))];
            let mut with = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let into = &mut [IoSliceMut::new(&mut byte)];
            rustix::net::recvmsg(&self.stream, into, &mut with, RecvFlags::CMSG_CLOEXEC)?;
            for message in with.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    sockets.extend(descriptors.map(TcpListener::from));
                }
            }
            if sockets.len() == before {
                return Err(io::Error::other("a socket was promised and did not come"));
            }
        }
        Ok((heirloom, sockets))
    }

    /// From now on the old edge accepts nothing.
    ///
    /// # Errors
    /// When it ended.
    pub(crate) fn ready(&self) -> io::Result<()> {
        self.say(&Word::Ready)
    }

    /// The old edge goes on.
    pub(crate) fn refuse(&self, why: &str) {
        // It sees that we end, if it does not hear why.
        let _ = self.say(&Word::Refused(why.to_owned()));
    }

    fn say(&self, word: &Word) -> io::Result<()> {
        let mut line = serde_json::to_vec(word)?;
        line.push(b'\n');
        (&self.stream).write_all(&line)
    }
}
