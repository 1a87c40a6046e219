//! The edge that `hereby up` runs: a process of its own, which goes on when this one is gone.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exit::{Exit, Failure};

use super::ask::glance;

/// So long it may take until it serves.
const READY_MAX: Duration = Duration::from_secs(10);
/// What it has begun may take so long to end before `up` goes; it goes on ending by itself.
const STOP_MAX: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What stands in the first configuration: enough to see that it works, and where to go on.
const STARTER: &str = include_str!("starter.toml");

/// An edge that goes on by itself.
pub(crate) struct Beside {
    state_dir: PathBuf,
    /// Where it listens.
    pub(crate) listening: Vec<String>,
}

/// What the edge there says of itself; none: none answers within a second.
pub(crate) fn status(state_dir: &Path) -> Option<Value> {
    serde_json::from_str(&glance(state_dir, "/status")?).ok()
}

impl Beside {
    /// Starts an edge on `DATA/edge.toml`, which is written if there is none. One that runs there
    /// already, left by an earlier `up` that was killed, goes on serving.
    ///
    /// # Errors
    /// When it can't be started, or does not serve within a few seconds, with what it said.
    pub(crate) fn start(data_dir: &Path) -> Result<Beside, Failure> {
        let state_dir = data_dir.join("edge");
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Internal, "the edge does not run").because(error)
        };
        std::fs::create_dir_all(&state_dir).map_err(|error| failed(&error))?;
        let config = data_dir.join("edge.toml");
        if !config.exists() {
            std::fs::write(&config, STARTER).map_err(|error| failed(&error))?;
        }
        if let Some(status) = status(&state_dir) {
            return Ok(Beside::of(state_dir, &status));
        }
        let log = state_dir.join("edge.log");
        let mut child = spawn(&config, &state_dir, &log).map_err(|error| failed(&error))?;
        let begun = Instant::now();
        loop {
            if let Some(status) = status(&state_dir) {
                return Ok(Beside::of(state_dir, &status));
            }
            let ended = child.try_wait().ok().flatten().is_some();
            if ended || begun.elapsed() > READY_MAX {
                let _ = child.kill();
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let tail: Vec<&str> = said.lines().rev().take(4).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                return Err(failed(&tail.join("; ")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn of(state_dir: PathBuf, status: &Value) -> Beside {
        let listening = status.pointer("/listening").and_then(Value::as_array);
        let listening = listening.into_iter().flatten().filter_map(Value::as_str);
        Beside {
            state_dir,
            listening: listening.map(str::to_owned).collect(),
        }
    }

    /// Stops it: who stops `up` by hand means the whole of it.
    pub(crate) fn stop(self) {
        // After an upgrade it is another process than the one that was started.
        let pid = status(&self.state_dir)
            .and_then(|status| status.pointer("/pid").and_then(Value::as_i64))
            .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        let Some(pid) = pid else {
            return;
        };
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX && status(&self.state_dir).is_some() {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn spawn(config: &Path, state_dir: &Path, log: &Path) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt as _;
    let log = std::fs::File::create(log)?;
    Command::new(std::env::current_exe()?)
        .args(["edge", "--config"])
        .arg(config)
        .arg("--state-dir")
        .arg(state_dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in this terminal is not meant for it.
        .process_group(0)
        .spawn()
}
