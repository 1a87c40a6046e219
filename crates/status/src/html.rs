//! Pages for people, in one language each: HTML that needs no script, no cookie and no other host.
//!
//! Whatever somebody wrote is escaped by the templates and stands in its own direction (`dir=auto`).
//! Links are relative, so that a copy of the site works wherever it lies.

mod front;
mod told;

use std::collections::BTreeMap;

use askama::Template;
use base::{Name, Timestamp};
use language::{Language, Value, Words};
use record::kinds::incident::Status;
use record::kinds::page::ComponentStatus;

use crate::page::{Page, PublicIncident, PublicMaintenance, Word};
use crate::site::Options;

pub(crate) use front::{front, state};
pub(crate) use told::{history, incident, maintenance, month, status_word, steps};

/// What nothing on a page may do: everything that is not allowed by name. Only what a `meta` element
/// can say (CSP Level 3 section 3.3 leaves `frame-ancestors` to a header).
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What stands in for a time until a sentence is cut in two around it.
const MARK: &str = "\u{1}";

/// What every page needs to be made.
#[derive(Clone, Copy)]
pub(crate) struct Making<'a> {
    pub(crate) options: &'a Options,
    pub(crate) words: &'a Words,
    pub(crate) page: &'a Page,
    pub(crate) now: Timestamp,
    /// Minutes of today that were measured so far.
    pub(crate) today_minutes: u16,
}

/// What stands around a page.
pub(crate) struct Shell<'a> {
    words: &'a Words,
    name: &'a str,
    title: String,
    /// The way to the site's root: empty, or `../` and so on.
    root: String,
    /// The way to this language's root.
    home: String,
    /// `front`, `history`, or nothing.
    here: &'static str,
    /// Whether it is about something that goes on.
    live: bool,
    valid_until: Timestamp,
    others: Vec<Other>,
}

/// The same page in a language.
struct Other {
    tag: &'static str,
    name: &'static str,
    href: String,
}

impl Shell<'_> {
    fn say(&self, key: &str) -> String {
        self.words.say(key).into_owned()
    }

    fn tag(&self) -> &'static str {
        self.words.language().as_str()
    }

    fn policy(&self) -> &'static str {
        POLICY
    }

    fn until_text(&self) -> String {
        minute(self.valid_until)
    }

    fn stale(&self) -> String {
        let time = minute(self.valid_until);
        self.words
            .say_with("stale", &[("time", Value::from(time.as_str()))])
    }

    fn valid_before(&self) -> String {
        self.around("valid-until").0
    }

    fn valid_after(&self) -> String {
        self.around("valid-until").1
    }

    fn settled_before(&self) -> String {
        self.around("settled-until").0
    }

    fn settled_after(&self) -> String {
        self.around("settled-until").1
    }

    fn around(&self, key: &str) -> (String, String) {
        let whole = self.words.say_with(key, &[("time", Value::from(MARK))]);
        match whole.split_once(MARK) {
            Some((before, after)) => (before.to_owned(), after.to_owned()),
            None => (whole, String::new()),
        }
    }
}

/// How a page is placed: its path below its language's root, and until when it counts.
pub(crate) struct Place<'p> {
    pub(crate) path: &'p str,
    pub(crate) title: String,
    pub(crate) here: &'static str,
    pub(crate) live: bool,
    pub(crate) valid_until: Timestamp,
}

impl<'a> Making<'a> {
    pub(crate) fn say(&self, key: &str) -> String {
        self.words.say(key).into_owned()
    }

    pub(crate) fn say_of(&self, key: &str, name: &str, value: &str) -> String {
        self.words.say_with(key, &[(name, Value::from(value))])
    }

    pub(crate) fn say_count(&self, key: &str, name: &str, value: i64) -> String {
        self.words.say_with(key, &[(name, Value::from(value))])
    }

