//! Ids that stand twice are found, in memory and out of it.

use base::ActId;

use super::{Ids, Sorted};

fn id(number: u64) -> ActId {
    let digest = record::hash::sha256(&[&number.to_le_bytes()]);
    ActId::from_bytes(digest.0[..16].try_into().unwrap())
}

#[test]
fn what_stands_twice_is_found_across_runs() {
    for run in [10, 100, 1 << 20] {
        let mut ids = Ids(Sorted::with_run(run));
        for index in 0..1_000 {
            ids.push(&id(index), index).unwrap();
        }
        assert_eq!(ids.repeated().unwrap(), []);
        let mut ids = Ids(Sorted::with_run(run));
        for index in 0..1_000 {
            let number = if index == 999 || index == 500 {
                7
            } else {
                index
            };
            ids.push(&id(number), index).unwrap();
        }
        assert_eq!(ids.repeated().unwrap(), [(500, 7), (999, 7)]);
    }
}
