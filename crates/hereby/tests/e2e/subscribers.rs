//! Programs that subscribe: the challenge, signed events, and nobody inside. Mail is told in
//! `tests/subscribers.sh`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};

use super::harness::{PATIENCE, Place, Server};

/// What a receiver does with the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Takes,
    /// Answers 503 once, then takes.
    Busy,
    Redirects,
    Gone,
    /// Reads it and hangs up.
    Silent,
}

/// One event that came.
#[derive(Clone, Debug)]
struct Came {
    path: String,
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// A receiver of webhooks over TLS on this machine; it answers challenges.
struct Receiver {
    port: u16,
    pem: String,
    came: Arc<Mutex<Vec<Came>>>,
    moods: Arc<Mutex<std::collections::BTreeMap<String, Mood>>>,
}

impl Receiver {
    fn new() -> Receiver {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Receiver {
            port: listener.local_addr().unwrap().port(),
            pem: made.cert.pem(),
            came: Arc::default(),
            moods: Arc::default(),
        };
        let (came, moods) = (receiver.came.clone(), receiver.moods.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, came, moods) = (config.clone(), came.clone(), moods.clone());
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).unwrap();
                    let mut stream = rustls::StreamOwned::new(connection, stream);
                    let _ = answer(&mut stream, &came, &moods);
                });
            }
        });
        receiver
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn is(&self, path: &str, mood: Mood) {
        self.moods.lock().unwrap().insert(path.to_owned(), mood);
    }

    fn events(&self) -> Vec<Came> {
        let came = self.came.lock().unwrap();
        let event = |it: &&Came| it.body.contains("hereby.update.published");
        came.iter().filter(event).cloned().collect()
    }
}

type Stream = rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream>;

fn answer(
    stream: &mut Stream,
    came: &Mutex<Vec<Came>>,
    moods: &Mutex<std::collections::BTreeMap<String, Mood>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut more = [0; 4_096];
        let read = stream.read(&mut more)?;
        bytes.extend_from_slice(&more[..read]);
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length").parse::<usize>().unwrap();
            break (head, end + 4 + length);
        }
    };
    while bytes.len() < length {
        let mut more = [0; 4_096];
        let read = stream.read(&mut more)?;
        bytes.extend_from_slice(&more[..read]);
    }
    let body_at = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let body = String::from_utf8_lossy(&bytes[body_at..]).into_owned();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    came.lock().unwrap().push(Came {
        path: path.clone(),
        id: header(&head, "webhook-id"),
        timestamp: header(&head, "webhook-timestamp"),
        signature: header(&head, "webhook-signature"),
        body: body.clone(),
    });
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    let (status, said) = match event["data"]["challenge"].as_str() {
        Some(_) if path == "/echo" => ("200 OK", body),
        Some(challenge) => ("200 OK", json!({"challenge": challenge}).to_string()),
        None => {
            let mut moods = moods.lock().unwrap();
            match moods.get(&path).copied().unwrap_or(Mood::Takes) {
                Mood::Takes => ("204 No Content", String::new()),
                Mood::Busy => {
                    moods.insert(path, Mood::Takes);
                    ("503 Service Unavailable", String::new())
                }
                Mood::Redirects => ("302 Found\r\nlocation: /elsewhere", String::new()),
                Mood::Gone => ("410 Gone", String::new()),
                Mood::Silent => return Ok(()),
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
        said.len()
    );
    stream.write_all((head + &said).as_bytes())?;
    stream.flush()
}

fn header(head: &str, name: &str) -> String {
    let found = head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    });
    found.unwrap_or_default().to_owned()
}

fn configure(place: &Place, receiver: &Receiver, allow_private: bool) {
    configure_with(place, receiver, allow_private, "ask");
}

