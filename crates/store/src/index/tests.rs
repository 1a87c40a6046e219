//! What is put in is found, and nothing else; what is damaged is not used.

use base::ActId;
use proptest::prelude::*;
use record::hash::sha256;

use super::{BadIndex, IndexFile, RUN, write};
use crate::keys::Keys;
use crate::live::{Span, Table};

fn id(number: u32) -> ActId {
    ActId::from_bytes(sha256(&[&number.to_be_bytes()]).0[..16].try_into().unwrap())
}

/// As many entries, each on the subject that `subject` says.
fn table(entries: u32, subject: impl Fn(u32) -> u64) -> Table {
    let mut table = Table::default();
    for number in 0..entries {
        table.place(Span {
            at: number * 500,
            length: 499,
        });
        let keys = Keys {
            act: id(number),
            subject: subject(number),
            rotates: false,
        };
        table.find_by(Some(keys));
    }
    table
}

fn kept(table: &Table) -> (tempfile::TempDir, std::path::PathBuf, IndexFile) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.idx");
    write(&path, 1_000, 77_777, &table.to_rows()).unwrap();
    let index = IndexFile::open(&path, 1_000, Some(77_777)).unwrap();
    (directory, path, index)
}

#[test]
fn every_act_and_place_is_found() {
    let table = table(5_000, |number| u64::from(number % 3));
    let (_directory, _, index) = kept(&table);
    assert_eq!(index.entries(), 5_000);
    for number in 0..5_000 {
        assert_eq!(index.act(&id(number)).unwrap(), [number]);
        let span = Span {
            at: number * 500,
            length: 499,
        };
        assert_eq!(index.span(number).unwrap(), Some(span));
    }
    for number in 5_000..6_000 {
        assert_eq!(index.act(&id(number)).unwrap(), Vec::<u32>::new());
    }
    assert_eq!(index.span(5_000).unwrap(), None);
}

#[test]
fn most_acts_that_are_not_there_need_no_look_into_the_file() {
    let table = table(5_000, u64::from);
    let (_directory, _, index) = kept(&table);
    let asked = (0..20_000).filter(|number| {
        index
            .filter
            .may_have(crate::keys::act_key(&id(1_000_000 + number)))
    });
    let asked = asked.count();
    assert!(asked < 20_000 / 10, "{asked} of 20000");
}

#[test]
fn a_subject_with_more_entries_than_are_read_at_once_is_read_on() {
    let many = RUN * 5 + 3;
    let table = table(
        many * 2,
        |number| if number % 2 == 0 { 42 } else { u64::MAX },
    );
    let (_directory, _, index) = kept(&table);
    let even: Vec<u32> = (0..many).map(|number| number * 2).collect();
    assert_eq!(index.subject(42, 0, usize::MAX).unwrap(), even);
    assert_eq!(index.subject(42, 0, 700).unwrap(), even[..700]);
    assert_eq!(index.subject(42, 1_001, 700).unwrap(), even[501..1_201]);
    assert_eq!(index.subject(42, many * 2, 9).unwrap(), Vec::<u32>::new());
    assert_eq!(index.subject(43, 0, 9).unwrap(), Vec::<u32>::new());
    assert_eq!(
        index.subject(u64::MAX, 0, usize::MAX).unwrap().len(),
        many as usize
    );
}

#[test]
fn a_damaged_or_foreign_file_is_not_used() {
    let (_directory, path, _) = kept(&table(50, u64::from));
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len())
        .step_by(997)
        .chain([0, 9, 20, whole.len() - 1])
    {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        std::fs::write(&path, &changed).unwrap();
        let opened = IndexFile::open(&path, 1_000, Some(77_777));
        assert!(matches!(opened, Err(BadIndex::Damaged)), "byte {at}");
    }
    for length in [0, 7, 36, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(
            IndexFile::open(&path, 1_000, None).is_err(),
            "cut at {length}"
        );
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(matches!(
        IndexFile::open(&path, 1_001, None),
        Err(BadIndex::Foreign)
    ));
    assert!(matches!(
        IndexFile::open(&path, 1_000, Some(1)),
        Err(BadIndex::Foreign)
    ));
    IndexFile::open(&path, 1_000, None).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        IndexFile::open(&path, 1_000, None),
        Err(BadIndex::Missing)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The file answers as the table in memory does.
    #[test]
    fn the_file_says_what_the_table_says(
        subjects in proptest::collection::vec(0_u64..6, 0..700),
        asks in proptest::collection::vec((0_u64..7, 0_u32..800, 0_usize..300), 20),
    ) {
        // Spread over the buckets, first and last included.
        let key = |subject: u64| subject.wrapping_mul(u64::MAX / 5);
        let table = table(u32::try_from(subjects.len()).unwrap(), |number| {
            key(subjects[number as usize])
        });
        let (_directory, _, index) = kept(&table);
        for (subject, from, limit) in asks {
            let expected = table.subject(key(subject), from, limit);
            prop_assert_eq!(index.subject(key(subject), from, limit).unwrap(), expected);
        }
    }
}
