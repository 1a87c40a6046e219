//! What is switched off and how services work: said, said again, taken back, and gone by itself.

use record::command::{RegisterService, SetPosture, TurnSwitchOff, TurnSwitchOn};
use record::kinds::containment::Posture;

use super::*;
use crate::Reason;

fn off(switch: &str) -> TurnSwitchOff {
    TurnSwitchOff {
        ends_at: None,
        incident: None,
        switch: word(switch),
    }
}

fn on(switch: &str) -> TurnSwitchOn {
    TurnSwitchOn {
        switch: word(switch),
    }
}

fn is_off(world: &World) -> Vec<String> {
    let all = world.state.switches.off(world.now);
    all.map(|(name, _)| name.to_string()).collect()
}

fn postures(world: &World) -> Vec<(String, Posture)> {
    let all = world.state.switches.postures(world.now);
    all.map(|(name, it)| (name.to_string(), it.posture))
        .collect()
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

fn checkout(posture: Posture) -> SetPosture {
    SetPosture {
        ends_at: None,
        incident: None,
        posture,
        service: word("checkout"),
    }
}

#[test]
fn a_switch_is_off_until_its_end_or_until_somebody_turns_it_on() {
    let mut world = World::new();
    let until = TurnSwitchOff {
        ends_at: Some(world.now.plus_ms(HOUR)),
        ..off("route/search")
    };
    world.ask(until.clone()).unwrap();
    assert_eq!(reason(world.ask(until)), Reason::WrongState);
    world.ask(off("feature/recommendations")).unwrap();
    assert_eq!(is_off(&world), ["feature/recommendations", "route/search"]);
    world.wait(HOUR);
    assert_eq!(is_off(&world), ["feature/recommendations"]);
    assert_eq!(reason(world.ask(on("route/search"))), Reason::NotFound);
    // Said again, the new end holds.
    let again = TurnSwitchOff {
        ends_at: Some(world.now.plus_ms(MINUTE)),
        ..off("feature/recommendations")
    };
    world.ask(again).unwrap();
    world.ask(on("feature/recommendations")).unwrap();
    assert_eq!(is_off(&world), Vec::<String>::new());
    world.restart();
}

#[test]
fn a_switch_has_a_kind_and_a_name_and_a_reason() {
    let mut world = World::new();
    let long = format!("feature/{}", "x".repeat(80));
    for bad in ["search", "rule/x", "feature/", "feature/a/b", "/x", &long] {
        assert_eq!(reason(world.ask(off(bad))), Reason::OutOfRange, "{bad}");
    }
    let past = TurnSwitchOff {
        ends_at: Some(world.now),
        ..off("tenant/shop")
    };
    assert_eq!(reason(world.ask(past)), Reason::OutOfRange);
    let unknown = TurnSwitchOff {
        incident: Some("INC-9".parse().unwrap()),
        ..off("tenant/shop")
    };
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
    for number in 0..1_000 {
        world.ask(off(&format!("feature/f{number}"))).unwrap();
    }
    assert_eq!(reason(world.ask(off("feature/more"))), Reason::TooMany);
    world.ask(on("feature/f7")).unwrap();
    world.ask(off("feature/more")).unwrap();
}

#[test]
fn a_service_works_so_until_the_end_of_that_and_as_usual_without_a_word() {
    let mut world = World::new();
    assert_eq!(reason(world.ask(checkout(Posture::Safe))), Reason::NotFound);
    world
        .ask(RegisterService {
            about: None,
            dependencies: Vec::new(),
            owner: None,
            service: word("checkout"),
            tier: 1,
        })
        .unwrap();
    assert_eq!(
        reason(world.ask(checkout(Posture::Normal))),
        Reason::WrongState
    );
    world.ask(checkout(Posture::Degraded)).unwrap();
    let safe = SetPosture {
        ends_at: Some(world.now.plus_ms(HOUR)),
        ..checkout(Posture::Safe)
    };
    world.ask(safe).unwrap();
    assert_eq!(postures(&world), [("checkout".to_owned(), Posture::Safe)]);
    world.wait(HOUR);
    assert_eq!(postures(&world), []);
    let normal = SetPosture {
        ends_at: Some(world.now.plus_ms(HOUR)),
        ..checkout(Posture::Normal)
    };
    assert_eq!(reason(world.ask(normal)), Reason::OutOfRange);
    world.ask(checkout(Posture::Degraded)).unwrap();
    world.ask(checkout(Posture::Normal)).unwrap();
    assert_eq!(postures(&world), []);
    world.restart();
}
