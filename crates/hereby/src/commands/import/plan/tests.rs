//! A plan says what changes, in an order that works, and nothing else.

use std::path::Path;

use serde_json::{Value, json};

use super::{Change, Known, plan};
use crate::commands::import::page::Files;
use crate::commands::wire;
use crate::exit::Failure;

const PAGE: &str = r#"
[person.sam]
full_name = "Sam Sample"
places = [{ kind = "mail", address = "sam@example.org" }]
permissions = ["responder@payments", "viewer"]

[team.payments]
about = "Carts and cards"

[service.checkout]
owner = "payments"
tier = 1
dependencies = ["dns:example.org:closed"]

[runbook.db-failover]
title = "Fail the database over"
steps = ["Fence db-1", "Promote db-2"]

[template.payments-down]
title = "Payments fail"
severity = 1
runbooks = ["db-failover"]
update_every = { insiders = "30m", public = "1h" }
"#;

fn read(text: &str) -> Result<Files, Failure> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hereby.toml"), text).unwrap();
    Files::read(dir.path())
}

/// What hereby answers once all of [`PAGE`] is there.
fn all_known() -> Known {
    let mut known = Known::default();
    known.team(typed(
        json!({ "team": "payments", "about": "Carts and cards" }),
    ));
    known.person(typed(json!({
        "person": "sam",
        "full_name": "Sam Sample",
        "places": [{ "kind": "mail", "address": "sam@example.org" }],
        "permissions": [
            { "permission": "viewer", "team": null },
            { "permission": "responder", "team": "payments" },
        ],
    })));
    known.service(typed(json!({
        "service": "checkout", "owner": "payments", "tier": 1, "about": null,
        "dependencies": [{ "kind": "dns", "name": "example.org", "when_fails": "closed" }],
    })));
    known.runbook(typed(json!({
        "runbook": "db-failover", "title": "Fail the database over",
        "steps": ["Fence db-1", "Promote db-2"],
    })));
    known.template(typed(json!({
        "template": "payments-down", "title": "Payments fail", "severity": 1, "service": null,
        "private": false, "runbooks": ["db-failover"],
        "update_every_ms": { "insiders": 1_800_000, "public": 3_600_000 },
    })));
    known
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    wire::one(&value).unwrap()
}

fn told(plan: &super::Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    steps
        .map(|step| format!("{} {}", step.change.word(), step.key))
        .collect()
}

#[test]
fn what_is_missing_is_made_known_before_it_is_named() {
    let plan = plan(&read(PAGE).unwrap(), &Known::default(), false);
    assert_eq!(
        told(&plan),
        [
            "new team payments",
            "new person sam",
            "new service checkout",
            "new permission sam: responder@payments",
            "new permission sam: viewer",
            "new runbook db-failover",
            "new template payments-down",
        ]
    );
    assert_eq!((plan.to_send().count(), plan.left), (7, 0));
}

#[test]
fn what_is_there_already_is_left_alone() {
    let plan = plan(&read(PAGE).unwrap(), &all_known(), true);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.change == Change::Unchanged),
        "{:?}",
        told(&plan)
    );
    assert_eq!(plan.to_send().count(), 0);
}

#[test]
fn what_differs_is_changed_and_a_name_that_can_t_be_read_is_said_again() {
    let mut known = all_known();
    known.team(typed(json!({ "team": "payments", "about": "Cards" })));
    known.person(typed(json!({
        "person": "sam", "places": [], "permissions": [],
        "full_name": { "sealed": { "ct": "AAAA", "key": "person/sam" } },
    })));
    let plan = plan(&read(PAGE).unwrap(), &known, false);
    let changed: Vec<String> = told(&plan)
        .into_iter()
        .filter(|said| !said.starts_with("unchanged"))
        .collect();
    assert_eq!(changed, ["changed team payments", "changed person sam"]);
}

