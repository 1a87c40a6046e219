//! What waits is never said to be done.

use serde_json::{Value, json};

use crate::client::tests::{Reaction, answer, done};
use crate::commands::tests::ran;

fn waiting(changes: &Value) -> Reaction {
    let mut request = json!({
        "request": "req-3", "command": "incident.redact", "args": { "incident": "INC-7" },
        "by": { "type": "uid", "id": 1000, "for": "sam" }, "at": "2017-12-21T08:00:00.000Z",
        "approvals": 2, "approved": ["kim"], "due_at": "2017-12-24T08:00:00.000Z",
        "not_before": null, "expires_at": "2018-01-20T08:00:00.000Z",
    });
    for (name, change) in changes.as_object().unwrap() {
        request[name] = change.clone();
    }
    answer(200, &json!({ "items": [request], "next": null }))
}

fn made() -> Reaction {
    done("request.made/1", ("request", "req-3"))
}

#[tokio::test]
async fn what_can_t_be_undone_says_what_it_waits_for() {
    let ran = ran(&["redact", "INC-7"], [made(), waiting(&json!({}))]).await;
    ran.outcome.unwrap();
    assert_eq!(
        ran.stderr,
        "Waits as req-3: it takes 1 approval by somebody else. Unless somebody rejects it, it is \
         done by itself 2017-12-24 08:00:00Z.  (entry 42)\n  next: hereby approve req-3 --sign KEY\n"
    );
    assert!(!ran.stderr.contains("erased"));
}

#[tokio::test]
async fn any_guarded_command_says_so() {
    let never = json!({
        "approved": [], "due_at": null, "not_before": "2017-12-21T09:00:00.000Z",
    });
    let grant = ran(&["grant", "kim", "admin"], [made(), waiting(&never)]).await;
    grant.outcome.unwrap();
    assert!(
        grant.stderr.starts_with(
            "Waits as req-3: it takes 2 approvals by somebody else, and is not done before \
             2017-12-21 09:00:00Z. It is never done by itself, and forgotten 2018-01-20 08:00:00Z."
        ),
        "{}",
        grant.stderr
    );
    // That what waits can't be read does not make it done.
    let no = json!({ "outcome": "refused", "reason": "forbidden", "detail": "no" });
    let unread = ran(&["grant", "kim", "admin"], [made(), answer(403, &no)]).await;
    unread.outcome.unwrap();
    assert!(
        unread.stderr.starts_with("Waits as req-3: somebody else"),
        "{}",
        unread.stderr
    );
}

#[tokio::test]
async fn the_document_says_that_it_waits() {
    let ran = ran(&["redact", "--person", "sam", "--json"], [made()]).await;
    ran.outcome.unwrap();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["outcome"], "waits");
    assert_eq!(document["request"], "req-3");
}

#[tokio::test]
async fn an_approval_says_whether_it_was_the_last_one() {
    let approved = done("request.approved/1", ("request", "req-3"));
    let first = ran(&["approve", "req-3"], [approved]).await;
    assert!(
        first.stderr.contains("it waits for more"),
        "{}",
        first.stderr
    );
    let carried = done("request.carried_out/1", ("request", "req-3"));
    let last = ran(&["approve", "req-3"], [carried]).await;
    assert!(last.stderr.contains("it is done"), "{}", last.stderr);
}

#[tokio::test]
async fn the_list_says_who_approved_and_what_is_asked() {
    let ran = ran(&["requests"], [waiting(&json!({}))]).await;
    ran.outcome.unwrap();
    let row = ran.stdout.lines().nth(1).unwrap();
    for part in ["req-3", "sam (uid 1000)", "1 of 2 (kim)", "in 3 d"] {
        assert!(row.contains(part), "{row}");
    }
    assert!(ran.stdout.contains("INC-7"), "{}", ran.stdout);
}
