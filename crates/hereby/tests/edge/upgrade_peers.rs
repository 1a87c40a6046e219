//! Who meets an edge while it hands over: an upstream that speaks WebSocket and answers slowly,
//! clients that never tire, and a service manager that listens.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{
    Edge, HEREBY, PATIENCE, Place, Process, eventually, is_there, signal_to, wait_for,
};

/// Pieces of a slow answer, and between two of them.
const PIECES: usize = 40;
const PIECE_BYTES: usize = 8 << 10;
const PIECE_EVERY: Duration = Duration::from_millis(50);

/// An upstream of the test's own: `/slow…` takes two seconds, `/ws…` becomes a tunnel that says back
/// what it hears. Its threads end with the test's process.
pub(crate) fn backend() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // Who goes away ends it.
                let _ = converse(stream);
            });
        }
    });
    port
}

fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let head = head(&mut stream)?;
        let path = head.split(' ').nth(1).unwrap_or("");
        if path.starts_with("/ws") {
            stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            )?;
            let mut buffer = [0; 1024];
            loop {
                let size = stream.read(&mut buffer)?;
                if size == 0 {
                    return Ok(());
                }
                stream.write_all(&buffer[..size])?;
            }
        }
        let length = PIECES * PIECE_BYTES;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        )?;
        for _ in 0..PIECES {
            stream.write_all(&[b'x'; PIECE_BYTES])?;
            std::thread::sleep(PIECE_EVERY);
        }
    }
}

/// Reads up to the end of a head, and not a byte more.
pub(crate) fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// How many bytes a slow answer has.
pub(crate) const SLOW_BYTES: usize = PIECES * PIECE_BYTES;

/// A connection that became a tunnel.
pub(crate) fn websocket(address: SocketAddr) -> TcpStream {
    websocket_with(address, "")
}

/// The same with more fields, each with its line's end.
pub(crate) fn websocket_with(address: SocketAddr, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = format!(
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    );
    stream.write_all(asked.as_bytes()).unwrap();
    let head = head(&mut stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

/// Whether a tunnel says back what it hears.
pub(crate) fn echoes(stream: &mut TcpStream, word: &[u8]) -> bool {
    let mut heard = vec![0; word.len()];
    stream.write_all(word).is_ok() && stream.read_exact(&mut heard).is_ok() && heard == word
}

/// Keeps a tunnel busy until it ends, and says when that was.
pub(crate) fn chat(mut stream: TcpStream) -> JoinHandle<Instant> {
    std::thread::spawn(move || {
        while echoes(&mut stream, b"still there?") {
            std::thread::sleep(Duration::from_millis(20));
        }
        Instant::now()
    })
}

/// A client that opens a connection for each request, until it is told to stop.
pub(crate) struct Opener {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    thread: JoinHandle<Vec<String>>,
}

impl Opener {
    pub(crate) fn start(address: SocketAddr, body: &'static str) -> Opener {
        let (stop, good) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<AtomicU64>::default(),
        );
        let (told, count) = (stop.clone(), good.clone());
        let thread = std::thread::spawn(move || {
            let mut failures = Vec::new();
            while !told.load(SeqCst) {
                match once(address) {
                    Ok(answer) if answer.ends_with(body) => {
                        count.fetch_add(1, SeqCst);
                    }
                    Ok(answer) => failures.push(answer),
                    Err(error) => failures.push(error.to_string()),
                }
                // Each leaves a port behind that nobody may use for a minute.
                std::thread::sleep(Duration::from_millis(2));
            }
            failures
        });
        Opener { stop, good, thread }
    }

    /// How many were answered; none may have failed.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, SeqCst);
        let failures = self.thread.join().unwrap();
        assert!(
            failures.is_empty(),
            "{} failed: {failures:?}",
            failures.len()
        );
        self.good.load(SeqCst)
    }
}

