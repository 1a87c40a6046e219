//! Starts the real binary on a directory of its own and talks to it as a user would: by the
//! command line, or with a few lines of HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test.
pub(crate) const HEREBY: &str = env!("CARGO_BIN_EXE_hereby");

/// A directory for one test: data, anchor, configuration.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

/// A running `hereby serve`. Killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
}

/// What the command line answered.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty place, on the disk that the build is on (never a memory file system).
    pub(crate) fn new() -> Place {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let place = Place { dir };
        std::fs::create_dir(place.data()).unwrap();
        std::fs::set_permissions(
            place.data(),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        place.configure("");
        place
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The record's directory.
    pub(crate) fn record(&self) -> PathBuf {
        self.data().join("record")
    }

    /// The anchor's file.
    pub(crate) fn anchor(&self) -> PathBuf {
        self.dir.path().join("anchor")
    }

    /// Writes `hereby.toml`: the record's place, and what the test wants beside it. `more` may
    /// begin with further keys of `[record]`.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!(
            "[record]\norigin = \"test.example/log\"\nanchor = {:?}\nfree_min_mib = 1\n{more}\n",
            self.anchor()
        );
        std::fs::write(self.data().join("hereby.toml"), text).unwrap();
    }

    /// Starts `hereby serve` on a free port and waits until it takes acts.
    pub(crate) fn serve(&self) -> Server {
        self.serve_under(&[])
    }

    /// The same below another program, such as `strace …`.
    pub(crate) fn serve_under(&self, wrapper: &[&str]) -> Server {
        let (mut server, ready) = self.try_serve(wrapper);
        if !ready {
            let _ = server.child.kill();
            panic!("hereby did not start: {}", self.log());
        }
        server
    }

    /// Starts `hereby serve`; says whether it takes acts. Where it ended instead, the child is
    /// left to be waited for.
    pub(crate) fn try_serve(&self, wrapper: &[&str]) -> (Server, bool) {
        let mut server = self.spawn(wrapper);
        let ready = server.becomes_ready(&self.data().join("http.address"));
        (server, ready)
    }

    /// Starts `hereby serve` and waits for nothing: it has no address yet.
    pub(crate) fn spawn(&self, wrapper: &[&str]) -> Server {
        let _ = std::fs::remove_file(self.data().join("http.address"));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        let mut line: Vec<&str> = wrapper.to_vec();
        line.push(HEREBY);
        let (program, args) = line.split_first().unwrap();
        let child = Command::new(program)
            .args(args)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Server {
            child,
            address: String::new(),
        }
    }

    /// Runs `hereby ARGS` against this place.
    pub(crate) fn hereby(&self, args: &[&str]) -> Said {
        let output = Command::new(HEREBY)
            .args(args)
            .arg("--data-dir")
            .arg(self.data())
            .env_remove("HEREBY_URL")
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Said::of(&output)
    }

    /// Runs `hereby ARGS`, which must succeed, and returns what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let said = self.hereby(args);
        assert_eq!(
            said.code, 0,
            "hereby {args:?}: {}{}",
            said.stdout, said.stderr
        );
        said.stdout
    }

    /// Runs `hereby ARGS --json`, which must succeed, and returns the document.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let text = self.ok(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Issues a token with these scopes for a service and returns its secret.
    pub(crate) fn token(&self, service: &str, scopes: &str) -> String {
        let whom = format!("service:{service}");
        self.ok(&[
            "token",
            "issue",
            "--for",
            &whom,
            "--scope",
            scopes,
            "--expires",
            "1d",
        ])
        .trim()
        .to_owned()
    }

    /// Every act on the record, in order, from the segments themselves.
    pub(crate) fn acts(&self) -> Vec<Value> {
        let entries = self.entries();
        entries
            .iter()
            .map(|entry| serde_json::from_str(entry).unwrap())
            .collect()
    }

    /// Every entry, byte for byte.
    pub(crate) fn entries(&self) -> Vec<String> {
        let mut segments: Vec<PathBuf> = std::fs::read_dir(self.record().join("segments"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .collect();
        segments.sort();
        let mut entries = Vec::new();
        for segment in segments {
            let text = std::fs::read_to_string(segment).unwrap();
            let here = text.lines().filter(|line| line.starts_with("{\"actor\":"));
            entries.extend(here.map(str::to_owned));
        }
        entries
    }

    /// The acts of one kind: `incident.declared`.
    pub(crate) fn acts_of(&self, kind: &str) -> Vec<Value> {
        let versioned = format!("{kind}/");
        let of_kind = |act: &Value| act["kind"].as_str().unwrap().starts_with(&versioned);
        self.acts().into_iter().filter(of_kind).collect()
    }

    /// What the servers of this place logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Server {
    /// The process that was started: `strace` when there is a wrapper.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the clean end. Returns the exit code, or the signal that ended it as
    /// a negative number.
    pub(crate) fn stop(self) -> i32 {
        self.stop_by(rustix::process::Signal::TERM)
    }

    /// Sends this signal, and waits for the clean end.
    pub(crate) fn stop_by(mut self, signal: rustix::process::Signal) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return ended_with(status);
            }
            assert!(started.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it takes acts; says no if it ended, or took too long.
    pub(crate) fn becomes_ready(&mut self, address_file: &Path) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(text) = std::fs::read_to_string(address_file)
                && text.ends_with('\n')
            {
                self.address = text.trim().to_owned();
                if let Ok((status, _)) = self.http("GET", "/readyz", None, "") {
                    return status == 200;
                }
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// One HTTP/1.1 exchange on a connection of its own: status and body.
    pub(crate) fn http(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        http(&self.address, method, path, token, &[], body)
    }
}

/// The exit code, or the signal that ended it as a negative number.
pub(crate) fn ended_with(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .unwrap_or_else(|| -status.signal().unwrap_or(0))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP/1.1 exchange: status and body.
pub(crate) fn http(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    if let Some(token) = token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || std::io::Error::other(format!("no answer: {answer:?}"));
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(broken)?;
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default();
    Ok((status, body))
}

impl Said {
    fn of(output: &Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Waits until `true`, for as long as [`PATIENCE`].
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// How much of a long test to do: `variable` if it is set (soak does), else `usual`.
pub(crate) fn times(variable: &str, usual: usize) -> usize {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// Whether a program is there; a test that needs it says by name what is missing.
pub(crate) fn needs(program: &str, package: &str) {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .unwrap();
    assert!(
        found.status.success(),
        "{program} is missing: apt-get install --no-install-recommends {package}"
    );
}

/// The whole content of a directory, for copies.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}

/// The time on the clock, to the millisecond: `2017-12-21T07:30:00.000Z`.
pub(crate) fn now() -> String {
    in_ms(0)
}

/// The time so many milliseconds from now.
pub(crate) fn in_ms(ms: i64) -> String {
    let now = jiff::Timestamp::now().as_millisecond();
    let at = jiff::Timestamp::from_millisecond(now + ms).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
