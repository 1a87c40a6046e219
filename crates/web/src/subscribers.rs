//! What subscribers to the public word see and send, and what is read of them.
//!
//! Anyone may ask to be told; nothing is kept before the owner of the address confirms it, and what
//! is answered never says whether an address is known. Passing links on is safe for reading: only a
//! POST changes anything, so that programs that look at links in mails neither confirm nor leave.

mod pages;
mod port;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::Name;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use incident::{Reason, Refusal};
use language::Language;
use record::kinds::subscriber::Channel;
use serde::Deserialize;
use serde_json::{Value, json};

pub use port::{Asker, Declined, Draft, Purpose, Subscriptions, Wish};

use crate::call::Call;
use crate::problem::Problem;
use crate::query;
use crate::rates::{Class, Who};
use crate::read::part;
use crate::reply::{Answer, HTML, JSON, Keep, with_type};
use crate::route::{Access, Form, Gives, Handler, Route, Takes};
use pages::Page;

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 8 << 10;

/// What a form calls the choice of one component, before its name.
const COMPONENT_PREFIX: &str = "of-";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/subscriptions", "Shows how to be told", |call| {
            Box::pin(form(call))
        }),
        Route {
            gives: Gives {
                status: 202,
                media: Some(JSON),
                also: &[HTML],
                schema: json!({
                    "type": "object",
                    "required": ["outcome"],
                    "properties": {"outcome": {"const": "asked"}},
                }),
                says: "The address is asked to confirm, if it can be told",
            },
            ..post("/subscriptions", "Asks to be told", |call| {
                Box::pin(ask(call))
            })
        },
        with_pass(get(
            "/subscriptions/confirm/{pass}",
            "Shows what is confirmed; confirms nothing",
            |call| Box::pin(look(call, Purpose::Confirm)),
        )),
        with_pass(post(
            "/subscriptions/confirm/{pass}",
            "Confirms an address: it is told from now on",
            |call| Box::pin(confirm(call)),
        )),
        with_pass(get(
            "/subscriptions/manage/{pass}",
            "Shows what somebody is told",
            |call| Box::pin(manage(call)),
        )),
        with_pass(post(
            "/subscriptions/manage/{pass}",
            "Changes what somebody is told",
            |call| Box::pin(change(call)),
        )),
        with_pass(get(
            "/subscriptions/unsubscribe/{pass}",
            "Shows how to leave; nobody leaves by looking",
            |call| Box::pin(look(call, Purpose::Manage)),
        )),
        with_pass(post(
            "/subscriptions/unsubscribe/{pass}",
            "Leaves, with one click (RFC 8058)",
            |call| Box::pin(leave(call)),
        )),
    ]
}

fn get(path: &str, summary: &str, handler: Handler) -> Route {
    Route {
        method: Method::GET,
        path: path.to_owned(),
        access: Access::Open,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives: Gives::other(HTML, "A page"),
        fails: &[404, 410],
        handler,
    }
}

fn post(path: &str, summary: &str, handler: Handler) -> Route {
    Route {
        method: Method::POST,
        takes: Takes::Anything {
            bytes_max: FORM_BYTES_MAX,
            media: "application/x-www-form-urlencoded",
            schema: json!({"type": "object"}),
            required: false,
        },
        fails: &[404, 410, 422],
        ..get(path, summary, handler)
    }
}

/// The same for whoever has a pass.
fn with_pass(route: Route) -> Route {
    let form = Form::Pattern("^[A-Za-z0-9_-]{1,4096}$");
    Route {
        parts: vec![part("pass", form, "The pass in the link")],
        ..route
    }
}

/// A subscription as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    address: String,
    channel: Channel,
    #[serde(default)]
    components: BTreeSet<Name>,
    #[serde(default)]
    language: Option<String>,
}

/// Whoever has asked for it, how they want their answers.
struct Visit<'a> {
    site: &'a dyn Subscriptions,
    language: Language,
    /// They read pages; without, they read JSON.
    reads_pages: bool,
}

