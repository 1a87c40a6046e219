//! One incident, as far as decisions need it. What was said and noted is read from the record.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Actor, AlertId, IncidentId, Line, PersonName, ServiceName, Severity, Timestamp};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::incident::{Assigned, Audience, Declared, Role, Stamp, Status};
use record::kinds::work::{ImpactStated, Relation};
use record::sealed::Sealable;
use serde::{Deserialize, Serialize};

use crate::review::Review;
use crate::work::Work;

/// An incident that is open, or was touched since it was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What a list shows of it.
    pub summary: Summary,
    /// Alerts that belong to it.
    pub alerts: BTreeSet<AlertId>,
    /// When each audience was last told something.
    pub told_at: BTreeMap<Audience, Timestamp>,
    /// Roles that somebody was asked to take over, and has not accepted yet.
    pub offers: BTreeSet<Offer>,
    /// When the next reminder is due, as the last one said.
    pub next_reminder: Option<Timestamp>,
    /// How often people were reminded since it was declared or reopened.
    pub reminders: u32,
    /// What people do in it.
    pub work: Work,
    /// What is said of it once it is over.
    pub review: Review,
}

/// When something happened, and the act that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When it happened.
    pub at: Timestamp,
    /// The act.
    pub act: ActId,
}

/// Somebody was asked to take a role over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offer {
    /// Which role.
    pub role: Role,
    /// Who is to have it.
    pub to: PersonName,
    /// Who has it.
    pub from: PersonName,
}

/// What a list shows of an incident; all that is kept in memory of a closed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Who acknowledged, and when.
    pub acknowledged: Option<(Timestamp, Actor)>,
    /// How many acts there are on it.
    pub acts: u64,
    /// The act that declared it.
    pub declared_act: ActId,
    /// When.
    pub declared_at: Timestamp,
    /// By whom.
    pub declared_by: Actor,
    /// Rehearsed, not real.
    pub drill: bool,
    /// When the first of the alerts fired that were attached to it while hereby knew them.
    pub first_alert_at: Option<Timestamp>,
    /// Its number.
    pub id: IncidentId,
    /// What it did, as far as somebody said.
    pub impact: ImpactStated,
    /// Who works on it without a role.
    pub people: BTreeSet<PersonName>,
    /// Who had operations once, and has it no more.
    pub operated: BTreeSet<PersonName>,
    /// Its text is sealed.
    pub private: bool,
    /// What was sealed in it is erased.
    pub redacted: bool,
    /// How it relates to others.
    pub relations: BTreeSet<(Relation, IncidentId)>,
    /// When it was reopened last.
    pub reopened_at: Option<Timestamp>,
    /// When it was resolved, if it is.
    pub resolved_at: Option<Timestamp>,
    /// Who has which role.
    pub roles: BTreeMap<Role, BTreeSet<PersonName>>,
    /// What is affected.
    pub service: Option<ServiceName>,
    /// How bad it is.
    pub severity: Severity,
    /// How far it is.
    pub status: Status,
    /// What is wrong.
    pub title: Sealable<Line>,
    /// What somebody said of when things happened. What is missing is not known.
    pub times: BTreeMap<Stamp, Said>,
    /// When the last act on it was taken.
    pub touched_at: Timestamp,
    /// Who may be commander and operations of it at once.
    pub waived: BTreeSet<PersonName>,
}

impl Incident {
    /// The incident that an `incident.declared` act begins.
    pub(crate) fn declared(id: IncidentId, act: &Act, body: &Declared) -> Incident {
        Incident {
            summary: Summary {
                acknowledged: None,
                acts: 0,
                declared_act: act.id,
                declared_at: act.at,
                declared_by: act.actor.clone(),
                drill: body.drill,
                first_alert_at: None,
                id,
                impact: ImpactStated::default(),
                operated: BTreeSet::new(),
                people: BTreeSet::new(),
                private: body.private,
                redacted: false,
                relations: BTreeSet::new(),
                reopened_at: None,
                resolved_at: None,
                roles: BTreeMap::new(),
                service: body.service.clone(),
                severity: body.severity,
                status: Status::Investigating,
                title: body.title.clone(),
                times: body
                    .impact_start
                    .map(|at| (Stamp::ImpactStart, Said { at, act: act.id }))
                    .into_iter()
                    .collect(),
                touched_at: act.at,
                waived: BTreeSet::new(),
            },
            alerts: BTreeSet::new(),
            told_at: BTreeMap::new(),
            offers: BTreeSet::new(),
            next_reminder: None,
            reminders: 0,
            work: Work::default(),
            review: Review::default(),
        }
    }

    /// The whole incident from its acts, in order; `None` if they don't begin with a declaration.
    pub fn from_acts(id: IncidentId, acts: &[Act]) -> Option<Incident> {
        // What was done for it elsewhere stands on its timeline, and is no act on it.
        let own = |act: &&Act| act.subject == Subject::Incident(id);
        Incident::folded(id, acts.iter().filter(own))
    }

