//! Break-glass: who says whose notes are believed, what is kept of one that was used, and that nothing goes
//! on by itself while an edge runs by one.

use record::break_glass::BreakGlass;
use record::command::{ReportBreakGlass, SetBreakGlassKey};
use record::fleet::WentBack;
use record::hash::Hash;
use record::kinds::Body;
use record::note::{Algorithm, SignerKey};
use record::statement::Statement as _;

use super::{Who, World, deploying, name, report, version};
use crate::judge::{Judge, Law};
use crate::state::State;
use crate::watch::Watch;

fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed("break-glass", Algorithm::Ed25519, [seed; 32]).unwrap()
}

fn trusting(seed: u8) -> SetBreakGlassKey {
    let vkey = Some(key(seed).verifier().to_string().into());
    SetBreakGlassKey { vkey }
}

fn note(world: &World, seed: u8, cell: &str, counter: u64, digest: Hash) -> Box<str> {
    let said = BreakGlass {
        cell: name(cell),
        counter,
        digest,
        expires_at: world.now.plus_ms(60_000),
        why: "control burned down".parse().unwrap(),
    };
    said.sign(&key(seed)).unwrap().to_string().into()
}

fn reporting(world: &World, edge: &str, note: Box<str>) -> ReportBreakGlass {
    ReportBreakGlass {
        edge: name(edge),
        from: None,
        note,
        used_at: world.now,
    }
}

#[test]
fn a_person_says_for_a_reason_whose_notes_are_believed() {
    let mut world = World::new();
    assert!(world.no(Who::Own, trusting(1)).contains("no program"));
    assert!(world.no(Who::Hasty, trusting(1)).contains("has a reason"));
    let nobody = SetBreakGlassKey { vkey: None };
    let said = world.no(Who::Person, nobody.clone());
    assert!(said.contains("believed already"), "{said}");
    let unsound = SetBreakGlassKey {
        vkey: Some("break-glass+00000000+AAAA".into()),
    };
    assert!(world.no(Who::Person, unsound).contains("verifier key"));
    world.must(Who::Person, trusting(1));
    assert!(world.no(Who::Person, trusting(1)).contains("already"));
    // Every edge is told of it, and it is the newest that anybody is told.
    let index = world.state.break_glass.index();
    assert_eq!(index, Some(world.acts.len() as u64 - 1));
    assert_eq!(world.state.newest_for(&name("e-1")), index);
    world.must(Who::Person, trusting(2));
    assert_eq!(
        world.state.break_glass.vkey(),
        Some(key(2).verifier().to_string().as_str())
    );
    world.must(Who::Person, nobody);
    assert_eq!(world.state.break_glass.vkey(), None);
}

#[test]
fn a_note_that_was_used_is_kept_once_if_a_key_that_was_believed_signed_it() {
    let mut world = World::new();
    world.must(Who::Person, trusting(1));
    world.must(Who::Person, deploying(1));
    let good = note(&world, 1, "eu-1", 7, version(1));
    let used = reporting(&world, "e-1", good);
    assert!(world.no(Who::Signed, used.clone()).contains("hereby keeps"));
    let strangers = note(&world, 9, "eu-1", 7, version(1));
    let strangers = reporting(&world, "e-1", strangers);
    assert!(world.no(Who::Own, strangers).contains("no break-glass key"));
    let others = note(&world, 1, "eu-2", 7, version(1));
    let others = reporting(&world, "e-1", others);
    assert!(world.no(Who::Own, others).contains("is for eu-2"));
    let nobodys = reporting(&world, "e-9", used.note.clone());
    assert!(world.no(Who::Own, nobodys).contains("no edge"));
    // The key was changed before control heard of it.
    world.must(Who::Person, trusting(2));
    world.must(Who::Own, used.clone());
    let (last, _) = world.acts.last().unwrap();
    let Body::BreakGlassUsed(body) = &last.body else {
        panic!("{last:?}");
    };
    assert_eq!((body.counter, body.digest), (7, version(1)));
    assert!(world.no(Who::Own, used).contains("already"));
    let older = reporting(&world, "e-1", note(&world, 1, "eu-1", 6, version(1)));
    assert!(world.no(Who::Own, older).contains("already"));
    // Each key has counters of its own.
    let next = reporting(&world, "e-1", note(&world, 2, "eu-1", 1, version(1)));
    world.must(Who::Own, next);
    let older = reporting(&world, "e-1", note(&world, 1, "eu-1", 8, version(1)));
    assert!(world.no(Who::Own, older).contains("already"));
    let other = reporting(&world, "e-2", note(&world, 1, "eu-1", 7, version(1)));
    world.must(Who::Own, other);
}

#[test]
fn the_judge_finds_an_edge_that_went_back_to_what_was_never_fully_deployed() {
    let mut world = World::new();
    world.must(Who::Person, trusting(1));
    world.must(Who::Person, deploying(1));
    let mut watch = Watch::default();
    seconds(&mut world, &mut watch, None);
    seconds(&mut world, &mut watch, None);
    let good = note(&world, 1, "eu-1", 7, version(1));
    world.must(Who::Own, reporting(&world, "e-1", good));
    let bad = note(&world, 1, "eu-1", 8, version(9));
    world.must(Who::Own, reporting(&world, "e-1", bad));
    let mut judge = Judge::behind(&State::default());
    let all = world.acts.iter();
    let mut verdicts: Vec<_> = all
        .map(|(act, who)| judge.see(act, *who == Who::Signed))
        .collect();
    let last = verdicts.pop().unwrap().unwrap_err();
    assert_eq!(last.0, Law::Deployed);
    assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
}

