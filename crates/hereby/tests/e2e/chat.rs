//! Channels that take messages: in Slack's shape, and as CloudEvents. Both are played here by a
//! server that holds what it is sent against their descriptions. (Matrix is tested against a real
//! homeserver: `tests/chat.sh`.)

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::harness::{Place, eventually};

const KEY: [u8; 32] = [7; 32];

/// A request as it was heard.
#[derive(Clone, Debug)]
struct Heard {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is done with the next requests: a status, or 0 to take it and hang up.
#[derive(Default)]
struct Booth {
    heard: Vec<Heard>,
    plays: VecDeque<u16>,
}

type Shared = Arc<Mutex<Booth>>;

fn booth() -> (String, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let booth = Shared::default();
    let held = booth.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(&held, &stream);
        }
    });
    (url, booth)
}

fn answer(booth: &Mutex<Booth>, mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut headers) = (String::new(), Vec::new());
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let heard = Heard {
        path: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    };
    let mut booth = booth.lock().unwrap();
    booth.heard.push(heard);
    match booth.plays.pop_front().unwrap_or(200) {
        0 => Ok(()),
        429 => write!(
            stream,
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        ),
        status => write!(
            stream,
            "HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        ),
    }
}

fn secret(place: &Place, name: &str, text: &str) -> String {
    let file = place.dir.path().join(name);
    std::fs::write(&file, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

/// A place with a channel in Slack's shape that says everything, of every incident.
fn slack(url: &str) -> Place {
    let place = Place::new();
    let file = secret(
        &place,
        "slack",
        &format!("{url}/services/T0/B0/the-secret-path"),
    );
    place.configure(&format!(
        "[[chat]]\nname = \"ops\"\nkind = \"slack\"\nsecret_file = {file:?}\nopens_at = 5\n\
         stays = \"1s\""
    ));
    place
}

/// A place with a program that takes events.
fn events(url: &str) -> Place {
    let place = Place::new();
    let file = secret(&place, "signs", &format!("whsec_{}", STANDARD.encode(KEY)));
    place.configure(&format!(
        "[[chat]]\nname = \"programs\"\nkind = \"webhook\"\nurl = \"{url}/in\"\n\
         secret_file = {file:?}\nopens_at = 5\nstays = \"1s\""
    ));
    place
}

fn texts(booth: &Shared) -> Vec<String> {
    let booth = booth.lock().unwrap();
    let texts = booth.heard.iter().map(|heard| heard.json()["text"].clone());
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn said(place: &Place, what: &str) -> u64 {
    let all = place.json(&["chat"]);
    all["items"][0]["said"][what].as_u64().unwrap()
}

#[test]
fn in_slacks_shape_each_act_is_a_line_of_text_once() {
    let (url, booth) = booth();
    let place = slack(&url);
    let server = place.serve();
    place.ok(&["declare", "<!channel> pay & go @here"]);
    place.ok(&["note", "1", "*bold* <https://evil.example|click> @kim"]);
    eventually("the note is said", || texts(&booth).len() >= 4);
    let texts = texts(&booth);
    assert!(texts[0].starts_with("INC-1: uid "), "{texts:?}");
    assert!(texts[0].contains("declared it SEV"), "{texts:?}");
    assert!(
        texts[0].ends_with("\n&lt;!channel&gt; pay &amp; go @\u{200B}here"),
        "{texts:?}"
    );
    let note = texts.iter().find(|text| text.contains("noted")).unwrap();
    assert!(
        note.ends_with("\n*bold* &lt;https://evil.example|click&gt; @\u{200B}kim"),
        "{note}"
    );
    let heard = booth.lock().unwrap().heard.clone();
    for heard in &heard {
        assert_eq!(heard.path, "/services/T0/B0/the-secret-path");
        assert_eq!(heard.header("content-type"), "application/json");
        assert_eq!(heard.json()["mrkdwn"], false);
        assert_eq!(heard.header("authorization"), "");
    }
    let shown = place.ok(&["chat", "--json"]);
    for text in [shown, place.log(), place.entries().concat()] {
        assert!(!text.contains("the-secret-path"), "the address is shown");
    }
    drop(server);
}

#[test]
fn in_slacks_shape_a_lost_answer_is_unknown_and_is_not_said_again() {
    let (url, booth) = booth();
    let place = slack(&url);
    let server = place.serve();
    place.ok(&["declare", "checkout fails"]);
    eventually("it is said", || said(&place, "done") >= 3);
    booth.lock().unwrap().plays.extend([0, 429, 200, 400]);
    for note in ["the first", "the second", "the third"] {
        place.ok(&["note", "1", note]);
    }
    eventually("all had their end", || {
        (said(&place, "unknown"), said(&place, "failed")) == (1, 1)
    });
    let count = |part: &str| texts(&booth).iter().filter(|it| it.contains(part)).count();
    // Taken and not answered; told to wait and said again; refused for good.
    assert_eq!((count("the first"), count("the second")), (1, 2));
    assert_eq!(count("the third"), 1);
    let shown = place.json(&["chat"]);
    let trouble = shown["items"][0]["last_error"].as_str().unwrap();
    assert!(trouble.contains("answered 400"), "{trouble}");

    // Killed while nobody answers: what was tried is unknown, and goes on behind it.
    place.ok(&["note", "1", "the fourth"]);
    let journal = place.data().join("chat").join("ops.said.json");
    let read = || -> Value { serde_json::from_slice(&std::fs::read(&journal).unwrap()).unwrap() };
    eventually("it is said, and that is kept", || {
        count("the fourth") == 1 && read()["INC-1"]["trying"].is_null()
    });
    server.kill();
    let mut kept = read();
    let next = kept["INC-1"]["next"].as_u64().unwrap();
    // As a crash leaves it that comes between the message and its outcome.
    kept["INC-1"] = serde_json::json!({"next": next - 1, "trying": next - 1});
    std::fs::write(&journal, kept.to_string()).unwrap();
    let server = place.serve();
    place.ok(&["note", "1", "the fifth"]);
    eventually("it goes on", || count("the fifth") == 1);
    assert_eq!(count("the fourth"), 1);
    assert_eq!(said(&place, "unknown"), 1);
    drop(server);
}

fn is_signed(heard: &Heard) -> bool {
    let id = heard.header("webhook-id");
    let at = heard.header("webhook-timestamp");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    let text = format!("{id}.{at}.{}", heard.body);
    let sign = format!("v1,{}", STANDARD.encode(hmac::sign(&key, text.as_bytes())));
    heard.header("webhook-signature") == sign
}

#[test]
fn as_cloud_events_each_act_is_delivered_until_it_is_taken_under_one_id() {
    let (url, booth) = booth();
    let place = events(&url);
    booth.lock().unwrap().plays.extend([500, 0, 200]);
    let server = place.serve();
    place.ok(&["declare", "checkout fails"]);
    place.ok(&["note", "1", "it is db1"]);
    eventually("it is said", || !booth.lock().unwrap().heard.is_empty());
    place.ok(&["resolve", "1"]);
    let over = || place.acts_of("chat.room_unlinked").len() == 1;
    eventually("it is done with", over);
    let heard = booth.lock().unwrap().heard.clone();
    let ids: Vec<String> = heard.iter().map(|it| it.json()["id"].to_string()).collect();
    assert!(
        ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3],
        "{ids:?}"
    );
    let mut once = ids.clone();
    once.dedup();
    let acts: Vec<Value> = place.acts();
    let on_it = acts.iter().filter(|act| act["subject"]["id"] == "INC-1");
    let until = on_it.take_while(|act| act["kind"] != "chat.room_unlinked/1");
    let wanted: Vec<String> = until.map(|act| act["id"].to_string()).collect();
    assert_eq!(once, wanted, "lost, or out of order");
    for heard in &heard {
        let event = heard.json();
        assert!(is_signed(heard), "{heard:?}");
        assert_eq!(
            heard.header("content-type"),
            "application/cloudevents+json; charset=utf-8"
        );
        assert_eq!(heard.header("webhook-id"), event["id"].as_str().unwrap());
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], "test.example/log");
        assert_eq!(event["subject"], "INC-1");
        let index = event["data"]["index"].as_u64().unwrap();
        let act = &acts[usize::try_from(index).unwrap()];
        assert_eq!(event["data"]["act"], *act);
        assert_eq!(event["time"], act["at"]);
        let kind = act["kind"].as_str().unwrap().replace('/', ".v");
        assert_eq!(event["type"], format!("hereby.{kind}"));
    }
    let metrics = server.http("GET", "/metrics", Some(&place.token("prom", "read")), "");
    let metrics = metrics.unwrap().1;
    let said = format!(
        "hereby_chat_said_total{{channel=\"programs\",outcome=\"done\"}} {}",
        wanted.len()
    );
    assert!(metrics.contains(&said), "{metrics}");
    drop(server);
}

#[test]
fn a_channel_that_is_gone_refuses_and_delays_nothing_and_is_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = events(&url);
    let server = place.serve();
    place.ok(&["declare", "checkout fails"]);
    for number in 0..20 {
        place.ok(&["note", "1", &format!("note {number}")]);
    }
    eventually("it is seen that acts wait", || {
        let all = place.json(&["chat"]);
        let room = &all["items"][0]["rooms"][0];
        room["waiting"].as_u64() > Some(0) && room["error"].as_str().is_some()
    });
    let said = place.hereby(&["chat", "test", "programs"]);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("was not reached"), "{}", said.stderr);
    assert_eq!(place.acts_of("incident.noted").len(), 20);
    place.ok(&["verify"]);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_secret_that_others_can_read_is_not_used() {
    let (url, _booth) = booth();
    let place = slack(&url);
    let file = place.dir.path().join("slack");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = place.hereby(&["chat", "test", "ops"]);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("chmod 600"), "{}", said.stderr);
    assert!(!said.stderr.contains("the-secret-path"), "{}", said.stderr);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.hereby(&["chat", "test", "ops"]).code, 0);
}
