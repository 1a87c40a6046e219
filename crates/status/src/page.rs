//! The fold: what the public was told, from the acts alone.
//!
//! Only acts that are said to the public enter: words with a page, planned work with one,
//! components, and how much of a day was measured. Two more are facts about what was said before:
//! that an incident of which the public knows is resolved, and that it was not over after all.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, IncidentId, Line, Name, Prose, ServiceName, Timestamp};
use record::act::{Act, Subject};
use record::hash;
use record::kinds::Body;
use record::kinds::alert::MaintenanceScheduled;
use record::kinds::incident::{Status, Updated};
use record::kinds::page::{ComponentRegistered, ComponentStatus, PublicImpact, Translation};
use record::sealed::Sealable;
use serde::{Deserialize, Serialize};

/// The most incidents that the page knows; the oldest closed ones leave it.
pub const INCIDENTS_MAX: usize = 5_000;
/// The most words of one incident; the first stays, those after it leave.
pub const WORDS_MAX: usize = 500;
const MAINTENANCES_MAX: usize = 1_000;
const MEASURED_DAYS_MAX: usize = 100;

/// What the public was told. Two pages folded from the same acts are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Components by what they are called in commands.
    pub components: BTreeMap<Name, Component>,
    /// Incidents that the public knows of.
    pub incidents: BTreeMap<IncidentId, PublicIncident>,
    /// Planned work that the public knows of.
    pub maintenances: BTreeMap<Name, PublicMaintenance>,
    /// Minutes of days that were measured, by the day's first instant.
    pub measured: BTreeMap<Timestamp, u16>,
    /// How many acts changed the page.
    pub revision: u64,
    /// When components were changed last, in revisions.
    pub components_revision: u64,
    /// When the last of those acts was taken.
    pub updated_at: Timestamp,
}

/// Something on the page that is up or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What it is, by language.
    pub descriptions: BTreeMap<Name, Line>,
    /// The component under which it stands.
    pub group: Option<Name>,
    /// Where it stands among the others.
    pub position: u32,
    /// When it came to the page.
    pub registered_at: Timestamp,
    /// The services it stands for.
    pub services: BTreeSet<ServiceName>,
    /// What it is called, by language.
    pub titles: BTreeMap<Name, Line>,
}

/// An incident as the public knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicIncident {
    /// How components are, as was said last. Those that are well again are not in it.
    pub components: BTreeMap<Name, ComponentStatus>,
    /// When the public heard of it first.
    pub created_at: Timestamp,
    /// What it is called, by language; the page's first language under an empty name.
    pub headlines: Headlines,
    /// Its id on the page: 16 hexadecimal digits of the first word's act.
    pub id: Box<str>,
    /// How bad it is: minor, if nobody said. Of what is told nobody thinks that it is nothing.
    pub impact: PublicImpact,
    /// Words that are not kept any more.
    pub left_out: u32,
    /// When it was said to be watched.
    pub monitoring_at: Option<Timestamp>,
    /// When it was said to be over.
    pub resolved_at: Option<Timestamp>,
    /// The page's revision when it changed last.
    pub revision: u64,
    /// How far it is.
    pub status: Status,
    /// When something was said last.
    pub updated_at: Timestamp,
    /// What was said, in order.
    pub words: Vec<Word>,
}

/// What something is called in the page's first language, and in others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headlines {
    /// In the first language; none: nobody said.
    pub first: Option<Line>,
    /// In others, by their tags.
    pub others: BTreeMap<Name, Line>,
}

/// Something that was said to the public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The act that said it.
    pub act: ActId,
    /// When.
    pub at: Timestamp,
    /// How components changed by it: how they were, how they are.
    pub changed: BTreeMap<Name, (ComponentStatus, ComponentStatus)>,
    /// How far the incident was.
    pub status: Status,
    /// What was said; none: that it is resolved, or open again, was a fact and no sentence.
    pub text: Option<Prose>,
    /// The same in other languages, by their tags.
    pub translations: BTreeMap<Name, Prose>,
}

