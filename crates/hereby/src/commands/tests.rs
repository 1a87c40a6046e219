//! Whole commands, from the line to what is printed.

use base::Timestamp;
use serde_json::{Value, json};

use super::Session;
use crate::cli::{self, Cli};
use crate::client::tests::{Reaction, Server, answer, client, done};
use crate::exit::{Exit, Failure};
use crate::say::tests::captured;

/// What a command said and how it ended.
pub(crate) struct Ran {
    pub(crate) outcome: Result<(), Failure>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) requests: Vec<String>,
}

fn read(line: &[&str]) -> Cli {
    let line = std::iter::once("hereby").chain(line.iter().copied());
    cli::parse(line.map(Into::into)).unwrap()
}

pub(crate) async fn ran(line: &[&str], reactions: impl IntoIterator<Item = Reaction>) -> Ran {
    let cli = read(line);
    let (out, stdout, stderr) = captured(cli.globals.json);
    let server = Server::start(reactions);
    let now: Timestamp = "2017-12-21T08:00:00.000Z".parse().unwrap();
    let session = Session {
        client: client(server.dir.path()),
        globals: &cli.globals,
        out: &out,
        now,
    };
    let outcome = session.run(cli.task).await;
    let (stdout, stderr) = (stdout.text(), stderr.text());
    Ran {
        outcome,
        stdout,
        stderr,
        requests: server.requests(),
    }
}

pub(crate) fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn declaring_prints_the_incident_and_says_what_comes_next() {
    let line = [
        "declare",
        "Checkout fails",
        "-s",
        "1",
        "--service",
        "checkout",
        "--drill",
    ];
    let line = [&line[..], &["--impact-start", "25m ago"]].concat();
    let ran = ran(&line, [done("incident.declared/1", ("incident", "INC-7"))]).await;
    ran.outcome.unwrap();
    assert_eq!(ran.stdout, "INC-7\n");
    assert_eq!(
        ran.stderr,
        "Declared INC-7 DRILL, SEV1: Checkout fails  (entry 42)
  next: hereby acknowledge INC-7
  next: hereby assign INC-7 commander NAME\n"
    );
    assert_eq!(
        body(&ran.requests[0]),
        json!({
            "drill": true,
            "impact_start": "2017-12-21T07:35:00.000Z",
            "service": "checkout",
            "severity": 1,
            "title": "Checkout fails",
        })
    );
    assert!(
        ran.requests[0].contains("\r\nidempotency-key: cli-"),
        "{}",
        ran.requests[0]
    );
}

#[tokio::test]
async fn with_json_one_document_says_it_all() {
    let line = ["acknowledge", "7", "--json", "--id", "page-1"];
    let ran = ran(
        &line,
        [done("incident.acknowledged/1", ("incident", "INC-7"))],
    )
    .await;
    ran.outcome.unwrap();
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.stdout.lines().count(), 1);
    assert!(
        ran.stdout
            .starts_with(r#"{"v":1,"outcome":"done","id":"page-1","receipts":[{"#)
    );
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["receipts"][0]["subject"]["id"], "INC-7");
}

