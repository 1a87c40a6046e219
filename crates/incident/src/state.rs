//! The fold: what is true now, from the acts alone.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, AlertId, IncidentId, Line, Name, Timestamp};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::alert::Fired;
use serde::{Deserialize, Serialize};

use crate::Directory;
use crate::Rooms;
use crate::Rules;
use crate::alerts::{Alert, Alerts, Heartbeat, Maintenance, Silence};
use crate::certificates::CertificateUses;
use crate::containment::Containment;
use crate::groups::Groups;
use crate::incidents::{Incident, Summary};
use crate::notices::Notices;
use crate::page::PageBook;
use crate::requests::Requests;
use crate::review::{self, Followups};
use crate::runbooks::Runbooks;
use crate::subscribers::Subscribers;
use crate::switches::Switches;

/// How long an ended alert is remembered, so that a late duplicate is known as one: a day.
const ENDED_ALERT_KEPT_MS: i64 = 86_400_000;

/// How many ended alerts are remembered at most.
const ENDED_ALERTS_MAX: usize = 10_000;

/// How many closed incidents stay in memory whole; of older ones only the summary does.
const CLOSED_WHOLE_MAX: usize = 64;

/// Incidents, alerts, silences and heartbeats. Two states folded from the same acts are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Open incidents, and the last closed ones.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// Older closed incidents.
    pub closed: BTreeMap<IncidentId, Summary>,
    /// Alerts that fire, and those that ended within a day.
    pub alerts: Alerts,
    /// Silences that have not been ended; expired ones go when the next is created.
    pub silences: BTreeMap<Name, Silence>,
    /// Maintenance windows, likewise.
    pub maintenances: BTreeMap<Name, Maintenance>,
    /// Expected heartbeats.
    pub heartbeats: BTreeMap<Name, Heartbeat>,
    /// What edges are told at once: bans, revocations, other tiers.
    pub containment: Containment,
    /// What is switched off, and services that are not as usual.
    pub switches: Switches,
    /// Who came in with client certificates, as edges counted it.
    pub certificates: CertificateUses,
    /// Who and what there is.
    pub directory: Directory,
    /// Runbooks and templates.
    pub runbooks: Runbooks,
    /// What is still to be done after incidents.
    pub followups: Followups,
    /// What can't be undone and waits.
    pub requests: Requests,
    /// Rooms of incidents in chats.
    pub rooms: Rooms,
    /// What stands on the status page.
    pub page: PageBook,
    /// Who outside is told what is said to the public.
    pub subscribers: Subscribers,
    /// What they were told.
    pub notices: Notices,
    /// How many incidents were ever declared.
    pub incidents_declared: u32,
    /// How many silences were ever created.
    pub silences_created: u32,
    /// How many maintenance windows were ever scheduled.
    pub maintenances_scheduled: u32,
    /// Closed incidents that are still whole, by the time they were closed.
    closed_whole: BTreeSet<(Timestamp, IncidentId)>,
    /// Follows from the rest and from rules: see [`State::group_by`].
    #[serde(skip)]
    groups: Groups,
}

impl State {
    /// From now on keeps which open incidents take which alerts by these rules, so that those who
    /// [hear](crate::hear) of many alerts need not look at every incident for each. Changes nothing
    /// of what is decided, nor of what is equal.
    pub fn group_by(&mut self, rules: &Rules) {
        self.groups = Groups::of(self, &rules.attach_by);
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The incident whose earlier acts [`State::apply`] needs for this one: only a summary is left
    /// of it.
    pub fn needs(&self, act: &Act) -> Option<IncidentId> {
        let Subject::Incident(id) = act.subject else {
            return None;
        };
        let gone = self.closed.contains_key(&id) && !self.incidents.contains_key(&id);
        (gone && !review::is_light(&act.body)).then_some(id)
    }

    /// Folds in one act. `earlier` are all acts before it on the incident that it
    /// [needs](State::needs), in order; else none.
    pub fn apply(&mut self, act: &Act, earlier: &[Act]) {
        match &act.subject {
            Subject::Incident(id) => {
                self.apply_to_incident(*id, act, earlier);
                self.notices.apply(*id, act, &self.subscribers);
            }
            Subject::Alert(id) => self.apply_to_alert(*id, act),
            Subject::Silence(name) => self.apply_to_silence(name, act),
            Subject::Maintenance(name) => self.apply_to_maintenance(name, act),
            Subject::Heartbeat(name) => self.apply_to_heartbeat(name, act),
            Subject::Person(_) | Subject::Team(_) | Subject::Service(_) => {
                self.directory.apply(act);
                self.switches.apply(act);
            }
            Subject::Switch(_) => self.switches.apply(act),
            Subject::Runbook(_) | Subject::Template(_) => self.runbooks.apply(act),
            Subject::Subscriber(name) => self.subscribers.apply(name, act),
            Subject::Request(name) => self.requests.apply(name, act),
            Subject::Component(_) | Subject::Page => self.page.apply(act),
            Subject::Client(_) | Subject::Certificate(_) | Subject::Route(_) => {
                self.containment.apply(act);
                self.certificates.apply(act);
            }
            Subject::Token(_)
            | Subject::Key(_)
            | Subject::Login(_)
            | Subject::Session(_)
            | Subject::Cell(_)
            | Subject::Edge(_)
            | Subject::Deployment(_)
            | Subject::Fleet
            | Subject::Record => {}
        }
    }

    /// What a list shows of an incident.
    pub fn summary(&self, id: IncidentId) -> Option<&Summary> {
        self.incidents
            .get(&id)
            .map(|incident| &incident.summary)
            .or_else(|| self.closed.get(&id))
    }

    /// Every incident, newest first.
    pub fn summaries(&self) -> impl Iterator<Item = &Summary> {
        (1..=self.incidents_declared)
            .rev()
            .filter_map(|number| self.summary(IncidentId::from_number(number)))
    }

    /// Open incidents.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents
            .values()
            .filter(|incident| incident.summary.is_open())
    }

