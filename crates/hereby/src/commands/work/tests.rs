//! What is said of the work is sent as it was meant.

use serde_json::{Value, json};

use crate::client::tests::{Reaction, answer, done};
use crate::commands::tests::{body, ran};
use crate::commands::timeline::tests::{declared, item};
use crate::exit::Exit;

fn page(items: &[Value]) -> Reaction {
    answer(200, &json!({ "items": items, "next": null }))
}

fn happened(kind: &str) -> Reaction {
    done(kind, ("incident", "INC-7"))
}

fn checklist(number: u64, steps: &[&str]) -> Value {
    let body = json!({ "checklist": number, "runbook": "db-failover", "steps": steps });
    item(number, 1, "sam", "incident.checklist_started/1", &body)
}

fn ticked(number: u64, checklist: u64, step: u64) -> Value {
    let body = json!({ "checklist": checklist, "outcome": "done", "step": step });
    item(number, 2, "sam", "incident.step_ticked/1", &body)
}

#[tokio::test]
async fn a_task_is_printed_with_the_number_that_it_got() {
    let act = json!({ "index": 42, "act": { "body": { "task": 3, "text": "x" } } });
    let opened = happened("incident.task_opened/1");
    let line = ["task", "add", "7", "Ask the processor", "--owner", "kim"];
    let ran = ran(&line, [opened, page(&[]), answer(200, &act)]).await;
    ran.outcome.unwrap();
    assert_eq!(ran.stdout, "3\n");
    assert_eq!(ran.stderr, "Task 3 of INC-7 for kim.  (entry 42)\n");
    assert_eq!(
        body(&ran.requests[0]),
        json!({ "incident": "INC-7", "owner": "kim", "text": "Ask the processor" })
    );
}

#[tokio::test]
async fn a_number_that_can_t_be_read_does_not_undo_what_happened() {
    let opened = happened("incident.asked/1");
    let no = json!({ "outcome": "refused", "reason": "forbidden", "detail": "no" });
    let ran = ran(&["ask", "7", "Did it?"], [opened, answer(403, &no)]).await;
    ran.outcome.unwrap();
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr
            .starts_with("Question of INC-7.  (entry 42)\nwarning: which number")
    );
}

#[tokio::test]
async fn a_step_by_itself_is_one_of_the_only_checklist_that_is_not_finished() {
    let tick = || happened("incident.step_ticked/1");
    let two = [
        declared(),
        checklist(1, &["a"]),
        checklist(2, &["a", "b"]),
        ticked(3, 1, 1),
    ];
    let found = ran(&["tick", "7", "2"], [page(&two), tick()]).await;
    found.outcome.unwrap();
    assert_eq!(
        body(&found.requests[1]),
        json!({ "checklist": 2, "incident": "INC-7", "outcome": "done", "step": 2 })
    );
    // Said with its checklist, nothing is looked up.
    let named = ran(&["skip", "7", "1.1", "-m", "moot"], [tick()]).await;
    named.outcome.unwrap();
    assert_eq!(body(&named.requests[0])["outcome"], "skipped");

    let open = [declared(), checklist(1, &["a"]), checklist(2, &["a"])];
    let unclear = ran(&["tick", "7", "1"], [page(&open)]).await;
    assert_eq!(unclear.outcome.unwrap_err().exit, Exit::Usage);
    let none = ran(&["tick", "7", "1"], [page(&[declared()])]).await;
    assert_eq!(none.outcome.unwrap_err().exit, Exit::Refused);
}

#[tokio::test]
async fn lists_show_what_was_written() {
    let of = |number, kind: &str, body: Value| {
        item(number, 1, "sam", &format!("incident.{kind}/1"), &body)
    };
    let items = [
        declared(),
        of(
            1,
            "task_opened",
            json!({ "task": 1, "text": "Roll back", "owner": "kim" }),
        ),
        of(2, "task_opened", json!({ "task": 2, "text": "Tell them" })),
        of(3, "task_closed", json!({ "task": 1, "outcome": "done" })),
        of(
            4,
            "asked",
            json!({ "question": 1, "text": "Did it?", "person": "alex" }),
        ),
        of(5, "answered", json!({ "question": 1, "text": "It did." })),
        of(
            6,
            "contact_named",
            json!({ "contact": 1, "about": "cards", "who": "their desk" }),
        ),
        checklist(7, &["Fence db-1", "Promote db-2"]),
        ticked(8, 7, 1),
    ];
    let listed = async |line: &[&str]| {
        let ran = ran(line, [page(&items)]).await;
        ran.outcome.unwrap();
        ran.stdout
    };
    assert_eq!(
        listed(&["task", "list", "7"]).await,
        "TASK  OWNER   STATE  WHAT\n1     kim     done   Roll back\n2     nobody  open   Tell them\n"
    );
    assert_eq!(
        listed(&["questions", "7"]).await,
        "QUESTION  OF    STATE     WHAT\n\
         1         alex  answered  Did it?\n                          => It did.\n"
    );
    assert_eq!(
        listed(&["contact", "list", "7"]).await,
        "CONTACT  ABOUT  WHO\n1        cards  their desk\n"
    );
    assert_eq!(
        listed(&["checklist", "list", "7"]).await,
        "7  db-failover  1 of 2 left\n  7.1   [x] Fence db-1\n  7.2   [ ] Promote db-2\n"
    );
    let document = listed(&["task", "list", "7", "--json"]).await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["items"][1]["text"], "Tell them");
    assert_eq!(document["items"][1]["outcome"], Value::Null);
}

