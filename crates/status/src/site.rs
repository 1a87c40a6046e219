//! The site as files: which there are, which have to be made again, and until when each counts.
//!
//! What is made again is found by comparing what each file was made of with what it would be made of
//! now, so that an update costs what it changes and not what there is.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use language::{BadWords, Language, Words};
use record::hash::{self, Hash};

use crate::html::{self, Making, month_of};
use crate::page::{Page, Phase, PublicIncident, PublicMaintenance};
use crate::{feeds, json};

/// How long what goes on counts: a page about it is made again each minute.
const LIVE_MS: i64 = 15 * 60_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// How long what is over counts.
const SETTLED_DAYS: i64 = 30;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/valid.js");

/// The words of a language, in Fluent's syntax.
pub(crate) fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../words/en.ftl"),
        Language::German => include_str!("../words/de.ftl"),
    }
}

/// What a site is called, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose status it is.
    pub name: String,
    /// The address that readers open, without a slash at its end: `https://status.example.org`.
    pub url: String,
    /// Its languages; what people write is in the first. At least one.
    pub languages: Vec<Language>,
}

impl Options {
    /// The folder of a language, below the site's root: the first language has none.
    pub(crate) fn folder(&self, language: Language) -> String {
        match self.languages.first() == Some(&language) {
            true => String::new(),
            false => format!("{language}/"),
        }
    }
}

/// Why there can be no site.
#[derive(Debug, thiserror::Error)]
pub enum BadSite {
    /// A site has at least one language, and each once.
    #[error("a status page has at least one language, and each once")]
    Languages,
    /// Its address is no address.
    #[error("the address of a status page is http:// or https://, without a slash at its end")]
    Url,
    /// The words can't be read.
    #[error(transparent)]
    Words(#[from] BadWords),
}

/// What there is of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// SHA-256 of it.
    pub hash: Hash,
    /// Its length in bytes.
    pub bytes: u64,
}

/// How a site differs from what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This file is there with these bytes.
    Write {
        /// Below the site's root.
        path: String,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// This file is not there any more.
    Remove {
        /// Below the site's root.
        path: String,
    },
}

/// A site: what there is of it, and what each file was made of.
pub struct Site {
    options: Options,
    words: Vec<Words>,
    files: BTreeMap<String, Held>,
    stamps: BTreeMap<String, Stamp>,
}

/// What a file is made of, as far as it changes: a revision, the components' revision, until when it
/// counts, and a number of its own.
type Stamp = (u64, u64, i64, u64);

impl Site {
    /// A site of which nothing is there yet.
    ///
    /// # Errors
    /// See [`BadSite`].
    pub fn new(options: Options) -> Result<Site, BadSite> {
        let mut once = options.languages.clone();
        once.sort_unstable();
        once.dedup();
        if once.is_empty() || once.len() != options.languages.len() {
            return Err(BadSite::Languages);
        }
        let schemes = ["https://", "http://"];
        let rest = schemes.iter().find_map(|it| options.url.strip_prefix(it));
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\?#".contains(&byte);
        if !rest
            .is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/') && rest.bytes().all(plain))
        {
            return Err(BadSite::Url);
        }
        let words = options.languages.iter();
        let words = words.map(|language| Words::new(*language, source(*language)));
        Ok(Site {
            words: words.collect::<Result<_, _>>()?,
            options,
            files: BTreeMap::new(),
            stamps: BTreeMap::new(),
        })
    }

    /// What it is called and where it is.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Every file that there is, but for the manifest and its list.
    pub fn files(&self) -> &BTreeMap<String, Held> {
        &self.files
    }

