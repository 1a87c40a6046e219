//! What was shown counts as read, and nothing else.

use serde_json::{Value, json};

use crate::client::tests::{Reaction, answer, done};
use crate::commands::tests::{body, ran};
use crate::commands::timeline::tests::{declared, item};
use crate::exit::Exit;

fn page(items: &[Value]) -> Reaction {
    answer(200, &json!({ "items": items, "next": null }))
}

fn noted(number: u64) -> Value {
    let body = json!({ "text": format!("note {number}") });
    item(number, 5, "sam", "incident.noted/1", &body)
}

fn read(number: u64, person: &str, acts: u64) -> Value {
    let body = json!({ "acts": acts, "person": person });
    item(number, 6, person, "incident.caught_up/1", &body)
}

#[tokio::test]
async fn what_is_new_since_then_is_shown_and_then_counts_as_read() {
    let items = [declared(), noted(1), read(2, "kim", 2), noted(3)];
    let caught_up = done("incident.caught_up/1", ("incident", "INC-7"));
    let ran = ran(&["read", "7", "--as", "kim"], [page(&items), caught_up]).await;
    ran.outcome.unwrap();
    assert_eq!(
        ran.stdout,
        "  2017-12-21\n  08:05:00Z  sam  noted: note 3\n"
    );
    assert_eq!(
        ran.stderr,
        "kim has read all 4 acts of INC-7.  (entry 42)\n"
    );
    assert_eq!(
        body(&ran.requests[1]),
        json!({ "acts": 4, "incident": "INC-7" })
    );
}

#[tokio::test]
async fn with_nothing_new_nothing_is_recorded() {
    let items = [declared(), read(1, "kim", 1)];
    let nothing = ran(&["read", "7", "kim"], [page(&items)]).await;
    nothing.outcome.unwrap();
    assert_eq!(nothing.requests.len(), 1);
    assert!(nothing.stderr.starts_with("Nothing is new on INC-7"));
    // What somebody else read is something new.
    let items = [declared(), read(1, "kim", 1), read(2, "sam", 2)];
    let caught_up = done("incident.caught_up/1", ("incident", "INC-7"));
    let new = ran(&["read", "7", "kim"], [page(&items), caught_up]).await;
    new.outcome.unwrap();
    assert_eq!(body(&new.requests[1])["person"], "kim");
}

#[tokio::test]
async fn a_signature_says_who_reads_and_nothing_does_not() {
    let keys =
        json!({ "items": [{ "key": "laptop", "person": "kim", "vkey": "x" }], "next": null });
    let items = [declared(), read(1, "kim", 1)];
    let line = ["read", "7", "--sign", "laptop"];
    let signed = ran(&line, [answer(200, &keys), page(&items)]).await;
    signed.outcome.unwrap();
    assert!(
        signed.stderr.contains("kim has read all of it"),
        "{}",
        signed.stderr
    );

    let nobody = ran(&["read", "7"], []).await;
    let failure = nobody.outcome.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(nobody.requests.is_empty());
}

#[tokio::test]
async fn what_somebody_knew_is_a_table_with_what_is_not_on_the_record() {
    let joined = item(
        1,
        2,
        "kim",
        "incident.joined/1",
        &json!({ "person": "kim" }),
    );
    let items = [declared(), joined, noted(2)];
    let ran = ran(
        &["knew", "7", "kim", "--at", "2017-12-21T09:00:00Z"],
        [page(&items)],
    )
    .await;
    ran.outcome.unwrap();
    let rows: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        rows[1].starts_with("40 ") && rows[1].contains("not on the record"),
        "{rows:?}"
    );
    assert!(
        rows.iter()
            .any(|row| row.contains("did it") && row.contains("kim")),
        "{rows:?}"
    );
    assert!(
        ran.stderr
            .contains("kim knew of 1 of 3 acts by 2017-12-21 09:00:00Z")
            && ran.stderr.contains("the other 2"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn for_a_program_what_is_not_known_is_null() {
    let items = [declared(), noted(1)];
    let ran = ran(
        &["knew", "7", "sam", "--at", "2017-12-21T08:01:00Z", "--json"],
        [page(&items)],
    );
    let ran = ran.await;
    ran.outcome.unwrap();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    // The note came later than that.
    assert_eq!(document["items"].as_array().unwrap().len(), 1);
    assert_eq!(document["items"][0]["how"], "took");
}
