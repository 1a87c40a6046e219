//! What edges ask: each request a note that the edge's own key signed, looked up in what the record says
//! of it. What is answered about versions needs no trust in this server: it comes with its proof.

use base::{Name, Timestamp};
use engine::{Outcome, Request, Transport};
use hyper::Method;
use record::command::{Command, EnrollEdge, ReportBreakGlass, Verb};
use record::fleet::{
    BUNDLE_MAX, BadRequest, Bundle, Claimed, Directions, Enroll, FIRST_PROTOCOL, Fetch, Grown,
    KeyChange, PROTOCOL, PROTOCOL_OF_EPOCHS, Pins, REQUEST_BYTES_MAX, Report, Succeeded, Wanted,
    WentBack,
};
use record::hash::sha256;
use record::note::{Note, VerifierKey};
use record::proof::ActProof;
use rollout::state::Order;
use rollout::watch::Seen;
use serde_json::{Value, json};

use crate::auth::secret;
use crate::blobs::hex;
use crate::call::Call;
use crate::problem::Problem;
use crate::prove;
use crate::rates::Class;
use crate::reply::{self, Answer, BYTES, JSON, Keep, with_type};
use crate::route::{Access, Gives, Handler, Route, Takes, reference};
use crate::site::Site;

const SOURCE: &str = "edges";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            class: Class::Command,
            fails: &[409, 422, 500, 504, 507],
            ..asked(
                "/api/v1/edges/enroll",
                "Takes in an edge that shows the token it was invited with",
                Gives::json("EdgePins", "It is enrolled; what it believes from now on"),
                |call| Box::pin(enroll(call)),
            )
        },
        asked(
            "/api/v1/edges/report",
            "Takes what an edge says of itself, and tells it how things stand",
            Gives::json("EdgeDirections", "Of about the same size each time"),
            |call| Box::pin(report(call)),
        ),
        asked(
            "/api/v1/edges/fetch",
            "Gives an edge what it was told of: a bundle, a version, the overlay",
            Gives {
                status: 200,
                media: Some(JSON),
                also: &[BYTES],
                schema: json!({"anyOf": [
                    reference("EdgeBundle"), reference("EdgeKeyChange"), reference("EdgeSucceeded"),
                    reference("Overlay"),
                ]}),
                says: "What was wanted; a version as its bytes",
            },
            |call| Box::pin(fetch(call)),
        ),
    ]
}

fn asked(path: &str, summary: &str, gives: Gives, handler: Handler) -> Route {
    Route {
        method: Method::POST,
        path: path.to_owned(),
        access: Access::Open,
        class: Class::Edge,
        takes: Takes::Anything {
            bytes_max: REQUEST_BYTES_MAX,
            media: "text/plain",
            schema: json!({"type": "string"}),
            required: true,
        },
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives,
        fails: &[401, 404, 500],
        handler,
    }
}

fn bad(error: &BadRequest) -> Problem {
    match error {
        BadRequest::Unverified(_) => {
            Problem::unauthorized("the edge's key did not sign this", false)
        }
        other => Problem::bad_request(format!("this is no request of an edge: {other}")),
    }
}

/// Marks an answer that may be large and changes nothing: it waits for memory, as what is read does.
#[derive(Clone, Copy)]
pub(crate) struct Fetched;

/// The request, if the edge that it names is enrolled and signed it.
fn proven<R: record::fleet::Request>(call: &Call) -> Result<R, Problem> {
    let claimed = Claimed::<R>::parse(&call.body).map_err(|error| bad(&error))?;
    let edge = claimed.claimed().edge();
    let view = call.site.engine().view();
    let key = view.read(|state| state.fleet.edges.get(edge).map(|edge| edge.vkey.clone()));
    let key = key.ok_or_else(|| {
        Problem::unauthorized(
            format!("no edge {edge} is enrolled, or it was retired"),
            false,
        )
    })?;
    let key: VerifierKey = key
        .parse()
        .map_err(|error| Problem::internal("an edge's key can't be read", &error))?;
    claimed.signed_by(&key).map_err(|error| bad(&error))
}

