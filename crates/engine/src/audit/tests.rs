//! That an audit finds what is wrong, and nothing else. Records are written past the decider, as a
//! bug in it would.

use record::kinds::incident::{Acknowledged, Assigned, Declared, Noted, Waived};
use record::kinds::rollout::{
    DeploymentAdvanced, PlanDrawn, StageDrawn, VersionDeployed, VersionRolledBack,
};

use super::*;
use crate::ports::Log as _;
use crate::tests::disk::{Disk, MemoryLog};
use base::{Actor, Severity};
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A record that is written act by act.
struct Forged {
    disk: Arc<Disk>,
    acts: Vec<Act>,
}

impl Forged {
    /// Opened, with INC-1 declared.
    fn new() -> Forged {
        let disk: Arc<Disk> = Arc::default();
        let vkey = disk.vkey();
        let mut forged = Forged {
            disk,
            acts: Vec::new(),
        };
        let opened = record::kinds::log::Opened {
            origin: crate::tests::disk::ORIGIN.into(),
            vkey: vkey.into(),
        };
        forged.push(Subject::Record, opened);
        forged.acts[0].id = act_id(&word(OPENING), 0);
        forged.incident(1, declared());
        forged
    }

    fn push(&mut self, subject: Subject, body: impl Into<Body>) -> &mut Act {
        let index = self.acts.len();
        self.acts.push(Act {
            id: act_id(&word(&format!("forged-{index}")), 0),
            at: Timestamp::from_ms(1_513_841_400_000 + i64::try_from(index).unwrap() * 1_000),
            claimed_at: None,
            actor: Actor::System { id: word("forger") },
            evidence: record::act::Evidence {
                digest: CommandDigest::from_bytes([u8::try_from(index).unwrap(); 16]),
                proof: Proof::LocalUid,
                signed: None,
            },
            subject,
            tenant: None,
            cause: None,
            why: None,
            body: body.into(),
        });
        self.acts.last_mut().unwrap()
    }

    fn incident(&mut self, number: u32, body: impl Into<Body>) -> &mut Act {
        self.push(Subject::Incident(IncidentId::from_number(number)), body)
    }

    fn audited(&self) -> Audit {
        let mut log = MemoryLog::open(self.disk.clone());
        let entries: Vec<Vec<u8>> = self.acts.iter().map(|act| act.encode().unwrap()).collect();
        log.append_batch(0, 1, &entries, false).unwrap();
        self.disk.publish(0, &self.acts);
        let mut audit = Audit::of_everything();
        audit.read(&*self.disk, u64::MAX).unwrap();
        audit
    }

    /// What an audit says of it: the invariant and the sentence.
    fn found(&self) -> Vec<(Invariant, String)> {
        let found = self.audited().take_found();
        found
            .into_iter()
            .map(|it| (it.invariant, it.what))
            .collect()
    }
}

fn declared() -> Declared {
    Declared {
        drill: false,
        impact_start: None,
        private: false,
        service: None,
        severity: Severity::from_number(2).unwrap(),
        surroundings: None,
        template: None,
        title: word::<base::Line>("a long day").into(),
    }
}

fn assigned(role: Role, person: &str) -> Assigned {
    Assigned {
        person: word(person),
        replaces: None,
        role,
    }
}

fn noted() -> Noted {
    Noted {
        blobs: vec![],
        text: word::<base::Prose>("x").into(),
    }
}

#[test]
fn one_person_in_command_who_operates_is_found_and_a_waiver_ends_it_for_that_person_alone() {
    let mut forged = Forged::new();
    forged.incident(1, assigned(Role::Operations, "sam"));
    forged.incident(
        1,
        Waived {
            person: word("kim"),
        },
    );
    forged.incident(1, assigned(Role::Operations, "kim"));
    forged.incident(1, assigned(Role::Commander, "sam"));
    forged.incident(1, noted());
    let found = forged.found();
    assert_eq!(found.len(), 1, "{found:?}");
    let (invariant, what) = &found[0];
    assert_eq!(*invariant, Invariant::Roles);
    assert!(what.starts_with("sam is commander and operations of INC-1 since entry 5"));

    let mut waived = Forged::new();
    waived.incident(
        1,
        Waived {
            person: word("sam"),
        },
    );
    waived.incident(1, assigned(Role::Operations, "sam"));
    waived.incident(1, assigned(Role::Commander, "sam"));
    assert_eq!(waived.found(), []);
}

#[test]
fn an_act_that_stands_twice_and_one_whose_command_gives_another_id_are_found() {
    let mut forged = Forged::new();
    let twin = forged.incident(1, Acknowledged {}).id;
    forged.incident(1, noted()).id = twin;
    let found = forged.found();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Invariant::Once);

    let mut opened = Forged::new();
    opened.acts[0].id = act_id(&word("another"), 0);
    assert_eq!(opened.found()[0].0, Invariant::Once);
}