impl<'a> Visit<'a> {
    fn of(call: &'a Call) -> Result<Visit<'a>, Problem> {
        let site = call.site.options.subscriptions.as_deref();
        let site = site.ok_or_else(|| Problem::not_found("there are no subscriptions here"))?;
        let header = |name| call.headers.get(name)?.to_str().ok();
        let wanted = header(ACCEPT_LANGUAGE).unwrap_or_default();
        let accepts = header(ACCEPT).unwrap_or_default();
        Ok(Visit {
            site,
            language: Language::from_accept_language(wanted),
            reads_pages: accepts.contains("text/html"),
        })
    }

    fn page(&self) -> Page<'a> {
        self.page_in(self.language)
    }

    fn page_in(&self, language: Language) -> Page<'a> {
        Page {
            site: self.site,
            language,
        }
    }

    /// The page in the language that somebody chose before.
    fn page_for(&self, wish: &Wish) -> Page<'a> {
        self.page_in(wish.language)
    }

    /// Why not: a page for people, a problem for programs.
    fn declined(&self, declined: Declined) -> Answer {
        let problem = problem(&declined);
        if !self.reads_pages {
            return Err(problem);
        }
        let mut answer = problem.into_response();
        let page = self.page().declined(answer.status(), &declined);
        let (head, body) = page.into_parts();
        answer.headers_mut().extend(head.headers);
        *answer.body_mut() = body;
        Ok(answer)
    }
}

fn problem(declined: &Declined) -> Problem {
    let refused = |reason, detail: &str| Problem::from(Refusal::new(reason, detail));
    match declined {
        Declined::Malformed("address") => refused(
            Reason::OutOfRange,
            "an address is sam@example.org, or an https URL, of at most 200 bytes",
        ),
        Declined::Malformed("components") => refused(
            Reason::OutOfRange,
            "these are no components that one can choose here",
        ),
        Declined::Malformed("language") => refused(
            Reason::OutOfRange,
            "this language is not offered; there are: en, de",
        ),
        Declined::Malformed(_) => Problem::bad_request(
            "send address, channel (mail or webhook) and, if you like, components and language",
        ),
        Declined::NotOurs => Problem::not_found("this link is not whole, or not one of ours"),
        Declined::Over => Problem::gone("this link was good once; subscribe again"),
        Declined::Off => Problem::not_found("there are no subscriptions of this kind here"),
        Declined::TooMany(wait_s) => Problem::overloaded("too many ask to be told", *wait_s),
        Declined::NotNow(refusal) => Problem::from(refusal.clone()),
    }
}

async fn form(call: Call) -> Answer {
    Ok(Visit::of(&call)?.page().form())
}

async fn ask(call: Call) -> Answer {
    let visit = Visit::of(&call)?;
    let wish = match wish(&call, &visit) {
        Ok(wish) => wish,
        Err(declined) => return visit.declined(declined),
    };
    let (channel, language) = (wish.channel, wish.language);
    match visit.site.ask(&asker(&call), wish) {
        Ok(()) if visit.reads_pages => Ok(visit.page_in(language).asked(channel)),
        Ok(()) => {
            let body = json!({"outcome": "asked"}).to_string();
            let mut answer = with_type(body, JSON, Keep::Never);
            *answer.status_mut() = StatusCode::ACCEPTED;
            Ok(answer)
        }
        Err(declined) => visit.declined(declined),
    }
}

/// Who asks, as far as a connection and the last proxy's word say.
fn asker(call: &Call) -> Asker {
    let forwarded = call.headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next());
    Asker {
        peer: match call.caller.who {
            Who::Address(address) => Some(address),
            _ => None,
        },
        forwarded: last.and_then(|text| text.trim().parse::<IpAddr>().ok()),
    }
}

