//! An act in words: who did what, in a clause that follows the name.

use base::{Actor, AlertId, PersonName, TeamName, Timestamp};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::alert::Ending;
use record::kinds::directory::{Dependency, DependencyKind, FailureMode, Permission};
use record::kinds::incident::{Audience, Noted, Role, Stamp, Status};
use record::sealed::Sealable;

use crate::say::{Style, counted, duration, stamp};

mod chat;
mod containment;
mod fleet;
mod page;
mod request;
mod review;
mod subscriber;
mod work;

pub(super) use work::{impact, relation, verification};

/// What an act says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What was done: `declared it SEV2`.
    pub(crate) deed: String,
    /// What was said with it.
    pub(crate) text: Option<String>,
    /// How the deed looks.
    pub(crate) style: Style,
}

/// The act in words.
pub(crate) fn told(act: &Act) -> Told {
    let told = of_incident(act)
        .or_else(|| work::told(act))
        .or_else(|| review::told(act))
        .or_else(|| request::told(act))
        .or_else(|| chat::told(act))
        .or_else(|| page::told(act))
        .or_else(|| subscriber::told(act))
        .or_else(|| containment::told(act))
        .or_else(|| fleet::told(act))
        .or_else(|| of_alert(act))
        .or_else(|| of_record(act));
    let mut told = told.unwrap_or_else(|| match &act.body {
        Body::Unknown(unknown) => Told {
            text: Some(unknown.json.get().to_owned()),
            ..plain(format!("{} (of a later version)", unknown.kind))
        },
        known => plain(known.kind().to_owned()),
    });
    if let Some(why) = &act.why {
        let why = opened(why);
        told.text = Some(match told.text.take() {
            Some(text) => format!("{text}\nbecause: {why}"),
            None => {
                told.deed.push_str(", because");
                why
            }
        });
    }
    told
}

/// Text, or that it is sealed.
pub(super) fn opened<T: std::fmt::Display>(text: &Sealable<T>) -> String {
    match text {
        Sealable::Open(text) => text.to_string(),
        Sealable::Sealed(_) => "(sealed)".to_owned(),
    }
}

/// What an act happened to, for lines about many things.
pub(super) fn subject(act: &Act) -> String {
    match &act.subject {
        Subject::Record => "record".to_owned(),
        Subject::Alert(id) => format!("alert {}", short(*id)),
        Subject::Heartbeat(name) => format!("heartbeat {name}"),
        Subject::Key(name) => format!("key {name}"),
        Subject::Team(name) => format!("team {name}"),
        Subject::Service(name) => format!("service {name}"),
        Subject::Runbook(name) => format!("runbook {name}"),
        Subject::Template(name) => format!("template {name}"),
        Subject::Component(name) => format!("component {name}"),
        Subject::Client(prefix) => format!("client {prefix}"),
        Subject::Certificate(name) => format!("certificate {name}"),
        Subject::Route(name) => format!("route {name}"),
        Subject::Switch(name) => format!("switch {name}"),
        Subject::Cell(name) => format!("cell {name}"),
        Subject::Edge(name) => format!("edge {name}"),
        Subject::Fleet => "all edges".to_owned(),
        Subject::Page => "status page".to_owned(),
        other => other.id(),
    }
}

/// An alert's first eight digits: enough to name it.
pub(super) fn short(id: AlertId) -> String {
    id.to_string().chars().take(8).collect()
}

/// The role in words.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Commander => "commander",
        Role::Operations => "operations",
        Role::Communications => "communications",
        Role::Planning => "planning",
    }
}

/// What happened at a time that somebody said.
pub(super) fn stamped(stamp: Stamp) -> &'static str {
    match stamp {
        Stamp::ImpactStart => "hurting customers since",
        Stamp::Detected => "detected",
        Stamp::Diagnosed => "diagnosed",
        Stamp::Mitigated => "mitigated",
    }
}

/// The audience in words.
pub(super) fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Insiders => "insiders",
        Audience::Public => "the public",
    }
}

/// The status in words.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Investigating => "investigating",
        Status::Identified => "identified",
        Status::Monitoring => "monitoring",
        Status::Resolved => "resolved",
    }
}

/// How an alert ended, in words.
pub(super) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Reported => "its source said so",
        Ending::EndsAt => "its announced end passed",
        Ending::TimedOut => "not heard of for too long: nobody knows",
    }
}

fn plain(deed: impl Into<String>) -> Told {
    Told {
        deed: deed.into(),
        text: None,
        style: Style::Plain,
    }
}

fn said(deed: impl Into<String>, text: String) -> Told {
    Told {
        deed: deed.into(),
        text: Some(text),
        style: Style::Plain,
    }
}