    /// Makes what has to be made again. `today_minutes` were measured of today so far; they are
    /// looked at in tens.
    pub fn build(&mut self, page: &Page, now: Timestamp, today_minutes: u16) -> Vec<Change> {
        let today_minutes = today_minutes / 10 * 10;
        let mut run = Run {
            files: &mut self.files,
            stamps: &mut self.stamps,
            changes: Vec::new(),
            wanted: BTreeSet::new(),
        };
        run.put("style.css", (0, 0, 0, 0), || STYLE.to_owned());
        run.put("valid.js", (0, 0, 0, 0), || SCRIPT.to_owned());
        let mut months: BTreeMap<String, Month<'_>> = BTreeMap::new();
        for incident in page.incidents.values() {
            let month = month_of(incident.created_at);
            months.entry(month).or_default().incidents.push(incident);
        }
        for it in page.maintenances.values() {
            if it.phase(now) == Phase::Completed {
                let month = month_of(it.starts_at);
                months.entry(month).or_default().maintenances.push(it);
            }
        }
        for words in &self.words {
            let making = Making {
                options: &self.options,
                words,
                page,
                now,
                today_minutes,
            };
            run.language(making, &months);
        }
        if let Some(words) = self.words.first() {
            let making = Making {
                options: &self.options,
                words,
                page,
                now,
                today_minutes,
            };
            run.first_language(making);
        }
        run.finish()
    }
}

/// What was told in a month.
#[derive(Default)]
pub(crate) struct Month<'p> {
    /// Incidents that the public heard of in it.
    pub(crate) incidents: Vec<&'p PublicIncident>,
    /// Planned work that began in it and is over.
    pub(crate) maintenances: Vec<&'p PublicMaintenance>,
}

impl Month<'_> {
    fn len(&self) -> usize {
        self.incidents.len() + self.maintenances.len()
    }

    /// The newest change of anything in it.
    fn revision(&self) -> u64 {
        let incidents = self.incidents.iter().map(|it| it.revision);
        let maintenances = self.maintenances.iter().map(|it| it.revision);
        incidents.chain(maintenances).max().unwrap_or(0)
    }
}

/// One build.
struct Run<'s> {
    files: &'s mut BTreeMap<String, Held>,
    stamps: &'s mut BTreeMap<String, Stamp>,
    changes: Vec<Change>,
    wanted: BTreeSet<String>,
}

