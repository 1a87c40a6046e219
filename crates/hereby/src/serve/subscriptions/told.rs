//! What the public was told of an incident: what it is called, what it is about, and in which words.
//!
//! What an update leaves out stays as it was said before. So an update stands for all of them up to
//! itself, and says the same whenever it is read again.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, IncidentId, Name};
use engine::ports::{Entries, ReadError};
use incident::{Reason, Refusal};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::incident::Audience;

use super::Subscriptions;
use super::letters::Said;

/// The acts on one incident that are looked at for what was said to the public, from its first.
const LOOKED_AT_MAX: usize = 10_000;

/// Of them, and of a component's, read at once.
const READ_AT_ONCE: usize = 1_000;

/// The most components that one notice names: what is about more concerns everybody.
const COMPONENTS_MAX: usize = 64;

/// What stands for an incident in public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// What it is called.
    pub(super) headline: Option<String>,
    /// The same in other languages, by their tags.
    pub(super) headlines: BTreeMap<String, String>,
    /// Every component that was named.
    components: BTreeSet<Name>,
}

impl Told {
    /// As it stands with this update, which is the entry at `index`.
    ///
    /// # Errors
    /// When what was said before can't be read.
    pub(super) fn with(entries: &dyn Entries, index: u64, update: &Act) -> Result<Told, ReadError> {
        let mut told = Told::default();
        if let Subject::Incident(incident) = update.subject {
            public_updates(entries, incident, index, &mut |act| told.hear(&act))?;
        }
        told.hear(update);
        Ok(told)
    }

    fn hear(&mut self, act: &Act) {
        let Body::IncidentUpdated(updated) = &act.body else {
            return;
        };
        let Some(word) = &updated.page else {
            return;
        };
        let headline = word.headline.as_ref().map(ToString::to_string);
        if headline.is_some() && headline != self.headline {
            self.headline = headline;
            // They say in other words what it is not called any more.
            self.headlines.clear();
        }
        for (tag, translation) in &word.translations {
            if let Some(headline) = &translation.headline {
                self.headlines.insert(tag.to_string(), headline.to_string());
            }
        }
        self.components.extend(word.components.keys().cloned());
    }

    /// What it is about; none: everything.
    pub(super) fn components(&self) -> BTreeSet<Name> {
        match self.components.len() {
            0..=COMPONENTS_MAX => self.components.clone(),
            _ => BTreeSet::new(),
        }
    }
}

/// Shows the updates of an incident for the public that stand before an entry, in order.
fn public_updates(
    entries: &dyn Entries,
    incident: IncidentId,
    before: u64,
    visit: &mut dyn FnMut(Act),
) -> Result<(), ReadError> {
    let subject = Subject::Incident(incident);
    let mut from = 0;
    for _ in 0..LOOKED_AT_MAX.div_ceil(READ_AT_ONCE) {
        let indexes = entries.of_subject(&subject, from, READ_AT_ONCE)?;
        let Some(end) = indexes.last() else { break };
        from = end + 1;
        for index in indexes.into_iter().filter(|index| *index < before) {
            let entry = entries.entry(index)?.unwrap_or_default();
            if let Some(act) = Act::decode(&entry).ok().filter(is_public) {
                visit(act);
            }
        }
        if from >= before {
            break;
        }
    }
    Ok(())
}

/// What a component is called, by language; none: that can't be read.
fn titles(entries: &dyn Entries, component: &Name) -> Option<BTreeMap<Name, base::Line>> {
    let subject = Subject::Component(component.clone());
    let indexes = entries.of_subject(&subject, 0, READ_AT_ONCE).ok()?;
    indexes.into_iter().rev().find_map(|index| {
        let act = Act::decode(&entries.entry(index).ok()??).ok()?;
        match act.body {
            Body::ComponentRegistered(registered) => Some(registered.titles),
            _ => None,
        }
    })
}

pub(super) fn is_public(act: &Act) -> bool {
    matches!(
        &act.body,
        Body::IncidentUpdated(updated) if updated.audience == Audience::Public
    )
}

fn unread(why: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(
        Reason::Overloaded,
        format!("what was said can't be read: {why}"),
    )
}

