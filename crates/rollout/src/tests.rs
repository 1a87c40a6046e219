//! What may happen to a fleet, and what never does: a world of edges that follow, lag and vanish, in which
//! anything is asked in any order, held against rules that were written from the invariants.

mod deciding;
mod floor;
mod glass;
mod judging;
mod laws;
mod watching;

use std::collections::BTreeSet;

use base::{ActId, Actor, CommandDigest, Line, Name, PersonName, Proof, Prose, Timestamp};
use record::act::{Act, Evidence};
use record::command::{DefineCell, DeployVersion, EnrollEdge, InviteEdge, RollBack, Verb};
use record::fleet::{Counts, Report, Runs, TOOK_MS};
use record::hash::{Hash, sha256};
use record::kinds::rollout::{Part, Ring};
use record::note::{Algorithm, SignerKey};
use record::refusal::Refusal;

use crate::state::State;
use crate::{Asked, decide};

/// A template whose stages hold for a minute and ten requests each.
const QUICK: &str = "name = \"quick\"\nwatch_ms = 60000\n\
    [[stage]]\nreach = \"canary\"\ntime_ms_min = 60000\nrequests_min = 10\n\
    [[stage]]\nreach = \"one\"\ntime_ms_min = 60000\nrequests_min = 10\n\
    [[stage]]\nreach = \"all\"\n\
    [[trigger]]\nname = \"errors\"\nmeasure = \"errors\"\ncompare = true\nmost_ppm = 200000\n\
    requests_min = 20\n";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// hereby itself.
    Own,
    /// A person, who says why, with their key.
    Signed,
    /// A person, who says why.
    Person,
    /// A person who says nothing.
    Hasty,
}

struct World {
    state: State,
    acts: Vec<(Act, Who)>,
    now: Timestamp,
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn version(number: u8) -> Hash {
    sha256(&[&[number]])
}

fn deploying(number: u8) -> DeployVersion {
    DeployVersion {
        bytes: 100,
        cell: None,
        changes: BTreeSet::from([Part::Routes]),
        digest: version(number),
        incident: None,
        template: Some(QUICK.into()),
        tenant: None,
    }
}

/// A version of a tenant's own: of another tenant it is another version.
fn own_version(tenant: &str, number: u8) -> Hash {
    sha256(&[tenant.as_bytes(), &[number]])
}

/// Of `shop` in eu-1, of `bank` in eu-2; of any other everywhere.
fn deploying_own(tenant: &str, number: u8) -> DeployVersion {
    let cell = match tenant {
        "shop" => Some(name("eu-1")),
        "bank" => Some(name("eu-2")),
        _ => None,
    };
    DeployVersion {
        cell,
        digest: own_version(tenant, number),
        tenant: Some(tenant.parse().unwrap()),
        ..deploying(number)
    }
}

fn going_back() -> RollBack {
    RollBack {
        digest: None,
        incident: None,
        lease_ms: None,
        tenant: None,
    }
}

impl World {
    /// Nobody is there.
    fn empty() -> World {
        World {
            state: State::default(),
            acts: Vec::new(),
            now: Timestamp::from_ms(1_600_000_000_000),
        }
    }

    /// A canary cell with one edge, and two that serve with two each.
    fn new() -> World {
        let mut world = World::empty();
        for (cell, ring) in [
            ("canary", Ring::Canary),
            ("eu-1", Ring::Serving),
            ("eu-2", Ring::Serving),
        ] {
            let cell = name(cell);
            world.must(Who::Person, DefineCell { cell, ring });
        }
        for (edge, cell) in [
            ("c-1", "canary"),
            ("e-1", "eu-1"),
            ("e-2", "eu-1"),
            ("f-1", "eu-2"),
            ("f-2", "eu-2"),
        ] {
            world.enroll(edge, cell);
        }
        world
    }

    fn enroll(&mut self, edge: &str, cell: &str) {
        let hash = sha256(&[edge.as_bytes()]);
        let invite = InviteEdge {
            cell: name(cell),
            edge: name(edge),
            expires_at: self.now.plus_ms(1_000),
            hash,
        };
        self.must(Who::Person, invite);
        let seed = sha256(&[b"key", edge.as_bytes()]);
        let key = SignerKey::from_seed(edge, Algorithm::Ed25519, seed.0).unwrap();
        let enroll = EnrollEdge {
            edge: name(edge),
            hash,
            vkey: key.verifier().to_string().into(),
        };
        self.must(Who::Own, enroll);
    }

    fn pass(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    /// Asks, and has it happen if it may: how many acts followed.
    fn ask(&mut self, who: Who, verb: impl Into<Verb>) -> Result<usize, Refusal> {
        let verb = verb.into();
        let actor = match who {
            Who::Own => Actor::System {
                id: name("rollout"),
            },
            _ => Actor::Person {
                id: "sam".parse::<PersonName>().unwrap(),
            },
        };
        let asked = Asked {
            actor: &actor,
            has_reason: who != Who::Hasty,
            signed: who == Who::Signed,
            now: self.now,
        };
        let drafts = decide(&self.state, &verb, &asked).unwrap()?;
        let count = drafts.len();
        for draft in drafts {
            let index = self.acts.len() as u64;
            let act = Act {
                id: ActId::from_bytes([0; 16]),
                at: self.now,
                claimed_at: None,
                actor: actor.clone(),
                evidence: Evidence {
                    digest: CommandDigest::from_bytes([0; 16]),
                    proof: Proof::LocalUid,
                    signed: None,
                },
                subject: draft.subject,
                tenant: draft.tenant,
                cause: None,
                why: (who != Who::Hasty).then(|| "it must be".parse::<Prose>().unwrap().into()),
                body: draft.body,
            };
            self.state.apply(&act, index);
            self.acts.push((act, who));
        }
        Ok(count)
    }

    fn must(&mut self, who: Who, verb: impl Into<Verb>) {
        self.ask(who, verb).unwrap();
    }

    /// Why it is refused.
    fn no(&mut self, who: Who, verb: impl Into<Verb>) -> String {
        self.ask(who, verb).unwrap_err().detail
    }

    fn told(&self, edge: &str) -> Option<Hash> {
        self.state.order_of(&name(edge))?.digest
    }
}

/// What an edge says, which follows that act and answered so many requests, of which so many failed.
fn report(
    edge: &str,
    at: Timestamp,
    follows: Option<u64>,
    (requests, failed): (u64, u64),
) -> Report {
    let at_ms = u64::try_from(at.as_ms()).unwrap();
    Report {
        at_ms,
        break_glass: None,
        epoch: record::succession::FIRST_EPOCH,
        protocol: record::fleet::PROTOCOL,
        tenants: Default::default(),
        counts: Counts {
            failed,
            refused: Default::default(),
            requests,
            took: vec![requests; TOOK_MS.len() + 1],
        },
        edge: name(edge),
        follows,
        overlay: 0,
        process: 7,
        program: "0.1.0".parse::<Line>().unwrap(),
        refused: Vec::new(),
        refused_more: 0,
        // The fleet's version by the same act.
        runs: follows.map(|sequence| Runs {
            digest: version(0),
            sequence,
            since_ms: at_ms,
        }),
        size: 0,
    }
}
