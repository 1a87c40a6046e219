//! A follow-up's ticket, opened from the terminal in something that answers as GitHub does: once,
//! whatever becomes of the connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::harness::{Place, Said, Server, now};

/// What GitHub holds, and what it is told to do wrong.
#[derive(Default)]
struct Hub {
    issues: Vec<Value>,
    /// Takes the next issue and hangs up without an answer.
    hangs_up: bool,
    strangers: usize,
}

/// Serves the two requests that are documented for a repository's issues.
fn hub() -> (String, Arc<Mutex<Hub>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hub: Arc<Mutex<Hub>> = Arc::default();
    let (held, own) = (hub.clone(), url.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(&held, &own, &stream);
        }
    });
    (url, hub)
}

fn answer(hub: &Mutex<Hub>, url: &str, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut token) = (String::new(), 0, String::new());
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => token = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut hub = hub.lock().unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default();
    let issues = path.split('?').next() == Some("/repos/acme/shop/issues");
    let (status, said) = if token != "Bearer a-token" {
        hub.strangers += 1;
        ("401 Unauthorized", json!({"message": "Bad credentials"}))
    } else if line.starts_with("GET ") && issues {
        ("200 OK", json!(hub.issues))
    } else if line.starts_with("POST ") && issues {
        let mut issue: Value = serde_json::from_slice(&body)?;
        let number = hub.issues.len() + 1;
        issue["number"] = json!(number);
        issue["html_url"] = json!(format!("{url}/acme/shop/issues/{number}"));
        issue["created_at"] = json!(format!("{}Z", &now()[..19]));
        issue["updated_at"] = json!(format!("{}Z", &now()[..19]));
        issue["state"] = json!("open");
        hub.issues.push(issue.clone());
        if std::mem::take(&mut hub.hangs_up) {
            return Ok(());
        }
        ("201 Created", issue)
    } else {
        ("404 Not Found", json!({"message": "Not Found"}))
    };
    let body = said.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

struct Desk {
    place: Place,
    server: Server,
    trackers: String,
}

impl Desk {
    /// A place with an incident and a follow-up, and a file that says where tickets go.
    fn new(url: &str, token: &str) -> Desk {
        let place = Place::new();
        let server = place.serve();
        place.ok(&["declare", "checkout fails"]);
        place.ok(&["resolve", "1"]);
        place.ok(&[
            "followup",
            "add",
            "1",
            "Alert on pool exhaustion",
            "--owner",
            "sam",
            "--due",
            "14d",
        ]);
        let trackers = place.dir.path().join("trackers.toml");
        let text = format!(
            "[tracker.shop]\nkind = \"github\"\nurl = \"{url}\"\nrepository = \"acme/shop\"\n\
             token_file = \"token\"\n"
        );
        std::fs::write(&trackers, text).unwrap();
        let file = place.dir.path().join("token");
        std::fs::write(&file, format!("{token}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        Desk {
            place,
            server,
            trackers: trackers.to_str().unwrap().to_owned(),
        }
    }

    fn ticket(&self) -> Said {
        self.place.hereby(&[
            "followup",
            "ticket",
            "1",
            "1",
            "--tracker",
            "shop",
            "--trackers",
            &self.trackers,
        ])
    }
}

#[test]
fn a_ticket_is_opened_once_and_stands_with_its_follow_up() {
    let (url, hub) = hub();
    let desk = Desk::new(&url, "a-token");
    let said = desk.ticket();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout.trim(), format!("{url}/acme/shop/issues/1"));
    let issue = hub.lock().unwrap().issues[0].clone();
    assert_eq!(issue["title"], "Alert on pool exhaustion");
    let body = issue["body"].as_str().unwrap();
    assert!(body.contains("hereby:test.example/log/INC-1/F1"), "{body}");
    // Asked again it says which ticket it is, and asks nobody.
    let again = desk.ticket();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.stdout, said.stdout);
    assert_eq!(hub.lock().unwrap().issues.len(), 1);
    assert!(desk.place.ok(&["followups"]).contains("acme/shop#1"));
    assert_eq!(desk.server.stop(), 0);
    assert!(!desk.place.entries().join("\n").contains("a-token"));
}

#[test]
fn an_answer_that_was_lost_is_looked_for_and_never_asked_for_twice() {
    let (url, hub) = hub();
    let desk = Desk::new(&url, "a-token");
    hub.lock().unwrap().hangs_up = true;
    let lost = desk.ticket();
    assert_eq!(lost.code, 4, "{}", lost.stderr);
    assert!(
        lost.stderr
            .contains("looks for the ticket before it opens one")
    );
    assert!(desk.place.json(&["followups"])["items"][0]["ticket"].is_null());
    let found = desk.ticket();
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(
        found.stderr.contains("was there already"),
        "{}",
        found.stderr
    );
    assert_eq!(hub.lock().unwrap().issues.len(), 1);
}

#[test]
fn a_tracker_that_says_no_is_quoted_with_what_to_do() {
    let (url, hub) = hub();
    let desk = Desk::new(&url, "another-token");
    let said = desk.ticket();
    assert_eq!(said.code, 9, "{}", said.stderr);
    assert!(said.stderr.contains("Bad credentials"), "{}", said.stderr);
    assert!(!said.stderr.contains("another-token"));
    assert!(hub.lock().unwrap().strangers > 0);
    let token = desk.place.dir.path().join("token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = desk.ticket();
    assert_eq!(open.code, 2);
    assert!(open.stderr.contains("chmod 600"), "{}", open.stderr);
}
