//! Who may ask for what: one row for each command, and no other rule about it.

use base::{Actor, IncidentId, PersonName, ServiceName, TeamName};
use record::command::Verb;
use record::kinds::directory::Permission;

use crate::{Reason, Refusal, State};

use Permission::{Admin, Commander, Operator, Publisher, Reporter, Responder, Viewer};

/// Which permissions allow a command: any one of them does.
pub const POLICY: &[(&str, &[Permission])] = &[
    (
        "incident.declare",
        &[Reporter, Responder, Commander, Operator, Admin],
    ),
    ("incident.acknowledge", RUNS),
    ("incident.assign", RUNS),
    ("incident.hand_over", RUNS),
    ("incident.accept", RUNS),
    ("incident.relieve", RUNS),
    ("incident.waive", &[Commander, Admin]),
    ("incident.stamp_time", RUNS),
    (
        "incident.note",
        &[Reporter, Responder, Commander, Publisher, Operator, Admin],
    ),
    ("incident.update", &[Commander, Publisher, Admin]),
    ("incident.set_status", RUNS),
    ("incident.set_severity", RUNS),
    ("incident.resolve", RUNS),
    ("incident.reopen", RUNS),
    (
        "incident.attach",
        &[Reporter, Responder, Commander, Operator, Admin],
    ),
    ("incident.join", JOINS),
    ("incident.leave", JOINS),
    ("incident.decide", RUNS),
    ("incident.open_task", RUNS),
    ("incident.assign_task", RUNS),
    ("incident.close_task", RUNS),
    ("incident.ask", SAYS),
    ("incident.answer", SAYS),
    ("incident.name_contact", SPEAKS),
    ("incident.remove_contact", SPEAKS),
    ("incident.attach_file", SAYS),
    ("incident.relate", RUNS),
    ("incident.start_checklist", RUNS),
    ("incident.tick_step", RUNS),
    ("incident.set_update_clock", SPEAKS),
    ("incident.correct", SAYS),
    ("incident.catch_up", JOINS),
    ("incident.state_impact", SPEAKS),
    ("chat.open_room", RUNS),
    ("chat.link_room", GOVERNS),
    ("chat.close_room", RUNS),
    ("chat.unlink_room", GOVERNS),
    ("incident.redact", GOVERNS),
    ("review.state", SAYS),
    ("review.withdraw", SAYS),
    ("review.publish", PUBLISHES),
    ("review.schedule_meeting", SPEAKS),
    ("review.cancel_meeting", SPEAKS),
    ("followup.open", SPEAKS),
    ("followup.change", SPEAKS),
    ("followup.close", SPEAKS),
    ("followup.try_ticket", SPEAKS),
    ("followup.link_ticket", SPEAKS),
    ("subscriber.confirm", GOVERNS),
    ("subscriber.change", GOVERNS),
    ("notice.send", PUBLISHES),
    ("notice.report", GOVERNS),
    ("notice.retry", PUBLISHES),
    ("subscriber.remove", GOVERNS),
    ("runbook.save", TUNES),
    ("runbook.remove", TUNES),
    ("template.save", TUNES),
    ("template.remove", TUNES),
    ("alert.silence", TUNES),
    ("silence.end", TUNES),
    ("maintenance.schedule", TUNES),
    ("maintenance.end", TUNES),
    ("heartbeat.expect", TUNES),
    ("heartbeat.forget", TUNES),
    ("token.issue", GOVERNS),
    ("token.revoke", GOVERNS),
    ("key.enroll", GOVERNS),
    ("key.revoke", GOVERNS),
    ("login.offer", GOVERNS),
    ("session.begin", GOVERNS),
    ("session.end", GOVERNS),
    ("person.register", GOVERNS),
    ("team.register", GOVERNS),
    ("service.register", TUNES),
    ("permission.grant", GOVERNS),
    ("permission.withdraw", GOVERNS),
    ("service.remove", TUNES),
    ("team.remove", GOVERNS),
    ("person.remove", GOVERNS),
    ("person.redact", GOVERNS),
    ("request.approve", SETTLES),
    ("request.reject", STOPS),
    ("request.withdraw", STOPS),
    ("request.override", SETTLES),
    ("component.register", TUNES),
    ("component.remove", TUNES),
    ("page.measure", TUNES),
    ("client.ban", TUNES),
    ("client.unban", TUNES),
    ("certificate.revoke", TUNES),
    ("failover.override", TUNES),
    ("switch.turn_off", RUNS_EDGES),
    ("switch.turn_on", RUNS_EDGES),
    ("posture.set", RUNS_EDGES),
    ("certificate.report", GOVERNS),
    ("cell.define", TUNES),
    ("cell.remove", TUNES),
    ("cell.set_floor", TUNES),
    ("edge.invite", GOVERNS),
    ("edge.enroll", GOVERNS),
    ("edge.retire", GOVERNS),
    ("version.deploy", TUNES),
    ("deployment.advance", TUNES),
    ("deployment.pause", RUNS_EDGES),
    ("deployment.resume", TUNES),
    ("deployment.fire", GOVERNS),
    ("deployment.complete", GOVERNS),
    ("version.roll_back", RUNS_EDGES),
    ("lease.lift", TUNES),
    ("fleet.freeze", RUNS_EDGES),
    ("fleet.unfreeze", TUNES),
    ("break_glass.set_key", GOVERNS),
    ("break_glass.report", GOVERNS),
    ("break_glass.end", TUNES),
    ("record.rotate_key", GOVERNS),
    ("record.set_root_key", GOVERNS),
];

