//! What is asked for at the edges at once: bans, revocations, another tier.

use std::collections::BTreeSet;

use base::{IncidentId, Line, Name, ServiceName, Timestamp};

use crate::kinds::containment::Posture;

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
    /// Turns a switch off. Asked again, the new end holds.
    TurnSwitchOff {
        /// Until when; none: until somebody turns it on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_at: Option<Timestamp>,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// Which: `feature/NAME`, `limit/NAME`, `route/NAME` or `tenant/NAME`.
        switch: Line,
    }
    /// Turns a switch on again.
    TurnSwitchOn {
        /// Which.
        switch: Line,
    }
    /// Says how a service works.
    SetPosture {
        /// Until when, then as usual; none: until another is set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_at: Option<Timestamp>,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// How.
        posture: Posture,
        /// Which service.
        service: ServiceName,
    }
    /// Says what a client certificate was used for. hereby says it itself.
    ReportCertificate {
        /// The compartment whose edge it was.
        cell: Line,
        /// SHA-256 of the certificate as DER: 64 hexadecimal digits in lower case.
        fingerprint: Line,
        /// The first use that its edge knows of.
        first_at: Timestamp,
        /// SHA-256 of the issuer's name as DER, written likewise.
        issuer: Line,
        /// The last use.
        last_at: Timestamp,
        /// The last one that was let in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_let_through_at: Option<Timestamp>,
        /// Requests since the first that it let in, whatever became of them then.
        let_through: u64,
        /// Of those, since it is revoked: none, unless something is wrong.
        let_through_after: u64,
        /// Networks they came from, at most 8: /24 of IPv4, /48 of IPv6.
        prefixes: BTreeSet<Line>,
        /// Requests since the first that were refused because of it.
        refused: u64,
        /// Of those, since it is revoked.
        refused_after: u64,
        /// Its number among its issuer's: 2 to 40 hexadecimal digits in lower case, whole bytes.
        serial: Line,
        /// Whose traffic it was.
        tenant: Line,
    }
}
