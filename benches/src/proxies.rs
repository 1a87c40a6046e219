//! Reverse proxies side by side: nginx, HAProxy, bare Pingora and hereby's edge, each on the first
//! core, in front of the same nginx, with wrk on the second. What a proxy costs is its own CPU time
//! for each request; how many it answers is what wrk counts.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rig::{Failed, failed};

/// The core that proxies run on, and the one for everything else.
const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";

const START_MAX: Duration = Duration::from_secs(20);

/// A process with what it started, ended with it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Who serves: itself, or its one worker.
    pub pid: u32,
}

impl Running {
    /// Starts it on one core and waits until it listens.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(command: &mut Command, core: &str, port: u16) -> Result<Running, Failed> {
        let mut pinned = Command::new("taskset");
        pinned
            .args(["-c", core])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        let child = pinned
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("start a proxy"))?;
        let pid = child.id();
        let mut running = Running { child, pid };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > START_MAX {
                return Err(Failed(format!("nothing listens on {port}")));
            }
            sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_millis(200));
        if let Some(worker) = worker_of(pid) {
            running.pid = worker;
        }
        Ok(running)
    }

    /// CPU time that it had so far, in microseconds.
    pub fn cpu_micros(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // Behind the name, which may hold anything: fields 14 and 15, in hundredths of a second.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        let field = |place: usize| {
            fields
                .get(place)
                .and_then(|field| field.parse::<u64>().ok())
        };
        (field(11).unwrap_or(0) + field(12).unwrap_or(0)) * 10_000
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.pid)).unwrap_or_default();
        let pages = statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        pages.unwrap_or(0) * 4_096
    }
}

/// The first child of a process, if it has one.
fn worker_of(pid: u32) -> Option<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    fs::read_to_string(path)
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.pid != self.child.id() {
            // Who has a worker ends it. A worker that is ended first is replaced, and the one in its
            // place stays behind and answers in the next run.
            let _ = Command::new("kill")
                .args(["-TERM", &self.child.id().to_string()])
                .status();
            let begun = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < START_MAX {
                sleep(Duration::from_millis(20));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What wrk saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub requests_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub requests: u64,
    pub cpu_micros_each: f64,
    /// Answers that were not 2xx or 3xx, and errors of sockets.
    pub bad: u64,
}

/// Loads a proxy with 64 connections for some seconds.
///
/// # Errors
/// When wrk can't be run, or saw no answer at all.
pub fn load(on: &Running, url: &str, seconds: u32, more: &[&str]) -> Result<Load, Failed> {
    let before = on.cpu_micros();
    let output = Command::new("taskset")
        .args(["-c", OTHER_CORE, "wrk", "-t1", "-c64", "--latency", "-d"])
        .arg(format!("{seconds}s"))
        .args(more)
        .arg(url)
        .output()
        .map_err(failed("run wrk"))?;
    let cpu = on.cpu_micros() - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut load = Load::default();
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["Requests/sec:", rate] => load.requests_per_s = rate.parse().unwrap_or(0.0),
            ["50%", time] => load.p50_ms = milliseconds(time),
            ["99%", time] => load.p99_ms = milliseconds(time),
            [requests, "requests", "in", ..] => load.requests = requests.parse().unwrap_or(0),
            ["Non-2xx", "or", "3xx", "responses:", bad] => load.bad += bad.parse().unwrap_or(0),
            ["Socket", "errors:", rest @ ..] => {
                let numbers = rest
                    .iter()
                    .filter_map(|word| word.trim_matches(',').parse::<u64>().ok());
                load.bad += numbers.sum::<u64>();
            }
            _ => {}
        }
    }
    if load.requests == 0 {
        return Err(Failed(format!("wrk got no answer from {url}: {text}")));
    }
    load.cpu_micros_each = cpu as f64 / load.requests as f64;
    Ok(load)
}

/// CPU time for each of so many connections with a full TLS handshake and one request, opened at an
/// even rate, in microseconds.
///
/// # Errors
/// When not all of them were answered.
pub fn handshakes(on: &Running, url: &str, all: u32, per_10_ms: u32) -> Result<f64, Failed> {
    let before = on.cpu_micros();
    let all = all.to_string();
    // It never resumes a session.
    let output = Command::new("taskset")
        .args(["-c", OTHER_CORE, "h2load", "--h1", "-n", &all, "-c", &all])
        .args(["-r", &per_10_ms.to_string(), "--rate-period", "10ms", url])
        .output()
        .map_err(failed("run h2load"))?;
    let cpu = on.cpu_micros() - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.contains(&format!(" {all} succeeded")) {
        true => Ok(cpu as f64 / all.parse::<f64>().unwrap_or(f64::NAN)),
        false => Err(Failed(format!("not all connections were served: {text}"))),
    }
}

/// Has 64 connections tried for some seconds, whatever becomes of them.
///
/// # Errors
/// When wrk can't be run.
pub fn knock(url: &str, seconds: u32) -> Result<(), Failed> {
    Command::new("taskset")
        .args(["-c", OTHER_CORE, "wrk", "-t1", "-c64", "-d"])
        .arg(format!("{seconds}s"))
        .arg(url)
        .output()
        .map(|_| ())
        .map_err(failed("run wrk"))
}

