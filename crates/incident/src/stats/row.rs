//! One incident as the numbers see it, and how long each phase of it took. The one place that
//! knows what of an incident is counted.

use base::{Actor, IncidentId, ServiceName, Severity, Timestamp};
use record::kinds::incident::{Stamp, Status};

use crate::Summary;

/// What of an incident is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was acknowledged, the last time it was declared or reopened.
    pub acknowledged: Option<Timestamp>,
    /// Since when an acknowledgement was waited for: when it was declared, or reopened last.
    pub awaited_since: Timestamp,
    /// When it was declared.
    pub declared: Timestamp,
    /// When something or somebody noticed.
    pub detected: Option<Timestamp>,
    /// When the cause was known.
    pub diagnosed: Option<Timestamp>,
    /// Rehearsed, not real.
    pub drill: bool,
    /// The same as another incident, so not counted again.
    pub duplicate: bool,
    /// Its number.
    pub id: IncidentId,
    /// When customers began to be hurt.
    pub impact_start: Option<Timestamp>,
    /// When customers were hurt no more.
    pub mitigated: Option<Timestamp>,
    /// How it was noticed.
    pub noticed: Noticed,
    /// When it was resolved, if it is.
    pub resolved: Option<Timestamp>,
    /// What is affected.
    pub service: Option<ServiceName>,
    /// How bad it is.
    pub severity: Severity,
    /// How far it is.
    pub status: Status,
}

/// How an incident was noticed, as far as the record can tell. It never tells that a customer was
/// first, so there is no word for that: what is not surely from inside is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noticed {
    /// An alert that was attached to it had fired by the time it was declared.
    Alert,
    /// A program declared it: hereby itself (an alert rule, a heartbeat), or another with a token.
    Program,
    /// A person declared it, without such an alert. They may have seen it themselves or been told
    /// by a customer.
    Unknown,
}

/// A moment of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Customers began to be hurt.
    ImpactStart,
    /// Something or somebody noticed.
    Detected,
    /// It was declared.
    Declared,
    /// Somebody was on it.
    Acknowledged,
    /// The cause was known.
    Diagnosed,
    /// Customers were hurt no more.
    Mitigated,
    /// It was over.
    Resolved,
}

/// From one moment of an incident to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Impact start to detected (TTD).
    Detect,
    /// Detected to declared.
    Declare,
    /// Declared, or reopened last, to acknowledged.
    Acknowledge,
    /// Detected to diagnosed.
    Diagnose,
    /// Impact start to mitigated.
    Mitigate,
    /// Impact start to resolved (TTR).
    Repair,
}

/// How long a phase of one incident took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many milliseconds, zero or more.
    Took(i64),
    /// It goes on, for so many milliseconds by now: at least that long.
    Ongoing(i64),
    /// Nobody said when it began, or when it ended.
    Missing {
        /// When it began is missing.
        from: bool,
        /// When it ended is missing.
        to: bool,
    },
    /// It ended before it began, by what was said, or begins in the future.
    Contradictory,
}

impl Moment {
    /// As in the API: `impact_start`.
    pub const fn word(self) -> &'static str {
        match self {
            Moment::ImpactStart => "impact_start",
            Moment::Detected => "detected",
            Moment::Declared => "declared",
            Moment::Acknowledged => "acknowledged",
            Moment::Diagnosed => "diagnosed",
            Moment::Mitigated => "mitigated",
            Moment::Resolved => "resolved",
        }
    }
}

impl Phase {
    /// Every phase, in the order in which they usually come.
    pub const ALL: [Phase; 6] = [
        Phase::Detect,
        Phase::Declare,
        Phase::Acknowledge,
        Phase::Diagnose,
        Phase::Mitigate,
        Phase::Repair,
    ];

