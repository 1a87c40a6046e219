//! How a version reaches the edges, and goes back: the plan by which it is brought out, a checker of
//! plans that was written apart, and the test that says whether what was changed does worse than what
//! was not.
//!
//! Pure: time, measurements and seeds are parameters. What is carried out, and written on the record, is
//! `engine`'s.

mod back;
pub mod changes;
pub mod check;
mod decide;
pub mod drawn;
pub mod floor;
pub mod glass;
pub mod judge;
pub mod plan;
mod reach;
pub mod root;
pub mod sequential;
pub mod simulate;
pub mod state;
pub mod template;
pub mod traffic;
pub mod watch;

pub use decide::{Asked, decide};
pub use reach::draw;
pub use state::State;

#[cfg(test)]
mod tests;
