//! What the kernel says of a thread that has taken a rank.

use super::*;

/// Policy, real-time priority and nice value of a new thread (proc(5), `/proc/PID/stat`), of its
/// child, and what it heard.
fn of_thread(rank: Rank) -> (io::Result<bool>, [i32; 3], [i32; 3]) {
    fn scheduled() -> [i32; 3] {
        let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // Behind the name, which is in parentheses, the state is the third field.
        let fields: Vec<&str> = text
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let field = |number: usize| fields[number - 3].parse().unwrap();
        [field(41), field(40), field(19)]
    }
    let thread = std::thread::spawn(move || {
        let taken = rank.take();
        let own = scheduled();
        let child = std::thread::spawn(|| {
            Rank::Behind.take().unwrap();
            scheduled()
        });
        (taken, own, child.join().unwrap())
    });
    thread.join().unwrap()
}

const OTHER: i32 = 0;
const ROUND_ROBIN: i32 = 2;

#[test]
fn the_kernel_knows_the_rank_of_a_thread() {
    let (behind, scheduled, _) = of_thread(Rank::Behind);
    assert_eq!((behind.unwrap(), scheduled), (false, [OTHER, 0, 5]));
    for (rank, priority, nice) in [(Rank::Answers, 1, -10), (Rank::Commits, 2, -15)] {
        let (taken, own, child) = of_thread(rank);
        match taken {
            Ok(true) => assert_eq!(own[..2], [ROUND_ROBIN, priority]),
            Ok(false) => assert_eq!(own, [OTHER, 0, nice]),
            // Not allowed here: it goes on as it was.
            Err(_) => assert_eq!(own[..2], [OTHER, 0]),
        }
        // Those who go behind do so wherever they come from.
        assert_eq!(child, [OTHER, 0, 5]);
    }
}
