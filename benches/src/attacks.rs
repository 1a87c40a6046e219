//! Cheap ways to make an edge refuse: what each refusal costs it, and whoever causes it. An attacker
//! is one thread that does no more than it must; what the kernel does for a side counts as its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::open::Connection;
use crate::proxies::Running;
use crate::rig::{Failed, failed};

/// The edge that is attacked, and where it listens.
#[derive(Debug)]
pub struct Target<'a> {
    pub edge: &'a Running,
    pub program: &'a Path,
    pub state: &'a Path,
    /// In the clear, with HTTP/2.
    pub plain: u16,
    pub tls: u16,
}

/// What somebody does again and again.
#[derive(Clone, Debug)]
pub enum Attack {
    /// A connection from an address.
    Connects(Ipv4Addr),
    /// A connection, when as many as one address may have are open.
    ConnectsBeside(usize),
    /// A request over a connection that is kept.
    Asks(Vec<u8>),
    /// A connection that sends this, and reads until it is closed.
    Sends(Vec<u8>),
    /// A connection that sends piece by piece, each after it heard something of the one before.
    Talks(Vec<Vec<u8>>),
    /// A connection that sends a ClientHello that somebody else made, and leaves when it is answered.
    Greets(Vec<u8>),
}

/// What a refusal cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub refusals: u64,
    pub per_s: f64,
    pub edge_micros: f64,
    pub attacker_micros: f64,
}

impl Cost {
    /// How many times the attacker's cost is the edge's.
    pub fn ratio(&self) -> f64 {
        self.edge_micros / self.attacker_micros
    }
}

/// Attacks for that long, and counts what the edge refused for this reason.
///
/// # Errors
/// When the edge can't be reached, or refused less than half of what was done.
pub fn attack(
    target: &Target<'_>,
    reason: &str,
    attack: &Attack,
    during: Duration,
) -> Result<Cost, Failed> {
    let held = match attack {
        Attack::ConnectsBeside(count) => (0..*count)
            .map(|_| connect(Ipv4Addr::LOCALHOST, target.plain))
            .collect::<Result<Vec<_>, _>>()?,
        _ => Vec::new(),
    };
    let refused_before = refused(target, reason)?;
    let edge_before = all_threads_nanos(target.edge.pid);
    let (done, took, own) = {
        let (target, attack) = ((target.plain, target.tls), attack.clone());
        let attacker = std::thread::spawn(move || {
            let (begun, before) = (Instant::now(), own_nanos());
            let done = repeat(target, &attack, during)?;
            Ok::<_, Failed>((done, begun.elapsed(), own_nanos() - before))
        });
        attacker
            .join()
            .map_err(|_| Failed("the attacker ended".to_owned()))??
    };
    // What it still does for what was sent is its cost as well.
    std::thread::sleep(Duration::from_millis(200));
    let edge = all_threads_nanos(target.edge.pid) - edge_before;
    let refusals = refused(target, reason)? - refused_before;
    drop(held);
    if refusals * 2 < done {
        return Err(Failed(format!(
            "{done} times somebody was to be refused for {reason}, and {refusals} times it was so"
        )));
    }
    Ok(Cost {
        refusals,
        per_s: refusals as f64 / took.as_secs_f64(),
        edge_micros: edge as f64 / 1e3 / refusals as f64,
        attacker_micros: own as f64 / 1e3 / refusals as f64,
    })
}

/// Does it until the time is over. Gives how often.
fn repeat((plain, tls): (u16, u16), attack: &Attack, during: Duration) -> Result<u64, Failed> {
    let end = Instant::now() + during;
    let mut done = 0;
    let mut kept = None;
    while Instant::now() < end {
        match attack {
            Attack::Connects(from) => closed(connect(*from, plain)?),
            Attack::ConnectsBeside(_) => closed(connect(Ipv4Addr::LOCALHOST, plain)?),
            Attack::Asks(request) => {
                let connection = match &mut kept {
                    Some(connection) => connection,
                    none => none.insert(Connection::open(([127, 0, 0, 1], plain).into())?),
                };
                if connection.ask(request).is_err() {
                    kept = None;
                }
            }
            Attack::Sends(bytes) => {
                let mut stream = connect(Ipv4Addr::LOCALHOST, plain)?;
                // Who refuses may close before all was sent.
                let _ = stream.write_all(bytes);
                closed(stream);
            }
            Attack::Talks(pieces) => {
                let mut stream = connect(Ipv4Addr::LOCALHOST, plain)?;
                for piece in pieces {
                    let _ = stream.write_all(piece);
                    if !matches!(stream.read(&mut [0; 16 << 10]), Ok(1..)) {
                        break;
                    }
                }
                closed(stream);
            }
            Attack::Greets(hello) => {
                let mut stream = connect(Ipv4Addr::LOCALHOST, tls)?;
                let _ = stream.write_all(hello);
                let _ = stream.read(&mut [0; 4_096]);
            }
        }
        done += 1;
    }
    Ok(done)
}

