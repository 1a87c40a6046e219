//! Which open incident an alert belongs to, and what is done about it.

use std::collections::BTreeMap;

use base::{AlertId, IncidentId, Line, Timestamp};
use record::act::Subject;
use record::kinds::incident::{AlertAttached, Declared};

use crate::commands::ATTACHED_ALERTS_MAX;
use crate::rules::Action;
use crate::{Draft, Incident, Rules, State};

/// An alert that looks for its incident.
pub(crate) struct Placed<'a> {
    pub(crate) id: AlertId,
    pub(crate) drill: bool,
    pub(crate) labels: &'a BTreeMap<Box<str>, Box<str>>,
    pub(crate) starts_at: Timestamp,
    pub(crate) title: &'a Line,
}

/// What alerts of one incident have in common: see [`Rules::correlation`].
type Key<'a> = Vec<(&'a str, &'a str)>;

/// Attaches the alert to the incident it belongs to, or declares one if a rule says so.
pub(crate) fn place(
    state: &State,
    alert: &Placed<'_>,
    home: Option<&Incident>,
    rules: &Rules,
) -> Vec<Draft> {
    let attached = AlertAttached {
        alert: alert.id,
        moved_from: None,
    };
    if let Some(incident) = home {
        if incident.alerts.len() >= ATTACHED_ALERTS_MAX {
            return Vec::new();
        }
        return vec![Draft::new(Subject::Incident(incident.summary.id), attached)];
    }
    let Some(Action::Declare(severity)) = rules.matching(alert.labels).map(|rule| rule.action)
    else {
        return Vec::new();
    };
    let Some(number) = state.incidents_declared.checked_add(1) else {
        return Vec::new();
    };
    let id = Subject::Incident(IncidentId::from_number(number));
    let declared = Declared {
        drill: alert.drill,
        impact_start: Some(alert.starts_at),
        private: false,
        service: alert
            .labels
            .get("service")
            .and_then(|service| service.parse().ok()),
        severity,
        title: alert.title.clone().into(),
    };
    vec![Draft::new(id.clone(), declared), Draft::new(id, attached)]
}

/// The oldest open incident that the alert belongs to.
pub(crate) fn home<'a>(
    state: &'a State,
    alert: &Placed<'_>,
    rules: &Rules,
) -> Option<&'a Incident> {
    let key = rules.correlation(alert.labels)?;
    state
        .open_incidents()
        .filter(|incident| incident.summary.drill == alert.drill)
        .find(|incident| keys_of(state, incident, rules).any(|theirs| theirs == key))
}

/// The same for many alerts: every open incident is looked at once.
pub(crate) struct Homes<'a>(BTreeMap<(bool, Key<'a>), &'a Incident>);

impl<'a> Homes<'a> {
    /// Where alerts belong in this state.
    pub(crate) fn new(state: &'a State, rules: &'a Rules) -> Homes<'a> {
        let mut homes = BTreeMap::new();
        for incident in state.open_incidents() {
            for key in keys_of(state, incident, rules) {
                homes
                    .entry((incident.summary.drill, key))
                    .or_insert(incident);
            }
        }
        Homes(homes)
    }

    /// The oldest open incident that the alert belongs to.
    pub(crate) fn find(&self, alert: &Placed<'a>, rules: &'a Rules) -> Option<&'a Incident> {
        let key = rules.correlation(alert.labels)?;
        self.0.get(&(alert.drill, key)).copied()
    }
}

/// Every key whose alerts belong to this incident: its service's, and those of its alerts.
fn keys_of<'a>(
    state: &'a State,
    incident: &'a Incident,
    rules: &'a Rules,
) -> impl Iterator<Item = Key<'a>> {
    let service = incident
        .summary
        .service
        .as_ref()
        .map(|it| vec![("service", it.as_str())]);
    let attached = incident.alerts.iter().filter_map(|id| state.alerts.get(id));
    service
        .into_iter()
        .chain(attached.filter_map(|alert| rules.correlation(&alert.labels)))
}
