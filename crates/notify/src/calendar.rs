//! A meeting as an iCalendar object (RFC 5545) that calendars take as an invitation (RFC 5546).
//!
//! A function over a struct: the caller chooses the UID, counts the sequence up with every change,
//! and says when it is now. The same meeting gives the same bytes. Nothing is sent from here, and
//! there are no repeating meetings, alarms or time zones: times are UTC, which every calendar shows
//! in its reader's own.
//!
//! No field can forge another: every one is of a type that holds no control characters, texts are
//! escaped, and lines are folded between characters.

use std::fmt;
use std::str::FromStr;

use base::{Line, Prose, Timestamp};

use crate::Link;
use base::MailAddress;

mod object;

use object::{Object, parameter, text, utc};

/// The most people that one meeting invites.
pub const ATTENDEES_MAX: usize = 200;

/// The largest sequence number: iCalendar's INTEGER has 32 bits with a sign (RFC 5545 §3.3.8).
pub const SEQUENCE_MAX: u32 = i32::MAX.unsigned_abs();

/// RFC 7986 §5.3 asks for less than 255 octets.
const UID_BYTES_MAX: usize = 254;

/// What the object does to a reader's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Puts the meeting there, or changes it: `METHOD:REQUEST`, `STATUS:CONFIRMED`.
    Request,
    /// Takes it out again: `METHOD:CANCEL`, `STATUS:CANCELLED`.
    Cancel,
}

/// A meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The same for every change of one meeting, and for its cancellation.
    pub uid: Uid,
    /// 0 at first, higher with every change, a cancellation included; at most [`SEQUENCE_MAX`].
    pub sequence: u32,
    /// When this object is made. Cut to whole seconds, as the next two.
    pub stamp: Timestamp,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends, at least a second later.
    pub end: Timestamp,
    /// What it is about.
    pub summary: Line,
    /// More of that.
    pub description: Option<Prose>,
    /// A room, or where to dial in.
    pub location: Option<Line>,
    /// What it is about, to follow: an incident's page.
    pub url: Option<Link>,
    /// Who invites whom. A calendar program answers to the organizer and knows its reader among the
    /// attendees; RFC 5546 §3.2.2 asks for both. Without them the object is for opening by hand.
    pub invitation: Option<Invitation>,
}

/// Who invites whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Whom the answers go to.
    pub organizer: Party,
    /// Who is asked to come, at least one, at most [`ATTENDEES_MAX`].
    pub attendees: Vec<Party>,
}

/// A person with a mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// How they are shown.
    pub name: Option<Line>,
    /// Where they are.
    pub address: MailAddress,
}

/// Names a meeting everywhere and for ever: 1 to 254 letters, digits or `. _ : - / @ + =`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Box<str>);

/// A text that can't name a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a meeting's UID has 1 to 254 letters, digits or ._:-/@+=")]
pub struct BadUid;

/// Why a meeting can't be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMeeting {
    /// It ends when it begins, or before.
    #[error("the meeting ends before it has begun")]
    EndsTooEarly,
    /// The sequence number is above [`SEQUENCE_MAX`].
    #[error("the meeting was changed more often than iCalendar can count")]
    Sequence,
    /// There is an invitation and nobody is invited.
    #[error("an invitation needs somebody who is invited")]
    NobodyInvited,
    /// More than [`ATTENDEES_MAX`] are invited.
    #[error("{0} people are invited, a meeting has at most {ATTENDEES_MAX}")]
    TooManyInvited(usize),
}

/// The object, to be kept as an `.ics` file or sent as `text/calendar`.
///
/// # Errors
/// When the meeting ends too early, was changed too often, or invites nobody or too many.
pub fn render(meeting: &Meeting, method: Method) -> Result<String, BadMeeting> {
    check(meeting)?;
    let (method, status) = match method {
        Method::Request => ("REQUEST", "CONFIRMED"),
        Method::Cancel => ("CANCEL", "CANCELLED"),
    };
    let mut object = Object::default();
    object.line("BEGIN", "VCALENDAR");
    object.line("VERSION", "2.0");
    object.line("PRODID", "-//hereby//hereby//EN");
    object.line("CALSCALE", "GREGORIAN");
    object.line("METHOD", method);
    object.line("BEGIN", "VEVENT");
    object.line("UID", &text(meeting.uid.as_str()));
    object.line("SEQUENCE", &meeting.sequence.to_string());
    object.line("DTSTAMP", &utc(meeting.stamp));
    object.line("DTSTART", &utc(meeting.start));
    object.line("DTEND", &utc(meeting.end));
    object.line("STATUS", status);
    object.line("SUMMARY", &text(meeting.summary.as_str()));
    if let Some(description) = &meeting.description {
        object.line("DESCRIPTION", &text(description.as_str()));
    }
    if let Some(location) = &meeting.location {
        object.line("LOCATION", &text(location.as_str()));
    }
    if let Some(url) = &meeting.url {
        object.line("URL", url.as_str());
    }
    if let Some(invitation) = &meeting.invitation {
        invite(&mut object, invitation);
    }
    object.line("END", "VEVENT");
    object.line("END", "VCALENDAR");
    Ok(object.into_text())
}

fn check(meeting: &Meeting) -> Result<(), BadMeeting> {
    let second = |time: Timestamp| time.as_ms().div_euclid(1_000);
    if second(meeting.end) <= second(meeting.start) {
        return Err(BadMeeting::EndsTooEarly);
    }
    if meeting.sequence > SEQUENCE_MAX {
        return Err(BadMeeting::Sequence);
    }
    match meeting.invitation.as_ref().map(|all| all.attendees.len()) {
        Some(0) => Err(BadMeeting::NobodyInvited),
        Some(count) if count > ATTENDEES_MAX => Err(BadMeeting::TooManyInvited(count)),
        _ => Ok(()),
    }
}

fn invite(object: &mut Object, invitation: &Invitation) {
    let name = |party: &Party| match &party.name {
        Some(name) => format!(";CN={}", parameter(name.as_str())),
        None => String::new(),
    };
    let organizer = &invitation.organizer;
    object.line(
        &format!("ORGANIZER{}", name(organizer)),
        &organizer.address.mailto(),
    );
    for attendee in &invitation.attendees {
        object.line(
            &format!(
                "ATTENDEE{};ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE",
                name(attendee)
            ),
            &attendee.address.mailto(),
        );
    }
}

impl Uid {
    /// The UID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uid {
    type Err = BadUid;
    fn from_str(text: &str) -> Result<Uid, BadUid> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-/@+=".contains(&byte);
        if (1..=UID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Uid(text.into()))
        } else {
            Err(BadUid)
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
