//! The controller: what it proposes from what edges report, and what it does not.

use record::command::Verb;
use record::hash::Hash;

use super::{Who, World, deploying, deploying_own, name, report, version};
use crate::state::Order;
use crate::watch::{Proposal, Watch};

/// Edges that do as they are told, answer ten requests a second each, and fail some of them.
struct Fleet {
    world: World,
    watch: Watch,
    counts: std::collections::BTreeMap<&'static str, (u64, u64)>,
    /// Of a hundred requests to a version so many fail.
    bad: fn(Hash) -> u64,
    silent: &'static [&'static str],
    /// Half of what it is asked fails, whatever it runs.
    failing: Option<&'static str>,
    /// They run the ninth version, whatever they are told.
    stubborn: &'static [&'static str],
}

const EDGES: [&str; 5] = ["c-1", "e-1", "e-2", "f-1", "f-2"];

impl Fleet {
    fn new(bad: fn(Hash) -> u64) -> Fleet {
        Fleet {
            world: World::new(),
            watch: Watch::default(),
            counts: EDGES.map(|edge| (edge, (0, 0))).into(),
            bad,
            silent: &[],
            failing: None,
            stubborn: &[],
        }
    }

    /// A second passes: every edge reports, and the controller looks. What it proposes is done.
    fn second(&mut self) -> Vec<Proposal> {
        self.world.pass(1_000);
        for edge in EDGES {
            let stubborn = self.stubborn.contains(&edge);
            let runs = match stubborn {
                true => Some(version(9)),
                false => self.world.told(edge),
            };
            let newest = self.world.state.newest_for(&name(edge));
            let follows = newest.filter(|_| !stubborn);
            let counts = self.counts.get_mut(edge).unwrap();
            if let Some(runs) = runs {
                counts.0 += 10;
                // Spread over the seconds.
                let share = match self.failing == Some(edge) {
                    true => 50,
                    false => (self.bad)(runs),
                };
                counts.1 += (counts.0 * share / 100) - ((counts.0 - 10) * share / 100);
            }
            if !self.silent.contains(&edge) {
                let mut said = report(edge, self.world.now, follows, *counts);
                if let (Some(shown), Some(runs)) = (&mut said.runs, runs) {
                    shown.digest = runs;
                }
                self.watch.hear(said, self.world.now);
            }
        }
        let proposals = self.watch.look(&self.world.state, self.world.now);
        for proposal in &proposals {
            self.world.must(Who::Own, proposal.verb.clone());
        }
        proposals
    }

    /// So many seconds: what was proposed, by its id, and after how many.
    fn seconds(&mut self, count: u64) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        for second in 1..=count {
            all.extend(self.second().into_iter().map(|it| (second, it.id)));
        }
        all
    }

    fn brought_out(mut self, number: u8) -> Fleet {
        self.world.must(Who::Person, deploying(number));
        self.seconds(400);
        assert_eq!(self.world.state.fleet.current, Some(version(number)));
        self
    }
}

#[test]
fn a_healthy_version_goes_on_as_soon_as_each_stage_has_held() {
    let mut fleet = Fleet::new(|_| 0);
    fleet.world.must(Who::Person, deploying(1));
    let proposed = fleet.seconds(200);
    let ids: Vec<&str> = proposed.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(
        ids,
        ["advance:dep-1:1", "advance:dep-1:2", "complete:dep-1"]
    );
    let times: Vec<u64> = proposed.iter().map(|(second, _)| *second).collect();
    // A second passes until the first are heard of, each time.
    // The first of all is not watched: there is nothing to go back to.
    assert_eq!(times, [61, 122, 123]);
    fleet.world.must(Who::Person, deploying(2));
    let proposed = fleet.seconds(200);
    let times: Vec<u64> = proposed.iter().map(|(second, _)| *second).collect();
    assert_eq!(times, [61, 122, 183]);
}

#[test]
fn a_version_that_fails_is_sent_back_on_the_numbers_that_are_said() {
    let mut fleet = Fleet::new(|runs| if runs == version(2) { 50 } else { 0 }).brought_out(1);
    fleet.world.must(Who::Person, deploying(2));
    let mut seconds = 0;
    let proposal = loop {
        seconds += 1;
        if let Some(proposal) = fleet.second().pop() {
            break proposal;
        }
        assert!(seconds < 60, "never");
    };
    assert!(seconds <= 4, "after {seconds} s");
    assert_eq!(proposal.id, "fire:dep-2");
    let Verb::FireTrigger(fired) = &proposal.verb else {
        panic!("{proposal:?}");
    };
    assert_eq!(
        (fired.bad * 2, fired.trigger.as_str()),
        (fired.requests, "errors")
    );
    assert!(proposal.why.unwrap().contains("in a million are too many"));
    assert_eq!(fleet.world.told("c-1"), Some(version(1)));
    assert!(fleet.seconds(120).is_empty());
}

#[test]
fn a_small_harm_is_found_by_comparing() {
    let mut fleet = Fleet::new(|runs| if runs == version(2) { 5 } else { 0 }).brought_out(1);
    fleet.world.must(Who::Person, deploying(2));
    let proposed = fleet.seconds(60);
    assert_eq!(
        proposed.first().map(|(_, id)| id.as_str()),
        Some("fire:dep-2"),
        "{proposed:?}"
    );
    let fired = fleet.world.state.deployments[&2].fired.clone().unwrap();
    assert!(fired.unchanged_requests > fired.requests, "{fired:?}");
    assert_eq!(fired.unchanged_bad, 0);
}

