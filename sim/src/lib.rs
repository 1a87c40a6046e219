//! The whole writer in a made-up world, all of which follows from one number.
//!
//! The engine is the real one, moved step by step ([`engine::drive`]). Everything around it is made
//! up: a disk that loses what was not synced ([`disk`]), a log in lines upon it ([`log`]), clients
//! whose messages are lost, doubled and reordered ([`client`]), a clock that jumps, a process that
//! dies at any point of the write path. After every step and every death a [`check`] holds the
//! invariants: what was acknowledged is there unchanged, a rebuild gives the same state, and each
//! command took effect at most once.
//!
//! The same seed gives the same bytes. `cargo run -p sim -- SEED` tells what happened.

pub mod check;
pub mod client;
pub mod dice;
pub mod disk;
pub mod log;
pub mod machine;
pub mod recover;
pub mod world;

use std::collections::BTreeMap;

use record::hash::Hash;

pub use check::Violation;
pub use machine::Bug;
pub use world::World;

/// How many steps a run has unless somebody says otherwise.
pub const STEPS: u32 = 400;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The log's bytes at the end.
    pub image: Vec<u8>,
    /// A hash over every line of the trace.
    pub trace: Hash,
    /// How often each thing happened that a run is meant to bring about.
    pub tally: BTreeMap<&'static str, u64>,
}

/// Plays `steps` steps from `seed`, then lets everything that was asked come to its end. `tell` is
/// shown each line of the trace.
///
/// # Errors
/// The first invariant that did not hold.
pub fn run(
    seed: u64,
    steps: u32,
    bug: Option<Bug>,
    tell: &mut dyn FnMut(&str),
) -> Result<Run, Violation> {
    let mut world = World::new(seed, bug, tell);
    for step in 1..=steps {
        world.step(step)?;
    }
    world.settle()
}
