//! Reads single values out of parsed TOML. What is wrong is noted with its place and reading goes
//! on, with the default in its stead: nothing of it is used once anything is wrong.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Need, Section, Shape};
use super::nearest::nearest;
use super::syntax::Fault;

/// The most mistakes that are told.
const WRONG_MAX: usize = 1_000;
/// For the most of them somebody else's name is guessed: that takes time where there are many names.
const GUESSES_MAX: usize = 50;

/// A mistake, where it is as a byte's place in the text.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) at: usize,
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) next: Option<String>,
}

/// What was found to be wrong so far.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    /// How many more there were.
    pub(crate) untold: usize,
    guesses: usize,
    not_yet: &'static [(&'static str, &'static str)],
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    pub(crate) at: usize,
    pub(crate) value: T,
}

/// One table of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    section: &'static Section,
    at: usize,
    entries: Option<&'a DeTable<'a>>,
}

impl Report {
    /// Nothing yet. `not_yet` names what is refused although it is well written.
    pub(crate) fn new(not_yet: &'static [(&'static str, &'static str)]) -> Report {
        Report {
            findings: Vec::new(),
            untold: 0,
            guesses: 0,
            not_yet,
        }
    }

    /// Notes a mistake.
    pub(crate) fn wrong(&mut self, at: usize, key: &str, what: impl Into<String>) {
        self.note(at, key, what.into(), None);
    }

    /// Notes a mistake and what to do about it.
    pub(crate) fn advise(
        &mut self,
        at: usize,
        key: &str,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.note(at, key, what.into(), Some(next.into()));
    }

    /// Which of these names was probably meant.
    pub(crate) fn guess(&mut self, name: &str, names: &[&str]) -> Option<String> {
        self.guesses += 1;
        if self.guesses > GUESSES_MAX {
            return None;
        }
        nearest(name, names.iter().copied()).map(|near| format!("did you mean {near:?}?"))
    }

    /// Whether a mistake of that key was noted.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.findings.iter().any(|finding| finding.key == key)
    }

    pub(crate) fn note(&mut self, at: usize, key: &str, what: String, next: Option<String>) {
        if self.findings.len() >= WRONG_MAX {
            self.untold += 1;
            return;
        }
        self.findings.push(Finding {
            at,
            key: key.to_owned(),
            what,
            next,
        });
    }
}

