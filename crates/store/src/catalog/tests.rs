//! Segments are listed in order, and stubs have one spelling.

use record::hash::sha256;

use super::{Place as Where, Stub, list};
use crate::tests::Place;

fn stub() -> Stub {
    let hash = sha256(&[b"x"]);
    Stub {
        first: 6,
        root: hash,
        sha256: hash,
        size: 9,
        to: "/mnt/archive".to_owned(),
    }
}

#[test]
fn a_stub_reads_back_and_nothing_else_is_one() {
    let line = stub().to_line().unwrap();
    record::canonical::check(line.strip_suffix(b"\n").unwrap()).unwrap();
    assert_eq!(Stub::parse(&line), Some(stub()));
    for at in 0..line.len() {
        let mut changed = line.clone();
        changed[at] ^= 1;
        assert_ne!(Stub::parse(&changed), Some(stub()), "byte {at}");
    }
    assert_eq!(Stub::parse(line.strip_suffix(b"\n").unwrap()), None);
    assert_eq!(Stub::parse(b""), None);
}

#[test]
fn what_is_no_segment_is_passed_over_and_what_is_here_counts() {
    let place = Place::new();
    let paths = place.paths();
    assert_eq!(list(&paths, &[]).unwrap(), []);
    drop(place.lock());
    for name in [
        "00000000000000000012.jsonl",
        "00000000000000000000.jsonl",
        "7.jsonl",
        "notes.txt",
    ] {
        std::fs::write(paths.segments().join(name), b"").unwrap();
    }
    std::fs::write(paths.stub(6), stub().to_line().unwrap()).unwrap();
    let listed = list(&paths, &[]).unwrap();
    assert_eq!(
        listed.iter().map(|listed| listed.first).collect::<Vec<_>>(),
        [0, 6, 12]
    );
    assert_eq!(listed[1].place, Where::Archived(stub(), None));
    assert_eq!(listed[1].path(), None);
    std::fs::write(paths.segment(6), b"").unwrap();
    let listed = list(&paths, &[]).unwrap();
    assert_eq!(listed[1].place, Where::Here(paths.segment(6)));
    // A stub that says nothing is an error, not a missing segment.
    std::fs::write(paths.stub(6), b"{}").unwrap();
    assert!(list(&paths, &[]).is_err());
}
