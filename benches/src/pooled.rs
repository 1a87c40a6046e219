//! An open-loop client as browsers and gateways are: one request at a time on each connection, any
//! connection that is free, and a new one when none is. Whoever is slow meets more of them, until no
//! more are allowed.

use std::io::{ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::open::{Heard, Pace, answer};
use crate::rig::{Failed, failed};

/// What is not answered so long after the last request is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks. To wait for each answer would have whoever answers pay for waking us, which nobody
/// does whose clients are elsewhere.
const TICK: Duration = Duration::from_micros(500);
/// What the kernel tells at once.
const EVENTS: usize = 256;

/// Asks at the pace's times over at most so many connections. What finds none is lost.
///
/// # Errors
/// When nobody can be connected to.
pub fn pooled(pace: &Pace, connections: usize) -> Result<Heard, Failed> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed("make an epoll"))?;
    let mut pool = Pool {
        poll,
        most: connections,
        all: Vec::new(),
        free: Vec::new(),
        heard: Heard::default(),
    };
    let end = pace.begin + pace.during + PATIENCE;
    let mut asked = 0;
    loop {
        let now = Instant::now();
        while asked < pace.count() && pace.due(asked) <= now {
            pool.ask(pace, pace.due(asked))?;
            asked += 1;
        }
        let over = asked == pace.count();
        if over && (pool.free.len() == pool.all.len() || now >= end) {
            break;
        }
        sleep(TICK);
        while pool.hear(pace)? == EVENTS {}
    }
    pool.heard.lost += (pool.all.len() - pool.free.len()) as u64;
    Ok(pool.heard)
}

struct Pool {
    poll: OwnedFd,
    most: usize,
    all: Vec<Asks>,
    /// Those that wait for no answer.
    free: Vec<usize>,
    heard: Heard,
}

/// One connection.
struct Asks {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// When the request was due that it waits for.
    due: Option<Instant>,
}

impl Pool {
    fn ask(&mut self, pace: &Pace, due: Instant) -> Result<(), Failed> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.all.len() < self.most => {
                let place = self.all.len();
                let one = self.open(pace, place)?;
                self.all.push(one);
                place
            }
            None => {
                self.heard.lost += 1;
                return Ok(());
            }
        };
        let Some(one) = self.all.get_mut(place) else {
            return Ok(());
        };
        // It fits into an empty socket, or the connection is broken, which reading it tells.
        let _ = one.stream.write(&pace.request);
        one.due = Some(due);
        Ok(())
    }

    fn open(&self, pace: &Pace, place: usize) -> Result<Asks, Failed> {
        let stream = TcpStream::connect(pace.to).map_err(failed("connect"))?;
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_nonblocking(true));
        set.map_err(failed("set up a connection"))?;
        let data = epoll::EventData::new_u64(place as u64);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        epoll::add(&self.poll, &stream, data, flags).map_err(failed("watch a connection"))?;
        Ok(Asks {
            stream,
            buffer: Vec::new(),
            due: None,
        })
    }

    /// Takes what has come; from how many connections.
    fn hear(&mut self, pace: &Pace) -> Result<usize, Failed> {
        let now = Timespec::default();
        let mut room = [const { MaybeUninit::uninit() }; EVENTS];
        let (events, _) = epoll::wait(&self.poll, &mut room, Some(&now))
            .map_err(failed("look at connections"))?;
        for event in &*events {
            let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.turn(place, pace)?;
        }
        Ok(events.len())
    }

    fn turn(&mut self, place: usize, pace: &Pace) -> Result<(), Failed> {
        let Some(one) = self.all.get_mut(place) else {
            return Ok(());
        };
        let is_open = one.read().is_ok();
        if let Some((status, length)) = answer(&one.buffer)
            && let Some(due) = one.due.take()
        {
            one.buffer.drain(..length);
            match status {
                200..=299 => self.heard.good.push(due.elapsed()),
                _ => self.heard.refused += 1,
            }
            self.free.push(place);
        }
        if !is_open {
            if one.due.is_some() {
                self.heard.lost += 1;
                self.free.push(place);
            }
            let new = self.open(pace, place)?;
            if let Some(one) = self.all.get_mut(place) {
                *one = new;
            }
        }
        Ok(())
    }
}

impl Asks {
    fn read(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 8_192];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(size) => {
                    let came = piece.get(..size).unwrap_or(&[]);
                    self.buffer.extend_from_slice(came);
                    if size < piece.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
