//! Acts: the record from an index on, one of them, its proof.

use std::fmt::Display;
use std::sync::Arc;

use base::{ActId, IncidentId};
use engine::ports::Entries;
use record::act::Subject;
use record::note::Note;
use record::proof::ActProof;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{AFTER, LIMIT, Page, get, part};
use crate::call::Call;
use crate::problem::Problem;
use crate::reply::{self, Answer, Keep, TEXT, with_type};
use crate::route::{Form, Gives, Parameter, Route};
use crate::sight::Sight;
use crate::site::Site;
use crate::{prove, render};

/// A page of acts ends once their entries have so many bytes.
pub(super) const PAGE_BYTES_MAX: usize = 4 << 20;

const ACT: Parameter = part(
    "act",
    Form::Pattern("^([0-9a-f]{32}|0|[1-9][0-9]{0,15})$"),
    "The act's id, or its index",
);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            query: vec![AFTER, LIMIT],
            ..get(
                "/api/v1/acts",
                "Lists the record's acts, in order",
                Gives::list("PlacedAct", "A page; `next` goes into `after`"),
                |call| Box::pin(acts(call)),
            )
        },
        Route {
            parts: vec![ACT],
            ..get(
                "/api/v1/acts/{act}",
                "Shows one act, and the exact bytes of its entry",
                Gives::json("ActWithEntry", "The act"),
                |call| Box::pin(one_act(call)),
            )
        },
        Route {
            parts: vec![ACT],
            ..get(
                "/api/v1/acts/{act}/proof",
                "Proves that an act is on the record: a C2SP tlog-proof",
                Gives::other(TEXT, "The proof, with the entry in its `extra` line"),
                |call| Box::pin(proof(call)),
            )
        },
    ]
}

/// An act and its place.
#[derive(Serialize)]
pub(super) struct PlacedAct {
    index: u64,
    act: Box<RawValue>,
}

async fn acts(call: Call) -> Answer {
    let (from, limit, sight) = (call.first_index()?, call.limit()?, call.caller.sight());
    let page = call.site.blocking(move |site| {
        let (found, bytes) = entries_from(site.engine().entries().as_ref(), from, limit + 1)?;
        placed(site, found, limit, bytes, &sight)
    });
    reply::json(&page.await?)
}

/// Entries with their indexes.
pub(crate) type Placed = Vec<(u64, Vec<u8>)>;

/// At most `count` entries from `from` on, and how many bytes they have: a little more than a
/// page's at most.
pub(crate) fn entries_from(
    entries: &dyn Entries,
    from: u64,
    count: usize,
) -> Result<(Placed, usize), Problem> {
    let mut found = Placed::new();
    let mut bytes = 0;
    if from < entries.size() {
        entries.scan(from, &mut |index, entry| {
            bytes += entry.len();
            found.push((index, entry.to_vec()));
            found.len() < count && bytes <= PAGE_BYTES_MAX
        })?;
    }
    Ok((found, bytes))
}

/// The entries with these indexes, in order, as many as fit a page, and how many bytes they have.
/// Where they lie close together they are read in one go.
pub(crate) fn entries_at(
    entries: &dyn Entries,
    indexes: &[u64],
) -> Result<(Placed, usize), Problem> {
    let (mut found, mut bytes) = (Placed::new(), 0);
    let (Some(first), Some(last)) = (indexes.first(), indexes.last()) else {
        return Ok((found, bytes));
    };
    let wanted = indexes.len() as u64;
    if last - first < wanted.saturating_mul(2) {
        let mut rest = indexes.iter().peekable();
        entries.scan(*first, &mut |index, entry| {
            if rest.next_if(|wanted| **wanted == index).is_some() {
                bytes += entry.len();
                found.push((index, entry.to_vec()));
            }
            rest.peek().is_some() && bytes <= PAGE_BYTES_MAX
        })?;
        return Ok((found, bytes));
    }
    for index in indexes {
        let Some(entry) = entries.entry(*index)? else {
            break;
        };
        bytes += entry.len();
        found.push((*index, entry));
        if bytes > PAGE_BYTES_MAX {
            break;
        }
    }
    Ok((found, bytes))
}