async fn enroll(call: Call) -> Answer {
    let claimed = Claimed::<Enroll>::parse(&call.body).map_err(|error| bad(&error))?;
    let key: VerifierKey = claimed
        .claimed()
        .vkey
        .parse()
        .map_err(|error| Problem::bad_request(format!("vkey is no key: {error}")))?;
    let asked = claimed.signed_by(&key).map_err(|error| bad(&error))?;
    let no = || {
        Problem::unauthorized(
            "this token lets no such edge enroll, or not any more",
            false,
        )
    };
    let hash = sha256(&[&secret(&asked.token).ok_or_else(no)?]);
    // Whoever has no token finds out here, without a word on the record or to the writer.
    let now = call.site.engine().now();
    let view = call.site.engine().view();
    let cell = view.read(|state| {
        let invitation = state.fleet.invitations.get(&asked.edge);
        let invitation = invitation.filter(|it| it.hash == hash && now < it.expires_at);
        invitation.map(|it| it.cell.clone())
    });
    // Whose answer was lost asks again: it is told the same.
    let known = view.read(|state| {
        let edge = state.fleet.edges.get(&asked.edge);
        edge.filter(|edge| edge.vkey == asked.vkey)
            .map(|edge| edge.cell.clone())
    });
    let (cell, invited) = match (cell, known) {
        (Some(cell), _) => (cell, true),
        (None, Some(cell)) => (cell, false),
        (None, None) => return Err(no()),
    };
    let verb = EnrollEdge {
        edge: asked.edge.clone(),
        hash,
        vkey: asked.vkey.clone(),
    };
    if invited {
        let id = format!("edge:enroll:{}", hex(&hash));
        let index = take(&call.site, &id, verb.into()).await?;
        if !prove::published(&call.site, index).await {
            let later = "no published checkpoint covers it yet: ask again";
            return Err(Problem::overloaded(later, 1));
        }
    }
    let published = call.site.backstage().published();
    let published = published.ok_or_else(|| Problem::overloaded("nothing is published yet", 1))?;
    let vkey = view.read(|state| state.log.vkeys.last().map(|(_, vkey)| vkey.clone()));
    reply::json(&Pins {
        cell,
        checkpoint: published.note.as_str().into(),
        vkey: vkey.unwrap_or_default(),
    })
}

/// Has hereby itself ask for this; the place of its first act.
async fn take(site: &Site, id: &str, verb: Verb) -> Result<u64, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("nothing was written", error);
    let id = id.parse().map_err(|error| broken(&error))?;
    let source: Name = SOURCE.parse().map_err(|error| broken(&error))?;
    let request = Request {
        transport: Transport::Own(source),
        command: Command::new(id, verb),
        signature: None,
    };
    match site.engine().submit(request).await {
        Outcome::Done(receipts) => Ok(receipts.first().map_or(0, |receipt| receipt.index)),
        Outcome::Refused(refusal) => Err(refusal.into()),
        Outcome::Unknown => Err(Problem::unknown("nobody can say whether it was written")),
    }
}

/// Puts on the record that an edge went back while nobody here could say so. Until that stands there, the
/// edge is not answered: no act without evidence.
async fn went_back(site: &Site, edge: &Name, went: &WentBack) -> Result<(), Problem> {
    let view = site.engine().view();
    if view.read(|state| state.fleet.has_note_of(edge, &went.note)) {
        return Ok(());
    }
    let verb = ReportBreakGlass {
        edge: edge.clone(),
        from: went.from,
        note: went.note.clone(),
        used_at: Timestamp::from_ms(i64::try_from(went.at_ms).unwrap_or(i64::MAX)),
    };
    let what = [edge.as_str().as_bytes(), b"\n", went.note.as_bytes()];
    let id = format!("break_glass:{}", hex(&sha256(&what)));
    match take(site, &id, verb.into()).await {
        Ok(_) => Ok(()),
        // What it says is not so: it is shown as it says, and nothing of it is kept. It says it every second.
        Err(problem) if problem.status.is_client_error() => {
            let watch = site.watch();
            let before = watch
                .seen(edge)
                .and_then(|seen| seen.report.break_glass.as_ref());
            if before.is_none_or(|before| before.counter != went.counter) {
                tracing::error!(%edge, "a break-glass note that it claims to have used is not kept: {problem:?}");
            }
            Ok(())
        }
        Err(problem) => Err(problem),
    }
}