    fn shell(&self, place: Place<'_>) -> Shell<'a> {
        let own = self.options.folder(self.words.language());
        let depth = own.matches('/').count() + place.path.matches('/').count();
        let root = "../".repeat(depth);
        let other = |language: &Language| Other {
            tag: language.as_str(),
            name: language.own_name(),
            href: format!("{root}{}{}", self.options.folder(*language), place.path),
        };
        Shell {
            words: self.words,
            name: &self.options.name,
            title: match place.title.is_empty() {
                true => self.say_of("page-title", "name", &self.options.name),
                false => format!("{} · {}", place.title, self.options.name),
            },
            home: format!("{root}{own}"),
            others: self.options.languages.iter().map(other).collect(),
            root,
            here: place.here,
            live: place.live,
            valid_until: place.valid_until,
        }
    }

    /// What is said where nothing of that name is.
    pub(crate) fn missing(&self, valid_until: Timestamp) -> String {
        let mut shell = self.shell(Place {
            path: "404.html",
            title: self.say("not-found"),
            here: "",
            live: false,
            valid_until,
        });
        // It is shown at addresses of any depth.
        shell.root = format!("{}/", self.options.url);
        shell.home.clone_from(&shell.root);
        shell.others.clear();
        rendered(&Missing { shell })
    }

    fn is_first(&self) -> bool {
        self.options.languages.first() == Some(&self.words.language())
    }

    /// Something in this language, else in the page's first one.
    fn in_own<T: ToString>(&self, own: Option<&T>, first: &T) -> Written {
        let own = own.filter(|_| !self.is_first());
        Written {
            text: own.unwrap_or(first).to_string(),
            lang: match (
                self.is_first() || own.is_some(),
                self.options.languages.first(),
            ) {
                (false, Some(first)) => first.as_str(),
                _ => "",
            },
        }
    }

    /// What hereby says itself.
    pub(crate) fn said(&self, key: &str) -> Written {
        Written {
            text: self.say(key),
            lang: "",
        }
    }

    /// What an incident is called.
    pub(crate) fn headline(&self, incident: &PublicIncident) -> Written {
        let own = tagged(&incident.headlines.others, self.words.language());
        match (&incident.headlines.first, own) {
            (Some(first), own) => self.in_own(own, first),
            (None, Some(own)) => self.in_own(Some(own), own),
            (None, None) => self.said("unnamed-incident"),
        }
    }

    /// What planned work is called, and what is said of it.
    pub(crate) fn plan(&self, it: &PublicMaintenance) -> (Written, Written) {
        let own = tagged(&it.translations, self.words.language());
        let headline = own.and_then(|own| own.headline.as_ref());
        (
            self.in_own(headline, &it.headline),
            self.in_own(own.map(|own| &own.text), &it.text),
        )
    }

    /// What a word says.
    pub(crate) fn text(&self, word: &Word) -> Written {
        match &word.text {
            Some(text) => {
                let own = tagged(&word.translations, self.words.language());
                self.in_own(own, text)
            }
            None if word.status == Status::Resolved => self.said("said-resolved"),
            None => self.said("said-reopened"),
        }
    }

    /// What a component is called.
    pub(crate) fn title(&self, name: &Name) -> Option<String> {
        let component = self.page.components.get(name)?;
        self.of_language(&component.titles).map(ToString::to_string)
    }

    /// What there is in this language, else in the page's first one, else in any.
    pub(crate) fn of_language<'t, T>(&self, by_tag: &'t BTreeMap<Name, T>) -> Option<&'t T> {
        let first = self.options.languages.first().copied().unwrap_or_default();
        tagged(by_tag, self.words.language())
            .or_else(|| tagged(by_tag, first))
            .or_else(|| by_tag.values().next())
    }

    /// The titles of components, from the top of the page.
    pub(crate) fn titles<'n>(&self, names: impl Iterator<Item = &'n Name>) -> String {
        let titles: Vec<String> = names.filter_map(|name| self.title(name)).collect();
        titles.join(", ")
    }

    pub(crate) fn component_words(&self, status: ComponentStatus) -> String {
        self.say(&format!("component-{}", status.as_str()))
    }
}

fn tagged<T>(by_tag: &BTreeMap<Name, T>, language: Language) -> Option<&T> {
    let mut all = by_tag.iter();
    all.find(|(tag, _)| tag.as_str() == language.as_str())
        .map(|(_, it)| it)
}

/// What somebody wrote, and its language where it is not the page's: readers' voices need to know.
pub(crate) struct Written {
    pub(crate) text: String,
    /// Empty: the page's.
    pub(crate) lang: &'static str,
}

impl Written {
    /// Its paragraphs, and the lines of each.
    fn paragraphs(&self) -> Vec<Vec<String>> {
        paragraphs(&self.text)
    }
}

/// Something in a list: an incident, or planned work.
pub(crate) struct Item {
    href: String,
    headline: Written,
    when: String,
    impact: &'static str,
    impact_words: String,
    status: &'static str,
    status_words: String,
    affects: String,
    text: Option<Written>,
}

/// Paragraphs, and the lines of each.
pub(crate) fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if !line.trim().is_empty() {
            lines.push(line.to_owned());
        } else if !lines.is_empty() {
            all.push(std::mem::take(&mut lines));
        }
    }
    if !lines.is_empty() {
        all.push(lines);
    }
    all
}

/// `2026-11-21 19:20 UTC`.
pub(crate) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let time: String = time.chars().take(5).collect();
    format!("{day} {time} UTC")
}

/// `2026-11-21`.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// `2026-11`.
pub(crate) fn month_of(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

pub(crate) fn rendered(template: &impl Template) -> String {
    // Writing into a string does not fail, and no template here has a filter that does.
    template.render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    shell: Shell<'a>,
}
