//! Folding a million acts on one core, against hashing the same entries into the tree alone.

use std::path::Path;
use std::time::Instant;

use benches::generated::million_acts;
use benches::quiet::undisturbed;
use benches::rig::{self, Failed, Priority, failed};
use benches::{Goal, median, report, rounds, say};
use engine::ports::Entries as _;
use engine::{Engine, State};
use record::hash;
use record::tree::Frontier;
use rustix::thread::{CpuSet, sched_setaffinity};
use store::{Paths, Reader};

fn main() -> Result<(), Failed> {
    let data = million_acts()?;
    // One core for both sides.
    let mut one = CpuSet::new();
    one.set(0);
    sched_setaffinity(None, &one).map_err(failed("stay on one core"))?;
    let reader = Reader::open(&Paths::new(&data), &[]).map_err(failed("open the log"))?;
    let entries = all(&reader)?;
    let bytes: usize = entries.iter().map(Vec::len).sum();
    say(&format!(
        "{} acts, {} bytes each",
        entries.len(),
        bytes / entries.len().max(1)
    ));
    let (mut hashed, mut folded, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rounds() {
        let (peer, own) = undisturbed(&[], || measure(&reader, &entries, number))?;
        hashed.push(peer);
        folded.push(own);
        ratios.push(own / peer);
    }
    say(&format!("hashed into the tree: {:.0}/s", median(&hashed)));
    say(&format!("read, decoded, folded: {:.0}/s", median(&folded)));
    report(
        "rebuild: fold / hashing the same entries",
        "x",
        &ratios,
        Goal::AtLeast(0.25),
    );
    let starts = starts(&data)?;
    let name = "rebuild: start on a million acts, from a snapshot";
    report(name, "s", &starts, Goal::AtMost(1.0));
    Ok(())
}

/// How long it takes from opening the data directory to a running engine, in seconds.
fn starts(data: &Path) -> Result<Vec<f64>, Failed> {
    let start = || {
        let begin = Instant::now();
        let (options, _) = rig::options(data, Priority::Normal)?;
        let engine = Engine::start(options).map_err(failed("start"))?;
        let took = begin.elapsed().as_secs_f64();
        engine.stop();
        Ok(took)
    };
    // The first one makes the tiles, which the log was made without, and ends old alerts.
    start()?;
    (0..rounds()).map(|_| undisturbed(&[], start)).collect()
}

/// Every entry; both sides find the file in memory afterwards.
fn all(reader: &Reader) -> Result<Vec<Vec<u8>>, Failed> {
    let mut entries = Vec::new();
    let scanned = reader.scan(0, &mut |_, entry| {
        entries.push(entry.to_vec());
        true
    });
    scanned.map_err(failed("read the log"))?;
    Ok(entries)
}

/// Entries hashed a second, acts folded a second.
fn measure(reader: &Reader, entries: &[Vec<u8>], number: usize) -> Result<(f64, f64), Failed> {
    let per_second = |begin: Instant| entries.len() as f64 / begin.elapsed().as_secs_f64();
    let hash = || {
        let begin = Instant::now();
        let mut tree = Frontier::new();
        entries
            .iter()
            .for_each(|entry| tree.append(hash::leaf(entry)));
        std::hint::black_box(tree.root());
        per_second(begin)
    };
    let fold = || {
        let begin = Instant::now();
        let state =
            engine::fold(State::default(), reader, &mut |_, _| {}).map_err(failed("fold"))?;
        let rate = per_second(begin);
        match state.log.acts == entries.len() as u64 {
            true => Ok(rate),
            false => Err(Failed(format!("{} acts were folded", state.log.acts))),
        }
    };
    if number.is_multiple_of(2) {
        let peer = hash();
        Ok((peer, fold()?))
    } else {
        let own = fold()?;
        Ok((hash(), own))
    }
}