async fn report(call: Call) -> Answer {
    let mut report: Report = proven(&call)?;
    let (edge, size) = (report.edge.clone(), report.size);
    let view = call.site.engine().view();
    let (epoch, knows_none) = view.read(|state| {
        // An earlier build says no epoch. It enrolled in this one, or it still follows another.
        let enrolled_at = state.fleet.edges.get(&edge).map(|edge| edge.at);
        let began = state.log.succession.as_ref().map(|began| began.at);
        let is_of_this = enrolled_at >= began;
        (
            state.log.epoch(),
            report.protocol < PROTOCOL_OF_EPOCHS && is_of_this,
        )
    });
    if report.epoch != epoch && !knows_none {
        // Which acts it follows it says by their places, and in another epoch others stand there.
        report.follows = None;
        report.refused.clear();
        report.runs.iter_mut().for_each(|runs| runs.sequence = 0);
    }
    if let Some(went) = &report.break_glass {
        went_back(&call.site, &edge, went).await?;
    }
    let now = call.site.engine().now();
    // Of a report that is older than the last the edge is told so: its clock went back.
    let at_ms = call.site.watch().hear(report, now);
    let (sequence, overlay) =
        view.read(|state| (state.fleet.newest_for(&edge), state.overlay_sequence));
    // As a rule nothing has happened since the last report.
    let published = call.site.backstage().published();
    let grown = match published.filter(|published| published.size == size) {
        Some(published) => Grown {
            checkpoint: published.note.as_str().into(),
            consistency: Vec::new(),
        },
        None => call.site.blocking(move |site| grown(site, size)).await?,
    };
    reply::json(&Directions {
        at_ms,
        epoch,
        grown,
        overlay,
        // What no published checkpoint covers yet can't be proven yet.
        sequence,
    })
}

fn grown(site: &Site, size: u64) -> Result<Grown, Problem> {
    let grown = prove::grown(site.backstage(), size)?;
    let (published, consistency) =
        grown.ok_or_else(|| Problem::overloaded("nothing is published yet", 1))?;
    Ok(Grown {
        checkpoint: published.note.as_str().into(),
        consistency,
    })
}

async fn fetch(call: Call) -> Answer {
    let mut answer = fetched(call).await?;
    answer.extensions_mut().insert(Fetched);
    Ok(answer)
}

async fn fetched(call: Call) -> Answer {
    let asked: Fetch = proven(&call)?;
    match asked.what {
        Wanted::Bundle { after } => {
            let site = &call.site;
            let protocol = spoken(site, &asked.edge)?;
            let (mut acts, newest) = site.engine().view().read(|state| {
                let orders = state.fleet.orders_of(&asked.edge, after);
                let orders = orders.iter().map(|(_, order)| order.index);
                let others = state.fleet.beside_orders(&asked.edge, protocol);
                let others = others.filter(|index| after.is_none_or(|after| *index > after));
                let mut acts: Vec<u64> = orders.chain(others).collect();
                acts.sort_unstable();
                (acts, state.fleet.newest_for(&asked.edge))
            });
            let none = || Problem::not_found("this edge is told to run nothing yet");
            let newest = newest.ok_or_else(none)?;
            let upto = match acts.get(BUNDLE_MAX - 1) {
                Some(last) if acts.len() > BUNDLE_MAX => *last,
                _ => newest,
            };
            acts.truncate(BUNDLE_MAX);
            if !prove::published(site, upto).await {
                return Err(Problem::overloaded(
                    "no published checkpoint covers it yet",
                    1,
                ));
            }
            let bundle =
                site.blocking(move |site| bundle(site, &acts, (upto, protocol), asked.size));
            reply::json(&bundle.await?)
        }
        Wanted::Key { vkey } => {
            let change = call
                .site
                .blocking(move |site| key_change(site, &vkey, asked.size));
            reply::json(&change.await?)
        }
        Wanted::Succession => {
            let succeeded = call.site.blocking(succeeded).await?;
            reply::json(&succeeded)
        }
        Wanted::Version(digest) => {
            let known = call.site.engine().view().read(|state| {
                let orders = state.fleet.orders_of(&asked.edge, None);
                orders.iter().any(|(_, order)| order.digest == Some(digest))
            });
            let none = || Problem::not_found("this edge is not told to run that version");
            if !known {
                return Err(none());
            }
            let bytes = call.site.blocking(move |site| {
                let blob = site.backstage().blob(&digest);
                let blob =
                    blob.map_err(|error| Problem::internal("the version can't be read", &error))?;
                blob.ok_or_else(none)
            });
            Ok(with_type(bytes.await?, BYTES, Keep::Never))
        }
        Wanted::Overlay => {
            let text = call.site.blocking(overlay).await?;
            Ok(with_type(text, JSON, Keep::Never))
        }
    }
}

