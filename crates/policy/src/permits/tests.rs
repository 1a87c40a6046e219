//! There are never more out than there are, and none is lost.

use proptest::prelude::*;

use super::Permits;

#[test]
fn there_are_so_many_and_no_more() {
    let permits = Permits::new(2);
    let one = permits.try_take().unwrap();
    let two = permits.clone().try_take().unwrap();
    assert!(permits.try_take().is_none());
    drop(one);
    assert_eq!(permits.taken(), 1);
    let three = permits.try_take();
    assert!(three.is_some());
    drop((two, three));
    assert_eq!(permits.taken(), 0);
    assert!(Permits::new(0).try_take().is_none());
}

#[test]
fn a_shared_one_comes_back_with_its_last_holder() {
    let permits = Permits::new(1);
    let one = permits.try_take().unwrap().share();
    let other = one.clone();
    drop(one);
    assert!(permits.try_take().is_none());
    drop(other);
    assert!(permits.try_take().is_some());
}

#[test]
fn a_permit_comes_back_from_a_panic() {
    let permits = Permits::new(1);
    let held = permits.clone();
    let outcome = std::panic::catch_unwind(move || {
        let _permit = held.try_take().unwrap();
        panic!("in the middle of a request");
    });
    assert!(outcome.is_err());
    assert_eq!(permits.taken(), 0);
}

proptest! {
    #[test]
    fn what_is_out_is_counted(steps in proptest::collection::vec((0_u32..3, 0_u32..6), 1..100)) {
        let permits = Permits::new(3);
        let mut out = Vec::new();
        for (step, number) in steps {
            match step {
                0 => {
                    let room = out.len() < permits.max() as usize;
                    let permit = permits.try_take();
                    prop_assert_eq!(permit.is_some(), room);
                    out.extend(permit);
                }
                1 => drop(out.pop()),
                _ => permits.set_max(number),
            }
            prop_assert_eq!(permits.taken() as usize, out.len());
        }
    }
}
