//! Every language has every message, and every message that a page asks for is there.

use std::collections::BTreeSet;

use language::Language;
use record::command::VERBS;
use record::kinds::KINDS;

use super::{duration, words};
use crate::openapi;

/// Everything that templates and code ask for by a key that stands there.
fn asked_for() -> BTreeSet<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut found = BTreeSet::new();
    let mut folders = vec![format!("{root}/templates"), format!("{root}/src/console")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.display().to_string());
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for call in ["say(\"", "say_with(\"", "count(\""] {
                for rest in text.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap_or_default();
                    let plain =
                        |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
                    if key.chars().all(plain) {
                        found.insert(key.to_owned());
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_language_has_every_message_and_no_other() {
    let english = words(Language::English);
    for language in Language::ALL {
        let other = words(*language);
        assert!(
            english.missing_from(other).is_empty(),
            "{language}: {:?}",
            english.missing_from(other)
        );
        assert!(
            other.missing_from(english).is_empty(),
            "{language}: {:?}",
            other.missing_from(english)
        );
    }
}

#[test]
fn every_message_that_a_page_asks_for_is_there() {
    let english = words(Language::English);
    let missing: Vec<String> = asked_for()
        .into_iter()
        .filter(|key| !english.has(key))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(asked_for().len() > 150, "the pages were not found");
}

#[test]
fn every_kind_of_act_is_told_and_every_command_has_a_name_and_fields_with_labels() {
    let english = words(Language::English);
    let mut missing = Vec::new();
    for kind in KINDS {
        let name = kind.split('/').next().unwrap_or(kind);
        missing.push(format!("act-{}", name.replace(['.', '_'], "-")));
    }
    for verb in VERBS {
        if openapi::command(verb).is_none() {
            continue;
        }
        let key = format!("do-{}", verb.replace(['.', '_'], "-"));
        missing.push(format!("{key}-says"));
        missing.push(key);
        // What a session can't ask for has no fields to fill in.
        if engine::beyond_sessions(verb).is_none() {
            let fields = crate::console::fields::names(verb);
            let keys = fields.iter().map(|it| it.replace(['_', '.'], "-"));
            missing.extend(keys.map(|field| format!("field-{field}")));
        }
    }
    missing.retain(|key| !english.has(key));
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn lengths_of_time_are_said_in_two_figures() {
    let t = words(Language::English);
    assert_eq!(duration(t, 900), "0 s");
    assert_eq!(duration(t, 65_000), "1 min");
    assert_eq!(duration(t, 3_900_000), "1 h 5 min");
    assert_eq!(duration(t, 90_000_000), "1 d 1 h");
}