#[tokio::test]
async fn a_note_uploads_its_files_before_it_cites_them_and_a_private_one_names_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dashboard.png");
    std::fs::write(&file, b"pixels").unwrap();
    let sha256 = record::hash::sha256(&[b"what is kept"]).to_string();
    let bytes = 6 + record::sealed::SealedFile::OVERHEAD_BYTES;
    let stored = json!({ "sha256": sha256, "hex": "…", "bytes": bytes });
    let kept = || answer(200, &stored);
    let noted = || done("incident.noted/1", ("incident", "INC-7"));
    let page = |private: bool| {
        answer(
            200,
            &json!({ "alerts": [], "incident": {
                "id": "INC-7", "title": "x", "severity": 2, "status": "identified",
                "private": private, "declared_at": "2017-12-21T07:52:03.000Z",
                "declared_by": { "type": "person", "id": "kim" },
            }}),
        )
    };
    let line = [
        "note",
        "inc-7",
        "At 07:40",
        "--file",
        file.to_str().unwrap(),
    ];
    let open = ran(&line, [kept(), page(false), noted()]).await;
    open.outcome.unwrap();
    assert!(
        open.requests[0].starts_with("POST /api/v1/incidents/INC-7/files "),
        "{}",
        open.requests[0]
    );
    assert!(open.requests[0].ends_with("\r\n\r\npixels"));
    let cited = json!([{ "bytes": bytes, "name": "dashboard.png", "sha256": sha256 }]);
    assert_eq!(body(&open.requests[2])["blobs"], cited);
    let private = ran(&line, [kept(), page(true), noted()]).await;
    private.outcome.unwrap();
    let cited = json!([{ "bytes": bytes, "sha256": sha256 }]);
    assert_eq!(body(&private.requests[2])["blobs"], cited);
    assert!(private.stderr.contains("no name"), "{}", private.stderr);
}

#[tokio::test]
async fn a_file_that_arrived_changed_is_not_cited() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a");
    std::fs::write(&file, b"pixels").unwrap();
    let other = record::hash::sha256(&[b"other"]).to_string();
    let kept = answer(200, &json!({ "sha256": other, "bytes": 6 }));
    let ran = ran(
        &["note", "7", "x", "--file", file.to_str().unwrap()],
        [kept],
    )
    .await;
    assert_eq!(ran.outcome.unwrap_err().exit, Exit::Internal);
    assert_eq!(ran.requests.len(), 1);
}

#[tokio::test]
async fn a_silence_without_a_reason_is_not_sent() {
    let silent = ran(&["silence", "service=checkout", "--for", "2h"], []).await;
    assert_eq!(silent.outcome.unwrap_err().exit, Exit::Usage);
    assert!(silent.requests.is_empty());

    let line = [
        "silence",
        "service=checkout",
        "a=b",
        "--for",
        "2h",
        "-m",
        "new hosts",
    ];
    let ran = ran(&line, [done("silence.created/1", ("silence", "sil-3"))]).await;
    ran.outcome.unwrap();
    assert_eq!(ran.stdout, "sil-3\n");
    let ends_at = "2017-12-21T10:00:00.000Z";
    let matchers = json!({ "a": "b", "service": "checkout" });
    assert_eq!(
        body(&ran.requests[0]),
        json!({ "ends_at": ends_at, "matchers": matchers })
    );
    assert!(ran.requests[0].contains("\r\nhereby-why: new%20hosts\r\n"));
}

#[tokio::test]
async fn a_label_with_two_values_is_not_sent() {
    let line = ["silence", "a=b", "a=c", "--for", "2h", "-m", "x"];
    let ran = ran(&line, []).await;
    assert_eq!(ran.outcome.unwrap_err().exit, Exit::Usage);
}