const RUNS: &[Permission] = &[Responder, Commander, Admin];
const TUNES: &[Permission] = &[Operator, Admin];
/// Stopping and going back is for whoever runs an incident, too.
const RUNS_EDGES: &[Permission] = &[Responder, Commander, Operator, Admin];
const GOVERNS: &[Permission] = &[Admin];
/// Everybody who may do anything takes part.
const JOINS: &[Permission] = &[
    Viewer, Reporter, Responder, Commander, Publisher, Operator, Admin,
];
/// Everybody who may do more than read says what they know.
const SAYS: &[Permission] = &[Reporter, Responder, Commander, Publisher, Operator, Admin];
const SPEAKS: &[Permission] = &[Responder, Commander, Publisher, Admin];
const PUBLISHES: &[Permission] = &[Commander, Publisher, Admin];
const SETTLES: &[Permission] = &[Commander, Admin];
/// To keep something from being done is easy.
const STOPS: &[Permission] = &[Responder, Commander, Operator, Admin];

fn allowing(verb: &Verb) -> &'static [Permission] {
    let row = POLICY.iter().find(|(name, _)| *name == verb.name());
    // A test holds that no command is missing.
    row.map_or(GOVERNS, |(_, permissions)| permissions)
}

/// Whose business a command is.
enum Concern<'a> {
    /// Of whoever looks after this: their own permissions reach it.
    Team(&'a TeamName),
    /// Nobody's in particular: a permission in any team reaches it, so that nobody stands by.
    Nobodys,
    /// Everybody's: only a permission for everything reaches it.
    Everybodys,
}

impl State {
    /// Whether the sender may ask for this. Until somebody has a permission, whoever may send at
    /// all may; and whoever runs hereby on this machine, and programs with a token, always may what
    /// their way of sending allows.
    ///
    /// # Errors
    /// A refusal that says which permission is missing.
    pub fn permit(&self, actor: &Actor, verb: &Verb) -> Result<(), Refusal> {
        let Actor::Person { id } = actor else {
            return Ok(());
        };
        let people = &self.directory.people;
        if !self.directory.is_governed() {
            return Ok(());
        }
        // What somebody may not see they can't act on, nor find out that it is there.
        if let Some(hidden) = self.touched(verb).find(|it| !self.may_see(id, *it)) {
            return Err(Refusal::new(
                Reason::NotFound,
                format!("there is no incident {hidden}, or you may not see it"),
            ));
        }
        let wanted = allowing(verb);
        let concern = self.concern(verb);
        let has = people.get(id).is_some_and(|person| {
            person.grants.iter().any(|grant| {
                wanted.contains(&grant.permission)
                    && match (&grant.team, &concern) {
                        (None, _) | (Some(_), Concern::Nobodys) => true,
                        (Some(team), Concern::Team(owner)) => team == *owner,
                        (Some(_), Concern::Everybodys) => false,
                    }
            })
        });
        if has {
            return Ok(());
        }
        Err(refused(id, verb, wanted, &concern))
    }

    /// The incidents that a command is about, or takes something from.
    fn touched(&self, verb: &Verb) -> impl Iterator<Item = IncidentId> {
        let alerts = match verb {
            Verb::Declare(declare) => declare.alerts.as_slice(),
            Verb::Attach(attach) => std::slice::from_ref(&attach.alert),
            _ => &[],
        };
        let left = alerts.iter().filter_map(|id| self.alerts.get(id)?.incident);
        let other = match verb {
            Verb::Relate(relate) => Some(relate.to),
            Verb::Ban(ban) => ban.incident,
            Verb::RevokeCertificate(revoke) => revoke.incident,
            Verb::OverrideFailover(verb) => verb.incident,
            Verb::TurnSwitchOff(verb) => verb.incident,
            Verb::SetPosture(verb) => verb.incident,
            Verb::DeployVersion(verb) => verb.incident,
            Verb::RollBack(verb) => verb.incident,
            _ => None,
        };
        let all: Vec<IncidentId> = verb
            .incident()
            .into_iter()
            .chain(other)
            .chain(left)
            .collect();
        all.into_iter()
    }

