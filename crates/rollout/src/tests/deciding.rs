//! One rule after the other.

use record::command::{
    AdvanceDeployment, CompleteDeployment, DefineCell, FireTrigger, FreezeFleet, LiftLease,
    PauseDeployment, RemoveCell, ResumeDeployment, RetireEdge, RollBack, UnfreezeFleet,
};
use record::kinds::rollout::Ring;

use super::{QUICK, Who, World, deploying, deploying_own, going_back, name, own_version, version};
use crate::state::End;

fn advance(deployment: &str, stage: u32, requests: u64) -> AdvanceDeployment {
    AdvanceDeployment {
        deployment: name(deployment),
        requests: Some(requests),
        stage,
    }
}

fn fire(deployment: &str) -> FireTrigger {
    FireTrigger {
        bad: 21,
        deployment: name(deployment),
        requests: 21,
        trigger: name("errors"),
        unchanged_bad: 0,
        unchanged_requests: 100,
        what: "errors: 21 of 21".parse().unwrap(),
    }
}

/// Brings a version out to all, as the controller would.
fn complete(world: &mut World, deployment: &str, number: u8) {
    world.must(Who::Person, deploying(number));
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance(deployment, stage, 10));
    }
    world.pass(60_000);
    let deployment = name(deployment);
    world.must(Who::Own, CompleteDeployment { deployment });
}

#[test]
fn a_version_goes_stage_by_stage_and_is_current_when_it_was_watched() {
    let mut world = World::new();
    assert_eq!(world.ask(Who::Person, deploying(1)), Ok(2));
    assert_eq!(world.told("c-1"), Some(version(1)));
    assert_eq!(world.told("e-1"), None);
    let early = world.no(Who::Own, advance("dep-1", 1, 10));
    assert!(early.contains("has not held yet"), "{early}");
    world.pass(60_000);
    assert!(world.ask(Who::Own, advance("dep-1", 1, 9)).is_err());
    world.must(Who::Own, advance("dep-1", 1, 10));
    // The same once more is no step further.
    assert!(
        world
            .no(Who::Own, advance("dep-1", 1, 10))
            .contains("is at stage 2 of 3")
    );
    assert!(world.ask(Who::Own, advance("dep-1", 3, 10)).is_err());
    world.pass(60_000);
    world.must(Who::Own, advance("dep-1", 2, 10));
    for edge in ["c-1", "e-1", "e-2", "f-1", "f-2"] {
        assert_eq!(world.told(edge), Some(version(1)), "{edge}");
    }
    let deployment = name("dep-1");
    let complete = CompleteDeployment { deployment };
    assert!(
        world
            .no(Who::Signed, complete.clone())
            .contains("hereby ends deployments itself")
    );
    world.must(Who::Own, complete.clone());
    assert_eq!(world.state.fleet.current, Some(version(1)));
    assert!(world.ask(Who::Own, complete).is_err());
    assert!(
        world
            .no(Who::Person, deploying(1))
            .contains("run this version already")
    );
    // What replaces another one is watched.
    world.must(Who::Person, deploying(2));
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance("dep-2", stage, 10));
    }
    let deployment = name("dep-2");
    let complete = CompleteDeployment { deployment };
    let early = world.no(Who::Own, complete.clone());
    assert!(early.contains("still to be watched"), "{early}");
    world.pass(60_000);
    world.must(Who::Own, complete);
}

#[test]
fn who_goes_on_early_says_why_and_signs() {
    let mut world = World::new();
    world.must(Who::Person, deploying(1));
    assert!(
        world
            .no(Who::Hasty, advance("dep-1", 1, 0))
            .contains("has a reason")
    );
    assert!(
        world
            .no(Who::Person, advance("dep-1", 1, 0))
            .contains("is signed")
    );
    world.must(Who::Signed, advance("dep-1", 1, 0));
    let early = world.acts.last().map(|(act, _)| act.body.clone());
    assert!(format!("{early:?}").contains("early: true"), "{early:?}");
}