/// The latest protocol that this edge and this build speak. It must be one that its cell takes.
fn spoken(site: &Site, edge: &Name) -> Result<u32, Problem> {
    let its = {
        let watch = site.watch();
        let seen = watch.seen(edge);
        seen.map_or(FIRST_PROTOCOL, |seen| seen.report.protocol)
    };
    let protocol = its.min(PROTOCOL);
    let (cell, floor) = site.engine().view().read(|state| {
        let cell = state.fleet.edges.get(edge).map(|edge| edge.cell.clone());
        let floor = cell.as_ref().map(|cell| state.fleet.floor(cell));
        (cell, floor.unwrap_or(FIRST_PROTOCOL))
    });
    match (cell, protocol < floor) {
        (Some(cell), true) => Err(Problem::wrong_state(format!(
            "this edge speaks protocol {its}, and {cell} takes no less than {floor}: it needs a newer hereby"
        ))),
        _ => Ok(protocol),
    }
}

fn overlay(site: &Site) -> Result<Vec<u8>, Problem> {
    let now = site.engine().now();
    let view = site.engine().view();
    let text = view.read(|state| crate::overlay::overlay(state, now));
    text.map_err(|error| Problem::internal("the overlay can't be written", &error))
}

fn bundle(site: &Site, acts: &[u64], (upto, v): (u64, u32), size: u64) -> Result<Bundle, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("no proof could be made", error);
    let later = || Problem::overloaded("no published checkpoint covers it yet", 1);
    let entries = acts.iter().map(|index| {
        let entry = site.engine().entries().entry(*index)?;
        entry.ok_or_else(|| broken(&"the act is not there"))
    });
    let entries = entries.collect::<Result<Vec<_>, Problem>>()?;
    // The tree may grow between the two proofs: both are to be of one checkpoint.
    for _ in 0..3 {
        let proven = prove::inclusion(site.backstage(), acts)?.ok_or_else(later)?;
        let grown = grown(site, size)?;
        if *grown.checkpoint != *proven.checkpoint.note {
            continue;
        }
        let note =
            Note::parse(proven.checkpoint.note.as_bytes()).map_err(|error| broken(&error))?;
        let all = acts.iter().zip(entries).zip(proven.inclusions);
        let proofs = all.map(|((index, entry), hashes)| {
            let proof = ActProof::new(Some(entry), *index, hashes, note.clone());
            let proof = proof.map_err(|error| broken(&error))?;
            Ok(proof.to_string().into())
        });
        return Ok(Bundle {
            grown,
            proofs: proofs.collect::<Result<_, Problem>>()?,
            upto,
            v,
        });
    }
    Err(later())
}

/// How that key of the log was changed, for who knows the tree of that size.
fn key_change(site: &Site, vkey: &str, known: u64) -> Result<KeyChange, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("no proof could be made", error);
    let none = || {
        Problem::not_found("that key was never the log's, or still is; or the change was archived")
    };
    let vkeys = site.engine().view().read(|state| state.log.vkeys.clone());
    let mut later = vkeys.iter().skip_while(|(_, one)| **one != *vkey).skip(1);
    let (size, to) = later.next().ok_or_else(none)?;
    let key: VerifierKey = vkey.parse().map_err(|error| broken(&error))?;
    let to: VerifierKey = to.parse().map_err(|error| broken(&error))?;
    if to.name() != key.name() {
        // Another epoch began: that is the root key's word.
        return Err(none());
    }
    let signed_by = |key: &VerifierKey| {
        let signed = site.backstage().signed_by(*size, key);
        signed.map_err(|error| broken(&error))?.ok_or_else(none)
    };
    let (signed, next) = (signed_by(&key)?, signed_by(&to)?);
    let index = size.checked_sub(1).ok_or_else(none)?;
    let (consistency, hashes) = prove::within(site.backstage(), *size, known, index)?;
    let entry = site.engine().entries().entry(index)?;
    let entry = entry.ok_or_else(|| broken(&"the act is not there"))?;
    let note = Note::parse(signed.as_bytes()).map_err(|error| broken(&error))?;
    let proof = ActProof::new(Some(entry), index, hashes, note);
    Ok(KeyChange {
        grown: Grown {
            checkpoint: signed.into(),
            consistency,
        },
        next: next.into(),
        proof: proof.map_err(|error| broken(&error))?.to_string().into(),
        v: 1,
    })
}

