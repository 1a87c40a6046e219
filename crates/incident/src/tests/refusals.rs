//! Every way a command is refused, once, and that nothing changes by it.

use base::{AlertId, Name};
use record::command::{
    Acknowledge, Assign, Attach, EndMaintenance, EndSilence, ExpectHeartbeat, ForgetHeartbeat,
    Note, Reopen, Resolve, ScheduleMaintenance, SetSeverity, SetStatus, Silence, Update,
};
use record::hash::EMPTY_ROOT;
use record::kinds::incident::{Audience, BlobRef, Role, Status};

use super::*;
use crate::Reason;

#[track_caller]
fn refused(world: &mut World, verb: impl Into<Verb>, reason: Reason, says: &str) {
    let before = world.state.clone();
    let refusal = world.ask(verb).unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.detail.contains(says)),
        (reason, true),
        "{refusal}"
    );
    assert_eq!(world.state, before);
}

fn silence(world: &World, matchers: &[(&str, &str)], length_ms: i64) -> Silence {
    Silence {
        ends_at: world.now.plus_ms(length_ms),
        matchers: labels(matchers),
    }
}

fn window(world: &World, starts_ms: i64, ends_ms: i64) -> ScheduleMaintenance {
    ScheduleMaintenance {
        page: None,
        ends_at: world.now.plus_ms(ends_ms),
        service: word("checkout"),
        starts_at: world.now.plus_ms(starts_ms),
        title: word("A new disk"),
    }
}

fn heartbeat(interval_ms: u64, grace_ms: u64) -> ExpectHeartbeat {
    ExpectHeartbeat {
        grace_ms,
        heartbeat: word("backup"),
        interval_ms,
        service: None,
        severity: None,
    }
}

#[test]
fn what_does_not_exist() {
    let mut world = World::new();
    let world = &mut world;
    let none = inc(7);
    let says = "there is no INC-7";
    refused(
        world,
        Acknowledge { incident: none },
        Reason::NotFound,
        says,
    );
    let assign = Assign {
        incident: none,
        person: word("kim"),
        role: Role::Planning,
    };
    refused(world, assign, Reason::NotFound, says);
    let note = Note {
        blobs: Vec::new(),
        incident: none,
        text: word("x"),
    };
    refused(world, note, Reason::NotFound, says);
    let text = word("x");
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident: none,
        status: None,
        text,
    };
    refused(world, update, Reason::NotFound, says);
    let status = SetStatus {
        incident: none,
        status: Status::Monitoring,
    };
    refused(world, status, Reason::NotFound, says);
    refused(
        world,
        SetSeverity {
            incident: none,
            severity: sev(1),
        },
        Reason::NotFound,
        says,
    );
    refused(
        world,
        Resolve {
            incident: none,
            summary: None,
        },
        Reason::NotFound,
        says,
    );
    refused(world, Reopen { incident: none }, Reason::NotFound, says);
    let alert = AlertId::from_bytes([1; 16]);
    let attach = Attach {
        alert,
        incident: none,
    };
    refused(world, attach, Reason::NotFound, says);
}

#[test]
fn what_has_ended_or_never_was() {
    let mut world = World::new();
    let world = &mut world;
    world.ask(declare("x")).unwrap();
    let incident = inc(1);
    let alert = AlertId::from_bytes([1; 16]);
    let says = "there is no alert";
    refused(world, Attach { alert, incident }, Reason::NotFound, says);
    let declared = Declare {
        alerts: vec![alert],
        ..declare("x")
    };
    refused(world, declared, Reason::NotFound, "there is no alert");
    let name: Name = word("sil-1");
    refused(
        world,
        EndSilence {
            silence: name.clone(),
        },
        Reason::NotFound,
        "no silence sil-1",
    );
    let says = "no maintenance window sil-1";
    refused(
        world,
        EndMaintenance {
            maintenance: name.clone(),
        },
        Reason::NotFound,
        says,
    );
    refused(
        world,
        ForgetHeartbeat { heartbeat: name },
        Reason::NotFound,
        "no heartbeat sil-1",
    );
}

#[test]
fn what_is_so_already() {
    let mut world = World::new();
    let world = &mut world;
    world.ask(declare("Checkout is down")).unwrap();
    let incident = inc(1);
    world.ask(Acknowledge { incident }).unwrap();
    refused(
        world,
        Acknowledge { incident },
        Reason::WrongState,
        "acknowledged by sam",
    );
    let assign = Assign {
        incident,
        person: word("kim"),
        role: Role::Commander,
    };
    world.ask(assign.clone()).unwrap();
    refused(world, assign, Reason::WrongState, "kim has that role");
    let same = SetStatus {
        incident,
        status: Status::Investigating,
    };
    refused(world, same, Reason::WrongState, "has that status already");
    let resolved = SetStatus {
        incident,
        status: Status::Resolved,
    };
    refused(world, resolved, Reason::WrongState, "hereby resolve INC-1");
    refused(
        world,
        SetSeverity {
            incident,
            severity: sev(2),
        },
        Reason::WrongState,
        "is SEV2",
    );
    refused(
        world,
        Reopen { incident },
        Reason::WrongState,
        "INC-1 is open",
    );
}

