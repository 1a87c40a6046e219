//! Plays one seed and tells what happens: `cargo run -p sim -- SEED [STEPS]`.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>());
    let (seed, steps) = (args.next(), args.next().unwrap_or(Ok(sim::STEPS.into())));
    let (Some(Ok(seed)), Ok(Ok(steps))) = (seed, steps.map(u32::try_from)) else {
        let _ = writeln!(std::io::stderr(), "usage: sim SEED [STEPS]");
        return ExitCode::from(2);
    };
    let mut out = std::io::stdout().lock();
    let mut tell = |line: &str| {
        let _ = writeln!(out, "{line}");
    };
    let run = sim::run(seed, steps, None, &mut tell);
    let last = match &run {
        Ok(run) => {
            for (what, count) in &run.tally {
                tell(&format!("{count:>6} {what}"));
            }
            format!(
                "seed {seed}: {} bytes, trace {}",
                run.image.len(),
                run.trace
            )
        }
        Err(violation) => format!("seed {seed}: {violation}"),
    };
    tell(&last);
    if run.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
