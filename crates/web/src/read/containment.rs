//! What edges are told at once: all of it as they read it, and each kind as a list with who said so
//! and why.

use base::{IncidentId, Line, ServiceName, Timestamp};
use engine::State;
use incident::{Banned, Certificate, CertificateUse, Contained, Off, Override, Postured};
use record::kinds::containment::CertificateUsed;
use serde_json::{Value, json};

use super::{LIMIT, Page, get, optional, part};
use crate::call::Call;
use crate::overlay::overlay;
use crate::problem::Problem;
use crate::reply::{self, Answer, JSON, Keep, with_type};
use crate::route::{Form, Gives, Handler, Parameter, Route};
use crate::sight::Sight;

const BEHIND: Parameter = optional(
    "after",
    Form::Text(200),
    "What `next` of the page before was",
);

const CERTIFICATE: Parameter = part(
    "certificate",
    Form::Pattern("^[0-9a-f]{64}(:[0-9a-f]{2,40})?$"),
    "Its SHA-256 as DER; or its issuer's, and its number",
);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/v1/overlay",
            "Gives what edges are told at once: bans, revocations, other tiers, switches, postures",
            Gives::json("Overlay", "As edges read it"),
            |call| Box::pin(whole(call)),
        ),
        named("bans", "Lists bans that hold, by address", "Ban", |call| {
            Box::pin(bans(call))
        }),
        named(
            "revocations",
            "Lists revoked certificates, by name",
            "Revocation",
            |call| Box::pin(revocations(call)),
        ),
        Route {
            parts: vec![CERTIFICATE],
            ..get(
                "/api/v1/certificates/{certificate}",
                "Says who came in with a client certificate, from the record and the edge here",
                Gives::json(
                    "CertificateUses",
                    "By tenant; nothing, as far as is known, where there is none",
                ),
                |call| Box::pin(uses(call)),
            )
        },
        named(
            "failovers",
            "Lists routes on which another tier answers than was planned",
            "FailoverOverride",
            |call| Box::pin(failovers(call)),
        ),
        named(
            "switches",
            "Lists switches that are off, by name",
            "Switch",
            |call| Box::pin(switches(call)),
        ),
        named(
            "postures",
            "Lists services that don't work as usual",
            "ServicePosture",
            |call| Box::pin(postures(call)),
        ),
    ]
}

fn named(what: &str, summary: &str, item: &str, handler: Handler) -> Route {
    Route {
        query: vec![BEHIND, LIMIT],
        ..get(
            &format!("/api/v1/{what}"),
            summary,
            Gives::list(item, "A page; `next` goes into `after`"),
            handler,
        )
    }
}

async fn whole(call: Call) -> Answer {
    let text = call.site.blocking(|site| {
        let now = site.engine().now();
        let text = site.engine().view().read(|state| overlay(state, now));
        text.map_err(|error| Problem::internal("the overlay can't be written", &error))
    });
    Ok(with_type(text.await?, JSON, Keep::Never))
}

async fn bans(call: Call) -> Answer {
    let now = call.site.engine().now();
    list(call, move |state, sight, after, limit| {
        let all = state.incidents.containment.bans(now);
        all.filter(|(prefix, _)| is_behind(prefix, after))
            .take(limit)
            .map(|(prefix, it)| (prefix.clone(), ban(prefix, it, state, sight)))
            .collect()
    })
    .await
}

async fn revocations(call: Call) -> Answer {
    list(call, |state, sight, after, limit| {
        let all = state.incidents.containment.revocations();
        all.filter(|(name, _)| is_behind(name, after))
            .take(limit)
            .map(|(name, said)| (name.clone(), revocation(name, said, state, sight)))
            .collect()
    })
    .await
}

async fn uses(call: Call) -> Answer {
    let name: Line = call.path_as("certificate")?;
    let sight = call.caller.sight();
    let found = call.site.blocking(move |site| {
        let counted = site.backstage().edge_certificate(&name);
        let now = site.engine().now();
        let view = site.engine().view();
        Ok(view.read(|state| affected(&name, counted, now, state, &sight)))
    });
    reply::json(&found.await?)
}

/// What is known of a certificate: what the record has, and what an edge counted since.
fn affected(
    name: &Line,
    counted: Option<Vec<CertificateUsed>>,
    now: Timestamp,
    state: &State,
    sight: &Sight,
) -> Value {
    let containment = &state.incidents.containment;
    let known = &state.incidents.certificates;
    let mut uses: Vec<(CertificateUse, bool)> = match Certificate::of(name) {
        Certificate::Fingerprint(_) => known.of(name).map(|it| (it.clone(), false)).collect(),
        Certificate::Numbered { issuer, serial } => known
            .all()
            .filter(|(_, it)| {
                it.last.issuer.as_str() == issuer && it.last.serial.as_str() == serial
            })
            .map(|(_, it)| (it.clone(), false))
            .collect(),
    };
    let answers = counted.is_some();
    for used in counted.into_iter().flatten() {
        let same = |it: &CertificateUsed| {
            it.fingerprint == used.fingerprint && it.cell == used.cell && it.tenant == used.tenant
        };
        match uses.iter_mut().find(|(it, _)| same(&it.last)) {
            Some((it, live)) => (*it, *live) = (it.clone().followed_by(it.at, used), true),
            None => uses.push((CertificateUse::first(now, used), true)),
        }
    }
    let mut revoked = containment.revocations().filter(|(said, _)| {
        let numbered = |it: &CertificateUse| format!("{}:{}", it.last.issuer, it.last.serial);
        let by =
            |it: &CertificateUse| it.last.fingerprint == **said || numbered(it) == said.as_str();
        *said == name || uses.iter().any(|(it, _)| by(it))
    });
    json!({
        "certificate": name,
        "edge": answers,
        "revoked": revoked.next().map(|(name, said)| revocation(name, said, state, sight)),
        "uses": uses.iter().map(|(it, live)| certificate_use(it, *live)).collect::<Vec<_>>(),
    })
}

