//! People, teams, services, and who may ask for what.

use record::command::{
    Acknowledge, Address, GrantPermission, RegisterPerson, RegisterService, RegisterTeam,
    RemovePerson, RemoveService, RemoveTeam, VERBS, WithdrawPermission,
};
use record::kinds::directory::{Dependency, DependencyKind, FailureMode, Permission, PlaceKind};

use super::*;
use crate::{POLICY, Reason};

fn known(world: &mut World, person: &str) {
    let verb = RegisterPerson {
        full_name: Some(word("Sam Sample")),
        person: word(person),
        places: vec![Address {
            address: word("sam@example.org"),
            kind: PlaceKind::Mail,
        }],
    };
    world.ask(verb).unwrap();
}

fn team(world: &mut World, name: &str) {
    let verb = RegisterTeam {
        about: None,
        team: word(name),
    };
    world.ask(verb).unwrap();
}

fn service(name: &str, owner: Option<&str>) -> RegisterService {
    RegisterService {
        about: None,
        dependencies: Vec::new(),
        owner: owner.map(word),
        service: word(name),
        tier: 1,
    }
}

fn grant(person: &str, permission: Permission, team: Option<&str>) -> GrantPermission {
    GrantPermission {
        permission,
        person: word(person),
        team: team.map(word),
    }
}

