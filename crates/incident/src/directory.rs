//! Who and what there is, and who may ask for what: folded from acts, like everything else.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Line, PersonName, ServiceName, TeamName};
use record::act::{Act, Subject};
use record::command::{
    GrantPermission, RegisterPerson, RegisterService, RegisterTeam, Verb, WithdrawPermission,
};
use record::kinds::Body;
use record::kinds::directory::{
    Dependency, PLACES_MAX, Permission, PermissionGranted, PermissionWithdrawn, PersonRedacted,
    PersonRegistered, PersonRemoved, Place, ServiceRegistered, ServiceRemoved, TeamRegistered,
    TeamRemoved,
};
use record::sealed::Sealable;
use serde::{Deserialize, Serialize};

use crate::refusal::{at_most, wrong_state};
use crate::{Draft, Reason, Refusal};

const PEOPLE_MAX: usize = 10_000;
const TEAMS_MAX: usize = 1_000;
const SERVICES_MAX: usize = 5_000;
const DEPENDENCIES_MAX: usize = 64;
const TIERS: std::ops::RangeInclusive<u8> = 1..=4;

/// People, teams, services and permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// People, with what they may ask for.
    pub people: BTreeMap<PersonName, Person>,
    /// Teams.
    pub teams: BTreeMap<TeamName, Team>,
    /// Services.
    pub services: BTreeMap<ServiceName, Service>,
    /// How often what is personal of somebody was erased.
    pub redactions: BTreeMap<PersonName, u32>,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What they may ask for.
    pub grants: BTreeSet<Grant>,
    /// The act that says what they are called and where they are reached; it is sealed.
    pub registered_act: ActId,
}

/// A permission and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// What.
    pub permission: Permission,
    /// For what this team looks after; for everything without.
    pub team: Option<TeamName>,
}

/// People who look after services together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// What they do.
    pub about: Option<Line>,
}

/// Something people use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// What it is.
    pub about: Option<Line>,
    /// What it needs.
    pub dependencies: Vec<Dependency>,
    /// Who looks after it.
    pub owner: Option<TeamName>,
    /// How much depends on it: 1 (everything) to 4.
    pub tier: u8,
}

impl Directory {
    pub(crate) fn apply(&mut self, act: &Act) {
        match (&act.subject, &act.body) {
            (Subject::Person(name), Body::PersonRegistered(_)) => {
                let before = self.people.remove(name);
                let person = Person {
                    grants: before.map(|before| before.grants).unwrap_or_default(),
                    registered_act: act.id,
                };
                self.people.insert(name.clone(), person);
            }
            (Subject::Person(name), Body::PersonRemoved(_)) => {
                self.people.remove(name);
            }
            (Subject::Person(name), Body::PersonRedacted(redacted)) => {
                self.redactions.insert(name.clone(), redacted.count);
            }
            (Subject::Person(name), Body::PermissionGranted(granted)) => {
                if let Some(person) = self.people.get_mut(name) {
                    person
                        .grants
                        .insert(Grant::new(granted.permission, &granted.team));
                }
            }
            (Subject::Person(name), Body::PermissionWithdrawn(withdrawn)) => {
                if let Some(person) = self.people.get_mut(name) {
                    person
                        .grants
                        .remove(&Grant::new(withdrawn.permission, &withdrawn.team));
                }
            }
            (Subject::Team(name), Body::TeamRegistered(registered)) => {
                let about = registered.about.clone();
                self.teams.insert(name.clone(), Team { about });
            }
            (Subject::Team(name), Body::TeamRemoved(_)) => {
                self.teams.remove(name);
                for person in self.people.values_mut() {
                    person
                        .grants
                        .retain(|grant| grant.team.as_ref() != Some(name));
                }
            }
            (Subject::Service(name), Body::ServiceRegistered(registered)) => {
                let service = Service {
                    about: registered.about.clone(),
                    dependencies: registered.dependencies.clone(),
                    owner: registered.owner.clone(),
                    tier: registered.tier,
                };
                self.services.insert(name.clone(), service);
            }
            (Subject::Service(name), Body::ServiceRemoved(_)) => {
                self.services.remove(name);
            }
            _ => {}
        }
    }

    /// Whether permissions count: somebody has one.
    pub fn is_governed(&self) -> bool {
        self.people.values().any(|person| !person.grants.is_empty())
    }

    /// Erases what is personal of somebody. What was known of them before they were removed is on
    /// the record as well, so that they need not be known now.
    pub(crate) fn redact(&self, person: &PersonName) -> Result<Vec<Draft>, Refusal> {
        let before = self.redactions.get(person).copied().unwrap_or(0);
        let count = before.saturating_add(1);
        Ok(draft(
            Subject::Person(person.clone()),
            PersonRedacted { count },
        ))
    }

    /// The team that looks after a service, if anybody said so.
    pub fn owner(&self, service: &ServiceName) -> Option<&TeamName> {
        self.services.get(service)?.owner.as_ref()
    }

