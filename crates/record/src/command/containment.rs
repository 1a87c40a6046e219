//! What is asked for at the edges at once: bans, revocations, another tier.

use base::{IncidentId, Line, Name, Timestamp};

forms! {
    /// Answers clients with these addresses nothing. Asked again, the new end holds.
    Ban {
        /// Until when; none: until it is lifted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_at: Option<Timestamp>,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// Which addresses: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/64`.
        prefix: Line,
    }
    /// Lifts a ban.
    Unban {
        /// Which addresses, as they were banned.
        prefix: Line,
    }
    /// Lets nobody in with a certificate any more. It is named by its fingerprint, or by its issuer
    /// and serial.
    RevokeCertificate {
        /// SHA-256 of the certificate as DER, in hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Line>,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// SHA-256 of the issuer's name as DER, in hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<Line>,
        /// With the issuer: the certificate's number, in hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<Line>,
    }
    /// Has another tier of a route answer for a while, or goes back to the plan.
    OverrideFailover {
        /// In which cell; none: in each that has the route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cell: Option<Name>,
        /// Until when.
        ends_at: Timestamp,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// Of which route.
        route: Name,
        /// 0 is the primary; none: as planned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<u8>,
    }
}
