//! Stories of what the public is told, and what it is not.

use serde_json::{Value, json};

use super::{Told, at, files};

const SECRET: &str = "root shell on db-7";

#[test]
fn an_incident_stands_on_the_page_from_its_first_public_word_on_and_under_no_title_of_its_own() {
    let mut told = Told::default();
    told.component(0, "checkout", "Checkout");
    told.act(
        1,
        "incident/INC-1",
        "incident.declared/1",
        json!({"severity": 1, "title": SECRET}),
    );
    told.act(
        2,
        "incident/INC-1",
        "incident.noted/1",
        json!({"text": SECRET}),
    );
    told.act(
        3,
        "incident/INC-1",
        "incident.updated/1",
        json!({"audience": "insiders", "text": SECRET}),
    );
    assert!(told.page.incidents.is_empty());
    let quiet = files(&told.page, at(4), 0);
    assert!(quiet["index.html"].contains("Everything is working, as far as we know"));

    told.say(
        5,
        "INC-1",
        "We are looking.",
        json!({"status": "investigating"}),
    );
    told.act(
        6,
        "incident/INC-1",
        "incident.status_changed/1",
        json!({"from": "investigating", "to": "identified"}),
    );
    let after = files(&told.page, at(7), 0);
    let (path, own) = after
        .iter()
        .find(|(path, _)| path.starts_with("incidents/"))
        .unwrap();
    assert!(own.contains("<h1 dir=\"auto\">Incident</h1>"), "{own}");
    assert!(after[&format!("de/{path}")].contains("<h1 dir=\"auto\">Störung</h1>"));
    // What nobody said in German is marked as English there, and hereby's own words are not.
    let german = &after[&format!("de/{path}")];
    assert!(german.contains("<p dir=\"auto\" lang=\"en\">We are looking.</p>"));
    assert!(!german.contains("lang=\"en\">Störung") && !own.contains("<p dir=\"auto\" lang="));
    // That the cause is known was said to nobody outside.
    assert!(own.contains("Investigating") && !own.contains("Identified"));
    for (path, text) in &after {
        assert!(!text.contains("root shell"), "{path}");
        assert!(!text.contains("INC-1"), "{path}: {text}");
    }
}

#[test]
fn an_impact_that_nobody_said_is_minor_and_one_that_was_said_to_be_none_stays() {
    let mut told = Told::default();
    told.component(0, "checkout", "Checkout");
    told.say(
        1,
        "INC-1",
        "We are looking.",
        json!({"status": "investigating"}),
    );
    let open = files(&told.page, at(2), 0);
    let summary: Value = serde_json::from_str(&open["api/v2/summary.json"]).unwrap();
    assert_eq!(summary["status"]["indicator"], "minor");
    assert_eq!(summary["incidents"][0]["impact"], "minor");
    assert!(!open["index.html"].contains("Everything is working"));
    assert!(open["index.html"].contains("<section class=\"state minor\""));

    told.say(
        3,
        "INC-1",
        "Nobody notices it.",
        json!({"status": "identified", "impact": "none"}),
    );
    told.say(4, "INC-1", "Still so.", json!({"status": "monitoring"}));
    let said = files(&told.page, at(5), 0);
    let summary: Value = serde_json::from_str(&said["api/v2/summary.json"]).unwrap();
    assert_eq!(summary["status"]["indicator"], "none");
    assert_eq!(summary["incidents"][0]["impact"], "none");
}

#[test]
fn where_nothing_is_listed_nobody_says_that_it_is_well() {
    let mut told = Told::default();
    let empty = files(&told.page, at(0), 0);
    for (path, words) in [
        ("index.html", "No parts are listed here yet"),
        ("de/index.html", "Hier sind noch keine Teile aufgeführt"),
    ] {
        assert!(empty[path].contains(words), "{}", empty[path]);
        assert!(empty[path].contains("<section class=\"state unknown\""));
    }
    let summary: Value = serde_json::from_str(&empty["api/v2/summary.json"]).unwrap();
    assert_eq!(
        summary["status"],
        json!({"indicator": "none", "description": "No Components Listed"})
    );
    told.component(1, "checkout", "Checkout");
    let listed = files(&told.page, at(2), 0);
    assert!(listed["index.html"].contains("Everything is working, as far as we know"));
}

#[test]
fn components_are_as_they_were_said_last_and_well_when_it_is_over() {
    let mut told = Told::default();
    told.component(0, "checkout", "Checkout")
        .component(0, "api", "API");
    told.say(
        10,
        "INC-1",
        "Payments fail.",
        json!({
            "status": "investigating", "headline": "Payments fail", "impact": "major",
            "components": {"checkout": "major_outage", "api": "degraded_performance"},
        }),
    );
    told.say(
        20,
        "INC-1",
        "Most work.",
        json!({"status": "identified", "components": {"checkout": "partial_outage"}}),
    );
    let summary = |told: &Told, minutes| -> Value {
        let files = files(&told.page, at(minutes), 0);
        serde_json::from_str(&files["api/v2/summary.json"]).unwrap()
    };
    let open = summary(&told, 21);
    assert_eq!(open["status"]["indicator"], "major");
    assert_eq!(open["components"][0]["status"], "partial_outage");
    assert_eq!(open["components"][1]["status"], "degraded_performance");
    let updates = &open["incidents"][0]["incident_updates"];
    assert_eq!(updates[0]["body"], "Most work.");
    assert_eq!(
        updates[0]["affected_components"][0]["old_status"],
        "major_outage"
    );

    told.act(
        30,
        "incident/INC-1",
        "incident.resolved/1",
        json!({"summary": "secret"}),
    );
    let over = summary(&told, 31);
    assert_eq!(over["status"]["indicator"], "none");
    assert_eq!(over["components"][0]["status"], "operational");
    assert_eq!(over["incidents"], json!([]));
    let all = files(&told.page, at(31), 0);
    assert!(!all.values().any(|text| text.contains("secret")));
    let incidents: Value = serde_json::from_str(&all["api/v2/incidents.json"]).unwrap();
    let incident = &incidents["incidents"][0];
    assert_eq!(incident["status"], "resolved");
    assert_eq!(
        incident["incident_updates"][0]["body"],
        "This incident is resolved."
    );

    told.act(40, "incident/INC-1", "incident.reopened/1", json!({}));
    assert_eq!(
        summary(&told, 41)["incidents"][0]["status"],
        "investigating"
    );
}