fn may(world: &World, person: &str, verb: impl Into<Verb>) -> bool {
    let actor = Actor::Person { id: word(person) };
    match world.state.permit(&actor, &verb.into()) {
        Ok(()) => true,
        Err(refusal) => {
            // What somebody may not see is not there for them.
            let reasons = [Reason::Forbidden, Reason::NotFound];
            assert!(reasons.contains(&refusal.reason), "{refusal:?}");
            false
        }
    }
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

#[test]
fn what_is_known_is_what_was_said_last() {
    let mut world = World::new();
    known(&mut world, "sam");
    team(&mut world, "payments");
    world.ask(service("checkout", Some("payments"))).unwrap();
    let dns = Dependency {
        kind: DependencyKind::Dns,
        name: word("example.org"),
        when_fails: FailureMode::Closed,
    };
    let again = RegisterService {
        dependencies: vec![dns.clone()],
        tier: 3,
        ..service("checkout", Some("payments"))
    };
    world.ask(again).unwrap();
    let directory = &world.state.directory;
    assert_eq!(directory.services[&word("checkout")].tier, 3);
    assert_eq!(directory.services[&word("checkout")].dependencies, [dns]);
    assert_eq!(directory.owner(&word("checkout")), Some(&word("payments")));
    let remove = RemoveTeam {
        team: word("payments"),
    };
    assert_eq!(reason(world.ask(remove.clone())), Reason::WrongState);
    let gone = RemoveService {
        service: word("checkout"),
    };
    world.ask(gone.clone()).unwrap();
    assert_eq!(reason(world.ask(gone)), Reason::NotFound);
    world.ask(remove).unwrap();
    assert!(world.state.directory.teams.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new();
    known(&mut world, "sam");
    let nowhere = service("checkout", Some("nobody"));
    assert_eq!(reason(world.ask(nowhere)), Reason::NotFound);
    for tier in [0, 5] {
        let bad = RegisterService {
            tier,
            ..service("checkout", None)
        };
        assert_eq!(reason(world.ask(bad)), Reason::OutOfRange);
    }
    let twice = Dependency {
        kind: DependencyKind::Clock,
        name: word("ntp"),
        when_fails: FailureMode::Open,
    };
    let bad = RegisterService {
        dependencies: vec![twice.clone(), twice],
        ..service("checkout", None)
    };
    assert_eq!(reason(world.ask(bad)), Reason::OutOfRange);
    let place = Address {
        address: word("+15550100"),
        kind: PlaceKind::Phone,
    };
    let many = RegisterPerson {
        full_name: None,
        person: word("sam"),
        places: vec![place; 9],
    };
    assert_eq!(reason(world.ask(many)), Reason::TooMany);
    let unknown = grant("kim", Permission::Admin, None);
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
    let unknown = grant("sam", Permission::Admin, Some("nobody"));
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
    let none = WithdrawPermission {
        permission: Permission::Admin,
        person: word("sam"),
        team: None,
    };
    assert_eq!(reason(world.ask(none)), Reason::WrongState);
}

/// Who may what, written down a second time: a column for each permission, in the order of
/// [`Permission::ALL`].
const MATRIX: &str = "
                            viewer reporter responder commander publisher operator admin
incident.declare            -      x        x         x         -         x        x
incident.acknowledge        -      -        x         x         -         -        x
incident.assign             -      -        x         x         -         -        x
incident.hand_over          -      -        x         x         -         -        x
incident.accept             -      -        x         x         -         -        x
incident.relieve            -      -        x         x         -         -        x
incident.waive              -      -        -         x         -         -        x
incident.stamp_time         -      -        x         x         -         -        x
incident.note               -      x        x         x         x         x        x
incident.update             -      -        -         x         x         -        x
incident.set_status         -      -        x         x         -         -        x
incident.set_severity       -      -        x         x         -         -        x
incident.resolve            -      -        x         x         -         -        x
incident.reopen             -      -        x         x         -         -        x
incident.attach             -      x        x         x         -         x        x
incident.join               x      x        x         x         x         x        x
incident.leave              x      x        x         x         x         x        x
incident.decide             -      -        x         x         -         -        x
incident.open_task          -      -        x         x         -         -        x
incident.assign_task        -      -        x         x         -         -        x
incident.close_task         -      -        x         x         -         -        x
incident.ask                -      x        x         x         x         x        x
incident.answer             -      x        x         x         x         x        x
incident.name_contact       -      -        x         x         x         -        x
incident.remove_contact     -      -        x         x         x         -        x
incident.attach_file        -      x        x         x         x         x        x
incident.relate             -      -        x         x         -         -        x
incident.start_checklist    -      -        x         x         -         -        x
incident.tick_step          -      -        x         x         -         -        x
incident.set_update_clock   -      -        x         x         x         -        x
incident.correct            -      x        x         x         x         x        x
incident.catch_up           x      x        x         x         x         x        x
incident.state_impact       -      -        x         x         x         -        x
chat.open_room              -      -        x         x         -         -        x
chat.link_room              -      -        -         -         -         -        x
chat.close_room             -      -        x         x         -         -        x
chat.unlink_room            -      -        -         -         -         -        x
incident.redact             -      -        -         -         -         -        x
review.state                -      x        x         x         x         x        x
review.withdraw             -      x        x         x         x         x        x
review.publish              -      -        -         x         x         -        x
review.schedule_meeting     -      -        x         x         x         -        x
review.cancel_meeting       -      -        x         x         x         -        x
followup.open               -      -        x         x         x         -        x
followup.change             -      -        x         x         x         -        x
followup.close              -      -        x         x         x         -        x
followup.try_ticket         -      -        x         x         x         -        x
followup.link_ticket        -      -        x         x         x         -        x
subscriber.confirm          -      -        -         -         -         -        x
subscriber.change           -      -        -         -         -         -        x
notice.send                 -      -        -         x         x         -        x
notice.report               -      -        -         -         -         -        x
notice.retry                -      -        -         x         x         -        x
subscriber.remove           -      -        -         -         -         -        x
runbook.save                -      -        -         -         -         x        x
runbook.remove              -      -        -         -         -         x        x
template.save               -      -        -         -         -         x        x
template.remove             -      -        -         -         -         x        x
alert.silence               -      -        -         -         -         x        x
silence.end                 -      -        -         -         -         x        x
maintenance.schedule        -      -        -         -         -         x        x
maintenance.end             -      -        -         -         -         x        x
heartbeat.expect            -      -        -         -         -         x        x
heartbeat.forget            -      -        -         -         -         x        x
token.issue                 -      -        -         -         -         -        x
token.revoke                -      -        -         -         -         -        x
key.enroll                  -      -        -         -         -         -        x
key.revoke                  -      -        -         -         -         -        x
login.offer                 -      -        -         -         -         -        x
session.begin               -      -        -         -         -         -        x
session.end                 -      -        -         -         -         -        x
person.register             -      -        -         -         -         -        x
team.register               -      -        -         -         -         -        x
service.register            -      -        -         -         -         x        x
permission.grant            -      -        -         -         -         -        x
permission.withdraw         -      -        -         -         -         -        x
service.remove              -      -        -         -         -         x        x
team.remove                 -      -        -         -         -         -        x
person.remove               -      -        -         -         -         -        x
person.redact               -      -        -         -         -         -        x
request.approve             -      -        -         x         -         -        x
request.reject              -      -        x         x         -         x        x
request.withdraw            -      -        x         x         -         x        x
request.override            -      -        -         x         -         -        x
component.register          -      -        -         -         -         x        x
component.remove            -      -        -         -         -         x        x
page.measure                -      -        -         -         -         x        x
client.ban                  -      -        -         -         -         x        x
client.unban                -      -        -         -         -         x        x
certificate.revoke          -      -        -         -         -         x        x
failover.override           -      -        -         -         -         x        x
switch.turn_off             -      -        x         x         -         x        x
switch.turn_on              -      -        x         x         -         x        x
posture.set                 -      -        x         x         -         x        x
certificate.report          -      -        -         -         -         -        x
cell.define                 -      -        -         -         -         x        x
cell.remove                 -      -        -         -         -         x        x
cell.set_floor              -      -        -         -         -         x        x
edge.invite                 -      -        -         -         -         -        x
edge.enroll                 -      -        -         -         -         -        x
edge.retire                 -      -        -         -         -         -        x
version.deploy              -      -        -         -         -         x        x
deployment.advance          -      -        -         -         -         x        x
deployment.pause            -      -        x         x         -         x        x
deployment.resume           -      -        -         -         -         x        x
deployment.fire             -      -        -         -         -         -        x
deployment.complete         -      -        -         -         -         -        x
version.roll_back           -      -        x         x         -         x        x
lease.lift                  -      -        -         -         -         x        x
fleet.freeze                -      -        x         x         -         x        x
fleet.unfreeze              -      -        -         -         -         x        x
break_glass.set_key         -      -        -         -         -         -        x
break_glass.report          -      -        -         -         -         -        x
break_glass.end             -      -        -         -         -         x        x
record.rotate_key           -      -        -         -         -         -        x
record.set_root_key         -      -        -         -         -         -        x
";

/// One command of each kind, as a client would send it.
const COMMANDS: &[(&str, &str)] = &[
    ("incident.declare", r#"{"severity":2,"title":"x"}"#),
    ("incident.acknowledge", r#"{"incident":"INC-1"}"#),
    (
        "incident.assign",
        r#"{"incident":"INC-1","person":"kim","role":"planning"}"#,
    ),
    (
        "incident.hand_over",
        r#"{"incident":"INC-1","role":"planning","to":"kim"}"#,
    ),
    (
        "incident.accept",
        r#"{"incident":"INC-1","role":"planning"}"#,
    ),
    (
        "incident.relieve",
        r#"{"incident":"INC-1","person":"kim","role":"planning"}"#,
    ),
    ("incident.waive", r#"{"incident":"INC-1","person":"kim"}"#),
    (
        "incident.stamp_time",
        r#"{"at":"2017-12-21T07:30:00.000Z","incident":"INC-1","stamp":"detected"}"#,
    ),
    ("incident.note", r#"{"incident":"INC-1","text":"x"}"#),
    (
        "incident.update",
        r#"{"audience":"public","incident":"INC-1","text":"x"}"#,
    ),
    (
        "incident.set_status",
        r#"{"incident":"INC-1","status":"identified"}"#,
    ),
    (
        "incident.set_severity",
        r#"{"incident":"INC-1","severity":1}"#,
    ),
    ("incident.resolve", r#"{"incident":"INC-1"}"#),
    ("incident.reopen", r#"{"incident":"INC-1"}"#),
    (
        "incident.attach",
        r#"{"alert":"00112233445566778899aabbccddeeff","incident":"INC-1"}"#,
    ),
    ("incident.join", r#"{"incident":"INC-1"}"#),
    ("incident.leave", r#"{"incident":"INC-1"}"#),
    ("incident.decide", r#"{"decision":"x","incident":"INC-1"}"#),
    ("incident.open_task", r#"{"incident":"INC-1","text":"x"}"#),
    (
        "incident.assign_task",
        r#"{"incident":"INC-1","owner":"kim","task":1}"#,
    ),
    (
        "incident.close_task",
        r#"{"incident":"INC-1","outcome":"done","task":1}"#,
    ),
    ("incident.ask", r#"{"incident":"INC-1","text":"x"}"#),
    (
        "incident.answer",
        r#"{"incident":"INC-1","question":1,"text":"x"}"#,
    ),
    (
        "incident.name_contact",
        r#"{"about":"x","incident":"INC-1","who":"y"}"#,
    ),
    (
        "incident.remove_contact",
        r#"{"contact":1,"incident":"INC-1"}"#,
    ),
    (
        "incident.attach_file",
        r#"{"file":{"bytes":1,"sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"incident":"INC-1","source":"x"}"#,
    ),
    (
        "incident.relate",
        r#"{"incident":"INC-1","relation":"related_to","to":"INC-2"}"#,
    ),
    (
        "incident.start_checklist",
        r#"{"incident":"INC-1","runbook":"x"}"#,
    ),
    (
        "incident.tick_step",
        r#"{"checklist":1,"incident":"INC-1","outcome":"done","step":1}"#,
    ),
    (
        "incident.set_update_clock",
        r#"{"audience":"public","every_ms":1800000,"incident":"INC-1"}"#,
    ),
    (
        "incident.correct",
        r#"{"act":"00000000000000000000000000000024","incident":"INC-1","text":"x"}"#,
    ),
    ("incident.catch_up", r#"{"acts":1,"incident":"INC-1"}"#),
    (
        "incident.state_impact",
        r#"{"customers":1,"incident":"INC-1"}"#,
    ),
    (
        "chat.open_room",
        r#"{"channel":"matrix","incident":"INC-1"}"#,
    ),
    (
        "chat.link_room",
        r#"{"channel":"matrix","incident":"INC-1","room":"!x:example.org"}"#,
    ),
    (
        "chat.close_room",
        r#"{"channel":"matrix","incident":"INC-1"}"#,
    ),
    (
        "chat.unlink_room",
        r#"{"channel":"matrix","incident":"INC-1","transcript":"none"}"#,
    ),
    ("incident.redact", r#"{"incident":"INC-1"}"#),
    (
        "review.state",
        r#"{"incident":"INC-1","section":"problem","text":"x"}"#,
    ),
    (
        "review.withdraw",
        r#"{"finding":"00000000000000000000000000000024","incident":"INC-1"}"#,
    ),
    (
        "review.publish",
        r#"{"audience":"customers","document":{"bytes":1,"sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"incident":"INC-1"}"#,
    ),
    (
        "review.schedule_meeting",
        r#"{"incident":"INC-1","minutes":60,"starts_at":"2030-01-01T00:00:00.000Z"}"#,
    ),
    ("review.cancel_meeting", r#"{"incident":"INC-1"}"#),
    (
        "followup.open",
        r#"{"due_at":"2030-01-01T00:00:00.000Z","incident":"INC-1","owner":"kim","text":"x"}"#,
    ),
    (
        "followup.change",
        r#"{"followup":1,"incident":"INC-1","owner":"kim"}"#,
    ),
    (
        "followup.close",
        r#"{"followup":1,"incident":"INC-1","outcome":"done"}"#,
    ),
    (
        "followup.try_ticket",
        r#"{"followup":1,"incident":"INC-1","tracker":"jira"}"#,
    ),
    (
        "followup.link_ticket",
        r#"{"followup":1,"incident":"INC-1","ticket":"OPS-1","tracker":"jira","url":"https://x"}"#,
    ),
    (
        "subscriber.confirm",
        r#"{"address":"sam@example.org","channel":"mail","language":"en"}"#,
    ),
    (
        "subscriber.change",
        r#"{"language":"de","subscriber":"sub-1"}"#,
    ),
    (
        "notice.send",
        r#"{"incident":"INC-1","update":"00112233445566778899aabbccddeeff"}"#,
    ),
    (
        "notice.report",
        r#"{"done":1,"failed":0,"incident":"INC-1","notice":"ntc-1","outcomes":{"bytes":0,"sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"round":1,"unknown":0}"#,
    ),
    ("notice.retry", r#"{"incident":"INC-1","notice":"ntc-1"}"#),
    ("subscriber.remove", r#"{"subscriber":"sub-1"}"#),
    (
        "runbook.save",
        r#"{"runbook":"x","steps":["y"],"title":"z"}"#,
    ),
    ("runbook.remove", r#"{"runbook":"x"}"#),
    ("template.save", r#"{"template":"x"}"#),
    ("template.remove", r#"{"template":"x"}"#),
    (
        "alert.silence",
        r#"{"ends_at":"2030-01-01T00:00:00.000Z","matchers":{"a":"b"}}"#,
    ),
    ("silence.end", r#"{"silence":"sil-1"}"#),
    (
        "maintenance.schedule",
        r#"{"ends_at":"2030-01-01T01:00:00.000Z","service":"x","starts_at":"2030-01-01T00:00:00.000Z","title":"x"}"#,
    ),
    ("maintenance.end", r#"{"maintenance":"mw-1"}"#),
    (
        "heartbeat.expect",
        r#"{"grace_ms":1,"heartbeat":"x","interval_ms":60000}"#,
    ),
    ("heartbeat.forget", r#"{"heartbeat":"x"}"#),
    (
        "token.issue",
        r#"{"actor":{"type":"person","id":"kim"},"expires_at":"2030-01-01T00:00:00.000Z","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","scopes":["read"],"token":"tok-e3b0c44298fc1c14"}"#,
    ),
    ("token.revoke", r#"{"token":"tok-e3b0c44298fc1c14"}"#),
    ("key.enroll", r#"{"key":"k","person":"kim","vkey":"x"}"#),
    ("key.revoke", r#"{"key":"k"}"#),
    (
        "login.offer",
        r#"{"expires_at":"2030-01-01T00:00:00.000Z","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","login":"log-e3b0c44298fc1c14","person":"kim"}"#,
    ),
    (
        "session.begin",
        r#"{"expires_at":"2030-01-01T00:00:00.000Z","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","idle_ms":60000,"login":"log-e3b0c44298fc1c14","person":"kim","session":"ses-e3b0c44298fc1c14"}"#,
    ),
    ("session.end", r#"{"session":"ses-e3b0c44298fc1c14"}"#),
    ("person.register", r#"{"person":"kim"}"#),
    ("team.register", r#"{"team":"x"}"#),
    ("service.register", r#"{"service":"x","tier":1}"#),
    (
        "permission.grant",
        r#"{"permission":"admin","person":"kim"}"#,
    ),
    (
        "permission.withdraw",
        r#"{"permission":"admin","person":"kim"}"#,
    ),
    ("service.remove", r#"{"service":"x"}"#),
    ("team.remove", r#"{"team":"x"}"#),
    ("person.remove", r#"{"person":"kim"}"#),
    ("person.redact", r#"{"person":"kim"}"#),
    ("request.approve", r#"{"request":"req-1"}"#),
    ("request.reject", r#"{"request":"req-1"}"#),
    ("request.withdraw", r#"{"request":"req-1"}"#),
    ("request.override", r#"{"request":"req-1"}"#),
    (
        "component.register",
        r#"{"component":"x","titles":{"en":"X"}}"#,
    ),
    ("component.remove", r#"{"component":"x"}"#),
    (
        "page.measure",
        r#"{"minutes":1,"starts_at":"2030-01-01T00:00:00.000Z"}"#,
    ),
    ("client.ban", r#"{"prefix":"192.0.2.0/24"}"#),
    ("client.unban", r#"{"prefix":"192.0.2.0/24"}"#),
    (
        "certificate.revoke",
        r#"{"issuer":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","serial":"01"}"#,
    ),
    (
        "failover.override",
        r#"{"ends_at":"2030-01-01T00:00:00.000Z","route":"site","tier":1}"#,
    ),
    ("switch.turn_off", r#"{"switch":"feature/x"}"#),
    ("switch.turn_on", r#"{"switch":"feature/x"}"#),
    (
        "posture.set",
        r#"{"posture":"degraded","service":"checkout"}"#,
    ),
    (
        "certificate.report",
        r#"{"cell":"west","fingerprint":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","first_at":"2017-01-01T00:00:00.000Z","issuer":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","last_at":"2017-01-01T00:00:00.000Z","let_through":1,"let_through_after":0,"prefixes":[],"refused":0,"refused_after":0,"serial":"01","tenant":"shop"}"#,
    ),
    ("cell.define", r#"{"cell":"eu-1","ring":"serving"}"#),
    ("cell.remove", r#"{"cell":"eu-1"}"#),
    ("cell.set_floor", r#"{"cell":"eu-1","protocol":2}"#),
    (
        "edge.invite",
        r#"{"cell":"eu-1","edge":"e-1","expires_at":"2030-01-01T00:00:00.000Z","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}"#,
    ),
    (
        "edge.enroll",
        r#"{"edge":"e-1","hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","vkey":"x"}"#,
    ),
    ("edge.retire", r#"{"edge":"e-1"}"#),
    (
        "version.deploy",
        r#"{"bytes":1,"changes":["routes"],"digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}"#,
    ),
    ("deployment.advance", r#"{"deployment":"dep-1","stage":1}"#),
    ("deployment.pause", r#"{"deployment":"dep-1"}"#),
    ("deployment.resume", r#"{"deployment":"dep-1"}"#),
    (
        "deployment.fire",
        r#"{"bad":1,"deployment":"dep-1","requests":1,"trigger":"errors","unchanged_bad":0,"unchanged_requests":1,"what":"x"}"#,
    ),
    ("deployment.complete", r#"{"deployment":"dep-1"}"#),
    ("version.roll_back", "{}"),
    (
        "lease.lift",
        r#"{"digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}"#,
    ),
    ("fleet.freeze", "{}"),
    ("fleet.unfreeze", "{}"),
    ("break_glass.set_key", "{}"),
    (
        "break_glass.report",
        r#"{"edge":"e-1","note":"x","used_at":"2017-01-01T00:00:00.000Z"}"#,
    ),
    ("break_glass.end", r#"{"cell":"eu-1"}"#),
    ("record.rotate_key", "{}"),
    ("record.set_root_key", r#"{"vkey":"root"}"#),
];

#[test]
fn every_permission_allows_exactly_what_the_matrix_says() {
    let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, VERBS, "a command is missing here");
    let policy: Vec<&str> = POLICY.iter().map(|(name, _)| *name).collect();
    assert_eq!(policy, VERBS, "a command is missing in the policy");
    let rows: Vec<Vec<&str>> = MATRIX
        .lines()
        .filter(|line| line.contains('.'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), VERBS.len());
    for (at, permission) in Permission::ALL.into_iter().enumerate() {
        let mut world = World::new();
        known(&mut world, "sam");
        known(&mut world, "kim");
        world.ask(grant("sam", permission, None)).unwrap();
        world.ask(declare("x")).unwrap();
        for ((name, args), row) in COMMANDS.iter().zip(&rows) {
            assert_eq!(row[0], *name);
            let verb = Verb::decode(name, args).unwrap();
            let expected = row[at + 1] == "x";
            let word = permission.as_str();
            assert_eq!(may(&world, "sam", verb.clone()), expected, "{word} {name}");
            assert!(!may(&world, "kim", verb.clone()), "nobody {name}");
            assert!(!may(&world, "stranger", verb), "a stranger {name}");
        }
    }
}

#[test]
fn until_somebody_has_a_permission_everyone_may() {
    let mut world = World::new();
    known(&mut world, "sam");
    assert!(may(&world, "stranger", declare("x")));
    world.ask(grant("sam", Permission::Viewer, None)).unwrap();
    assert!(!may(&world, "stranger", declare("x")));
    assert!(!may(&world, "sam", declare("x")));
    let verb = Verb::from(declare("x"));
    for always in [
        Actor::Service {
            id: word("alertmanager"),
        },
        Actor::Uid {
            id: 1_000,
            on_behalf_of: Some(word("stranger")),
        },
    ] {
        assert_eq!(world.state.permit(&always, &verb), Ok(()));
    }
}

#[test]
fn a_team_runs_its_own_incidents_and_those_that_are_nobodys() {
    let mut world = World::new();
    for name in ["payments", "search"] {
        team(&mut world, name);
    }
    known(&mut world, "sam");
    world.ask(service("checkout", Some("payments"))).unwrap();
    world.ask(service("index", Some("search"))).unwrap();
    world
        .ask(grant("sam", Permission::Responder, Some("payments")))
        .unwrap();
    for of in [Some("checkout"), Some("index"), None, Some("unheard-of")] {
        let declared = Declare {
            service: of.map(word),
            ..declare("x")
        };
        world.ask(declared).unwrap();
    }
    let acknowledge = |number| Acknowledge {
        incident: inc(number),
    };
    let allowed: Vec<bool> = (1..=4)
        .map(|number| may(&world, "sam", acknowledge(number)))
        .collect();
    assert_eq!(allowed, [true, false, true, true]);
    let refusal = world
        .state
        .permit(&Actor::Person { id: word("sam") }, &acknowledge(2).into())
        .unwrap_err();
    assert!(refusal.detail.contains("for search"), "{}", refusal.detail);
    // What is everybody's takes a permission for everything.
    world
        .ask(grant("sam", Permission::Operator, Some("payments")))
        .unwrap();
    let (name, args) = COMMANDS
        .iter()
        .find(|(name, _)| *name == "alert.silence")
        .unwrap();
    let silence = Verb::decode(name, args).unwrap();
    assert!(!may(&world, "sam", silence));
    // A team changes what it looks after, takes nothing from others, and gives nothing away.
    assert!(may(&world, "sam", service("checkout", Some("payments"))));
    assert!(!may(&world, "sam", service("checkout", Some("search"))));
    assert!(!may(&world, "sam", service("index", Some("payments"))));
    assert!(!may(&world, "sam", service("new", Some("payments"))));
}

#[test]
fn who_is_gone_may_nothing() {
    let mut world = World::new();
    team(&mut world, "payments");
    for name in ["sam", "kim"] {
        known(&mut world, name);
    }
    world.ask(grant("sam", Permission::Admin, None)).unwrap();
    world
        .ask(grant("kim", Permission::Responder, Some("payments")))
        .unwrap();
    // What is known of somebody changes; what they may does not.
    known(&mut world, "kim");
    assert!(may(&world, "kim", declare("x")));
    world
        .ask(RemoveTeam {
            team: word("payments"),
        })
        .unwrap();
    assert!(!may(&world, "kim", declare("x")));
    let gone = RemovePerson {
        person: word("sam"),
    };
    assert_eq!(
        reason(world.ask(gone.clone())),
        Reason::WrongState,
        "the last admin"
    );
    world.ask(grant("kim", Permission::Admin, None)).unwrap();
    world.ask(gone).unwrap();
    known(&mut world, "sam");
    assert!(!may(&world, "sam", declare("x")));
    let last = WithdrawPermission {
        permission: Permission::Admin,
        person: word("kim"),
        team: None,
    };
    assert_eq!(reason(world.ask(last)), Reason::WrongState);
}

#[test]
fn once_permissions_count_they_count_whatever_is_withdrawn() {
    let mut world = World::new();
    known(&mut world, "sam");
    known(&mut world, "kim");
    world
        .ask(grant("sam", Permission::Responder, None))
        .unwrap();
    world
        .ask(WithdrawPermission {
            permission: Permission::Responder,
            person: word("sam"),
            team: None,
        })
        .unwrap();
    assert!(!may(&world, "kim", declare("x")));
    assert!(!may(&world, "sam", grant("sam", Permission::Admin, None)));
}

#[test]
fn what_somebody_may_not_see_they_can_not_act_on_nor_take_from() {
    let mut world = World::declaring();
    for name in ["payments", "search"] {
        team(&mut world, name);
    }
    known(&mut world, "sam");
    world.ask(service("index", Some("search"))).unwrap();
    let alert = firing(&world, "disk", &[("service", "index")]);
    world.hear(&alert);
    world
        .ask(grant("sam", Permission::Responder, Some("payments")))
        .unwrap();
    let alert = *world.state.alerts.keys().next().unwrap();
    let actor = Actor::Person { id: word("sam") };
    let join = Verb::decode("incident.join", r#"{"incident":"INC-1"}"#).unwrap();
    let take = Declare {
        alerts: vec![alert],
        ..declare("mine")
    };
    for verb in [join, take.into()] {
        let refusal = world.state.permit(&actor, &verb).unwrap_err();
        assert_eq!(refusal.reason, Reason::NotFound);
        assert!(refusal.detail.contains("INC-1"), "{refusal}");
    }
}
