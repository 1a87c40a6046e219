//! Names of people in a text: handles and full names that stand as words of their own, however they
//! are capitalised. A single letter is a word of every text and counts as no name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::PersonName;
use record::kinds::Body;

use super::cast::addressed;
use super::document::Evidence;

/// Names, to be found quickly however many there are.
pub(super) struct Names {
    /// Those that begin with this word, in lower case, the longest first: `sam.b` before `sam`.
    by_first_word: HashMap<String, Vec<(String, PersonName)>>,
}

/// Where a name stands in a text.
struct Found<'a> {
    at: usize,
    bytes: usize,
    name: &'a str,
    person: &'a PersonName,
}

impl Names {
    /// Handles and full names of everybody who is known or in the incident.
    pub(super) fn of(evidence: &Evidence<'_>) -> Names {
        let mut all: BTreeMap<String, PersonName> = BTreeMap::new();
        let mut named = |person: &PersonName, name: &str| {
            all.insert(name.to_lowercase(), person.clone());
        };
        for (person, full_name) in evidence.people {
            named(person, person.as_str());
            if let Some(full_name) = full_name {
                named(person, full_name.as_str());
            }
        }
        for placed in evidence.acts {
            let mut people = addressed(&placed.act);
            people.extend(placed.act.actor.person());
            if let Body::IncidentAssigned(assigned) = &placed.act.body {
                people.extend(&assigned.replaces);
            }
            people
                .into_iter()
                .for_each(|person| named(person, person.as_str()));
        }
        let mut by_first_word: HashMap<String, Vec<(String, PersonName)>> = HashMap::new();
        for (name, person) in all.into_iter().filter(|(name, _)| name.chars().count() > 1) {
            let word: String = name.chars().take_while(|it| it.is_alphanumeric()).collect();
            let names = by_first_word.entry(word).or_default();
            names.push((name, person));
        }
        for names in by_first_word.values_mut() {
            names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        Names { by_first_word }
    }

    /// Every name in a text, in lower case.
    pub(super) fn in_text(&self, text: &str) -> BTreeSet<&str> {
        self.found(text).into_iter().map(|it| it.name).collect()
    }

    /// The text with each name replaced by what is put there, in brackets, as editors do.
    pub(super) fn replaced(&self, text: &str, by: impl Fn(&PersonName) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in self.found(text) {
            out.push_str(text.get(done..found.at).unwrap_or_default());
            out.push_str(&format!("[{}]", by(found.person)));
            done = found.at + found.bytes;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    /// Names and their places, none inside another.
    fn found(&self, text: &str) -> Vec<Found<'_>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..)
            && let Some(begin) = rest.find(char::is_alphanumeric)
        {
            at += begin;
            let rest = text.get(at..).unwrap_or_default();
            let end = rest.find(|it: char| !it.is_alphanumeric());
            let end = end.unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default().to_lowercase();
            let names = self.by_first_word.get(&word).into_iter().flatten();
            let mut stands = names.filter_map(|(name, person)| {
                let bytes = begins_with(rest, name)?;
                let behind = rest.get(bytes..)?;
                (!behind.starts_with(char::is_alphanumeric)).then_some(Found {
                    at,
                    bytes,
                    name,
                    person,
                })
            });
            match stands.next() {
                Some(name) => {
                    at += name.bytes;
                    found.push(name);
                }
                None => at += end,
            }
        }
        found
    }
}

/// How many bytes of the text are this name, which is in lower case; `None`: it begins otherwise.
fn begins_with(text: &str, name: &str) -> Option<usize> {
    let mut wanted = name.chars();
    let mut bytes = 0;
    let mut characters = text.chars();
    while !wanted.as_str().is_empty() {
        let character = characters.next()?;
        bytes += character.len_utf8();
        if !character.to_lowercase().all(|it| wanted.next() == Some(it)) {
            return None;
        }
    }
    Some(bytes)
}