impl Subscriptions {
    /// The update with this id, open, and where it stands.
    fn public_update(&self, update: ActId) -> Result<(u64, Act), Refusal> {
        let missing = || {
            Refusal::new(
                Reason::NotFound,
                format!("there is no update {update} for the public"),
            )
        };
        let entries = self.engine.entries();
        let index = entries.find_act(&update).map_err(|error| unread(&error))?;
        let index = index.ok_or_else(missing)?;
        let entry = entries.entry(index).map_err(|error| unread(&error))?;
        let mut act = Act::decode(&entry.ok_or_else(missing)?).map_err(|error| unread(&error))?;
        let keystore = self.book.keystore();
        let opened = act.open(&mut |name| keystore.key(name).ok().flatten());
        opened.map_err(|error| unread(&error))?;
        match is_public(&act) {
            true => Ok((index, act)),
            false => Err(missing()),
        }
    }

    /// What an act said to the public, and of which components: those that somebody chose, or those
    /// that stand for the incident.
    pub(super) fn said(
        &self,
        update: ActId,
        chosen: Option<&BTreeSet<Name>>,
    ) -> Result<Said, Refusal> {
        let (index, act) = self.public_update(update)?;
        let (Subject::Incident(incident), Body::IncidentUpdated(updated)) =
            (&act.subject, &act.body)
        else {
            return Err(unread(&"it is no update of an incident"));
        };
        let text = updated.text.readable().ok_or_else(|| {
            Refusal::new(
                Reason::WrongState,
                "the text of this update was erased, or its key is not here",
            )
        })?;
        let word = updated.page.as_ref();
        let view = self.engine.view();
        let status = view.read(|state| state.incidents.summary(*incident).map(|it| it.status));
        let status = word.map(|word| word.status).or(status);
        let entries = self.engine.entries().as_ref();
        let (told, components) = match (Told::with(entries, index, &act), chosen) {
            (Ok(told), chosen) => {
                let components = chosen.cloned().unwrap_or_else(|| told.components());
                (told, components)
            }
            // Who gets it is known: what it was called before holds nobody up.
            (Err(error), Some(chosen)) => {
                tracing::warn!(%error, %update, "what was said before an update can't be read");
                let mut told = Told::default();
                told.hear(&act);
                (told, chosen.clone())
            }
            (Err(error), None) => return Err(unread(&error)),
        };
        let titled = components
            .iter()
            .filter_map(|name| Some((name.clone(), titles(entries, name)?)));
        let translations = word.map(|word| &word.translations).into_iter().flatten();
        Ok(Said {
            incident: *incident,
            // What the public is told of it, where it was told.
            status: status.ok_or_else(|| unread(&"its incident is not known"))?,
            update,
            at: act.at,
            headline: told.headline,
            headlines: told.headlines,
            text: text.to_string(),
            texts: translations
                .map(|(tag, it)| (tag.to_string(), it.text.to_string()))
                .collect(),
            titles: titled.collect(),
            components,
        })
    }