impl<'a> Table<'a> {
    /// A table that stands in the text, from the first character of its header or its brace on.
    pub(crate) fn open(
        section: &'static Section,
        span: Range<usize>,
        entries: &'a DeTable<'a>,
        report: &mut Report,
    ) -> Table<'a> {
        let mut unknown: Vec<At<&str>> = entries
            .keys()
            .filter(|name| section.key(name.get_ref()).is_none())
            .map(|name| At {
                at: name.span().start,
                value: name.get_ref().as_ref(),
            })
            .collect();
        unknown.sort_by_key(|name| name.at);
        // What is beyond is counted: a guess for each of a million would take its time.
        let told = WRONG_MAX.saturating_sub(report.findings.len());
        report.untold += unknown.len().saturating_sub(told);
        for name in unknown.into_iter().take(told) {
            let next = match nearest(name.value, section.keys.iter().map(|key| key.name)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => listed(section.keys.iter().map(|key| key.name)),
            };
            let path = section.path_of(name.value);
            report.advise(name.at, &path, "there is no such setting", next);
        }
        for key in section.keys {
            let value = entries.get(key.name);
            if value.is_none() && key.need == Need::Must {
                report.wrong(
                    span.start,
                    &section.path_of(key.name),
                    "this has to stand here",
                );
            }
            if let Some(value) = value {
                refuse_not_yet(section, key, value, report);
            }
        }
        Table {
            section,
            at: span.start,
            entries: Some(entries),
        }
    }

    /// A table that isn't there.
    pub(crate) fn absent(section: &'static Section) -> Table<'a> {
        Table {
            section,
            at: 0,
            entries: None,
        }
    }

    /// Where it begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How one speaks of a key of it.
    pub(crate) fn path_of(&self, key: &str) -> String {
        self.section.path_of(key)
    }

    fn value(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        debug_assert!(
            self.section.key(name).is_some(),
            "{}.{name}",
            self.section.path
        );
        self.entries?.get(name)
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.section.key(name).map(|key| key.shape)
    }

    /// Whether the key stands there, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Notes a list that stands there and holds nothing.
    pub(crate) fn filled(&self, name: &str, what: &str, report: &mut Report) {
        let list = self
            .value(name)
            .and_then(|value| value.get_ref().as_array());
        if list.is_some_and(|list| list.iter().next().is_none()) {
            report.wrong(self.place(name), &self.path_of(name), what);
        }
    }

    /// Where the key's value stands; where the table begins, without one.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.value(name).map_or(self.at, |value| value.span().start)
    }

    fn mismatch(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        report: &mut Report,
    ) {
        let found = described(value.get_ref());
        let what = format!("{wanted} stands here, not {found}");
        report.wrong(value.span().start, &self.path_of(name), what);
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str, default: bool, report: &mut Report) -> bool {
        let Some(value) = self.value(name) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.mismatch(name, value, "true or false", report);
            default
        })
    }

    /// A whole number in the key's range, if it stands there.
    pub(crate) fn number_if<T: TryFrom<u64>>(&self, name: &str, report: &mut Report) -> Option<T> {
        let value = self.value(name)?;
        let Some(Shape::Number(least, most)) = self.shape(name) else {
            return None;
        };
        let Some(written) = value.get_ref().as_integer() else {
            self.mismatch(name, value, "a whole number", report);
            return None;
        };
        let number = i128::from_str_radix(written.as_str(), written.radix())
            .ok()
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let path = self.path_of(name);
            let what = format!("a number from {least} to {most} stands here");
            report.wrong(value.span().start, &path, what);
        }
        number
    }

    /// A whole number in the key's range.
    pub(crate) fn number<T: TryFrom<u64>>(&self, name: &str, default: T, report: &mut Report) -> T {
        self.number_if(name, report).unwrap_or(default)
    }

    /// A text, if it stands there.
    pub(crate) fn text(&self, name: &str, report: &mut Report) -> Option<At<&'a str>> {
        let value = self.value(name)?;
        let Some(text) = value.get_ref().as_str() else {
            self.mismatch(name, value, "a text in quotes", report);
            return None;
        };
        Some(At {
            at: value.span().start,
            value: text,
        })
    }

    /// A text that is read on, if it stands there and is good.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Fault>,
        report: &mut Report,
    ) -> Option<T> {
        let text = self.text(name, report)?;
        self.read(name, text, read, report)
    }

    /// A text of this key, read on, if it is good.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        text: At<&str>,
        read: impl Fn(&str) -> Result<T, Fault>,
        report: &mut Report,
    ) -> Option<T> {
        match read(text.value) {
            Ok(value) => Some(value),
            Err(fault) => {
                report.note(text.at, &self.path_of(name), fault.what, fault.next);
                None
            }
        }
    }

    /// One of the key's words, if one stands there.
    pub(crate) fn word(&self, name: &str, report: &mut Report) -> Option<&'static str> {
        let text = self.text(name, report)?;
        let Some(Shape::Word(words)) = self.shape(name) else {
            return None;
        };
        let found = words.iter().copied().find(|word| *word == text.value);
        if found.is_none() {
            let next = match nearest(text.value, words.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => listed(words.iter().copied()),
            };
            let what = format!("{:?} is none of the words for it", text.value);
            report.advise(text.at, &self.path_of(name), what, next);
        }
        found
    }

    /// The texts of a list, or the one text where the key allows that; each once.
    pub(crate) fn texts(&self, name: &str, report: &mut Report) -> Vec<At<&'a str>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let most = match self.shape(name) {
            Some(Shape::Texts(most)) => most,
            Some(Shape::TextOrTexts(most)) => {
                if let Some(text) = value.get_ref().as_str() {
                    return vec![At {
                        at: value.span().start,
                        value: text,
                    }];
                }
                most
            }
            _ => return Vec::new(),
        };
        let Some(array) = value.get_ref().as_array() else {
            self.mismatch(name, value, "a list of texts in brackets", report);
            return Vec::new();
        };
        self.count(name, array.iter().len(), most, report);
        let mut texts = Vec::new();
        for entry in array.iter().take(most) {
            match entry.get_ref().as_str() {
                Some(text) => texts.push(At {
                    at: entry.span().start,
                    value: text,
                }),
                None => self.mismatch(name, entry, "a text in quotes", report),
            }
        }
        self.each_once(name, &mut texts, report);
        texts
    }

    /// Notes texts that stand there twice, and leaves them out.
    fn each_once(&self, name: &str, texts: &mut Vec<At<&'a str>>, report: &mut Report) {
        let mut seen = std::collections::HashSet::new();
        texts.retain(|text| {
            let first = seen.insert(text.value);
            if !first {
                let what = format!("{:?} stands here twice", text.value);
                report.wrong(text.at, &self.path_of(name), what);
            }
            first
        });
    }

    /// The texts of a list that can be read on.
    pub(crate) fn parsed_texts<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Fault>,
        report: &mut Report,
    ) -> Vec<T> {
        self.texts(name, report)
            .into_iter()
            .filter_map(|text| self.read(name, text, &read, report))
            .collect()
    }

    /// Names and texts, in the order of the text.
    pub(crate) fn pairs(&self, name: &str, report: &mut Report) -> Vec<(At<&'a str>, At<&'a str>)> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(entries) = value.get_ref().as_table() else {
            self.mismatch(name, value, "a table like { x-debug = \"1\" }", report);
            return Vec::new();
        };
        if let Some(Shape::Pairs(most)) = self.shape(name) {
            self.count(name, entries.len(), most, report);
        }
        let mut pairs = Vec::new();
        for (left, right) in entries {
            match right.get_ref().as_str() {
                Some(text) => pairs.push((
                    At {
                        at: left.span().start,
                        value: left.get_ref().as_ref(),
                    },
                    At {
                        at: right.span().start,
                        value: text,
                    },
                )),
                None => self.mismatch(name, right, "a text in quotes", report),
            }
        }
        pairs.sort_by_key(|(left, _)| left.at);
        pairs
    }

    /// A table within this one, if it stands there.
    pub(crate) fn table(&self, name: &str, report: &mut Report) -> Option<Table<'a>> {
        let value = self.value(name)?;
        let Some(Shape::Table(section)) = self.shape(name) else {
            return None;
        };
        let Some(entries) = value.get_ref().as_table() else {
            self.mismatch(name, value, "a table", report);
            return None;
        };
        Some(Table::open(section, value.span(), entries, report))
    }

    /// A table within this one; an empty one if there is none.
    pub(crate) fn table_or_absent(&self, name: &str, report: &mut Report) -> Table<'a> {
        match (self.table(name, report), self.shape(name)) {
            (Some(table), _) => table,
            (None, Some(Shape::Table(section))) => Table::absent(section),
            (None, _) => Table::absent(self.section),
        }
    }

    /// The tables of `[[…]]`, in their order.
    pub(crate) fn tables(&self, name: &str, report: &mut Report) -> Vec<Table<'a>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(Shape::Tables(section, most)) = self.shape(name) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            let path = self.path_of(name);
            let what = format!("there may be several: {}", described(value.get_ref()));
            let what = format!("{what} stands here");
            report.advise(value.span().start, &path, what, format!("write [[{path}]]"));
            return Vec::new();
        };
        self.count(name, array.iter().len(), most, report);
        let mut tables = Vec::new();
        for entry in array.iter().take(most) {
            match entry.get_ref().as_table() {
                Some(entries) => tables.push(Table::open(section, entry.span(), entries, report)),
                None => self.mismatch(name, entry, "a table", report),
            }
        }
        tables
    }

    /// The entries of a list of texts and tables: either, with its place.
    pub(crate) fn mixed(&self, name: &str, report: &mut Report) -> Vec<Mixed<'a>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(Shape::TextsOrTables(section, most)) = self.shape(name) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.mismatch(name, value, "a list in brackets", report);
            return Vec::new();
        };
        self.count(name, array.iter().len(), most, report);
        let mut mixed = Vec::new();
        for entry in array.iter().take(most) {
            match entry.get_ref() {
                DeValue::String(text) => mixed.push(Mixed::Text(At {
                    at: entry.span().start,
                    value: text.as_ref(),
                })),
                DeValue::Table(entries) => {
                    mixed.push(Mixed::Table(Table::open(
                        section,
                        entry.span(),
                        entries,
                        report,
                    )));
                }
                _ => self.mismatch(name, entry, "a text in quotes, or a table", report),
            }
        }
        mixed
    }

    fn count(&self, name: &str, count: usize, most: usize, report: &mut Report) {
        if count > most {
            let what = format!("there are {count} of them, and at most {most} can be");
            report.wrong(self.place(name), &self.path_of(name), what);
        }
    }
}

/// A text or a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mixed<'a> {
    Text(At<&'a str>),
    Table(Table<'a>),
}

/// Refuses what this build can't do. What is set to `false` isn't asked for.
fn refuse_not_yet(section: &Section, key: &Key, value: &Spanned<DeValue<'_>>, report: &mut Report) {
    if report.not_yet.is_empty() || value.get_ref().as_bool() == Some(false) {
        return;
    }
    let path = section.path_of(key.name);
    let chosen = value
        .get_ref()
        .as_str()
        .map(|text| format!("{path}={text}"));
    let refused = report
        .not_yet
        .iter()
        .find(|(key, _)| *key == path || Some(*key) == chosen.as_deref());
    if let Some((_, instead)) = refused {
        report.advise(
            value.span().start,
            &path,
            "this build can't do that yet",
            *instead,
        );
    }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// "there are: a, b, c".
pub(crate) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    format!("there are: {}", words.join(", "))
}
