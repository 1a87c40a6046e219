//! What follows an incident: its review for an audience, the meeting, and what is still to be done.
//!
//! The review is composed and written by `incident::document`; here its evidence is read, and the
//! tree becomes the API's JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use base::{ActId, IncidentId, Line, PersonName, Timestamp};
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use incident::Followup;
use incident::document::{
    self, Block, Citation, Document, Evidence, Fact, Moment, Placed, Remark, Saying, Standing,
};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::directory::PlaceKind;
use record::kinds::review::{MeetingScheduled, ReviewAudience};
use serde_json::{Value, json};

use super::incidents::{INCIDENT, no_incident};
use super::{LIMIT, Page, get, optional, present_vkey};
use crate::call::Call;
use crate::problem::Problem;
use crate::render;
use crate::reply::{self, Answer, HTML, Keep, MARKDOWN, with_type};
use crate::route::{Form, Gives, Route};
use crate::sight::Sight;
use crate::site::Site;

/// The most bytes of entries that a review is made from.
const REVIEW_BYTES_MAX: usize = 32 << 20;

/// The most acts that a review is made from.
const REVIEW_ACTS_MAX: usize = 50_000;

const AUDIENCES: &[&str] = &["internal", "customers", "executive"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            parts: vec![INCIDENT],
            query: vec![
                optional("audience", Form::Words(AUDIENCES), "For whom"),
                optional(
                    "format",
                    Form::Words(&["json", "md", "html"]),
                    "As data, as Markdown, or as a page that stands alone",
                ),
            ],
            fails: &[409, 500],
            ..get(
                "/api/v1/incidents/{id}/review",
                "Writes the review of an incident for an audience",
                Gives {
                    also: &[MARKDOWN, HTML],
                    ..Gives::json("ReviewDocument", "The review as it is now")
                },
                |call| Box::pin(review(call)),
            )
        },
        Route {
            parts: vec![INCIDENT],
            fails: &[409, 500],
            ..get(
                "/api/v1/incidents/{id}/meeting",
                "Shows when people meet to follow up on an incident, and who is asked to come",
                Gives::json("Meeting", "The meeting, or that it was called off"),
                |call| Box::pin(meeting(call)),
            )
        },
        Route {
            query: vec![
                optional(
                    "owner",
                    Form::Pattern("^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"),
                    "Only those that this person sees to",
                ),
                optional("overdue", Form::Flag, "Only those that are overdue"),
                LIMIT,
                optional(
                    "after",
                    Form::Pattern("^[0-9]{1,15}-[0-9]{1,10}-[0-9]{1,6}$"),
                    "Only later ones",
                ),
            ],
            ..get(
                "/api/v1/followups",
                "Lists open follow-ups of all incidents, the one due first before the others",
                Gives::list("Followup", "A page; `next` goes into `after`"),
                |call| Box::pin(followups(call)),
            )
        },
    ]
}

async fn review(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let word = call.query_word("audience", AUDIENCES)?;
    let audience = ReviewAudience::ALL.iter().find(|it| it.as_str() == word);
    let audience = audience.copied().unwrap_or(ReviewAudience::Internal);
    let format = call.query_word("format", &["json", "md", "html"])?;
    let sight = call.caller.sight();
    sight.must_see(&call.site, id)?;
    let written = call.site.blocking(move |site| {
        let document = composed(site, id, audience, &sight)?;
        Ok(match format {
            "md" => Written::Markdown(document::markdown(&document)),
            "html" => Written::Html(document::html(&document)),
            _ => Written::Json(shown(&document)),
        })
    });
    match written.await? {
        Written::Json(value) => reply::json(&value),
        Written::Markdown(text) => Ok(with_type(text, MARKDOWN, Keep::Never)),
        Written::Html(page) => {
            let mut response = with_type(page, HTML, Keep::Never);
            // What people wrote is escaped; a browser need not take our word for it.
            let policy = policy_of_a_page("'none'")?;
            response
                .headers_mut()
                .insert(CONTENT_SECURITY_POLICY, policy);
            Ok(response)
        }
    }
}

