//! The edge as users meet it: the real binary in front of real servers, asked by real clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a table of entries, or a story, is one thought however long"
)]

mod acme;
mod corpus;
mod dns;
mod failover;
mod failover_peers;
mod faults;
mod harness;
mod isolation;
mod mutual_tls;
mod proxy;
mod proxy_bodies;
mod proxy_seen;
mod proxy_server;
mod proxy_upstreams;
mod proxy_ways;
mod slow;
mod tls;
mod tls_peers;
mod upgrade;
mod upgrade_peers;
