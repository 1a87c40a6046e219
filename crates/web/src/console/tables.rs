//! Everything that has a name, as tables: who and what there is, what is quiet, what is prepared, what
//! waits, who may come in. One table of tables; a cell is a field of what the API shows of a thing.

mod listings;
mod written;

use askama::Template;
use base::Timestamp;
use language::Words;
use serde_json::Value as Json;

use listings::Form::{
    self, Actor, Flag, Incident, Length, List, Name, Pairs, Rows, Text, Time, Word,
};
use listings::{LISTINGS, Listing};

use super::frame::{self, Frame};
use super::send::key_of;
use super::visit::Visit;
use super::words::{Moment, duration, moment, word, words};
use super::{Page, page};
use crate::problem::Problem;
use crate::reply::Answer;

/// Rows on a page; what is left out is said.
const ROWS_MAX: usize = 500;

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
