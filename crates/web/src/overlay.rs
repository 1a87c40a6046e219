//! What edges are told at once, as JSON: what they read from a file beside them, and what the API
//! shows.

use base::Timestamp;
use engine::State;
use incident::Certificate;
use serde::Serialize;

/// The form's version. An edge takes no other.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Overlay<'a> {
    version: u32,
    sequence: u64,
    bans: Vec<Ban<'a>>,
    revoked: Vec<Revoked<'a>>,
    failovers: Vec<Failover<'a>>,
    /// Left out where there are none: an older edge knows neither.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    switches: Vec<Switch<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    postures: Vec<Postured<'a>>,
}

/// What is off.
#[derive(Serialize)]
struct Switch<'a> {
    switch: &'a str,
    until_ms: Option<i64>,
}

#[derive(Serialize)]
struct Postured<'a> {
    service: &'a str,
    posture: &'static str,
    until_ms: Option<i64>,
}

#[derive(Serialize)]
struct Ban<'a> {
    prefix: &'a str,
    until_s: Option<i64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Revoked<'a> {
    Fingerprint { sha256: &'a str },
    Numbered { issuer: &'a str, serial: &'a str },
}

#[derive(Serialize)]
struct Failover<'a> {
    /// Left out where it holds in each cell that has the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<&'a str>,
    route: &'a str,
    tier: Option<u8>,
    until_ms: i64,
    reason: &'a str,
}

/// Everything that holds now.
///
/// # Errors
/// Never, as far as anybody knows: it is text and integers.
pub fn overlay(state: &State, now: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
    let containment = &state.incidents.containment;
    let bans = containment.bans(now).map(|(prefix, ban)| Ban {
        prefix: prefix.as_str(),
        // Not a moment too early.
        until_s: ban
            .ends_at
            .map(|end| end.as_ms().div_euclid(1_000) + i64::from(end.as_ms() % 1_000 != 0)),
    });
    let revoked = containment
        .revocations()
        .map(|(name, _)| match Certificate::of(name) {
            Certificate::Fingerprint(sha256) => Revoked::Fingerprint { sha256 },
            Certificate::Numbered { issuer, serial } => Revoked::Numbered { issuer, serial },
        });
    // Of what is said of one route, here and for each cell, the last word stands last.
    let mut overrides: Vec<_> = containment.overrides(now).map(|(_, it)| it).collect();
    overrides.sort_by_key(|it| it.said.at);
    let failovers = overrides.into_iter().map(|it| Failover {
        cell: it.cell.as_ref().map(base::Name::as_str),
        route: it.route.as_str(),
        tier: it.tier,
        until_ms: it.ends_at.as_ms(),
        reason: it.said.why.as_ref().map_or("", base::Line::as_str),
    });
    let switches = state.incidents.switches.off(now).map(|(name, it)| Switch {
        switch: name.as_str(),
        until_ms: it.ends_at.map(Timestamp::as_ms),
    });
    let postures = state.incidents.switches.postures(now);
    let postures = postures.map(|(service, it)| Postured {
        service: service.as_str(),
        posture: it.posture.as_str(),
        until_ms: it.ends_at.map(Timestamp::as_ms),
    });
    serde_json::to_vec(&Overlay {
        version: VERSION,
        sequence: state.overlay_sequence,
        bans: bans.collect(),
        revoked: revoked.collect(),
        failovers: failovers.collect(),
        switches: switches.collect(),
        postures: postures.collect(),
    })
}
