//! The server from outside: over real sockets, on a record in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod alerts;
mod bounds;
mod commands;
mod containment;
mod events;
mod fleet;
mod memory;
mod reading;
mod review;
mod schema;
mod secure;
mod sessions;
mod sight;
mod stats;
mod subscribers;
mod table;
mod tokens;
mod wire;
mod world;