#[tokio::test]
async fn a_secret_is_printed_once_and_only_its_hash_is_sent() {
    let line = ["token", "issue", "--for", "service:alertmanager"];
    let line = [&line[..], &["--scope", "alerts,read", "--expires", "90d"]].concat();
    let ran = ran(
        &line,
        [done("token.issued/1", ("token", "tok-0123456789abcdef"))],
    )
    .await;
    ran.outcome.unwrap();
    let secret = crate::client::Secret::parse(ran.stdout.trim()).unwrap();
    let sent = body(&ran.requests[0]);
    assert_eq!(sent["hash"], secret.hash().to_string());
    assert_eq!(sent["scopes"], json!(["read", "alerts"]));
    assert_eq!(sent["expires_at"], "2018-03-21T08:00:00.000Z");
    assert_eq!(
        sent["actor"],
        json!({ "type": "service", "id": "alertmanager" })
    );
    assert!(sent["token"].as_str().unwrap().starts_with("tok-"));
    assert!(!ran.requests[0].contains(&ran.stdout.trim()[4..]));
    assert!(!ran.stderr.contains("hby_"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_refused_token_leaves_no_file_and_an_unknown_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let line = [
        "token",
        "issue",
        "--for",
        "person:sam",
        "--scope",
        "read",
        "--expires",
        "1d",
    ];
    let line = [&line[..], &["-o", file.to_str().unwrap()]].concat();
    let no = json!({ "outcome": "refused", "reason": "forbidden", "detail": "no" });
    let refused = ran(&line, [answer(403, &no)]).await;
    assert_eq!(refused.outcome.unwrap_err().exit, Exit::Unauthorised);
    assert!(!file.exists());

    let unknown = ran(&line, []).await;
    assert_eq!(unknown.outcome.unwrap_err().exit, Exit::Unknown);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(crate::client::Secret::parse(kept.trim()).is_some());
    assert!(
        unknown
            .stderr
            .contains("warning: the token may work or not"),
        "{}",
        unknown.stderr
    );

    // What is there is never written over.
    let again = ran(&line, []).await;
    assert_eq!(again.outcome.unwrap_err().exit, Exit::Usage);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
}

fn alerts(ids: &[&str]) -> Reaction {
    let items: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "id": id,
                "title": "HighLatency",
                "source": "alertmanager",
                "starts_at": "2017-12-21T07:30:00.000Z",
            })
        })
        .collect();
    answer(200, &json!({ "items": items, "next": null }))
}

#[tokio::test]
async fn an_alert_is_named_by_digits_that_only_it_has() {
    let (one, two) = (
        "deadbeef000000000000000000000000",
        "dead0000000000000000000000000000",
    );
    let attached = done("incident.alert_attached/1", ("incident", "INC-7"));
    let found = ran(&["attach", "7", "deadb"], [alerts(&[one, two]), attached]).await;
    found.outcome.unwrap();
    assert_eq!(body(&found.requests[1])["alert"], one);

    let unclear = ran(&["attach", "7", "dead"], [alerts(&[one, two])]).await;
    assert_eq!(unclear.outcome.unwrap_err().exit, Exit::Usage);
    let none = ran(&["attach", "7", "beef"], [alerts(&[one, two])]).await;
    assert_eq!(none.outcome.unwrap_err().exit, Exit::Refused);
    assert_eq!(none.requests.len(), 1);
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let page = |names: &[&str], next: Value| {
        let items: Vec<Value> = names
            .iter()
            .map(|name| {
                json!({
                    "silence": name,
                    "ends_at": "2017-12-21T10:00:00.000Z",
                    "matchers": { "service": "x" },
                })
            })
            .collect();
        answer(200, &json!({ "items": items, "next": next }))
    };
    let pages = [
        page(&["sil-1", "sil-2"], json!("sil-2")),
        page(&["sil-3"], Value::Null),
    ];
    let ran = ran(&["silences"], pages).await;
    ran.outcome.unwrap();
    assert_eq!(
        ran.stdout,
        "\
SILENCE  UNTIL                 LEFT  LABELS
sil-1    2017-12-21 10:00:00Z  2 h   service=x
sil-2    2017-12-21 10:00:00Z  2 h   service=x
sil-3    2017-12-21 10:00:00Z  2 h   service=x
"
    );
    assert!(ran.requests[0].starts_with("GET /api/v1/silences?limit=1000 "));
    assert!(ran.requests[1].starts_with("GET /api/v1/silences?limit=1000&after=sil-2 "));
}

#[tokio::test]
async fn watching_an_incident_that_does_not_exist_fails() {
    let status = json!({
        "version": "0.1.0", "size": 9, "root": "AAAA", "started_at": "2017-12-21T07:00:00.000Z",
    });
    let no = json!({ "outcome": "refused", "reason": "not_found", "detail": "there is no INC-99" });
    let ran = ran(&["watch", "99"], [answer(200, &status), answer(404, &no)]).await;
    let failure = ran.outcome.unwrap_err();
    assert_eq!(
        (failure.exit, failure.what.as_str()),
        (Exit::Refused, "there is no INC-99")
    );
}

