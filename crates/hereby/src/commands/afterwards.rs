//! What is still to be done after an incident, and when people meet about it.

use base::{IncidentId, Line as Words, Name, PersonName, Timestamp};
use record::command::{
    CancelMeeting, ChangeFollowup, CloseFollowup, OpenFollowup, ScheduleMeeting,
};
use record::kinds::review::FollowupOutcome;
use record::sealed::Sealable;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, tell, wire};
use crate::cli::review::{FollowupArgs, FollowupVerb, FollowupsArgs, MeetingArgs};
use crate::exit::Failure;
use crate::say::{Line, Style, date, duration, stamp, table};

/// An item of `GET /api/v1/followups`.
#[derive(Deserialize)]
struct Followup {
    incident: IncidentId,
    followup: u32,
    #[serde(default)]
    text: Option<Sealable<Words>>,
    owner: PersonName,
    due_at: Timestamp,
    overdue: bool,
    reminders: u32,
    #[serde(default)]
    ticket: Option<Ticket>,
}

#[derive(Deserialize)]
struct Ticket {
    tracker: Name,
    ticket: Words,
}

/// `GET /api/v1/incidents/{id}/meeting`
#[derive(Deserialize)]
struct Meeting {
    cancelled: bool,
    starts_at: Timestamp,
    minutes: u32,
    #[serde(default)]
    place: Option<Sealable<Words>>,
    people: Vec<Party>,
}

#[derive(Deserialize)]
struct Party {
    person: PersonName,
    #[serde(default)]
    mail: Option<Words>,
}

impl Session<'_> {
    pub(super) async fn followup(&self, args: FollowupArgs) -> Result<(), Failure> {
        match args.verb {
            FollowupVerb::Add {
                incident,
                text,
                owner,
                due,
            } => {
                let due_at = due.resolve(self.now);
                let whose = format!(": {owner} sees to it by {}", date(due_at));
                let verb = OpenFollowup {
                    due_at,
                    incident,
                    owner,
                    text,
                };
                self.opens(incident, verb, ("Follow-up", "followup"), &whose)
                    .await
            }
            FollowupVerb::Change {
                incident,
                followup,
                owner,
                due,
            } => {
                let due_at = due.map(|due| due.resolve(self.now));
                let whom = owner.as_ref().map(|owner| format!(" {owner} sees to it."));
                let until = due_at.map(|at| format!(" It is due on {}.", date(at)));
                let said = format!(
                    "Changed follow-up {followup} of {incident}.{}{}",
                    whom.unwrap_or_default(),
                    until.unwrap_or_default()
                );
                let verb = ChangeFollowup {
                    due_at,
                    followup,
                    incident,
                    owner,
                };
                self.does(verb, said).await
            }
            FollowupVerb::Ticket {
                incident,
                followup,
                tracker,
                trackers,
            } => self.ticket(incident, followup, tracker, trackers).await,
            FollowupVerb::Done { incident, followup } => {
                let said = format!("Follow-up {followup} of {incident} is done.");
                self.close(incident, followup, FollowupOutcome::Done, said)
                    .await
            }
            FollowupVerb::Drop { incident, followup } => {
                let said = format!("Follow-up {followup} of {incident} is dropped.");
                self.close(incident, followup, FollowupOutcome::Dropped, said)
                    .await
            }
        }
    }

    async fn close(
        &self,
        incident: IncidentId,
        followup: u32,
        outcome: FollowupOutcome,
        said: String,
    ) -> Result<(), Failure> {
        let verb = CloseFollowup {
            followup,
            incident,
            outcome,
        };
        self.does(verb, said).await
    }

    pub(super) async fn followups(&self, args: FollowupsArgs) -> Result<(), Failure> {
        let owner = args.owner.as_ref();
        let owner = owner.map(|owner| format!("&owner={owner}"));
        let path = format!(
            "/api/v1/followups?overdue={}{}",
            args.overdue,
            owner.unwrap_or_default()
        );
        let items = self.list(&path, "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let followups: Vec<Followup> = wire::typed(&items)?;
        if followups.is_empty() {
            self.out.talk(match args.overdue {
                true => "Nothing is overdue.",
                false => "Nothing is left to be done.",
            });
            return Ok(());
        }
        let rows = followups.iter().map(|it| self.followup_row(it));
        let header = ["INCIDENT", "NO.", "OWNER", "DUE", "STATE", "TICKET", "WHAT"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    fn followup_row(&self, it: &Followup) -> (Vec<Line>, String) {
        let late = duration(self.now.ms_since(it.due_at));
        let state = match (it.overdue, it.reminders) {
            (false, _) => Line::new().text(format!("in {late}")),
            (true, 0) => Line::new().styled(Style::Bad, format!("OVERDUE {late}")),
            (true, times) => {
                let text = format!("OVERDUE {late}, reminded {times}x");
                Line::new().styled(Style::Bad, text)
            }
        };
        let ticket = it.ticket.as_ref();
        let ticket = ticket.map(|it| format!("{} {}", it.tracker, it.ticket));
        let cells = vec![
            Line::new().styled(Style::Bold, it.incident.to_string()),
            Line::new().text(it.followup.to_string()),
            Line::new().text(it.owner.to_string()),
            Line::new().text(date(it.due_at)),
            state,
            Line::new().text(ticket.unwrap_or_else(|| "-".to_owned())),
        ];
        let text = it.text.as_ref().map(tell::opened);
        (cells, text.unwrap_or_default())
    }

    pub(super) async fn meeting(&self, args: MeetingArgs) -> Result<(), Failure> {
        let incident = args.incident;
        if args.cancel {
            let said = format!("The meeting on {incident} is called off.");
            return self.does(CancelMeeting { incident }, said).await;
        }
        if let Some(file) = &args.ics {
            return self.write_meeting(incident, file, args.organizer).await;
        }
        let Some(at) = args.at else {
            return self.show_meeting(incident).await;
        };
        let starts_at = at.resolve(self.now);
        let long = duration(i64::from(args.minutes) * 60_000);
        let said = format!(
            "People meet on {incident} at {} for {long}.",
            stamp(starts_at)
        );
        let verb = ScheduleMeeting {
            incident,
            minutes: args.minutes,
            place: args.place,
            starts_at,
        };
        self.does(verb, said).await
    }

    async fn show_meeting(&self, incident: IncidentId) -> Result<(), Failure> {
        let path = format!("/api/v1/incidents/{incident}/meeting");
        let value: Value = self.client.read(&path).await?;
        if self.out.is_json() {
            return self.out.json(&value);
        }
        let meeting: Meeting = wire::one(&value)?;
        if meeting.cancelled {
            self.out
                .talk(format!("The meeting on {incident} was called off."));
            return Ok(());
        }
        let place = meeting.place.as_ref().map(tell::opened);
        let place = place.map(|place| format!(", {place}")).unwrap_or_default();
        let long = duration(i64::from(meeting.minutes) * 60_000);
        self.out
            .data(format!("{} for {long}{place}", stamp(meeting.starts_at)))?;
        for party in &meeting.people {
            let mail = party
                .mail
                .as_ref()
                .map_or("no mail address", |it| it.as_str());
            self.out.data(format!("  {}  {mail}", party.person))?;
        }
        Ok(())
    }
}
