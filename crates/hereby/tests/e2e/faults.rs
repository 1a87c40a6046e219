//! The disk fails, fills, or lies.
//!
//! hereby runs below strace, which makes the n-th call of a kind fail, for every n until there is
//! no n-th call any more. Whatever failed: what was acknowledged is on the record after a restart,
//! what was refused is not, `hereby verify` finds nothing wrong, and a sync that failed was the
//! last thing that was done with that segment.
//!
//! strace can make a call fail but not make it short (it would only claim so): for short writes a
//! limit on the size of files cuts them, which the kernel does for real. A library that is loaded
//! before libc would see none of these calls: they go to the kernel directly.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Place, Server, copy_dir, ended_with, needs};
use script::{Ask, Outcome, hold, play};
use trace::Call;

mod accept_anchor;
mod cut_short;
mod full_disk;
mod script;
mod trace;

/// More faults than any run has places for: a sweep that gets here does not end.
const FAULTS_MAX: usize = 500;

/// Of every place here, under the record's directory.
const FIRST_SEGMENT: &str = "segments/00000000000000000000.jsonl";

/// Calls that write.
const WRITES: &[&str] = &["write", "pwrite64", "copy_file_range"];

/// Calls that change what is on the disk.
const CALLS: &str =
    "fdatasync,fsync,pwrite64,ftruncate,rename,renameat,renameat2,copy_file_range,sendfile";

/// What is made to fail.
struct Fault {
    /// The calls of which the n-th fails.
    calls: &'static [&'static str],
    error: &'static str,
    /// A call that always fails beside it.
    also: Option<&'static str>,
    /// Only calls on these files; none: on all.
    paths: Vec<PathBuf>,
}

fn fault(calls: &'static [&'static str], error: &'static str) -> Fault {
    Fault {
        calls,
        error,
        also: None,
        paths: Vec::new(),
    }
}

impl Fault {
    /// The n-th call fails. strace counts for each thread by itself.
    fn strace(&self, n: usize, trace: &Path) -> Vec<String> {
        let mut line: Vec<String> = ["strace", "-f", "-y", "-q", "-s", "16", "-o"]
            .map(str::to_owned)
            .to_vec();
        line.push(trace.to_str().unwrap().to_owned());
        line.extend([
            "-e".to_owned(),
            format!("trace={CALLS},{}", self.calls.join(",")),
        ]);
        for call in self.calls {
            line.extend([
                "-e".to_owned(),
                format!("inject={call}:error={}:when={n}", self.error),
            ]);
        }
        if let Some(call) = self.also {
            line.extend(["-e".to_owned(), format!("inject={call}:error=EIO")]);
        }
        for path in &self.paths {
            line.extend(["-P".to_owned(), path.to_str().unwrap().to_owned()]);
        }
        line
    }
}

/// From when on calls fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    /// From the first one of the process.
    Start,
    /// From when it serves: what it does before takes the first faults otherwise.
    Serving,
}

/// Starts hereby with faults; says whether it serves.
fn start_with(place: &Place, line: Vec<String>, from: From) -> (Server, bool) {
    if from == From::Serving {
        let server = place.serve();
        attach(line, server.pid());
        return (server, true);
    }
    // As hereby's grandchild (`-D`) strace leaves it the child that is waited for.
    let mut line = line;
    line.insert(1, "-D".to_owned());
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    place.try_serve(&line)
}

/// Lets strace take hold of a process that runs. It ends with it.
fn attach(line: Vec<String>, pid: u32) {
    let (program, args) = line.split_first().unwrap();
    // Quiet, it would not say when it has hold of every thread.
    let args = args.iter().filter(|word| *word != "-q");
    let mut strace = Command::new(program)
        .args(args)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(strace.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains(" attached"), "strace: {line}");
    std::thread::spawn(move || {
        // Whatever else it says is of no interest, but must not stop it.
        let _ = std::io::copy(&mut said, &mut std::io::sink());
        let _ = strace.wait();
    });
}

/// What a sweep came to.
#[derive(Debug, Default)]
struct Swept {
    runs: usize,
    /// How often a call on a kind of file was made to fail.
    hit: BTreeMap<String, usize>,
    done: usize,
    refused: usize,
    unknown: usize,
    unsent: usize,
    torn_tails: usize,
    ended_itself: usize,
}