    /// The same, wherever the acts lie.
    pub(crate) fn folded<'a>(
        id: IncidentId,
        mut acts: impl Iterator<Item = &'a Act>,
    ) -> Option<Incident> {
        let first = acts.next()?;
        let Body::IncidentDeclared(declared) = &first.body else {
            return None;
        };
        let mut incident = Incident::declared(id, first, declared);
        incident.apply(first);
        acts.for_each(|act| incident.apply(act));
        Some(incident)
    }

    /// Folds in one act on this incident.
    pub(crate) fn apply(&mut self, act: &Act) {
        let summary = &mut self.summary;
        summary.acts += 1;
        summary.touched_at = act.at;
        match &act.body {
            Body::IncidentAcknowledged(_) => {
                summary.acknowledged = Some((act.at, act.actor.clone()));
                self.next_reminder = None;
            }
            Body::IncidentAssigned(assigned) => {
                summary.assign(assigned);
                self.let_offers_go();
            }
            Body::IncidentHandoverOffered(offered) => {
                self.offers.insert(Offer {
                    role: offered.role,
                    to: offered.to.clone(),
                    from: offered.from.clone(),
                });
            }
            Body::IncidentRelieved(relieved) => {
                if let Some(holders) = summary.roles.get_mut(&relieved.role) {
                    holders.remove(&relieved.person);
                    summary.stays_on(relieved.role, &relieved.person);
                }
                self.let_offers_go();
            }
            Body::IncidentTimeStamped(stamped) => {
                match stamped.at {
                    Some(at) => summary
                        .times
                        .insert(stamped.stamp, Said { at, act: act.id }),
                    None => summary.times.remove(&stamped.stamp),
                };
            }
            Body::IncidentWaived(waived) => {
                summary.waived.insert(waived.person.clone());
            }
            Body::IncidentUpdated(update) => {
                self.told_at.insert(update.audience, act.at);
            }
            Body::IncidentStatusChanged(change) => summary.status = change.to,
            Body::IncidentSeverityChanged(change) => summary.severity = change.to,
            Body::IncidentResolved(_) => {
                summary.status = Status::Resolved;
                summary.resolved_at = Some(act.at);
                self.next_reminder = None;
            }
            Body::IncidentReopened(_) => {
                summary.status = Status::Investigating;
                summary.resolved_at = None;
                summary.reopened_at = Some(act.at);
                // It was not over, and so it was not the other one either.
                let relations = &mut summary.relations;
                relations.retain(|(relation, _)| *relation != Relation::DuplicateOf);
                summary.acknowledged = None;
                self.reminders = 0;
                self.next_reminder = None;
            }
            Body::IncidentReminded(reminded) => {
                self.reminders = reminded.count;
                self.next_reminder = reminded.next_at;
            }
            Body::IncidentAlertAttached(attached) => {
                self.alerts.insert(attached.alert);
            }
            _ => summary.apply(act),
        }
        self.work.apply(act);
        self.review.apply(act);
    }
}

impl Incident {
    /// An offer stands while who made it has the role, and who was asked has it not.
    fn let_offers_go(&mut self) {
        let summary = &self.summary;
        self.offers.retain(|offer| {
            let has = |person| summary.holders(offer.role).any(|holder| holder == person);
            has(&offer.from) && !has(&offer.to)
        });
    }
}

impl Summary {
    /// Whether it is still going on.
    pub fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// Who is in command, if anybody.
    pub fn commander(&self) -> Option<&PersonName> {
        self.holders(Role::Commander).next()
    }

    /// Who has this role.
    pub fn holders(&self, role: Role) -> impl Iterator<Item = &PersonName> {
        self.roles.get(&role).into_iter().flatten()
    }

    /// Folds in who works on it, what it did, and what it has to do with others.
    fn apply(&mut self, act: &Act) {
        match &act.body {
            Body::IncidentJoined(joined) => {
                self.people.insert(joined.person.clone());
            }
            Body::IncidentLeft(left) => {
                self.people.remove(&left.person);
            }
            Body::IncidentRelated(related) => {
                self.relations.insert((related.relation, related.to));
            }
            Body::IncidentImpactStated(impact) => self.impact = impact.clone(),
            Body::IncidentRedacted(_) => self.redacted = true,
            _ => {}
        }
    }

    fn assign(&mut self, assigned: &Assigned) {
        let holders = self.roles.entry(assigned.role).or_default();
        let lost = assigned.replaces.as_ref();
        let lost = lost.filter(|replaced| holders.remove(replaced));
        holders.insert(assigned.person.clone());
        if let Some(person) = lost {
            self.stays_on(assigned.role, person);
        }
    }

    /// Who has a role no more works on it still. Only then are they kept here: who has which role
    /// stands in `roles`, of a hundred thousand closed incidents as well.
    fn stays_on(&mut self, role: Role, person: &PersonName) {
        self.people.insert(person.clone());
        if role == Role::Operations {
            self.operated.insert(person.clone());
        }
    }
}