/// Two minutes in which all report, and f-1 went back by a note or did not: how much is proposed.
fn seconds(world: &mut World, watch: &mut Watch, went: Option<(u64, bool)>) -> usize {
    let mut proposed = 0;
    for second in 0..130 {
        world.pass(1_000);
        let at_ms = u64::try_from(world.now.as_ms()).unwrap();
        for edge in ["c-1", "e-1", "e-2", "f-1", "f-2"] {
            let follows = world.state.newest_for(&name(edge));
            let mut said = report(edge, world.now, follows, (second * 10, 0));
            if let (Some(runs), Some(order)) = (&mut said.runs, world.state.order_of(&name(edge))) {
                runs.digest = order.digest.unwrap();
            }
            let went = went.filter(|_| edge == "f-1");
            said.break_glass = went.map(|(counter, holds)| WentBack {
                at_ms,
                counter,
                from: None,
                holds,
                note: "a note".into(),
            });
            watch.hear(said, world.now);
        }
        for proposal in watch.look(&world.state, world.now) {
            proposed += 1;
            world.must(Who::Own, proposal.verb);
        }
    }
    proposed
}

#[test]
fn what_was_going_out_stays_where_it_is_while_an_edge_runs_by_a_note() {
    let mut world = World::new();
    let mut watch = Watch::default();
    world.must(Who::Person, trusting(1));
    world.must(Who::Person, deploying(1));
    // What an edge claims holds nothing: it must stand on the record.
    assert!(seconds(&mut world, &mut watch, Some((7, true))) > 0);
    let mut world = World::new();
    let mut watch = Watch::default();
    world.must(Who::Person, trusting(1));
    world.must(Who::Person, deploying(1));
    world.pass(1_000);
    let used = note(&world, 1, "eu-2", 7, version(1));
    let used = reporting(&world, "f-1", used);
    world.must(Who::Own, used);
    // Not an edge that the stage reached: it holds all the same.
    assert_eq!(seconds(&mut world, &mut watch, Some((7, true))), 0);
    let (_, deployment) = world.state.in_progress().next().unwrap();
    let held: Vec<_> = watch
        .went_back(&world.state, deployment, world.now)
        .collect();
    assert_eq!(held, [&name("f-1")]);
    // Whoever is not heard of any more holds nothing, and what was ended does not.
    assert!(seconds(&mut world, &mut watch, Some((7, false))) > 0);
}

#[test]
fn what_people_deploy_after_a_note_goes_on() {
    let mut world = World::new();
    let mut watch = Watch::default();
    world.must(Who::Person, trusting(1));
    let used = note(&world, 1, "eu-2", 7, version(1));
    let used = reporting(&world, "f-1", used);
    world.must(Who::Own, used);
    world.pass(1_000);
    world.must(Who::Person, deploying(1));
    assert!(seconds(&mut world, &mut watch, Some((7, true))) > 0);
}

#[test]
fn what_a_note_began_is_ended_by_saying_anew_what_all_run() {
    let mut world = World::new();
    let end = |cell: &str| record::command::EndBreakGlass { cell: name(cell) };
    world.must(Who::Person, trusting(1));
    assert!(world.no(Who::Person, end("eu-9")).contains("no cell"));
    assert!(
        world
            .no(Who::Person, end("eu-2"))
            .contains("ever went back")
    );
    let used = note(&world, 1, "eu-2", 7, version(1));
    let used = reporting(&world, "f-1", used);
    world.must(Who::Own, used);
    assert!(
        world
            .no(Who::Person, end("eu-2"))
            .contains("fully deployed")
    );
    world.must(Who::Person, deploying(1));
    assert!(world.no(Who::Person, end("eu-2")).contains("under way"));
    let mut watch = Watch::default();
    seconds(&mut world, &mut watch, None);
    seconds(&mut world, &mut watch, None);
    assert!(world.no(Who::Own, end("eu-2")).contains("no program"));
    assert!(world.no(Who::Hasty, end("eu-2")).contains("has a reason"));
    world.must(Who::Person, end("eu-2"));
    let index = world.acts.len() as u64 - 1;
    assert_eq!(world.state.order_of(&name("f-1")).unwrap().index, index);
    assert_eq!(world.told("f-1"), Some(version(1)));
}

#[test]
fn what_somebody_switched_off_is_no_versions_fault() {
    use crate::sequential::Counts;
    let mut report = report("c-1", World::empty().now, Some(0), (100, 0));
    let refused = [("switched_off", 60), ("limit", 3)];
    report.counts.refused = refused.map(|(reason, n)| (name(reason), n)).into();
    let counts = crate::watch::refused_of(&report.counts);
    assert_eq!(counts, Counts { bad: 3, all: 100 });
}
