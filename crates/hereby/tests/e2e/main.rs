//! hereby as its users meet it: the real binary, real peers, real disks.

mod alertmanager;
mod faults;
mod forge;
mod go_verifier;
mod harness;
mod kill;
mod story;
mod witness;