/// Reads until the other side has closed.
fn closed(mut stream: TcpStream) {
    let mut piece = [0; 4_096];
    while let Ok(1..) = stream.read(&mut piece) {}
}

/// A connection from that address of this machine.
fn connect(from: Ipv4Addr, port: u16) -> Result<TcpStream, Failed> {
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .map_err(failed("make a socket"))?;
    if from != Ipv4Addr::LOCALHOST {
        rustix::net::bind(&socket, &SocketAddrV4::new(from, 0)).map_err(failed("bind"))?;
    }
    rustix::net::connect(&socket, &to).map_err(failed("connect"))?;
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .map_err(failed("set a time"))?;
    Ok(stream)
}

/// How often an edge refused so far, by reason.
///
/// # Errors
/// When it can't be asked.
pub fn refusals(program: &Path, state: &Path) -> Result<BTreeMap<String, u64>, Failed> {
    let output = Command::new(program)
        .args(["edge", "metrics", "--state-dir"])
        .arg(state)
        .output()
        .map_err(failed("ask the edge"))?;
    if !output.status.success() {
        return Err(Failed("the edge has no metrics".to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("edge_refusals_total{reason=\""));
    let counts = lines.filter_map(|line| {
        let (reason, count) = line.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse().ok()?))
    });
    Ok(counts.collect())
}

fn refused(target: &Target<'_>, reason: &str) -> Result<u64, Failed> {
    let all = refusals(target.program, target.state)?;
    Ok(all.get(reason).copied().unwrap_or(0))
}

/// Time on a processor of all threads of a process, in nanoseconds (proc(5), `schedstat`).
fn all_threads_nanos(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads
        .map(|thread| nanos(&thread.path().join("schedstat")))
        .sum()
}

fn own_nanos() -> u64 {
    // Its own entry is brought up to date when a thread gives its processor away.
    std::thread::yield_now();
    nanos(Path::new("/proc/thread-self/schedstat"))
}

fn nanos(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0)
}

/// The ClientHello that openssl sends to somebody of this name.
///
/// # Errors
/// When openssl can't be run.
pub fn hello(name: &str) -> Result<Vec<u8>, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed("listen"))?;
    let address = listener.local_addr().map_err(failed("listen"))?;
    let mut client = Command::new("openssl")
        .args(["s_client", "-servername", name, "-connect"])
        .arg(address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed("run openssl"))?;
    let (mut stream, _) = listener.accept().map_err(failed("accept"))?;
    // A record: its kind, version and length are five bytes (RFC 8446, 5.1).
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).map_err(failed("hear"))?;
    let length = match hello.as_slice() {
        [_, _, _, high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).map_err(failed("hear"))?;
    let _ = client.kill();
    let _ = client.wait();
    hello.extend(rest);
    Ok(hello)
}

/// A connection of HTTP/2 with so many requests in pieces of ten, each piece taken back with the next
/// (RFC 9113, 6.2 and 6.4).
pub fn resets(host: &str, count: u32) -> Vec<Vec<u8>> {
    const AT_ONCE: u32 = 10;
    let mut pieces = Vec::new();
    let mut piece = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // GET, http, / from the table; the authority is not compressed (RFC 7541, 6.1 and 6.2.2).
    let mut block = vec![0x82, 0x86, 0x84, 0x01, host.len() as u8];
    block.extend_from_slice(host.as_bytes());
    for first in (0..count).step_by(AT_ONCE as usize) {
        for number in first.saturating_sub(AT_ONCE)..first {
            piece.extend_from_slice(&[0, 0, 4, 0x03, 0]);
            piece.extend_from_slice(&(number * 2 + 1).to_be_bytes());
            // CANCEL.
            piece.extend_from_slice(&8_u32.to_be_bytes());
        }
        for number in first..first + AT_ONCE {
            piece.extend_from_slice(&[0, 0, block.len() as u8, 0x01, 0x05]);
            piece.extend_from_slice(&(number * 2 + 1).to_be_bytes());
            piece.extend_from_slice(&block);
        }
        pieces.push(std::mem::take(&mut piece));
    }
    pieces
}