/// What a browser may do with a review: show it, and nothing else; within pages of `ancestors`.
///
/// # Errors
/// Never, with a word of ours.
pub(crate) fn policy_of_a_page(ancestors: &str) -> Result<HeaderValue, Problem> {
    let policy = document::content_security_policy();
    HeaderValue::from_str(&format!("{policy}; frame-ancestors {ancestors}; sandbox"))
        .map_err(|error| Problem::internal("the page has no policy", &error))
}

enum Written {
    Json(Value),
    Markdown(String),
    Html(String),
}

/// The review of an incident for an audience, as it is now.
///
/// # Errors
/// 404 for no incident, 409 for one with more acts than a review is made from.
pub(crate) fn composed(
    site: &Site,
    id: IncidentId,
    audience: ReviewAudience,
    sight: &Sight,
) -> Result<Document, Problem> {
    let acts = acts_of(site, id, sight.open)?;
    let done_for = done_for(site, id, sight.open)?;
    let cited = cited(site, &acts, sight.open)?;
    let people = full_names(site, sight.open)?;
    let evidence = Evidence {
        id,
        acts: &acts,
        done_for: &done_for,
        cited: &cited,
        people: &people,
        now: site.engine().now(),
        regulators: &site.options.regulators,
    };
    document::compose(&evidence, audience).ok_or_else(|| no_incident(id))
}

/// Every act on an incident, in order, opened as far as whoever asks may see it.
///
/// # Errors
/// 409 when there are more than a review is made from.
fn acts_of(site: &Site, id: IncidentId, open: bool) -> Result<Vec<Placed>, Problem> {
    let too_many = || {
        Problem::too_many(format!(
            "{id} has more than a review is made from: {REVIEW_ACTS_MAX} acts or \
             {REVIEW_BYTES_MAX} bytes. hereby export {id} has all of it"
        ))
    };
    let entries = site.engine().entries();
    let indexes = entries.of_subject(&Subject::Incident(id), 0, REVIEW_ACTS_MAX + 1)?;
    if indexes.len() > REVIEW_ACTS_MAX {
        return Err(too_many());
    }
    let mut bytes = 0;
    let mut acts = Vec::with_capacity(indexes.len());
    for index in indexes {
        let Some(entry) = entries.entry(index)? else {
            break;
        };
        bytes += entry.len();
        if bytes > REVIEW_BYTES_MAX {
            return Err(too_many());
        }
        let act = render::decoded(site, &entry, open)?;
        acts.push(Placed { index, act });
    }
    Ok(acts)
}

/// Acts on other things that were done for it: at most as many as on it.
fn done_for(site: &Site, id: IncidentId, open: bool) -> Result<Vec<Placed>, Problem> {
    let indexes: Vec<u64> = site.engine().view().read(|state| {
        let all = state.done_for.of(id).iter().copied();
        all.take(REVIEW_ACTS_MAX).collect()
    });
    let entries = site.engine().entries();
    let mut acts = Vec::with_capacity(indexes.len());
    for index in indexes {
        if let Some(entry) = entries.entry(index)? {
            let act = render::decoded(site, &entry, open)?;
            acts.push(Placed { index, act });
        }
    }
    Ok(acts)
}

/// Acts on other things that findings cite, as far as the record has them.
fn cited(site: &Site, acts: &[Placed], open: bool) -> Result<Vec<Placed>, Problem> {
    let own: BTreeSet<ActId> = acts.iter().map(|placed| placed.act.id).collect();
    let mut wanted: BTreeSet<ActId> = BTreeSet::new();
    for placed in acts {
        if let Body::FindingStated(stated) = &placed.act.body {
            wanted.extend(stated.cites.iter().filter(|act| !own.contains(act)));
        }
    }
    let entries = site.engine().entries();
    let mut found = Vec::new();
    for act in &wanted {
        let Some(index) = entries.find_act(act)? else {
            continue;
        };
        if let Some(entry) = entries.entry(index)? {
            let act = render::decoded(site, &entry, open)?;
            found.push(Placed { index, act });
        }
    }
    Ok(found)
}

