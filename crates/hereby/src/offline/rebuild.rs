//! `hereby rebuild`: forget everything that follows from the record, and make it again.
//!
//! Nothing is forgotten before the lock is held and every entry was read: without them it could
//! not be made again.

use engine::ports::{Entries as _, ReadError};
use store::{CannotOpen, Paths, Reader};

use crate::cli::Globals;
use crate::cli::machine::RebuildArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Out, counted};
use crate::serve::{end_process, progress};
use crate::station::{Opening, Station, unopened};

pub(crate) fn rebuild(args: RebuildArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let mut config = Config::find(&args.settings, &data_dir)?;
    // That tiles are missing is what was asked for.
    config.log.level.push_str(",store::tiles=error");
    crate::log::start(&config.log).map_err(Failure::usage)?;
    if store::origin_of(&Paths::new(&data_dir))
        .map_err(unopened)?
        .is_none()
    {
        return Err(unopened(CannotOpen::Missing(data_dir)));
    }
    let started = std::time::Instant::now();
    let opening = Opening {
        data_dir: &data_dir,
        config: &config,
        runs: "hereby rebuild",
        resumes: crate::station::Resumes::AsItIs,
        progress: progress(out),
        on_fatal: Box::new(end_process),
    };
    let station = Station::open_after(opening, |paths| {
        read_all(paths)?;
        forget(paths)
    })?;
    let acts = station.reader.size();
    let digest = station.engine.view().read(engine::State::digest);
    let digest = digest.map_err(|error| {
        Failure::new(Exit::Internal, "the state has no canonical form").because(&error)
    })?;
    // Archived segments were needed for this; the next start is to do without them again.
    let kept = station.keep_state();
    station.engine.stop();
    kept?;
    let seconds = started.elapsed().as_secs_f64();
    if out.is_json() {
        return out.json(&serde_json::json!({ "acts": acts, "state_sha256": digest }));
    }
    out.talk(format!(
        "Rebuilt state, indexes and tiles from {} in {seconds:.1} s.",
        counted(acts, "act")
    ));
    out.data(format!("state {digest}"))
}

/// Whether every entry can be read, archived ones too.
fn read_all(paths: &Paths) -> Result<(), Failure> {
    let reader = Reader::open(paths, &[]).map_err(unopened)?;
    let read = reader
        .check_at_hand()
        .and_then(|()| reader.scan(0, &mut |_, _| true));
    read.map_err(|error| match &error {
        ReadError::Archived { .. } => Failure::new(Exit::Refused, "nothing was rebuilt")
            .because(&error)
            .hint("mount the archive, then try again"),
        _ => Failure::new(Exit::Untrusted, "nothing was rebuilt")
            .because(&error)
            .hint("hereby verify says what is wrong"),
    })
}

/// Removes snapshots, tiles, and the indexes of segments that are here. Segments, keys and blobs
/// are never touched, nor are the indexes of archived segments: they are all that is here of them.
fn forget(paths: &Paths) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Internal, "something derived could not be removed").because(error)
    };
    store::forget_tiles(paths).map_err(|error| failed(&error))?;
    for (dir, ending) in [(paths.snapshots(), "json"), (paths.segments(), "idx")] {
        let Ok(files) = std::fs::read_dir(&dir) else {
            continue;
        };
        for file in files {
            let path = file.map_err(|error| failed(&error))?.path();
            let is_needed = ending == "idx" && !path.with_extension("jsonl").exists();
            if path.extension().is_some_and(|found| found == ending) && !is_needed {
                std::fs::remove_file(&path).map_err(|error| failed(&error))?;
            }
        }
    }
    Ok(())
}
