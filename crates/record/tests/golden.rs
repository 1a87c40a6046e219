//! Golden logs: one of each kind as every release wrote it. They are never changed; a release adds
//! its own file. What was written once is read for ever, and means the same.

use record::act::Act;
use record::kinds::{Body, KINDS};

/// Every release so far, and what it wrote.
const RELEASES: &[(&str, &str)] = &[("0.1.0", include_str!("golden/0.1.0.jsonl"))];

#[test]
fn every_release_is_read_and_no_kind_is_unknown() {
    for (release, log) in RELEASES {
        for line in log.lines() {
            let act = Act::decode_strict(line.as_bytes())
                .unwrap_or_else(|error| panic!("{release}: {error}: {line}"));
            assert!(!matches!(act.body, Body::Unknown(_)), "{release}: {line}");
        }
    }
}

#[test]
fn the_present_release_writes_its_golden_log_byte_for_byte() {
    let (_, log) = RELEASES.last().unwrap();
    for line in log.lines() {
        let act = Act::decode_strict(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(act.encode().unwrap()).unwrap(), line);
    }
}

#[test]
fn the_present_golden_log_has_every_kind() {
    let (_, log) = RELEASES.last().unwrap();
    for kind in KINDS {
        assert!(
            log.contains(&format!("\"kind\":\"{kind}\"")),
            "{kind} is not in it"
        );
    }
}