#[test]
fn planned_work_comes_goes_on_and_is_over_by_the_clock() {
    let mut told = Told::default();
    told.component(0, "db", "Database");
    told.act(
        1,
        "maintenance/mw-1",
        "maintenance.scheduled/1",
        json!({
            "service": "db", "title": "swap the rotten disk",
            "starts_at": at(60), "ends_at": at(120),
            "page": {"headline": "A faster database", "text": "You can read and not write.",
                "components": ["db"],
                "translations": {"de": {"headline": "Schnellere Datenbank", "text": "Nur lesen."}}},
        }),
    );
    told.act(
        2,
        "maintenance/mw-2",
        "maintenance.scheduled/1",
        json!({"service": "db", "title": "concealed work", "starts_at": at(60), "ends_at": at(120)}),
    );
    let read = |minutes, path: &str| -> Value {
        serde_json::from_str(&files(&told.page, at(minutes), 0)[path]).unwrap()
    };
    let upcoming = read(5, "api/v2/scheduled-maintenances/upcoming.json");
    assert_eq!(upcoming["scheduled_maintenances"][0]["status"], "scheduled");
    assert_eq!(
        upcoming["scheduled_maintenances"][0]["name"],
        "A faster database"
    );
    let active = read(61, "api/v2/scheduled-maintenances/active.json");
    assert_eq!(active["scheduled_maintenances"][0]["status"], "in_progress");
    let summary = read(61, "api/v2/summary.json");
    assert_eq!(summary["components"][0]["status"], "under_maintenance");
    assert_eq!(summary["status"]["indicator"], "none");
    let all = read(121, "api/v2/scheduled-maintenances.json");
    assert_eq!(all["scheduled_maintenances"][0]["status"], "completed");
    let now = files(&told.page, at(61), 0);
    assert!(now["de/index.html"].contains("Schnellere Datenbank"));
    assert!(
        !now.values()
            .any(|text| text.contains("rotten") || text.contains("concealed"))
    );
}

#[test]
fn what_is_written_executes_nothing() {
    let hostile = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\u{202d}\"'&]]>";
    let plain = hostile.replace('\u{202d}', "");
    let mut told = Told::default();
    told.component(0, "x", &plain);
    told.say(
        1,
        "INC-1",
        &plain,
        json!({"status": "investigating", "headline": plain, "components": {"x": "major_outage"}}),
    );
    for (path, text) in files(&told.page, at(2), 0) {
        if path.ends_with(".json") {
            serde_json::from_str::<Value>(&text).unwrap();
            continue;
        }
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(!text.contains("<img"), "{path}");
        let scripts = text.matches("<script").count();
        assert!(scripts <= 1, "{path}");
        if path.ends_with(".html") {
            assert!(
                text.contains("<meta http-equiv=\"Content-Security-Policy\""),
                "{path}"
            );
            assert!(
                !text.contains("unsafe-") && !text.contains(" style="),
                "{path}"
            );
            assert!(
                !text.contains(" onclick") && !text.contains("javascript:"),
                "{path}"
            );
        }
    }
}

#[test]
fn each_page_says_until_when_it_counts() {
    let mut told = Told::default();
    told.component(0, "x", "X");
    told.say(1, "INC-1", "Now.", json!({"status": "resolved"}));
    let pages = files(&told.page, at(2), 0);
    for (path, text) in pages.iter().filter(|(path, _)| path.ends_with(".html")) {
        assert!(text.contains("<time data-valid datetime=\"20"), "{path}");
        assert!(text.contains("id=\"stale\""), "{path}");
    }
    let until = "2026-11-21T08:17:00.000Z";
    assert!(
        pages["index.html"].contains(until),
        "{}",
        pages["index.html"]
    );
}

#[test]
fn parts_stand_under_their_group_which_is_as_bad_as_the_worst_of_them() {
    let mut told = Told::default();
    told.component(0, "shop", "Shop")
        .component(0, "other", "Other");
    told.act(
        1,
        "component/cart",
        "component.registered/1",
        json!({"position": 9, "titles": {"en": "Cart", "de": "Korb"}, "group": "shop"}),
    );
    told.say(
        2,
        "INC-1",
        "x",
        json!({"status": "investigating", "components": {"cart": "partial_outage"}}),
    );
    let all = files(&told.page, at(3), 0);
    let components: Value = serde_json::from_str(&all["api/v2/components.json"]).unwrap();
    let all_of = |field: &str| -> Vec<Value> {
        let items = components["components"].as_array().unwrap().iter();
        items.map(|it| it[field].clone()).collect()
    };
    assert_eq!(all_of("name"), ["Shop", "Cart", "Other"]);
    assert_eq!(all_of("group"), [true, false, false]);
    assert_eq!(
        all_of("status"),
        ["partial_outage", "partial_outage", "operational"]
    );
    assert_eq!(
        components["components"][1]["group_id"],
        components["components"][0]["id"]
    );
    assert!(all["de/index.html"].contains("Korb"));
}
