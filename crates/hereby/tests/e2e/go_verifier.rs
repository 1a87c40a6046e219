//! Go's `golang.org/x/mod/sumdb/{tlog,note}` read what hereby publishes, and agree. They were not
//! written here, so they don't share our mistakes.

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
        .env("GOCACHE", place.dir.path().join("go-cache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    binary
}

fn check(binary: &Path, place: &Place, vkey: &str, old: &Path) -> Output {
    Command::new(binary).arg(place.record()).arg(vkey).arg(old).output().unwrap()
}

/// Changes one byte in the middle of a file, runs the checker, and changes it back.
fn with_flipped_byte(file: &Path, run: impl FnOnce() -> Output) -> Output {
    let good = std::fs::read(file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(file, &bad).unwrap();
    let output = run();
    std::fs::write(file, &good).unwrap();
    output
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

    let said = check(&binary, &place, &vkey, &old);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.starts_with(&format!("ok size={ENTRIES} ")), "{text}");
    assert!(text.contains("consistency=1"), "{text}");
    // Both say the same of the same record.
    let root = place.ok(&["verify"]).trim().trim_start_matches("root ").to_owned();
    assert!(text.contains(&format!("root={root} ")), "{text} but {root}");

    let record = place.record();
    let segment = record.join("segments/00000000000000000000.jsonl");
    for file in [record.join("tile/0/005"), record.join("tile/1/000"), segment, record.join("checkpoint")] {
        let said = with_flipped_byte(&file, || check(&binary, &place, &vkey, &old));
        assert!(!said.status.success(), "Go took a changed {}", file.display());
        let ours = with_flipped_byte(&file, || {
            Command::new(super::harness::HEREBY)
                .arg("verify")
                .arg("--data-dir")
                .arg(place.data())
                .output()
                .unwrap()
        });
        assert_eq!(ours.status.code(), Some(5), "hereby took a changed {}", file.display());
    }
    assert!(check(&binary, &place, &vkey, &old).status.success());
}
