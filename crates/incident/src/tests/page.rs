//! The status page: what may stand there, and who can't be put there by mistake.

use record::command::{
    MeasurePage, PageWord, RegisterComponent, RemoveComponent, ScheduleMaintenance, Update,
};
use record::kinds::incident::{Audience, Status};
use record::kinds::page::{ComponentStatus, PublicPlan, PublicWord, Translation};

use super::*;
use crate::Reason;

fn component(name: &str) -> RegisterComponent {
    RegisterComponent {
        component: word(name),
        descriptions: BTreeMap::new(),
        group: None,
        position: None,
        services: [].into(),
        titles: [(word("en"), word(name))].into(),
    }
}

fn update(audience: Audience, page: Option<PageWord>) -> Update {
    Update {
        audience,
        incident: inc(1),
        page,
        status: None,
        text: word("We are looking."),
    }
}

fn about(component: &str, status: ComponentStatus) -> Option<PageWord> {
    Some(PageWord {
        components: [(word(component), status)].into(),
        ..PageWord::default()
    })
}

fn said(world: &World) -> PublicWord {
    let acts = world.record.iter().rev();
    let mut words = acts.filter_map(|act| match &act.body {
        Body::IncidentUpdated(updated) => Some(updated.page.clone()),
        _ => None,
    });
    words.next().unwrap().unwrap()
}

fn reason<T: Debug>(outcome: Result<T, Refusal>) -> Reason {
    outcome.unwrap_err().reason
}

#[test]
fn what_the_public_is_told_says_how_far_it_is() {
    let mut world = World::new();
    world.ask(component("checkout")).unwrap();
    world.ask(declare("x")).unwrap();
    world.ask(update(Audience::Public, None)).unwrap();
    assert_eq!(said(&world).status, Status::Investigating);
    let moved = Update {
        status: Some(Status::Identified),
        ..update(
            Audience::Public,
            about("checkout", ComponentStatus::PartialOutage),
        )
    };
    world.ask(moved).unwrap();
    assert_eq!(said(&world).status, Status::Identified);
    assert_eq!(said(&world).components.len(), 1);
    // The public can be told that it is over while people still work on it.
    let over = PageWord {
        status: Some(Status::Resolved),
        ..PageWord::default()
    };
    world.ask(update(Audience::Public, Some(over))).unwrap();
    assert_eq!(said(&world).status, Status::Resolved);
    assert!(world.state.summary(inc(1)).unwrap().is_open());
}

#[test]
fn insiders_and_drills_never_stand_on_the_page() {
    let mut world = World::new();
    world.ask(component("checkout")).unwrap();
    world.ask(declare("x")).unwrap();
    let page = about("checkout", ComponentStatus::MajorOutage);
    let inside = world.ask(update(Audience::Insiders, page.clone()));
    assert_eq!(reason(inside), Reason::OutOfRange);
    let drill = Declare {
        drill: true,
        ..declare("rehearsed")
    };
    world.ask(drill).unwrap();
    let rehearsed = |page| Update {
        incident: inc(2),
        ..update(Audience::Public, page)
    };
    assert_eq!(reason(world.ask(rehearsed(page))), Reason::WrongState);
    world.ask(rehearsed(None)).unwrap();
    let last = world.record.last().unwrap();
    assert!(matches!(&last.body, Body::IncidentUpdated(it) if it.page.is_none()));
}

#[test]
fn only_what_stands_there_is_said_to_be_somehow() {
    let mut world = World::new();
    world.ask(declare("x")).unwrap();
    let unknown = about("checkout", ComponentStatus::MajorOutage);
    let refused = world.ask(update(Audience::Public, unknown));
    assert_eq!(reason(refused), Reason::NotFound);
    world.ask(component("checkout")).unwrap();
    let planned = about("checkout", ComponentStatus::UnderMaintenance);
    let refused = world.ask(update(Audience::Public, planned));
    assert_eq!(reason(refused), Reason::OutOfRange);
    let french = PageWord {
        translations: [(
            word("fr"),
            Translation {
                headline: None,
                text: word("x"),
            },
        )]
        .into(),
        ..PageWord::default()
    };
    let refused = world.ask(update(Audience::Public, Some(french)));
    assert_eq!(reason(refused), Reason::OutOfRange);
}

