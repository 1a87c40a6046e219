//! What an answer, or none, means; against a server that does what each test says.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base::Name;
use record::command::{Acknowledge, Command, Verb, signed_bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::connect::Target;
use super::events::{Parser, TooLong};
use super::*;

mod tls;

/// What the server does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// Reads the request and answers so.
    Answer(u16, &'static str, String),
    /// Reads the request and hangs up.
    HangUp,
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: &serde_json::Value) -> Reaction {
    Reaction::Answer(
        status,
        "Content-Type: application/json\r\n",
        body.to_string(),
    )
}

fn problem(status: u16, outcome: &str, reason: &str) -> Reaction {
    let body = serde_json::json!({
        "status": status, "outcome": outcome, "reason": reason, "detail": format!("no: {reason}"),
    });
    answer(status, &body)
}

/// One act, done.
pub(crate) fn done(kind: &str, subject: (&str, &str)) -> Reaction {
    answer(
        200,
        &serde_json::json!({
            "outcome": "done",
            "receipts": [{
                "act": "00112233445566778899aabbccddeeff",
                "at": "2017-12-21T07:52:03.000Z",
                "index": 42,
                "kind": kind,
                "subject": { "type": subject.0, "id": subject.1 },
                "inclusion": null,
            }],
            "checkpoint": "a note",
        }),
    )
}

/// A server behind a socket. What it has no reaction for, it hangs up on.
pub(crate) struct Server {
    pub(crate) dir: tempfile::TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(reactions: impl IntoIterator<Item = Reaction>) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut reactions: VecDeque<Reaction> = reactions.into_iter().collect();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                if let Some(Reaction::Answer(status, headers, body)) = reactions.pop_front() {
                    let length = match headers.contains("event-stream") {
                        true => String::new(),
                        false => format!("Content-Length: {}\r\n", body.len()),
                    };
                    let head = format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n");
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
            }
        });
        Server { dir, requests }
    }

    /// What was asked, whole requests as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn client(&self) -> Client {
        client(self.dir.path())
    }
}

/// A client that does not wait for long.
pub(crate) fn client(dir: &Path) -> Client {
    let patience = Patience {
        pauses: [Duration::from_millis(5); 3],
        budget: Duration::from_secs(5),
        reading: [Duration::from_millis(5); 2],
        stream: Duration::from_millis(5),
    };
    Client {
        target: Target::local(dir).unwrap(),
        token: None,
        patience,
    }
}

async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await.unwrap() {
            0 => return text,
            read => request.extend_from_slice(&chunk[..read]),
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn sending() -> Sending<'static> {
    Sending {
        id: "page-1".parse().unwrap(),
        verb: Verb::from(Acknowledge {
            incident: "INC-7".parse().unwrap(),
        }),
        why: Some("it's ours: größer, 100 %".parse().unwrap()),
        on_behalf_of: Some("sam".parse().unwrap()),
        signer: None,
    }
}

async fn submitted(
    reactions: impl IntoIterator<Item = Reaction>,
) -> (Result<Done, Failure>, Vec<String>) {
    let server = Server::start(reactions);
    let via = Via {
        waiting: &|_| {},
        options: vec!["--data-dir".to_owned(), "/srv/my data".to_owned()],
    };
    let outcome = server.client().submit(&sending(), &via).await;
    (outcome, server.requests())
}

const SUBJECT: (&str, &str) = ("incident", "INC-7");
const AGAIN: &str = "to find out, send it again: hereby send incident.acknowledge \
    '{\"incident\":\"INC-7\"}' --id page-1 --why 'it'\\''s ours: größer, 100 %' --as sam \
    --data-dir '/srv/my data'";

#[tokio::test]
async fn a_command_is_sent_as_the_api_says() {
    let (outcome, requests) = submitted([done("incident.acknowledged/1", SUBJECT)]).await;
    assert_eq!(outcome.unwrap().receipts[0].index, 42);
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert!(request.starts_with("POST /api/v1/commands/incident.acknowledge HTTP/1.1\r\n"));
    assert_eq!(header(request, "idempotency-key"), Some("page-1"));
    let why = "it%27s%20ours%3A%20gr%C3%B6%C3%9Fer%2C%20100%20%25";
    assert_eq!(header(request, "hereby-why"), Some(why));
    assert_eq!(header(request, "hereby-on-behalf-of"), Some("sam"));
    assert_eq!(header(request, "content-type"), Some("application/json"));
    assert_eq!(header(request, "host"), Some("localhost"));
    assert_eq!(header(request, "hereby-claimed-at"), None);
    assert!(
        request.ends_with("\r\n\r\n{\"incident\":\"INC-7\"}"),
        "{request}"
    );
}