/// Where the acts on an incident stand, and those that were done for it at the edges, from `from` on.
///
/// # Errors
/// When the record can't be read.
pub(crate) fn of_incident(
    site: &Site,
    id: IncidentId,
    from: u64,
    limit: usize,
) -> Result<Vec<u64>, Problem> {
    let subject = Subject::Incident(id);
    let mut all = site.engine().entries().of_subject(&subject, from, limit)?;
    let done: Vec<u64> = site.engine().view().read(|state| {
        let done = state.done_for.of(id).iter().copied();
        done.filter(|index| *index >= from).take(limit).collect()
    });
    if !done.is_empty() {
        all.extend(done);
        all.sort_unstable();
        all.truncate(limit);
    }
    Ok(all)
}

/// A page of acts: `limit` of them, or as many as fit.
pub(super) fn placed(
    site: &Site,
    mut found: Placed,
    limit: usize,
    bytes: usize,
    sight: &Sight,
) -> Result<Page<PlacedAct>, Problem> {
    let more = found.len() > limit || bytes > PAGE_BYTES_MAX;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map_or(Value::Null, |(index, _)| json!(index));
    let items: Result<Vec<PlacedAct>, Problem> = found
        .iter()
        .filter(|(_, entry)| sight.sees_entry(site, entry))
        .map(|(index, entry)| {
            Ok(PlacedAct {
                index: *index,
                act: render::act(site, entry, sight.open)?,
            })
        })
        .collect();
    Ok(Page {
        items: items?,
        next,
    })
}

/// Where an act is: by its index, or by its id. One that the caller may not see is not there.
pub(crate) fn wanted_act(site: &Site, act: &str, sight: &Sight) -> Result<(u64, Vec<u8>), Problem> {
    let missing = || Problem::not_found(format!("there is no act {}", act.escape_debug()));
    let entries = site.engine().entries();
    let index = if act.len() == 32 {
        let id: ActId = act.parse().map_err(|_| missing())?;
        entries.find_act(&id)?.ok_or_else(missing)?
    } else {
        act.parse().map_err(|_| missing())?
    };
    let entry = entries.entry(index)?.ok_or_else(missing)?;
    match sight.sees_entry(site, &entry) {
        true => Ok((index, entry)),
        false => Err(missing()),
    }
}

/// An act, with its entry byte for byte.
#[derive(Serialize)]
struct ActWithEntry {
    index: u64,
    act: Box<RawValue>,
    entry: String,
}

async fn one_act(call: Call) -> Answer {
    let (wanted, sight) = (call.path("act").to_owned(), call.caller.sight());
    let shown = call.site.blocking(move |site| {
        let (index, entry) = wanted_act(site, &wanted, &sight)?;
        let act = render::act(site, &entry, sight.open)?;
        let entry = String::from_utf8(entry)
            .map_err(|error| Problem::internal("an act can't be read", &error))?;
        Ok(ActWithEntry { index, act, entry })
    });
    reply::json(&shown.await?)
}

async fn proof(call: Call) -> Answer {
    let (wanted, sight) = (call.path("act").to_owned(), call.caller.sight());
    let text = proof_text(&call.site, wanted, sight).await?;
    Ok(with_type(text, TEXT, Keep::Never))
}

/// The proof that an act is on the record, once a published checkpoint covers it.
///
/// # Errors
/// 404 for no act, 503 while none covers it.
pub(crate) async fn proof_text(
    site: &Arc<Site>,
    wanted: String,
    sight: Sight,
) -> Result<String, Problem> {
    let found = site.blocking(move |site| wanted_act(site, &wanted, &sight));
    let (index, entry) = found.await?;
    let later = || Problem::overloaded("no published checkpoint covers this act yet", 1);
    if !prove::published(site, index).await {
        return Err(later());
    }
    let text = site.blocking(move |site| {
        let broken = |error: &dyn Display| Problem::internal("no proof could be made", error);
        let Some(proven) = prove::inclusion(site.backstage(), &[index])? else {
            return Err(later());
        };
        let hashes = proven.inclusions.into_iter().next().unwrap_or_default();
        let note =
            Note::parse(proven.checkpoint.note.as_bytes()).map_err(|error| broken(&error))?;
        let proof =
            ActProof::new(Some(entry), index, hashes, note).map_err(|error| broken(&error))?;
        Ok(proof.to_string())
    });
    text.await
}