/// Everybody who is known, with their full name for those who may see it.
fn full_names(site: &Site, open: bool) -> Result<BTreeMap<PersonName, Option<Line>>, Problem> {
    let known: Vec<(PersonName, ActId)> = site.engine().view().read(|state| {
        let people = state.incidents.directory.people.iter();
        people
            .map(|(name, person)| (name.clone(), person.registered_act))
            .collect()
    });
    let mut people = BTreeMap::new();
    for (name, registered) in known {
        let act = match open {
            true => render::opened_act(site, &registered)?,
            false => None,
        };
        let full_name = match act.map(|act| act.body) {
            Some(Body::PersonRegistered(body)) => body.full_name,
            _ => None,
        };
        let full_name = full_name.and_then(|name| name.readable().cloned());
        people.insert(name, full_name);
    }
    Ok(people)
}

fn shown(document: &Document) -> Value {
    let marks = document.marks.iter();
    let marks: Vec<Value> = marks
        .map(|mark| json!({"word": mark.word, "says": mark.says}))
        .collect();
    let chapters = document.chapters.iter();
    let chapters: Vec<Value> = chapters
        .map(|chapter| {
            let blocks: Vec<Value> = chapter.blocks.iter().map(block).collect();
            json!({"anchor": chapter.anchor, "heading": chapter.heading, "blocks": blocks})
        })
        .collect();
    json!({
        "incident": document.incident,
        "audience": document.audience,
        "title": document.title,
        "marks": marks,
        "made_from": document.made_from,
        "chapters": chapters,
        "findings": document.findings.iter().map(standing).collect::<Vec<_>>(),
        "remarks": document.remarks.iter().map(remark).collect::<Vec<_>>(),
    })
}

fn block(block: &Block) -> Value {
    match block {
        Block::Paragraph(it) => json!({"type": "paragraph", "fact": fact(it)}),
        Block::Facts(facts) => {
            let facts = facts.iter();
            let facts: Vec<Value> = facts
                .map(|(name, it)| json!({"name": name, "fact": fact(it)}))
                .collect();
            json!({"type": "facts", "facts": facts})
        }
        Block::Saying(it) => json!({"type": "saying", "saying": saying(it)}),
        Block::Versions(all) => {
            let all: Vec<Value> = all.iter().map(saying).collect();
            json!({"type": "versions", "sayings": all})
        }
        Block::Table(table) => {
            let rows = table.rows.iter();
            let rows: Vec<Vec<Value>> = rows.map(|row| row.iter().map(fact).collect()).collect();
            json!({"type": "table", "head": table.head, "rows": rows})
        }
        Block::Timeline(moments) => {
            let moments: Vec<Value> = moments.iter().map(moment).collect();
            json!({"type": "timeline", "moments": moments})
        }
        Block::Missing(text) => json!({"type": "missing", "text": text}),
    }
}

fn fact(fact: &Fact) -> Value {
    json!({"text": fact.text, "cites": citations(&fact.cites)})
}

fn citation(citation: &Citation) -> Value {
    json!({"act": citation.act, "index": citation.index})
}

fn citations(cites: &[Citation]) -> Vec<Value> {
    cites.iter().map(citation).collect()
}

fn saying(it: &Saying) -> Value {
    json!({
        "act": it.act.act,
        "index": it.act.index,
        "at": it.at,
        "by": it.by,
        "text": it.text,
        "cites": citations(&it.cites),
        "notes": it.notes,
        "corrections": it.corrections.iter().map(saying).collect::<Vec<_>>(),
    })
}

