//! Two releases side by side pass the same suite: control of the one with edges of the other, either way. The
//! release before is built and named by `./dev test`.

use std::path::{Path, PathBuf};

use crate::fleet_peers::Fleet;
use crate::harness::{HEREBY, eventually};

const EDGES: [(&str, &str, &str); 3] = [
    ("o-1", "office", "internal"),
    ("e-1", "eu-1", "serving"),
    ("e-2", "eu-1", "serving"),
];

fn previous() -> PathBuf {
    let named = std::env::var_os("HEREBY_PREVIOUS");
    named
        .expect("HEREBY_PREVIOUS names the release before")
        .into()
}

/// What edges and control have to say to each other.
fn suite(control: &Path, edges: &Path) {
    let mut fleet = Fleet::of((control, edges), &EDGES);
    fleet.deploy("one", 200);
    eventually("the first edge runs it", || fleet.answer(0) == "one");
    fleet.until("all run it", |fleet| fleet.all_answer("one"));
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    // A version goes out by stages, and comes back in one step.
    fleet.deploy("two", 200);
    fleet.until("all run it", |fleet| fleet.all_answer("two"));
    fleet.must(&["rollback", "-m", "one was better"]);
    eventually("all are back", || fleet.all_answer("one"));
    eventually("control knows", || {
        EDGES
            .iter()
            .all(|(edge, ..)| fleet.known(edge)["standing"] == "follows")
    });
    // What holds at once.
    fleet.must(&["switch", "route/all", "off", "-m", "it takes the shop down"]);
    eventually("it is off", || {
        (0..3).all(|edge| fleet.answer(edge).contains("switched_off"))
    });
    fleet.must(&["switch", "route/all", "on", "-m", "mended"]);
    eventually("it is on", || fleet.all_answer("one"));
    // The log's key changes, and what is said behind that is believed.
    fleet.must(&["key", "new", "glass"]);
    fleet.must(&["break-glass", "trust", "glass", "-m", "for that day"]);
    fleet.must(&["record", "rotate"]);
    let own = fleet.own("own", 200);
    let template = fleet.template();
    let said = "a cart of its own";
    fleet.must(&[
        "deploy",
        &own,
        "--tenant",
        "cart",
        "--template",
        &template,
        "-m",
        said,
    ]);
    eventually("one edge of the cart's cell runs it", || {
        (1..3).any(|edge| fleet.answer_of("cart.example", edge) == "own")
    });
    // Without control edges serve, and start.
    fleet.kill_control();
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it serves", || fleet.answer(0) == "one");
    fleet.begin_control();
    fleet.until("both run it", |fleet| {
        (1..3).all(|edge| fleet.answer_of("cart.example", edge) == "own")
    });
    fleet.must(&["verify"]);
}

#[test]
fn control_and_edges_of_this_release_pass_it() {
    suite(HEREBY.as_ref(), HEREBY.as_ref());
}

#[test]
fn beside_edges_of_the_release_before_it_is_passed() {
    suite(HEREBY.as_ref(), &previous());
}

#[test]
fn beside_control_of_the_release_before_it_is_passed() {
    suite(&previous(), HEREBY.as_ref());
}
