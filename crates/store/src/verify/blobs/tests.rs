//! Blobs that entries cite are there and whole, or named with the entry.

use base::IncidentId;
use record::act::{Act, Subject};
use record::hash::Hash;
use record::kinds::incident::{BlobRef, Noted};
use record::sealed::Sealable;

use crate::Blobs;
use crate::tests::{Place, act, append, fill};
use crate::verify::tests::check;

fn cites(number: u64, blobs: &[Hash]) -> Act {
    let blobs = blobs.iter().map(|sha256| BlobRef {
        bytes: 1,
        name: None,
        sha256: *sha256,
    });
    Act {
        subject: Subject::Incident(IncidentId::from_number(1)),
        body: Noted {
            blobs: blobs.collect(),
            text: Sealable::Open("see the files".parse().unwrap()),
        }
        .into(),
        ..act(number)
    }
}

/// Entries 1 to 3 cite two blobs, one of them twice; a third blob is cited by nobody.
fn place() -> (Place, [Hash; 3]) {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 0, 0);
    let blobs = Blobs::new(&place.paths());
    let put = |bytes: &[u8]| blobs.put(bytes).unwrap();
    let digests = [put(b"the cron table"), put(&[7; 300_000]), put(b"a draft")];
    let [one, two, _] = digests;
    let acts = [cites(1, &[two]), cites(2, &[]), cites(3, &[one, two])];
    append(&mut opened.log, &acts);
    (place, digests)
}

#[test]
fn whole_blobs_verify_and_those_that_nothing_cites_are_counted() {
    let (place, _) = place();
    let report = check(&place);
    assert_eq!(report.problems, []);
    assert_eq!(report.blobs, 2);
    let note = "1 blob that no entry cites";
    assert!(
        report.notes.iter().any(|said| said == note),
        "{:?}",
        report.notes
    );
}

#[test]
fn a_changed_or_missing_blob_is_named_with_its_entry() {
    let (place, [one, two, draft]) = place();
    let blobs = Blobs::new(&place.paths());
    let path = blobs.path(&two);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[299_999] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(blobs.path(&draft), "not what it was, and nobody minds").unwrap();
    let report = check(&place);
    let [problem] = &report.problems[..] else {
        panic!("{:?}", report.problems)
    };
    assert_eq!((&problem.path, problem.entry), (&path, Some(1)));
    assert!(problem.what.contains("has changed"), "{problem}");
    // Larger than any blob is another one as well.
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert!(check(&place).problems[0].what.contains("has changed"));
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_dir_all(blobs.path(&one).parent().unwrap()).unwrap();
    let report = check(&place);
    let found: Vec<_> = report
        .problems
        .iter()
        .map(|problem| (problem.entry, problem.what.contains("is missing")))
        .collect();
    assert_eq!(found, [(Some(1), true), (Some(3), true)]);
    assert_eq!(report.blobs, 0);
}
