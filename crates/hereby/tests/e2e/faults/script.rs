//! What hereby is asked to do while something fails, and what must hold of its answers afterwards:
//! what it said it did is on the record, what it refused is not, and what nobody can say is done
//! once when it is asked again.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use record::act::act_id;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Place};

/// One thing that hereby is asked for, under an id of its own.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) id: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Command(&'static str, Value),
    /// An alert from an Alertmanager that bears the id as a label.
    Alert,
}

/// What became of it, as far as hereby said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Done: index and id of each act. An alert's acts are not named.
    Done(Vec<(usize, String)>),
    /// hereby said that nothing happened.
    Refused(u16, String),
    /// There was no answer, or it was "unknown".
    Unknown,
    /// There was nobody to ask.
    Unsent,
}

pub(super) fn command(id: &str, name: &'static str, args: Value) -> Ask {
    Ask {
        id: id.to_owned(),
        what: What::Command(name, args),
    }
}

pub(super) fn alert(id: &str) -> Ask {
    Ask {
        id: id.to_owned(),
        what: What::Alert,
    }
}

pub(super) fn note(id: &str, text: &str) -> Ask {
    command(
        id,
        "incident.note",
        json!({"incident": "INC-1", "text": text}),
    )
}

pub(super) fn declare(id: &str, private: bool) -> Ask {
    let args = json!({"title": format!("declared by {id}"), "severity": 3, "private": private});
    command(id, "incident.declare", args)
}

/// The acts of a small incident: the first is needed by the others.
pub(super) fn newborn() -> Vec<Ask> {
    vec![
        declare("new-1", false),
        alert("new-2"),
        note("new-3", "it is the pool"),
    ]
}

/// Every way in which the writer writes: acts, an alert, a key made on the way, another log key.
pub(super) fn everything() -> Vec<Ask> {
    vec![
        declare("all-1", false),
        alert("all-2"),
        declare("all-3", true),
        note("all-4", "before the key changes"),
        command("all-5", "record.rotate_key", json!({})),
        note("all-6", "after the key changed"),
    ]
}

/// One HTTP exchange on the local socket: status and body.
pub(super) fn local(
    place: &Place,
    method: &str,
    path: &str,
    id: Option<&str>,
    body: &str,
) -> Option<std::io::Result<(u16, String)>> {
    let mut stream = UnixStream::connect(place.data().join("control.sock")).ok()?;
    let key = id
        .map(|id| format!("Idempotency-Key: {id}\r\n"))
        .unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut exchange = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let broken = || std::io::Error::other(format!("no answer: {answer:?}"));
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
        Ok((status.ok_or_else(broken)?, body.to_owned()))
    };
    Some(exchange())
}

impl Ask {
    /// Asks on the local socket.
    pub(super) fn send(&self, place: &Place) -> Outcome {
        let (path, body) = match &self.what {
            What::Command(name, args) => (format!("/api/v1/commands/{name}"), args.clone()),
            What::Alert => ("/api/v1/alertmanager".to_owned(), self.webhook()),
        };
        let answer = local(place, "POST", &path, Some(&self.id), &body.to_string());
        let (status, body) = match answer {
            None => return Outcome::Unsent,
            Some(Err(_)) => return Outcome::Unknown,
            Some(Ok(answer)) => answer,
        };
        let said: Value = serde_json::from_str(&body)
            .unwrap_or_else(|error| panic!("{}: {status} {body:?}: {error}", self.id));
        match (status, said["outcome"].as_str()) {
            (200, _) => Outcome::Done(receipts(&said)),
            (504, Some("unknown")) => Outcome::Unknown,
            (_, Some("refused")) => Outcome::Refused(status, body),
            _ => panic!(
                "{}: neither done, refused nor unknown: {status} {body}",
                self.id
            ),
        }
    }

    fn webhook(&self) -> Value {
        json!({
            "version": "4", "status": "firing", "receiver": "hereby", "groupKey": "{}",
            "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "http://alertmanager.example",
            "alerts": [{
                "status": "firing", "labels": {"alertname": "DiskSlow", "id": self.id},
                "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": self.id,
            }],
        })
    }

    /// At which indexes it stands among the acts on the record.
    fn places(&self, acts: &[Value]) -> Vec<usize> {
        let id = match &self.what {
            What::Command(..) => act_id(&self.id.parse().unwrap(), 0).to_string(),
            What::Alert => String::new(),
        };
        let is_it = |act: &Value| match &self.what {
            What::Command(..) => act["id"] == id.as_str(),
            What::Alert => {
                act["kind"].as_str().unwrap().starts_with("alert.fired/")
                    && act["body"]["labels"]["id"] == self.id.as_str()
            }
        };
        let found = acts.iter().enumerate().filter(|(_, act)| is_it(act));
        found.map(|(index, _)| index).collect()
    }
}

fn receipts(said: &Value) -> Vec<(usize, String)> {
    let receipts = said["receipts"].as_array().into_iter().flatten();
    receipts
        .map(|receipt| {
            let index = usize::try_from(receipt["index"].as_u64().unwrap()).unwrap();
            (index, receipt["act"].as_str().unwrap().to_owned())
        })
        .collect()
}

/// Asks for everything, one after the other.
pub(super) fn play(place: &Place, asks: &[Ask]) -> Vec<Outcome> {
    asks.iter().map(|ask| ask.send(place)).collect()
}

/// Holds the record against what hereby had said, and then asks for everything again: each act
/// must be there once. hereby runs, with a disk that works.
pub(super) fn hold(place: &Place, asks: &[Ask], outcomes: &[Outcome]) {
    let acts = place.acts();
    for (ask, outcome) in asks.iter().zip(outcomes) {
        let found = ask.places(&acts);
        match outcome {
            Outcome::Done(receipts) => {
                assert_eq!(found.len(), 1, "{} was acknowledged: {found:?}", ask.id);
                for (index, act) in receipts {
                    assert_eq!(
                        acts[*index]["id"],
                        act.as_str(),
                        "{}: entry {index}",
                        ask.id
                    );
                }
            }
            Outcome::Refused(..) | Outcome::Unsent => {
                assert_eq!(found, [0; 0], "{} was not done: {outcome:?}", ask.id);
            }
            Outcome::Unknown => assert!(found.len() <= 1, "{}: {found:?}", ask.id),
        }
    }
    for (ask, before) in asks.iter().zip(outcomes) {
        match (ask.send(place), before) {
            (Outcome::Done(again), Outcome::Done(first)) => {
                assert_eq!(&again, first, "{}: other receipts", ask.id);
            }
            (Outcome::Done(_), _) => {}
            (other, _) => panic!("{} can't be done afterwards: {other:?}", ask.id),
        }
    }
    let acts = place.acts();
    for ask in asks {
        assert_eq!(ask.places(&acts).len(), 1, "{} stands once", ask.id);
    }
    let mut ids = BTreeMap::new();
    for (index, act) in acts.iter().enumerate() {
        let twin = ids.insert(act["id"].as_str().unwrap(), index);
        assert_eq!(twin, None, "entry {index} bears the id of another");
    }
}