#[tokio::test]
async fn watching_prints_each_act_and_its_date_once() {
    let status = json!({
        "version": "0.1.0", "size": 9, "root": "AAAA", "started_at": "2017-12-21T07:00:00.000Z",
    });
    let event = |index: u64, time: &str| {
        let act = json!({
            "v": 1,
            "id": "00112233445566778899aabbccddeeff",
            "kind": "incident.noted/1",
            "at": time,
            "actor": { "type": "person", "id": "kim" },
            "proof": { "method": "internal", "digest": "00112233445566778899aabbccddeeff" },
            "subject": { "type": "incident", "id": "INC-7" },
            "body": { "text": "one" },
        });
        format!(
            "id: {index}\ndata: {}\n\n",
            json!({ "index": index, "act": act })
        )
    };
    let stream = event(9, "2017-12-21T23:59:00.000Z") + &event(10, "2017-12-22T00:01:00.000Z");
    let stream = Reaction::Answer(200, "Content-Type: text/event-stream\r\n", stream);
    let gone = answer(403, &json!({ "detail": "the token expired" }));
    let incident = answer(
        200,
        &json!({ "alerts": [], "incident": {
            "id": "INC-7",
            "title": "x",
            "severity": 2,
            "status": "identified",
            "drill": true,
            "declared_at": "2017-12-21T07:52:03.000Z",
            "declared_by": { "type": "person", "id": "kim" },
        }}),
    );
    // Behind two acts the connection breaks, and hereby wants no more of it.
    let ran = ran(&["watch"], [answer(200, &status), stream, incident, gone]).await;
    assert_eq!(ran.outcome.unwrap_err().exit, Exit::Unauthorised);
    assert_eq!(
        ran.stdout,
        "\
2017-12-21
23:59:00Z  INC-7 DRILL    kim  noted: one
2017-12-22
00:01:00Z  INC-7 DRILL    kim  noted: one
"
    );
    assert!(
        ran.requests[1].contains("\r\nlast-event-id: 8\r\n"),
        "{}",
        ran.requests[1]
    );
    assert!(
        ran.stderr.contains("The connection is lost"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn any_command_is_sent_by_its_name() {
    let line = [
        "send",
        "incident.acknowledge",
        r#"{"incident":"INC-7"}"#,
        "--id",
        "page-1",
    ];
    let sent = ran(
        &line,
        [done("incident.acknowledged/1", ("incident", "INC-7"))],
    )
    .await;
    sent.outcome.unwrap();
    assert_eq!(
        sent.stdout,
        "incident.acknowledged/1 INC-7 00112233445566778899aabbccddeeff  (entry 42)\n"
    );
    for line in [
        ["send", "incident.forget", "{}"],
        ["send", "incident.acknowledge", "{}"],
    ] {
        let refused = ran(&line, []).await;
        assert_eq!(refused.outcome.unwrap_err().exit, Exit::Usage);
        assert!(refused.requests.is_empty());
    }
}

#[tokio::test]
async fn a_heartbeat_is_sent_and_one_that_nobody_expects_is_refused() {
    let alive = ran(&["heartbeat", "send", "backup"], [answer(204, &json!({}))]).await;
    alive.outcome.unwrap();
    assert!(alive.requests[0].starts_with("POST /api/v1/heartbeats/backup "));
    let no = json!({ "outcome": "refused", "reason": "not_found", "detail": "none expected" });
    let unknown = ran(&["heartbeat", "send", "backup"], [answer(404, &no)]).await;
    assert_eq!(unknown.outcome.unwrap_err().exit, Exit::Refused);
}

#[tokio::test]
async fn waiting_is_said_once() {
    let busy = json!({ "outcome": "refused", "reason": "overloaded", "detail": "too much" });
    let busy = || answer(503, &busy);
    let noted = done("incident.noted/1", ("incident", "INC-7"));
    let ran = ran(&["note", "7", "x"], [busy(), busy(), noted]).await;
    ran.outcome.unwrap();
    assert_eq!(
        ran.stderr,
        "No answer yet (too much); trying again.\nNoted on INC-7.  (entry 42)\n"
    );
}