#[test]
fn a_trigger_sends_it_back_and_nothing_brings_it_out_again() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    world.must(Who::Person, deploying(2));
    assert_eq!(world.told("c-1"), Some(version(2)));
    assert!(
        world
            .no(Who::Signed, fire("dep-2"))
            .contains("hereby fires triggers itself")
    );
    assert!(
        world
            .ask(
                Who::Own,
                FireTrigger {
                    trigger: name("other"),
                    ..fire("dep-2")
                }
            )
            .is_err()
    );
    assert_eq!(world.ask(Who::Own, fire("dep-2")), Ok(2));
    for edge in ["c-1", "e-1", "f-2"] {
        assert_eq!(world.told(edge), Some(version(1)), "{edge}");
    }
    // A late message of the controller changes nothing.
    world.pass(120_000);
    assert!(
        world
            .no(Who::Own, advance("dep-2", 1, 100))
            .contains("ended at")
    );
    assert!(world.no(Who::Own, fire("dep-2")).contains("ended at"));
    let refused = world.no(Who::Signed, deploying(2));
    assert!(refused.contains("went back from this version"), "{refused}");
    // Whoever asks a moment later means the same, not one more step back.
    let refused = world.no(Who::Signed, going_back());
    assert!(refused.contains("that is what runs"), "{refused}");
    let digest = version(2);
    assert!(world.ask(Who::Hasty, LiftLease { digest }).is_err());
    world.must(Who::Person, LiftLease { digest });
    world.must(Who::Person, deploying(2));
}

#[test]
fn a_lease_ends_by_itself() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    world.must(Who::Person, deploying(2));
    world.must(
        Who::Person,
        RollBack {
            lease_ms: Some(1_000),
            ..going_back()
        },
    );
    assert!(world.ask(Who::Person, deploying(2)).is_err());
    world.pass(1_000);
    world.must(Who::Person, deploying(2));
    let month_ms = 30 * 86_400_000;
    for lease_ms in [0, month_ms + 1] {
        let refused = world.no(
            Who::Person,
            RollBack {
                lease_ms: Some(lease_ms),
                ..going_back()
            },
        );
        assert!(refused.contains("1 ms to 30 days"), "{refused}");
    }
}

#[test]
fn going_back_is_always_possible_and_goes_where_all_were() {
    let mut world = World::new();
    assert!(
        world
            .no(Who::Hasty, going_back())
            .contains("nothing to go back from")
    );
    complete(&mut world, "dep-1", 1);
    assert!(
        world
            .no(Who::Hasty, going_back())
            .contains("no other version")
    );
    complete(&mut world, "dep-2", 2);
    complete(&mut world, "dep-3", 3);
    world.must(Who::Person, FreezeFleet {});
    world.must(Who::Hasty, going_back());
    assert_eq!(world.state.fleet.current, Some(version(2)));
    assert_eq!(world.told("f-2"), Some(version(2)));
    // Further back by name; never to what was gone back from, nor to what never ran everywhere.
    let to = |number| RollBack {
        digest: Some(version(number)),
        ..going_back()
    };
    assert!(
        world
            .no(Who::Hasty, to(3))
            .contains("went back from this version")
    );
    assert!(world.no(Who::Hasty, to(9)).contains("never fully deployed"));
    assert!(world.no(Who::Hasty, to(2)).contains("already"));
    world.must(Who::Hasty, to(1));
    assert_eq!(world.told("c-1"), Some(version(1)));
}

#[test]
fn the_first_version_of_all_can_only_be_stopped() {
    let mut world = World::new();
    world.must(Who::Person, deploying(1));
    assert_eq!(world.ask(Who::Own, fire("dep-1")), Ok(2));
    let ended = world.state.deployments[&1].ended.map(|(_, end)| end);
    assert_eq!(ended, Some(End::Aborted));
    assert_eq!(world.told("c-1"), Some(version(1)));
    assert_eq!(world.told("e-1"), None);
    world.must(Who::Person, deploying(2));
    assert_eq!(world.ask(Who::Hasty, going_back()), Ok(1));
    assert_eq!(world.state.in_progress().count(), 0);
}