impl Swept {
    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Done(_) => self.done += 1,
                Outcome::Refused(..) => self.refused += 1,
                Outcome::Unknown => self.unknown += 1,
                Outcome::Unsent => self.unsent += 1,
            }
        }
    }

    /// A sweep that hits nothing shows nothing.
    #[track_caller]
    fn has_hit(&self, wanted: &[&str]) {
        for place in wanted {
            assert!(self.hit.contains_key(*place), "never failed: {place}");
        }
    }
}

/// A directory that runs start from, and what is asked for in each.
struct Start {
    template: Option<Place>,
    asks: Vec<Ask>,
}

impl Start {
    /// Nothing is there.
    fn nothing() -> Start {
        Start {
            template: None,
            asks: script::newborn(),
        }
    }

    /// A record whose segment is full, with a torn batch behind it.
    fn full_segment() -> Start {
        let start = Start::with_bytes(1 << 20);
        let segment = start
            .template
            .as_ref()
            .unwrap()
            .record()
            .join(FIRST_SEGMENT);
        let mut text = std::fs::read(&segment).unwrap();
        let entry = text
            .split(|byte| *byte == b'\n')
            .find(|line| line.starts_with(b"{\"actor"));
        let torn = entry.unwrap()[..200].to_vec();
        text.extend(torn);
        std::fs::write(&segment, text).unwrap();
        start
    }

    /// A record whose segment has just reached so many bytes.
    fn with_bytes(bytes: u64) -> Start {
        let place = Place::new();
        place.configure("segment_mib = 1");
        let server = place.serve();
        let long = "x".repeat(15_900);
        let mut ask = script::declare("first", false);
        let mut sent = 0;
        while written(&place.record().join(FIRST_SEGMENT)) < bytes {
            let outcome = ask.send(&place);
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
            sent += 1;
            ask = script::note(&format!("long-{sent}"), &long);
        }
        assert_eq!(server.stop(), 0);
        let _ = std::fs::remove_file(place.data().join("control.sock"));
        Start {
            template: Some(place),
            asks: script::everything(),
        }
    }

    /// A place like it.
    fn place(&self) -> Place {
        let place = Place::new();
        if let Some(template) = &self.template {
            std::fs::remove_dir_all(place.data()).unwrap();
            copy_dir(&template.data(), &place.data());
            std::fs::copy(template.anchor(), place.anchor()).unwrap();
        }
        place.configure("segment_mib = 1");
        place
    }

    /// The files beside segments and anchor that a run writes to, and those that another run might.
    /// Sockets and what hereby logs are not the record.
    fn written(&self) -> Files {
        let place = self.place();
        let trace = place.dir.path().join("trace");
        let mut line = fault(WRITES, "EIO").strace(FAULTS_MAX, &trace);
        let inject = line
            .iter()
            .position(|word| word.starts_with("inject"))
            .unwrap();
        line.drain(inject - 1..inject - 1 + 2 * WRITES.len());
        let (server, ready) = start_with(&place, line, From::Start);
        assert!(ready, "{}", place.log());
        let pid = server.pid();
        play(&place, &self.asks);
        assert_eq!(server.stop(), 0);
        let mut files: Vec<PathBuf> = trace::read(&trace, pid)
            .iter()
            .filter(|call| WRITES.contains(&call.name.as_str()))
            .filter(|call| !["segment", "anchor", "lock"].contains(&call.place()))
            .filter_map(|call| Path::new(call.path()).strip_prefix(place.dir.path()).ok())
            .filter(|path| !path.ends_with("http.address") && !path.ends_with("log"))
            .map(Path::to_owned)
            .collect();
        // How much is published at once is a matter of time.
        let tiles = (1..=100).map(|width| format!("data/record/tile/0/000.p/{width}.tmp"));
        files.extend(tiles.map(PathBuf::from));
        files.sort();
        files.dedup();
        Files(files)
    }
}

/// Files that faults are confined to, relative to the place; none: all.
struct Files(Vec<PathBuf>);

