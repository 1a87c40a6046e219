//! hereby as its users meet it: the real binary, real peers, real disks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "tests fail by panicking, say what they did, and tell a story in one piece"
)]

mod alertmanager;
mod archive;
mod auditor;
mod backup;
mod browser;
mod chat;
mod console;
mod containment;
mod cryptominer;
mod directory;
#[path = "../shared/driver.rs"]
mod driver;
mod edge_page;
mod faults;
mod fleet_page;
mod forge;
mod gameday;
mod go_verifier;
mod harness;
mod kill;
mod looks;
mod oidc;
mod page;
mod review;
mod secrets;
mod service;
mod stats;
mod story;
mod subscribers;
mod tickets;
mod upgrade;
mod witness;
mod work;
