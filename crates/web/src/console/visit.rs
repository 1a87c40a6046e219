//! Somebody's request to the console: who they are, what they sent, and whether it came from a page
//! of ours.
//!
//! A form counts only if the browser says that it was sent from this very site (`Sec-Fetch-Site`,
//! else `Origin`) and it shows what only a page of this session can know. Asked for by a name that
//! is not the console's, it answers nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::{constant_time, hmac};
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use base::{PersonName, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use engine::Session;
use hyper::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use hyper::{Request, Response};
use language::{Language, Value, Words};
use record::hash::{self, Hash};
use tokio::sync::OwnedSemaphorePermit;

use super::cookie;
use super::frame::{self, Banner};
use super::{Page, Takes};
use crate::auth::Caller;
use crate::blobs::BLOB_BYTES_MAX;
use crate::connection::{Connection, Peer};
use crate::dispatch::receive_bytes;
use crate::problem::Problem;
use crate::query;
use crate::rates::Class;
use crate::reply::Answer;
use crate::sight::Sight;
use crate::site::Site;

/// A form without a file has at most so many bytes: the longest command, percent-encoded.
const FORM_BYTES_MAX: usize = 160 << 10;

/// One request.
pub(crate) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) caller: Caller,
    /// `None`: nobody is signed in.
    pub(super) signed_in: Option<SignedIn>,
    pub(super) language: Language,
    pub(super) theme: &'static str,
    pub(super) path: Vec<(String, String)>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) form: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The page itself, with its query: where to come back to.
    pub(super) here: String,
    /// Random, new for each request.
    pub(super) nonce: String,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Who is signed in.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) id: SessionId,
    pub(super) person: PersonName,
    /// What every form of theirs shows.
    csrf: String,
}

/// Answers a request to a page.
///
/// # Errors
/// What went so wrong that there is no page about it.
pub(super) async fn answer(
    site: Arc<Site>,
    page: &Page,
    parts: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Answer {
    let (head, body) = request.into_parts();
    let connection = head.extensions.get::<Arc<Connection>>();
    let peer = connection.map(|connection| connection.peer.clone());
    let peer = peer.ok_or_else(|| Problem::internal("answering failed", &"no connection"))?;
    if !is_our_host(&site, &head.headers) {
        return Err(Problem::misdirected());
    }
    let parts = parts.map_err(|_| Problem::not_found("the path is not percent-encoded UTF-8"))?;
    let path = parts
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // A page that follows by itself is not used by that.
    let by_itself = page.path == "/live" || head.headers.contains_key("hereby-live");
    let signed_in = signed_in(&site, &head.headers, !by_itself);
    let caller = match &signed_in {
        Some(who) => Caller::by_session(who.id.clone(), who.person.clone()),
        None => Caller::nobody(&peer),
    };
    let class = match page.takes {
        Takes::Nothing => Class::Read,
        Takes::Form | Takes::File => Class::Command,
    };
    let rate = site.rates.take(&caller.who, class, Instant::now());
    rate.map_err(|wait| Problem::overloaded("too many requests", wait.as_secs() + 1))?;
    let here = head.uri.path_and_query().map_or("/", |it| it.as_str());
    let query = query::parse(head.uri.query().unwrap_or_default()).map_err(Problem::bad_request)?;
    let mut visit = Visit {
        language: language(&head.headers),
        theme: theme(&head.headers),
        here: here.to_owned(),
        nonce: nonce()?,
        site,
        caller,
        signed_in,
        path,
        query,
        form: BTreeMap::new(),
        headers: head.headers,
        body: Bytes::new(),
        _memory: None,
    };
    if visit.signed_in.is_none() && !page.open {
        return match page.takes {
            Takes::Nothing => super::sign_in::first(&visit.here),
            _ => Ok(frame::problem(&visit, signed_out())),
        };
    }
    if let Err(problem) = visit.receive(page, body, &peer).await {
        return Ok(frame::problem(&visit, problem));
    }
    let shown = Visit::for_problem(&visit);
    let outcome = (page.handler)(visit).await;
    Ok(outcome.unwrap_or_else(|problem| -> Response<Body> { frame::problem(&shown, problem) }))
}

fn signed_out() -> Problem {
    Problem::unauthorized(
        "your session has ended: nothing was done. Sign in, and send it again",
        false,
    )
}

impl Visit {
    /// The same visit without what was sent: enough to show what went wrong.
    fn for_problem(visit: &Visit) -> Visit {
        Visit {
            site: visit.site.clone(),
            caller: visit.caller.clone(),
            signed_in: visit.signed_in.clone(),
            language: visit.language,
            theme: visit.theme,
            path: Vec::new(),
            query: BTreeMap::new(),
            form: BTreeMap::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            here: "/".to_owned(),
            nonce: visit.nonce.clone(),
            _memory: None,
        }
    }

    /// Receives what a form sends, if it is one of ours.
    async fn receive(&mut self, page: &Page, body: Body, peer: &Peer) -> Result<(), Problem> {
        let bytes_max = match page.takes {
            Takes::Nothing => return Ok(()),
            Takes::Form => FORM_BYTES_MAX,
            Takes::File => BLOB_BYTES_MAX,
        };
        if !is_same_site(&self.headers, peer) {
            return Err(Problem::forbidden(
                "this was sent from another site: nothing was done",
            ));
        }
        let (body, memory) = receive_bytes(&self.site, bytes_max, body).await?;
        self._memory = memory;
        self.body = body;
        if page.takes == Takes::File {
            return Ok(());
        }
        let kind = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|it| it.to_str().ok());
        let kind = kind.and_then(|it| it.split(';').next()).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::unsupported_media_type());
        }
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| Problem::bad_request("the form is not UTF-8"))?;
        self.form = query::parse(text).map_err(Problem::bad_request)?;
        self.check_form(self.form.get("csrf").map(String::as_str))
    }

    /// That a form shows what only a page of this session can know. Who is not signed in has nothing
    /// to lose.
    ///
    /// # Errors
    /// 403.
    pub(super) fn check_form(&self, shown: Option<&str>) -> Result<(), Problem> {
        let Some(who) = &self.signed_in else {
            return Ok(());
        };
        let shown = shown.unwrap_or_default().as_bytes();
        match constant_time::verify_slices_are_equal(shown, who.csrf.as_bytes()) {
            Ok(()) => Ok(()),
            Err(_) => Err(Problem::forbidden(
                "this form is of an earlier session: nothing was done. Open the page again",
            )),
        }
    }

    pub(super) fn csrf(&self) -> String {
        let csrf = self.signed_in.as_ref().map(|who| who.csrf.clone());
        csrf.unwrap_or_default()
    }

    pub(super) fn person(&self) -> Option<&PersonName> {
        self.signed_in.as_ref().map(|who| &who.person)
    }

    pub(super) fn words(&self) -> &'static Words {
        super::words::words(self.language)
    }

    pub(super) fn sight(&self) -> Sight {
        self.caller.sight()
    }

    /// The part of the path with this name.
    ///
    /// # Errors
    /// 404 when it is not of its form.
    pub(super) fn path_as<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, Problem> {
        let found = self.path.iter().find(|(known, _)| known == name);
        let text = found.map_or("", |(_, value)| value.as_str());
        text.parse()
            .map_err(|error| Problem::not_found(format!("{error}")))
    }

    /// The query parameter with this name, if it is of its form.
    ///
    /// # Errors
    /// 400 when it is not.
    pub(super) fn query_as<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let value = self.query.get(name).filter(|value| !value.is_empty());
        let value = value.map(|value| value.parse());
        value
            .transpose()
            .map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
    }

    /// What was done just before this page was asked for.
    pub(super) fn done_banner(&self, t: &Words) -> Option<Banner> {
        let act: base::ActId = self.query.get("done")?.parse().ok()?;
        let index = self.site.engine().entries().find_act(&act).ok()??;
        Some(Banner {
            tone: "good",
            text: t.say_with("done", &[("index", Value::from(index))]),
            verbatim: String::new(),
            act: Some(act.to_string()),
        })
    }
}