#[test]
fn what_a_resolved_incident_takes_no_more() {
    let mut world = World::new();
    let world = &mut world;
    world.ask(declare("Checkout is down")).unwrap();
    let incident = inc(1);
    let signal = firing(world, "disk", &[]);
    world.hear(&signal);
    let alert = world.alert("disk").id;
    world
        .ask(Resolve {
            incident,
            summary: None,
        })
        .unwrap();
    let says = "hereby reopen INC-1";
    refused(
        world,
        Resolve {
            incident,
            summary: None,
        },
        Reason::WrongState,
        says,
    );
    refused(world, Acknowledge { incident }, Reason::WrongState, says);
    let assign = Assign {
        incident,
        person: word("kim"),
        role: Role::Planning,
    };
    refused(world, assign, Reason::WrongState, says);
    refused(
        world,
        SetStatus {
            incident,
            status: Status::Monitoring,
        },
        Reason::WrongState,
        says,
    );
    refused(
        world,
        SetSeverity {
            incident,
            severity: sev(1),
        },
        Reason::WrongState,
        says,
    );
    refused(world, Attach { alert, incident }, Reason::WrongState, says);
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident,
        status: Some(Status::Monitoring),
        text: word("It is back"),
    };
    refused(world, update.clone(), Reason::WrongState, says);
    // To say something afterwards is fine as long as it moves nothing.
    world
        .ask(Update {
            page: None,
            status: None,
            ..update
        })
        .unwrap();
}

#[test]
fn alerts_go_only_where_they_can() {
    let mut world = World::new();
    let world = &mut world;
    world.ask(declare("Checkout is down")).unwrap();
    world
        .ask(Declare {
            drill: true,
            ..declare("A rehearsal")
        })
        .unwrap();
    let signal = firing(world, "disk", &[]);
    world.hear(&signal);
    let alert = world.alert("disk").id;
    let (real, drill) = (inc(1), inc(2));
    let says = "drills and real alerts are kept apart";
    refused(
        world,
        Attach {
            alert,
            incident: drill,
        },
        Reason::WrongState,
        says,
    );
    let rehearsed = Declare {
        alerts: vec![alert],
        drill: true,
        ..declare("x")
    };
    refused(world, rehearsed, Reason::WrongState, says);
    world
        .ask(Attach {
            alert,
            incident: real,
        })
        .unwrap();
    refused(
        world,
        Attach {
            alert,
            incident: real,
        },
        Reason::WrongState,
        "belongs to INC-1",
    );
}

#[test]
fn what_lies_out_of_range() {
    let mut world = World::new();
    let world = &mut world;
    let soon = Some(world.now.plus_ms(5 * MINUTE + 1));
    let declared = Declare {
        impact_start: soon,
        ..declare("x")
    };
    refused(world, declared, Reason::OutOfRange, "lies in the future");

    let one = [("service", "checkout")];
    for length in [0, -1, 30 * DAY + 1] {
        let asked = silence(world, &one, length);
        refused(world, asked, Reason::OutOfRange, "within 30 days");
    }
    let asked = silence(world, &[], HOUR);
    refused(world, asked, Reason::OutOfRange, "name at least one");
    let (name, value) = ("n".repeat(129), "v".repeat(513));
    for bad in [
        ("", "x"),
        ("x", ""),
        (&name, "x"),
        ("x", &value),
        ("x", "a\nb"),
    ] {
        let asked = silence(world, &[bad], HOUR);
        refused(world, asked, Reason::OutOfRange, "on one line");
    }

    for (starts, ends) in [
        (0, 0),
        (HOUR, HOUR - 1),
        (-2 * HOUR, -HOUR),
        (0, 90 * DAY + 1),
    ] {
        let asked = window(world, starts, ends);
        refused(world, asked, Reason::OutOfRange, "within 90 days");
    }

    let week = 7 * DAY as u64;
    for (interval, grace) in [(999, 0), (week + 1, 0), (1_000, week + 1)] {
        refused(
            world,
            heartbeat(interval, grace),
            Reason::OutOfRange,
            "interval_ms lies between",
        );
    }
    // At the very edge all of it is taken.
    world
        .ask(Declare {
            impact_start: Some(world.now.plus_ms(5 * MINUTE)),
            ..declare("x")
        })
        .unwrap();
    world.ask(silence(world, &one, 30 * DAY)).unwrap();
    world
        .ask(silence(world, &[(&name[1..], &value[1..])], 1))
        .unwrap();
    world.ask(window(world, 90 * DAY - 1, 90 * DAY)).unwrap();
    world.ask(heartbeat(1_000, week)).unwrap();
    world.ask(heartbeat(week, 0)).unwrap();
}

#[test]
fn too_many_blobs_or_labels() {
    let mut world = World::new();
    let world = &mut world;
    world.ask(declare("x")).unwrap();
    let blob = BlobRef {
        bytes: 1,
        name: None,
        sha256: EMPTY_ROOT,
    };
    let note = |count| Note {
        blobs: vec![blob.clone(); count],
        incident: inc(1),
        text: word("x"),
    };
    refused(world, note(17), Reason::TooMany, "17 files; at most 16");
    world.ask(note(16)).unwrap();
    let names: Vec<String> = (0..17).map(|number| format!("label{number}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let asked = silence(world, &pairs, HOUR);
    refused(world, asked, Reason::TooMany, "17 labels; at most 16");
    world.ask(silence(world, &pairs[1..], HOUR)).unwrap();
}

#[test]
fn reasons_are_words_of_their_own() {
    let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|it| it.word()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    let passing: Vec<_> = Reason::ALL
        .iter()
        .filter(|it| it.is_passing())
        .map(|it| it.word())
        .collect();
    assert_eq!(passing, ["no_space", "overloaded", "stopping"]);
}
