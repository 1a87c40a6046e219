//! Places for connections.

use std::net::IpAddr;

use super::{Slots, peer_key};
use crate::limits::Limits;

#[test]
fn places_are_counted_by_peer_in_total_and_apart_for_the_local_socket() {
    let limits = Limits {
        tcp_connections_max: 3,
        tcp_connections_per_peer_max: 2,
        local_connections_max: 1,
        ..Limits::default()
    };
    let slots = Slots::new(&limits);
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let first = slots.take(address("192.0.2.1")).ok().unwrap();
    let _second = slots.take(address("192.0.2.1")).ok().unwrap();
    assert_eq!(
        slots.take(address("192.0.2.1")).err(),
        Some("too_many_of_peer")
    );
    let _third = slots.take(address("192.0.2.2")).ok().unwrap();
    assert_eq!(slots.take(address("192.0.2.3")).err(), Some("too_many"));
    let _local = slots.take(None).ok().unwrap();
    assert_eq!(slots.take(None).err(), Some("too_many_local"));
    drop(first);
    assert!(slots.take(address("192.0.2.1")).is_ok());
    assert_eq!(slots.taken.lock().unwrap().peers.len(), 2);
}

#[test]
fn one_ipv6_network_is_one_peer() {
    let key = |text: &str| peer_key(text.parse().unwrap());
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
}
