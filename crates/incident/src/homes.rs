//! Which open incident an alert belongs to, and what is done about it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::{AlertId, IncidentId, Line, Prose, ServiceName, Timestamp};
use record::act::Subject;
use record::kinds::incident::{AlertAttached, ClockSeen, Declared};

use crate::commands::ATTACHED_ALERTS_MAX;
use crate::groups::Groups;
use crate::rules::Action;
use crate::{Draft, Incident, Rules, State, surroundings};

/// An alert that looks for its incident.
pub(crate) struct Placed<'a> {
    pub(crate) id: AlertId,
    pub(crate) drill: bool,
    pub(crate) labels: &'a BTreeMap<Box<str>, Box<str>>,
    pub(crate) starts_at: Timestamp,
    pub(crate) title: &'a Line,
}

/// Where an alert belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home<'a> {
    /// Into the oldest open incident that takes such alerts and has room.
    In(&'a Incident),
    /// Beside these incidents, all of which are full: the newest of them is named.
    Beside(&'a Incident),
    /// No open incident takes such alerts.
    Nowhere,
}

/// What is done about an alert, and why if that needs saying. No drafts: it waits for a person.
#[derive(Debug, Default)]
pub(crate) struct Placement {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) why: Option<Prose>,
}

/// Attaches the alert to the incident it belongs to, or declares one: if a rule says so, or if the
/// incidents it belongs to are full. An alert that belongs to an incident is never left outside.
pub(crate) fn place(
    state: &State,
    alert: &Placed<'_>,
    home: Home<'_>,
    rules: &Rules,
    clock: Option<ClockSeen>,
) -> Placement {
    let attached = AlertAttached {
        alert: alert.id,
        moved_from: None,
    };
    if let Home::In(incident) = home {
        return Placement {
            drafts: vec![Draft::new(Subject::Incident(incident.summary.id), attached)],
            why: None,
        };
    }
    let full = match home {
        Home::Beside(incident) => Some(&incident.summary),
        _ => None,
    };
    let by_rule = match rules.matching(alert.labels).map(|rule| rule.action) {
        Some(Action::Declare(severity)) => Some(severity),
        _ => None,
    };
    let Some(severity) = by_rule.or(full.map(|full| full.severity)) else {
        return Placement::default();
    };
    let Some(number) = state.incidents_declared.checked_add(1) else {
        return Placement::default();
    };
    let id = IncidentId::from_number(number);
    let service = alert.labels.get("service");
    let service: Option<ServiceName> = service.and_then(|service| service.parse().ok());
    let declared = Declared {
        drill: alert.drill,
        impact_start: Some(alert.starts_at),
        private: false,
        surroundings: surroundings::seen(state, service.as_ref(), clock),
        service,
        severity,
        template: None,
        title: alert.title.clone().into(),
    };
    let subject = Subject::Incident(id);
    Placement {
        drafts: vec![
            Draft::new(subject.clone(), declared),
            Draft::new(subject, attached),
        ],
        why: full.and_then(|full| {
            let full = full.id;
            format!(
                "{full} has {ATTACHED_ALERTS_MAX} alerts, and one incident takes no more: {id} \
                 goes on with those that follow"
            )
            .parse()
            .ok()
        }),
    }
}

/// Where alerts belong in a state.
pub(crate) struct Homes<'a> {
    state: &'a State,
    groups: Cow<'a, Groups>,
}

impl<'a> Homes<'a> {
    /// With these rules. Quick if the state was [grouped](State::group_by) by them; otherwise every
    /// open incident is looked at once.
    pub(crate) fn new(state: &'a State, rules: &Rules) -> Homes<'a> {
        let kept = state.groups();
        let groups = if kept.is_for(&rules.attach_by) {
            Cow::Borrowed(kept)
        } else {
            Cow::Owned(Groups::of(state, &rules.attach_by))
        };
        Homes { state, groups }
    }

    /// Where this alert belongs, when `joining` says how many more are about to join an incident.
    pub(crate) fn find(
        &self,
        alert: &Placed<'_>,
        joining: impl Fn(IncidentId) -> usize,
    ) -> Home<'a> {
        let state = self.state;
        let takers = self.groups.takers(alert.labels);
        let takers = takers.filter_map(|id| state.incidents.get(&id));
        let mut home = Home::Nowhere;
        for incident in takers.filter(|incident| incident.summary.drill == alert.drill) {
            if incident.alerts.len() + joining(incident.summary.id) < ATTACHED_ALERTS_MAX {
                return Home::In(incident);
            }
            home = Home::Beside(incident);
        }
        home
    }
}