#[test]
fn components_stand_one_deep_and_at_the_end() {
    let mut world = World::new();
    world.ask(component("shop")).unwrap();
    world.ask(component("api")).unwrap();
    let under = |name: &str, group: &str| RegisterComponent {
        group: Some(word(group)),
        ..component(name)
    };
    world.ask(under("cart", "shop")).unwrap();
    assert_eq!(world.state.page.components[&word("cart")].position, 2);
    for wrong in [
        under("x", "cart"),
        under("shop", "api"),
        under("api", "api"),
    ] {
        assert_eq!(reason(world.ask(wrong)), Reason::OutOfRange);
    }
    assert_eq!(reason(world.ask(under("x", "nobody"))), Reason::NotFound);
    let nameless = RegisterComponent {
        titles: BTreeMap::new(),
        ..component("x")
    };
    assert_eq!(reason(world.ask(nameless)), Reason::OutOfRange);
    let remove = |name: &str| RemoveComponent {
        component: word(name),
    };
    assert_eq!(reason(world.ask(remove("shop"))), Reason::WrongState);
    world.ask(remove("cart")).unwrap();
    world.ask(remove("shop")).unwrap();
    assert_eq!(reason(world.ask(remove("shop"))), Reason::NotFound);
    // Said again, it stays where it stands.
    world.ask(component("later")).unwrap();
    world.ask(component("api")).unwrap();
    assert_eq!(world.state.page.components[&word("api")].position, 1);
    world.restart();
}

#[test]
fn there_are_no_more_than_two_hundred_components() {
    let mut world = World::new();
    for number in 0..200 {
        world.ask(component(&format!("c{number}"))).unwrap();
    }
    assert_eq!(reason(world.ask(component("one-more"))), Reason::TooMany);
    world.ask(component("c7")).unwrap();
}

#[test]
fn a_day_is_measured_once_and_when_it_is_over() {
    let mut world = World::new();
    let day = |text: &str, minutes| MeasurePage {
        minutes,
        starts_at: word(text),
    };
    world.ask(day("2017-12-20T00:00:00.000Z", 1_440)).unwrap();
    let again = world.ask(day("2017-12-20T00:00:00.000Z", 10));
    assert_eq!(reason(again), Reason::WrongState);
    for wrong in [
        day("2017-12-21T00:00:00.000Z", 1),
        day("2017-12-19T00:00:01.000Z", 1),
        day("2017-12-19T00:00:00.000Z", 1_441),
        day("2017-09-01T00:00:00.000Z", 1),
    ] {
        assert_eq!(reason(world.ask(wrong)), Reason::OutOfRange);
    }
    for _ in 0..120 {
        world.wait(DAY);
        let midnight = world.now.as_ms().div_euclid(DAY) - 1;
        let yesterday = MeasurePage {
            minutes: 5,
            starts_at: Timestamp::from_ms(midnight * DAY),
        };
        world.ask(yesterday).unwrap();
    }
    assert_eq!(world.state.page.measured.len(), 100);
}

#[test]
fn planned_work_is_told_only_about_what_stands_there() {
    let mut world = World::new();
    let plan = |component: &str, world: &World| ScheduleMaintenance {
        ends_at: world.now.plus_ms(2 * HOUR),
        page: Some(PublicPlan {
            components: [word(component)].into(),
            headline: word("A faster database"),
            text: word("You can read and not write."),
            translations: BTreeMap::new(),
        }),
        service: word("db"),
        starts_at: world.now.plus_ms(HOUR),
        title: word("swap the disk"),
    };
    let refused = world.ask(plan("db", &world));
    assert_eq!(reason(refused), Reason::NotFound);
    world.ask(component("db")).unwrap();
    world.ask(plan("db", &world)).unwrap();
    let last = world.record.last().unwrap();
    assert!(matches!(&last.body, Body::MaintenanceScheduled(it) if it.page.is_some()));
}