    /// As in the API: `detect`.
    pub const fn word(self) -> &'static str {
        match self {
            Phase::Detect => "detect",
            Phase::Declare => "declare",
            Phase::Acknowledge => "acknowledge",
            Phase::Diagnose => "diagnose",
            Phase::Mitigate => "mitigate",
            Phase::Repair => "repair",
        }
    }

    /// What it begins with.
    pub const fn from(self) -> Moment {
        match self {
            Phase::Detect | Phase::Mitigate | Phase::Repair => Moment::ImpactStart,
            Phase::Declare | Phase::Diagnose => Moment::Detected,
            Phase::Acknowledge => Moment::Declared,
        }
    }

    /// What it ends with.
    pub const fn to(self) -> Moment {
        match self {
            Phase::Detect => Moment::Detected,
            Phase::Declare => Moment::Declared,
            Phase::Acknowledge => Moment::Acknowledged,
            Phase::Diagnose => Moment::Diagnosed,
            Phase::Mitigate => Moment::Mitigated,
            Phase::Repair => Moment::Resolved,
        }
    }
}

impl Outcome {
    /// How long it took, if it is over and known.
    pub fn took_ms(self) -> Option<i64> {
        match self {
            Outcome::Took(ms) => Some(ms),
            _ => None,
        }
    }
}

impl Row {
    /// What is counted of this incident.
    pub fn of(summary: &Summary) -> Row {
        let said = |stamp| summary.times.get(&stamp).map(|said| said.at);
        let by_alert = summary
            .first_alert_at
            .is_some_and(|fired| fired <= summary.declared_at);
        let noticed = match summary.declared_by {
            _ if by_alert => Noticed::Alert,
            Actor::Service { .. } | Actor::System { .. } => Noticed::Program,
            Actor::Person { .. } | Actor::Uid { .. } => Noticed::Unknown,
        };
        Row {
            acknowledged: summary.acknowledged.as_ref().map(|(at, _)| *at),
            awaited_since: summary.reopened_at.unwrap_or(summary.declared_at),
            declared: summary.declared_at,
            detected: said(Stamp::Detected),
            diagnosed: said(Stamp::Diagnosed),
            drill: summary.drill,
            duplicate: summary.duplicate_of().is_some(),
            id: summary.id,
            impact_start: said(Stamp::ImpactStart),
            mitigated: said(Stamp::Mitigated),
            noticed,
            resolved: summary.resolved_at,
            service: summary.service.clone(),
            severity: summary.severity,
            status: summary.status,
        }
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }

    /// How long this phase took, if it is `now` now.
    pub fn measure(&self, phase: Phase, now: Timestamp) -> Outcome {
        let from = match phase {
            Phase::Acknowledge => Some(self.awaited_since),
            _ => self.at(phase.from()),
        };
        let to = self.at(phase.to());
        let goes_on = to.is_none() && self.is_ahead_of(phase);
        match (from, to) {
            (Some(from), Some(to)) if from <= to => Outcome::Took(to.ms_since(from)),
            (Some(_), Some(_)) => Outcome::Contradictory,
            (Some(from), None) if goes_on => match now.ms_since(from) {
                ms @ 0.. => Outcome::Ongoing(ms),
                _ => Outcome::Contradictory,
            },
            (from, to) => Outcome::Missing {
                from: from.is_none(),
                to: to.is_none() && !goes_on,
            },
        }
    }

    fn at(&self, moment: Moment) -> Option<Timestamp> {
        match moment {
            Moment::ImpactStart => self.impact_start,
            Moment::Detected => self.detected,
            Moment::Declared => Some(self.declared),
            Moment::Acknowledged => self.acknowledged,
            Moment::Diagnosed => self.diagnosed,
            Moment::Mitigated => self.mitigated,
            Moment::Resolved => self.resolved,
        }
    }

    /// Whether the end of the phase can still come. What was declared has been detected, and a
    /// status may say that the end was there and only its time is missing.
    fn is_ahead_of(&self, phase: Phase) -> bool {
        self.is_open()
            && match phase {
                Phase::Detect | Phase::Declare => false,
                Phase::Diagnose => self.status == Status::Investigating,
                Phase::Mitigate => {
                    matches!(self.status, Status::Investigating | Status::Identified)
                }
                Phase::Acknowledge | Phase::Repair => true,
            }
    }
}
