//! What is around every page, and the headers that keep a page what it is: no script but ours, no
//! style but ours, nothing that was written by people becomes either.

use askama::Template;
use axum::body::Body;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
};
use hyper::{Response, StatusCode};
use language::{Language, Words};

use super::assets;
use super::visit::Visit;
use super::words::words;
use crate::problem::Problem;
use crate::reply::{self, Answer, HTML, Keep};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types hereby";

/// The headers of every answer of the console, unless a page has its own.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// What every template knows.
pub(super) struct Frame {
    pub(super) t: &'static Words,
    pub(super) title: String,
    /// Who is signed in.
    pub(super) person: Option<String>,
    /// What every form shows.
    pub(super) csrf: String,
    /// Begins the ids of this page's commands.
    pub(super) nonce: String,
    /// The page itself, to come back to.
    pub(super) here: String,
    /// Which part of the console it is.
    pub(super) section: &'static str,
    /// What was just done, or why it was not.
    pub(super) banner: Option<Banner>,
    /// Where to hear what happens; none: the page stands still.
    pub(super) live: Option<String>,
    /// Whether the page is to be fetched again by itself without JavaScript.
    pub(super) watch: bool,
    /// `light`, `dark`, or as the system has it.
    pub(super) theme: &'static str,
    pub(super) css: &'static str,
    pub(super) js: &'static str,
    pub(super) languages: Vec<Choice>,
}

/// A choice among a few.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// A line over the page.
pub(super) struct Banner {
    /// `good`, `bad` or `warning`.
    pub(super) tone: &'static str,
    pub(super) text: String,
    /// What hereby said of it word for word: in English, as it stands in logs and on other screens.
    pub(super) verbatim: String,
    /// The act that it is about.
    pub(super) act: Option<String>,
}

impl Frame {
    pub(super) fn new(visit: &Visit, section: &'static str, title: impl Into<String>) -> Frame {
        let t = words(visit.language);
        let languages = Language::ALL.iter().map(|language| Choice {
            value: language.as_str().to_owned(),
            label: language.own_name().to_owned(),
            chosen: *language == visit.language,
        });
        Frame {
            t,
            title: title.into(),
            person: visit.person().map(ToString::to_string),
            csrf: visit.csrf(),
            nonce: visit.nonce.clone(),
            here: visit.here.clone(),
            section,
            banner: visit.done_banner(t),
            live: None,
            watch: visit.query.contains_key("watch"),
            theme: visit.theme,
            css: assets::css_path(),
            js: assets::js_path(),
            languages: languages.collect(),
        }
    }

    /// A message about so many.
    pub(super) fn count(&self, key: &str, n: impl std::fmt::Display) -> String {
        // A page counts nothing that a float can't hold.
        let n: f64 = n.to_string().parse().unwrap_or(0.0);
        self.t.say_with(key, &[("n", n.into())])
    }

    /// The page follows what happens; with an incident, what happens on it.
    pub(super) fn following(mut self, incident: Option<base::IncidentId>, seen: u64) -> Frame {
        self.live = Some(match incident {
            Some(id) => format!("/live?incident={id}&seen={seen}"),
            None => format!("/live?seen={seen}"),
        });
        self
    }
}

/// 200 with a page.
pub(super) fn shown(page: &impl Template) -> Answer {
    shown_as(StatusCode::OK, page)
}

/// A page with another status.
pub(super) fn shown_as(status: StatusCode, page: &impl Template) -> Answer {
    let text = page
        .render()
        .map_err(|error| Problem::internal("the page can't be written", &error))?;
    let mut response = reply::with_type(text, HTML, Keep::Never);
    *response.status_mut() = status;
    Ok(response)
}

/// Sends the browser on to a page of the console, by GET.
pub(super) fn see_other(path: &str) -> Answer {
    let mut response = reply::empty(StatusCode::SEE_OTHER);
    let location = HeaderValue::from_str(path)
        .map_err(|error| Problem::internal("there is no such page", &error))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// What went wrong, as a page.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    detail: String,
}

/// What kind of problem it is, in a reader's language.
pub(super) fn refused(t: &Words, problem: &Problem) -> String {
    let key = format!("problem-{}", problem.reason.replace('_', "-"));
    match t.has(&key) {
        true => t.say(&key).into_owned(),
        false => problem.title().to_owned(),
    }
}

/// What went wrong, for people.
pub(super) fn problem(visit: &Visit, problem: Problem) -> Response<Body> {
    let t = words(visit.language);
    let status = problem.status;
    let title = refused(t, &problem);
    let page = ProblemPage {
        frame: Frame::new(visit, "", title),
        status: status.as_u16(),
        detail: problem.detail().to_owned(),
    };
    shown_as(status, &page).unwrap_or_else(Problem::into_response)
}