impl Run<'_> {
    /// A file, made only if what it is made of has changed.
    fn put(&mut self, path: &str, stamp: Stamp, make: impl FnOnce() -> String) {
        self.wanted.insert(path.to_owned());
        if self.stamps.get(path) == Some(&stamp) {
            return;
        }
        self.stamps.insert(path.to_owned(), stamp);
        let bytes = make().into_bytes();
        let held = Held {
            hash: hash::sha256(&[&bytes]),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        };
        if self.files.insert(path.to_owned(), held) != Some(held) {
            let path = path.to_owned();
            self.changes.push(Change::Write { path, bytes });
        }
    }

    fn language(&mut self, making: Making<'_>, months: &BTreeMap<String, Month<'_>>) {
        let page = making.page;
        let folder = making.options.folder(making.words.language());
        let revision = page.components_revision;
        let live = live_until(making.now);
        for it in page.incidents.values() {
            let path = format!("{folder}incidents/{}.html", it.id);
            let until = match it.is_open() {
                true => live,
                false => settled_until(&path, making.now),
            };
            let stamp = (it.revision, revision, until.as_ms(), 0);
            self.put(&path, stamp, || html::incident(making, it, until));
        }
        for it in page.maintenances.values() {
            let path = format!("{folder}maintenance/{}.html", it.id);
            let phase = it.phase(making.now);
            let until = match phase {
                Phase::Completed => settled_until(&path, making.now),
                Phase::Scheduled | Phase::InProgress => live,
            };
            let stamp = (it.revision, revision, until.as_ms(), phase as u64);
            self.put(&path, stamp, || html::maintenance(making, it, until));
        }
        self.months(making, &folder, months);
        let phases = phases(page, making.now);
        let stamp = (
            page.revision,
            phases,
            live.as_ms(),
            making.today_minutes.into(),
        );
        let path = format!("{folder}index.html");
        self.put(&path, stamp, || html::front(making, live));
        let stamp = (page.revision, phases, 0, 0);
        let path = format!("{folder}history.atom");
        self.put(&path, stamp, || feeds::atom(making));
        let path = format!("{folder}history.rss");
        self.put(&path, stamp, || feeds::rss(making));
    }

    fn months(&mut self, making: Making<'_>, folder: &str, months: &BTreeMap<String, Month<'_>>) {
        let revision = making.page.components_revision;
        let current = month_of(making.now);
        let live = live_until(making.now);
        let names: Vec<&str> = months.keys().map(String::as_str).collect();
        for (at, (month, all)) in months.iter().enumerate() {
            let path = format!("{folder}history/{month}.html");
            let until = match *month == current {
                true => live,
                false => settled_until(&path, making.now),
            };
            let newest = all.revision();
            let before = at.checked_sub(1).and_then(|at| names.get(at)).copied();
            let after = names.get(at + 1).copied();
            let neighbours = (before.unwrap_or_default(), after.unwrap_or_default());
            // Whether there is a later month, and how many stand in this one, shows on it.
            let own = u64::try_from(all.len()).unwrap_or(u64::MAX) * 4
                + u64::from(before.is_some()) * 2
                + u64::from(after.is_some());
            let stamp = (newest, revision, until.as_ms(), own);
            self.put(&path, stamp, || {
                html::month(making, month, all, neighbours, (*month == current, until))
            });
        }
        let counts = || {
            let counted = months.iter().rev();
            counted
                .map(|(month, all)| (month.clone(), all.len()))
                .collect()
        };
        let all: usize = months.values().map(Month::len).sum();
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        let stamp = (all, 0, live.as_ms(), 0);
        let path = format!("{folder}history.html");
        self.put(&path, stamp, || html::history(making, counts(), live));
    }

    /// What there is once, in the page's first language.
    fn first_language(&mut self, making: Making<'_>) {
        let until = settled_until("404.html", making.now);
        let stamp = (0, 0, until.as_ms(), 0);
        self.put("404.html", stamp, || making.missing(until));
        let stamp = (making.page.revision, phases(making.page, making.now), 0, 0);
        let old = self.stamps.get("api/v2/summary.json") == Some(&stamp);
        if old {
            let api = self.files.keys().filter(|path| path.starts_with("api/v2/"));
            let api: Vec<String> = api.cloned().collect();
            self.wanted.extend(api);
            return;
        }
        for (path, text) in json::files(making) {
            self.put(&format!("api/v2/{path}"), stamp, || text);
        }
    }

    fn finish(self) -> Vec<Change> {
        let Run {
            files,
            stamps,
            mut changes,
            wanted,
        } = self;
        let gone: Vec<String> = files
            .keys()
            .filter(|path| !wanted.contains(*path))
            .cloned()
            .collect();
        for path in gone {
            files.remove(&path);
            stamps.remove(&path);
            changes.push(Change::Remove { path });
        }
        changes
    }
}

/// Until when what goes on counts: the same for every build within a minute.
fn live_until(now: Timestamp) -> Timestamp {
    Timestamp::from_ms(now.as_ms().div_euclid(MINUTE_MS) * MINUTE_MS + LIVE_MS)
}

/// Until when what is over counts: between 1 and 31 days ahead, another day for each file, so that
/// they are made again a few at a time.
fn settled_until(path: &str, now: Timestamp) -> Timestamp {
    let digest = hash::sha256(&[path.as_bytes()]);
    let shift = digest.0.first().map_or(0, |byte| i64::from(*byte)) % SETTLED_DAYS;
    let day = now.as_ms().div_euclid(DAY_MS) + 1;
    let ahead = SETTLED_DAYS - (day + shift).rem_euclid(SETTLED_DAYS);
    Timestamp::from_ms((day + ahead) * DAY_MS)
}

/// A number that changes when planned work begins or ends.
fn phases(page: &Page, now: Timestamp) -> u64 {
    let parts = page.maintenances.values().map(|it| match it.phase(now) {
        Phase::Scheduled => 0,
        Phase::InProgress => 1,
        Phase::Completed => 2,
    });
    parts.sum()
}