fn once(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// wrk with connections that are kept, for so long.
pub(crate) fn wrk(address: SocketAddr, seconds: usize) -> Process {
    wrk_at(&format!("http://{address}/page"), seconds, &[])
}

pub(crate) fn wrk_at(url: &str, seconds: usize, more: &[&str]) -> Process {
    Process::start(
        Command::new("wrk")
            .args(["-t2", "-c16", "--timeout", "10s"])
            .arg(format!("-d{seconds}s"))
            .args(more)
            .arg(url)
            .stdout(Stdio::piped()),
    )
}

/// Waits for wrk, and wants every request of it answered well. Gives how many there were.
pub(crate) fn unharmed(mut wrk: Process) -> u64 {
    let mut said = String::new();
    let mut out = wrk.child.stdout.take().unwrap();
    out.read_to_string(&mut said).unwrap();
    assert!(wrk.child.wait().unwrap().success(), "{said}");
    assert!(
        !said.contains("Socket errors") && !said.contains("Non-2xx"),
        "{said}"
    );
    let line = said.lines().find(|line| line.contains("requests in"));
    let count = line.and_then(|line| line.split_whitespace().next());
    count.and_then(|count| count.parse().ok()).unwrap()
}

/// An edge process that is nobody's child here, ended with the test.
pub(crate) struct Heir(pub(crate) u32);

impl Heir {
    /// Whether it has ended: gone, or only its parent has not noticed yet.
    pub(crate) fn has_ended(&self) -> bool {
        has_ended(self.0)
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        if !self.has_ended() {
            signal_to(self.0, "-KILL");
        }
    }
}

pub(crate) fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Has the edge of this place upgrade itself; it must say that it did.
pub(crate) fn upgrade(place: &Place) -> Heir {
    let output = place.ask(&["upgrade"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{error}");
    let pid = said.split(' ').nth(1).and_then(|pid| pid.parse().ok());
    Heir(pid.unwrap_or_else(|| panic!("no pid in {said}")))
}

/// Starts an edge that tells this service manager how it is.
pub(crate) fn start_noticed(place: &Place, port: u16, manager: &Manager) -> Edge {
    std::fs::create_dir_all(place.path("state")).unwrap();
    let log = std::fs::File::create(place.path("edge.log")).unwrap();
    let process = Process::start(
        Command::new(HEREBY)
            .args(["edge", "--config"])
            .arg(place.path("edge.toml"))
            .arg("--state-dir")
            .arg(place.path("state"))
            .env("NOTIFY_SOCKET", &manager.path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log),
    );
    wait_for(port);
    eventually("it can be asked", || {
        is_there(&place.path("state/edge.sock"))
    });
    Edge {
        process,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
    }
}

/// What listens where a service manager would.
pub(crate) struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    /// In a directory of its own: such a path may have 107 bytes.
    pub(crate) fn new(dir: &Path) -> Manager {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, path }
    }

    /// The next thing that it is told.
    pub(crate) fn told(&self) -> String {
        let mut buffer = [0; 4096];
        let size = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..size]).into_owned()
    }
}

/// The inodes of the sockets that listen on these ports.
pub(crate) fn listener_inodes(ports: &[u16]) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let find = |port: &u16| {
        let local = format!("0100007F:{port:04X}");
        let row = table.lines().find_map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            (fields[1] == local && fields[3] == "0A").then(|| fields[9].to_owned())
        });
        row.unwrap_or_else(|| panic!("nobody listens on {port}"))
    };
    ports.iter().map(find).collect()
}

/// Whether a process holds this socket.
pub(crate) fn holds(pid: u32, inode: &str) -> bool {
    let socket = format!("socket:[{inode}]");
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|one| std::fs::read_link(one.path()).ok())
        .any(|to| to.to_string_lossy() == socket)
}

/// Waits until a process of ours has ended.
pub(crate) fn ends(edge: &mut Edge) -> Option<i32> {
    eventually("the edge ends", || {
        edge.process.child.try_wait().unwrap().is_some()
    });
    edge.process.child.wait().unwrap().code()
}
