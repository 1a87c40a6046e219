//! Open-loop clients: each request has its time, whether those before it were answered or not, and is
//! late from then on. A closed loop would ask less of whoever is slow, and call that quick.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use store::Rank;

use crate::rig::{Failed, failed};

/// No answer is waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks of a client that keeps many connections busy: at least this, and so long for
/// each of them, so that looking costs little.
const TICK_MIN: Duration = Duration::from_micros(500);
const TICK_EACH: Duration = Duration::from_micros(16);
/// What each connection may have unanswered; what is due beyond is not asked, and counts as lost.
const UNANSWERED_MAX: usize = 512;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Answers with 2xx: how late each was, counted from when its request was due.
    pub good: Vec<Duration>,
    /// Answers with anything else.
    pub refused: u64,
    /// Requests without an answer, and those that could not be asked.
    pub lost: u64,
}

impl Heard {
    /// Adds what another client heard.
    pub fn and(mut self, other: Heard) -> Heard {
        self.good.extend(other.good);
        self.refused += other.refused;
        self.lost += other.lost;
        self
    }

    /// How many there were.
    pub fn asked(&self) -> u64 {
        self.good.len() as u64 + self.refused + self.lost
    }

    /// Of all requests, those that were answered well.
    pub fn share(&self) -> f64 {
        self.good.len() as f64 / self.asked().max(1) as f64
    }
}

/// Requests at a steady rate.
#[derive(Clone, Debug)]
pub struct Pace {
    pub to: SocketAddr,
    /// The whole request; its answer must have a length.
    pub request: Vec<u8>,
    pub per_s: f64,
    pub begin: Instant,
    pub during: Duration,
}

impl Pace {
    /// The time of the n-th request.
    pub(crate) fn due(&self, number: u64) -> Instant {
        self.begin + Duration::from_secs_f64(number as f64 / self.per_s)
    }

    pub(crate) fn count(&self) -> u64 {
        (self.per_s * self.during.as_secs_f64()) as u64
    }
}

/// Keeps this thread, and those that it starts from now on, off the processor that proxies run on.
///
/// # Errors
/// When the kernel does not allow it.
pub fn stand_beside() -> Result<(), Failed> {
    let mut own = rustix::thread::CpuSet::new();
    own.set(1);
    rustix::thread::sched_setaffinity(None, &own).map_err(failed("choose a processor"))
}

/// Has this thread go before others: who measures must not wait for who does harm beside it on the
/// same processor, but for the proxy alone.
///
/// # Errors
/// When the kernel does not allow it.
pub fn go_first() -> Result<(), Failed> {
    Rank::Answers.take().map(|_| ()).map_err(failed("go first"))
}

/// Has this thread give way to all others.
///
/// # Errors
/// When the kernel does not allow it.
pub fn give_way() -> Result<(), Failed> {
    let own = rustix::thread::gettid();
    rustix::process::setpriority_process(Some(own), 19).map_err(failed("give way"))
}

/// Asks over one connection, exactly when it is time; a connection that breaks is opened anew.
///
/// # Errors
/// When nobody can be connected to.
pub fn steady(pace: &Pace) -> Result<Heard, Failed> {
    let mut heard = Heard::default();
    let mut connection = Connection::open(pace.to)?;
    for number in 0..pace.count() {
        let due = pace.due(number);
        sleep(due.saturating_duration_since(Instant::now()));
        match connection.ask(&pace.request) {
            Ok(200..=299) => heard.good.push(due.elapsed()),
            Ok(_) => heard.refused += 1,
            Err(_) => {
                heard.lost += 1;
                connection = Connection::open(pace.to)?;
            }
        }
    }
    Ok(heard)
}

/// A connection with one request at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// # Errors
    /// When nobody listens.
    pub fn open(to: SocketAddr) -> Result<Connection, Failed> {
        let stream = TcpStream::connect(to).map_err(failed("connect"))?;
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
        set.map_err(failed("set up a connection"))?;
        Ok(Connection {
            stream,
            buffer: Vec::with_capacity(16 << 10),
        })
    }

    /// Asks, and reads the whole answer. Gives its status.
    ///
    /// # Errors
    /// When there is none, or it has no length.
    pub fn ask(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.stream.write_all(request)?;
        self.answer()
    }

    /// Reads one answer. Gives its status.
    ///
    /// # Errors
    /// As for [`Connection::ask`].
    pub fn answer(&mut self) -> std::io::Result<u16> {
        loop {
            if let Some((status, length)) = answer(&self.buffer) {
                self.buffer.drain(..length);
                return Ok(status);
            }
            let mut piece = [0; 8_192];
            let size = self.stream.read(&mut piece)?;
            if size == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.buffer
                .extend_from_slice(piece.get(..size).unwrap_or(&[]));
        }
    }
}

