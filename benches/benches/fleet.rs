//! How soon edges follow: a trigger that fires until the last of a thousand simulated edges is back on what
//! ran before; `hereby rollback` until the last of six real ones answers so; what a swap does to a busy edge;
//! and what a thousand edges that have nothing to do cost control.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use benches::flock::{Shared, Simulated, token};
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::server::{Server, build, configure};
use benches::{Goal, quantile, report, rounds, say};
use record::hash::Hash;
use tokio::sync::mpsc;

/// Simulated edges; the first of them is the one that goes first.
const FLOCK: usize = 1_000;
const REAL: usize = 6;
/// How long they are watched while nothing happens.
const IDLE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(150);

const TEMPLATE: &str = "name = \"bench\"\nwatch_ms = 60000\n[[stage]]\nreach = \"internal\"\n\
    time_ms_min = 10000\nrequests_min = 1\n[[stage]]\nreach = \"all\"\n[[trigger]]\nname = \"errors\"\n\
    measure = \"errors\"\ncompare = true\nmost_ppm = 100000\nrequests_min = 50\n";

fn main() {
    if let Err(Failed(why)) = run() {
        say(&format!("fleet: {why}"));
        std::process::exit(1);
    }
}

fn run() -> Result<(), Failed> {
    let program = build()?;
    real(&program)?;
    simulated(&program)
}

/// A control in a directory of its own.
struct Control {
    program: PathBuf,
    data: PathBuf,
    at: PathBuf,
    server: Server,
    _directory: tempfile::TempDir,
}

impl Control {
    fn start(program: &Path) -> Result<Control, Failed> {
        let directory = scratch().map_err(failed("make a directory"))?;
        let at = directory.path().to_owned();
        let data = at.join("data");
        configure(&data, "bench.example/log")?;
        let server = Server::start(program, &data)?;
        fs::write(at.join("template.toml"), TEMPLATE).map_err(failed("write"))?;
        Ok(Control {
            program: program.to_owned(),
            data,
            at,
            server,
            _directory: directory,
        })
    }