/// How often an edge has refused for that reason.
///
/// # Errors
/// When it does not say.
pub fn refused(program: &Path, state: &Path, reason: &str) -> Result<u64, Failed> {
    let output = Command::new(program)
        .args(["edge", "top", "--once", "--json", "--state-dir"])
        .arg(state)
        .output()
        .map_err(failed("ask the edge"))?;
    let status: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(failed("read what the edge says"))?;
    let all = status.pointer("/refusals").and_then(|all| all.as_array());
    let pairs = all.into_iter().flatten().filter_map(|pair| {
        let (why, count) = (pair.get(0)?.as_str()?, pair.get(1)?.as_u64()?);
        Some((why, count))
    });
    Ok(pairs
        .filter(|(why, _)| *why == reason)
        .map(|(_, count)| count)
        .sum())
}

fn milliseconds(text: &str) -> f64 {
    let split = text
        .find(|it: char| it.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().unwrap_or(f64::NAN);
    match unit {
        "us" => number / 1_000.0,
        "s" => number * 1_000.0,
        _ => number,
    }
}

/// The nginx behind all of them, with a file of 1 KB.
///
/// # Errors
/// When it does not start.
pub fn upstream(directory: &Path, port: u16) -> Result<Running, Failed> {
    let www = directory.join("www");
    fs::create_dir_all(&www).map_err(failed("make a directory"))?;
    fs::write(www.join("1k"), [b'x'; 1_024]).map_err(failed("write a file"))?;
    let server = format!("listen 127.0.0.1:{port}; root {};", www.display());
    let file = nginx_file(directory, "upstream", &format!("server {{ {server} }}"))?;
    Running::start(Command::new("nginx").arg("-c").arg(file), OTHER_CORE, port)
}

/// A key and a certificate for `localhost`, `key.pem` and `chain.pem`.
///
/// # Errors
/// When openssl makes none.
pub fn certificate(directory: &Path) -> Result<(), Failed> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj"])
        .args(["/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("chain.pem"))
        .output()
        .map_err(failed("run openssl"))?;
    match made.status.success() {
        true => Ok(()),
        false => Err(Failed(String::from_utf8_lossy(&made.stderr).into_owned())),
    }
}

/// nginx as a proxy, in the clear on one port and with TLS on another.
///
/// # Errors
/// When it does not start.
pub fn nginx(directory: &Path, port: u16, tls: u16, to: u16) -> Result<Running, Failed> {
    let pass = "location / { proxy_pass http://behind; proxy_http_version 1.1; \
                proxy_set_header Connection \"\"; }";
    let at = directory.display();
    let file = nginx_file(
        directory,
        "proxy",
        &format!(
            "upstream behind {{ server 127.0.0.1:{to}; keepalive 128; keepalive_requests 100000000; }}\n\
             server {{ listen 127.0.0.1:{port}; {pass} }}\n\
             server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {at}/chain.pem; \
             ssl_certificate_key {at}/key.pem; {pass} }}"
        ),
    )?;
    Running::start(Command::new("nginx").arg("-c").arg(file), PROXY_CORE, port)
}

fn nginx_file(directory: &Path, name: &str, servers: &str) -> Result<PathBuf, Failed> {
    let at = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {at}/{name}-{kind}; "))
        .collect();
    let text = format!(
        "worker_processes 1; daemon off; pid {at}/{name}.pid; error_log {at}/{name}.log;\n\
         events {{ worker_connections 16384; }}\n\
         http {{ access_log off; keepalive_requests 100000000; {temporary}\n{servers} }}\n"
    );
    let file = directory.join(format!("{name}.conf"));
    fs::write(&file, text).map_err(failed("write a configuration"))?;
    Ok(file)
}

/// HAProxy as a proxy.
///
/// # Errors
/// When it does not start.
pub fn haproxy(directory: &Path, port: u16, to: u16) -> Result<Running, Failed> {
    let text = format!(
        "global\n nbthread 1\n maxconn 4096\ndefaults\n mode http\n timeout connect 5s\n \
         timeout client 60s\n timeout server 60s\n http-reuse always\nfrontend f\n \
         bind 127.0.0.1:{port}\n default_backend b\nbackend b\n server s 127.0.0.1:{to}\n"
    );
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text).map_err(failed("write a configuration"))?;
    let mut command = Command::new("haproxy");
    Running::start(command.arg("-db").arg("-f").arg(file), PROXY_CORE, port)
}

/// Builds the bare Pingora proxy beside the workspace, and starts it.
///
/// # Errors
/// When it does not build (it needs cmake) or start.
pub fn pingora(target: &Path, port: u16, to: u16) -> Result<Running, Failed> {
    let target = target.join("peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "-q", "--target-dir"])
        .arg(&target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/pingora"))
        .status()
        .map_err(failed("run cargo"))?;
    if !built.success() {
        return Err(Failed(format!("the Pingora peer was not built: {built}")));
    }
    let program = target.join("release/pingora-peer");
    let to = format!("127.0.0.1:{to}");
    Running::start(
        Command::new(program).args([&port.to_string(), &to]),
        PROXY_CORE,
        port,
    )
}

/// hereby's edge with a configuration, on one thread.
///
/// # Errors
/// When it does not start.
pub fn edge(
    program: &Path,
    directory: &Path,
    name: &str,
    config: &str,
    port: u16,
) -> Result<Running, Failed> {
    let file = directory.join(format!("{name}.toml"));
    fs::write(&file, format!("workers = 1\n{config}")).map_err(failed("write a configuration"))?;
    let state = directory.join(name);
    fs::create_dir_all(&state).map_err(failed("make a directory"))?;
    let mut command = Command::new(program);
    command
        .args(["edge", "--config"])
        .arg(file)
        .arg("--state-dir")
        .arg(state);
    Running::start(&mut command, PROXY_CORE, port)
}
