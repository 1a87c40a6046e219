//! Records come back in order, out of memory and out of files.

use super::Sorted;

#[test]
fn records_come_back_in_order_across_runs() {
    for run in [1, 10, 100, 1 << 20] {
        let mut sorted = Sorted::<2>::with_run(run);
        for number in 0..1_000_u64 {
            sorted.push([number * 7 % 1_000, number]).unwrap();
        }
        let mut merged = sorted.merged().unwrap();
        for number in 0..1_000 {
            assert_eq!(merged.next().unwrap().unwrap()[0], number, "{run}");
        }
        assert_eq!(merged.next().unwrap(), None);
    }
}