/// Fails the n-th call for every n, two runs at a time.
fn sweep(start: &Start, from: From, fault: &Fault, files: &Files) -> Swept {
    needs("strace", "strace");
    let (next, end) = (AtomicUsize::new(1), AtomicUsize::new(FAULTS_MAX));
    let swept = Mutex::new(Swept::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n > end.load(Ordering::Relaxed) {
                        return;
                    }
                    if !run(start, from, fault, files, n, &swept) {
                        end.fetch_min(n, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(
        end.load(Ordering::Relaxed) < FAULTS_MAX,
        "the sweep does not end"
    );
    let swept = swept.into_inner().unwrap();
    eprintln!(
        "{:?} {} from {from:?}, {:?}: {swept:?}",
        fault.calls,
        fault.error,
        begun.elapsed()
    );
    swept
}

/// One run with the n-th call failing; says whether there was one.
fn run(
    start: &Start,
    from: From,
    fault: &Fault,
    files: &Files,
    n: usize,
    swept: &Mutex<Swept>,
) -> bool {
    let place = start.place();
    let trace = place.dir.path().join("trace");
    let paths = files
        .0
        .iter()
        .map(|file| place.dir.path().join(file))
        .collect();
    let fault = Fault { paths, ..*fault };
    let (server, ready) = start_with(&place, fault.strace(n, &trace), from);
    let pid = server.pid();
    let outcomes = play(&place, &start.asks);
    let (code, by_itself) = end(server, &trace, ready);
    let calls = trace::read(&trace, pid);
    let what = || {
        format!(
            "{:?} {} number {n}: {}",
            fault.calls,
            fault.error,
            place.log()
        )
    };
    assert!(
        [0, 1, 8].contains(&code),
        "it ended with {code}: {}",
        what()
    );
    check_syncs(&calls, code);
    let tails = check_stopped(&place, &outcomes, &what);
    recovers(&place, &start.asks, &outcomes, &what);
    let mut swept = swept.lock().unwrap();
    swept.runs += 1;
    swept.torn_tails += usize::from(tails);
    swept.ended_itself += usize::from(by_itself);
    swept.count(&outcomes);
    for call in calls.iter().filter(|call| call.injected) {
        let what = format!("{} {}", call.doing(), call.place());
        *swept.hit.entry(what).or_default() += 1;
    }
    calls
        .iter()
        .any(|call| call.injected && fault.calls.contains(&call.name.as_str()))
}

/// How many bytes were written to a segment: behind them it is filled with zeroes.
fn written(segment: &Path) -> u64 {
    let bytes = std::fs::read(segment).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last as u64 + 1)
}

/// A sync of a segment that failed.
fn is_failed_sync(call: &Call) -> bool {
    call.injected && call.name == "fdatasync" && call.place() == "segment"
}

/// Waits for the end where hereby must end by itself, else stops it. Returns its exit code, and
/// whether it ended by itself.
fn end(mut server: Server, trace: &Path, ready: bool) -> (i32, bool) {
    let started = Instant::now();
    loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            return (ended_with(status), true);
        }
        if !trace::read_so_far(trace).iter().any(is_failed_sync) {
            assert!(ready, "it neither serves nor ends");
            // It may end between these lines: a stop that comes too late is no failure.
            std::thread::sleep(Duration::from_millis(20));
            if let Some(status) = server.child.try_wait().unwrap() {
                return (ended_with(status), true);
            }
            return (server.stop(), false);
        }
        assert!(
            started.elapsed() < PATIENCE,
            "a sync failed and it does not end"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A segment whose sync failed is never touched again, and the process ends and says so.
fn check_syncs(calls: &[Call], code: i32) {
    let Some(at) = calls.iter().position(is_failed_sync) else {
        return;
    };
    assert_ne!(code, 0, "a sync failed: {}", calls[at].line);
    let path = calls[at].path();
    for later in &calls[at + 1..] {
        assert!(
            later.path() != path,
            "after the sync that failed: {}",
            later.line
        );
    }
}

/// Looks at what a stopped hereby left; says whether there is a torn tail.
fn check_stopped(place: &Place, outcomes: &[Outcome], what: &dyn Fn() -> String) -> bool {
    let said = place.hereby(&["verify"]);
    let nothing = said.code == 2 && said.stderr.contains("there is no record");
    if nothing {
        let done = outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Done(_)));
        assert!(!done, "acknowledged, and there is no record: {}", what());
        return false;
    }
    assert_eq!(
        said.code,
        0,
        "verify: {}{}\n{}",
        said.stdout,
        said.stderr,
        what()
    );
    said.stderr.contains("note: a torn tail")
}

/// Starts hereby again on a disk that works.
fn recovers(place: &Place, asks: &[Ask], outcomes: &[Outcome], what: &dyn Fn() -> String) {
    let (server, ready) = place.try_serve(&[]);
    assert!(ready, "it does not start again: {}", what());
    let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        hold(place, asks, outcomes);
    }));
    if held.is_err() {
        panic!("see above: {}", what());
    }
    assert_eq!(server.stop(), 0, "{}", what());
    let said = place.hereby(&["verify"]);
    assert_eq!(
        said.code,
        0,
        "verify: {}{}\n{}",
        said.stdout,
        said.stderr,
        what()
    );
    assert!(!said.stderr.contains("torn"), "{}", said.stderr);
}

