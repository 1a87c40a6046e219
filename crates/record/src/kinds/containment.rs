//! What must reach every edge at once and goes back with no version: who is shut out, which
//! certificates are worth nothing, which tier answers.
//!
//! Texts stand in one spelling: who decides sees to that before they are written.

use std::collections::BTreeSet;

use base::{IncidentId, Line, Name, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{nothing_sealed, words};

/// Clients with these addresses, or with this certificate, are answered nothing from now on. Said
/// again, the new end holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientBanned {
    /// Until when; none: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Which addresses (RFC 4632, RFC 5952): `192.0.2.0/24`, `2001:db8::/64`; or which certificate:
    /// `sha256:` and the SHA-256 of it as DER, 64 hexadecimal digits in lower case.
    pub prefix: Line,
}

/// A ban is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientUnbanned {
    /// Which addresses or certificate, as they were banned.
    pub prefix: Line,
}

/// A certificate lets nobody in any more, for ever. It is named by its fingerprint, or by its number
/// among its issuer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRevoked {
    /// SHA-256 of the certificate as DER: 64 hexadecimal digits in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Line>,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// SHA-256 of the issuer's name as DER: 64 hexadecimal digits in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Line>,
    /// With the issuer: the certificate's number, 2 to 40 hexadecimal digits in lower case, whole
    /// bytes and none of them zero at the front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Line>,
}

/// Another tier of a route answers for a while, whatever was planned; or the plan holds, whatever
/// was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailoverOverridden {
    /// In which cell; none: in each that has the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Name>,
    /// Until when.
    pub ends_at: Timestamp,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Of which route.
    pub route: Name,
    /// 0 is the primary; none: as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
}

/// What a client certificate was used for at a tenant, as an edge counted it: when it is first seen,
/// again at most once a day, and when it is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateUsed {
    /// The compartment whose edge it was.
    pub cell: Line,
    /// SHA-256 of the certificate as DER: 64 hexadecimal digits in lower case.
    pub fingerprint: Line,
    /// The first use that its edge knows of.
    pub first_at: Timestamp,
    /// SHA-256 of the issuer's name as DER, written likewise.
    pub issuer: Line,
    /// The last use.
    pub last_at: Timestamp,
    /// The last one that was let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_let_through_at: Option<Timestamp>,
    /// Requests since the first that it let in, whatever became of them then.
    pub let_through: u64,
    /// Of those, since it is revoked: none, unless something is wrong.
    pub let_through_after: u64,
    /// Networks they came from, at most 8: /24 of IPv4, /48 of IPv6.
    pub prefixes: BTreeSet<Line>,
    /// Requests since the first that were refused because of it.
    pub refused: u64,
    /// Of those, since it is revoked.
    pub refused_after: u64,
    /// Its number among its issuer's: 2 to 40 hexadecimal digits in lower case, whole bytes.
    pub serial: Line,
    /// Whose traffic it was.
    pub tenant: Line,
}

words! {
    /// How a service works.
    Posture {
        /// As usual.
        Normal = "normal",
        /// Without what can be missed.
        Degraded = "degraded",
        /// With nothing but what was declared as the least.
        Safe = "safe",
    }
}

/// A switch is off from now on. Said again, the new end holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchTurnedOff {
    /// Until when; none: until somebody turns it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Which: `feature/NAME`, `limit/NAME`, `route/NAME` or `tenant/NAME`.
    pub switch: Line,
}

/// A switch is on again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchTurnedOn {
    /// Which, as it was turned off.
    pub switch: Line,
}

/// A service works so from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostureSet {
    /// Until when, then as usual; none: until another is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// How.
    pub posture: Posture,
    /// Which service.
    pub service: ServiceName,
}

nothing_sealed!(
    SwitchTurnedOff,
    SwitchTurnedOn,
    PostureSet,
    ClientBanned,
    ClientUnbanned,
    CertificateRevoked,
    CertificateUsed,
    FailoverOverridden
);
