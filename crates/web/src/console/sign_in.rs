//! Signing in and out: with a link that `hereby login` made, whose secret stands behind the `#` so
//! that it is never sent in a URL. Without JavaScript it is pasted.

use askama::Template;
use base::{CommandId, Line, LoginId, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::{Outcome, Request, Transport};
use hyper::StatusCode;
use hyper::header::SET_COOKIE;
use record::command::{BeginSession, Command, EndSession, Verb};
use record::hash;

use super::cookie;
use super::frame::{self, Frame};
use super::visit::{Visit, named, secret};
use super::{Page, Takes, form, open, page};
use crate::problem::Problem;
use crate::query;
use crate::reply::Answer;
use crate::site::Site;

/// What the secret of a link begins with.
const LOGIN_PREFIX: &str = "hbl_";

/// A longer address is not kept.
const WANTED_BYTES_MAX: usize = 512;

/// What the secret of a session begins with.
pub(super) const SESSION_PREFIX: &str = "hbs_";

pub(super) fn pages() -> Vec<Page> {
    vec![
        open(page("/sign-in", |visit| Box::pin(sign_in(visit)))),
        open(form("/sign-in", |visit| Box::pin(begin(visit)))),
        open(Page {
            takes: Takes::Form,
            ..form("/sign-out", |visit| Box::pin(end(visit)))
        }),
    ]
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    /// What the identity provider is called, and where the way to it begins.
    provider: Option<(String, String)>,
    wrong: Option<String>,
}

/// The page to sign in on, which leads back to this one.
pub(super) fn path_back_to(here: &str) -> String {
    match here {
        "/" => "/sign-in".to_owned(),
        here => format!("/sign-in?next={}", escaped(here)),
    }
}

/// Sends somebody who is signed out to sign in, and keeps what they asked for: a link that was made
/// on a command line does not know it.
pub(super) fn first(here: &str) -> Answer {
    let mut response = frame::see_other(&path_back_to(here))?;
    let short = here.len() <= WANTED_BYTES_MAX;
    if let Some(wanted) = short.then(|| cookie::wanted(&escaped(here))).flatten() {
        response.headers_mut().append(SET_COOKIE, wanted);
    }
    Ok(response)
}

/// Where somebody goes once they are signed in: what the page says, else what was asked for first.
fn wanted(visit: &Visit, said: Option<&String>) -> String {
    match own_path(said) {
        "/" => {
            let kept = cookie::read(&visit.headers, cookie::WANTED);
            let kept = kept.and_then(|kept| query::decode(kept, false));
            own_path(kept.as_ref()).to_owned()
        }
        said => said.to_owned(),
    }
}

/// A path as it stands in a query.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A page of this console, and nothing else, whatever was sent: `//elsewhere` is another host.
pub(super) fn own_path(path: Option<&String>) -> &str {
    let path = path.map_or("/", String::as_str);
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains('\\');
    match path.starts_with('/') && !path.starts_with("//") && plain && path.len() <= 2_048 {
        true => path,
        false => "/",
    }
}

async fn sign_in(visit: Visit) -> Answer {
    if visit.signed_in.is_some() {
        return frame::see_other(own_path(visit.query.get("next")));
    }
    let next = own_path(visit.query.get("next")).to_owned();
    shown(&visit, next, None)
}

/// The page to sign in on.
pub(super) fn shown(visit: &Visit, next: String, wrong: Option<&str>) -> Answer {
    let t = visit.words();
    let status = match wrong {
        None => StatusCode::OK,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let provider = visit.site.options.identity.as_deref().map(|provider| {
        let way = format!("/sign-in/provider?next={}", escaped(&next));
        let said = [("name", provider.name().into())];
        (t.say_with("sign-in-provider", &said), way)
    });
    let page = SignIn {
        frame: Frame::new(visit, "", t.say("sign-in")),
        provider,
        next,
        wrong: wrong.map(|key| t.say(key).into_owned()),
    };
    frame::shown_as(status, &page)
}

async fn begin(visit: Visit) -> Answer {
    let next = wanted(&visit, visit.form.get("next"));
    let text = visit
        .form
        .get("code")
        .map(|code| code.trim())
        .unwrap_or_default();
    // Whoever pastes the whole link means what stands behind its `#`.
    let text = text.rsplit_once('#').map_or(text, |(_, code)| code);
    let Some(secret) = secret(LOGIN_PREFIX, text) else {
        return shown(&visit, next, Some("sign-in-no-code"));
    };
    let hash = hash::sha256(&[&secret]);
    let site = &visit.site;
    let now = site.engine().now();
    let login: Option<LoginId> = named("log", &hash);
    let person = login.as_ref().and_then(|id| {
        site.engine().view().read(|state| {
            let login = state.access.valid_login(id, now)?;
            let same = aws_lc_rs::constant_time::verify_slices_are_equal(&login.hash.0, &hash.0);
            same.ok().map(|()| login.person.clone())
        })
    });
    let (Some(login), Some(person)) = (login, person) else {
        return shown(&visit, next, Some("sign-in-used"));
    };
    match begun(site, person, Who::Link(login)).await {
        Ok(cookie) => signed_in(&next, &cookie),
        Err(problem) if problem.status == StatusCode::FORBIDDEN => {
            shown(&visit, next, Some("sign-in-used"))
        }
        Err(problem) => Err(problem),
    }
}

/// Who says who somebody is.
pub(super) enum Who {
    /// A link that was made for them.
    Link(LoginId),
    /// An identity provider: its issuer.
    Provider(Line),
}

/// Begins a session, and answers what its cookie holds.
///
/// # Errors
/// When the engine refuses, or nobody can say whether it began.
pub(super) async fn begun(
    site: &Site,
    person: base::PersonName,
    who: Who,
) -> Result<String, Problem> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Problem::internal("the system gives no random bytes", &"rand"))?;
    let hash = hash::sha256(&[&bytes]);
    let session: SessionId =
        named("ses", &hash).ok_or_else(|| Problem::internal("a session has no name", &"digits"))?;
    let console = &site.options.console;
    let life_ms = i64::try_from(console.session_ms).unwrap_or(i64::MAX);
    let (login, issuer) = match who {
        Who::Link(login) => (Some(login), None),
        Who::Provider(issuer) => (None, Some(issuer)),
    };
    let verb = BeginSession {
        expires_at: site.engine().now().plus_ms(life_ms),
        hash,
        idle_ms: console.idle_ms,
        issuer,
        login,
        person,
        session: session.clone(),
    };
    let id = format!("sign-in/{session}");
    own_deed(site, &id, verb).await?;
    Ok(format!("{SESSION_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Does what hereby asks of itself.
async fn own_deed(site: &Site, id: &str, verb: impl Into<Verb>) -> Result<(), Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("signing in failed", error);
    let id: CommandId = id.parse().map_err(|error| broken(&error))?;
    let part = "sign-in".parse().map_err(|error| broken(&error))?;
    let request = Request {
        transport: Transport::Own(part),
        command: Command::new(id, verb),
        signature: None,
    };
    let submitted = site.engine().submit(request);
    match tokio::time::timeout(site.limits().command_time_max, submitted).await {
        Ok(Outcome::Done(_)) => Ok(()),
        Ok(Outcome::Refused(refusal)) => Err(refusal.into()),
        Ok(Outcome::Unknown) | Err(_) => Err(Problem::unknown(
            "nobody can say whether this happened; try it again",
        )),
    }
}

pub(super) fn signed_in(next: &str, secret: &str) -> Answer {
    let mut response = frame::see_other(next)?;
    if let Some(cookie) = cookie::session(secret) {
        response.headers_mut().append(SET_COOKIE, cookie);
        response
            .headers_mut()
            .append(SET_COOKIE, cookie::no_wanted());
    }
    Ok(response)
}

async fn end(visit: Visit) -> Answer {
    if let Some(who) = &visit.signed_in {
        let request = Request {
            transport: Transport::Session(who.id.clone()),
            command: Command::new(
                format!("sign-out/{}", who.id)
                    .parse()
                    .map_err(|error| Problem::internal("signing out failed", &error))?,
                EndSession {
                    session: who.id.clone(),
                },
            ),
            signature: None,
        };
        let submitted = visit.site.engine().submit(request);
        match tokio::time::timeout(visit.site.limits().command_time_max, submitted).await {
            Ok(Outcome::Done(_)) => visit.site.presence.forget(&who.id),
            Ok(Outcome::Refused(refusal)) => return Err(refusal.into()),
            Ok(Outcome::Unknown) | Err(_) => {
                let detail = "nobody can say whether the session ended; send it again";
                return Err(Problem::unknown(detail));
            }
        }
    }
    let mut response = frame::see_other("/sign-in")?;
    response
        .headers_mut()
        .insert(SET_COOKIE, cookie::no_session());
    Ok(response)
}

/// What a page's address becomes in a query.
pub(super) fn in_query(text: &str) -> String {
    debug_assert!(query::decode(&escaped(text), true).is_some());
    escaped(text)
}