    /// Whether a person sees what belongs to a service: what their teams look after, and what nobody
    /// does.
    pub fn may_see_service(&self, person: &PersonName, service: &ServiceName) -> bool {
        if !self.directory.is_governed() {
            return true;
        }
        let owner = self.directory.owner(service);
        let known = self.directory.people.get(person);
        known.is_some_and(|known| {
            let grants = known.grants.iter();
            let mut teams = grants.map(|grant| grant.team.as_ref());
            teams.any(|team| team.is_none() || owner.is_none() || team == owner)
        })
    }

    /// Whether a person sees an incident. Until somebody has a permission, everybody sees everything.
    /// Then somebody sees what they take part in or declared; what their permissions reach, which is
    /// what their teams look after and what nobody does; and private ones only as a commander or an
    /// admin.
    pub fn may_see(&self, person: &PersonName, id: IncidentId) -> bool {
        if !self.directory.is_governed() {
            return true;
        }
        // What is not there is said to be so by whoever looks for it.
        let Some(summary) = self.summary(id) else {
            return true;
        };
        let declared = summary.declared_by.person() == Some(person);
        if declared || summary.involved().contains(person) {
            return true;
        }
        let service = summary.service.as_ref();
        let owner = service.and_then(|service| self.directory.owner(service));
        let Some(known) = self.directory.people.get(person) else {
            return false;
        };
        known.grants.iter().any(|grant| {
            let reaches = match (&grant.team, owner) {
                (None, _) | (Some(_), None) => true,
                (Some(team), Some(owner)) => team == owner,
            };
            let trusted = matches!(grant.permission, Commander | Admin);
            reaches && (trusted || !summary.private)
        })
    }

    /// Whether a person sees every entry of the record. The text of private incidents is sealed in it.
    pub fn may_see_everything(&self, person: &PersonName) -> bool {
        let whole = |grant: &crate::Grant| grant.team.is_none();
        let known = self.directory.people.get(person);
        !self.directory.is_governed() || known.is_some_and(|known| known.grants.iter().any(whole))
    }

    fn concern(&self, verb: &Verb) -> Concern<'_> {
        let of_service = |service: Option<&ServiceName>| {
            let owner = service.and_then(|service| self.directory.owner(service));
            owner.map_or(Concern::Nobodys, Concern::Team)
        };
        let of_incident = |id: IncidentId| {
            let summary = self.summary(id);
            of_service(summary.and_then(|summary| summary.service.as_ref()))
        };
        if let Some(id) = verb.incident() {
            return match verb {
                // What is erased is gone for everybody.
                Verb::RedactIncident(_) => Concern::Everybodys,
                _ => of_incident(id),
            };
        }
        match verb {
            Verb::Declare(verb) => of_service(verb.service.as_ref()),
            Verb::ScheduleMaintenance(verb) => of_service(Some(&verb.service)),
            Verb::RegisterService(verb) => match self.directory.owner(&verb.service) {
                // Nobody takes another team's service, nor gives one away that is not theirs.
                Some(owner) if verb.owner.as_ref() == Some(owner) => Concern::Team(owner),
                Some(_) | None => Concern::Everybodys,
            },
            Verb::ExpectHeartbeat(verb) => match &verb.service {
                Some(service) => of_service(Some(service)),
                None => Concern::Everybodys,
            },
            // What they ask for is looked at as well.
            Verb::ApproveRequest(_)
            | Verb::RejectRequest(_)
            | Verb::WithdrawRequest(_)
            | Verb::OverrideRequest(_) => Concern::Nobodys,
            _ => Concern::Everybodys,
        }
    }
}

fn refused(
    person: &PersonName,
    verb: &Verb,
    wanted: &[Permission],
    concern: &Concern<'_>,
) -> Refusal {
    let names: Vec<&str> = wanted.iter().map(|it| it.as_str()).collect();
    let reach = match concern {
        Concern::Team(team) => format!(" for {team}, or for everything"),
        Concern::Nobodys => String::new(),
        Concern::Everybodys => " for everything".to_owned(),
    };
    Refusal::new(
        Reason::Forbidden,
        format!(
            "{person} may not ask for {}: it takes {}{reach} (hereby policy)",
            verb.name(),
            names.join(" or ")
        ),
    )
}
