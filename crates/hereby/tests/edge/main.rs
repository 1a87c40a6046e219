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
mod beside;
mod break_glass;
mod browser;
mod by_hand;
mod caps;
mod certificates;
mod clock;
mod contained;
mod corpus;
mod dns;
#[path = "../shared/driver.rs"]
mod driver;
mod failover;
mod failover_peers;
mod faults;
mod files;
mod fleet;
mod fleet_peers;
mod gone;
mod grpc;
mod harness;
mod headers;
mod http2_limits;
mod isolation;
mod modes;
mod modes_peers;
mod mutual_tls;
mod promises;
mod proxy;
mod proxy_bodies;
mod proxy_seen;
mod proxy_server;
mod proxy_upstreams;
mod proxy_ways;
mod reload;
mod revocation;
mod site;
mod slow;
mod switches;
mod tls;
mod tls_peers;
mod up;
mod upgrade;
mod upgrade_peers;
mod uploads;
mod watching;
