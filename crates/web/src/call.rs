//! A request that may be answered: who asks, its parameters, its body. What a handler is given.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use engine::Transport;
use hyper::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::route::Route;
use crate::site::Site;

/// The most items of a list.
pub(crate) const LIMIT_MAX: usize = 1_000;

/// Items of a list when nobody says how many.
pub(crate) const LIMIT_DEFAULT: usize = 100;

/// One request.
pub(crate) struct Call {
    pub(crate) site: Arc<Site>,
    pub(crate) caller: Caller,
    pub(crate) route: &'static Route,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The memory that the body takes.
    pub(crate) _memory: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// How the caller came.
    ///
    /// # Errors
    /// 401 for nobody: the route let them in without asking.
    pub(crate) fn transport(&self) -> Result<Transport, Problem> {
        self.caller.transport.clone().ok_or_else(|| {
            Problem::unauthorized(
                "this needs a token: send it as `Authorization: Bearer hby_…`",
                false,
            )
        })
    }

    /// The part of the path with this name, as it was sent.
    pub(crate) fn path(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The part of the path with this name.
    ///
    /// # Errors
    /// 404 when it is not of its form: nothing can have that name.
    pub(crate) fn path_as<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Problem> {
        self.path(name)
            .parse()
            .map_err(|error| Problem::not_found(format!("{error}")))
    }

    /// The query parameter with this name.
    ///
    /// # Errors
    /// 400 when it is not of its form.
    pub(crate) fn query_as<T: FromStr<Err: Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.query.get(name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|error| {
            let value: String = value
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect();
            Problem::bad_request(format!("`{name}` can't be `{value}`: {error}"))
        })
    }

    /// The query parameter with this name, one out of a few words; the first if it is not there.
    ///
    /// # Errors
    /// 400 when it is another word.
    pub(crate) fn query_word(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, Problem> {
        let first = words.first().copied().unwrap_or_default();
        let Some(value) = self.query.get(name) else {
            return Ok(first);
        };
        words
            .iter()
            .copied()
            .find(|word| word == value)
            .ok_or_else(|| {
                Problem::bad_request(format!("`{name}` must be one of: {}", words.join(", ")))
            })
    }

    /// A query parameter that is `true` or `false`; false if it is not there.
    ///
    /// # Errors
    /// 400 when it is something else.
    pub(crate) fn query_flag(&self, name: &str) -> Result<bool, Problem> {
        self.query_as(name).map(Option::unwrap_or_default)
    }

    /// How many items are asked for.
    ///
    /// # Errors
    /// 400 when it is not a number from 1 to 1,000.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.query_as("limit")?.unwrap_or(LIMIT_DEFAULT);
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::bad_request(format!(
                "`limit` is a number from 1 to {LIMIT_MAX}"
            )))
        }
    }

    /// The index from which on acts are asked for: the one behind `after`, or the first.
    ///
    /// # Errors
    /// 400 when `after` is no index.
    pub(crate) fn first_index(&self) -> Result<u64, Problem> {
        Ok(self
            .query_as::<u64>("after")?
            .map_or(0, |after| after.saturating_add(1)))
    }

    /// A header that may come once.
    ///
    /// # Errors
    /// 400 when it comes twice or is not visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Problem::bad_request(format!("`{name}` is there twice")));
        }
        let text = value.to_str();
        text.map(Some)
            .map_err(|_| Problem::bad_request(format!("`{name}` is not visible ASCII")))
    }

    /// The same, read.
    ///
    /// # Errors
    /// 400 as above, or when it is not of its form.
    pub(crate) fn header_as<T: FromStr<Err: Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.header(name)? else {
            return Ok(None);
        };
        let value = text.parse().map(Some);
        value.map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
    }
}
