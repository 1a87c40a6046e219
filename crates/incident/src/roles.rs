//! Roles by the book: who has one, who takes one over, and what goes with it.
//!
//! The commander gives the roles and decides, and does not operate; operations change systems, and do not
//! speak to the public. Who hands a role over has it until it is accepted.

use base::{Actor, PersonName};
use record::command::{Accept, Assign, HandOver, Relieve, Waive};
use record::kinds::incident::{Assigned, Audience, HandoverOffered, Relieved, Role, Waived};

use crate::commands::{Decision, one, open};
use crate::directory::is_somebody;
use crate::incidents::Summary;
use crate::refusal::{forbidden, needs_reason, wrong_state};
use crate::{Context, Reason, Refusal, State};

pub(crate) fn assign(state: &State, assign: &Assign, actor: &Actor) -> Decision {
    let summary = open(state, assign.incident)?;
    // To take command is open to whoever may assign at all: the one who has it may be asleep.
    if let Some(commander) = summary.commander()
        && assign.role != Role::Commander
        && let Some(person) = named(actor, &format!("{commander} commands and gives the roles"))?
        && person != commander
    {
        return forbidden(format!(
            "{commander} commands {0} and gives the roles. Ask {commander}, or take command: \
             hereby assign {0} commander {person}",
            assign.incident
        ));
    }
    let body = assigned(summary, assign.role, &assign.person, None)?;
    one(assign.incident, body)
}

/// The act that gives somebody a role; `from` hands it over, where several can have it.
fn assigned(
    summary: &Summary,
    role: Role,
    person: &PersonName,
    from: Option<&PersonName>,
) -> Result<Assigned, Refusal> {
    is_somebody(person)?;
    if has(summary, role, person) {
        return wrong_state(format!("{person} has that role in {}", summary.id));
    }
    let excluded = match role {
        Role::Commander => Some((Role::Operations, "operations")),
        Role::Operations => Some((Role::Commander, "commander")),
        Role::Communications | Role::Planning => None,
    };
    if let Some((other, name)) = excluded
        && has(summary, other, person)
        && !summary.waived.contains(person)
    {
        let id = summary.id;
        return Err(Refusal::new(
            Reason::RoleConflict,
            format!(
                "{person} is {name} of {id}: nobody is both commander and operations, because who \
                 operates loses sight of the whole. Assign somebody else; if there is nobody: \
                 hereby waive {id} {person} -m WHY"
            ),
        ));
    }
    let replaces = match role {
        Role::Operations => from.cloned(),
        role => summary.holders(role).next().cloned(),
    };
    Ok(Assigned {
        person: person.clone(),
        replaces,
        role,
    })
}

pub(crate) fn hand_over(state: &State, verb: &HandOver, actor: &Actor) -> Decision {
    let summary = open(state, verb.incident)?;
    let holders: Vec<&PersonName> = summary.holders(verb.role).collect();
    let from = match (actor.person(), holders.as_slice()) {
        (Some(person), holders) if holders.contains(&person) => person,
        (None, [only]) => only,
        (Some(person), _) => {
            return forbidden(format!(
                "{person} does not have that role in {}: only who has it hands it over",
                verb.incident
            ));
        }
        (None, _) => {
            return wrong_state(format!(
                "nobody in {} has that role, or several have: say who hands it over with --as",
                verb.incident
            ));
        }
    };
    // What could not be accepted is not offered.
    assigned(summary, verb.role, &verb.to, Some(from))?;
    let body = HandoverOffered {
        from: from.clone(),
        role: verb.role,
        to: verb.to.clone(),
    };
    one(verb.incident, body)
}

pub(crate) fn accept(state: &State, verb: &Accept, actor: &Actor) -> Decision {
    let summary = open(state, verb.incident)?;
    let Some(person) = actor.person() else {
        return forbidden("only who was asked accepts: say who you are with --as".to_owned());
    };
    let offers = state.incidents.get(&verb.incident).map(|it| &it.offers);
    let offer = offers
        .into_iter()
        .flatten()
        .find(|offer| offer.role == verb.role && offer.to == *person);
    let Some(offer) = offer else {
        return wrong_state(format!(
            "nobody has asked {person} to take that role over in {}",
            verb.incident
        ));
    };
    let body = assigned(summary, verb.role, person, Some(&offer.from))?;
    one(verb.incident, body)
}

