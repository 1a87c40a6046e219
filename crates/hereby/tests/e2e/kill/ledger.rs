//! What clients were told, to be held against the record. Act ids, leaf hashes and roots are
//! computed here anew, not with the code under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::traffic::{Dice, Tokens};
use crate::harness::{Server, http};

/// A command that was or will be sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) verb: &'static str,
    pub(crate) args: Value,
}

/// An act that hereby acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    act: String,
    index: u64,
}

/// Everything clients were told.
#[derive(Default)]
pub(crate) struct Ledger {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    receipts: Vec<Receipt>,
    /// Commands that were acknowledged, with their receipts.
    done: BTreeMap<String, (Asked, Value)>,
    /// Commands of unknown outcome.
    unknown: Vec<Asked>,
    /// Commands that were refused and never sent again.
    refused: BTreeSet<String>,
    /// Fingerprints of alerts that were acknowledged, and whether the one before was ended.
    alerts: BTreeMap<String, bool>,
    /// Signed checkpoints that came with answers: size and root.
    heads: BTreeMap<u64, String>,
}

impl Asked {
    /// Sends it, whoever's the token is; `None` if there is no answer.
    pub(crate) fn send(&self, address: &str, token: &str) -> Option<(u16, Value)> {
        let path = format!("/api/v1/commands/{}", self.verb);
        let key = [("Idempotency-Key", self.id.as_str())];
        let sent = http(
            address,
            "POST",
            &path,
            Some(token),
            &key,
            &self.args.to_string(),
        );
        let (status, body) = sent.ok()?;
        // An answer that was cut off says nothing.
        Some((status, serde_json::from_str(&body).ok()?))
    }

    /// Which of the clients sent it: only the same sender may send it again.
    fn client(&self) -> usize {
        let (_, behind) = self.id.split_once("-t").unwrap();
        behind.split('-').next().unwrap().parse().unwrap()
    }
}

impl Receipt {
    /// hereby must have that act at that index.
    pub(crate) fn look_up(&self, server: &Server, token: &str) {
        let path = format!("/api/v1/acts/{}", self.index);
        let (status, body) = server.http("GET", &path, Some(token), "").unwrap();
        assert_eq!(status, 200, "{self:?}: {body}");
        let found: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(found["act"]["id"], *self.act, "{self:?}");
    }
}

impl Ledger {
    pub(crate) fn acknowledged(&self, asked: Asked, answer: &Value) {
        let mut kept = self.kept.lock().unwrap();
        assert_eq!(answer["outcome"], "done", "{answer}");
        for (ordinal, receipt) in (0_u32..).zip(answer["receipts"].as_array().unwrap()) {
            let act = receipt["act"].as_str().unwrap().to_owned();
            assert_eq!(act, act_id(&asked.id, ordinal));
            kept.receipts.push(Receipt {
                act,
                index: receipt["index"].as_u64().unwrap(),
            });
        }
        let mut note = answer["checkpoint"].as_str().unwrap().lines().skip(1);
        let size: u64 = note.next().unwrap().parse().unwrap();
        let root = note.next().unwrap().to_owned();
        let last = answer["receipts"].as_array().unwrap().last().unwrap();
        assert!(
            size > last["index"].as_u64().unwrap(),
            "it covers what it acknowledges: {answer}"
        );
        if let Some(before) = kept.heads.insert(size, root.clone()) {
            assert_eq!(before, root, "two checkpoints of size {size}");
        }
        let receipts = answer["receipts"].clone();
        if let Some((_, before)) = kept
            .done
            .insert(asked.id.clone(), (asked, receipts.clone()))
        {
            assert_eq!(before, receipts, "sent again it gets the same receipts");
        }
    }

    pub(crate) fn unknown(&self, asked: Asked) {
        self.kept.lock().unwrap().unknown.push(asked);
    }

    pub(crate) fn refused(&self, id: String) {
        self.kept.lock().unwrap().refused.insert(id);
    }

    pub(crate) fn alert_taken(&self, fingerprint: &str, ends_one: bool) {
        self.kept
            .lock()
            .unwrap()
            .alerts
            .insert(fingerprint.to_owned(), ends_one);
    }

    /// Some acknowledged acts, the newest among them.
    pub(crate) fn sample(&self, dice: &mut Dice, count: usize) -> Vec<Receipt> {
        let kept = self.kept.lock().unwrap();
        let some = |dice: &mut Dice| {
            kept.receipts[dice.below(kept.receipts.len() as u64) as usize].clone()
        };
        let newest = kept.receipts.iter().max_by_key(|it| it.index).cloned();
        let others = if newest.is_some() { count } else { 0 };
        newest
            .into_iter()
            .chain((0..others).map(|_| some(dice)))
            .collect()
    }

