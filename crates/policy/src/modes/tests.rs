//! What is declared for each dependency, and the page that says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::certificate::{
    Authority, Builder, Knowledge, Link, Presented, Revocations, Serial, authorise,
};
use crate::failover::{Failover, Posture};
use crate::health::Health;
use crate::{Moment, Reason, config};

const PAGE: &str = include_str!("../../../../docs/reference/edge-modes.md");

#[test]
fn the_page_has_the_table() {
    assert!(
        PAGE.contains(&table()),
        "docs/reference/edge-modes.md should hold:\n{}",
        table()
    );
}

#[test]
fn each_dependency_stands_in_the_table_once() {
    let all: BTreeSet<Dependency> = Dependency::ALL.iter().copied().collect();
    assert_eq!(all.len(), Dependency::ALL.len());
    assert_eq!(all.last(), Some(&Dependency::BanList), "the last variant");
    assert_eq!(all.len(), Dependency::BanList as usize + 1);
}

#[test]
fn every_reason_that_the_table_names_exists() {
    let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let page = table();
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    assert!(named.len() > 5);
    for name in named {
        // Or a figure's: metrics begin so, and no reason does.
        if name.starts_with("edge_") {
            continue;
        }
        assert!(names.contains(name), "`{name}` is no reason");
    }
}

/// Authentication and revocation fail closed; what only watches fails open.
#[test]
fn who_may_come_in_is_closed_and_what_only_watches_is_open() {
    let of = |wanted| {
        let all = Dependency::ALL.iter().copied();
        all.filter(|one| mode(*one) == wanted).collect::<Vec<_>>()
    };
    use Dependency as D;
    assert_eq!(
        of(Mode::Closed),
        [
            D::ClockJump,
            D::ClientCas,
            D::RevocationList,
            D::Crl,
            D::Upstream
        ]
    );
    assert_eq!(
        of(Mode::Open),
        [
            D::Control,
            D::Disk,
            D::CertificateFiles,
            D::Dns,
            D::AccessLog,
            D::Metrics,
            D::BanList
        ]
    );
}

const NOW: i64 = 1_795_000_000;

fn ask(cas: &[[u8; 32]], revocations: Knowledge, now_s: i64) -> Mode {
    let presented = Presented {
        leaf: Link {
            fingerprint: [1; 32],
            issuer: [2; 32],
            serial: Serial::new(&[3]).unwrap(),
            not_before_s: NOW - 10,
            not_after_s: NOW + 10,
        },
        above: [].into(),
        root: [9; 32],
    };
    let authority = Authority {
        cas: cas.to_vec(),
        revocations,
        optional: true,
    };
    // Other tenants, and who shows none where none is needed, are served in any case.
    assert_eq!(authorise(None, None, true, now_s), Ok(()));
    assert_eq!(authorise(Some(&authority), None, true, now_s), Ok(()));
    match authorise(Some(&authority), Some(&presented), true, now_s) {
        Ok(()) => Mode::Open,
        Err(_) => Mode::Closed,
    }
}

fn known(revocations: Revocations) -> Knowledge {
    Knowledge::Known(Arc::new(revocations))
}

fn crl(next_update_s: i64) -> Knowledge {
    let mut builder = Builder::default();
    builder
        .crl([2; 32], NOW - 10, Some(next_update_s), [])
        .unwrap();
    known(builder.build())
}

#[test]
fn certificates_keep_to_their_modes() {
    let cas = [[9; 32]];
    assert_eq!(
        ask(&cas, known(Builder::default().build()), NOW),
        Mode::Open
    );
    assert_eq!(ask(&cas, crl(NOW + 10), NOW), Mode::Open);
    let failed = [
        (
            Dependency::ClientCas,
            ask(&[], known(Builder::default().build()), NOW),
        ),
        (
            Dependency::RevocationList,
            ask(&cas, Knowledge::Missing("line 3".into()), NOW),
        ),
        (Dependency::Crl, ask(&cas, crl(NOW - 1), NOW)),
        (
            Dependency::ClockJump,
            ask(&cas, crl(NOW + 10), NOW + 1_000_000),
        ),
        (
            Dependency::ClockJump,
            ask(&cas, crl(NOW + 10), NOW - 1_000_000),
        ),
    ];
    for (dependency, happened) in failed {
        assert_eq!(happened, mode(dependency), "{dependency:?}");
    }
}

#[test]
fn an_upstream_that_fails_is_refused_until_the_plan_has_another() {
    let outlier = config::Outlier {
        failures: 1,
        eject_ms: 1,
        ejected_ppm_max: 0,
    };
    let mut health = Health::new(1, None, &outlier);
    health.probed(0, false);
    assert!(!health.any_usable(Moment(0)));
    assert_eq!(mode(Dependency::Upstream), Mode::Closed);
    let plan = config::Failover {
        wait_ms: 900_000,
        hold_ms: 1,
    };
    let tiers = vec!["primary".into(), "mirror".into()];
    let mut route = Failover::new(&plan, tiers, Moment(0));
    route.step(Moment(0), &[false, true]);
    assert_eq!((route.serving(), route.posture()), (0, Posture::Degraded));
    route.step(Moment(900_000_000), &[false, true]);
    assert_eq!(route.serving(), 1);
}
