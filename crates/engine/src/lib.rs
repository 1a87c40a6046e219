//! The only writer: commands become acts, acts become state.
//!
//! Everything that changes something passes through here, in one order: prove who asks (on the
//! caller's thread) → decide against the state that includes what is still being written → write
//! and sync → sign → answer → publish. Storage, time and keys come in through [`ports`]; HTTP and
//! the command line are elsewhere.

mod access;
mod answers;
mod asking;
pub mod audit;
mod decider;
mod done_for;
pub mod drive;
mod follower;
mod growth;
mod handle;
mod judge;
mod lookup;
mod outlet;
pub mod ports;
mod prepare;
mod recent;
mod request;
mod sealing;
mod senders;
mod sessions;
mod settled;
mod signatures;
mod state;
mod writer;

pub use access::{Access, Key, Token, scope_for};
pub use decider::Decider;
pub use done_for::DoneFor;
pub use follower::View;
pub use growth::Growth;
pub use handle::{CannotStart, Duty, Engine, Options, fold};
pub use request::{Outcome, Receipt, Request, SignalReport, Signature, Transport};
pub use sealing::of_incident as key_of_incident;
pub use sessions::{BEYOND_SESSIONS, Login, Session, beyond_sessions};
pub use settled::{Batch, Settled};
pub use state::{LogState, State};

#[cfg(test)]
mod tests;