#[tokio::test]
async fn money_is_sent_in_the_smallest_unit() {
    let stated = happened("incident.impact_stated/1");
    let line = [
        "impact",
        "7",
        "--cost",
        "1200.50",
        "--currency",
        "EUR",
        "--data",
        "none",
    ];
    let sent = ran(&line, [stated]).await;
    sent.outcome.unwrap();
    assert_eq!(
        body(&sent.requests[0]),
        json!({ "cost_minor": 120_050, "currency": "EUR", "data": "none", "incident": "INC-7" })
    );
    let line = ["impact", "7", "--cost", "1.005", "--currency", "EUR"];
    let wrong = ran(&line, []).await;
    assert_eq!(wrong.outcome.unwrap_err().exit, Exit::Usage);
    assert!(wrong.requests.is_empty());
}

#[tokio::test]
async fn a_correction_names_the_act_by_its_entry() {
    let items = [declared()];
    let corrected = happened("incident.corrected/1");
    let ran = ran(
        &["correct", "7", "40", "It was db-2"],
        [page(&items), corrected],
    )
    .await;
    ran.outcome.unwrap();
    let sent = body(&ran.requests[1]);
    assert_eq!(sent["act"], "0".repeat(32));
    assert!(
        ran.stderr
            .starts_with("Corrected entry 40 of INC-7; what it says stays.")
    );
}

#[tokio::test]
async fn a_template_says_what_the_declaration_does_not() {
    let template = json!({
        "template": "payments-down", "title": "Payments fail", "severity": 1,
        "service": "checkout", "private": true, "runbooks": ["db-failover"], "update_every_ms": {},
    });
    let templates = || page(std::slice::from_ref(&template));
    let declares = || happened("incident.declared/1");
    let plain = ran(
        &["declare", "--template", "payments-down"],
        [templates(), declares()],
    )
    .await;
    plain.outcome.unwrap();
    assert_eq!(
        body(&plain.requests[1]),
        json!({
            "private": true, "service": "checkout", "severity": 1,
            "template": "payments-down", "title": "Payments fail",
        })
    );
    let line = [
        "declare",
        "Cards fail",
        "-s",
        "3",
        "--template",
        "payments-down",
    ];
    let said = ran(&line, [templates(), declares()]).await;
    said.outcome.unwrap();
    let sent = body(&said.requests[1]);
    assert_eq!(
        (&sent["title"], &sent["severity"]),
        (&json!("Cards fail"), &json!(3))
    );

    let unknown = ran(&["declare", "--template", "other"], [templates()]).await;
    assert_eq!(unknown.outcome.unwrap_err().exit, Exit::Refused);
    let untitled = json!({ "template": "t", "runbooks": [], "update_every_ms": {} });
    let untitled = ran(&["declare", "--template", "t"], [page(&[untitled])]).await;
    assert_eq!(untitled.outcome.unwrap_err().exit, Exit::Usage);
}

#[tokio::test]
async fn a_file_goes_to_its_incident_and_comes_back_into_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("heap.txt");
    std::fs::write(&file, b"objects").unwrap();
    let kept = 7 + record::sealed::SealedFile::OVERHEAD_BYTES;
    let digest = record::hash::sha256(&[b"kept"]);
    let stored = answer(200, &json!({ "sha256": digest, "hex": "…", "bytes": kept }));
    let attached = happened("incident.file_attached/1");
    let path = file.to_str().unwrap();
    let line = [
        "file",
        "add",
        "7",
        path,
        "--from",
        "jmap on web-3",
        "--vouch",
    ];
    let added = ran(&line, [stored, attached]).await;
    added.outcome.unwrap();
    assert_eq!(added.stdout.trim(), super::super::files::hex(&digest));
    assert!(added.requests[0].starts_with("POST /api/v1/incidents/INC-7/files "));
    assert!(added.requests[0].ends_with("\r\n\r\nobjects"));
    assert_eq!(
        body(&added.requests[1]),
        json!({
            "file": { "bytes": kept, "name": "heap.txt", "sha256": digest },
            "incident": "INC-7", "source": "jmap on web-3", "vouched": true,
        })
    );

    let hex = added.stdout.trim();
    let out = dir.path().join("out");
    let line = ["file", "get", "7", hex, "-o", out.to_str().unwrap()];
    let bytes = || Reaction::Answer(200, "", "objects".to_owned());
    let got = ran(&line, [bytes()]).await;
    got.outcome.unwrap();
    assert!(got.requests[0].starts_with(&format!("GET /api/v1/incidents/INC-7/files/{hex} ")));
    assert_eq!(std::fs::read(&out).unwrap(), b"objects");
    // What is there is never written over.
    assert_eq!(
        ran(&line, [bytes()]).await.outcome.unwrap_err().exit,
        Exit::Usage
    );
    let document = ran(&["file", "get", "7", hex, "--json"], []).await;
    assert_eq!(document.outcome.unwrap_err().exit, Exit::Usage);
}
