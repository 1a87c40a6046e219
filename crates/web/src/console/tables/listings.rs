//! Which tables there are: where each stands, what a row shows, and what can be done with one.

use engine::State;
use serde_json::Value as Json;

use super::ROWS_MAX;
use crate::sight::Sight;
use crate::site::Site;
use crate::{read, render};

/// How a field is shown.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The name of the thing: the first cell of the row.
    Name,
    Text,
    Word,
    Time,
    Length,
    /// A word for each.
    List,
    Flag,
    Actor,
    Incident,
    /// Objects, by these members.
    Rows(&'static [&'static str]),
    /// Names and values.
    Pairs,
}

/// A table of things.
pub(super) struct Listing {
    pub(super) path: &'static str,
    pub(super) section: &'static str,
    pub(super) columns: &'static [(&'static str, Form)],
    /// The command that makes one.
    pub(super) makes: Option<&'static str>,
    /// What can be done with one, and the argument that is its name.
    pub(super) verbs: &'static [(&'static str, &'static str)],
    pub(super) rows: fn(&Site, &State, &Sight) -> Vec<Json>,
}

use Form::{Actor, Flag, Incident, Length, List, Name, Pairs, Rows, Text, Time, Word};

pub(super) const LISTINGS: &[Listing] = &[
    Listing {
        path: "/services",
        section: "services",
        columns: &[
            ("service", Name),
            ("tier", Text),
            ("owner", Text),
            ("about", Text),
            ("dependencies", Rows(&["kind", "name", "when_fails"])),
        ],
        makes: Some("service.register"),
        verbs: &[("service.remove", "service")],
        rows: |_, state, sight| {
            let all = state.incidents.directory.services.iter();
            let seen = all.filter(|(name, _)| sight.sees_service(state, name));
            seen.map(|(name, it)| render::service(name, it)).collect()
        },
    },
    Listing {
        path: "/teams",
        section: "services",
        columns: &[("team", Name), ("about", Text)],
        makes: Some("team.register"),
        verbs: &[("team.remove", "team")],
        rows: |_, state, _| {
            let all = state.incidents.directory.teams.iter();
            all.map(|(name, it)| render::team(name, it)).collect()
        },
    },
    Listing {
        path: "/people",
        section: "people",
        columns: &[
            ("person", Name),
            ("full_name", Text),
            ("places", Rows(&["kind", "address"])),
            ("permissions", Rows(&["permission", "team"])),
        ],
        makes: Some("person.register"),
        verbs: &[
            ("permission.withdraw", "person"),
            ("person.remove", "person"),
        ],
        // Their names are sealed: see `people`.
        rows: |_, _, _| Vec::new(),
    },
    Listing {
        path: "/requests",
        section: "requests",
        columns: &[
            ("request", Name),
            ("command", Text),
            ("by", Actor),
            ("approvals", Text),
            ("approved", List),
            ("due_at", Time),
            ("expires_at", Time),
        ],
        makes: None,
        verbs: &[
            ("request.approve", "request"),
            ("request.reject", "request"),
            ("request.withdraw", "request"),
        ],
        rows: |_, state, sight| {
            let all = state.incidents.requests.waiting.iter();
            let seen = all.filter(|(name, _)| sight.sees_request(state, name));
            seen.map(|(name, it)| render::request(name, it, None))
                .collect()
        },
    },
    Listing {
        path: "/alerts",
        section: "alerts",
        columns: &[
            ("title", Name),
            ("state", Word),
            ("source", Text),
            ("starts_at", Time),
            ("ended_at", Time),
            ("incident", Incident),
            ("labels", Pairs),
        ],
        makes: None,
        verbs: &[("incident.attach", "alert")],
        rows: |_, state, sight| {
            let mut all: Vec<_> = state
                .incidents
                .alerts
                .values()
                .filter(|alert| sight.sees_alert(state, alert.id))
                .collect();
            all.sort_by_key(|it| std::cmp::Reverse((it.is_firing(), it.fired_at, it.id)));
            all.into_iter()
                .take(ROWS_MAX + 1)
                .map(render::alert)
                .collect()
        },
    },
    Listing {
        path: "/silences",
        section: "alerts",
        columns: &[
            ("silence", Name),
            ("matchers", Pairs),
            ("ends_at", Time),
            ("active", Flag),
        ],
        makes: Some("alert.silence"),
        verbs: &[("silence.end", "silence")],
        rows: |site, state, _| {
            let all = state.incidents.silences.iter();
            let now = site.engine().now();
            all.map(|(name, it)| render::silence(name, it, now))
                .collect()
        },
    },
    Listing {
        path: "/maintenances",
        section: "alerts",
        columns: &[
            ("maintenance", Name),
            ("title", Text),
            ("service", Text),
            ("starts_at", Time),
            ("ends_at", Time),
            ("active", Flag),
        ],
        makes: Some("maintenance.schedule"),
        verbs: &[("maintenance.end", "maintenance")],
        rows: |site, state, _| {
            let all = state.incidents.maintenances.iter();
            let now = site.engine().now();
            all.map(|(name, it)| render::maintenance(name, it, now))
                .collect()
        },
    },
    Listing {
        path: "/heartbeats",
        section: "alerts",
        columns: &[
            ("heartbeat", Name),
            ("interval_ms", Length),
            ("grace_ms", Length),
            ("service", Text),
            ("severity", Text),
            ("last_at", Time),
        ],
        makes: Some("heartbeat.expect"),
        verbs: &[("heartbeat.forget", "heartbeat")],
        rows: |site, state, _| {
            let all = state.incidents.heartbeats.iter();
            let view = site.engine().view();
            all.map(|(name, it)| render::heartbeat(name, it, view.last_beat(name)))
                .collect()
        },
    },
    Listing {
        path: "/bans",
        section: "containment",
        columns: &[
            ("prefix", Name),
            ("ends_at", Time),
            ("why", Text),
            ("by", Actor),
            ("at", Time),
            ("incident", Incident),
        ],
        makes: Some("client.ban"),
        verbs: &[("client.ban", "prefix"), ("client.unban", "prefix")],
        rows: |site, state, sight| {
            let containment = &state.incidents.containment;
            let all = containment.bans(site.engine().now());
            all.map(|(prefix, it)| read::ban(prefix, it, state, sight))
                .take(ROWS_MAX + 1)
                .collect()
        },
    },
    Listing {
        path: "/revocations",
        section: "containment",
        columns: &[
            ("certificate", Name),
            ("why", Text),
            ("by", Actor),
            ("at", Time),
            ("incident", Incident),
        ],
        makes: Some("certificate.revoke"),
        verbs: &[],
        rows: |_, state, sight| {
            let all = state.incidents.containment.revocations();
            all.map(|(name, said)| read::revocation(name, said, state, sight))
                .take(ROWS_MAX + 1)
                .collect()
        },
    },
    Listing {
        path: "/failovers",
        section: "containment",
        columns: &[
            ("route", Name),
            ("cell", Text),
            ("tier", Text),
            ("ends_at", Time),
            ("why", Text),
            ("by", Actor),
            ("at", Time),
            ("incident", Incident),
        ],
        makes: Some("failover.override"),
        verbs: &[("failover.override", "route")],
        rows: |site, state, sight| {
            let containment = &state.incidents.containment;
            let all = containment.overrides(site.engine().now());
            all.map(|(_, it)| read::failover(it, state, sight))
                .collect()
        },
    },
    Listing {
        path: "/switches",
        section: "containment",
        columns: &[
            ("switch", Name),
            ("ends_at", Time),
            ("why", Text),
            ("by", Actor),
            ("at", Time),
            ("incident", Incident),
        ],
        makes: Some("switch.turn_off"),
        verbs: &[("switch.turn_off", "switch"), ("switch.turn_on", "switch")],
        rows: |site, state, sight| {
            let all = state.incidents.switches.off(site.engine().now());
            all.map(|(name, it)| read::switch(name, it, state, sight))
                .collect()
        },
    },
    Listing {
        path: "/postures",
        section: "containment",
        columns: &[
            ("service", Name),
            ("posture", Text),
            ("ends_at", Time),
            ("why", Text),
            ("by", Actor),
            ("at", Time),
            ("incident", Incident),
        ],
        makes: Some("posture.set"),
        verbs: &[("posture.set", "service")],
        rows: |site, state, sight| {
            let all = state.incidents.switches.postures(site.engine().now());
            all.map(|(service, it)| read::posture(service, it, state, sight))
                .collect()
        },
    },
    Listing {
        path: "/runbooks",
        section: "prepared",
        columns: &[("runbook", Name), ("title", Text), ("steps", List)],
        makes: Some("runbook.save"),
        verbs: &[("runbook.remove", "runbook")],
        rows: |_, state, _| {
            let all = state.incidents.runbooks.runbooks.iter();
            all.map(|(name, it)| render::runbook(name, it)).collect()
        },
    },
    Listing {
        path: "/templates",
        section: "prepared",
        columns: &[
            ("template", Name),
            ("title", Text),
            ("severity", Text),
            ("service", Text),
            ("private", Flag),
            ("runbooks", List),
        ],
        makes: Some("template.save"),
        verbs: &[("template.remove", "template")],
        rows: |_, state, _| {
            let all = state.incidents.runbooks.templates.iter();
            all.map(|(name, it)| render::template(name, it)).collect()
        },
    },
    Listing {
        path: "/followups",
        section: "followups",
        columns: &[
            ("incident", Incident),
            ("text", Name),
            ("owner", Text),
            ("due_at", Time),
            ("reminders", Text),
        ],
        makes: None,
        verbs: &[
            ("followup.close", "incident+followup"),
            ("followup.change", "incident+followup"),
        ],
        rows: |_, state, sight| {
            let all = state.incidents.followups.iter();
            let seen = all.filter(|(id, _)| sight.sees(state, **id));
            let mut rows: Vec<_> = seen
                .flat_map(|(id, all)| all.iter().map(move |(number, it)| (id, number, it)))
                .collect();
            rows.sort_by_key(|(.., followup)| followup.due_at);
            rows.into_iter()
                .map(|(id, number, it)| {
                    serde_json::json!({
                        "incident": id, "followup": number, "owner": it.owner,
                        "due_at": it.due_at, "reminders": it.reminders, "act": it.act,
                    })
                })
                .collect()
        },
    },
    Listing {
        path: "/components",
        section: "public",
        columns: &[
            ("component", Name),
            ("titles", Pairs),
            ("status", Word),
            ("group", Text),
            ("services", List),
        ],
        makes: Some("component.register"),
        verbs: &[("component.remove", "component")],
        rows: |site, state, _| {
            let all = state.page.components.iter();
            let now = site.engine().now();
            all.map(|(name, it)| read::component(&state.page, name, it, now))
                .collect()
        },
    },
    Listing {
        path: "/targets",
        section: "public",
        columns: &[
            ("target", Name),
            ("kind", Text),
            ("behind", Flag),
            ("sequence", Text),
            ("seen_at", Time),
            ("trouble", Text),
        ],
        makes: None,
        verbs: &[],
        rows: |site, _, _| {
            let all = site.backstage().page_targets();
            all.iter().map(read::target).collect()
        },
    },
    Listing {
        path: "/notices",
        section: "public",
        columns: &[
            ("notice", Name),
            ("incident", Incident),
            ("at", Time),
            ("by", Actor),
            ("done", Text),
            ("failed", Text),
            ("unknown", Text),
            ("open", Text),
        ],
        makes: None,
        verbs: &[],
        rows: |site, state, sight| {
            let all = state.incidents.notices.known.iter().rev();
            let seen = all.filter(|(_, it)| sight.sees(state, it.incident));
            let shown = seen.map(|(number, it)| read::notice_shown(site, *number, it));
            shown.take(ROWS_MAX + 1).collect()
        },
    },
    Listing {
        path: "/tokens",
        section: "settings",
        columns: &[
            ("token", Name),
            ("actor", Actor),
            ("scopes", List),
            ("expires_at", Time),
            ("expired", Flag),
        ],
        makes: Some("token.issue"),
        verbs: &[("token.revoke", "token")],
        rows: |site, state, _| {
            let all = state.access.tokens.iter();
            let now = site.engine().now();
            all.map(|(id, it)| render::token(id, it, now)).collect()
        },
    },
    Listing {
        path: "/keys",
        section: "settings",
        columns: &[("key", Name), ("person", Text), ("vkey", Text)],
        makes: Some("key.enroll"),
        verbs: &[("key.revoke", "key")],
        rows: |_, state, _| {
            let all = state.access.keys.iter();
            all.map(|(name, it)| render::key(name, it)).collect()
        },
    },
    Listing {
        path: "/sessions",
        section: "settings",
        columns: &[
            ("session", Name),
            ("person", Text),
            ("begun_at", Time),
            ("used_at", Time),
            ("expires_at", Time),
            ("issuer", Text),
        ],
        makes: Some("login.offer"),
        verbs: &[("session.end", "session")],
        rows: |site, state, _| {
            let now = site.engine().now();
            let all = state.access.sessions.iter();
            all.map(|(id, it)| render::session(id, it, site.presence.used_at(id), now))
                .collect()
        },
    },
];