#[test]
fn the_second_act_of_a_signed_command_has_the_id_that_follows_from_it() {
    let signed = |forged: &mut Forged, second: u32| {
        let digest = CommandDigest::from_bytes([9; 16]);
        let command = "{\"args\":{},\"command\":\"x\",\"id\":\"c-1\"}".to_owned();
        for ordinal in 0..2 {
            let act = forged.incident(1, noted());
            act.id = act_id(&word("c-1"), if ordinal == 0 { 0 } else { second });
            act.evidence.digest = digest;
            act.evidence.signed = Some(record::act::Signed {
                signature: "c2ln".into(),
                command: (ordinal == 0).then(|| Sealable::Open(command.clone())),
            });
            act.evidence.proof = Proof::Key(word("kim-laptop"));
        }
    };
    let of_id = |forged: &Forged| {
        let found = forged.found();
        found
            .iter()
            .filter(|(it, _)| *it == Invariant::Once)
            .count()
    };
    let mut right = Forged::new();
    signed(&mut right, 1);
    assert_eq!(of_id(&right), 0);
    let mut wrong = Forged::new();
    signed(&mut wrong, 2);
    assert_eq!(of_id(&wrong), 1);
}

#[test]
fn time_that_runs_back_and_causes_that_come_later_are_found() {
    let mut forged = Forged::new();
    forged.incident(1, noted()).at = Timestamp::from_ms(1_000);
    let later = act_id(&word("forged-4"), 0);
    forged.incident(1, noted()).cause = Some(later);
    forged.incident(1, noted()).cause = Some(later);
    let found = forged.found();
    // The cause of the last one is itself.
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(it, _)| *it == Invariant::Order));
}

#[test]
fn acts_on_what_was_not_declared_and_numbers_that_are_left_out_are_found() {
    let mut forged = Forged::new();
    forged.incident(7, noted());
    forged.incident(3, declared());
    forged.incident(1, declared());
    let found = forged.found();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(it, _)| *it == Invariant::Declared));
}

#[test]
fn who_acts_by_a_token_or_key_that_nobody_gave_is_found() {
    let mut forged = Forged::new();
    forged.incident(1, noted()).evidence.proof = Proof::Token(word("tok-0123456789abcdef"));
    let act = forged.incident(1, noted());
    act.evidence.proof = Proof::Key(word("kim-laptop"));
    act.evidence.signed = Some(record::act::Signed {
        signature: "c2ln".into(),
        command: None,
    });
    let found = forged.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|(it, _)| *it == Invariant::Access));
}

#[test]
fn another_root_another_snapshot_and_another_live_state_are_found_once() {
    let mut forged = Forged::new();
    forged.incident(1, noted());
    let mut audit = forged.audited();
    let size = audit.size();
    let root = {
        let mut tree = Frontier::new();
        tree.extend(forged.disk.entries().iter().map(|entry| hash::leaf(entry)));
        tree.root()
    };
    let good = audit.state.clone();
    audit.compare_root(size, &root);
    audit.compare_snapshot(size, &good.to_snapshot().unwrap());
    assert!(audit.compare_live(&good));
    assert_eq!(audit.take_found(), []);

    let mut bad = good.clone();
    bad.incidents.incidents_declared += 1;
    let later = String::from_utf8(good.to_snapshot().unwrap()).unwrap();
    let version = format!("\"version\":{}}}", crate::state::STATE_VERSION);
    let later = later.replace(&version, "\"version\":999}");
    for _ in 0..2 {
        audit.compare_root(size, &hash::leaf(b"x"));
        audit.compare_root(size + 1, &hash::leaf(b"x"));
        audit.compare_snapshot(size, &bad.to_snapshot().unwrap());
        audit.compare_snapshot(size, b"{");
        audit.compare_snapshot(size, later.as_bytes());
        assert!(audit.compare_live(&bad));
    }
    let found: Vec<Invariant> = audit.take_found().iter().map(|it| it.invariant).collect();
    let expected = [
        Invariant::Record,
        Invariant::Snapshot,
        Invariant::Snapshot,
        Invariant::Fold,
    ];
    assert_eq!(found, expected);
    bad.log.acts += 1;
    assert!(
        !audit.compare_live(&bad),
        "of another size, nothing is compared"
    );
}

#[test]
fn an_entry_that_is_no_act_ends_the_audit_and_one_of_a_newer_hereby_is_no_violation() {
    for (entry, violations) in [(&b"{\"not\":\"an act\"}"[..], 1), (&b"{\"v\":2}"[..], 0)] {
        let forged = Forged::new();
        forged.audited();
        forged.disk.overwrite(1, entry);
        let mut audit = Audit::of_everything();
        let error = audit.read(&*forged.disk, u64::MAX).unwrap_err();
        assert!(error.to_string().starts_with("entry 1:"), "{error}");
        assert_eq!(audit.take_found().len(), violations);
    }
    let mut forged = Forged::new();
    forged.incident(1, noted());
    let newer = String::from_utf8(forged.acts[2].encode().unwrap()).unwrap();
    let newer = newer.replace("\"v\":1}", "\"v\":2}");
    forged.audited();
    forged.disk.overwrite(2, newer.as_bytes());
    let mut audit = Audit::of_everything();
    let error = audit.read(&*forged.disk, u64::MAX).unwrap_err();
    assert!(error.to_string().contains("newer hereby"), "{error}");
    assert_eq!(audit.take_found(), []);
}

