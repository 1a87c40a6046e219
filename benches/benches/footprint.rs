//! What the server takes when nothing happens, and how large the binary is.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use benches::generated::million_acts;
use benches::rig::{Failed, ORIGIN, failed};
use benches::scratch::scratch;
use benches::server::{self, Server};
use benches::{Goal, report, rounds, say};

/// How long the server has to come to rest.
const REST: Duration = Duration::from_secs(3);

const MIB: f64 = 1_048_576.0;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let directory = scratch().map_err(failed("make a directory"))?;
    let empty = directory.path().join("data");
    server::configure(&empty, "bench.example/empty")?;
    let large = million_acts()?;
    server::configure(&large, ORIGIN)?;
    let (mut idle, mut idle_large, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    // The first start on the large record makes its tiles, which is not what is measured.
    resident(&program, &large)?;
    for _ in 0..rounds() {
        idle.push(resident(&program, &empty)?.0);
        let (bytes, took) = resident(&program, &large)?;
        idle_large.push(bytes);
        starts.push(took);
    }
    let size = std::fs::metadata(&program)
        .map_err(failed("look at the binary"))?
        .len();
    say("resident memory 3 s after the start; binary in the release profile, stripped");
    report(
        "footprint: idle, new record",
        "MiB",
        &idle,
        Goal::AtMost(60.0),
    );
    report(
        "footprint: idle, a million acts",
        "MiB",
        &idle_large,
        Goal::AtMost(60.0),
    );
    report(
        "footprint: process start to ready, a million acts",
        "s",
        &starts,
        Goal::AtMost(1.0),
    );
    report(
        "footprint: binary",
        "MiB",
        &[size as f64 / MIB],
        Goal::AtMost(30.0),
    );
    Ok(())
}

/// Mebibytes that are resident at rest; seconds from the start of the process until it takes acts.
fn resident(program: &Path, data: &Path) -> Result<(f64, f64), Failed> {
    let begin = Instant::now();
    let server = Server::start(program, data)?;
    let took = begin.elapsed().as_secs_f64();
    sleep(REST);
    let bytes = server.resident_bytes()?;
    server.stop()?;
    Ok((bytes as f64 / MIB, took))
}
