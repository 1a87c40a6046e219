//! Laws: what is made again in parts is what is made from nothing, and costs what has changed.

use proptest::prelude::*;
use serde_json::json;

use super::{Told, at, files, options, take};
use crate::{Change, Page, Site};

#[derive(Clone, Debug)]
enum Deed {
    Say(u8, u8, u8),
    Resolve(u8),
    Reopen(u8),
    Component(u8),
    Remove(u8),
    Plan(u8, i64),
    Measure(u8),
    Wait(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0_u8..6, 0_u8..3, 0_u8..4).prop_map(|(a, b, c)| Deed::Say(a, b, c)),
        2 => (0_u8..6).prop_map(Deed::Resolve),
        1 => (0_u8..6).prop_map(Deed::Reopen),
        2 => (0_u8..3).prop_map(Deed::Component),
        1 => (0_u8..3).prop_map(Deed::Remove),
        1 => (0_u8..3, 1_i64..200).prop_map(|(a, b)| Deed::Plan(a, b)),
        1 => (0_u8..9).prop_map(Deed::Measure),
        2 => (1_i64..100_000).prop_map(Deed::Wait),
    ]
}

fn play(told: &mut Told, minutes: &mut i64, deed: &Deed) {
    let component = |n: &u8| format!("component/c{n}");
    match deed {
        Deed::Say(incident, of, is) => {
            let is = [
                "operational",
                "degraded_performance",
                "partial_outage",
                "major_outage",
            ][usize::from(*is)];
            let name = format!("c{of}");
            told.say(
                *minutes,
                &format!("INC-{}", incident + 1),
                "Something.",
                json!({"status": "identified", "headline": "H", "components": {name: is}}),
            );
        }
        Deed::Resolve(incident) => {
            let subject = format!("incident/INC-{}", incident + 1);
            told.act(*minutes, &subject, "incident.resolved/1", json!({}));
        }
        Deed::Reopen(incident) => {
            let subject = format!("incident/INC-{}", incident + 1);
            told.act(*minutes, &subject, "incident.reopened/1", json!({}));
        }
        Deed::Component(n) => {
            let body = json!({"position": *minutes % 7, "titles": {"en": format!("C{minutes}")}});
            told.act(*minutes, &component(n), "component.registered/1", body);
        }
        Deed::Remove(n) => {
            told.act(*minutes, &component(n), "component.removed/1", json!({}));
        }
        Deed::Plan(n, length) => {
            let body = json!({
                "service": "s", "title": "t", "starts_at": at(*minutes + 5),
                "ends_at": at(*minutes + 5 + length),
                "page": {"headline": "P", "text": "T", "components": [format!("c{n}")]},
            });
            let subject = format!("maintenance/mw-{}", n + 1);
            told.act(*minutes, &subject, "maintenance.scheduled/1", body);
        }
        Deed::Measure(ago) => {
            let midnight = at(*minutes).as_ms().div_euclid(super::DAY) - i64::from(*ago) - 1;
            let starts_at = base::Timestamp::from_ms(midnight * super::DAY);
            let body = json!({"minutes": 1_440, "starts_at": starts_at});
            told.act(*minutes, "page/page", "page.measured/1", body);
        }
        Deed::Wait(more) => *minutes += more,
    }
    *minutes += 1;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn what_is_made_in_parts_is_what_is_made_from_nothing(
        deeds in prop::collection::vec(deed(), 1..24)
    ) {
        let mut told = Told::default();
        let mut site = Site::new(options()).unwrap();
        let mut parts = std::collections::BTreeMap::new();
        let mut minutes = 0;
        for deed in &deeds {
            play(&mut told, &mut minutes, deed);
            take(&mut parts, site.build(&told.page, at(minutes), 30));
        }
        let whole = files(&told.page, at(minutes), 30);
        prop_assert_eq!(parts.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
        for (path, text) in &whole {
            prop_assert_eq!(&parts[path], text, "{} differs after {:?}", path, deeds);
        }
        // And the snapshot of a page is the page.
        let json = serde_json::to_string(&told.page).unwrap();
        prop_assert_eq!(serde_json::from_str::<Page>(&json).unwrap(), told.page);
    }
}

#[test]
fn an_update_makes_only_what_it_changes() {
    let mut told = Told::default();
    told.component(0, "x", "X");
    for number in 1..=40 {
        let name = format!("INC-{number}");
        told.say(number * 3_000, &name, "x", json!({"status": "resolved"}));
    }
    let mut site = Site::new(options()).unwrap();
    let now = 40 * 3_000;
    let first = site.build(&told.page, at(now), 0).len();
    assert!(first > 80, "{first}");
    assert_eq!(site.build(&told.page, at(now), 0), vec![]);
    told.say(now, "INC-40", "y", json!({"status": "monitoring"}));
    let changes = site.build(&told.page, at(now), 0);
    let paths: Vec<&str> = changes
        .iter()
        .map(|change| match change {
            Change::Write { path, .. } | Change::Remove { path } => path.as_str(),
        })
        .collect();
    // The incident, its month, the front page and the feeds in two languages; and the API.
    assert!(paths.len() <= 18, "{paths:?}");
    // A minute later only what goes on is made again.
    let later = site.build(&told.page, at(now + 1), 0).len();
    assert!(later <= 8, "{later}");
}

#[test]
fn more_incidents_than_are_kept_let_the_oldest_closed_one_go() {
    let mut page = Told::default();
    page.say(0, "INC-1", "x", json!({"status": "resolved"}));
    for number in 2..=u32::try_from(crate::INCIDENTS_MAX).unwrap() + 1 {
        let it = page.page.incidents.values().next().unwrap().clone();
        let id = base::IncidentId::from_number(number);
        if page.page.incidents.len() < crate::INCIDENTS_MAX {
            page.page.incidents.insert(id, it);
        }
    }
    page.say(5, "INC-9999", "x", json!({"status": "investigating"}));
    assert_eq!(page.page.incidents.len(), crate::INCIDENTS_MAX);
    let newest = base::IncidentId::from_number(9_999);
    assert!(page.page.incidents.contains_key(&newest));
}

#[test]
fn more_words_than_are_kept_leave_the_first_and_the_last_and_say_so() {
    let mut told = Told::default();
    for number in 0..i64::try_from(crate::WORDS_MAX).unwrap() + 20 {
        let text = format!("word {number}");
        told.count = 0;
        told.say(number, "INC-1", &text, json!({"status": "investigating"}));
    }
    let incident = told.page.incidents.values().next().unwrap();
    assert_eq!(
        (incident.words.len(), incident.left_out),
        (crate::WORDS_MAX, 20)
    );
    let text = |word: &crate::Word| word.text.as_ref().unwrap().to_string();
    assert_eq!(text(&incident.words[0]), "word 0");
    assert_eq!(text(incident.words.last().unwrap()), "word 519");
    let all = files(&told.page, at(600), 0);
    let own = all.iter().find(|(path, _)| path.starts_with("incidents/"));
    assert!(own.unwrap().1.contains("20 older words are left out."));
}
