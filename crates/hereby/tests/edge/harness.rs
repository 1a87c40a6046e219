//! Starts an edge, and the servers behind it, on free ports in a directory of their own.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test.
pub(crate) const HEREBY: &str = env!("CARGO_BIN_EXE_hereby");

/// A directory for one test.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            dir: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file and says where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs `hereby edge ARGS` against the edge of this place.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        let mut command = Command::new(HEREBY);
        command
            .arg("edge")
            .args(args)
            .arg("--state-dir")
            .arg(self.path("state"));
        command.output().unwrap()
    }

    /// What the edge says of itself.
    pub(crate) fn status(&self) -> Value {
        let output = self.ask(&["top", "--once", "--json"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How often something was refused for that reason so far.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        let status = self.status();
        let refusals = status["refusals"].as_array().unwrap();
        let found = refusals.iter().find(|pair| pair[0] == reason);
        found.map_or(0, |pair| pair[1].as_u64().unwrap())
    }
}

/// The data directory of a control in this place, with more lines in its configuration.
pub(crate) fn data_dir(place: &Place, more: &str) -> PathBuf {
    let (data, anchor) = (place.path("data"), place.path("anchor"));
    std::fs::create_dir_all(data.join("edge")).unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
    place.write(
        "data/hereby.toml",
        &format!(
            "[record]\norigin = \"test.example/log\"\nanchor = {anchor:?}\nfree_min_mib = 1\n{more}"
        ),
    );
    data
}

/// Runs `hereby ARGS` in a data directory; it must succeed. Gives what it printed.
pub(crate) fn hereby_in(data: &Path, args: &[&str]) -> String {
    let output = Command::new(HEREBY)
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .env_remove("HEREBY_URL")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has Prometheus's own tool judge figures.
pub(crate) fn promtool(figures: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(figures.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("error while linting"), "{said}");
}

/// A port that nobody has. Asked for at the last moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that is ended with the test.
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        Process {
            child: command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        signal_to(self.child.id(), signal);
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal_to(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running edge.
pub(crate) struct Edge {
    pub(crate) process: Process,
    /// Its first listener.
    pub(crate) address: SocketAddr,
}

impl Edge {
    /// Starts an edge on what `edge.toml` in the place says, and waits until it listens there.
    pub(crate) fn start(place: &Place, port: u16) -> Edge {
        Edge::start_as(place, port, &mut Command::new(HEREBY))
    }

    /// The same by a command that is given what the edge is given, and becomes the edge.
    pub(crate) fn start_as(place: &Place, port: u16, command: &mut Command) -> Edge {
        std::fs::create_dir_all(place.path("state")).unwrap();
        let log = std::fs::File::create(place.path("edge.log")).unwrap();
        let process = Process::start(
            command
                .args(["edge", "--config"])
                .arg(place.path("edge.toml"))
                .arg("--state-dir")
                .arg(place.path("state"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut edge = Edge { process, address };
        edge.until_it_listens(place);
        edge
    }

    fn until_it_listens(&mut self, place: &Place) {
        let begun = Instant::now();
        // It listens a moment before it can be asked.
        let there = || place.path("state/edge.sock").exists();
        while TcpStream::connect(self.address).is_err() || !there() {
            let ended = self.process.child.try_wait().unwrap();
            let log = std::fs::read_to_string(place.path("edge.log")).unwrap();
            assert!(ended.is_none(), "the edge ended: {log}");
            assert!(
                begun.elapsed() < PATIENCE,
                "the edge does not listen: {log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A real nginx that serves a directory.
pub(crate) struct Nginx {
    pub(crate) process: Process,
}

impl Nginx {
    /// Starts it on `www` below the place, with more lines for its server block.
    pub(crate) fn start(place: &Place, port: u16, more: &str) -> Nginx {
        let root = place.path("www");
        std::fs::create_dir_all(&root).unwrap();
        let at = place.dir.path().display();
        let mut text = String::new();
        // Its worker writes below the place, whoever runs the test.
        write!(
            text,
            "user root; worker_processes 1; daemon off; pid {at}/nginx-{port}.pid; error_log {at}/nginx-{port}.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 1000000;\n\
             client_body_temp_path {at}/body-{port}; proxy_temp_path {at}/proxy-{port};\n\
             fastcgi_temp_path {at}/f-{port}; uwsgi_temp_path {at}/u-{port}; scgi_temp_path {at}/s-{port};\n\
             server {{ listen 127.0.0.1:{port}; root {}; {more} }} }}\n",
            root.display()
        )
        .unwrap();
        let file = place.write(&format!("nginx-{port}.conf"), &text);
        let process = Process::start(
            Command::new("nginx")
                .arg("-c")
                .arg(&file)
                .stdin(Stdio::null())
                .stderr(Stdio::null()),
        );
        wait_for(port);
        Nginx { process }
    }
}

impl Drop for Nginx {
    /// Killed, its master would leave a worker behind.
    fn drop(&mut self) {
        if matches!(self.process.child.try_wait(), Ok(None)) {
            self.process.signal("-TERM");
            let _ = self.process.child.wait();
        }
    }
}

/// Waits until something listens on that port of this machine.
pub(crate) fn wait_for(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a raw request gets: all bytes until the other side closes, or `time` passes.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8], time: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(time)).unwrap();
    // Who refuses may close before all was sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(size) = stream.read(&mut buffer) {
        if size == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..size]);
    }
    answer
}

/// The status of a raw answer; 0: there was none.
pub(crate) fn status_of(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// Runs curl; panics unless it succeeds, and returns what it printed.
pub(crate) fn curl(args: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "20"])
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "curl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The status that curl saw.
pub(crate) fn curl_status(args: &[&str]) -> u16 {
    let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
    all.extend_from_slice(args);
    curl(&all).trim().parse().unwrap()
}

/// Whether a file is there.
pub(crate) fn is_there(path: &Path) -> bool {
    path.exists()
}
