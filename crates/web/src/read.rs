//! Everything that can be read with the scope `read`: incidents, alerts, acts, their proofs, and
//! the state of hereby itself. Lists are pages, bounded by number and by bytes.

mod acts;
mod chat;
mod containment;
pub(crate) mod fleet;
mod incidents;
mod lists;
mod page;
mod review;
mod stats;
mod status;
mod subscribers;

use hyper::Method;
use record::kinds::access::Scope;
use serde::Serialize;
use serde_json::Value;

use crate::rates::Class;
use crate::route::{Access, Form, Gives, Handler, Parameter, Route, Takes};

pub(crate) use acts::{entries_at, entries_from, of_incident, proof_text, wanted_act};
pub(crate) use containment::{ban, failover, posture, revocation, switch};
pub(crate) use fleet::must_be_sound;
pub(crate) use incidents::newest_incidents;
pub(crate) use page::{component, target};
pub(crate) use review::{composed, policy_of_a_page};
pub(crate) use stats::{asked, computed, computed_for};
pub(crate) use status::present_vkey;
pub(crate) use subscribers::notice_shown;

const LIMIT: Parameter = optional("limit", Form::Limit, "How many items at most");
const AFTER: Parameter = optional("after", Form::Index, "The index behind which to begin");

pub(crate) const fn optional(name: &'static str, form: Form, says: &'static str) -> Parameter {
    Parameter {
        name,
        form,
        required: false,
        says,
    }
}

pub(crate) const fn part(name: &'static str, form: Form, says: &'static str) -> Parameter {
    Parameter {
        name,
        form,
        required: true,
        says,
    }
}

pub(crate) fn routes() -> Vec<Route> {
    [
        incidents::routes(),
        lists::routes(),
        containment::routes(),
        fleet::routes(),
        page::routes(),
        review::routes(),
        acts::routes(),
        stats::routes(),
        status::routes(),
        chat::routes(),
        subscribers::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A route that reads something.
fn get(path: &str, summary: &str, gives: Gives, handler: Handler) -> Route {
    Route {
        method: Method::GET,
        path: path.to_owned(),
        access: Access::Scopes(&[Scope::Read]),
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives,
        fails: &[500],
        handler,
    }
}

/// A page of a list.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Value,
}

impl<T> Page<T> {
    /// Cuts what was found to `limit`; if there was more, `cursor` of the last says how to go on.
    fn cut(mut found: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> Value) -> Page<T> {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map_or(Value::Null, cursor);
        Page { items: found, next }
    }
}