fn moment(it: &Moment) -> Value {
    json!({
        "act": it.act.act,
        "index": it.act.index,
        "at": it.at,
        "by": it.by,
        "deed": it.deed,
        "text": it.text,
        "why": it.why,
        "corrections": it.corrections.iter().map(saying).collect::<Vec<_>>(),
    })
}

fn standing(it: &Standing) -> Value {
    json!({
        "section": it.section,
        "reach": it.reach,
        "group": it.group,
        "saying": saying(&it.saying),
    })
}

fn remark(it: &Remark) -> Value {
    json!({
        "issue": it.issue.as_str(),
        "holds_back": it.issue.holds_back(),
        "place": it.place,
        "acts": it.acts,
        "name": it.name,
        "says": it.says,
        "next": it.next,
    })
}

/// Where the list of follow-ups goes on: by the time they are due, then by incident and number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor(Timestamp, IncidentId, u32);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Cursor, &'static str> {
        let bad = "take it from `next` of the page before";
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or(bad);
        let due_ms = part()?.parse().map_err(|_| bad)?;
        let incident = part()?.parse().map_err(|_| bad)?;
        let number = part()?.parse().map_err(|_| bad)?;
        let incident = IncidentId::from_number(incident);
        Ok(Cursor(Timestamp::from_ms(due_ms), incident, number))
    }
}

impl Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.0.as_ms(), self.1.number(), self.2)
    }
}

async fn followups(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<Cursor>("after")?);
    let owner = call.query_as::<PersonName>("owner")?;
    let overdue = call.query_flag("overdue")?;
    let sight = call.caller.sight();
    let page = call.site.blocking(move |site| {
        let now = site.engine().now();
        let found: Vec<(Cursor, Followup)> = site.engine().view().read(|state| {
            let all = state.incidents.followups.iter();
            let all = all.filter(|(id, _)| sight.sees(state, **id));
            let all = all.flat_map(|(id, of)| of.iter().map(|(number, it)| (*id, *number, it)));
            let wanted = all.filter(|(_, _, it)| {
                owner.as_ref().is_none_or(|owner| it.owner == *owner)
                    && (!overdue || it.due_at < now)
            });
            let mut found: Vec<(Cursor, &Followup)> = wanted
                .map(|(id, number, it)| (Cursor(it.due_at, id, number), it))
                .filter(|(cursor, _)| after.is_none_or(|after| *cursor > after))
                .collect();
            found.sort_unstable_by_key(|(cursor, _)| *cursor);
            let found = found.into_iter().take(limit + 1);
            found.map(|(cursor, it)| (cursor, it.clone())).collect()
        });
        let page = Page::cut(found, limit, |(cursor, _)| json!(cursor.to_string()));
        let items = page.items.iter();
        let items: Result<Vec<Value>, Problem> = items
            .map(|(cursor, it)| followup(site, *cursor, it, now, sight.open))
            .collect();
        Ok(Page {
            items: items?,
            next: page.next,
        })
    });
    reply::json(&page.await?)
}

fn followup(
    site: &Site,
    at: Cursor,
    it: &Followup,
    now: Timestamp,
    open: bool,
) -> Result<Value, Problem> {
    let Cursor(due_at, incident, number) = at;
    let text = match render::act_seen(site, &it.act, open)?.map(|act| act.body) {
        Some(Body::FollowupOpened(opened)) => json!(opened.text),
        _ => Value::Null,
    };
    let ticket = it.ticket.as_ref();
    let ticket = ticket
        .map(|(tracker, ticket, url)| json!({"tracker": tracker, "ticket": ticket, "url": url}));
    Ok(json!({
        "incident": incident,
        "followup": number,
        "act": it.act,
        "text": text,
        "owner": it.owner,
        "due_at": due_at,
        "overdue": due_at < now,
        "reminders": it.reminders,
        "remind_at": it.remind_at,
        "tried_at": it.tried_at,
        "tried_before": it.tried_before,
        "ticket": ticket,
    }))
}

