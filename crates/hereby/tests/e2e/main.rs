//! hereby as its users meet it: the real binary, real peers, real disks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, in their helpers as well"
)]

mod alertmanager;
mod archive;
mod faults;
mod forge;
mod go_verifier;
mod harness;
mod kill;
mod story;
mod witness;
