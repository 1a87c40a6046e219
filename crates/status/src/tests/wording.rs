//! Every language has every word, and every word that is asked for is there.

use language::{Language, Words};

use crate::site::source;

const TEMPLATES: &[&str] = &[
    include_str!("../../templates/layout.html"),
    include_str!("../../templates/front.html"),
    include_str!("../../templates/incident.html"),
    include_str!("../../templates/month.html"),
    include_str!("../../templates/history.html"),
    include_str!("../../templates/missing.html"),
    include_str!("../html.rs"),
    include_str!("../html/front.rs"),
    include_str!("../html/told.rs"),
    include_str!("../feeds.rs"),
];

fn words(language: Language) -> Words {
    Words::new(language, source(language)).unwrap()
}

#[test]
fn every_language_is_complete() {
    let english = words(Language::English);
    for language in Language::ALL {
        let other = words(*language);
        assert_eq!(
            english.missing_from(&other),
            Vec::<&str>::new(),
            "{language}"
        );
        assert_eq!(
            other.missing_from(&english),
            Vec::<&str>::new(),
            "{language}"
        );
    }
}

#[test]
fn every_word_that_is_asked_for_is_there() {
    let english = words(Language::English);
    let mut asked = 0;
    for text in TEMPLATES {
        for begin in [
            "say(\"",
            "said(\"",
            "say_of(\"",
            "say_count(\"",
            "say_with(\"",
        ] {
            for part in text.split(begin).skip(1) {
                let key = part.split('"').next().unwrap();
                assert!(english.has(key), "{key}");
                asked += 1;
            }
        }
    }
    assert!(asked > 40, "{asked}");
    // Keys that are put together.
    let families: [(&str, &[&str]); 5] = [
        (
            "status",
            &["investigating", "identified", "monitoring", "resolved"],
        ),
        ("phase", &["scheduled", "in_progress", "completed"]),
        ("impact", &["none", "minor", "major", "critical"]),
        (
            "state",
            &["minor", "major", "critical", "maintenance", "unknown"],
        ),
        (
            "legend",
            &[
                "well",
                "degraded",
                "partial",
                "major",
                "maintained",
                "unknown",
            ],
        ),
    ];
    for (family, members) in families {
        for member in members {
            assert!(
                english.has(&format!("{family}-{member}")),
                "{family}-{member}"
            );
        }
    }
    for status in record::kinds::page::ComponentStatus::ALL {
        assert!(english.has(&format!("component-{}", status.as_str())));
    }
}

/// Words that nobody asks for are dead weight in every language.
#[test]
fn every_word_is_asked_for_somewhere() {
    let english = words(Language::English);
    let all = TEMPLATES.concat();
    let built = [
        "status-",
        "phase-",
        "impact-",
        "state-",
        "legend-",
        "component-",
    ];
    for key in english.keys() {
        let said = all.contains(&format!("\"{key}\""));
        let put_together = built.iter().any(|family| key.starts_with(family));
        assert!(said || put_together, "{key} is said nowhere");
    }
}
