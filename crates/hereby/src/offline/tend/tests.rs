//! The log's keys, found among any number of acts on the record.

use base::{ActId, Actor, CommandDigest, Proof};
use engine::ports::ReadError;
use record::act::{Evidence, act_id};
use record::kinds::log::{KeyRotated, Opened, Recovered};

use super::*;

/// A record in memory, all of it on the record itself.
struct Acts(Vec<Vec<u8>>);

impl Entries for Acts {
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(usize::try_from(index).unwrap()).cloned())
    }
    fn find_act(&self, _: &ActId) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }
    fn of_subject(&self, _: &Subject, from: u64, limit: usize) -> Result<Vec<u64>, ReadError> {
        Ok((from..self.size()).take(limit).collect())
    }
    fn scan(&self, _: u64, _: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
        Ok(())
    }
    fn publish(&self, _: u64, _: &[Act]) {}
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

fn act(number: u32, body: Body) -> Vec<u8> {
    let act = Act {
        id: act_id(&format!("cmd-{number}").parse().unwrap(), 0),
        at: Timestamp::from_ms(1_513_841_400_000),
        claimed_at: None,
        actor: Actor::System {
            id: "recovery".parse().unwrap(),
        },
        evidence: Evidence {
            digest: CommandDigest::from_bytes([7; 16]),
            proof: Proof::Internal,
            signed: None,
        },
        subject: Subject::Record,
        tenant: None,
        cause: None,
        why: None,
        body,
    };
    act.encode().unwrap()
}

#[test]
fn a_key_is_found_behind_any_number_of_acts() {
    let mut acts = vec![act(
        0,
        Opened {
            origin: "o".into(),
            vkey: "first".into(),
        }
        .into(),
    )];
    for number in 1..8 {
        let body = Recovered {
            dropped_bytes: 1,
            kept_in: "torn/x.bin".into(),
            size: 1,
        };
        acts.push(act(number, body.into()));
    }
    acts.push(act(
        8,
        KeyRotated {
            from: "first".into(),
            to: "second".into(),
        }
        .into(),
    ));
    acts.push(act(
        9,
        KeyRotated {
            from: "second".into(),
            to: "third".into(),
        }
        .into(),
    ));
    let expected = [
        (0, "first".into()),
        (9, "second".into()),
        (10, "third".into()),
    ];
    // Pages that end before, at and behind the acts in question.
    for at_once in [1, 2, 3, 8, 9, 10, 100] {
        assert_eq!(
            vkeys_in(&Acts(acts.clone()), at_once).unwrap(),
            expected,
            "{at_once}"
        );
    }
}
