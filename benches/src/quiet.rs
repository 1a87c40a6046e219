//! Whether anything else was running. A round beside a compiler measures the compiler.
//!
//! The kernel's own threads (the journal, writeback) count as others; so does time that a
//! hypervisor took. What a round starts itself does not.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rig::{Failed, failed};
use crate::say;

/// A round counts when others took no more than this share of all cores' time.
const OTHERS_MAX: f64 = 0.15;

/// How long the machine must have been idle before a round.
const LULL: Duration = Duration::from_millis(500);

/// How long to wait for that.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a disturbed round is tried again.
const TRIES: usize = 4;

/// Clock ticks since the start of the machine: all there were, and those that were not idle.
#[derive(Clone, Copy)]
struct Ticks {
    all: u64,
    busy: u64,
}

/// Runs a round on a machine that is otherwise idle: waits for a lull first, and does the round
/// again when others disturbed it. `pids` are processes that belong to it.
///
/// # Errors
/// Those of the round, and when `/proc` can't be read.
pub fn undisturbed<T>(
    pids: &[u32],
    mut round: impl FnMut() -> Result<T, Failed>,
) -> Result<T, Failed> {
    let mut tries = 0;
    loop {
        let lull = wait_for_lull(pids)?;
        let (before, own_before) = (ticks()?, own(pids)?);
        let result = round()?;
        let (after, own_after) = (ticks()?, own(pids)?);
        let busy = after.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(own_after.saturating_sub(own_before));
        let share = others as f64 / after.all.saturating_sub(before.all).max(1) as f64;
        tries += 1;
        if lull && share <= OTHERS_MAX {
            return Ok(result);
        }
        if tries >= TRIES {
            say(&format!(
                "disturbed: others took {:.0} % of the machine",
                share * 100.0
            ));
            return Ok(result);
        }
    }
}

/// Waits until the machine is idle; says whether it was at last.
fn wait_for_lull(pids: &[u32]) -> Result<bool, Failed> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let (before, own_before) = (ticks()?, own(pids)?);
        sleep(LULL);
        let (after, own_after) = (ticks()?, own(pids)?);
        let busy = after.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(own_after.saturating_sub(own_before));
        if others as f64 <= OTHERS_MAX * after.all.saturating_sub(before.all) as f64 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All cores together (proc(5), /proc/stat).
fn ticks() -> Result<Ticks, Failed> {
    let text = fs::read_to_string("/proc/stat").map_err(failed("read /proc/stat"))?;
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal
    let [user, nice, system, idle, iowait, irq, softirq, steal] = fields.as_slice() else {
        return Err(Failed("/proc/stat is not of its form".to_owned()));
    };
    let busy = user + nice + system + irq + softirq + steal;
    Ok(Ticks {
        all: busy + idle + iowait,
        busy,
    })
}

/// This process, the children it waited for, and the same of the processes named.
fn own(pids: &[u32]) -> Result<u64, Failed> {
    let mut sum = 0;
    for pid in std::iter::once(std::process::id()).chain(pids.iter().copied()) {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).map_err(failed("read a process's times"))?;
        // The name is in parentheses and may hold anything; utime, stime, cutime and cstime are
        // the 12th to 15th field behind it.
        let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
        let times = behind.split_whitespace().skip(11).take(4);
        sum += times
            .filter_map(|field| field.parse::<u64>().ok())
            .sum::<u64>();
    }
    Ok(sum)
}