    /// The open firing of what a source calls by this fingerprint; the newest if there are several.
    pub fn firing(&self, source: &Name, fingerprint: &Line) -> Option<&Alert> {
        self.alerts.firing(source, fingerprint)
    }

    /// The incident that the alert stays in when it fires again, now as a drill or not. After its
    /// incident was closed it belongs nowhere: nobody is looking there any more.
    pub(crate) fn home_of(&self, alert: &Alert, drill: bool) -> Option<IncidentId> {
        let stays = |summary: &Summary| summary.is_open() && summary.drill == drill;
        alert
            .incident
            .filter(|id| self.summary(*id).is_some_and(stays))
    }

    /// How many alerts fire, as far as anybody knows.
    pub fn alerts_firing(&self) -> usize {
        self.alerts.firing_count()
    }

    /// Why alerts with these labels do nothing now, if they don't.
    pub fn suppressed_by(
        &self,
        labels: &BTreeMap<Box<str>, Box<str>>,
        now: Timestamp,
    ) -> Option<&Name> {
        let silence = self
            .silences
            .iter()
            .find(|(_, silence)| silence.holds(labels, now));
        let window = || {
            self.maintenances
                .iter()
                .find(|(_, window)| window.holds(labels, now))
        };
        silence
            .map(|(name, _)| name)
            .or_else(|| window().map(|(name, _)| name))
    }

    fn apply_to_incident(&mut self, id: IncidentId, act: &Act, earlier: &[Act]) {
        if let Body::IncidentDeclared(declared) = &act.body {
            self.incidents
                .insert(id, Incident::declared(id, act, declared));
            self.incidents_declared = self.incidents_declared.max(id.number());
        } else if let (Some(summary), true) =
            (self.closed.get_mut(&id), review::is_light(&act.body))
            && !self.incidents.contains_key(&id)
        {
            summary.acts += 1;
            summary.touched_at = act.at;
            review::follow(&mut self.followups, id, act);
            return;
        } else if !self.incidents.contains_key(&id) {
            // Acts on what was never declared don't exist: the decider refuses them.
            let Some(mut whole) = Incident::from_acts(id, earlier) else {
                return;
            };
            // What alerts said was known when they were attached; they may be forgotten by now.
            let gone = self.closed.remove(&id);
            whole.summary.first_alert_at = gone.and_then(|gone| gone.first_alert_at);
            // That an alert left is an act on the incident it went to, not on this one.
            whole.alerts.retain(|alert| {
                self.alerts
                    .get(alert)
                    .is_none_or(|alert| alert.incident == Some(id))
            });
            self.closed_whole
                .extend(whole.summary.resolved_at.map(|at| (at, id)));
            self.incidents.insert(id, whole);
        }
        let Some(incident) = self.incidents.get_mut(&id) else {
            return;
        };
        let closed_before = incident.summary.resolved_at;
        incident.apply(act);
        review::follow(&mut self.followups, id, act);
        self.rooms.follow(id, act, incident.summary.is_open());
        let closed_now = incident.summary.resolved_at;
        match &act.body {
            Body::IncidentAlertAttached(attached) => {
                self.attach(attached.alert, attached.moved_from, id);
            }
            Body::IncidentDeclared(_) | Body::IncidentReopened(_) => {
                self.groups.open(incident, &self.alerts);
            }
            Body::IncidentResolved(_) => self.groups.close(id),
            _ => {}
        }
        if closed_before != closed_now {
            closed_before.map(|at| self.closed_whole.remove(&(at, id)));
            self.closed_whole.extend(closed_now.map(|at| (at, id)));
        }
        self.let_closed_incidents_go();
    }

