//! Buckets empty, fill, and stay few.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{BUCKETS_MAX, Class, Rates, Who};
use crate::limits::Limits;

fn rates() -> Rates {
    Rates::new(&Limits {
        commands_per_second: 2,
        commands_burst: 3,
        ..Limits::default()
    })
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let (rates, start) = (rates(), Instant::now());
    let who = Who::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    for _ in 0..3 {
        assert_eq!(rates.take(&who, Class::Command, start), Ok(()));
    }
    let wait = rates.take(&who, Class::Command, start).unwrap_err();
    assert!(
        wait > Duration::from_millis(490) && wait < Duration::from_millis(510),
        "{wait:?}"
    );
    assert_eq!(
        rates.take(&who, Class::Read, start),
        Ok(()),
        "classes are apart"
    );
    let later = start + Duration::from_millis(501);
    assert_eq!(rates.take(&who, Class::Command, later), Ok(()));
    assert!(rates.take(&who, Class::Command, later).is_err());
}

#[test]
fn the_local_socket_may_ten_times_as_often() {
    let (rates, now) = (rates(), Instant::now());
    let given = (0..100)
        .filter(|_| rates.take(&Who::Uid(0), Class::Command, now).is_ok())
        .count();
    assert_eq!(given, 30);
}

#[test]
fn callers_beyond_the_bound_share_a_bucket() {
    let (rates, now) = (rates(), Instant::now());
    let address = |n: usize| Who::Address(IpAddr::V4(Ipv4Addr::from_bits(n as u32)));
    for n in 0..BUCKETS_MAX {
        assert_eq!(rates.take(&address(n), Class::Command, now), Ok(()));
    }
    let beyond = (0..10)
        .filter(|n| {
            rates
                .take(&address(BUCKETS_MAX + n), Class::Command, now)
                .is_ok()
        })
        .count();
    assert_eq!(beyond, 3, "they share one burst");
    let later = now + Duration::from_secs(10);
    assert_eq!(
        rates.take(&address(BUCKETS_MAX + 1), Class::Command, later),
        Ok(())
    );
    assert!(
        rates.buckets.lock().unwrap().len() < 10,
        "full buckets are forgotten"
    );
}
