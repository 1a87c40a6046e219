//! What an import changes: a pure comparison of what files say with what hereby knows. Both are
//! brought into the form of the commands that make it so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::{Line, PersonName, TeamName};
use record::command::{
    Address, GrantPermission, RegisterPerson, RegisterService, RegisterTeam, RemovePerson,
    RemoveRunbook, RemoveService, RemoveTeam, RemoveTemplate, SaveRunbook, SaveTemplate, Verb,
    WithdrawPermission,
};
use record::kinds::directory::Permission;
use record::sealed::Sealable;

use super::page::Files;
use crate::commands::wire;

/// A kind of thing, in the order in which they are made known: none names a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Team,
    Person,
    Service,
    /// Who may say who may what: granted before everything else, so that whoever imports still may.
    Admin,
    Permission,
    Runbook,
    Template,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Team => "team",
            Kind::Person => "person",
            Kind::Service => "service",
            Kind::Admin | Kind::Permission => "permission",
            Kind::Runbook => "runbook",
            Kind::Template => "template",
        }
    }
}

/// What a thing is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(kind: Kind, name: &impl fmt::Display) -> Key {
        Key {
            kind,
            name: name.to_string(),
        }
    }

    /// `sam: responder@payments`
    pub(super) fn permission(
        person: &PersonName,
        permission: Permission,
        team: Option<&TeamName>,
    ) -> Key {
        let kind = match (permission, team) {
            (Permission::Admin, None) => Kind::Admin,
            _ => Kind::Permission,
        };
        let team = team.map(|team| format!("@{team}")).unwrap_or_default();
        let name = format!("{person}: {}{team}", permission.as_str());
        Key::new(kind, &name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// What hereby knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The command that would make it so; none where something of it can't be read.
    things: BTreeMap<Key, Option<Verb>>,
    /// Requests that wait: command, arguments, name.
    waiting: Vec<(String, serde_json::Value, String)>,
}

impl Known {
    pub(super) fn team(&mut self, team: wire::Team) {
        let key = Key::new(Kind::Team, &team.team);
        let verb = RegisterTeam {
            about: team.about,
            team: team.team,
        };
        self.things.insert(key, Some(verb.into()));
    }

    pub(super) fn person(&mut self, person: wire::Person) {
        for grant in person.permissions {
            let key = Key::permission(&person.person, grant.permission, grant.team.as_ref());
            let verb = GrantPermission {
                permission: grant.permission,
                person: person.person.clone(),
                team: grant.team,
            };
            self.things.insert(key, Some(verb.into()));
        }
        let key = Key::new(Kind::Person, &person.person);
        let open = |text: &Sealable<Line>| match text {
            Sealable::Open(text) => Some(text.clone()),
            Sealable::Sealed(_) => None,
        };
        let full_name = match person.full_name.as_ref() {
            Some(name) => open(name).map(Some),
            None => Some(None),
        };
        let places: Option<Vec<Address>> = person
            .places
            .iter()
            .map(|place| {
                let address = open(&place.address)?;
                let kind = place.kind;
                Some(Address { address, kind })
            })
            .collect();
        let verb = full_name.zip(places).map(|(full_name, places)| {
            let verb = RegisterPerson {
                full_name,
                person: person.person,
                places,
            };
            verb.into()
        });
        self.things.insert(key, verb);
    }

    pub(super) fn service(&mut self, service: wire::Service) {
        let key = Key::new(Kind::Service, &service.service);
        let verb = RegisterService {
            about: service.about,
            dependencies: service.dependencies,
            owner: service.owner,
            service: service.service,
            tier: service.tier,
        };
        self.things.insert(key, Some(verb.into()));
    }

    pub(super) fn runbook(&mut self, runbook: wire::Runbook) {
        let key = Key::new(Kind::Runbook, &runbook.runbook);
        let verb = SaveRunbook {
            runbook: runbook.runbook,
            steps: runbook.steps,
            title: runbook.title,
        };
        self.things.insert(key, Some(verb.into()));
    }

    pub(super) fn template(&mut self, template: wire::Template) {
        let key = Key::new(Kind::Template, &template.template);
        let verb = SaveTemplate {
            private: template.private,
            runbooks: template.runbooks,
            service: template.service,
            severity: template.severity,
            template: template.template,
            title: template.title,
            update_every_ms: template.update_every_ms,
        };
        self.things.insert(key, Some(verb.into()));
    }

    pub(super) fn request(&mut self, request: wire::Request) {
        let name = request.request.to_string();
        self.waiting.push((request.command, request.args, name));
    }

    /// The request that asks for this already.
    fn request_for(&self, verb: &Verb) -> Option<String> {
        let args: serde_json::Value = serde_json::from_str(&verb.canonical_args().ok()?).ok()?;
        let mut waiting = self.waiting.iter();
        waiting
            .find(|(command, asked, _)| *command == verb.name() && *asked == args)
            .map(|(_, _, name)| name.clone())
    }
}

/// What happens to one thing.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    New(Verb),
    Changed(Verb),
    Removed(Verb),
    /// It was asked for and waits as this request.
    Waits(String),
    Unchanged,
}