    fn says(&self, args: &[&str]) -> Result<String, Failed> {
        let output = Command::new(&self.program)
            .args(args)
            .arg("--data-dir")
            .arg(&self.data)
            .stdin(Stdio::null())
            .output()
            .map_err(failed("run hereby"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Failed(format!(
                "{args:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }

    fn path(&self, name: &str) -> String {
        self.at.join(name).display().to_string()
    }

    fn deploy(&self, name: &str) -> Result<(), Failed> {
        let directory = self.at.join(name);
        fs::create_dir_all(&directory).map_err(failed("make a directory"))?;
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[tenant]]\nname = \"shop\"\nhosts = [\"*\"]\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"{name}\" }}\n"
        );
        fs::write(directory.join("edge.toml"), text).map_err(failed("write"))?;
        let template = self.path("template.toml");
        self.says(&[
            "deploy",
            &self.path(name),
            "--template",
            &template,
            "-m",
            name,
        ])
        .map(drop)
    }

    fn until(&self, standing: &str) -> Result<(), Failed> {
        let begun = Instant::now();
        loop {
            let shown = self.says(&["history", "--json"])?;
            let shown: serde_json::Value =
                serde_json::from_str(&shown).map_err(failed("read the history"))?;
            let is = shown
                .pointer("/items/0/standing")
                .and_then(|it| it.as_str());
            if is == Some(standing) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failed(format!("it is not {standing}: {is:?}")));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// CPU time so far, in seconds.
    fn cpu_s(&self) -> Result<f64, Failed> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.pid()))
            .map_err(failed("read proc"))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = |place: usize| fields.get(place).and_then(|it| it.parse::<f64>().ok());
        Ok((ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0)
    }
}

/// A process that ends with the benchmark.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn port() -> Result<u16, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed("find a port"))?;
    Ok(listener.local_addr().map_err(failed("find a port"))?.port())
}

/// What is answered on that port; none: nobody is there, or something went wrong.
fn answer(port: u16) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_nodelay(true).ok()?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// `hereby rollback VERSION`, typed, until every one of six edges answers with that version.
fn real(program: &Path) -> Result<(), Failed> {
    let control = Control::start(program)?;
    let (ports, _edges) = edges(program, &control)?;
    let versions = two_versions(&control, &ports)?;
    let mut seen = Seen::default();
    for round in 0..rounds() * 8 {
        let Some(version) = versions.get(round % 2) else {
            break;
        };
        // What was gone back from the last time may come back: that is not measured.
        if round > 0 {
            control.says(&["lease", "lift", &version.1, "-m", "the next round"])?;
        }
        seen.round(program, &control, &ports, version)?;
    }
    seen.said();
    Ok(())
}

/// Real edges, enrolled and started: where each listens.
fn edges(program: &Path, control: &Control) -> Result<(Vec<u16>, Vec<Ends>), Failed> {
    let (mut ports, mut edges) = (Vec::new(), Vec::new());
    for number in 0..REAL {
        let (cell, ring) = match number {
            0 => ("office", "internal"),
            1..3 => ("eu-1", "serving"),
            _ => ("eu-2", "serving"),
        };
        // The first of a cell makes it.
        let _ = control.says(&["cell", "define", cell, "--ring", ring]);
        let (name, own) = (format!("real-{number}"), port()?);
        let (token, state) = (control.path(&format!("{name}.token")), control.path(&name));
        control.says(&["edge", "invite", &name, "--cell", cell, "--output", &token])?;
        let url = format!("http://{}", control.server.address());
        let enrolled = Command::new(program)
            .args([
                "edge",
                "enroll",
                &name,
                "--state-dir",
                &state,
                "--url",
                &url,
            ])
            .args(["--token-file", &token])
            .output()
            .map_err(failed("enroll"))?;
        if !enrolled.status.success() {
            return Err(Failed(
                String::from_utf8_lossy(&enrolled.stderr).into_owned(),
            ));
        }
        let edge = Command::new(program)
            .args([
                "edge",
                "--state-dir",
                &state,
                "--listen",
                &format!("127.0.0.1:{own}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("start an edge"))?;
        ports.push(own);
        edges.push(Ends(edge));
    }
    Ok((ports, edges))
}

/// Two versions that were fully deployed: what each answers, and its digest.
fn two_versions(control: &Control, ports: &[u16]) -> Result<[(&'static str, String); 2], Failed> {
    let load = |port: u16, stop: Arc<std::sync::atomic::AtomicBool>| {
        std::thread::spawn(move || {
            while !stop.load(Relaxed) {
                let _ = answer(port);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let loads: Vec<_> = ports.iter().map(|port| load(*port, stop.clone())).collect();
    for name in ["one", "two"] {
        control.deploy(name)?;
        control.until("completed")?;
    }
    stop.store(true, Relaxed);
    loads.into_iter().for_each(|load| drop(load.join()));
    let shown = control.says(&["versions", "--json"])?;
    let shown: serde_json::Value = serde_json::from_str(&shown).map_err(failed("read versions"))?;
    let digest = |place: usize| {
        let version = shown.pointer(&format!("/items/{place}/version"));
        version.and_then(|it| it.as_str()).unwrap_or("").to_owned()
    };
    Ok([("one", digest(1)), ("two", digest(0))])
}

/// How long things took.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    /// Requests while nothing happens.
    quiet: Vec<Duration>,
    /// Requests until an edge answers with the other version.
    busy: Vec<Duration>,
}

impl Seen {
    fn round(
        &mut self,
        program: &Path,
        control: &Control,
        ports: &[u16],
        (name, version): &(&str, String),
    ) -> Result<(), Failed> {
        let begun = Instant::now();
        let typed = Command::new(program)
            .args(["rollback", version, "--no-wait", "-m", "a round"])
            .arg("--data-dir")
            .arg(&control.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("roll back"))?;
        let typed = Ends(typed);
        let mut waiting: Vec<u16> = ports.to_vec();
        while !waiting.is_empty() {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(Failed("edges do not follow".to_owned()));
            }
            for own in waiting.clone() {
                let asked = Instant::now();
                let said = answer(own);
                self.busy.push(asked.elapsed());
                let said = said.ok_or(Failed("a request failed in a swap".to_owned()))?;
                waiting.retain(|port| *port != own || said != *name);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.times.push(begun.elapsed());
        drop(typed);
        for own in ports.iter().cycle().take(ports.len() * 200) {
            let asked = Instant::now();
            let _ = answer(*own);
            self.quiet.push(asked.elapsed());
        }
        Ok(())
    }

    fn said(&mut self) {
        let (times, busy, quiet) = (&mut self.times, &mut self.busy, &mut self.quiet);
        let p99 = quantile(times, 0.99).as_secs_f64() * 1_000.0;
        say(&format!(
            "rollback typed until all of {REAL} edges answer so: half within {:.0} ms, of {}",
            quantile(times, 0.5).as_secs_f64() * 1_000.0,
            times.len()
        ));
        report(
            "fleet: rollback typed until all of 6 real edges answer so, p99",
            "ms",
            &[p99],
            Goal::AtMost(1_500.0),
        );
        let more = quantile(busy, 0.99).as_secs_f64() - quantile(quiet, 0.99).as_secs_f64();
        report(
            "fleet: what swaps add to p99 of requests, none of which failed",
            "ms",
            &[more * 1_000.0],
            Goal::AtMost(1.0),
        );
    }
}

/// A thousand simulated edges: what they cost while nothing happens, and how soon they are back.
fn simulated(program: &Path) -> Result<(), Failed> {
    let control = Control::start(program)?;
    control.says(&["cell", "define", "office", "--ring", "internal"])?;
    control.says(&["cell", "define", "all"])?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start a runtime"))?;
    let mut local = control.server.local()?;
    for number in 0..FLOCK {
        let name = format!("sim-{number}");
        let cell = if number == 0 { "office" } else { "all" };
        let args = serde_json::json!({
            "cell": cell, "edge": name, "hash": token(&name).1.to_string(),
            "expires_at": in_an_hour(),
        });
        let key = format!("bench/invite/{number}");
        let headers = [
            ("idempotency-key", key.as_str()),
            ("content-type", "application/json"),
        ];
        let body = args.to_string();
        let (status, answer) =
            local.ask("POST", "/api/v1/commands/edge.invite", &headers, &body)?;
        if status != 200 {
            return Err(Failed(answer));
        }
    }
    let address = control
        .server
        .address()
        .parse()
        .map_err(failed("read an address"))?;
    let shared = Arc::new(Shared::default());
    runtime.block_on(async {
        let (changed, mut changes) = mpsc::unbounded_channel::<(Hash, Instant)>();
        let local = tokio::task::LocalSet::new();
        let flock = async {
            for number in 0..FLOCK {
                let mut edge = Simulated::enroll(number, address, shared.clone()).await?;
                let changed = changed.clone();
                tokio::task::spawn_local(async move {
                    loop {
                        match edge.second().await {
                            Ok(Some(change)) => drop(changed.send(change)),
                            Ok(None) => {}
                            Err(Failed(why)) => return say(&format!("an edge ended: {why}")),
                        }
                        tokio::time::sleep(edge.pause()).await;
                    }
                });
            }
            measured(&control, &shared, &mut changes).await
        };
        local.run_until(flock).await
    })
}

fn in_an_hour() -> String {
    let output = Command::new("date")
        .args(["-u", "-d", "1 hour", "+%Y-%m-%dT%H:%M:%S.000Z"])
        .output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

async fn idle(control: &Control, shared: &Shared) -> Result<(f64, f64, f64), Failed> {
    let (cpu, reports) = (control.cpu_s()?, shared.reports.load(Relaxed));
    let (sent, received) = (shared.sent.load(Relaxed), shared.received.load(Relaxed));
    tokio::time::sleep(IDLE).await;
    let count = (shared.reports.load(Relaxed) - reports).max(1) as f64;
    let cpu = (control.cpu_s()? - cpu) * 1e6 / count;
    let each = |now: u64, before: u64| (now - before) as f64 / count;
    Ok((
        cpu,
        each(shared.sent.load(Relaxed), sent),
        each(shared.received.load(Relaxed), received),
    ))
}

async fn measured(
    control: &Control,
    shared: &Shared,
    changes: &mut mpsc::UnboundedReceiver<(Hash, Instant)>,
) -> Result<(), Failed> {
    let before = idle(control, shared).await?;
    control.deploy("first")?;
    followed(changes, FLOCK).await?;
    tokio::time::sleep(Duration::from_secs(62)).await;
    let mut all = Vec::new();
    for round in 0..rounds() {
        control.deploy(&format!("bad-{round}"))?;
        followed(changes, FLOCK).await?;
        // All run it by now, and it begins to fail.
        shared.fails.store(true, Relaxed);
        let begun = Instant::now();
        let times = followed(changes, FLOCK).await?;
        shared.fails.store(false, Relaxed);
        let mut late: Vec<Duration> = times.iter().map(|at| at.duration_since(begun)).collect();
        all.push(quantile(&mut late, 0.99).as_secs_f64() * 1_000.0);
        say(&format!(
            "round {round}: the last of {FLOCK} was back after {:.0} ms",
            quantile(&mut late, 1.0).as_secs_f64() * 1_000.0
        ));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    report(
        "fleet: from the first failing report until an edge of 1,000 is back, p99",
        "ms",
        &all,
        Goal::AtMost(2_500.0),
    );
    let after = idle(control, shared).await?;
    say(&format!(
        "an edge with nothing to do costs control {:.0} µs of CPU a report ({:.0} before any version), {:.0} \
         bytes in and {:.0} out ({:.0} and {:.0} before)",
        after.0, before.0, after.1, after.2, before.1, before.2
    ));
    report(
        "fleet: CPU of control for 1,000 idle edges, of one core",
        "%",
        &[after.0 * FLOCK as f64 / 10_000.0],
        Goal::AtMost(50.0),
    );
    report(
        "fleet: a report's bytes after several versions, of those before any",
        "x",
        &[(after.1 + after.2) / (before.1 + before.2)],
        Goal::AtMost(1.5),
    );
    Ok(())
}

/// Waits until so many edges run something else; when each did.
async fn followed(
    changes: &mut mpsc::UnboundedReceiver<(Hash, Instant)>,
    count: usize,
) -> Result<Vec<Instant>, Failed> {
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let next = tokio::time::timeout(PATIENCE, changes.recv()).await;
        match next {
            Ok(Some((_, at))) => times.push(at),
            _ => return Err(Failed(format!("{} of {count} edges followed", times.len()))),
        }
    }
    Ok(times)
}