#[test]
fn what_is_frozen_or_held_goes_no_further_and_can_go_going_back() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    world.must(Who::Person, deploying(2));
    let deployment = name("dep-2");
    let pause = PauseDeployment {
        deployment: deployment.clone(),
    };
    world.must(Who::Hasty, pause.clone());
    assert!(world.no(Who::Hasty, pause).contains("holds it"));
    world.pass(60_000);
    assert!(
        world
            .no(Who::Own, advance("dep-2", 1, 10))
            .contains("holds it")
    );
    assert!(
        world
            .no(Who::Signed, advance("dep-2", 1, 10))
            .contains("holds it")
    );
    let resume = ResumeDeployment { deployment };
    world.must(Who::Hasty, resume.clone());
    assert!(world.ask(Who::Hasty, resume).is_err());
    assert!(
        world
            .no(Who::Hasty, FreezeFleet {})
            .contains("has a reason")
    );
    world.must(Who::Person, FreezeFleet {});
    assert!(
        world
            .no(Who::Own, advance("dep-2", 1, 10))
            .contains("froze it")
    );
    world.must(Who::Own, fire("dep-2"));
    assert!(world.no(Who::Person, deploying(3)).contains("froze it"));
    world.must(Who::Person, UnfreezeFleet {});
    assert!(world.ask(Who::Person, UnfreezeFleet {}).is_err());
    world.must(Who::Person, deploying(3));
}

#[test]
fn one_version_goes_out_at_a_time_and_only_by_a_sound_plan() {
    let mut world = World::empty();
    assert!(
        world
            .no(Who::Person, deploying(1))
            .contains("the fleet has no cell")
    );
    let mut world = World::new();
    let bare = QUICK.split("[[trigger]]").next().unwrap();
    let mut untriggered = deploying(1);
    untriggered.template = Some(bare.into());
    assert!(
        world
            .no(Who::Person, untriggered.clone())
            .contains("nothing sends it back")
    );
    untriggered.template = Some("name = 1".into());
    assert!(world.no(Who::Person, untriggered).contains("template:1:8"));
    world.must(Who::Person, deploying(1));
    assert!(
        world
            .no(Who::Person, deploying(2))
            .contains("dep-1 is under way")
    );
    let large = record::command::DeployVersion {
        bytes: (8 << 20) + 1,
        ..deploying(3)
    };
    assert!(world.no(Who::Person, large).contains("at most"));
}

#[test]
fn who_comes_later_runs_what_all_run() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    let cell = name("eu-3");
    let ring = Ring::Serving;
    assert_eq!(
        world.ask(
            Who::Person,
            DefineCell {
                cell: cell.clone(),
                ring
            }
        ),
        Ok(2)
    );
    assert!(
        world
            .ask(
                Who::Person,
                DefineCell {
                    cell: cell.clone(),
                    ring
                }
            )
            .is_err()
    );
    world.enroll("g-1", "eu-3");
    assert_eq!(world.told("g-1"), Some(version(1)));
    assert!(
        world
            .no(Who::Person, RemoveCell { cell: cell.clone() })
            .contains("1 edges")
    );
    world.must(Who::Person, RetireEdge { edge: name("g-1") });
    assert_eq!(world.told("g-1"), None);
    world.must(Who::Person, deploying(2));
    assert!(
        world
            .no(Who::Person, RemoveCell { cell: cell.clone() })
            .contains("under way")
    );
    // A cell without edges is reached with the last stage.
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance("dep-2", stage, 10));
    }
    world.enroll("g-2", "eu-3");
    assert_eq!(world.told("g-2"), Some(version(2)));
}

