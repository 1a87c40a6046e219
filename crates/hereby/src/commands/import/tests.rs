//! An import sends what its plan says, and once.

use base::TeamName;
use record::command::RegisterTeam;
use serde_json::{Value, json};

use super::step_id;
use crate::client::tests::{Reaction, answer, done};
use crate::commands::tests::ran;
use crate::exit::Exit;

fn empty() -> Reaction {
    answer(200, &json!({ "items": [], "next": null }))
}

/// What is asked before the plan is made; the record has `size` entries then.
fn nothing_known(size: u64) -> Vec<Reaction> {
    let status = json!({
        "version": "0.1.0", "size": size, "root": "AAAA", "started_at": "2017-12-21T07:00:00.000Z",
    });
    let lists = std::iter::repeat_with(empty).take(6);
    std::iter::once(answer(200, &status)).chain(lists).collect()
}

fn a_team(dir: &tempfile::TempDir) -> String {
    let file = dir.path().join("hereby.toml");
    std::fs::write(&file, "[team.payments]\n").unwrap();
    file.to_str().unwrap().to_owned()
}

fn ids(requests: &[String]) -> Vec<&str> {
    let sent = requests.iter().filter(|it| it.starts_with("POST"));
    sent.map(|request| {
        let (_, rest) = request.split_once("idempotency-key: ").unwrap();
        rest.split("\r\n").next().unwrap()
    })
    .collect()
}

#[tokio::test]
async fn what_is_new_is_sent_under_an_id_that_follows_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = a_team(&dir);
    let mut reactions = nothing_known(42);
    reactions.push(done("team.registered/1", ("team", "payments")));
    let ran = ran(&["import", &file], reactions).await;
    ran.outcome.unwrap();
    assert_eq!(ran.stdout, "new      team payments\n");
    assert_eq!(ran.stderr, "1 new, 0 changed, 0 unchanged, 0 removed.\n");
    let team: TeamName = "payments".parse().unwrap();
    let verb = RegisterTeam { about: None, team }.into();
    assert_eq!(ids(&ran.requests), [step_id(&verb, 0).unwrap().as_str()]);
}

#[tokio::test]
async fn what_was_undone_since_is_said_under_another_id() {
    let dir = tempfile::tempdir().unwrap();
    let file = a_team(&dir);
    // Entry 42 was there before the plan was made: this id happened then, and was undone.
    let mut reactions = nothing_known(50);
    let reused = json!({ "outcome": "refused", "reason": "id_reused", "detail": "another's" });
    let mut fresh = done("team.registered/1", ("team", "payments"));
    if let Reaction::Answer(_, _, body) = &mut fresh {
        *body = body.replace("\"index\":42", "\"index\":50");
    }
    reactions.push(done("team.registered/1", ("team", "payments")));
    reactions.push(answer(409, &reused));
    reactions.push(fresh);
    let ran = ran(&["import", &file], reactions).await;
    ran.outcome.unwrap();
    let ids = ids(&ran.requests);
    assert_eq!(ids.len(), 3);
    assert!(ids[0].ends_with("-0") && ids[1].ends_with("-1") && ids[2].ends_with("-2"));
    assert_eq!(ids[0][..ids[0].len() - 1], ids[2][..ids[2].len() - 1]);
}

#[tokio::test]
async fn a_plan_sends_nothing_and_an_import_takes_no_id() {
    let dir = tempfile::tempdir().unwrap();
    let file = a_team(&dir);
    let planned = ran(&["import", &file, "--plan", "--json"], nothing_known(42)).await;
    planned.outcome.unwrap();
    let document: Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!(document["items"][0]["change"], "new");
    assert_eq!(document["items"][0]["outcome"], Value::Null);
    assert!(ids(&planned.requests).is_empty());

    let named = ran(&["import", &file, "--id", "x"], []).await;
    assert_eq!(named.outcome.unwrap_err().exit, Exit::Usage);
}

#[tokio::test]
async fn the_first_refusal_stops_it_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hereby.toml");
    std::fs::write(&file, "[team.a]\n[team.b]\n[team.c]\n").unwrap();
    let mut reactions = nothing_known(42);
    let no = json!({ "outcome": "refused", "reason": "forbidden", "detail": "you may not" });
    reactions.push(done("team.registered/1", ("team", "a")));
    reactions.push(answer(403, &no));
    let ran = ran(&["import", file.to_str().unwrap()], reactions).await;
    let failure = ran.outcome.unwrap_err();
    assert_eq!(failure.exit, Exit::Unauthorised);
    assert_eq!(failure.what, "team b: you may not");
    assert!(
        failure
            .hints
            .iter()
            .any(|hint| hint.starts_with("1 change before"))
    );
    assert_eq!(ids(&ran.requests).len(), 2);
}
