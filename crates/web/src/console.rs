//! The console: pages for people, written on the server. They work without JavaScript; with it they
//! follow what happens. Whoever asks is known by a session's cookie, which counts here and nowhere
//! else: the API takes none.
//!
//! A page comes from a template and what the engine's view says; whatever is asked for goes through
//! [`send`] as the same commands that the API takes. Not here: what a command leads to, and who may
//! ask for it (`engine`, `incident`).

mod act;
mod assets;
mod cookie;
mod edge;
mod fields;
mod fleet;
mod frame;
mod incidents;
mod live;
mod numbers;
mod provider;
mod review;
mod room;
mod send;
mod settings;
mod sign_in;
mod tables;
mod told;
mod visit;
mod words;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use futures_util::future::BoxFuture;
use hyper::{Method, Request, Response};

use crate::problem::Problem;
use crate::reply::Answer;
use crate::site::Site;
use visit::Visit;
pub(crate) use words::words;

/// How the console is set up.
#[derive(Clone, Debug)]
pub struct Console {
    /// Where people reach it: `http://127.0.0.1:7700`, without a slash at the end.
    pub url: String,
    /// Names by which it may be asked for beside those of this machine, without ports. Asked for by
    /// another name it answers 421, so that nobody's page can have a browser speak to it.
    pub hosts: Vec<String>,
    /// A session lasts so long at most, in milliseconds.
    pub session_ms: u64,
    /// It ends when it was not used for so long, in milliseconds.
    pub idle_ms: u64,
}

impl Default for Console {
    fn default() -> Console {
        Console {
            url: "http://127.0.0.1:7700".to_owned(),
            hosts: Vec::new(),
            session_ms: 3 * 86_400_000,
            idle_ms: 8 * 3_600_000,
        }
    }
}

/// One page, or what a form is sent to.
pub(crate) struct Page {
    method: Method,
    pub(crate) path: &'static str,
    /// Whether it is for people who are not signed in as well.
    open: bool,
    takes: Takes,
    handler: fn(Visit) -> BoxFuture<'static, Answer>,
}

/// What is sent to a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    /// Fields of a form; to begin with those that show that it is one of ours.
    Form,
    /// The same with a file.
    File,
}

type Handler = fn(Visit) -> BoxFuture<'static, Answer>;

/// A page for people who are signed in.
fn page(path: &'static str, handler: Handler) -> Page {
    Page {
        method: Method::GET,
        path,
        open: false,
        takes: Takes::Nothing,
        handler,
    }
}

/// What a form of theirs is sent to.
fn form(path: &'static str, handler: Handler) -> Page {
    Page {
        method: Method::POST,
        takes: Takes::Form,
        ..page(path, handler)
    }
}

/// The same, for everybody.
fn open(page: Page) -> Page {
    Page { open: true, ..page }
}

/// Every page.
pub(crate) fn pages() -> Vec<Page> {
    [
        incidents::pages(),
        room::pages(),
        act::pages(),
        tables::pages(),
        numbers::pages(),
        edge::pages(),
        fleet::pages(),
        review::pages(),
        settings::pages(),
        send::pages(),
        sign_in::pages(),
        provider::pages(),
        live::pages(),
        assets::pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Answers a request to one of the pages of a path.
pub(crate) async fn choose(
    site: Arc<Site>,
    pages: Arc<Vec<Page>>,
    parts: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response<Body> {
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref other => other,
    };
    let Some(page) = pages.iter().find(|page| page.method == *method) else {
        let methods: Vec<&str> = pages.iter().map(|page| page.method.as_str()).collect();
        return Problem::method_not_allowed(&methods.join(", ")).into_response();
    };
    let outcome = visit::answer(site, page, parts, request).await;
    let mut response = outcome.unwrap_or_else(Problem::into_response);
    frame::protect(response.headers_mut());
    response
}