/// How the present epoch began.
fn succeeded(site: &Site) -> Result<Succeeded, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("no proof could be made", error);
    let none = || Problem::not_found("this is the first epoch, or how it began was archived");
    let (began, next) = site.engine().view().read(|state| {
        let began = state.log.succession.clone();
        let vkey = began.as_ref().map(|began| began.said.vkey.clone());
        let mut behind = state.log.vkeys.iter();
        let mut behind = behind
            .by_ref()
            .skip_while(|(_, one)| Some(one) != vkey.as_ref());
        (began, behind.nth(1).map(|(size, _)| *size))
    });
    let began = began.ok_or_else(none)?;
    let kept = began.said.kept.size;
    let grown = match next {
        // Its key was changed since: what it signed last.
        Some(size) => {
            let key = began.said.log_key().ok_or_else(none)?;
            let signed = site.backstage().signed_by(size, &key);
            let signed = signed.map_err(|error| broken(&error))?;
            let index = size.checked_sub(1).ok_or_else(none)?;
            let (consistency, _) = prove::within(site.backstage(), size, kept, index)?;
            Grown {
                checkpoint: signed.ok_or_else(none)?.into(),
                consistency,
            }
        }
        None => grown(site, kept)?,
    };
    Ok(Succeeded {
        grown,
        note: began.note,
        v: 1,
    })
}

/// What the record says of an edge.
struct Told {
    name: Name,
    cell: Name,
    ring: Option<&'static str>,
    at: Timestamp,
    order: Option<Order>,
    /// The newest act that tells anybody in its cell anything.
    newest: Option<u64>,
    /// The least protocol that its cell takes.
    floor: u32,
}

/// How edges are, as far as is known: so many, behind that one. What the record says is read first, and what
/// they report after that: nobody holds both.
pub(crate) fn edges(
    site: &Site,
    now: Timestamp,
    after: Option<&Name>,
    limit: usize,
) -> Vec<(Name, Value)> {
    let (all, overlay): (Vec<Told>, u64) = site.engine().view().read(|state| {
        let fleet = &state.fleet;
        let behind = fleet.edges.iter();
        let behind = behind.filter(|(name, _)| after.is_none_or(|after| *name > after));
        let all = behind.take(limit).map(|(name, edge)| Told {
            name: name.clone(),
            cell: edge.cell.clone(),
            ring: fleet.cells.get(&edge.cell).map(|ring| ring.as_str()),
            at: edge.at,
            order: fleet.order_of(name).copied(),
            newest: fleet.newest_for(name),
            floor: fleet.floor(&edge.cell),
        });
        (all.collect(), state.overlay_sequence)
    });
    let seen: Vec<Option<Seen>> = {
        let watch = site.watch();
        all.iter()
            .map(|told| watch.seen(&told.name).cloned())
            .collect()
    };
    let all = all.into_iter().zip(seen);
    all.map(|(told, seen)| (told.name.clone(), one(&told, seen.as_ref(), overlay, now)))
        .collect()
}

impl Told {
    /// Whether it does all that it was told.
    fn is_done(&self, seen: &Seen, newest: u64) -> bool {
        let fleet = self.order.as_ref();
        seen.report.follows >= Some(newest) && fleet.is_none_or(|order| seen.follows(None, order))
    }
}

fn one(told: &Told, seen: Option<&Seen>, overlay: u64, now: Timestamp) -> Value {
    let runs = seen.and_then(|seen| seen.report.runs.as_ref());
    let refused = seen.and_then(|seen| seen.report.refused.first());
    let standing = match (seen.filter(|seen| seen.is_fresh(now)), told.newest) {
        (None, _) => "unknown",
        (Some(seen), _) if seen.report.protocol < told.floor => "below_floor",
        (Some(seen), _) if seen.broke_glass() => "break_glass",
        _ if told.order.is_none() => "idle",
        _ if refused.is_some() => "refuses",
        (Some(seen), Some(newest)) if told.is_done(seen, newest) => "follows",
        _ => "behind",
    };
    json!({
        "edge": told.name,
        "cell": told.cell,
        "ring": told.ring,
        "enrolled_at": told.at,
        "standing": standing,
        "told": told.order.and_then(|order| order.digest).as_ref().map(hex),
        "told_at": told.order.as_ref().map(|order| order.at),
        "runs": runs.map(|runs| hex(&runs.digest)),
        "heard_ms": seen.map(|seen| now.ms_since(seen.at).max(0)),
        "program": seen.map(|seen| seen.report.program.clone()),
        "protocol": seen.map(|seen| seen.report.protocol),
        "floor": told.floor,
        "overlay_behind": seen.map(|seen| overlay > seen.report.overlay),
        "refused": refused.map(|it| it.why.clone()),
        "requests": seen.map(|seen| seen.report.counts.requests),
        "failed": seen.map(|seen| seen.report.counts.failed),
    })
}