fn wish(call: &Call, visit: &Visit<'_>) -> Result<Wish, Declined> {
    let media = call.headers.get(CONTENT_TYPE);
    let media = media
        .and_then(|media| media.to_str().ok())
        .unwrap_or_default();
    let wanted = if media.trim_start().starts_with(JSON) {
        serde_json::from_slice(&call.body).map_err(|_| Declined::Malformed("form"))?
    } else {
        let fields = fields(&call.body)?;
        let field = |name: &str| fields.get(name).cloned();
        let channel = json!(field("channel").ok_or(Declined::Malformed("form"))?);
        Wanted {
            address: field("address").ok_or(Declined::Malformed("address"))?,
            channel: serde_json::from_value(channel).map_err(|_| Declined::Malformed("form"))?,
            components: components(&fields)?,
            language: field("language"),
        }
    };
    Ok(Wish {
        address: wanted.address.trim().to_owned(),
        channel: wanted.channel,
        components: wanted.components,
        language: language(wanted.language.as_deref(), visit.language)?,
    })
}

fn language(named: Option<&str>, otherwise: Language) -> Result<Language, Declined> {
    let parsed = named.map(|tag| tag.parse().map_err(|_| Declined::Malformed("language")));
    parsed.unwrap_or(Ok(otherwise))
}

fn fields(body: &[u8]) -> Result<BTreeMap<String, String>, Declined> {
    let text = std::str::from_utf8(body).map_err(|_| Declined::Malformed("form"))?;
    query::parse(text).map_err(|_| Declined::Malformed("form"))
}

fn components(fields: &BTreeMap<String, String>) -> Result<BTreeSet<Name>, Declined> {
    let chosen = fields
        .keys()
        .filter_map(|field| field.strip_prefix(COMPONENT_PREFIX));
    let parsed = chosen.map(|name| name.parse().map_err(|_| Declined::Malformed("components")));
    parsed.collect()
}

/// What a pass is for. Looking at it changes nothing.
async fn look(call: Call, purpose: Purpose) -> Answer {
    let visit = Visit::of(&call)?;
    match visit.site.opened(purpose, call.path("pass")) {
        Ok(wish) if purpose == Purpose::Confirm => Ok(visit.page_for(&wish).confirm(&wish)),
        Ok(wish) => Ok(visit.page_for(&wish).leave(&wish)),
        Err(declined) => visit.declined(declined),
    }
}

async fn confirm(call: Call) -> Answer {
    let visit = Visit::of(&call)?;
    let pass = call.path("pass");
    let wish = match visit.site.opened(Purpose::Confirm, pass) {
        Ok(wish) => wish,
        Err(declined) => return visit.declined(declined),
    };
    match visit.site.confirm(pass).await {
        Ok(manage) => Ok(visit.page_for(&wish).confirmed(&wish, &manage)),
        Err(declined) => visit.declined(declined),
    }
}

async fn manage(call: Call) -> Answer {
    let visit = Visit::of(&call)?;
    let pass = call.path("pass");
    match visit.site.opened(Purpose::Manage, pass) {
        Ok(wish) => Ok(visit.page_for(&wish).manage(&wish, pass, false)),
        Err(declined) => visit.declined(declined),
    }
}

async fn change(call: Call) -> Answer {
    let visit = Visit::of(&call)?;
    let pass = call.path("pass");
    let changed = async {
        let before = visit.site.opened(Purpose::Manage, pass)?;
        let fields = fields(&call.body)?;
        let named = fields.get("language").map(String::as_str);
        let wish = Wish {
            components: components(&fields)?,
            language: language(named, before.language)?,
            ..before
        };
        let (components, language) = (wish.components.clone(), wish.language);
        visit.site.change(pass, components, language).await?;
        Ok(wish)
    };
    match changed.await {
        Ok(wish) => Ok(visit.page_for(&wish).manage(&wish, pass, true)),
        Err(declined) => visit.declined(declined),
    }
}

async fn leave(call: Call) -> Answer {
    let visit = Visit::of(&call)?;
    match visit.site.leave(call.path("pass")).await {
        Ok(()) => Ok(visit.page().left()),
        Err(declined) => visit.declined(declined),
    }
}

/// One subscriber as the API shows them, without their address.
pub(crate) fn shown(number: u32, subscriber: &incident::Subscriber) -> Value {
    json!({
        "subscriber": incident::subscriber_name(number),
        "channel": subscriber.channel,
        "components": subscriber.components,
        "language": subscriber.language,
        "confirmed_act": subscriber.confirmed_act,
    })
}
