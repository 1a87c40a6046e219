//! What edges are told beside what to run, by the protocol that they speak: the root key, and the floor of a cell.

use record::command::{SetCellFloor, SetRootKey};
use record::note::{Algorithm, SignerKey};
use record::statement::Statement as _;
use record::succession::RootChange;

use super::{Who, World, name};

fn root(seed: u8) -> SignerKey {
    SignerKey::from_seed("root", Algorithm::Ed25519, [seed; 32]).unwrap()
}

fn naming(seed: u8, vouched: Option<Box<str>>) -> SetRootKey {
    SetRootKey {
        vkey: root(seed).verifier().to_string().into(),
        vouched,
    }
}

fn at_least(cell: &str, protocol: u32) -> SetCellFloor {
    SetCellFloor {
        cell: name(cell),
        protocol,
    }
}

#[test]
fn a_person_says_for_a_reason_what_a_cell_takes_and_no_more_than_this_build_speaks() {
    let mut world = World::new();
    assert!(
        world
            .no(Who::Own, at_least("eu-1", 2))
            .contains("no program")
    );
    assert!(
        world
            .no(Who::Hasty, at_least("eu-1", 2))
            .contains("has a reason")
    );
    assert!(
        world
            .no(Who::Person, at_least("mars", 2))
            .contains("no cell mars")
    );
    assert!(
        world
            .no(Who::Person, at_least("eu-1", 3))
            .contains("1 to 2")
    );
    assert!(
        world
            .no(Who::Person, at_least("eu-1", 1))
            .contains("already")
    );
    world.must(Who::Person, at_least("eu-1", 2));
    assert!(
        world
            .no(Who::Person, at_least("eu-1", 2))
            .contains("already")
    );
    assert_eq!(world.state.floor(&name("eu-1")), 2);
    assert_eq!(world.state.floor(&name("canary")), 1);
    world.must(Who::Person, at_least("eu-1", 1));
    assert_eq!(world.state.floor(&name("eu-1")), 1);
}

#[test]
fn who_speaks_the_first_protocol_is_told_nothing_that_it_does_not_have() {
    let mut world = World::new();
    world.must(Who::Person, naming(1, None));
    world.must(Who::Person, at_least("eu-1", 2));
    let edges: Vec<_> = world.state.edges.iter().collect();
    let of = |cell: &str| {
        let found = edges.iter().find(|(_, edge)| edge.cell == name(cell));
        found.unwrap().0.clone()
    };
    let told = |edge: &base::Name, protocol| world.state.beside_orders(edge, protocol).count();
    assert_eq!(told(&of("eu-1"), 1), 0);
    assert_eq!(told(&of("eu-1"), 2), 2);
    // The floor of a cell is its own.
    assert_eq!(told(&of("canary"), 2), 1);
    let newest = world.state.newest_for(&of("eu-1"));
    assert!(newest > world.state.newest_for(&of("canary")));
}

#[test]
fn another_root_key_needs_no_word_of_the_one_before_and_a_wrong_one_is_refused() {
    let mut world = World::new();
    assert!(world.no(Who::Own, naming(1, None)).contains("no program"));
    assert!(
        world
            .no(Who::Hasty, naming(1, None))
            .contains("has a reason")
    );
    world.must(Who::Person, naming(1, None));
    assert!(world.no(Who::Person, naming(1, None)).contains("already"));
    let change = RootChange {
        from: root(1).verifier().to_string().into(),
        to: root(2).verifier().to_string().into(),
    };
    let by = |seed: u8| Some(change.sign(&root(seed)).unwrap().to_string().into());
    let said = world.no(Who::Person, naming(2, by(2)));
    assert!(said.contains("did not sign"), "{said}");
    world.must(Who::Person, naming(2, by(1)));
    assert_eq!(world.state.root.vkey(), Some(&*change.to));
    // It is lost: who learns of the next anew believes it.
    world.must(Who::Person, naming(3, None));
    assert_eq!(world.state.root.indexes().count(), 1);
    assert_eq!(
        world.state.root.vkey(),
        Some(root(3).verifier().to_string().as_str())
    );
}