#[test]
fn an_invitation_is_good_once_for_one_edge() {
    let mut world = World::new();
    world.enroll("e-3", "eu-1");
    let (last, _) = world.acts.last().unwrap();
    let record::kinds::Body::EdgeEnrolled(enrolled) = &last.body else {
        panic!("{last:?}");
    };
    let again = record::command::EnrollEdge {
        edge: name("e-3"),
        hash: record::hash::sha256(&[b"e-3"]),
        vkey: enrolled.vkey.clone(),
    };
    assert!(
        world
            .no(Who::Own, again.clone())
            .contains("lets no edge enroll")
    );
    assert!(
        world
            .no(Who::Signed, again.clone())
            .contains("hereby enrolls edges itself")
    );
    let invite = record::command::InviteEdge {
        cell: name("eu-1"),
        edge: name("e-4"),
        expires_at: world.now.plus_ms(1_000),
        hash: again.hash,
    };
    world.must(Who::Person, invite.clone());
    // Another edge's key, and a token that is too old.
    let theirs = record::command::EnrollEdge {
        edge: name("e-4"),
        ..again.clone()
    };
    assert!(world.no(Who::Own, theirs).contains("verifier key"));
    world.pass(1_000);
    let late = record::command::EnrollEdge {
        edge: name("e-4"),
        ..again
    };
    assert!(world.no(Who::Own, late).contains("lets no edge enroll"));
    for expires_at in [world.now, world.now.plus_ms(8 * 86_400_000)] {
        let invite = record::command::InviteEdge {
            expires_at,
            ..invite.clone()
        };
        assert!(world.no(Who::Person, invite).contains("within 7 days"));
    }
    let elsewhere = record::command::InviteEdge {
        cell: name("eu-2"),
        edge: name("e-3"),
        expires_at: world.now.plus_ms(1_000),
        hash: invite.hash,
    };
    assert!(world.no(Who::Person, elsewhere).contains("is in eu-1"));
}

#[test]
fn what_was_gone_back_from_is_not_gone_back_to_unless_it_is_named() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    complete(&mut world, "dep-2", 2);
    complete(&mut world, "dep-3", 3);
    world.must(Who::Person, going_back());
    // Its lease ends, and a fourth version is brought out.
    world.pass(2 * 86_400_000);
    complete(&mut world, "dep-4", 4);
    world.must(Who::Person, going_back());
    assert_eq!(
        world.state.fleet.current,
        Some(version(2)),
        "the third was bad, the second ran before the fourth"
    );
    let named = RollBack {
        digest: Some(version(3)),
        ..going_back()
    };
    world.must(Who::Person, named);
    assert_eq!(world.state.fleet.current, Some(version(3)));
}

#[test]
fn what_anybody_else_says_of_requests_is_not_believed() {
    let mut world = World::new();
    world.must(Who::Person, deploying(1));
    world.pass(60_000);
    let refused = world.no(Who::Person, advance("dep-1", 1, u64::MAX));
    assert!(refused.contains("is signed"), "{refused}");
    world.must(Who::Signed, advance("dep-1", 1, u64::MAX));
    let (last, _) = world.acts.last().unwrap();
    let record::kinds::Body::DeploymentAdvanced(advanced) = &last.body else {
        panic!("{last:?}");
    };
    assert_eq!((advanced.early, advanced.requests), (true, None));
}

#[test]
fn a_program_lifts_no_lease_and_goes_on_early_with_nothing() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    world.must(Who::Person, deploying(2));
    let robot = base::Actor::Service {
        id: "robot".parse().unwrap(),
    };
    let asked = crate::Asked {
        actor: &robot,
        has_reason: true,
        signed: true,
        now: world.now,
    };
    let refused = |world: &World, verb: record::command::Verb| {
        let error = crate::decide(&world.state, &verb, &asked).unwrap();
        error.unwrap_err().detail
    };
    let early = refused(&world, advance("dep-2", 1, 0).into());
    assert!(early.contains("no program"), "{early}");
    world.must(Who::Own, fire("dep-2"));
    let digest = version(2);
    let lifted = refused(&world, LiftLease { digest }.into());
    assert!(lifted.contains("no program"), "{lifted}");
}

#[test]
fn who_runs_it_alone_is_not_retired_and_no_cell_is_left_for_an_invitation() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    // One edge of two is the first where no cell is there to go first.
    world.must(Who::Person, RetireEdge { edge: name("c-1") });
    world.must(Who::Person, deploying(2));
    let alone = world.state.deployments[&2]
        .reached
        .values()
        .flatten()
        .next()
        .cloned();
    let edge = alone.expect("one edge of a cell is the first");
    let refused = world.no(Who::Person, RetireEdge { edge: edge.clone() });
    assert!(refused.contains("runs on"), "{refused}");
    world.must(Who::Person, going_back());
    world.must(Who::Person, RetireEdge { edge });
    // A cell that is removed takes its invitations with it.
    let cell = name("spare");
    world.must(
        Who::Person,
        DefineCell {
            cell: cell.clone(),
            ring: Ring::Serving,
        },
    );
    let hash = record::hash::sha256(&[b"spare-1"]);
    let invite = record::command::InviteEdge {
        cell: cell.clone(),
        edge: name("spare-1"),
        expires_at: world.now.plus_ms(1_000),
        hash,
    };
    world.must(Who::Person, invite);
    world.must(Who::Person, RemoveCell { cell });
    assert!(world.state.invitations.is_empty());
}