fn of_incident(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::IncidentDeclared(body) => {
            let drill = if body.drill { ", a DRILL" } else { "" };
            let private = if body.private { ", PRIVATE" } else { "" };
            let service = body
                .service
                .as_ref()
                .map(|it| format!(" of {it}"))
                .unwrap_or_default();
            let deed = format!("declared it {}{service}{drill}{private}", body.severity);
            Told {
                style: Style::Bold,
                ..said(deed, opened(&body.title))
            }
        }
        Body::IncidentAcknowledged(_) => plain("acknowledged it"),
        Body::IncidentNoted(body) => said("noted", noted(body)),
        Body::IncidentUpdated(body) => said(
            format!(
                "told {}{}",
                audience(body.audience),
                page::beside(body.page.as_ref())
            ),
            opened(&body.text),
        ),
        Body::IncidentStatusChanged(body) => plain(format!(
            "moved it from {} to {}",
            status(body.from),
            status(body.to)
        )),
        Body::IncidentSeverityChanged(body) => {
            plain(format!("changed it from {} to {}", body.from, body.to))
        }
        Body::IncidentResolved(body) => Told {
            text: body.summary.as_ref().map(opened),
            style: Style::Good,
            ..plain("resolved it")
        },
        Body::IncidentReopened(_) => Told {
            style: Style::Bold,
            ..plain("opened it again")
        },
        Body::IncidentReminded(body) => Told {
            style: Style::Warning,
            ..plain(format!(
                "reminded people: nobody has acknowledged it (no. {})",
                body.count
            ))
        },
        Body::IncidentAlertAttached(body) => {
            let from = body.moved_from.map(|from| format!(", which was on {from}"));
            plain(format!(
                "attached alert {}{}",
                short(body.alert),
                from.unwrap_or_default()
            ))
        }
        _ => return of_roles(act),
    })
}

fn noted(body: &Noted) -> String {
    let mut text = opened(&body.text);
    for blob in &body.blobs {
        let name = blob.name.as_ref().map_or("a file", |name| name.as_str());
        text.push_str(&format!(
            "\n[{name}, {} bytes, sha256 {}]",
            blob.bytes, blob.sha256
        ));
    }
    text
}

/// Whether this person acted, or said that they did.
fn is_by(act: &Act, person: &PersonName) -> bool {
    match &act.actor {
        Actor::Person { id } => id == person,
        Actor::Uid { on_behalf_of, .. } => on_behalf_of.as_ref() == Some(person),
        Actor::Service { .. } | Actor::System { .. } => false,
    }
}

fn of_roles(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::IncidentAssigned(body) => {
            if let (Some(from), true) = (&body.replaces, is_by(act, &body.person)) {
                return Some(plain(format!(
                    "took over as {} from {from}",
                    role(body.role)
                )));
            }
            let replaced = body.replaces.as_ref().map(|it| format!(" instead of {it}"));
            let deed = format!("made {} {}", body.person, role(body.role));
            plain(deed + &replaced.unwrap_or_default())
        }
        Body::IncidentHandoverOffered(body) => plain(format!(
            "asked {} to take over as {} from {}",
            body.to,
            role(body.role),
            body.from
        )),
        Body::IncidentRelieved(body) => {
            plain(format!("relieved {} as {}", body.person, role(body.role)))
        }
        Body::IncidentTimeStamped(body) => {
            let name = stamped(body.stamp);
            let was = body.was.map(|was| format!(", not {}", stamp(was)));
            let was = was.unwrap_or_default();
            plain(match body.at {
                Some(at) => format!("said that it was {name} {}{was}", stamp(at)),
                None => format!("said that nobody knows when it was {name}{was}"),
            })
        }
        Body::IncidentWaived(body) => Told {
            style: Style::Warning,
            ..plain(format!(
                "let {} be commander and operations at once",
                body.person
            ))
        },
        _ => return None,
    })
}