/// A reason may have 16 KiB, which percent-encoded can be 48: more than the server reads of a head.
#[tokio::test]
async fn a_reason_that_no_head_has_room_for_is_not_sent() {
    let say = async |why: String| {
        let server = Server::start([done("incident.acknowledged/1", SUBJECT)]);
        let via = Via {
            waiting: &|_| {},
            options: Vec::new(),
        };
        let sending = Sending {
            why: Some(why.parse().unwrap()),
            ..sending()
        };
        let outcome = server.client().submit(&sending, &via).await;
        (outcome, server.requests().len())
    };
    let (outcome, requests) = say("ö".repeat(4_096)).await;
    assert_eq!((outcome.is_ok(), requests), (true, 1));
    let (outcome, requests) = say("ö".repeat(4_097)).await;
    let failure = outcome.unwrap_err();
    assert_eq!((failure.exit, requests), (Exit::Usage, 0));
    let why = failure.why.unwrap();
    assert!(
        why.contains("24582 bytes") && why.contains("24576"),
        "{why}"
    );
}

#[tokio::test]
async fn a_signature_is_one_over_the_canonical_command() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key: Name = "sam-laptop".parse().unwrap();
    let server = Server::start([done("incident.acknowledged/1", SUBJECT)]);
    let sending = Sending {
        signer: Some((&key, &pair)),
        ..sending()
    };
    server
        .client()
        .submit(
            &sending,
            &Via {
                waiting: &|_| {},
                options: Vec::new(),
            },
        )
        .await
        .unwrap();
    let request = server.requests().remove(0);
    let value = header(&request, "hereby-signature").unwrap();
    let signature = value.strip_prefix("key=sam-laptop, sig=").unwrap();
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::STANDARD
        .decode(signature)
        .unwrap();
    // As hereby puts it together again.
    let command = Command {
        on_behalf_of: sending.on_behalf_of.clone(),
        why: sending.why.clone(),
        ..Command::new(sending.id.clone(), sending.verb.clone())
    };
    UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
        .verify(&signed_bytes(&command.to_canonical().unwrap()), &signature)
        .unwrap();
}