    /// The last update of an incident for the public.
    pub(super) fn last_update(&self, incident: IncidentId) -> Result<ActId, Refusal> {
        let mut last = None;
        let entries = self.engine.entries().as_ref();
        public_updates(entries, incident, u64::MAX, &mut |act| last = Some(act.id))
            .map_err(|error| unread(&error))?;
        last.ok_or_else(|| {
            Refusal::new(
                Reason::WrongState,
                format!("nothing was said of {incident} to the public yet: hereby update"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use base::{Actor, CommandDigest, Proof, Timestamp};
    use record::act::{Evidence, act_id};
    use record::kinds::page::ComponentRegistered;
    use serde_json::{Value, json};

    use super::*;

    /// A record in memory.
    struct Acts(Vec<Act>);

    impl Entries for Acts {
        fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
            let act = self.0.get(usize::try_from(index).unwrap());
            Ok(act.map(|act| act.encode().unwrap()))
        }
        fn find_act(&self, _: &ActId) -> Result<Option<u64>, ReadError> {
            Ok(None)
        }
        fn of_subject(&self, of: &Subject, from: u64, max: usize) -> Result<Vec<u64>, ReadError> {
            let all = (0..).zip(&self.0);
            let all = all.filter(|(index, act)| *index >= from && act.subject == *of);
            Ok(all.map(|(index, _)| index).take(max).collect())
        }
        fn scan(&self, _: u64, _: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
            Ok(())
        }
        fn publish(&self, _: u64, _: &[Act]) {}
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
    }

    fn act(number: usize, subject: Subject, body: Body) -> Act {
        Act {
            id: act_id(&format!("cmd-{number}").parse().unwrap(), 0),
            at: Timestamp::from_ms(1_513_841_400_000),
            claimed_at: None,
            actor: Actor::System {
                id: "recovery".parse().unwrap(),
            },
            evidence: Evidence {
                digest: CommandDigest::from_bytes([7; 16]),
                proof: Proof::Internal,
                signed: None,
            },
            subject,
            tenant: None,
            cause: None,
            why: None,
            body,
        }
    }

    /// One update after the other: of which incident, to whom, and what it says on the page.
    fn record(updates: &[(u64, &str, Value)]) -> Acts {
        let acts = updates
            .iter()
            .enumerate()
            .map(|(number, (incident, to, page))| {
                let mut body = json!({"audience": to, "text": "It is stuck."});
                if !page.is_null() {
                    body["page"] = page.clone();
                    body["page"]["status"] = json!("identified");
                }
                let subject = Subject::Incident(format!("INC-{incident}").parse().unwrap());
                let updated = serde_json::from_value(body).unwrap();
                act(number, subject, Body::IncidentUpdated(updated))
            });
        Acts(acts.collect())
    }

    fn told(acts: &Acts, index: usize) -> Told {
        Told::with(acts, index as u64, &acts.0[index]).unwrap()
    }

    fn names(told: &Told) -> Vec<String> {
        told.components().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_an_update_leaves_out_stays_as_it_was_said_before() {
        let german = json!({"de": {"headline": "Kasse gestört", "text": "Es klemmt."}});
        let acts = record(&[
            (1, "public", json!({})),
            (
                1,
                "public",
                json!({
                    "headline": "Checkout fails", "components": {"checkout": "major_outage"},
                    "translations": german,
                }),
            ),
            (
                2,
                "public",
                json!({"components": {"search": "major_outage"}}),
            ),
            (1, "insiders", Value::Null),
            (1, "public", Value::Null),
            (
                1,
                "public",
                json!({"components": {"api": "partial_outage"}}),
            ),
            (1, "public", json!({"headline": "Nothing can be paid"})),
        ]);
        assert_eq!(
            told(&acts, 0),
            Told::default(),
            "what comes later is not in it"
        );
        for index in [1, 4] {
            let told = told(&acts, index);
            assert_eq!(names(&told), ["checkout"]);
            assert_eq!(told.headline.as_deref(), Some("Checkout fails"));
            assert_eq!(told.headlines["de"], "Kasse gestört");
        }
        assert_eq!(names(&told(&acts, 5)), ["api", "checkout"]);
        let last = told(&acts, 6);
        assert_eq!(names(&last), ["api", "checkout"]);
        assert_eq!(last.headline.as_deref(), Some("Nothing can be paid"));
        assert!(last.headlines.is_empty(), "that was said of another one");
        assert_eq!(names(&told(&acts, 2)), ["search"]);
    }

    #[test]
    fn what_is_about_more_than_a_notice_can_name_concerns_everybody() {
        let of = |count: usize| {
            let all: BTreeMap<String, &str> = (0..count)
                .map(|number| (format!("c{number}"), "major_outage"))
                .collect();
            (1, "public", json!({"components": all}))
        };
        assert_eq!(names(&told(&record(&[of(64)]), 0)).len(), 64);
        assert!(names(&told(&record(&[of(65)]), 0)).is_empty());
    }

    #[test]
    fn a_component_is_called_what_it_was_called_last() {
        let name: Name = "checkout".parse().unwrap();
        let registered = |title: &str| ComponentRegistered {
            descriptions: BTreeMap::new(),
            group: None,
            position: 0,
            services: BTreeSet::new(),
            titles: [("en".parse().unwrap(), title.parse().unwrap())].into(),
        };
        let bodies = ["Shop", "Checkout"].map(|title| Body::ComponentRegistered(registered(title)));
        let acts = bodies.into_iter().enumerate();
        let subject = || Subject::Component(name.clone());
        let acts = Acts(acts.map(|(at, body)| act(at, subject(), body)).collect());
        let found = titles(&acts, &name).unwrap();
        assert_eq!(found.values().next().unwrap().as_str(), "Checkout");
        assert_eq!(titles(&acts, &"search".parse().unwrap()), None);
    }
}
