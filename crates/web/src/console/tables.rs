//! Everything that has a name, as tables: who and what there is, what is quiet, what is prepared, what
//! waits, who may come in. One table of tables; a cell is a field of what the API shows of a thing.

mod written;

use askama::Template;
use base::Timestamp;
use engine::State;
use language::Words;
use serde_json::Value as Json;

use super::frame::{self, Frame};
use super::send::key_of;
use super::visit::Visit;
use super::words::{Moment, duration, moment, word, words};
use super::{Page, page};
use crate::problem::Problem;
use crate::reply::Answer;
use crate::sight::Sight;
use crate::site::Site;
use crate::{read, render};

/// Rows on a page; what is left out is said.
const ROWS_MAX: usize = 500;

/// How a field is shown.
#[derive(Clone, Copy)]
enum Form {
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
struct Listing {
    path: &'static str,
    section: &'static str,
    columns: &'static [(&'static str, Form)],
    /// The command that makes one.
    makes: Option<&'static str>,
    /// What can be done with one, and the argument that is its name.
    verbs: &'static [(&'static str, &'static str)],
    rows: fn(&Site, &State, &Sight) -> Vec<Json>,
}

use Form::{Actor, Flag, Incident, Length, List, Name, Pairs, Rows, Text, Time, Word};

const LISTINGS: &[Listing] = &[
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

pub(super) fn pages() -> Vec<Page> {
    let lists = LISTINGS
        .iter()
        .map(|listing| page(listing.path, |visit| Box::pin(list(visit))));
    lists.collect()
}

/// One cell.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) time: Option<Moment>,
    pub(super) link: String,
    pub(super) lines: Vec<String>,
    pub(super) strong: bool,
}

struct Row {
    /// What its actions are about, for those who hear them one by one.
    name: String,
    cells: Vec<Cell>,
    actions: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "table.html")]
struct Table {
    frame: Frame,
    heads: Vec<String>,
    rows: Vec<Row>,
    more: usize,
    empty: String,
    about: String,
    /// The form that makes one, and what it is called.
    makes: Option<(String, String)>,
    acts: bool,
    /// Tables of the same part of the console.
    siblings: Vec<(&'static str, String, bool)>,
}

async fn list(visit: Visit) -> Answer {
    let path = visit.here.split('?').next().unwrap_or_default().to_owned();
    let listing = LISTINGS.iter().find(|listing| listing.path == path);
    let listing = listing.ok_or_else(|| Problem::not_found("there is no such list"))?;
    let sight = visit.sight();
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let now = site.engine().now();
        let (mut found, size) = site
            .engine()
            .view()
            .read(|state| ((listing.rows)(site, state, &sight), state.log.acts));
        found = written::completed(site, listing.path, found, &sight)?;
        let more = found.len().saturating_sub(ROWS_MAX);
        found.truncate(ROWS_MAX);
        let key = listing.path.trim_start_matches('/');
        let rows = found.iter().map(|it| row(t, listing, it, now)).collect();
        let makes = listing.makes.map(|verb| {
            let path = format!("/do/{verb}?back={path}");
            (path, t.say(&key_of(verb)).into_owned())
        });
        let title = t.say(&format!("list-{key}")).into_owned();
        let siblings = LISTINGS.iter().filter(|it| it.section == listing.section);
        let siblings = siblings.map(|it| {
            let key = it.path.trim_start_matches('/');
            let label = t.say(&format!("list-{key}")).into_owned();
            (it.path, label, it.path == listing.path)
        });
        Ok(Table {
            heads: listing
                .columns
                .iter()
                .map(|(name, _)| {
                    t.say(&format!("column-{}", name.replace('_', "-")))
                        .into_owned()
                })
                .collect(),
            rows,
            more,
            empty: t.say(&format!("list-{key}-empty")).into_owned(),
            about: t.say(&format!("list-{key}-about")).into_owned(),
            makes,
            acts: !listing.verbs.is_empty(),
            siblings: siblings.collect(),
            frame: Frame::new(&visit, listing.section, title).following(None, size),
        })
    });
    frame::shown(&made.await?)
}

fn row(t: &Words, listing: &Listing, it: &Json, now: Timestamp) -> Row {
    let cells = listing
        .columns
        .iter()
        .map(|(name, form)| cell(t, *form, &it[*name], now));
    let of = |name: &str| match &it[name] {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let actions = listing.verbs.iter().filter_map(|(verb, arguments)| {
        let mut path = format!("/do/{verb}?back={}", listing.path);
        for argument in arguments.split('+') {
            let value = of(if argument == "alert" { "id" } else { argument })?;
            path.push_str(&format!(
                "&a.{argument}={}",
                super::sign_in::in_query(&value)
            ));
        }
        Some((path, t.say(&key_of(verb)).into_owned()))
    });
    let cells: Vec<Cell> = cells.collect();
    let name = cells
        .iter()
        .find(|cell| cell.strong || !cell.link.is_empty());
    Row {
        name: name.map(|cell| cell.text.clone()).unwrap_or_default(),
        cells,
        actions: actions.collect(),
    }
}

fn cell(t: &Words, form: Form, value: &Json, now: Timestamp) -> Cell {
    let mut cell = Cell {
        text: String::new(),
        time: None,
        link: String::new(),
        lines: Vec::new(),
        strong: matches!(form, Name),
    };
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Object(fields) if fields.contains_key("sealed") => t.say("sealed").into_owned(),
        other => other.to_string(),
    };
    match form {
        Name | Text => cell.text = text(value),
        Word => cell.text = word(t, &text(value)),
        Time => {
            let at = value.as_str().and_then(|text| text.parse().ok());
            cell.time = at.map(|at| moment(t, at, now));
        }
        Length => cell.text = duration(t, value.as_u64().unwrap_or(0)),
        Flag => {
            let key = if value == &Json::Bool(true) {
                "yes"
            } else {
                "no"
            };
            cell.text = t.say(key).into_owned();
        }
        List => {
            let items = value.as_array().into_iter().flatten();
            cell.lines = items.map(|it| word(t, &text(it))).collect();
        }
        Actor => {
            let actor = serde_json::from_value(value.clone()).ok();
            cell.text = actor.map(|it| super::told::who(t, &it)).unwrap_or_default();
        }
        Incident => {
            cell.text = text(value);
            if !cell.text.is_empty() {
                cell.link = format!("/incidents/{}", cell.text);
            }
        }
        Rows(members) => {
            let items = value.as_array().into_iter().flatten();
            let line = |it: &Json| {
                let words = members.iter().map(|member| word(t, &text(&it[*member])));
                words
                    .filter(|it| !it.is_empty())
                    .collect::<Vec<_>>()
                    .join(" · ")
            };
            cell.lines = items.map(line).collect();
        }
        Pairs => {
            let pairs = value.as_object().into_iter().flatten();
            cell.lines = pairs
                .map(|(name, value)| format!("{name}={}", text(value)))
                .collect();
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    //! Every table and every column has its words.

    use language::Language;

    use super::LISTINGS;

    #[test]
    fn every_table_and_every_column_has_its_words() {
        let t = crate::console::words::words(Language::English);
        for listing in LISTINGS {
            let key = listing.path.trim_start_matches('/');
            for ending in ["", "-about", "-empty"] {
                assert!(t.has(&format!("list-{key}{ending}")), "{key}{ending}");
            }
            for (name, _) in listing.columns {
                let key = format!("column-{}", name.replace('_', "-"));
                assert!(t.has(&key), "{key}");
            }
        }
    }
}
