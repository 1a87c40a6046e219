//! What alerts do, and when people are reminded. Comes from `hereby.toml`, not from the record:
//! what was done because of a rule is an act, the rule is not.

use std::collections::BTreeMap;

use base::{Name, Severity};

use crate::Channel;

/// The source that sends each firing alert again and again, and whose restarts change the start.
pub(crate) const REFRESHING_SOURCE: &str = "prometheus";

/// What an alert that matches a rule leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An incident is declared, unless an open one takes the alert.
    Declare(Severity),
    /// It joins an open incident it belongs to; else it waits to be declared by a person.
    Offer,
    /// Nothing is recorded.
    Ignore,
}

/// The first rule whose labels all match decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// What it is called in the acts it leads to.
    pub name: Name,
    /// Label values that must all be equal. None: every alert.
    pub matchers: BTreeMap<Box<str>, Box<str>>,
    /// What happens.
    pub action: Action,
}

/// Everything a decision is configured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Tried in order; an alert that none matches is offered.
    pub alert_rules: Vec<AlertRule>,
    /// Two alerts with the same values of these labels belong to one incident; an alert that
    /// lacks one of them belongs with others of the same `alertname`.
    pub attach_by: Vec<Box<str>>,
    /// An alert from a source that refreshes (Prometheus sends each alert again and again) ends as
    /// timed out when nothing is heard of it for so long, in milliseconds.
    pub resolve_timeout_ms: i64,
    /// The same for sources that say each thing once or repeat it after hours (Alertmanager's
    /// webhook, PagerDuty's shape), in milliseconds.
    pub quiet_timeout_ms: i64,
    /// An unacknowledged declaration is brought up again after so long, in milliseconds.
    pub remind_after_ms: i64,
    /// How often at most.
    pub reminders_max: u32,
    /// Where acts of incidents are said beside here.
    pub channels: Vec<Channel>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            alert_rules: Vec::new(),
            attach_by: vec!["service".into()],
            resolve_timeout_ms: 5 * 60_000,
            quiet_timeout_ms: 24 * 3_600_000,
            remind_after_ms: 5 * 60_000,
            reminders_max: 12,
            channels: Vec::new(),
        }
    }
}

impl Rules {
    /// How long an alert of this source counts as firing without being heard of again.
    pub(crate) fn timeout_ms(&self, source: &Name) -> i64 {
        if source.as_str() == REFRESHING_SOURCE {
            self.resolve_timeout_ms
        } else {
            self.quiet_timeout_ms
        }
    }

    /// The rule that decides about an alert with these labels.
    pub(crate) fn matching(&self, labels: &BTreeMap<Box<str>, Box<str>>) -> Option<&AlertRule> {
        self.alert_rules
            .iter()
            .find(|rule| matches_all(&rule.matchers, labels))
    }
}

/// Whether every matcher's label has its value.
pub(crate) fn matches_all(
    matchers: &BTreeMap<Box<str>, Box<str>>,
    labels: &BTreeMap<Box<str>, Box<str>>,
) -> bool {
    matchers
        .iter()
        .all(|(name, value)| labels.get(name) == Some(value))
}
