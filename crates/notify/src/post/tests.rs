//! The laws of the ledger and the journal: the counts add up, nothing that is done is begun again,
//! and a crash at any byte leaves only honest doubt.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

mod sender;

/// What may be tried with a delivery; most of it can't follow.
fn steps() -> impl Strategy<Value = Vec<(u32, Step)>> {
    let step = prop_oneof![
        4 => Just(Step::Begun),
        3 => Just(Step::Done),
        1 => Just(Step::Failed),
        2 => Just(Step::Later),
        1 => Just(Step::Unknown),
    ];
    proptest::collection::vec((1_u32..=8, step), 0..80)
}

fn planned(count: u32) -> Entry {
    Entry::Planned {
        round: 1,
        to: (1..=count).collect(),
    }
}

fn total(counts: Counts) -> u32 {
    counts.done + counts.failed + counts.unknown + counts.open
}

proptest! {
    #[test]
    fn whatever_happens_the_counts_add_up_and_what_is_done_stays_done(steps in steps()) {
        let mut ledger = Ledger::default();
        ledger.apply(&planned(8)).unwrap();
        let mut done = BTreeSet::new();
        for (n, is) in steps {
            let before = ledger.clone();
            let line = Entry::because(n, is, "x");
            if ledger.apply(&line).is_err() {
                prop_assert_eq!(&ledger, &before, "what can't follow changes nothing");
            } else {
                prop_assert!(!done.contains(&n), "{} was done and changed", n);
                if is == Step::Done {
                    done.insert(n);
                }
            }
            prop_assert_eq!(total(ledger.counts()), 8);
        }
        let counts = ledger.counts();
        prop_assert_eq!(counts.done as usize, done.len());
    }

    #[test]
    fn a_retry_begins_only_what_is_unknown(steps in steps(), wanted in proptest::collection::btree_set(1_u32..=9, 0..9)) {
        let mut ledger = Ledger::default();
        ledger.apply(&planned(8)).unwrap();
        for (n, is) in steps {
            let _ = ledger.apply(&Entry::because(n, is, "x"));
        }
        let unknown: BTreeSet<u32> = ledger.unknown().collect();
        let allowed = wanted.is_subset(&unknown);
        let to: Vec<u32> = wanted.iter().copied().collect();
        let taken = ledger.apply(&Entry::Planned { round: 2, to });
        prop_assert_eq!(taken.is_ok(), allowed);
        prop_assert_eq!(total(ledger.counts()), 8);
    }

    #[test]
    fn a_report_says_enough_to_go_on_from(steps in steps()) {
        let mut ledger = Ledger::default();
        ledger.apply(&planned(8)).unwrap();
        for (n, is) in steps {
            let _ = ledger.apply(&Entry::because(n, is, "a \"reason\""));
        }
        for line in ledger.given_up("lost") {
            ledger.apply(&line).unwrap();
        }
        prop_assert_eq!(ledger.counts().open, 0);
        let read = Ledger::from_outcomes(1, &ledger.outcomes()).unwrap();
        prop_assert_eq!(&read, &ledger);
        let mut rebuilt = Ledger::default();
        for line in ledger.lines() {
            rebuilt.apply(&line).unwrap();
        }
        prop_assert_eq!(&rebuilt, &ledger);
    }
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_leaves_only_honest_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ntc-1.jsonl");
    let journal = Journal::open(&path, None).unwrap();
    let lines = [
        planned(4),
        Entry::step(1, Step::Begun),
        Entry::step(2, Step::Begun),
        Entry::step(1, Step::Done),
        Entry::because(2, Step::Later, "smtp_451"),
        Entry::step(3, Step::Begun),
        Entry::step(2, Step::Begun),
        Entry::because(2, Step::Failed, "smtp_550"),
    ];
    for line in &lines {
        journal.sync(line).await.unwrap();
    }
    journal.close();
    assert!(journal.add(&lines[1]).is_err(), "it is closed");
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let found = read(&path).unwrap().unwrap();
        assert!(!found.damaged, "cut at {cut}");
        let ended = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        let mut expected = Ledger::default();
        for line in &lines[..ended] {
            expected.apply(line).unwrap();
        }
        assert_eq!(found.ledger, expected, "cut at {cut}");
        let journal = Journal::open(&path, Some(found)).unwrap();
        for line in expected.interrupted() {
            journal.sync(&line).await.unwrap();
        }
        drop(journal);
        let again = read(&path).unwrap().unwrap();
        assert!(!again.damaged);
        // Whatever was begun and not ended is unknown now, and is not begun again by itself.
        let begun = lines[..ended].iter().filter_map(|line| match line {
            Entry::Step {
                n, is: Step::Begun, ..
            } => Some(*n),
            _ => None,
        });
        let begun: BTreeSet<u32> = begun.collect();
        let waiting: BTreeSet<u32> = again.ledger.waiting().map(|(n, _)| n).collect();
        for n in begun.intersection(&waiting) {
            let put_off =
                matches!(again.ledger.standing()[n], Standing::Waiting(tries) if tries > 0);
            assert!(put_off, "{n} would be sent twice, cut at {cut}");
        }
    }
}