    fn attach(&mut self, alert: AlertId, moved_from: Option<IncidentId>, to: IncidentId) {
        if let Some(known) = self.alerts.get(&alert) {
            if let Some(left) = known.incident {
                self.groups.leave(left, &known.labels);
            }
            if self.summary(to).is_some_and(Summary::is_open) {
                self.groups.join(to, &known.labels);
            }
            if let Some(incident) = self.incidents.get_mut(&to) {
                let first = &mut incident.summary.first_alert_at;
                *first = Some(first.map_or(known.fired_at, |first| first.min(known.fired_at)));
            }
            self.alerts.change(alert, |known| known.incident = Some(to));
        }
        if let Some(left) = moved_from.and_then(|left| self.incidents.get_mut(&left)) {
            left.alerts.remove(&alert);
            let gone = self.alerts.get(&alert).map(|gone| gone.fired_at);
            if gone.is_some() && gone == left.summary.first_alert_at {
                // It was another's: what remains says when the first one fired.
                let remaining = left
                    .alerts
                    .iter()
                    .filter_map(|alert| self.alerts.get(alert));
                left.summary.first_alert_at = remaining.map(|alert| alert.fired_at).min();
            }
        }
    }

    fn let_closed_incidents_go(&mut self) {
        while self.closed_whole.len() > CLOSED_WHOLE_MAX {
            let Some((_, oldest)) = self.closed_whole.pop_first() else {
                return;
            };
            if let Some(incident) = self.incidents.remove(&oldest) {
                self.closed.insert(oldest, incident.summary);
            }
        }
    }

    fn apply_to_alert(&mut self, id: AlertId, act: &Act) {
        match &act.body {
            Body::AlertFired(fired) => self.fire(id, act.id, act.at, fired),
            Body::AlertResolved(resolved) => self.alerts.change(id, |alert| {
                alert.ended = Some((resolved.ended_at, resolved.ending));
                alert.end_recorded_at = Some(act.at);
            }),
            Body::AlertAcknowledged(_) => {
                self.alerts.change(id, |alert| alert.acknowledged = true);
            }
            _ => {}
        }
        while let Some((at, oldest)) = self.alerts.first_ended() {
            let old = act.at.ms_since(at) > ENDED_ALERT_KEPT_MS;
            if !old && self.alerts.ended_count() <= ENDED_ALERTS_MAX {
                break;
            }
            self.take_alert(oldest);
        }
    }

    /// Takes the alert out of memory. The incident it belongs to still names it.
    fn take_alert(&mut self, id: AlertId) -> Option<Alert> {
        let alert = self.alerts.take(id)?;
        if let Some(left) = alert.incident {
            self.groups.leave(left, &alert.labels);
        }
        Some(alert)
    }

    fn fire(&mut self, id: AlertId, fired_act: ActId, at: Timestamp, fired: &Fired) {
        let before = self.take_alert(id);
        let firings = before.as_ref().map_or(0, |before| before.firings);
        let incident = before
            .as_ref()
            .and_then(|before| self.home_of(before, fired.drill));
        match (incident, before.and_then(|before| before.incident)) {
            (Some(stays), _) => self.groups.join(stays, &fired.labels),
            (None, Some(left)) => {
                if let Some(left) = self.incidents.get_mut(&left) {
                    left.alerts.remove(&id);
                }
            }
            (None, None) => {}
        }
        self.alerts.put(Alert {
            acknowledged: false,
            drill: fired.drill,
            end_recorded_at: None,
            ended: None,
            fired_act,
            fired_at: at,
            firings: firings + 1,
            fingerprint: fired.fingerprint.clone(),
            id,
            incident,
            labels: fired.labels.clone(),
            source: fired.source.clone(),
            starts_at: fired.starts_at,
            title: fired.title.clone(),
        });
    }

    fn apply_to_silence(&mut self, name: &Name, act: &Act) {
        match &act.body {
            Body::SilenceCreated(created) => {
                self.silences.retain(|_, silence| act.at < silence.ends_at);
                self.silences_created += 1;
                let silence = Silence {
                    ends_at: created.ends_at,
                    matchers: created.matchers.clone(),
                };
                self.silences.insert(name.clone(), silence);
            }
            Body::SilenceEnded(_) => {
                self.silences.remove(name);
            }
            _ => {}
        }
    }

    fn apply_to_maintenance(&mut self, name: &Name, act: &Act) {
        match &act.body {
            Body::MaintenanceScheduled(scheduled) => {
                self.maintenances
                    .retain(|_, window| act.at < window.ends_at);
                self.maintenances_scheduled += 1;
                let window = Maintenance {
                    ends_at: scheduled.ends_at,
                    service: scheduled.service.clone(),
                    starts_at: scheduled.starts_at,
                    title: scheduled.title.clone(),
                };
                self.maintenances.insert(name.clone(), window);
            }
            Body::MaintenanceEnded(_) => {
                self.maintenances.remove(name);
            }
            _ => {}
        }
    }

    fn apply_to_heartbeat(&mut self, name: &Name, act: &Act) {
        match &act.body {
            Body::HeartbeatExpected(expected) => {
                let heartbeat = Heartbeat {
                    expected_since: act.at,
                    grace_ms: expected.grace_ms,
                    interval_ms: expected.interval_ms,
                    service: expected.service.clone(),
                    severity: expected.severity,
                };
                self.heartbeats.insert(name.clone(), heartbeat);
            }
            Body::HeartbeatForgotten(_) => {
                self.heartbeats.remove(name);
            }
            _ => {}
        }
    }
}
