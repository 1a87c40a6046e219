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

use crate::refusal::{at_most, out_of_range, wrong_state};
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
    /// Somebody was given a permission once: from then on they count, whatever is withdrawn.
    pub governed: bool,
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
                self.governed = true;
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

    /// Whether permissions count: somebody was given one.
    pub fn is_governed(&self) -> bool {
        self.governed
    }

    /// Whether this is the only admin for everything. Without one nobody could say who may what but
    /// whoever runs hereby on its machine.
    fn is_last_admin(&self, person: &PersonName) -> bool {
        let admin = Grant::new(Permission::Admin, &None);
        let has = |person: &Person| person.grants.contains(&admin);
        self.admins() == 1 && self.people.get(person).is_some_and(has)
    }

    fn keeps_an_admin(&self, person: &PersonName) -> Result<(), Refusal> {
        match self.is_last_admin(person) {
            false => Ok(()),
            true => wrong_state(format!(
                "{person} is the last admin: make somebody else one first (hereby grant PERSON admin)"
            )),
        }
    }

    /// How many people are admins for everything.
    pub(crate) fn admins(&self) -> usize {
        let admin = Grant::new(Permission::Admin, &None);
        let people = self.people.values();
        people
            .filter(|person| person.grants.contains(&admin))
            .count()
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
                .and_then(|_| self.keeps_an_admin(&verb.person))
                .map(|()| draft(Subject::Person(verb.person.clone()), PersonRemoved {})),
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
        is_somebody(&verb.person)?;
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
        if verb.permission == Permission::Admin && verb.team.is_none() {
            self.keeps_an_admin(&verb.person)?;
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

/// The word that says that there is none is nobody's name.
pub(crate) fn is_somebody(person: &PersonName) -> Result<(), Refusal> {
    match person.as_str() {
        "nobody" => out_of_range("`nobody` says that there is none: name a person".to_owned()),
        _ => Ok(()),
    }
}
