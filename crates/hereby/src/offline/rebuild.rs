//! `hereby rebuild`: forget everything that follows from the record, and make it again.

use engine::ports::Entries as _;
use store::{DataDir, Paths};

use crate::cli::Globals;
use crate::cli::machine::RebuildArgs;
use crate::exit::{Exit, Failure};
use crate::say::Out;
use crate::serve::{configuration, end_process, progress};
use crate::station::{Opening, Station};

pub(crate) fn rebuild(_: RebuildArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let config = configuration(None, globals)?;
    let paths = Paths::new(&data_dir);
    if let Ok(Some(holder)) = DataDir::holder(&data_dir) {
        let who = holder.map_or_else(|| "another process".to_owned(), |it| format!("process {}", it.pid));
        return Err(Failure::new(Exit::Held, format!("{} is held by {who}", data_dir.display()))
            .hint("stop it first: what is forgotten must not be in use"));
    }
    forget(&paths)?;
    let started = std::time::Instant::now();
    let station = Station::open(Opening {
        data_dir: &data_dir,
        config: &config,
        runs: "hereby rebuild",
        accept_anchor: None,
        progress: progress(out),
        on_fatal: Box::new(end_process),
    })?;
    let acts = station.reader.size();
    let digest = station.engine.view().read(engine::State::digest);
    station.engine.stop();
    let seconds = started.elapsed().as_secs_f64();
    if out.is_json() {
        return out.json(&serde_json::json!({ "acts": acts, "state_sha256": digest }));
    }
    out.talk(format!("Rebuilt state, indexes and tiles from {acts} acts in {seconds:.1} s."));
    out.data(format!("state {digest}"))
}

/// Removes snapshots, indexes and tiles. Segments, keys and blobs are never touched.
fn forget(paths: &Paths) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Internal, "something derived could not be removed").because(error)
    };
    store::forget_tiles(paths).map_err(|error| failed(&error))?;
    for (dir, ending) in [(paths.snapshots(), "json"), (paths.segments(), "idx")] {
        let Ok(files) = std::fs::read_dir(&dir) else { continue };
        for file in files {
            let path = file.map_err(|error| failed(&error))?.path();
            if path.extension().is_some_and(|found| found == ending) {
                std::fs::remove_file(&path).map_err(|error| failed(&error))?;
            }
        }
    }
    Ok(())
}
