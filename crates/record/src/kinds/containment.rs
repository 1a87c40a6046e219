//! What must reach every edge at once and goes back with no version: who is shut out, which
//! certificates are worth nothing, which tier answers.
//!
//! Texts stand in one spelling: who decides sees to that before they are written.

use base::{IncidentId, Line, Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::nothing_sealed;

/// Clients with these addresses are answered nothing from now on. Said again, the new end holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientBanned {
    /// Until when; none: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Which addresses (RFC 4632, RFC 5952): `192.0.2.0/24`, `2001:db8::/64`.
    pub prefix: Line,
}

/// A ban is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientUnbanned {
    /// Which addresses, as they were banned.
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

nothing_sealed!(
    ClientBanned,
    ClientUnbanned,
    CertificateRevoked,
    FailoverOverridden
);
