//! Which open incidents take alerts with which labels, so that placing one alert does not mean to
//! look at all the others.
//!
//! Follows from a state and from the labels by which alerts belong together. Those come from the
//! configuration, so this is no part of what the record says: it is in no snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use base::IncidentId;

use crate::{Alerts, Incident, State};

/// What alerts of one incident have in common: names and values of labels.
type Key = Arc<str>;

/// Open incidents by what their alerts have in common. Empty until it is made for some labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// The labels it was made for; `None` if for none.
    attach_by: Option<Vec<Box<str>>>,
    incidents: BTreeMap<Key, BTreeSet<IncidentId>>,
    /// How many alerts, or the service, give the incident this key.
    keys: BTreeMap<IncidentId, BTreeMap<Key, usize>>,
}

impl PartialEq for Groups {
    /// Always: it says nothing that the rest of the state does not say, and a state that was made
    /// for no labels is as true as one that was.
    fn eq(&self, _: &Groups) -> bool {
        true
    }
}

impl Eq for Groups {}

impl Groups {
    /// Of all open incidents in this state.
    pub(crate) fn of(state: &State, attach_by: &[Box<str>]) -> Groups {
        let mut groups = Groups {
            attach_by: Some(attach_by.to_vec()),
            ..Groups::default()
        };
        for incident in state.open_incidents() {
            groups.open(incident, &state.alerts);
        }
        groups
    }

    /// Whether it was made for these labels.
    pub(crate) fn is_for(&self, attach_by: &[Box<str>]) -> bool {
        self.attach_by.as_deref() == Some(attach_by)
    }

    /// The open incidents, oldest first, that take alerts with these labels.
    pub(crate) fn takers(
        &self,
        labels: &BTreeMap<Box<str>, Box<str>>,
    ) -> impl Iterator<Item = IncidentId> {
        let key = self.key(labels);
        let takers = key.and_then(|key| self.incidents.get(&key));
        takers.into_iter().flatten().copied()
    }

    /// The incident is open from now on.
    pub(crate) fn open(&mut self, incident: &Incident, alerts: &Alerts) {
        let id = incident.summary.id;
        self.close(id);
        if self.attach_by.is_none() {
            return;
        }
        if let Some(service) = &incident.summary.service {
            self.add(id, written([("service", service.as_str())]));
        }
        let known = incident.alerts.iter().filter_map(|it| alerts.get(it));
        for alert in known.filter(|alert| alert.incident == Some(id)) {
            self.join(id, &alert.labels);
        }
    }

    /// The incident is not open any more.
    pub(crate) fn close(&mut self, id: IncidentId) {
        for key in self.keys.remove(&id).into_iter().flatten() {
            self.forget(id, &key.0);
        }
    }

    /// An alert with these labels belongs to this open incident from now on.
    pub(crate) fn join(&mut self, id: IncidentId, labels: &BTreeMap<Box<str>, Box<str>>) {
        if let Some(key) = self.key(labels) {
            self.add(id, key);
        }
    }

    /// An alert with these labels belonged to this incident, if that is open.
    pub(crate) fn leave(&mut self, id: IncidentId, labels: &BTreeMap<Box<str>, Box<str>>) {
        let (Some(key), Some(keys)) = (self.key(labels), self.keys.get_mut(&id)) else {
            return;
        };
        let Some(count) = keys.get_mut(&key) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            keys.remove(&key);
            if keys.is_empty() {
                self.keys.remove(&id);
            }
            self.forget(id, &key);
        }
    }

    fn add(&mut self, id: IncidentId, key: Key) {
        self.incidents.entry(key.clone()).or_default().insert(id);
        *self.keys.entry(id).or_default().entry(key).or_default() += 1;
    }

    fn forget(&mut self, id: IncidentId, key: &Key) {
        if let Some(incidents) = self.incidents.get_mut(key) {
            incidents.remove(&id);
            if incidents.is_empty() {
                self.incidents.remove(key);
            }
        }
    }

    /// What alerts with these labels have in common with others of their incident: all the labels
    /// by which alerts belong together, or the `alertname` of one that lacks any of them.
    fn key(&self, labels: &BTreeMap<Box<str>, Box<str>>) -> Option<Key> {
        let attach_by = self.attach_by.as_deref()?;
        let label = |name: &str| {
            let (name, value) = labels.get_key_value(name)?;
            Some((&**name, &**value))
        };
        let all: Option<Vec<_>> = attach_by.iter().map(|name| label(name)).collect();
        all.filter(|pairs| !pairs.is_empty())
            .or_else(|| label("alertname").map(|pair| vec![pair]))
            .map(written)
    }

    /// Everything in it, for tests that compare two of them.
    #[cfg(test)]
    pub(crate) fn content(&self) -> String {
        format!("{self:?}")
    }
}

/// Pairs in a form that no other pairs have, whatever characters they hold.
fn written<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Key {
    let mut text = String::new();
    for (name, value) in pairs {
        // Writing to a string does not fail.
        let _ = write!(text, "{}:{name}{}:{value}", name.len(), value.len());
    }
    text.into()
}