pub(crate) fn relieve(state: &State, verb: &Relieve, actor: &Actor) -> Decision {
    let summary = open(state, verb.incident)?;
    // Everybody leaves a role of their own; who takes it from others is who gives it.
    if let Some(commander) = summary.commander()
        && let Some(person) = named(actor, &format!("{commander} commands and gives the roles"))?
        && person != commander
        && *person != verb.person
    {
        return forbidden(format!(
            "{commander} commands {0} and gives the roles: ask {commander}, or take command (hereby \
             assign {0} commander {person})",
            verb.incident
        ));
    }
    if !has(summary, verb.role, &verb.person) {
        return wrong_state(format!(
            "{} does not have that role in {}",
            verb.person, verb.incident
        ));
    }
    let body = Relieved {
        person: verb.person.clone(),
        role: verb.role,
    };
    one(verb.incident, body)
}

pub(crate) fn waive(state: &State, verb: &Waive, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    if summary.waived.contains(&verb.person) {
        return wrong_state(format!("that is waived in {} already", verb.incident));
    }
    needs_reason(context, "a waiver")?;
    let alone = summary.involved().iter().all(|it| **it == verb.person);
    if context.actor.person() == Some(&verb.person) && !alone {
        return forbidden(format!(
            "nobody waives for themselves while others work on {}: ask one of them",
            verb.incident
        ));
    }
    let body = Waived {
        person: verb.person.clone(),
    };
    one(verb.incident, body)
}

/// Whether this actor may speak to that audience. Who changes systems does not speak to the public,
/// and once somebody has communications, they alone do: what is said there is one voice's, and the
/// fix is not kept waiting.
pub(crate) fn may_tell(
    summary: &Summary,
    audience: Audience,
    actor: &Actor,
) -> Result<(), Refusal> {
    let given = |role| summary.holders(role).next().is_some();
    let ruled = given(Role::Operations) || given(Role::Communications);
    if audience != Audience::Public || !ruled {
        return Ok(());
    }
    let rule = "what the public is told is one voice's, and not operations'";
    let Some(person) = named(actor, rule)? else {
        return Ok(());
    };
    if summary.operates(person) {
        return Err(Refusal::new(
            Reason::RoleConflict,
            format!(
                "{person} is operations of {}: operations don't speak to the public. {}",
                summary.id,
                who_speaks(summary)
            ),
        ));
    }
    let nobody_has = summary.holders(Role::Communications).next().is_none();
    if nobody_has || has(summary, Role::Communications, person) || summary.waived.contains(person) {
        return Ok(());
    }
    forbidden(format!(
        "what the public is told of {} is one voice's. {}",
        summary.id,
        who_speaks(summary)
    ))
}

fn who_speaks(summary: &Summary) -> String {
    match summary.holders(Role::Communications).next() {
        Some(person) => format!("Ask {person}, who has communications"),
        None => format!(
            "Nobody has communications yet: hereby assign {} communications PERSON",
            summary.id
        ),
    }
}

pub(crate) fn has(summary: &Summary, role: Role, person: &PersonName) -> bool {
    summary.holders(role).any(|holder| holder == person)
}

/// Who acts, where a rule rests on it: a local user who does not say who they are is refused, because
/// nobody could tell whether they may. Programs are nobody.
pub(crate) fn named<'a>(actor: &'a Actor, rule: &str) -> Result<Option<&'a PersonName>, Refusal> {
    match actor {
        Actor::Uid {
            on_behalf_of: None, ..
        } => forbidden(format!(
            "{rule}: say who you are (--as NAME, or --sign KEY)"
        )),
        actor => Ok(actor.person()),
    }
}
