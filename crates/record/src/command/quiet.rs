//! What people ask for about alerts: silences, maintenance, heartbeats.

use std::collections::BTreeMap;

use base::{Line, Name, ServiceName, Severity, Timestamp};

use crate::kinds::page::PublicPlan;

forms! {
    /// Stops alerts with these labels from declaring or attaching for a while.
    Silence {
        /// Until when.
        ends_at: Timestamp,
        /// Label values that must all be equal.
        matchers: BTreeMap<Box<str>, Box<str>>,
    }
    /// Ends a silence early.
    EndSilence {
        /// Which silence.
        silence: Name,
    }
    /// Announces planned work on a service.
    ScheduleMaintenance {
        /// Until when.
        ends_at: Timestamp,
        /// What the public is told; nothing without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<PublicPlan>,
        /// Whose.
        service: ServiceName,
        /// From when.
        starts_at: Timestamp,
        /// What is done, in a line.
        title: Line,
    }
    /// Ends planned work early, or calls it off.
    EndMaintenance {
        /// Which window.
        maintenance: Name,
    }
    /// Expects a sign of life from now on.
    ExpectHeartbeat {
        /// How late one may be, in milliseconds.
        grace_ms: u64,
        /// What it is called.
        heartbeat: Name,
        /// How often one is expected, in milliseconds.
        interval_ms: u64,
        /// The service whose life it is a sign of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// With a severity, its silence declares an incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
    }
    /// Expects no sign of life any more.
    ForgetHeartbeat {
        /// Which.
        heartbeat: Name,
    }
}