fn of_alert(act: &Act) -> Option<Told> {
    let until = |at: Timestamp| format!("until {} ({})", stamp(at), duration(at.ms_since(act.at)));
    Some(match &act.body {
        Body::AlertFired(body) => {
            let drill = if body.drill { " (a DRILL)" } else { "" };
            let deed = format!("{} fires{drill}", body.source);
            Told {
                style: Style::Warning,
                ..said(deed, body.title.to_string())
            }
        }
        Body::AlertResolved(body) => plain(format!("ended: {}", ending(body.ending))),
        Body::AlertAcknowledged(_) => plain("was acknowledged at its source"),
        Body::SilenceCreated(body) => said(
            format!("silenced alerts {}", until(body.ends_at)),
            labels(&body.matchers),
        ),
        Body::SilenceEnded(_) => plain("ended the silence"),
        Body::MaintenanceScheduled(body) => said(
            format!(
                "planned work on {} from {} {}",
                body.service,
                stamp(body.starts_at),
                { until(body.ends_at) }
            ),
            body.title.to_string(),
        ),
        Body::MaintenanceEnded(_) => plain("ended the maintenance"),
        Body::HeartbeatExpected(body) => plain(format!(
            "expects it every {}, at most {} late",
            span(body.interval_ms),
            span(body.grace_ms)
        )),
        Body::HeartbeatForgotten(_) => plain("expects it no more"),
        _ => return None,
    })
}

fn of_record(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::TokenIssued(body) => {
            let scopes: Vec<_> = body.scopes.iter().map(|scope| scope.as_str()).collect();
            plain(format!(
                "issued a token to {} for {} until {}",
                body.actor,
                scopes.join(", "),
                stamp(body.expires_at)
            ))
        }
        Body::TokenRevoked(_) => plain("revoked the token"),
        Body::KeyEnrolled(body) => plain(format!("enrolled the key for {}", body.person)),
        Body::KeyRevoked(_) => plain("revoked the key"),
        Body::LoginOffered(body) => plain(format!(
            "let {} sign in with a link until {}",
            body.person,
            stamp(body.expires_at)
        )),
        Body::SessionBegun(body) => plain(match &body.issuer {
            Some(issuer) => format!("signed {} in, for whom {issuer} vouches", body.person),
            None => format!("signed {} in with a link", body.person),
        }),
        Body::SessionEnded(_) => plain("ended the session"),
        Body::PersonRegistered(_) => plain("is known from now on"),
        Body::PersonRemoved(_) => plain("is forgotten"),
        Body::PersonRedacted(_) => Told {
            style: Style::Bad,
            ..plain("what was personal of them is erased")
        },
        Body::PermissionGranted(body) => plain(format!(
            "may {}",
            permission(body.permission, body.team.as_ref())
        )),
        Body::PermissionWithdrawn(body) => plain(format!(
            "may no more {}",
            permission(body.permission, body.team.as_ref())
        )),
        Body::TeamRegistered(_) | Body::ServiceRegistered(_) => plain("is known from now on"),
        Body::TeamRemoved(_) | Body::ServiceRemoved(_) => plain("is forgotten"),
        Body::LogOpened(body) => plain(format!("opened the record {}", body.origin)),
        Body::LogRecovered(body) => Told {
            style: Style::Warning,
            ..plain(format!(
                "set aside a torn end of {} behind {}",
                counted(body.dropped_bytes, "byte"),
                counted(body.size, "entry")
            ))
        },
        Body::LogKeyRotated(_) => plain("changed the log's key"),
        Body::LogRootKeySet(body) => Told {
            style: Style::Bold,
            ..plain(format!(
                "has the root key {} say how the record goes on when it is lost",
                body.vkey
            ))
        },
        Body::LogSucceeded(_) => Told {
            style: Style::Bad,
            ..plain("began another epoch of the record, by the root key's word".to_owned())
        },
        Body::LogAnchorAccepted(body) => Told {
            style: Style::Bad,
            ..plain(format!(
                "went on with {} against the anchor",
                counted(body.size, "entry")
            ))
        },
        _ => return None,
    })
}

/// `act as responder for payments`
pub(super) fn permission(permission: Permission, team: Option<&TeamName>) -> String {
    let reach = team.map_or_else(|| "for everything".to_owned(), |team| format!("for {team}"));
    format!("act as {} {reach}", permission.as_str())
}

/// `dns:example.org:closed`, as it is given
pub(super) fn dependency(dependency: &Dependency) -> String {
    let kind = match dependency.kind {
        DependencyKind::Certificate => "certificate",
        DependencyKind::Clock => "clock",
        DependencyKind::Dns => "dns",
        DependencyKind::Identity => "identity",
        DependencyKind::Route => "route",
        DependencyKind::Service => "service",
        DependencyKind::Vendor => "vendor",
    };
    let mode = match dependency.when_fails {
        FailureMode::Closed => "closed",
        FailureMode::Degraded => "degraded",
        FailureMode::Open => "open",
    };
    format!("{kind}:{}:{mode}", dependency.name)
}

/// `alertname=HighLatency service=checkout`
pub(super) fn labels(labels: &std::collections::BTreeMap<Box<str>, Box<str>>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

/// A length of time that came as milliseconds.
pub(super) fn span(ms: u64) -> String {
    duration(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