#[tokio::test]
async fn a_broken_connection_is_settled_by_sending_the_same_again() {
    let (outcome, requests) =
        submitted([Reaction::HangUp, done("incident.acknowledged/1", SUBJECT)]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
}

#[tokio::test]
async fn a_connection_that_always_breaks_leaves_it_unknown() {
    let (outcome, requests) = submitted(vec![Reaction::HangUp; 8]).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.exit, Exit::Unknown);
    assert_eq!(failure.id, Some("page-1".parse().unwrap()));
    assert_eq!(failure.hints, [AGAIN]);
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[tokio::test]
async fn a_refusal_after_a_broken_connection_is_not_rounded_to_no() {
    let refusals = [
        problem(409, "refused", "wrong_state"),
        problem(403, "refused", "forbidden"),
    ];
    for refusal in refusals {
        let (outcome, requests) = submitted([Reaction::HangUp, refusal]).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.exit, Exit::Unknown, "{failure:?}");
        assert!(
            failure
                .why
                .unwrap()
                .contains("sent again it was refused: no: ")
        );
        assert_eq!(requests.len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_sent_once() {
    for (status, reason, exit) in [
        (409, "wrong_state", Exit::Refused),
        (409, "id_reused", Exit::Refused),
        (404, "not_found", Exit::Refused),
        (422, "out_of_range", Exit::Refused),
        (507, "no_space", Exit::Refused),
        (503, "keystore", Exit::Refused),
        (401, "forbidden", Exit::Unauthorised),
        (403, "forbidden", Exit::Unauthorised),
    ] {
        let (outcome, requests) = submitted([problem(status, "refused", reason)]).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.exit, exit, "{status}");
        assert_eq!(failure.reason.as_deref(), Some(reason));
        assert_eq!(failure.what, format!("no: {reason}"));
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn a_passing_refusal_is_sent_again() {
    let busy = || problem(503, "refused", "overloaded");
    let (outcome, requests) =
        submitted([busy(), busy(), done("incident.acknowledged/1", SUBJECT)]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(requests.len(), 3);

    let (outcome, requests) = submitted(vec![busy(); 8]).await;
    let failure = outcome.unwrap_err();
    assert_eq!((failure.exit, requests.len()), (Exit::Refused, 4));
    assert!(failure.hints[0].contains("nothing happened"), "{failure:?}");
}

#[tokio::test]
async fn a_retry_that_hereby_wants_too_late_is_not_waited_for() {
    let body = serde_json::json!({ "outcome": "refused", "reason": "overloaded" }).to_string();
    let (outcome, requests) =
        submitted([Reaction::Answer(503, "Retry-After: 3600\r\n", body)]).await;
    assert_eq!(
        (outcome.unwrap_err().exit, requests.len()),
        (Exit::Refused, 1)
    );
}

#[tokio::test]
async fn what_is_neither_done_nor_refused_is_unknown() {
    let proxy = Reaction::Answer(
        502,
        "Content-Type: text/html\r\n",
        "<h1>Bad</h1>".to_owned(),
    );
    let garbage = Reaction::Answer(200, "", "{\"outcome\":\"done\"".to_owned());
    let moved = Reaction::Answer(302, "Location: /elsewhere\r\n", String::new());
    for odd in [problem(504, "unknown", "unknown"), proxy, garbage, moved] {
        let (outcome, requests) = submitted(vec![odd.clone(); 8]).await;
        let failure = outcome.unwrap_err();
        assert_eq!(
            (failure.exit, requests.len()),
            (Exit::Unknown, 4),
            "{odd:?}"
        );
    }
}

#[tokio::test]
async fn without_a_socket_it_says_so_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client {
        patience: Patience::default(),
        ..client(dir.path())
    };
    let began = std::time::Instant::now();
    let via = Via {
        waiting: &|_| {},
        options: Vec::new(),
    };
    let failure = client.submit(&sending(), &via).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Unreachable);
    assert_eq!(failure.hints[0], "start it: hereby up");
    assert!(
        began.elapsed() < Duration::from_millis(150),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_tried_again_and_nothing_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(dir.path().join("control.sock")).unwrap());
    let via = Via {
        waiting: &|_| {},
        options: Vec::new(),
    };
    let failure = client(dir.path())
        .submit(&sending(), &via)
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Unreachable);
}

#[tokio::test]
async fn a_reading_that_breaks_is_tried_again() {
    let page = serde_json::json!({ "items": [1] });
    let server = Server::start([Reaction::HangUp, answer(200, &page)]);
    let read: serde_json::Value = server.client().read("/api/v1/acts").await.unwrap();
    assert_eq!(read, page);
    assert_eq!(server.requests().len(), 2);

    let server = Server::start(vec![Reaction::HangUp; 5]);
    let failure = server
        .client()
        .read::<serde_json::Value>("/api/v1/acts")
        .await
        .unwrap_err();
    assert_eq!(
        (failure.exit, server.requests().len()),
        (Exit::Unreachable, 3)
    );
}

#[tokio::test]
async fn a_reading_without_a_token_says_how_to_show_one() {
    let server = Server::start([problem(401, "refused", "forbidden")]);
    let failure = server
        .client()
        .read::<serde_json::Value>("/api/v1/acts")
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Unauthorised);
    assert!(failure.hints[0].contains("--token-file"), "{failure:?}");
}

#[test]
fn a_socket_path_that_the_system_cannot_take_is_said_to_be_too_long() {
    let failure = Target::local(Path::new(&"x".repeat(120)))
        .map(drop)
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.why.unwrap().contains("107"));
}

#[test]
fn a_url_leads_over_tls_or_to_this_machine() {
    let of = |url: &str| Target::remote(url, &Globals::default());
    for (url, authority) in [
        ("http://127.0.0.1:7700", "127.0.0.1:7700"),
        ("http://localhost:7700/", "localhost:7700"),
        ("http://[::1]:7700", "[::1]:7700"),
    ] {
        assert_eq!(of(url).unwrap().authority(), authority, "{url}");
    }
    for (url, why) in [
        ("http://control:7700", "TLS only"),
        ("http://10.0.0.1", "TLS only"),
        ("https://sam:secret@control", "no secrets"),
        ("https://control/api", "a path"),
        ("https://control/?x=1", "a path"),
        ("ftp://control", "neither https"),
        ("control:7700/x", "no URL"),
        ("/srv", "no host"),
    ] {
        let failure = of(url).map(drop).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{url}");
        assert!(
            failure.why.as_deref().unwrap().contains(why),
            "{url}: {failure:?}"
        );
    }
}