#[test]
fn what_an_edge_does_that_runs_something_else_is_not_usual() {
    let bad = |runs| match runs {
        runs if runs == version(2) => 5,
        runs if runs == version(9) => 90,
        _ => 0,
    };
    let mut fleet = Fleet::new(bad).brought_out(1);
    fleet.stubborn = &["f-2"];
    fleet.seconds(600);
    fleet.stubborn = &[];
    fleet.world.must(Who::Person, deploying(2));
    let proposed = fleet.seconds(60);
    assert_eq!(
        proposed.first().map(|(_, id)| id.as_str()),
        Some("fire:dep-2"),
        "{proposed:?}"
    );
}

#[test]
fn no_data_means_that_it_holds() {
    let mut fleet = Fleet::new(|_| 0).brought_out(1);
    fleet.world.must(Who::Person, deploying(2));
    fleet.silent = &["c-1"];
    assert!(
        fleet.seconds(600).is_empty(),
        "nobody heard of the one that runs it"
    );
    // Time in which nobody knew is no time in which it held.
    fleet.silent = &[];
    let proposed = fleet.seconds(70);
    assert_eq!(proposed, [(61, "advance:dep-2:1".to_owned())]);
    // One of those that were told later is not heard of: it is not said to be completed.
    fleet.silent = &["f-2"];
    let proposed = fleet.seconds(600);
    assert!(
        proposed.iter().all(|(_, id)| !id.starts_with("complete")),
        "{proposed:?}"
    );
}

#[test]
fn what_is_held_or_frozen_is_watched_all_the_same() {
    let mut fleet = Fleet::new(|runs| if runs == version(2) { 50 } else { 0 }).brought_out(1);
    fleet.world.must(Who::Person, deploying(2));
    let deployment = name("dep-2");
    fleet
        .world
        .must(Who::Person, record::command::PauseDeployment { deployment });
    fleet
        .world
        .must(Who::Person, record::command::FreezeFleet {});
    let proposed = fleet.seconds(10);
    assert_eq!(
        proposed.first().map(|(_, id)| id.as_str()),
        Some("fire:dep-2"),
        "{proposed:?}"
    );
}

#[test]
fn late_and_repeated_reports_and_restarts_count_nothing_twice() {
    let mut watch = Watch::default();
    let world = World::new();
    let at = |ms: i64| world.now.plus_ms(ms);
    let ms = |at: base::Timestamp| u64::try_from(at.as_ms()).unwrap();
    let mut hear =
        |after, counts, heard| watch.hear(report("c-1", at(after), None, counts), at(heard));
    assert_eq!(hear(0, (100, 0), 0), ms(at(0)));
    assert_eq!(hear(2_000, (120, 1), 2_000), ms(at(2_000)));
    assert_eq!(hear(2_000, (120, 1), 2_500), ms(at(2_000)));
    // Whose clock went back is told from where it goes on.
    assert_eq!(hear(1_000, (110, 0), 2_600), ms(at(2_000)));
    let seen = watch.seen(&name("c-1")).unwrap();
    assert_eq!((seen.at, seen.report.counts.requests), (at(2_000), 120));
    let told = |index| Order {
        digest: Some(version(0)),
        index,
        at: at(0),
    };
    assert!(!seen.follows(None, &told(0)), "it was told nothing");
    watch.hear(report("c-1", at(3_000), Some(7), (5, 0)), at(3_000));
    let seen = watch.seen(&name("c-1")).unwrap();
    let shop = "shop".parse().unwrap();
    for whose in [None, Some(&shop)] {
        let follows = [6, 7, 8].map(|index| seen.follows(whose, &told(index)));
        assert_eq!(follows, [true, true, false]);
    }
    // By the same act it runs something else.
    let other = Order {
        digest: Some(version(1)),
        ..told(7)
    };
    assert!(!seen.follows(None, &other));
    assert!(seen.is_fresh(at(7_999)));
    assert!(!seen.is_fresh(at(8_000)), "it is not heard of any more");
}

#[test]
fn a_tenants_own_is_looked_at_in_its_cell_while_another_goes_elsewhere() {
    let mut fleet = Fleet::new(|_| 0).brought_out(1);
    fleet.world.must(Who::Person, deploying_own("shop", 1));
    fleet.world.must(Who::Person, deploying_own("bank", 1));
    // One edge of the shop's cell begins to fail: which was told is drawn by the version's digest.
    let (_, shop) = fleet.world.state.in_progress().next().unwrap();
    let first = shop.reached.get(&name("eu-1")).cloned().flatten().unwrap();
    let first = EDGES.into_iter().find(|edge| *edge == first.as_str());
    fleet.failing = first;
    let proposed = fleet.seconds(40);
    let ids: Vec<&str> = proposed.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["fire:dep-2"]);
    let shop = "shop".parse().unwrap();
    assert_eq!(fleet.world.state.track(Some(&shop)).unwrap().current, None);
    fleet.failing = None;
    // The other one goes on to its end, by its own cell's requests.
    let proposed = fleet.seconds(140);
    let ids: Vec<&str> = proposed.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["advance:dep-3:1", "complete:dep-3"]);
}

#[test]
fn a_control_that_was_gone_has_watched_nothing() {
    let mut fleet = Fleet::new(|_| 0).brought_out(1);
    fleet.world.must(Who::Person, deploying(2));
    fleet.seconds(130);
    // It dies when the last stage has begun, and is back when the time would be over.
    fleet.watch = Watch::default();
    fleet.world.pass(3_600_000);
    let proposed = fleet.seconds(100);
    let ids: Vec<&str> = proposed.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["complete:dep-2"]);
    assert!(proposed[0].0 > 60, "{proposed:?}");
}