#[test]
fn a_tenants_own_goes_to_its_cell_alone_and_back_to_the_fleets() {
    let mut world = World::new();
    let early = world.no(Who::Person, deploying_own("shop", 1));
    assert!(early.contains("stands on the fleet's"), "{early}");
    complete(&mut world, "dep-1", 1);
    // One edge of its cell, then the rest of it; nobody elsewhere hears of it.
    world.must(Who::Person, deploying_own("shop", 1));
    let shop = "shop".parse().unwrap();
    let told = |world: &World, edge: &str| {
        let orders = world.state.orders_of(&name(edge), None);
        let mut own = orders
            .into_iter()
            .filter(|(tenant, _)| *tenant == Some(&shop));
        own.next().map(|(_, order)| order.digest)
    };
    let all = |world: &World| ["c-1", "e-1", "e-2", "f-1", "f-2"].map(|edge| told(world, edge));
    let first = all(&world);
    assert_eq!(first.iter().flatten().count(), 1, "{first:?}");
    // Another tenant's beside it, but not a second in the same cell, nor one of all cells.
    world.must(Who::Person, deploying_own("bank", 1));
    for other in [
        deploying_own("blog", 1),
        deploying_own("shop", 2),
        deploying(2),
    ] {
        let no = world.no(Who::Person, other);
        assert!(no.contains("hereby rollback --tenant"), "{no}");
    }
    world.pass(60_000);
    world.must(Who::Own, advance("dep-2", 1, 10));
    let own = Some(Some(own_version("shop", 1)));
    assert_eq!(all(&world), [None, own, own, None, None]);
    let fleets = Some(version(1));
    assert_eq!(world.told("e-1"), fleets, "the fleet's goes on under it");
    // The fleet goes back without it, and it without the fleet.
    let back = |tenant: Option<&str>| RollBack {
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        ..going_back()
    };
    let none = world.no(Who::Person, back(None));
    assert!(none.contains("no other version"), "{none}");
    let stranger = world.no(Who::Person, back(Some("stranger")));
    assert!(stranger.contains("none of its own"), "{stranger}");
    world.must(Who::Person, back(Some("shop")));
    assert_eq!(all(&world), [None, Some(None), Some(None), None, None]);
    let leased = world.no(Who::Person, deploying_own("shop", 1));
    assert!(leased.contains("is not brought out again"), "{leased}");
    world.pass(60_000);
    world.must(Who::Own, advance("dep-3", 1, 10));
    world.pass(60_000);
    let deployment = name("dep-3");
    world.must(Who::Own, CompleteDeployment { deployment });
    let bank = "bank".parse().unwrap();
    assert_eq!(
        world.state.track(Some(&bank)).unwrap().current,
        Some(own_version("bank", 1))
    );
    // A version is its tenant's alone.
    let mixed = RollBack {
        digest: Some(own_version("bank", 1)),
        ..back(Some("shop"))
    };
    let mixed = world.no(Who::Person, mixed);
    assert!(mixed.contains("another's"), "{mixed}");
}

#[test]
fn a_cell_that_comes_later_has_what_tenants_run_everywhere() {
    let mut world = World::new();
    complete(&mut world, "dep-1", 1);
    world.must(Who::Person, deploying_own("blog", 1));
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance("dep-2", stage, 10));
    }
    world.pass(60_000);
    let deployment = name("dep-2");
    world.must(Who::Own, CompleteDeployment { deployment });
    let cell = name("eu-3");
    let ring = Ring::Serving;
    assert_eq!(world.ask(Who::Person, DefineCell { cell, ring }), Ok(3));
    world.enroll("g-1", "eu-3");
    let orders = world.state.orders_of(&name("g-1"), None);
    let digests: Vec<_> = orders.iter().map(|(_, order)| order.digest).collect();
    assert_eq!(digests, [Some(version(1)), Some(own_version("blog", 1))]);
}