/// Planned work as the public knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicMaintenance {
    /// The act that announced it.
    pub act: ActId,
    /// When it was announced.
    pub announced_at: Timestamp,
    /// What is worked on.
    pub components: BTreeSet<Name>,
    /// When it was ended or called off, if it was.
    pub ended_at: Option<Timestamp>,
    /// Until when it was to last.
    pub ends_at: Timestamp,
    /// What it is called.
    pub headline: Line,
    /// Its id on the page: 16 hexadecimal digits.
    pub id: Box<str>,
    /// The page's revision when it changed last.
    pub revision: u64,
    /// From when.
    pub starts_at: Timestamp,
    /// What people notice.
    pub text: Prose,
    /// The same in other languages, by their tags.
    pub translations: BTreeMap<Name, Translation>,
}

/// How far planned work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It is to come.
    Scheduled,
    /// It is being done.
    InProgress,
    /// It is over, or was called off.
    Completed,
}

impl Phase {
    /// The word of the Statuspage v2 API.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Scheduled => "scheduled",
            Phase::InProgress => "in_progress",
            Phase::Completed => "completed",
        }
    }
}

impl Page {
    /// Folds in the next act.
    pub fn apply(&mut self, act: &Act) {
        let changed = match (&act.subject, &act.body) {
            (Subject::Incident(id), body) => self.apply_to_incident(*id, act, body),
            (Subject::Component(name), Body::ComponentRegistered(registered)) => {
                self.place(name, act, registered);
                true
            }
            (Subject::Component(name), Body::ComponentRemoved(_)) => {
                let was_there = self.components.remove(name).is_some();
                if was_there {
                    self.components_revision = self.revision + 1;
                }
                was_there
            }
            (Subject::Maintenance(name), Body::MaintenanceScheduled(scheduled)) => {
                self.announce(name, act, scheduled)
            }
            (Subject::Maintenance(name), Body::MaintenanceEnded(_)) => self.end(name, act),
            (Subject::Page, Body::PageMeasured(measured)) => {
                self.measured.insert(measured.starts_at, measured.minutes);
                while self.measured.len() > MEASURED_DAYS_MAX {
                    self.measured.pop_first();
                }
                // What was measured is no news: `updated_at` stays.
                self.revision += 1;
                false
            }
            _ => false,
        };
        if changed {
            self.revision += 1;
            self.updated_at = act.at;
        }
    }

    fn place(&mut self, name: &Name, act: &Act, registered: &ComponentRegistered) {
        let before = self.components.get(name).map(|it| it.registered_at);
        let component = Component {
            descriptions: registered.descriptions.clone(),
            group: registered.group.clone(),
            position: registered.position,
            registered_at: before.unwrap_or(act.at),
            services: registered.services.clone(),
            titles: registered.titles.clone(),
        };
        self.components.insert(name.clone(), component);
        self.components_revision = self.revision + 1;
    }