/// The first answer in these bytes: its status, and how many bytes it has with its body. None: it is
/// not all there.
pub(crate) fn answer(bytes: &[u8]) -> Option<(u16, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(bytes.get(..head)?).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())
            .flatten()
    });
    let whole = head + 4 + length.unwrap_or(0);
    (bytes.len() >= whole).then_some((status, whole))
}

/// Asks over several connections, with requests one behind the other on each: much load for little
/// time of its own. Ends early when `stop` is set.
///
/// # Errors
/// When nobody can be connected to.
pub fn piped(pace: &Pace, connections: usize, stop: &AtomicBool) -> Result<Heard, Failed> {
    let mut pipes: Vec<Pipe> = (0..connections)
        .map(|_| Pipe::open(pace.to))
        .collect::<Result<_, _>>()?;
    let tick = TICK_MIN.max(TICK_EACH * u32::try_from(connections).unwrap_or(u32::MAX));
    let mut heard = Heard::default();
    let mut asked = 0;
    while asked < pace.count() && !stop.load(Relaxed) {
        let now = Instant::now();
        while asked < pace.count() && pace.due(asked) <= now {
            let place = asked as usize % connections;
            if let Some(pipe) = pipes.get_mut(place) {
                pipe.queue(&pace.request, pace.due(asked), &mut heard);
            }
            asked += 1;
        }
        for pipe in &mut pipes {
            pipe.turn(&mut heard)?;
        }
        sleep(tick);
    }
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end && pipes.iter().any(|pipe| !pipe.due.is_empty()) {
        for pipe in &mut pipes {
            pipe.turn(&mut heard)?;
        }
        sleep(tick);
    }
    heard.lost += pipes.iter().map(|pipe| pipe.due.len() as u64).sum::<u64>();
    Ok(heard)
}

/// One connection that is never waited for.
struct Pipe {
    to: SocketAddr,
    stream: TcpStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
    /// When each request that has no answer was due.
    due: VecDeque<Instant>,
}

impl Pipe {
    fn open(to: SocketAddr) -> Result<Pipe, Failed> {
        let stream = TcpStream::connect(to).map_err(failed("connect"))?;
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_nonblocking(true));
        set.map_err(failed("set up a connection"))?;
        Ok(Pipe {
            to,
            stream,
            out: Vec::new(),
            buffer: Vec::new(),
            due: VecDeque::new(),
        })
    }

    fn queue(&mut self, request: &[u8], due: Instant, heard: &mut Heard) {
        if self.due.len() >= UNANSWERED_MAX {
            heard.lost += 1;
            return;
        }
        self.out.extend_from_slice(request);
        self.due.push_back(due);
    }

    /// Writes and reads what is possible now.
    fn turn(&mut self, heard: &mut Heard) -> Result<(), Failed> {
        if self.write_some().and_then(|()| self.read_some()).is_err() {
            // What it had not answered it never will.
            self.take(heard);
            heard.lost += self.due.len() as u64;
            *self = Pipe::open(self.to)?;
            return Ok(());
        }
        self.take(heard);
        Ok(())
    }

    fn write_some(&mut self) -> std::io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(size) => {
                    self.out.drain(..size);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_some(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 64 << 10];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(size) => self
                    .buffer
                    .extend_from_slice(piece.get(..size).unwrap_or(&[])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Counts the answers that are all there.
    fn take(&mut self, heard: &mut Heard) {
        let mut read = 0;
        while let Some((status, length)) = self.buffer.get(read..).and_then(answer) {
            read += length;
            let Some(due) = self.due.pop_front() else {
                break;
            };
            match status {
                200..=299 => heard.good.push(due.elapsed()),
                _ => heard.refused += 1,
            }
        }
        self.buffer.drain(..read);
    }
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn an_answer_is_taken_when_all_of_it_is_there() {
        let whole = b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(answer(whole), Some((429, whole.len())));
        assert_eq!(answer(&whole[..whole.len() - 1]), None);
        assert_eq!(answer(b"HTTP/1.1 204 No\r\n\r\n"), Some((204, 19)));
        let two = [&whole[..], b"HTTP/1.1 200"].concat();
        assert_eq!(answer(&two), Some((429, whole.len())));
    }
}
