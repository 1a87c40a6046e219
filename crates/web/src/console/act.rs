//! The record, act by act: the explorer, and one act with its receipt, its proof and the very bytes
//! that were signed.

use askama::Template;
use base::ActId;
use record::act::{Act, Subject};
use record::hash;
use serde_json::Value as Json;

use super::frame::{self, Frame};
use super::told::{Told, by_days, told};
use super::visit::Visit;
use super::words::words;
use super::{Page, page};
use crate::problem::Problem;
use crate::prove;
use crate::read::{entries_from, proof_text, wanted_act};
use crate::render;
use crate::reply::{Answer, Keep, TEXT, with_type};

/// Acts on a page.
const PAGE: u64 = 50;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/record", |visit| Box::pin(explorer(visit))),
        page("/acts/{act}", |visit| Box::pin(one(visit))),
        page("/acts/{act}/proof", |visit| Box::pin(proof(visit))),
    ]
}

#[derive(Template)]
#[template(path = "record.html")]
struct Explorer {
    frame: Frame,
    acts: Vec<Told>,
    size: u64,
    root: String,
    key: String,
    /// Below which index the next page begins.
    older: Option<u64>,
    newer: Option<u64>,
    hidden: usize,
}

/// The newest acts first; `before` an index older ones.
async fn explorer(visit: Visit) -> Answer {
    let before: Option<u64> = visit.query_as("before")?;
    let sight = visit.sight();
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let now = site.engine().now();
        let head = site.engine().view().head();
        let end = before.unwrap_or(head.size).min(head.size);
        let from = end.saturating_sub(PAGE);
        let count = usize::try_from(end - from).unwrap_or(0);
        let (found, _) = match count {
            0 => (Vec::new(), 0),
            count => entries_from(site.engine().entries().as_ref(), from, count)?,
        };
        let (mut acts, mut hidden) = (Vec::new(), 0);
        for (index, entry) in found.into_iter().rev() {
            if !sight.sees_entry(site, &entry) {
                hidden += 1;
                continue;
            }
            let act = render::decoded(site, &entry, sight.open)?;
            acts.push(told(t, index, &act, now));
        }
        by_days(&mut acts);
        let mut frame = Frame::new(&visit, "record", t.say("record"));
        if before.is_none() {
            frame = frame.following(None, head.size);
        }
        Ok(Explorer {
            frame,
            acts,
            size: head.size,
            root: head.root.to_string(),
            key: crate::read::present_vkey(site)
                .map(String::from)
                .unwrap_or_default(),
            older: (from > 0).then_some(from),
            newer: (end < head.size).then(|| (end + PAGE).min(head.size)),
            hidden,
        })
    });
    frame::shown(&made.await?)
}

#[derive(Template)]
#[template(path = "act.html")]
struct ActPage {
    frame: Frame,
    told: Told,
    kind: String,
    /// The act, written so that people can read it.
    json: String,
    entry: String,
    leaf: String,
    proven: Option<ProvenAt>,
    cause: Option<ActId>,
    claimed_at: String,
    previous: Option<u64>,
    next: Option<u64>,
    incident: Option<String>,
    /// Whose act it is, where it is one of an incident.
    incident_id: String,
}

/// The act is on the record, as this checkpoint says.
struct ProvenAt {
    size: u64,
    hashes: Vec<String>,
    note: String,
}

async fn one(visit: Visit) -> Answer {
    let wanted: String = visit.path_as("act")?;
    let sight = visit.sight();
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let (index, entry) = wanted_act(site, &wanted, &sight)?;
        let act: Act = render::decoded(site, &entry, sight.open)?;
        let proven = prove::inclusion(site.backstage(), &[index])?.map(|proven| ProvenAt {
            size: proven.checkpoint.size,
            hashes: proven
                .inclusions
                .first()
                .map(|hashes| hashes.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            note: proven.checkpoint.note.clone(),
        });
        let shown: Json = serde_json::to_value(&act)
            .map_err(|error| Problem::internal("an act can't be written", &error))?;
        let told = told(t, index, &act, site.engine().now());
        let size = site.engine().entries().size();
        let title = t.say_with("act-title", &[("index", index.into())]);
        Ok(ActPage {
            frame: Frame::new(&visit, "record", title),
            kind: act.body.kind().to_owned(),
            json: serde_json::to_string_pretty(&shown).unwrap_or_default(),
            leaf: hash::leaf(&entry).to_string(),
            entry: String::from_utf8_lossy(&entry).into_owned(),
            proven,
            cause: act.cause,
            claimed_at: act.claimed_at.map(|at| at.to_string()).unwrap_or_default(),
            previous: index.checked_sub(1),
            next: (index + 1 < size).then_some(index + 1),
            incident: told.subject_path.clone(),
            incident_id: match &act.subject {
                Subject::Incident(id) => id.to_string(),
                _ => String::new(),
            },
            told,
        })
    });
    frame::shown(&made.await?)
}

/// The proof as a file, for whoever checks it elsewhere.
async fn proof(visit: Visit) -> Answer {
    let wanted: String = visit.path_as("act")?;
    let sight = visit.sight();
    let text = proof_text(&visit.site, wanted, sight).await?;
    Ok(with_type(text, TEXT, Keep::Never))
}
