//! When things happened: said, corrected, withdrawn; what nobody said is missing.

use record::command::{Declare, Resolve, StampTime};
use record::kinds::incident::Stamp;

use super::*;
use crate::Reason;

fn said(world: &World, stamp: Stamp) -> Option<Timestamp> {
    let summary = world.state.summary(inc(1)).unwrap();
    summary.times.get(&stamp).map(|said| said.at)
}

fn stamp(stamp: Stamp, at: Option<Timestamp>) -> StampTime {
    StampTime {
        at,
        incident: inc(1),
        stamp,
    }
}

#[test]
fn times_are_said_corrected_and_withdrawn_and_all_of_it_stays() {
    let mut world = World::new();
    let start = world.now.plus_ms(-10 * MINUTE);
    let declared = Declare {
        impact_start: Some(start),
        ..declare("It is down")
    };
    world.ask(declared).unwrap();
    assert_eq!(said(&world, Stamp::ImpactStart), Some(start));
    for other in [Stamp::Detected, Stamp::Diagnosed, Stamp::Mitigated] {
        assert_eq!(said(&world, other), None);
        let unknown = world.ask(stamp(other, None)).unwrap_err();
        assert_eq!(unknown.reason, Reason::WrongState);
    }
    let earlier = start.plus_ms(-MINUTE);
    world.ask(stamp(Stamp::ImpactStart, Some(earlier))).unwrap();
    assert_eq!(said(&world, Stamp::ImpactStart), Some(earlier));
    let Some(Body::IncidentTimeStamped(act)) = world.record.last().map(|act| &act.body) else {
        panic!("no time was said");
    };
    assert_eq!((act.at, act.was), (Some(earlier), Some(start)));
    let again = world.ask(stamp(Stamp::ImpactStart, Some(earlier)));
    assert_eq!(again.unwrap_err().reason, Reason::WrongState);
    // Some times are known only when it is over.
    let resolve = Resolve {
        incident: inc(1),
        summary: None,
    };
    world.ask(resolve).unwrap();
    world.ask(stamp(Stamp::Mitigated, Some(world.now))).unwrap();
    world.ask(stamp(Stamp::ImpactStart, None)).unwrap();
    assert_eq!(said(&world, Stamp::ImpactStart), None);
    assert_eq!(said(&world, Stamp::Mitigated), Some(world.now));
}

#[test]
fn nothing_happened_in_the_future() {
    let mut world = World::new();
    world.ask(declare("It is down")).unwrap();
    let ahead = stamp(Stamp::Detected, Some(world.now.plus_ms(6 * MINUTE)));
    assert_eq!(world.ask(ahead).unwrap_err().reason, Reason::OutOfRange);
    world
        .ask(stamp(Stamp::Detected, Some(world.now.plus_ms(5 * MINUTE))))
        .unwrap();
}