#[test]
fn only_what_is_asked_for_is_removed_and_the_last_first() {
    let mut known = all_known();
    known.team(typed(json!({ "team": "old" })));
    known.runbook(typed(
        json!({ "runbook": "old", "title": "t", "steps": ["s"] }),
    ));
    known.person(typed(json!({
        "person": "kim", "places": [], "permissions": [{ "permission": "admin" }],
    })));
    known.person(typed(json!({
        "person": "sam",
        "full_name": "Sam Sample",
        "places": [{ "kind": "mail", "address": "sam@example.org" }],
        "permissions": [{ "permission": "admin" }],
    })));
    let files = read(PAGE).unwrap();
    let kept = plan(&files, &known, false);
    assert_eq!((kept.to_send().count(), kept.left), (0, 4));
    let removed: Vec<String> = told(&plan(&files, &known, true))
        .into_iter()
        .filter(|said| said.starts_with("removed"))
        .collect();
    assert_eq!(
        removed,
        [
            "removed runbook old",
            "removed permission sam: admin",
            "removed person kim",
            "removed team old",
        ]
    );
    // Files that name runbooks alone say nothing about people.
    let files = read("[runbook.a]\ntitle = \"t\"\nsteps = [\"s\"]\n").unwrap();
    let said = told(&plan(&files, &known, true));
    assert_eq!(
        said,
        [
            "new runbook a",
            "removed runbook old",
            "removed runbook db-failover"
        ]
    );
}

#[test]
fn what_waits_for_a_second_person_is_not_asked_for_twice() {
    let mut known = Known::default();
    known.request(typed(json!({
        "request": "req-3", "command": "permission.grant",
        "args": { "permission": "admin", "person": "kim" },
        "by": { "type": "person", "id": "sam" }, "at": "2017-12-21T08:00:00.000Z",
        "approvals": 1, "approved": [], "expires_at": "2018-01-20T08:00:00.000Z",
    })));
    let files = read("[person.kim]\npermissions = [\"admin\"]\n").unwrap();
    let said = told(&plan(&files, &known, false));
    assert_eq!(said, ["new person kim", "waits permission kim: admin"]);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_place() {
    for (text, why) in [
        ("[person.sam]\nfullname = \"x\"\n", "line 2, column 1"),
        ("[person.Sam]\n", "line 1, column 9"),
        ("[people.sam]\n", "unknown field `people`"),
        (
            "[person.sam]\npermissions = [\"boss\"]\n",
            "`boss` is no permission",
        ),
        ("[service.x]\n", "missing field `tier`"),
        (
            "[service.x]\ntier = 1\ndependencies = [\"dns\"]\n",
            "KIND:NAME:MODE",
        ),
        (
            "[template.x]\nupdate_every = { public = \"soon\" }\n",
            "30m",
        ),
        (
            "[template.x]\nupdate_every = { everybody = \"1h\" }\n",
            "unknown variant",
        ),
        ("[person.sam\n", "line 1"),
        (
            "[person.sam]\npermissions = [\"viewer\", \"viewer\"]\n",
            "is there twice",
        ),
    ] {
        let failure = read(text).unwrap_err();
        let said = failure.why.unwrap_or_default();
        assert!(said.contains(why), "{text}: {said}");
    }
    assert!(read("").is_err(), "nothing at all");
}

#[test]
fn a_directory_s_runbooks_are_called_like_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("db-failover.md", "# Fail over\n\n- Fence db-1\n");
    write("notes.txt", "not looked at");
    std::fs::create_dir(dir.path().join("below")).unwrap();
    std::fs::write(dir.path().join("below/x.md"), "no runbook").unwrap();
    let files = Files::read(dir.path()).unwrap();
    let said = told(&plan(&files, &Known::default(), false));
    assert_eq!(said, ["new runbook db-failover"]);

    write(
        "team.toml",
        "[runbook.db-failover]\ntitle = \"t\"\nsteps = [\"s\"]\n",
    );
    let twice = Files::read(dir.path()).unwrap_err().why.unwrap();
    assert!(twice.contains("db-failover.md as well"), "{twice}");
    std::fs::remove_file(dir.path().join("team.toml")).unwrap();
    write("README.md", "# Read me\n\n- first\n");
    let failure = Files::read(dir.path()).unwrap_err();
    assert!(
        failure.hints[0].contains("another directory"),
        "{failure:?}"
    );
    assert!(Files::read(Path::new("/does/not/exist.toml")).is_err());
}