async fn meeting(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let sight = call.caller.sight();
    sight.must_see(&call.site, id)?;
    let shown = call.site.blocking(move |site| {
        let acts = acts_of(site, id, sight.open)?;
        let scheduled = acts.iter().rev().find_map(|placed| match &placed.act.body {
            Body::MeetingScheduled(body) => Some((&placed.act, body)),
            _ => None,
        });
        let Some((act, body)) = scheduled else {
            return Err(Problem::not_found(format!(
                "no meeting was ever scheduled for {id}: hereby meeting {id} --at TIME"
            )));
        };
        let cancelled = acts.iter().rev().find_map(|placed| match &placed.act.body {
            Body::MeetingCancelled(body) if body.sequence > body_sequence(act) => {
                Some((placed.act.id, placed.act.at, body.sequence))
            }
            _ => None,
        });
        described(site, id, &acts, (act, body), cancelled, sight.open)
    });
    reply::json(&shown.await?)
}

/// How often the meeting had been changed when this act scheduled it.
fn body_sequence(act: &Act) -> u32 {
    match &act.body {
        Body::MeetingScheduled(body) => body.sequence,
        _ => 0,
    }
}

fn described(
    site: &Site,
    id: IncidentId,
    acts: &[Placed],
    (act, body): (&Act, &MeetingScheduled),
    cancelled: Option<(ActId, Timestamp, u32)>,
    open: bool,
) -> Result<Value, Problem> {
    let title = match acts.first().map(|placed| &placed.act.body) {
        Some(Body::IncidentDeclared(declared)) => json!(declared.title),
        _ => Value::Null,
    };
    // Everybody who takes part, and everybody who sees to something that is left.
    let people: BTreeSet<PersonName> = site.engine().view().read(|state| {
        let state = &state.incidents;
        let involved = state.summary(id).map(|it| it.involved());
        let involved = involved.into_iter().flatten().cloned();
        let owners = state.followups.get(&id).into_iter().flatten();
        involved
            .chain(owners.map(|(_, followup)| followup.owner.clone()))
            .collect()
    });
    let mut asked = Vec::new();
    for person in people {
        asked.push(party(site, &person, open)?);
    }
    let (said_by, at, sequence) = cancelled.unwrap_or((act.id, act.at, body.sequence));
    let vkey = present_vkey(site);
    let key: Option<record::note::VerifierKey> = vkey.and_then(|vkey| vkey.parse().ok());
    let origin = key.as_ref().map(|key| key.name().to_owned());
    Ok(json!({
        "incident": id,
        "title": title,
        "uid": format!("{id}/review@{}", origin.unwrap_or_default()),
        "sequence": sequence,
        "act": said_by,
        "at": at,
        "cancelled": cancelled.is_some(),
        "starts_at": body.starts_at,
        "minutes": body.minutes,
        "place": body.place,
        "people": asked,
    }))
}

/// Somebody who is asked to come, and their first mail address.
fn party(site: &Site, person: &PersonName, open: bool) -> Result<Value, Problem> {
    let registered = site.engine().view().read(|state| {
        let known = state.incidents.directory.people.get(person);
        known.map(|known| known.registered_act)
    });
    let act = match registered {
        Some(registered) if open => render::opened_act(site, &registered)?,
        _ => None,
    };
    let (full_name, places) = match act.map(|act| act.body) {
        Some(Body::PersonRegistered(body)) => (body.full_name, body.places),
        _ => (None, Vec::new()),
    };
    let mail = places.iter().find(|place| place.kind == PlaceKind::Mail);
    Ok(json!({
        "person": person,
        "full_name": full_name.and_then(|name| name.readable().cloned()),
        "mail": mail.and_then(|place| place.address.readable().cloned()),
    }))
}