    fn announce(&mut self, name: &Name, act: &Act, scheduled: &MaintenanceScheduled) -> bool {
        let Some(plan) = &scheduled.page else {
            return false;
        };
        let maintenance = PublicMaintenance {
            act: act.id,
            announced_at: act.at,
            components: plan.components.clone(),
            ended_at: None,
            ends_at: scheduled.ends_at,
            headline: plan.headline.clone(),
            id: public_id(act.id),
            revision: self.revision + 1,
            starts_at: scheduled.starts_at,
            text: plan.text.clone(),
            translations: plan.translations.clone(),
        };
        self.maintenances.insert(name.clone(), maintenance);
        if self.maintenances.len() > MAINTENANCES_MAX {
            let first = |it: &(&Name, &PublicMaintenance)| it.1.ends_at;
            let oldest = self.maintenances.iter().min_by_key(first);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.maintenances.remove(&oldest);
            }
        }
        true
    }

    fn end(&mut self, name: &Name, act: &Act) -> bool {
        let Some(maintenance) = self.maintenances.get_mut(name) else {
            return false;
        };
        maintenance.ended_at = Some(act.at);
        maintenance.revision = self.revision + 1;
        true
    }

    fn apply_to_incident(&mut self, id: IncidentId, act: &Act, body: &Body) -> bool {
        let next = self.revision + 1;
        match body {
            Body::IncidentUpdated(updated) => self.say(id, act, updated),
            Body::IncidentResolved(_) => {
                let Some(incident) = self.incidents.get_mut(&id) else {
                    return false;
                };
                if incident.status == Status::Resolved {
                    return false;
                }
                incident.hear(
                    act,
                    Status::Resolved,
                    None,
                    BTreeMap::new(),
                    &BTreeMap::new(),
                );
                incident.revision = next;
                true
            }
            Body::IncidentReopened(_) => {
                let Some(incident) = self.incidents.get_mut(&id) else {
                    return false;
                };
                if incident.status != Status::Resolved {
                    return false;
                }
                let status = Status::Investigating;
                incident.hear(act, status, None, BTreeMap::new(), &BTreeMap::new());
                incident.revision = next;
                true
            }
            _ => false,
        }
    }

    fn say(&mut self, id: IncidentId, act: &Act, updated: &Updated) -> bool {
        let (Some(word), Sealable::Open(text)) = (&updated.page, &updated.text) else {
            return false;
        };
        let next = self.revision + 1;
        let incident = self
            .incidents
            .entry(id)
            .or_insert_with(|| PublicIncident::begun(act));
        if let Some(headline) = &word.headline {
            incident.headlines.first = Some(headline.clone());
        }
        let mut translations = BTreeMap::new();
        for (tag, translation) in &word.translations {
            translations.insert(tag.clone(), translation.text.clone());
            if let Some(headline) = &translation.headline {
                incident
                    .headlines
                    .others
                    .insert(tag.clone(), headline.clone());
            }
        }
        if let Some(impact) = word.impact {
            incident.impact = impact;
        }
        let text = Some(text.clone());
        incident.hear(act, word.status, text, translations, &word.components);
        incident.revision = next;
        self.let_old_incidents_go();
        true
    }

    fn let_old_incidents_go(&mut self) {
        if self.incidents.len() <= INCIDENTS_MAX {
            return;
        }
        let closed = self.incidents.iter().filter(|(_, it)| !it.is_open());
        let oldest = closed.min_by_key(|(_, it)| it.created_at);
        if let Some(oldest) = oldest.map(|(id, _)| *id) {
            self.incidents.remove(&oldest);
        }
    }

    /// How a component is now: the worst that open incidents say of it, else whether it is being
    /// worked on as announced.
    pub fn status_of(&self, name: &Name, now: Timestamp) -> ComponentStatus {
        let open = self.incidents.values().filter(|it| it.is_open());
        let said = open.filter_map(|incident| incident.components.get(name));
        let worst = said.max_by_key(|status| badness(**status)).copied();
        let worked_on = || {
            let mut all = self.maintenances.values();
            all.any(|it| it.phase(now) == Phase::InProgress && it.components.contains(name))
        };
        match worst {
            Some(worst) if worst != ComponentStatus::Operational => worst,
            _ if worked_on() => ComponentStatus::UnderMaintenance,
            _ => ComponentStatus::Operational,
        }
    }

    /// The status of a component that others stand under: the worst of theirs and its own.
    pub fn status_with_parts(&self, name: &Name, now: Timestamp) -> ComponentStatus {
        let parts = self
            .parts_of(name)
            .map(|(part, _)| self.status_of(part, now));
        let own = self.status_of(name, now);
        parts
            .chain([own])
            .max_by_key(|it| badness(*it))
            .unwrap_or(own)
    }

    /// Components that stand under this one.
    pub fn parts_of<'a>(
        &'a self,
        name: &'a Name,
    ) -> impl Iterator<Item = (&'a Name, &'a Component)> {
        let under = move |it: &(&Name, &Component)| it.1.group.as_ref() == Some(name);
        self.components.iter().filter(under)
    }

    /// Components from the top of the page, those that stand under another right behind it.
    pub fn in_order(&self) -> Vec<(&Name, &Component)> {
        let place = |it: &(&Name, &Component)| (it.1.position, it.0.clone());
        let mut tops: Vec<_> = self
            .components
            .iter()
            .filter(|(_, it)| !self.stands_under(it))
            .collect();
        tops.sort_by_key(place);
        let mut all = Vec::with_capacity(self.components.len());
        for top in tops {
            all.push(top);
            let mut parts: Vec<_> = self.parts_of(top.0).collect();
            parts.sort_by_key(place);
            all.extend(parts);
        }
        all
    }

    fn stands_under(&self, component: &Component) -> bool {
        let group = component.group.as_ref();
        group.is_some_and(|group| self.components.contains_key(group))
    }
}