fn configure_with(place: &Place, receiver: &Receiver, allow_private: bool, send: &str) {
    let ca = place.dir.path().join("hooks.pem");
    std::fs::write(&ca, &receiver.pem).unwrap();
    place.configure(&format!(
        "[subscriptions]\nurl = \"https://status.example.org\"\ntitle = \"Sample status\"\n\
         allow_private = {allow_private}\nca_file = {ca:?}\nsend = {send:?}\n\
         [mail]\nserver = \"127.0.0.1\"\nport = 9\nencryption = \"none\"\n\
         from = \"status@example.org\"\nretry_s = 1\ntries_max = 2\ngive_up_s = 2\n\
         [status]\nurl = \"https://status.example.org/page\"\n"
    ));
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn subscribe(place: &Place, url: &str) {
    place.ok(&["subscriber", "add", url]);
}

fn total(place: &Place) -> u64 {
    place.json(&["subscribers"])["total"].as_u64().unwrap()
}

/// How many of those who asked came to this.
fn counted(server: &Server, token: &str, outcome: &str) -> u64 {
    let (_, metrics) = server.http("GET", "/metrics", Some(token), "").unwrap();
    let name = format!("hereby_subscription_requests_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap().parse().unwrap()
}

fn delivered(place: &Place, name: &str) -> Value {
    until("its end", || {
        let notices = place.json(&["notices"]);
        let notices = notices["items"].as_array().unwrap().clone();
        notices
            .into_iter()
            .find(|it| it["notice"] == name && it["running"] == false)
    })
}

#[test]
fn a_webhook_answers_a_challenge_and_gets_signed_events_whose_outcomes_add_up() {
    let (place, receiver) = (Place::new(), Receiver::new());
    configure(&place, &receiver, true);
    let server = place.serve();
    for path in ["/takes", "/busy", "/moved", "/gone", "/silent"] {
        subscribe(&place, &receiver.url(path));
    }
    // Who answers with what was sent, whatever it is, has answered nothing.
    subscribe(&place, &receiver.url("/echo"));
    until("five subscribers", || (total(&place) == 5).then_some(()));
    receiver.is("/busy", Mood::Busy);
    receiver.is("/moved", Mood::Redirects);
    receiver.is("/gone", Mood::Gone);
    receiver.is("/silent", Mood::Silent);
    place.ok(&["declare", "db1 does not answer", "--severity", "2"]);
    place.ok(&[
        "update",
        "1",
        "Payments fail.",
        "--to",
        "public",
        "--notify",
    ]);
    let notice = delivered(&place, "ntc-1");
    assert_eq!(
        [&notice["done"], &notice["failed"], &notice["unknown"]],
        [2, 2, 1],
        "{notice}"
    );
    let shown = place.json(&["notice", "show", "ntc-1"]);
    let reasons = json!({"failed: http_302": 1, "failed: http_410": 1, "unknown: no_answer": 1});
    assert_eq!(shown["reasons"], reasons);
    // Each got it once, but who was busy: twice, under one id. Nobody went where a redirect led.
    let events = receiver.events();
    assert_eq!(events.len(), 6, "{events:?}");
    assert!(events.iter().all(|it| it.path != "/elsewhere"));
    let busy: Vec<&Came> = events.iter().filter(|it| it.path == "/busy").collect();
    assert_eq!(busy[0].id, busy[1].id);
    is_signed(&receiver, &events);
    // An unknown one is tried again only because somebody says so.
    receiver.is("/silent", Mood::Takes);
    place.ok(&[
        "notice",
        "retry",
        "ntc-1",
        "--unknown",
        "-m",
        "they can take it twice",
    ]);
    let again = until("the second round", || {
        let notice = delivered(&place, "ntc-1");
        (notice["round"] == 2).then_some(notice)
    });
    assert_eq!([&again["done"], &again["unknown"]], [3, 0], "{again}");
    assert_eq!(receiver.events().len(), 7);
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}

/// The secret that came with the challenge signs everything, and each has another one.
fn is_signed(receiver: &Receiver, events: &[Came]) {
    let came = receiver.came.lock().unwrap().clone();
    let mut secrets = std::collections::BTreeSet::new();
    for event in events {
        let challenge = came
            .iter()
            .find(|it| it.path == event.path && it.body.contains("challenge"));
        let challenge: Value = serde_json::from_str(&challenge.unwrap().body).unwrap();
        let secret = challenge["data"]["secret"].as_str().unwrap();
        let secret = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let content = format!("{}.{}.{}", event.id, event.timestamp, event.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let expected = hmac::sign(&key, content.as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(expected.as_ref()));
        assert_eq!(event.signature, expected);
        let body: Value = serde_json::from_str(&event.body).unwrap();
        assert_eq!(body["data"]["update"]["body"], "Payments fail.");
        secrets.insert((event.path.clone(), secret));
    }
    assert_eq!(secrets.len(), 5, "one secret each");
}

#[test]
fn a_webhook_that_leads_inside_is_refused_and_counted() {
    let (place, receiver) = (Place::new(), Receiver::new());
    configure(&place, &receiver, false);
    let server = place.serve();
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
    ] {
        subscribe(&place, &format!("https://{host}:{}/x", receiver.port));
    }
    let token = place.token("metrics", "read");
    until("five refusals", || {
        (counted(&server, &token, "private_address") == 5).then_some(())
    });
    assert_eq!(counted(&server, &token, "challenge_answered"), 0);
    assert_eq!(total(&place), 0);
    assert!(receiver.came.lock().unwrap().is_empty());
    // Let in by somebody who answers for it, it is refused when it would be told.
    let inside = receiver.url("/inside");
    place.ok(&["subscriber", "add", &inside, "--confirmed", "-m", "ours"]);
    place.ok(&["declare", "db1 does not answer", "--severity", "2"]);
    place.ok(&[
        "update",
        "1",
        "Payments fail.",
        "--to",
        "public",
        "--notify",
    ]);
    let notice = delivered(&place, "ntc-1");
    assert_eq!([&notice["done"], &notice["failed"]], [0, 1], "{notice}");
    let shown = place.json(&["notice", "show", "ntc-1"]);
    assert_eq!(shown["reasons"], json!({"failed: private_address": 1}));
    assert!(receiver.came.lock().unwrap().is_empty());
}

#[test]
fn what_nobody_could_send_when_it_was_said_is_sent_once_by_the_next_start() {
    let (place, receiver) = (Place::new(), Receiver::new());
    configure_with(&place, &receiver, true, "always");
    let server = place.serve();
    let url = receiver.url("/takes");
    place.ok(&["subscriber", "add", &url, "--confirmed", "-m", "ours"]);
    place.ok(&["declare", "db1 does not answer", "--severity", "2"]);
    place.ok(&["update", "1", "Payments fail.", "--to", "public"]);
    assert_eq!(delivered(&place, "ntc-1")["done"], 1);
    assert_eq!(server.stop(), 0);

    // As if it had died between an update and its sending: there is nobody who would send it.
    place.configure("");
    let server = place.serve();
    place.ok(&["update", "1", "We know why.", "--to", "public"]);
    assert_eq!(server.stop(), 0);

    configure_with(&place, &receiver, true, "always");
    let server = place.serve();
    assert_eq!(delivered(&place, "ntc-2")["done"], 1);
    assert_eq!(server.stop(), 0);
    // Looked through again from the beginning, nothing is sent a second time.
    std::fs::write(place.data().join("notices/.upto"), "0\n").unwrap();
    let server = place.serve();
    place.ok(&["update", "1", "It is mended.", "--to", "public"]);
    assert_eq!(delivered(&place, "ntc-3")["done"], 1);
    let notices = place.json(&["notices"]);
    assert_eq!(notices["items"].as_array().unwrap().len(), 3, "{notices}");
    assert_eq!(server.stop(), 0);
    assert_eq!(receiver.events().len(), 3);
}

/// Says this to the public; with `more` besides.
fn say(place: &Place, text: &str, more: &[&str]) {
    let mut line = vec!["update", "1", text, "--to", "public"];
    line.extend(more);
    place.ok(&line);
}

/// Three programs: of one component, of another, of everything.
fn subscribe_three(place: &Place, receiver: &Receiver) {
    for name in ["checkout", "search"] {
        place.ok(&["component", "add", name, &format!("Our {name}")]);
        let url = receiver.url(&format!("/{name}"));
        let line = ["subscriber", "add", &url, "--of", name, "--confirmed"];
        place.ok(&[&line[..], &["-m", "ours"]].concat());
    }
    let url = receiver.url("/all");
    place.ok(&["subscriber", "add", &url, "--confirmed", "-m", "ours"]);
    place.ok(&["declare", "db1 does not answer", "--severity", "2"]);
}

/// To whom this text went, in order.
fn told(receiver: &Receiver, text: &str) -> Vec<String> {
    let events = receiver.events().into_iter();
    let of_text = events.filter(|it| it.body.contains(text));
    let mut paths: Vec<String> = of_text.map(|it| it.path).collect();
    paths.sort();
    paths
}

#[test]
fn an_update_that_names_no_component_goes_to_those_of_the_incidents() {
    let (place, receiver) = (Place::new(), Receiver::new());
    configure(&place, &receiver, true);
    let server = place.serve();
    subscribe_three(&place, &receiver);
    say(&place, "Nobody knows of what.", &["--notify"]);
    assert_eq!(delivered(&place, "ntc-1")["done"], 3);
    let named = ["--headline", "Checkout fails", "--component"];
    let named = [&named[..], &["checkout=major_outage", "--notify"]].concat();
    say(&place, "It is the checkout.", &named);
    assert_eq!(delivered(&place, "ntc-2")["done"], 2);
    say(&place, "We are on it.", &["--notify"]);
    assert_eq!(delivered(&place, "ntc-3")["done"], 2);
    say(&place, "It holds.", &[]);
    let preview = place.json(&["notice", "preview", "1"]);
    assert_eq!(preview["components"], json!(["checkout"]), "{preview}");
    assert_eq!(preview["webhook"], 2, "{preview}");
    let mail = preview["languages"][0].clone();
    assert_eq!(mail["subject"], "Sample status: Checkout fails");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("\nAbout: Our checkout\n"), "{text}");
    let page = "\nStatus page: https://status.example.org/page\n";
    assert!(text.contains(page), "{text}");
    let day = text.lines().find(|line| line.ends_with(" UTC"));
    assert_eq!(
        day.map(str::len),
        Some("2026-11-21 23:38 UTC".len()),
        "{text}"
    );
    place.ok(&["notice", "send", "1"]);
    assert_eq!(delivered(&place, "ntc-4")["done"], 2);
    // Who sends it says otherwise.
    say(&place, "Searches are slow as well.", &[]);
    place.ok(&["notice", "send", "1", "--of", "search"]);
    assert_eq!(delivered(&place, "ntc-5")["done"], 2);
    for text in ["It is the checkout.", "We are on it.", "It holds."] {
        assert_eq!(told(&receiver, text), ["/all", "/checkout"], "{text}");
    }
    assert_eq!(told(&receiver, "slow as well"), ["/all", "/search"]);
    let event: Value = serde_json::from_str(&receiver.events().pop().unwrap().body).unwrap();
    assert_eq!(event["data"]["name"], "Checkout fails");
    assert_eq!(server.stop(), 0);
}

#[test]
fn what_is_sent_by_itself_goes_to_those_of_the_incidents_components() {
    let (place, receiver) = (Place::new(), Receiver::new());
    configure_with(&place, &receiver, true, "always");
    let server = place.serve();
    subscribe_three(&place, &receiver);
    say(
        &place,
        "It is the checkout.",
        &["--component", "checkout=major_outage"],
    );
    assert_eq!(delivered(&place, "ntc-1")["done"], 2);
    say(&place, "We are on it.", &[]);
    assert_eq!(delivered(&place, "ntc-2")["done"], 2);
    assert_eq!(told(&receiver, "We are on it."), ["/all", "/checkout"]);
    assert_eq!(server.stop(), 0);
}