/// Sweeps a new record from its start, and one whose segment is full, with a torn batch behind it,
/// from its start and while it serves. Each list names what must have been made to fail.
#[track_caller]
fn sweep_all(fault: &Fault, new: &[&str], starting: &[&str], serving: &[&str]) {
    sweep_for(&Start::nothing(), From::Start, fault, new);
    let full = Start::full_segment();
    sweep_for(&full, From::Start, fault, starting);
    sweep_for(&full, From::Serving, fault, serving);
}

/// Sweeps until all of these were made to fail: how much is published at once, and so how many calls there
/// are, is a matter of time.
#[track_caller]
fn sweep_for(start: &Start, from: From, fault: &Fault, wanted: &[&str]) {
    let all = Files(Vec::new());
    let mut swept = sweep(start, from, fault, &all);
    for _ in 0..2 {
        if wanted.iter().any(|place| !swept.hit.contains_key(*place)) {
            swept.hit.extend(sweep(start, from, fault, &all).hit);
        }
    }
    swept.has_hit(wanted);
}

#[test]
fn fault_sweep_a_sync_that_fails_ends_the_process_and_loses_nothing() {
    let fault = fault(&["fdatasync"], "EIO");
    let (all, full) = (Files(Vec::new()), Start::full_segment());
    let new = sweep(&Start::nothing(), From::Start, &fault, &all);
    new.has_hit(&["fdatasync segment"]);
    assert!(
        new.ended_itself >= 3,
        "each batch of the writer but the first, and the opening act"
    );
    let starting = sweep(&full, From::Start, &fault, &all);
    starting.has_hit(&["fdatasync segment"]);
    let serving = sweep(&full, From::Serving, &fault, &all);
    serving.has_hit(&["fdatasync segment"]);
    assert!(serving.ended_itself >= 6, "six batches");
    assert!(
        serving.unknown >= serving.ended_itself,
        "nobody was told of a batch before its sync"
    );
    let anchor = Files(vec!["anchor".into()]);
    sweep(&full, From::Start, &fault, &anchor).has_hit(&["fdatasync anchor"]);
}

#[test]
fn fault_sweep_a_file_or_directory_that_is_not_synced_loses_nothing() {
    sweep_all(
        &fault(&["fsync"], "EIO"),
        &[
            "fsync segment",
            "fsync new anchor",
            "fsync log's keys",
            "fsync other directory",
        ],
        &["fsync torn", "fsync segment", "fsync segments' directory"],
        &["fsync log's keys", "fsync keystore", "fsync checkpoint"],
    );
}

#[test]
fn fault_sweep_a_segment_or_anchor_that_is_not_written_loses_nothing() {
    let written = &["write segment", "write anchor"];
    sweep_all(&fault(&["pwrite64"], "EIO"), written, written, written);
    sweep_all(&fault(&["pwrite64"], "ENOSPC"), written, written, written);
}

#[test]
fn fault_sweep_a_batch_that_can_be_neither_written_nor_taken_back_loses_nothing() {
    let fault = Fault {
        also: Some("ftruncate"),
        ..fault(&["pwrite64"], "ENOSPC")
    };
    let hit = &["write segment", "ftruncate segment"];
    sweep_all(&fault, hit, &["ftruncate segment"], hit);
}

#[test]
fn fault_sweep_a_key_tile_or_checkpoint_that_is_not_written_loses_nothing() {
    for error in ["EIO", "ENOSPC"] {
        let fault = fault(WRITES, error);
        let (new, full) = (Start::nothing(), Start::full_segment());
        let swept = sweep(&new, From::Start, &fault, &new.written());
        swept.has_hit(&["write log's keys", "write new anchor"]);
        let files = full.written();
        sweep(&full, From::Start, &fault, &files).has_hit(&["write torn"]);
        let swept = sweep(&full, From::Serving, &fault, &files);
        swept.has_hit(&[
            "write tile",
            "write checkpoint",
            "write log's keys",
            "write keystore",
        ]);
    }
}

#[test]
fn fault_sweep_a_file_that_is_not_renamed_loses_nothing() {
    for error in ["EIO", "ENOSPC"] {
        sweep_all(
            &fault(&["rename", "renameat", "renameat2"], error),
            &["rename log's keys", "rename anchor"],
            &["rename checkpoint"],
            &[
                "rename tile",
                "rename checkpoint",
                "rename log's keys",
                "rename keystore",
            ],
        );
    }
}