    /// How many commands are acknowledged, and how many of unknown outcome.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let kept = self.kept.lock().unwrap();
        (kept.done.len(), kept.unknown.len())
    }

    /// Sends every command of unknown outcome again, and one that was acknowledged; each twice.
    /// Returns how many of unknown outcome had happened before `since`, and how many had not.
    pub(crate) fn ask_again(
        &self,
        address: &str,
        tokens: &Tokens,
        dice: &mut Dice,
        since: &str,
    ) -> (usize, usize) {
        let unknown = std::mem::take(&mut self.kept.lock().unwrap().unknown);
        let (mut happened, mut new) = (0, 0);
        for asked in unknown {
            let first = self.settle(&asked, address, tokens);
            assert_eq!(first, self.settle(&asked, address, tokens), "{asked:?}");
            let before = first[0]["at"].as_str().unwrap() < since;
            *(if before { &mut happened } else { &mut new }) += 1;
        }
        let known = {
            let kept = self.kept.lock().unwrap();
            let nth = dice.below(kept.done.len().max(1) as u64) as usize;
            kept.done.values().nth(nth).map(|(asked, _)| asked.clone())
        };
        known.map(|asked| self.settle(&asked, address, tokens));
        (happened, new)
    }

    /// Sends it until it is done; returns the receipts.
    fn settle(&self, asked: &Asked, address: &str, tokens: &Tokens) -> Value {
        let token = &tokens.respond[asked.client()];
        loop {
            let (status, answer) = asked.send(address, token).unwrap();
            match status {
                200 => {
                    self.acknowledged(asked.clone(), &answer);
                    return answer["receipts"].clone();
                }
                503 => std::thread::sleep(std::time::Duration::from_millis(50)),
                _ => panic!("{asked:?}: {status} {answer}"),
            }
        }
    }

    /// Holds the whole record, its acts and their entries, against what clients were told.
    pub(crate) fn compare(&self, acts: &[Value], entries: &[String]) {
        let kept = self.kept.lock().unwrap();
        assert!(kept.unknown.is_empty());
        assert_eq!(acts.len(), entries.len());
        let ids: Vec<&str> = acts.iter().map(|act| act["id"].as_str().unwrap()).collect();
        for Receipt { act, index } in &kept.receipts {
            assert_eq!(ids.get(*index as usize), Some(&act.as_str()), "at {index}");
        }
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "an act is on the record twice");
        for id in &kept.refused {
            assert!(
                !distinct.contains(act_id(id, 0).as_str()),
                "{id} was refused and happened"
            );
        }
        kept.compare_counts(acts);
        kept.compare_heads(entries);
    }
}

impl Kept {
    /// Each command took effect once, each alert fired and ended at most once, and nothing else
    /// is there but what hereby itself says.
    fn compare_counts(&self, acts: &[Value]) {
        let mut commands = 0;
        let (mut fired, mut ended) = (BTreeMap::new(), BTreeMap::new());
        let mut alert_of = BTreeMap::new();
        for act in acts {
            let kind = act["kind"].as_str().unwrap();
            let subject = act["subject"]["id"].as_str().unwrap().to_owned();
            match kind {
                "incident.declared/1" | "incident.noted/1" => commands += 1,
                "alert.fired/1" => {
                    let fingerprint = act["body"]["fingerprint"].as_str().unwrap().to_owned();
                    alert_of.insert(fingerprint.clone(), subject);
                    *fired.entry(fingerprint).or_insert(0) += 1;
                }
                "alert.resolved/1" => *ended.entry(subject).or_insert(0) += 1,
                "record.opened/1" | "record.recovered/1" | "token.issued/1" => {}
                other => panic!("nobody asked for {other}"),
            }
        }
        assert_eq!(commands, self.done.len(), "each command once");
        assert!(
            fired
                .values()
                .chain(ended.values())
                .all(|times| *times == 1)
        );
        for (fingerprint, ends_one) in &self.alerts {
            assert!(
                fired.contains_key(fingerprint),
                "{fingerprint} was acknowledged"
            );
            let (name, number) = fingerprint.rsplit_once('-').unwrap();
            if *ends_one {
                let before = format!("{name}-{}", number.parse::<u64>().unwrap() - 1);
                assert!(
                    ended.contains_key(&alert_of[&before]),
                    "the end of {before}"
                );
            }
        }
    }

    /// Every checkpoint that hereby ever signed for a client is one of this very tree (RFC 6962).
    fn compare_heads(&self, entries: &[String]) {
        let mut subtrees: Vec<(u64, [u8; 32])> = Vec::new();
        let mut compared = 0;
        for (size, entry) in (1_u64..).zip(entries) {
            let mut node = (1, hash(&[&[0], entry.as_bytes()]));
            while let Some((leaves, left)) = subtrees.pop_if(|(leaves, _)| *leaves == node.0) {
                node = (leaves * 2, hash(&[&[1], &left, &node.1]));
            }
            subtrees.push(node);
            let Some(signed) = self.heads.get(&size) else {
                continue;
            };
            let mut edge = subtrees.iter().rev().map(|(_, hash)| *hash);
            let last = edge.next().unwrap();
            let root = edge.fold(last, |right, left| hash(&[&[1], &left, &right]));
            assert_eq!(*signed, BASE64_STANDARD.encode(root), "the root at {size}");
            compared += 1;
        }
        assert_eq!(
            compared,
            self.heads.len(),
            "a signed checkpoint lies beyond the record"
        );
    }
}

/// The id of a command's act (docs/reference/record.md, "Entries").
fn act_id(command: &str, ordinal: u32) -> String {
    let digest = hash(&[
        b"hereby/act/1\0",
        command.as_bytes(),
        b"\0",
        &ordinal.to_be_bytes(),
    ]);
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    digest(&SHA256, &parts.concat())
        .as_ref()
        .try_into()
        .unwrap()
}
