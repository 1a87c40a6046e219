//! Who somebody in a chat is: the person whose Matrix address is theirs. Addresses are sealed on the
//! record; they are opened here, kept in memory and nowhere else.

use std::collections::BTreeMap;

use base::{ActId, PersonName};
use notify::chat::matrix::Id;
use record::kinds::Body;
use record::kinds::directory::PlaceKind;

use super::desk::Desk;

/// Addresses by the act that said them.
#[derive(Default)]
pub(super) struct People {
    known: BTreeMap<PersonName, (ActId, Vec<Id>)>,
}

/// Why it can't be said who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// Nobody has this address.
    Nobody,
    /// More than one person has it.
    Several,
}

impl People {
    /// Who has this address.
    ///
    /// # Errors
    /// When the record or the keystore can't be read.
    pub(super) fn who(
        &mut self,
        desk: &Desk,
        address: &Id,
    ) -> Result<Result<PersonName, Stranger>, String> {
        self.refresh(desk)?;
        let mut found = self
            .known
            .iter()
            .filter(|(_, (_, addresses))| addresses.contains(address));
        Ok(match (found.next(), found.next()) {
            (Some((person, _)), None) => Ok(person.clone()),
            (None, _) => Err(Stranger::Nobody),
            (Some(_), Some(_)) => Err(Stranger::Several),
        })
    }

    /// Where these people are reached.
    ///
    /// # Errors
    /// When the record or the keystore can't be read.
    pub(super) fn addresses(
        &mut self,
        desk: &Desk,
        people: &[PersonName],
    ) -> Result<Vec<Id>, String> {
        self.refresh(desk)?;
        let known = people.iter().filter_map(|person| self.known.get(person));
        Ok(known.flat_map(|(_, all)| all.iter().cloned()).collect())
    }

    /// Reads what was said of people since the last time.
    fn refresh(&mut self, desk: &Desk) -> Result<(), String> {
        let present: Vec<(PersonName, ActId, u32)> = desk.read(|state| {
            let directory = &state.incidents.directory;
            let people = directory.people.iter();
            people
                .map(|(name, person)| {
                    let redactions = directory.redactions.get(name).copied().unwrap_or(0);
                    (name.clone(), person.registered_act, redactions)
                })
                .collect()
        });
        let is_present = |name: &PersonName| present.iter().any(|(known, ..)| known == name);
        if self.known.len() > present.len() {
            self.known.retain(|name, _| is_present(name));
        }
        for (name, act, redactions) in present {
            // What was erased is looked at each time: there is little of it.
            let fresh = self
                .known
                .get(&name)
                .is_some_and(|(known, _)| *known == act);
            if fresh && redactions == 0 {
                continue;
            }
            let addresses = match desk.act_called(&act)?.map(|act| act.body) {
                Some(Body::PersonRegistered(body)) => {
                    let places = body.places.iter();
                    let matrix = places.filter(|place| place.kind == PlaceKind::Matrix);
                    let text = matrix.filter_map(|place| place.address.readable());
                    let ids = text.filter_map(|text| text.as_str().parse::<Id>().ok());
                    ids.filter(Id::is_user).collect()
                }
                _ => Vec::new(),
            };
            self.known.insert(name, (act, addresses));
        }
        Ok(())
    }
}