    /// Decides on a command about people, teams, services or permissions; `None` for those about
    /// anything else.
    pub(crate) fn decide(&self, verb: &Verb) -> Option<Result<Vec<Draft>, Refusal>> {
        Some(match verb {
            Verb::RegisterPerson(verb) => self.register_person(verb),
            Verb::RemovePerson(verb) => known(&self.people, &verb.person, "person")
                .map(|_| draft(Subject::Person(verb.person.clone()), PersonRemoved {})),
            Verb::GrantPermission(verb) => self.grant(verb),
            Verb::WithdrawPermission(verb) => self.withdraw(verb),
            Verb::RegisterTeam(verb) => self.register_team(verb),
            Verb::RemoveTeam(verb) => self.remove_team(&verb.team),
            Verb::RegisterService(verb) => self.register_service(verb),
            Verb::RemoveService(verb) => known(&self.services, &verb.service, "service")
                .map(|_| draft(Subject::Service(verb.service.clone()), ServiceRemoved {})),
            _ => return None,
        })
    }

    fn register_person(&self, verb: &RegisterPerson) -> Result<Vec<Draft>, Refusal> {
        let more = usize::from(!self.people.contains_key(&verb.person));
        at_most("people", self.people.len() + more, PEOPLE_MAX)?;
        at_most("places to reach one person", verb.places.len(), PLACES_MAX)?;
        let place = |place: &record::command::Address| Place {
            address: place.address.clone().into(),
            kind: place.kind,
        };
        let body = PersonRegistered {
            full_name: verb.full_name.clone().map(Sealable::from),
            places: verb.places.iter().map(place).collect(),
        };
        Ok(draft(Subject::Person(verb.person.clone()), body))
    }

    fn grant(&self, verb: &GrantPermission) -> Result<Vec<Draft>, Refusal> {
        let person = known(&self.people, &verb.person, "person")?;
        if let Some(team) = &verb.team {
            known(&self.teams, team, "team")?;
        }
        if person
            .grants
            .contains(&Grant::new(verb.permission, &verb.team))
        {
            return wrong_state(format!("{} has that permission", verb.person));
        }
        let body = PermissionGranted {
            permission: verb.permission,
            team: verb.team.clone(),
        };
        Ok(draft(Subject::Person(verb.person.clone()), body))
    }

    fn withdraw(&self, verb: &WithdrawPermission) -> Result<Vec<Draft>, Refusal> {
        let person = known(&self.people, &verb.person, "person")?;
        if !person
            .grants
            .contains(&Grant::new(verb.permission, &verb.team))
        {
            return wrong_state(format!("{} does not have that permission", verb.person));
        }
        let body = PermissionWithdrawn {
            permission: verb.permission,
            team: verb.team.clone(),
        };
        Ok(draft(Subject::Person(verb.person.clone()), body))
    }

    fn register_team(&self, verb: &RegisterTeam) -> Result<Vec<Draft>, Refusal> {
        let more = usize::from(!self.teams.contains_key(&verb.team));
        at_most("teams", self.teams.len() + more, TEAMS_MAX)?;
        let about = verb.about.clone();
        Ok(draft(
            Subject::Team(verb.team.clone()),
            TeamRegistered { about },
        ))
    }

    fn remove_team(&self, team: &TeamName) -> Result<Vec<Draft>, Refusal> {
        known(&self.teams, team, "team")?;
        let owned = self
            .services
            .iter()
            .find(|(_, service)| service.owner.as_ref() == Some(team));
        match owned {
            Some((service, _)) => wrong_state(format!(
                "{team} looks after {service}: give it to another team first"
            )),
            None => Ok(draft(Subject::Team(team.clone()), TeamRemoved {})),
        }
    }

    fn register_service(&self, verb: &RegisterService) -> Result<Vec<Draft>, Refusal> {
        let more = usize::from(!self.services.contains_key(&verb.service));
        at_most("services", self.services.len() + more, SERVICES_MAX)?;
        at_most("dependencies", verb.dependencies.len(), DEPENDENCIES_MAX)?;
        if !TIERS.contains(&verb.tier) {
            return Err(Refusal::new(
                Reason::OutOfRange,
                "a tier lies between 1 (everything depends on it) and 4",
            ));
        }
        if let Some(owner) = &verb.owner {
            known(&self.teams, owner, "team")?;
        }
        let mut names = BTreeSet::new();
        for dependency in &verb.dependencies {
            if !names.insert((dependency.kind, &dependency.name)) {
                return Err(Refusal::new(
                    Reason::OutOfRange,
                    format!("the dependency {} is named twice", dependency.name),
                ));
            }
        }
        let body = ServiceRegistered {
            about: verb.about.clone(),
            dependencies: verb.dependencies.clone(),
            owner: verb.owner.clone(),
            tier: verb.tier,
        };
        Ok(draft(Subject::Service(verb.service.clone()), body))
    }
}

impl Grant {
    fn new(permission: Permission, team: &Option<TeamName>) -> Grant {
        Grant {
            permission,
            team: team.clone(),
        }
    }
}

fn known<'a, K: Ord + std::fmt::Display, V>(
    map: &'a BTreeMap<K, V>,
    name: &K,
    what: &str,
) -> Result<&'a V, Refusal> {
    map.get(name).ok_or_else(|| {
        Refusal::new(
            Reason::NotFound,
            format!("there is no {what} {name}: hereby {what} list"),
        )
    })
}

fn draft(subject: Subject, body: impl Into<Body>) -> Vec<Draft> {
    vec![Draft::new(subject, body)]
}
