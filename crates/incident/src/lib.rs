//! Incidents, alerts and heartbeats: what commands and signals lead to.
//!
//! Pure: a fold over acts ([`State`]) and functions that decide, from the state and a request,
//! which acts follow. Nothing here reads a clock or writes anything.

mod signal;

pub use signal::{AlertSignal, Phase};