#[test]
fn a_token_shows_itself_to_nobody() {
    let secret = Secret::random().unwrap();
    let text = secret.expose().to_owned();
    assert!(text.starts_with("hby_") && text.len() == 47, "{text}");
    assert_eq!(Secret::parse(&text), Some(secret.clone()));
    assert_ne!(Secret::random().unwrap(), secret);
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    assert!(secret.bearer().is_sensitive());
    for bad in ["", "hby_", "hby_AAAA", &text[4..], &format!("{text}=")] {
        assert_eq!(Secret::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_token_s_hash_is_over_its_bytes() {
    let secret = Secret::parse(&format!("hby_{}", "A".repeat(43))).unwrap();
    assert_eq!(secret.hash(), record::hash::sha256(&[&[0; 32]]));
}

#[test]
fn a_token_file_holds_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let secret = Secret::random().unwrap();
    std::fs::write(&path, format!("{}\n", secret.expose())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Secret::of_caller(Some(&path)).unwrap(), Some(secret));
    std::fs::write(&path, "something else").unwrap();
    assert_eq!(
        Secret::of_caller(Some(&path)).unwrap_err().exit,
        Exit::Usage
    );
    assert_eq!(
        Secret::of_caller(Some(&dir.path().join("no")))
            .unwrap_err()
            .exit,
        Exit::Usage
    );
}

const STREAM: &str = ": hereby\nretry: 2000\n\nid: 7\nevent: incident.noted\ndata: {\"a\":1}\n\n\
    :\n\ndata: x\r\ndata:y\r\n\r\nid: 8\r\rdata: z\n\nid: 9\ndata: cut";

#[test]
fn events_are_read_from_bytes_cut_anywhere() {
    let event = |index, data: &str| Event {
        index,
        data: data.to_owned(),
    };
    let expected = [
        event(Some(7), "{\"a\":1}"),
        event(None, "x\ny"),
        event(None, "z"),
    ];
    for cut in 0..STREAM.len() {
        let mut parser = Parser::default();
        let (first, second) = STREAM.as_bytes().split_at(cut);
        let mut events = parser.push(first).unwrap();
        events.extend(parser.push(second).unwrap());
        assert_eq!(events, expected, "cut at {cut}");
    }
}

#[test]
fn an_event_has_a_bound() {
    let mut parser = Parser::default();
    let line = format!("data: {}\n", "x".repeat(100 * 1024));
    assert!(parser.push(line.as_bytes()).unwrap().is_empty());
    assert!(parser.push(line.as_bytes()).unwrap().is_empty());
    assert_eq!(parser.push(line.as_bytes()), Err(TooLong));
}

#[tokio::test]
async fn a_stream_is_taken_up_behind_the_last_event() {
    let stream =
        |text: &str| Reaction::Answer(200, "Content-Type: text/event-stream\r\n", text.to_owned());
    let server = Server::start([
        stream("id: 7\ndata: a\n\nid: 8\ndata: b\n\nid: 9\ndata: half"),
        Reaction::HangUp,
        problem(503, "refused", "overloaded"),
        stream("id: 9\ndata: c\n\n"),
        problem(403, "refused", "forbidden"),
    ]);
    let client = server.client();
    let mut events = client
        .follow("/api/v1/events".to_owned(), Some(6))
        .await
        .unwrap();
    let mut seen = Vec::new();
    let failure = loop {
        match events.next().await {
            Ok(Next::Event(event)) => seen.push(event.data),
            Ok(Next::Lost(_)) => seen.push("lost".to_owned()),
            Ok(Next::Again) => seen.push("again".to_owned()),
            Err(failure) => break failure,
        }
    };
    assert_eq!(seen, ["a", "b", "lost", "again", "c", "lost"]);
    assert_eq!(failure.exit, Exit::Unauthorised);
    let requests = server.requests();
    let last: Vec<_> = requests
        .iter()
        .map(|request| header(request, "last-event-id").unwrap())
        .collect();
    assert_eq!(last, ["6", "8", "8", "8", "9"]);
}

#[tokio::test]
async fn a_stream_that_cannot_begin_fails_at_once() {
    let server = Server::start([problem(404, "refused", "not_found")]);
    let client = server.client();
    let failure = client
        .follow("/api/v1/events".to_owned(), None)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
}
