//! `hereby stats` over five years at three incidents a week, from the start of the process to its
//! end; beside it a command that asks for next to nothing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use benches::quiet::undisturbed;
use benches::rig::{Failed, ORIGIN, failed};
use benches::scratch::scratch;
use benches::server::{self, Server};
use benches::years::{INCIDENTS, five_years};
use benches::{Goal, median, report, rounds, say};

/// What it may take.
const MS_MAX: f64 = 200.0;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let directory = scratch().map_err(failed("make a directory"))?;
    let data = directory.path().join("data");
    server::configure(&data, ORIGIN)?;
    five_years(&data)?;
    let server = Server::start(&program, &data)?;
    // The first of each finds nothing in the processor's caches.
    for command in [&["status"][..], &["stats"], &["stats", "--trend"]] {
        took_ms(&program, &data, command)?;
    }
    let (mut nothing, mut all, mut trend, mut svg) = (vec![], vec![], vec![], vec![]);
    let lines = [
        (&["status"][..], &mut nothing),
        (&["stats"], &mut all),
        (&["stats", "--trend"], &mut trend),
        (&["stats", "--svg", "-"], &mut svg),
    ];
    for (command, rounds_ms) in lines {
        for _ in 0..rounds() {
            let pids = [server.pid()];
            rounds_ms.push(undisturbed(&pids, || took_ms(&program, &data, command))?);
        }
    }
    server.stop()?;
    say(&format!(
        "{INCIDENTS} incidents; from the start of the command to its end"
    ));
    say(&format!("hereby status: {:.1} ms", median(&nothing)));
    report("stats: hereby stats", "ms", &all, Goal::AtMost(MS_MAX));
    report(
        "stats: hereby stats --trend",
        "ms",
        &trend,
        Goal::AtMost(MS_MAX),
    );
    report(
        "stats: hereby stats --svg -",
        "ms",
        &svg,
        Goal::AtMost(MS_MAX),
    );
    Ok(())
}

fn took_ms(program: &Path, data: &Path, command: &[&str]) -> Result<f64, Failed> {
    let begin = Instant::now();
    let output = Command::new(program)
        .args(command)
        .arg("--data-dir")
        .arg(data)
        .env_remove("HEREBY_URL")
        .stdin(Stdio::null())
        .output()
        .map_err(failed("run hereby"))?;
    let took = begin.elapsed().as_secs_f64() * 1e3;
    match output.status.success() && !output.stdout.is_empty() {
        true => Ok(took),
        false => Err(Failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
