//! Go's `golang.org/x/mod/sumdb/{tlog,note}` read what hereby publishes, and agree. They were not
//! written here, so they don't share our mistakes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::forge;
use super::harness::{Place, needs};

/// More than a full tile of level 1: 65,536 entries and some.
const ENTRIES: u64 = 70_321;

/// Builds the checker with Debian's packages; no module is downloaded.
fn checker(place: &Place) -> PathBuf {
    needs("go", "golang-go golang-golang-x-mod-dev");
    let binary = place.dir.path().join("check-log");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg("main.go")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "")
        // Kept between runs: the first one compiles Go's own library.
        .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go-cache"))
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    binary
}

fn check(binary: &Path, place: &Place, vkey: &str, old: &Path) -> Output {
    Command::new(binary)
        .arg(place.record())
        .arg(vkey)
        .arg(old)
        .output()
        .unwrap()
}

/// Changes one byte of a file, runs, and changes it back.
fn with_flipped_byte<T>(path: &Path, at: u64, run: impl FnOnce() -> T) -> T {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let result = run();
    file.write_all_at(&byte, at).unwrap();
    result
}

/// The segment with these words, and where in it they are.
fn find(segments: &Path, words: &str) -> (PathBuf, u64) {
    let paths = std::fs::read_dir(segments).unwrap();
    let paths = paths.map(|found| found.unwrap().path());
    let mut paths = paths.filter(|path| path.extension().is_some_and(|found| found == "jsonl"));
    let found = paths.find_map(|path| {
        let text = std::fs::read(&path).unwrap();
        let mut places = text.windows(words.len());
        let at = places.position(|found| found == words.as_bytes())?;
        Some((path, at as u64))
    });
    found.unwrap_or_else(|| panic!("no {words}"))
}

/// Files and bytes that Go must not take changed: tiles full and partial, of every level, at both
/// ends; entries, the first and the last; each line of the checkpoint.
fn places_to_change(record: &Path, entries: u64) -> Vec<(PathBuf, u64)> {
    let (full, rest) = (entries / 256, entries % 256);
    let (last, partial) = (
        format!("0/{:03}", full - 1),
        format!("0/{full:03}.p/{rest}"),
    );
    let mut places = Vec::new();
    for tile in ["0/000", "0/137", &last, &partial, "1/000", "2/000.p/1"] {
        let path = record.join("tile").join(tile);
        let length = std::fs::metadata(&path).unwrap().len();
        places.extend([0, length / 2, length - 1].map(|at| (path.clone(), at)));
    }
    let segments = record.join("segments");
    for words in [
        "record.opened",
        "note 42:",
        "note 69999:",
        "from the real server",
    ] {
        places.push(find(&segments, words));
    }
    let checkpoint = record.join("checkpoint");
    let note = std::fs::read_to_string(&checkpoint).unwrap();
    let line = |count| {
        note.split_inclusive('\n')
            .take(count)
            .map(str::len)
            .sum::<usize>() as u64
    };
    places.extend([0, line(1), line(2), line(5) - 20].map(|at| (checkpoint.clone(), at)));
    places
}

#[test]
fn go_agrees_on_a_log_of_more_than_70000_entries() {
    let place = Place::new();
    let binary = checker(&place);
    let old = place.dir.path().join("old-checkpoint");
    let mut vkey = String::new();
    forge::write(
        &place.data(),
        &place.anchor(),
        |key| {
            vkey = key.to_owned();
            forge::acts(key, ENTRIES, |index| format!("note {index}: still looking"))
        },
        31_000,
        |head| {
            if !old.exists() {
                std::fs::write(&old, &head.note).unwrap();
            }
        },
    );

    // The real server goes on from there.
    let server = place.serve();
    place.ok(&["note", "INC-1", "one more, from the real server"]);
    assert_eq!(server.stop(), 0);
    // It also reminds people of the incident.
    let entries = u64::try_from(place.acts().len()).unwrap();
    assert!(entries > ENTRIES);

    let said = check(&binary, &place, &vkey, &old);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(text.starts_with(&format!("ok size={entries} ")), "{text}");
    assert!(text.contains("consistency=1"), "{text}");
    // Both say the same of the same record.
    let root = place
        .ok(&["verify"])
        .trim()
        .trim_start_matches("root ")
        .to_owned();
    assert!(text.contains(&format!("root={root} ")), "{text} but {root}");

    for (path, at) in places_to_change(&place.record(), entries) {
        let said = with_flipped_byte(&path, at, || check(&binary, &place, &vkey, &old));
        assert!(
            !said.status.success(),
            "Go took byte {at} of {} changed",
            path.display()
        );
    }
    let first_line = std::fs::read_to_string(&old).unwrap().find('\n').unwrap() as u64;
    let said = with_flipped_byte(&old, first_line + 1, || check(&binary, &place, &vkey, &old));
    assert!(!said.status.success(), "Go took a changed old checkpoint");
    // And hereby sees what Go sees.
    let record = place.record();
    for file in [
        record.join("tile/0/005"),
        record.join("tile/1/000"),
        record.join("segments/00000000000000000000.jsonl"),
        record.join("checkpoint"),
    ] {
        let middle = std::fs::metadata(&file).unwrap().len() / 2;
        let said = with_flipped_byte(&file, middle, || place.hereby(&["verify"]));
        assert_eq!(said.code, 5, "hereby took a changed {}", file.display());
    }
    assert!(check(&binary, &place, &vkey, &old).status.success());
}
