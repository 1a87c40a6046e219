//! The follow-up meeting as a file that calendars open.

use std::path::Path;

use base::MailAddress;
use base::{IncidentId, Line as Words, PersonName, Timestamp};
use notify::calendar::{Invitation, Meeting, Method, Party, Uid, render};
use record::sealed::Sealable;
use serde::Deserialize;

use super::Session;
use crate::exit::{Exit, Failure};

/// `GET /api/v1/incidents/{id}/meeting`, as far as a calendar needs it.
#[derive(Deserialize)]
struct Set {
    uid: String,
    sequence: u32,
    cancelled: bool,
    starts_at: Timestamp,
    minutes: u32,
    #[serde(default)]
    title: Option<Sealable<Words>>,
    #[serde(default)]
    place: Option<Sealable<Words>>,
    people: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    person: PersonName,
    #[serde(default)]
    full_name: Option<Words>,
    #[serde(default)]
    mail: Option<Words>,
}

impl Session<'_> {
    /// Writes the meeting to a file, or to stdout for `-`: an invitation of those whose mail address
    /// is known, or that it was called off.
    pub(super) async fn write_meeting(
        &self,
        incident: IncidentId,
        file: &Path,
        organizer: Option<PersonName>,
    ) -> Result<(), Failure> {
        let path = format!("/api/v1/incidents/{incident}/meeting");
        let set: Set = self.client.read(&path).await?;
        let bad = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Refused, "this meeting can't be written for calendars")
                .because(error)
        };
        let title = set.title.as_ref().and_then(Sealable::readable);
        let summary = match title {
            Some(title) => format!("Follow-up on {incident}: {title}"),
            None => format!("Follow-up on {incident}"),
        };
        let summary = summary.parse();
        let plain = || format!("Follow-up on {incident}").parse();
        let (without, parties) = parties(&set.people);
        let meeting = Meeting {
            uid: set.uid.parse::<Uid>().map_err(|error| bad(&error))?,
            sequence: set.sequence,
            stamp: self.now,
            start: set.starts_at,
            end: set.starts_at.plus_ms(i64::from(set.minutes) * 60_000),
            summary: summary.or_else(|_| plain()).map_err(|error| bad(&error))?,
            description: None,
            location: set.place.as_ref().and_then(Sealable::readable).cloned(),
            url: None,
            invitation: invitation(parties, organizer.as_ref())?,
        };
        let method = match set.cancelled {
            true => Method::Cancel,
            false => Method::Request,
        };
        let text = render(&meeting, method).map_err(|error| bad(&error))?;
        for person in without {
            self.out.warn(&format!(
                "{person} is not invited: no mail address is known"
            ));
        }
        if file == Path::new("-") {
            return self.out.bytes(text.as_bytes());
        }
        std::fs::write(file, &text).map_err(|error| {
            Failure::usage(format!("cannot write {}", file.display())).because(error)
        })?;
        self.out.talk(format!("Wrote {}.", file.display()));
        Ok(())
    }
}

/// Who has no mail address that is known, and who has one.
fn parties(people: &[Asked]) -> (Vec<&PersonName>, Vec<(&PersonName, Party)>) {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for asked in people {
        let address = asked.mail.as_ref().map(|mail| mail.as_str().parse());
        match address {
            Some(Ok::<MailAddress, _>(address)) => {
                let name = asked.full_name.clone();
                with.push((&asked.person, Party { name, address }));
            }
            _ => without.push(&asked.person),
        }
    }
    (without, with)
}

/// Who invites: the person who is named, else the first whose address is known.
fn invitation(
    parties: Vec<(&PersonName, Party)>,
    organizer: Option<&PersonName>,
) -> Result<Option<Invitation>, Failure> {
    let named = organizer.map(|wanted| {
        let found = parties.iter().find(|(person, _)| *person == wanted);
        found.map(|(_, party)| party.clone()).ok_or_else(|| {
            Failure::usage(format!("{wanted} can't invite: no mail address is known"))
                .hint(format!("hereby person add {wanted} --at mail:ADDRESS"))
        })
    });
    let organizer = match named {
        Some(named) => Some(named?),
        None => parties.first().map(|(_, party)| party.clone()),
    };
    Ok(organizer.map(|organizer| Invitation {
        organizer,
        attendees: parties.into_iter().map(|(_, party)| party).collect(),
    }))
}