impl Change {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Change::New(_) => "new",
            Change::Changed(_) => "changed",
            Change::Removed(_) => "removed",
            Change::Waits(_) => "waits",
            Change::Unchanged => "unchanged",
        }
    }
}

/// One thing, and what happens to it.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) key: Key,
    pub(super) change: Change,
}

impl Step {
    /// What is sent for it.
    pub(super) fn verb(&self) -> Option<&Verb> {
        match &self.change {
            Change::New(verb) | Change::Changed(verb) | Change::Removed(verb) => Some(verb),
            Change::Waits(_) | Change::Unchanged => None,
        }
    }
}

/// Everything an import does, in order.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// How much the files don't name, and stays.
    pub(super) left: usize,
}

impl Plan {
    /// The steps that send something.
    pub(super) fn to_send(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.verb().is_some())
    }
}

/// What to do so that hereby knows what the files say.
pub(super) fn plan(files: &Files, known: &Known, remove: bool) -> Plan {
    let mut steps: Vec<Step> = files
        .wanted
        .iter()
        .map(|(key, (verb, _))| Step {
            key: key.clone(),
            change: change(known, key, verb),
        })
        .collect();
    // The last first: nothing is removed that something else still names.
    let unnamed: Vec<Step> = unnamed(files, known).rev().collect();
    let left = if remove { 0 } else { unnamed.len() };
    if remove {
        steps.extend(unnamed);
    }
    Plan { steps, left }
}

fn change(known: &Known, key: &Key, verb: &Verb) -> Change {
    if let Some(request) = known.request_for(verb) {
        return Change::Waits(request);
    }
    match known.things.get(key) {
        None => Change::New(verb.clone()),
        Some(Some(present)) if present == verb => Change::Unchanged,
        Some(_) => Change::Changed(verb.clone()),
    }
}

/// What is known and not in the files, of the kinds that they do name; permissions of the people
/// that they name.
fn unnamed<'a>(files: &'a Files, known: &'a Known) -> impl DoubleEndedIterator<Item = Step> + 'a {
    let kinds: BTreeSet<Kind> = files.wanted.keys().map(|key| key.kind).collect();
    known.things.iter().filter_map(move |(key, present)| {
        let in_scope = match (key.kind, present) {
            (Kind::Admin | Kind::Permission, Some(Verb::GrantPermission(grant))) => files
                .wanted
                .contains_key(&Key::new(Kind::Person, &grant.person)),
            _ => kinds.contains(&key.kind),
        };
        if !in_scope || files.wanted.contains_key(key) {
            return None;
        }
        Some(Step {
            key: key.clone(),
            change: Change::Removed(removal(key, present.as_ref())?),
        })
    })
}

/// What forgets a thing.
fn removal(key: &Key, present: Option<&Verb>) -> Option<Verb> {
    Some(match present {
        Some(Verb::RegisterTeam(it)) => RemoveTeam {
            team: it.team.clone(),
        }
        .into(),
        Some(Verb::RegisterService(it)) => RemoveService {
            service: it.service.clone(),
        }
        .into(),
        Some(Verb::SaveRunbook(it)) => RemoveRunbook {
            runbook: it.runbook.clone(),
        }
        .into(),
        Some(Verb::SaveTemplate(it)) => RemoveTemplate {
            template: it.template.clone(),
        }
        .into(),
        Some(Verb::GrantPermission(it)) => WithdrawPermission {
            permission: it.permission,
            person: it.person.clone(),
            team: it.team.clone(),
        }
        .into(),
        // Of a person whose name can't be read, what they are called can.
        _ if key.kind == Kind::Person => RemovePerson {
            person: key.name.parse().ok()?,
        }
        .into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
