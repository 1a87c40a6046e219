//! Clients that send commands and alerts until hereby is gone, and enter every answer in the
//! ledger. What they send follows from a seed.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Asked, Ledger};
use crate::harness::{Place, http};

/// Clients that send commands; one more sends alerts.
const COMMANDERS: u64 = 3;

/// Tokens of one place. Each client has one of its own: rates are counted by token.
pub(crate) struct Tokens {
    pub(crate) read: String,
    pub(crate) alerts: String,
    pub(crate) respond: Vec<String>,
}

/// Clients at work.
pub(crate) struct Traffic {
    clients: Vec<JoinHandle<()>>,
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// One of `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

impl Tokens {
    pub(crate) fn issue(place: &Place) -> Tokens {
        let responder = |number| place.token(&format!("client-{number}"), "respond");
        Tokens {
            read: place.token("reader", "read"),
            alerts: place.token("alertmanager", "alerts"),
            respond: (0..COMMANDERS).map(responder).collect(),
        }
    }
}

impl Traffic {
    /// Starts the clients of this cycle. They end by themselves once hereby does not answer.
    pub(crate) fn start(
        address: &str,
        tokens: &Tokens,
        ledger: &Arc<Ledger>,
        seed: u64,
        cycle: u64,
    ) -> Traffic {
        let mut clients = Vec::new();
        for (client, token) in (0_u64..).zip(tokens.respond.iter().chain([&tokens.alerts])) {
            let (address, token) = (address.to_owned(), token.clone());
            let ledger = ledger.clone();
            let dice = Dice::new(seed ^ (cycle << 16) ^ (client << 8));
            let name = format!("s{seed}-c{cycle}-t{client}");
            clients.push(std::thread::spawn(move || {
                let mut client = Client {
                    address,
                    token,
                    dice,
                    name,
                    incident: None,
                };
                if client_sends_commands(&client.name) {
                    while client.command(&ledger) {}
                } else {
                    let mut number = 0;
                    while client.alerts(&ledger, number) {
                        number += 1;
                    }
                }
            }));
        }
        Traffic { clients }
    }

    /// Waits until every client noticed that hereby is gone.
    pub(crate) fn end(self) {
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

fn client_sends_commands(name: &str) -> bool {
    !name.ends_with(&format!("-t{COMMANDERS}"))
}

struct Client {
    address: String,
    token: String,
    dice: Dice,
    name: String,
    /// Where notes go: the incident that this client declared last.
    incident: Option<String>,
}

impl Client {
    /// Sends one command; says whether hereby is still there.
    fn command(&mut self, ledger: &Ledger) -> bool {
        let id = format!("{}-{:016x}", self.name, self.dice.below(u64::MAX));
        let asked = match &self.incident {
            Some(incident) if self.dice.below(10) > 0 => Asked {
                id,
                verb: "incident.note",
                args: json!({"incident": incident, "text": format!("said by {}", self.name)}),
            },
            _ => Asked {
                id,
                verb: "incident.declare",
                args: json!({"severity": 4, "title": format!("declared by {}", self.name)}),
            },
        };
        let Some((status, answer)) = asked.send(&self.address, &self.token) else {
            ledger.unknown(asked);
            return false;
        };
        match status {
            200 => {
                if asked.verb == "incident.declare" {
                    let subject = &answer["receipts"][0]["subject"]["id"];
                    self.incident = subject.as_str().map(str::to_owned);
                }
                ledger.acknowledged(asked, &answer);
            }
            504 => ledger.unknown(asked),
            503 => {
                assert_eq!(answer["outcome"], "refused", "{answer}");
                let stopping = answer["reason"] == "stopping";
                ledger.refused(asked.id);
                std::thread::sleep(Duration::from_millis(20));
                return !stopping;
            }
            _ => panic!("{status}: {answer}"),
        }
        true
    }

    /// Tells of one alert that fires and of the end of the one before.
    fn alerts(&mut self, ledger: &Ledger, number: u64) -> bool {
        let name = self.name.clone();
        let alert = |number: u64, status: &str| {
            json!({
                "status": status,
                "labels": {"alertname": "Killed"},
                "startsAt": "2017-12-21T07:30:00Z",
                "endsAt": "2017-12-21T07:40:00Z",
                "fingerprint": format!("{name}-{number}"),
            })
        };
        let mut alerts = vec![alert(number, "firing")];
        if let Some(before) = number.checked_sub(1) {
            alerts.push(alert(before, "resolved"));
        }
        let body = json!({"version": "4", "alerts": alerts}).to_string();
        let path = "/api/v1/alertmanager";
        let answer = http(&self.address, "POST", path, Some(&self.token), &[], &body);
        let Ok((status, answer)) = answer else {
            return false;
        };
        match status {
            200 => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                assert_eq!(answer["recorded"], alerts.len(), "{answer}");
                ledger.alert_taken(&format!("{name}-{number}"), number > 0);
                true
            }
            503 | 504 => {
                std::thread::sleep(Duration::from_millis(20));
                // The next one tells of the end of this one, which may not have begun.
                false
            }
            _ => panic!("{status}: {answer}"),
        }
    }
}
