//! The real binary: built as it is released, started on a directory of its own, asked over HTTP.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rig::{Failed, failed};
use crate::say;
use crate::scratch::target_dir;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// A running `hereby serve`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: PathBuf,
    address: String,
}

/// Builds `hereby` in the release profile; says where it is. `HEREBY_BENCH_PROGRAM` names one that is
/// there instead, to see whether a benchmark runs.
///
/// # Errors
/// When it does not build.
pub fn build() -> Result<PathBuf, Failed> {
    if let Some(program) = std::env::var_os("HEREBY_BENCH_PROGRAM") {
        let program = PathBuf::from(program);
        say(&format!("measured is {}", program.display()));
        return Ok(program);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "-q", "-p", "hereby"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .map_err(failed("run cargo"))?;
    let program = target_dir().join("release/hereby");
    match built.success() && program.is_file() {
        true => Ok(program),
        false => Err(Failed(format!("hereby was not built: {built}"))),
    }
}

/// Makes a data directory below `directory` and configures it. `origin` of a record that is there,
/// or of one to be made; the anchor is beside it.
///
/// # Errors
/// When a file can't be written.
pub fn configure(data: &Path, origin: &str) -> Result<(), Failed> {
    fs::create_dir_all(data).map_err(failed("make a directory"))?;
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(data, private).map_err(failed("close a directory"))?;
    let anchor = data.with_extension("anchor");
    let text = format!("[record]\norigin = \"{origin}\"\nanchor = {anchor:?}\n");
    fs::write(data.join("hereby.toml"), text).map_err(failed("write the configuration"))
}

impl Server {
    /// Starts it and waits until it takes acts.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn start(program: &Path, data: &Path) -> Result<Server, Failed> {
        let address_file = data.join("http.address");
        let _ = fs::remove_file(&address_file);
        let log = fs::File::create(data.with_extension("log")).map_err(failed("make a log"))?;
        let child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed("start hereby"))?;
        let mut server = Server {
            child,
            data: data.to_owned(),
            address: String::new(),
        };
        let begin = Instant::now();
        while begin.elapsed() < START_MAX {
            let address = fs::read_to_string(&address_file).unwrap_or_default();
            if address.ends_with('\n') {
                server.address = address.trim().to_owned();
                let mut connection = server.tcp()?;
                if connection
                    .ask("GET", "/readyz", &[], "")
                    .is_ok_and(|it| it.0 == 200)
                {
                    return Ok(server);
                }
            }
            sleep(Duration::from_millis(10));
        }
        Err(Failed("hereby did not start within a minute".to_owned()))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Memory of it that is resident, in bytes (proc(5), `VmRSS`).
    ///
    /// # Errors
    /// When it can't be read.
    pub fn resident_bytes(&self) -> Result<u64, Failed> {
        let path = format!("/proc/{}/status", self.pid());
        let text = fs::read_to_string(path).map_err(failed("read a process's status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1_024)
            .ok_or(Failed("no VmRSS is said".to_owned()))
    }

    /// A bearer token for a person, made by the command line.
    ///
    /// # Errors
    /// When the command line does not make one.
    pub fn token(&self, program: &Path, person: &str) -> Result<String, Failed> {
        let output = Command::new(program)
            .args([
                "token",
                "issue",
                "--scope",
                "respond",
                "--expires",
                "1d",
                "--for",
            ])
            .arg(format!("person:{person}"))
            .arg("--data-dir")
            .arg(&self.data)
            .output()
            .map_err(failed("run hereby"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let token = said
            .split_whitespace()
            .find(|word| word.starts_with("hby_"));
        let wrong = String::from_utf8_lossy(&output.stderr);
        token
            .map(str::to_owned)
            .ok_or_else(|| Failed(format!("no token: {said}{wrong}")))
    }

    /// A connection to the local socket.
    ///
    /// # Errors
    /// When there is none.
    pub fn local(&self) -> Result<Connection, Failed> {
        let socket = UnixStream::connect(self.data.join("control.sock"));
        let socket = socket.map_err(failed("connect"))?;
        let reading = socket.try_clone().map_err(failed("connect"))?;
        Ok(Connection::new(Box::new(reading), Box::new(socket)))
    }

    /// A connection over loopback.
    ///
    /// # Errors
    /// When there is none.
    pub fn tcp(&self) -> Result<Connection, Failed> {
        let socket = TcpStream::connect(&self.address).map_err(failed("connect"))?;
        socket.set_nodelay(true).map_err(failed("connect"))?;
        let reading = socket.try_clone().map_err(failed("connect"))?;
        Ok(Connection::new(Box::new(reading), Box::new(socket)))
    }

    /// Stops it as a service manager does, and waits for its end.
    ///
    /// # Errors
    /// When it ends with an error.
    pub fn stop(mut self) -> Result<(), Failed> {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(Failed("a process has no id".to_owned()))?;
        let term = rustix::process::Signal::TERM;
        rustix::process::kill_process(pid, term).map_err(failed("stop hereby"))?;
        let status = self.child.wait().map_err(failed("wait for hereby"))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failed(format!("hereby ended with {status}"))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP/1.1 connection that is kept open.
pub struct Connection {
    reading: BufReader<Box<dyn Read + Send>>,
    writing: Box<dyn Write + Send>,
}

impl Connection {
    fn new(reading: Box<dyn Read + Send>, writing: Box<dyn Write + Send>) -> Connection {
        Connection {
            reading: BufReader::new(reading),
            writing,
        }
    }

    /// One exchange: status and body.
    ///
    /// # Errors
    /// When the connection ends, or the answer has no length.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(u16, String), Failed> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.writing
            .write_all(head.as_bytes())
            .map_err(failed("send"))?;
        let mut status = None;
        let mut length = None;
        loop {
            let mut line = String::new();
            let read = self
                .reading
                .read_line(&mut line)
                .map_err(failed("read an answer"))?;
            let line = line.trim_end();
            if read == 0 {
                return Err(Failed("the connection ended".to_owned()));
            }
            if line.is_empty() {
                break;
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let mut body = vec![0; length.ok_or(Failed("the answer has no length".to_owned()))?];
        self.reading
            .read_exact(&mut body)
            .map_err(failed("read an answer"))?;
        let status = status.ok_or(Failed("the answer has no status".to_owned()))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