impl PublicIncident {
    fn begun(act: &Act) -> PublicIncident {
        PublicIncident {
            components: BTreeMap::new(),
            created_at: act.at,
            headlines: Headlines::default(),
            id: public_id(act.id),
            impact: PublicImpact::Minor,
            left_out: 0,
            monitoring_at: None,
            resolved_at: None,
            revision: 0,
            status: Status::Investigating,
            updated_at: act.at,
            words: Vec::new(),
        }
    }

    /// Whether the public was not told that it is over.
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    fn hear(
        &mut self,
        act: &Act,
        status: Status,
        text: Option<Prose>,
        translations: BTreeMap<Name, Prose>,
        components: &BTreeMap<Name, ComponentStatus>,
    ) {
        let mut are = self.components.clone();
        if status == Status::Resolved {
            are.values_mut()
                .for_each(|it| *it = ComponentStatus::Operational);
        }
        are.extend(components.iter().map(|(name, it)| (name.clone(), *it)));
        let mut changed = BTreeMap::new();
        for (name, is) in &are {
            let before = self.components.get(name);
            let was = before.copied().unwrap_or(ComponentStatus::Operational);
            if was != *is || (before.is_none() && components.contains_key(name)) {
                changed.insert(name.clone(), (was, *is));
            }
        }
        self.components = are;
        self.status = status;
        self.updated_at = act.at;
        self.resolved_at = match status {
            Status::Resolved => self.resolved_at.or(Some(act.at)),
            _ => None,
        };
        if status == Status::Monitoring {
            self.monitoring_at = self.monitoring_at.or(Some(act.at));
        }
        if self.words.len() >= WORDS_MAX {
            self.words.remove(1);
            self.left_out += 1;
        }
        self.words.push(Word {
            act: act.id,
            at: act.at,
            changed,
            status,
            text,
            translations,
        });
    }
}

impl PublicMaintenance {
    /// How far it is now.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.ended_at.is_some() || now >= self.ends_at {
            Phase::Completed
        } else if now >= self.starts_at {
            Phase::InProgress
        } else {
            Phase::Scheduled
        }
    }

    /// When it was over: when it was ended, else when it was to end.
    pub fn over_at(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.ends_at)
    }

    /// Whether it was called off before it began.
    pub fn was_called_off(&self) -> bool {
        self.ended_at.is_some_and(|at| at < self.starts_at)
    }
}

/// How bad a status is, for choosing the worst.
pub(crate) fn badness(status: ComponentStatus) -> u8 {
    match status {
        ComponentStatus::Operational => 0,
        ComponentStatus::UnderMaintenance => 1,
        ComponentStatus::DegradedPerformance => 2,
        ComponentStatus::PartialOutage => 3,
        ComponentStatus::MajorOutage => 4,
    }
}

/// The first 16 digits of an act's id.
fn public_id(act: ActId) -> Box<str> {
    let digits: String = act.to_string().chars().take(16).collect();
    digits.into()
}

/// A component's id on the page: 12 hexadecimal digits that follow from its name.
pub(crate) fn component_id(name: &Name) -> String {
    short_hash(&[b"hereby/component/1\0", name.as_str().as_bytes()])
}

/// 12 hexadecimal digits of SHA-256.
pub(crate) fn short_hash(parts: &[&[u8]]) -> String {
    let digest = hash::sha256(parts);
    let bytes = digest.0.iter().take(6);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