fn certificate_use(it: &CertificateUse, live: bool) -> Value {
    let counts = it.counts();
    json!({
        "fingerprint": it.last.fingerprint,
        "issuer": it.last.issuer,
        "serial": it.last.serial,
        "cell": it.last.cell,
        "tenant": it.last.tenant,
        "first_at": it.first_at,
        "last_at": it.last.last_at,
        "last_let_through_at": it.last.last_let_through_at,
        "let_through": counts.let_through,
        "let_through_after": counts.let_through_after,
        "refused": counts.refused,
        "refused_after": counts.refused_after,
        "prefixes": it.last.prefixes,
        "live": live,
    })
}

async fn failovers(call: Call) -> Answer {
    let now = call.site.engine().now();
    list(call, move |state, sight, after, limit| {
        let all = state.incidents.containment.overrides(now);
        all.filter(|(name, _)| is_behind(name, after))
            .take(limit)
            .map(|(name, it)| (name.clone(), failover(it, state, sight)))
            .collect()
    })
    .await
}

async fn switches(call: Call) -> Answer {
    let now = call.site.engine().now();
    list(call, move |state, sight, after, limit| {
        let all = state.incidents.switches.off(now);
        all.filter(|(name, _)| is_behind(name, after))
            .take(limit)
            .map(|(name, it)| (name.clone(), switch(name, it, state, sight)))
            .collect()
    })
    .await
}

async fn postures(call: Call) -> Answer {
    let now = call.site.engine().now();
    list(call, move |state, sight, after, limit| {
        let all = state.incidents.switches.postures(now);
        let named = all.filter_map(|(service, it)| {
            let name: Line = service.as_str().parse().ok()?;
            Some((name, posture(service, it, state, sight)))
        });
        named
            .filter(|(name, _)| is_behind(name, after))
            .take(limit)
            .collect()
    })
    .await
}

fn is_behind(name: &Line, after: Option<&Line>) -> bool {
    after.is_none_or(|after| name > after)
}

/// Up to so many rows behind a name.
type Found = Vec<(Line, Value)>;

async fn list(
    call: Call,
    find: impl FnOnce(&State, &Sight, Option<&Line>, usize) -> Found,
) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<Line>("after")?);
    let sight = call.caller.sight();
    let view = call.site.engine().view();
    let found = view.read(|state| find(state, &sight, after.as_ref(), limit + 1));
    let page = Page::cut(found, limit, |(name, _)| json!(name));
    reply::json(&Page {
        items: page.items.into_iter().map(|(_, value)| value).collect(),
        next: page.next,
    })
}

/// The incident it was done for, if the caller may know of it.
fn seen(incident: Option<IncidentId>, state: &State, sight: &Sight) -> Option<IncidentId> {
    incident.filter(|id| sight.sees(state, *id))
}

/// A ban.
pub(crate) fn ban(prefix: &Line, it: &Banned, state: &State, sight: &Sight) -> Value {
    json!({
        "prefix": prefix,
        "ends_at": it.ends_at,
        "at": it.said.at,
        "by": it.said.by,
        "incident": seen(it.said.incident, state, sight),
        "why": it.said.why,
    })
}

/// A revocation.
pub(crate) fn revocation(name: &Line, said: &Contained, state: &State, sight: &Sight) -> Value {
    let (fingerprint, issuer, serial) = match Certificate::of(name) {
        Certificate::Fingerprint(fingerprint) => (Some(fingerprint), None, None),
        Certificate::Numbered { issuer, serial } => (None, Some(issuer), Some(serial)),
    };
    json!({
        "certificate": name,
        "fingerprint": fingerprint,
        "issuer": issuer,
        "serial": serial,
        "at": said.at,
        "by": said.by,
        "incident": seen(said.incident, state, sight),
        "why": said.why,
    })
}

/// Another tier than was planned.
pub(crate) fn failover(it: &Override, state: &State, sight: &Sight) -> Value {
    json!({
        "route": it.route,
        "cell": it.cell,
        "tier": it.tier,
        "ends_at": it.ends_at,
        "at": it.said.at,
        "by": it.said.by,
        "incident": seen(it.said.incident, state, sight),
        "why": it.said.why,
    })
}

/// A switch that is off.
pub(crate) fn switch(name: &Line, it: &Off, state: &State, sight: &Sight) -> Value {
    json!({
        "switch": name,
        "ends_at": it.ends_at,
        "at": it.said.at,
        "by": it.said.by,
        "incident": seen(it.said.incident, state, sight),
        "why": it.said.why,
    })
}

/// The posture of a service.
pub(crate) fn posture(service: &ServiceName, it: &Postured, state: &State, sight: &Sight) -> Value {
    json!({
        "service": service,
        "posture": it.posture,
        "ends_at": it.ends_at,
        "at": it.said.at,
        "by": it.said.by,
        "incident": seen(it.said.incident, state, sight),
        "why": it.said.why,
    })
}
