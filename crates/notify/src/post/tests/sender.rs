//! A mail server that does not take the sender: no receiver pays for it.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::sync::watch;

use super::super::*;
use super::{letter, planned};
use crate::outside::{Outside, SystemResolver};

/// What a server does and has seen.
#[derive(Default)]
struct Script {
    /// What it answers to the next senders, one after the other, and then `last`.
    senders: VecDeque<&'static str>,
    last: &'static str,
    conversations: usize,
    taken: Vec<String>,
}

/// A mail server on this machine, for as long as the test runs.
fn server(senders: &[&'static str], last: &'static str) -> (u16, Arc<Mutex<Script>>) {
    let script = Arc::new(Mutex::new(Script {
        senders: senders.iter().copied().collect(),
        last,
        ..Script::default()
    }));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shared = script.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            shared.lock().unwrap().conversations += 1;
            let _ = converse(stream, &shared);
        }
    });
    (port, script)
}

/// One conversation. An empty answer hangs up.
fn converse(stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"220 hello\r\n")?;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let said = match line.get(..4).unwrap_or_default() {
            "MAIL" => {
                let mut script = script.lock().unwrap();
                script.senders.pop_front().unwrap_or(script.last)
            }
            "RCPT" => {
                to = line.trim().to_owned();
                match to.contains("refused-") {
                    true => "550 nobody here",
                    false => "250 ok",
                }
            }
            "DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n")?;
                let mut body = String::new();
                while !body.ends_with("\r\n.\r\n") {
                    reader.read_line(&mut body)?;
                }
                script.lock().unwrap().taken.push(to.clone());
                "250 taken"
            }
            _ => "250 ok",
        };
        if said.is_empty() {
            return Ok(());
        }
        reader
            .get_mut()
            .write_all(format!("{said}\r\n").as_bytes())?;
    }
}

/// The third is refused by its receiver's server.
struct Three;

impl Letters for Three {
    fn parcel(&self, number: u32) -> Result<Parcel, &'static str> {
        let who = if number == 3 { "refused-3" } else { "sam" };
        let letter = Letter {
            to: format!("{who}@example.org").parse().unwrap(),
            ..letter()
        };
        let from = "status@example.org".parse().unwrap();
        let message = letter.write(&from, base::Timestamp::from_ms(0));
        Ok(Parcel::Mail(message.unwrap()))
    }
}

fn tls() -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = ClientConfig::builder_with_provider(Arc::new(provider));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(RootCertStore::empty());
    Arc::new(tls.with_no_client_auth())
}

/// What became of three deliveries by the server at this port, why, and what troubled it.
async fn told(port: u16, outage_max: Duration) -> (Counts, String, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("ntc-1.jsonl"), None).unwrap();
    journal.sync(&planned(3)).await.unwrap();
    let troubles: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = troubles.clone();
    let wait = Duration::from_secs(5);
    let mail = MailServer {
        host: "127.0.0.1".to_owned(),
        port,
        encryption: Encryption::None,
        tls: tls(),
        credentials: None,
        from: "status@example.org".parse().unwrap(),
        connect_max: wait,
        answer_max: wait,
        trouble: Arc::new(move |why: &str| heard.lock().unwrap().push(why.to_owned())),
    };
    // One refusal of a receiver more than this would be too many.
    let policy = Policy {
        per_second: 1_000,
        at_once: 1,
        pause: Duration::from_millis(10),
        tries_max: 1,
        outage_max,
    };
    let telling = Telling {
        journal: journal.clone(),
        letters: Arc::new(Three),
        mail: Some(Arc::new(mail)),
        outside: Outside {
            resolver: Arc::new(SystemResolver),
            tls: tls(),
            allow_private: false,
            connect_max: wait,
            answer_max: wait,
        },
        mail_policy: policy,
        hook_policy: policy,
        mail_pace: Arc::default(),
        hook_pace: Arc::default(),
        tally: Arc::default(),
    };
    let (_stop, stopped) = watch::channel(false);
    let counts = deliver(Arc::new(telling), &Plan::default(), &stopped).await;
    let outcomes = journal.ledger(Ledger::outcomes);
    let troubles = troubles.lock().unwrap().clone();
    (counts.unwrap(), outcomes, troubles)
}

fn counts(done: u32, failed: u32) -> Counts {
    Counts {
        done,
        failed,
        unknown: 0,
        open: 0,
    }
}

#[tokio::test]
async fn a_refused_sender_is_put_right_and_everybody_gets_it() {
    let no = ["550 not you", "553 not you", "451 not now", "", "530 who?"];
    let (port, script) = server(&no, "250 ok");
    let (said, outcomes, troubles) = told(port, Duration::from_secs(60)).await;
    assert_eq!(said, counts(2, 1), "{outcomes}");
    assert!(outcomes.contains("smtp_550"), "{outcomes}");
    assert_eq!(script.lock().unwrap().taken.len(), 2);
    assert_eq!(troubles.len(), no.len(), "{troubles:?}");
    assert!(
        troubles
            .iter()
            .all(|why| why.contains("status@example.org"))
    );
    assert!(troubles[0].contains("550"), "{troubles:?}");
}

#[tokio::test]
async fn a_sender_that_stays_refused_fails_when_an_outage_would() {
    let (port, script) = server(&[], "550 not you");
    let (said, outcomes, troubles) = told(port, Duration::from_millis(100)).await;
    assert_eq!(said, counts(0, 3), "{outcomes}");
    assert_eq!(outcomes.matches("sender_refused").count(), 3, "{outcomes}");
    let script = script.lock().unwrap();
    assert!(script.taken.is_empty() && script.conversations > 3);
    assert_eq!(troubles.len(), script.conversations);
}

#[tokio::test]
async fn a_conversation_that_the_server_ends_goes_on_in_another_at_once() {
    for end in ["421 too many", "452 too many", ""] {
        let (port, script) = server(&["250 ok", end], "250 ok");
        let (said, outcomes, troubles) = told(port, Duration::ZERO).await;
        assert_eq!(said, counts(2, 1), "{end}: {outcomes}");
        assert_eq!(script.lock().unwrap().conversations, 2, "{end}");
        assert!(troubles.is_empty(), "{end}: {troubles:?}");
    }
}