#[test]
fn where_acts_of_later_kinds_may_have_changed_the_roles_they_are_not_judged() {
    let later = |forged: &mut Forged| {
        let json = "{\"person\":\"sam\"}".to_owned();
        let body = record::kinds::UnknownBody {
            kind: "incident.waived/9".into(),
            json: serde_json::value::RawValue::from_string(json).unwrap(),
        };
        forged.incident(1, Body::Unknown(body));
    };
    let mut forged = Forged::new();
    later(&mut forged);
    forged.incident(1, assigned(Role::Operations, "sam"));
    forged.incident(1, assigned(Role::Commander, "sam"));
    let mut audit = forged.audited();
    assert_eq!(audit.take_found(), []);
    assert_eq!(audit.unknown(), 1);
}

#[test]
fn an_approval_of_ones_own_and_a_request_done_too_soon_are_found() {
    let by = |act: &mut Act, person: &str| {
        act.actor = Actor::Person { id: word(person) };
        act.evidence.proof = Proof::Key(word(person));
        act.evidence.signed = Some(record::act::Signed {
            signature: "x".into(),
            command: None,
        });
    };
    let request = || Subject::Request(word("req-1"));
    let mut forged = Forged::new();
    for person in ["kim", "sam"] {
        let key = record::kinds::access::KeyEnrolled {
            person: word(person),
            vkey: "x".into(),
        };
        forged.push(Subject::Key(word(person)), key);
    }
    let made = record::kinds::request::RequestMade {
        approvals: 2,
        command: "incident.redact".into(),
        args: "{\"incident\":\"INC-1\"}".into(),
        due_at: None,
        not_before: None,
        expires_at: Timestamp::from_ms(4_000_000_000_000),
    };
    by(forged.push(request(), made), "kim");
    let approved = || record::kinds::request::RequestApproved {};
    by(forged.push(request(), approved()), "sam");
    by(forged.push(request(), approved()), "kim");
    forged.push(request(), approved());
    let found = forged.found();
    let all = |found: &[(Invariant, String)]| {
        let of = found.iter().map(|(invariant, _)| *invariant);
        of.collect::<BTreeSet<_>>()
    };
    assert_eq!(all(&found), [Invariant::Approvals].into(), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");

    let mut forged = Forged::new();
    let made = record::kinds::request::RequestMade {
        approvals: 1,
        command: "incident.redact".into(),
        args: "{\"incident\":\"INC-1\"}".into(),
        due_at: None,
        not_before: None,
        expires_at: Timestamp::from_ms(4_000_000_000_000),
    };
    forged.push(request(), made);
    let ground = Ground::Approved;
    forged.push(
        request(),
        record::kinds::request::RequestCarriedOut { ground },
    );
    let found = forged.found();
    assert_eq!(all(&found), [Invariant::Approvals].into(), "{found:?}");
}

#[test]
fn a_version_that_was_not_deployed_a_stage_left_out_and_a_way_back_to_nowhere_are_found() {
    let digest = hash::sha256(&[b"a version"]);
    let deployment = || Subject::Deployment(word("dep-1"));
    let advanced = |stage| DeploymentAdvanced {
        base: None,
        digest,
        early: false,
        reaches: [(word("eu-1"), None)].into(),
        requests: None,
        stage,
    };
    let stage = StageDrawn {
        cells: [word("eu-1")].into(),
        one: false,
        requests_min: 0,
        time_ms_min: 0,
    };
    let deployed = VersionDeployed {
        base: None,
        bytes: 1,
        cell: None,
        changes: BTreeSet::new(),
        digest,
        incident: None,
        plan: PlanDrawn {
            stages: vec![stage.clone(), stage.clone(), stage],
            template: word("quick"),
            triggers: Vec::new(),
            watch_ms: 0,
        },
    };
    let back = VersionRolledBack {
        cells: BTreeSet::new(),
        deployment: Some(word("dep-1")),
        digest: Some(hash::sha256(&[b"another"])),
        from: digest,
        incident: None,
        lease_ends_at: Timestamp::from_ms(0),
    };
    let mut forged = Forged::new();
    forged.push(deployment(), advanced(0));
    forged.push(deployment(), deployed);
    forged.push(deployment(), advanced(0));
    forged.push(deployment(), advanced(2));
    forged.push(Subject::Fleet, back);
    let found = forged.found();
    assert_eq!(
        found
            .iter()
            .map(|(invariant, _)| *invariant)
            .collect::<BTreeSet<_>>(),
        [Invariant::Deployed, Invariant::Stages, Invariant::Rollback].into(),
        "{found:?}"
    );
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].1.starts_with("entry 2 tells"), "{found:?}");
}