/// Whether the console is asked for by a name of its own.
fn is_our_host(site: &Site, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        // HTTP/2 says it elsewhere, and a browser there has checked a certificate for it.
        return true;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let console = &site.options.console;
    let own = console.url.split("://").nth(1).unwrap_or_default();
    let own = own.rsplit_once(':').map_or(own, |(name, _)| name);
    let mut names = ["localhost", "127.0.0.1", "::1", own].into_iter();
    names.any(|known| known.eq_ignore_ascii_case(name))
        || console.hosts.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Whether the browser says that a form was sent from this site.
fn is_same_site(headers: &HeaderMap, peer: &Peer) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &hyper::header::HeaderValue| value.to_str().ok())
    };
    if let Some(from) = text("sec-fetch-site") {
        return from == "same-origin";
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return false;
    };
    let scheme = match peer {
        Peer::Tls(_) => "https://",
        Peer::Plain(_) | Peer::Local { .. } => "http://",
    };
    text(HOST.as_str()).is_some_and(|host| origin.strip_prefix(scheme) == Some(host))
}

/// Who has this cookie, if the session holds.
fn signed_in(site: &Site, headers: &HeaderMap, used: bool) -> Option<SignedIn> {
    let text = cookie::read(headers, cookie::SESSION)?;
    let secret = secret(super::sign_in::SESSION_PREFIX, text)?;
    let hash = hash::sha256(&[&secret]);
    let id: SessionId = named("ses", &hash)?;
    let now = site.engine().now();
    let session: Session = site
        .engine()
        .view()
        .read(|state| state.access.valid_session(&id, now).cloned())
        .ok()?;
    constant_time::verify_slices_are_equal(&session.hash.0, &hash.0).ok()?;
    if site.presence.is_idle(&id, &session, now) {
        return None;
    }
    if used {
        site.presence.used(&id, now);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let csrf = URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"hereby/form/1").as_ref());
    Some(SignedIn {
        id,
        person: session.person,
        csrf,
    })
}

/// The 32 random bytes of a secret that begins so.
pub(super) fn secret(prefix: &str, text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix(prefix).filter(|text| text.len() == 43)?;
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The id of a secret with this hash.
pub(super) fn named<T: std::str::FromStr>(word: &str, hash: &Hash) -> Option<T> {
    let digits = hash.0.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("{word}-{}", digits.collect::<String>())
        .parse()
        .ok()
}

fn language(headers: &HeaderMap) -> Language {
    let chosen = cookie::read(headers, cookie::LANGUAGE).and_then(|it| it.parse().ok());
    chosen.unwrap_or_else(|| {
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
        Language::from_accept_language(accepted.unwrap_or_default())
    })
}

fn theme(headers: &HeaderMap) -> &'static str {
    match cookie::read(headers, cookie::THEME) {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "system",
    }
}

/// Sixteen random bytes in words that stand in a command's id.
fn nonce() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Problem::internal("the system gives no random bytes", &"rand"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
