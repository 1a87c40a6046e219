//! When a connection may stay.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{Connection, Peer, Verdict};
use crate::limits::Limits;

#[test]
fn a_connection_may_be_idle_for_a_while_and_busy_for_a_while() {
    let limits = Limits::default();
    let start = Instant::now();
    let connection = Connection::new(Peer::Plain(IpAddr::V4(Ipv4Addr::LOCALHOST)), start);
    let after = |time: Duration| connection.verdict(&limits, start + time);
    let beginning = limits.first_byte_time_max + limits.head_time_max;
    assert_eq!(after(beginning), Verdict::Stay);
    assert_eq!(after(beginning + Duration::from_secs(1)), Verdict::Idle);

    let ticket = connection.begin(start);
    assert_eq!(after(limits.request_time_max), Verdict::Stay);
    assert_eq!(
        after(limits.request_time_max + Duration::from_secs(1)),
        Verdict::Stuck
    );
    drop(ticket);

    let mut events = connection.begin(start);
    events.never_ends();
    assert_eq!(after(Duration::from_secs(86_400)), Verdict::Stay);
    drop(events);
    assert_eq!(
        after(limits.idle_time_max + Duration::from_secs(5)),
        Verdict::Idle
    );
}