#[test]
fn a_line_that_was_changed_is_damage_and_not_skipped_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ntc-1.jsonl");
    for text in [
        "{\"round\":1,\"to\":[1]}\n{\"n\":1,\"is\":\"dxne\"}\n",
        "{\"round\":1,\"to\":[1]}\n{\"n\":2,\"is\":\"begun\"}\n",
        "{\"round\":1,\"to\":[1]}\n{\"n\":1,\"is\":\"done\"}\n",
        "nonsense\n",
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(read(&path).unwrap().unwrap().damaged, "{text}");
    }
    assert!(read(&dir.path().join("none")).unwrap().is_none());
}

fn letter() -> Letter {
    Letter {
        to: "sam@example.org".parse().unwrap(),
        from_name: Some("Müller & Söhne, Status".to_owned()),
        subject: "Zahlungen: wir sehen es uns an".to_owned(),
        text: "Zahlungen schlagen fehl.\n.\nEine Zeile mit einem Punkt davor.\n".to_owned(),
        html: "<p>Zahlungen schlagen fehl.</p>".to_owned(),
        id: "0011.ntc-1.7".to_owned(),
        unsubscribe: Some(
            format!("https://status.example.org/u/{}", "A1_-".repeat(60))
                .parse()
                .unwrap(),
        ),
        language: "de",
    }
}

#[test]
fn a_mail_has_one_click_to_leave_on_one_line_and_says_that_nobody_wrote_it() {
    let from = "status@example.org".parse().unwrap();
    let message = letter().write(&from, base::Timestamp::from_ms(0)).unwrap();
    let text = String::from_utf8(message.bytes).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let link = format!(
        "\r\nList-Unsubscribe: <https://status.example.org/u/{}>\r\n",
        "A1_-".repeat(60)
    );
    for part in [
        link.as_str(),
        "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "\r\nAuto-Submitted: auto-generated\r\n",
        "\r\nContent-Language: de\r\n",
        "\r\nMessage-ID: <0011.ntc-1.7@example.org>\r\n",
        "\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
        "\r\nTo: sam@example.org\r\n",
    ] {
        assert!(head.contains(part), "{part} is not in {head}");
    }
    assert!(head.is_ascii(), "{head}");
    assert!(head.lines().all(|line| line.len() <= 998));
    assert!(text.contains("text/plain") && text.contains("text/html"));
}

#[test]
fn nothing_in_a_letter_adds_a_line_to_its_head() {
    let from = "status@example.org".parse().unwrap();
    let line = "x\r\nBcc: kim@example.org".to_owned();
    for hostile in [
        Letter {
            subject: line.clone(),
            ..letter()
        },
        Letter {
            from_name: Some(line.clone()),
            ..letter()
        },
        Letter {
            id: line.clone(),
            ..letter()
        },
    ] {
        let written = hostile.write(&from, base::Timestamp::from_ms(0));
        assert!(written.is_err(), "{written:?}");
    }
}
