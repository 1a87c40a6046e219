//! Who outside is told what is said to the public: people by mail, programs by webhook.
//!
//! Where they are told is sealed on the record and is not in this state; whoever delivers reads it
//! from the act that confirmed them. Numbers are given once, so that what left is known from how
//! many ever came. That an address is confirmed, and known only once, is seen to by whoever asks:
//! the fold can't read it.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Actor, Line, Name};
use record::act::{Act, Subject};
use record::command::{ChangeSubscriber, ConfirmSubscriber, Verb};
use record::kinds::Body;
use record::kinds::subscriber::{
    Channel, SubscriberChanged, SubscriberConfirmed, SubscriberRemoved,
};
use serde::{Deserialize, Serialize};

use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::{Context, Draft, Reason, Refusal};

/// The most subscribers at once.
const SUBSCRIBERS_MAX: usize = 100_000;

/// The most components that one subscriber names.
pub const COMPONENTS_OF_ONE_MAX: usize = 32;

/// The languages in which subscribers are told, as on the record (RFC 5646).
pub const LANGUAGES: &[&str] = &["en", "de"];

/// Everybody who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribers {
    /// By number.
    pub known: BTreeMap<u32, Subscriber>,
    /// How many there ever were.
    pub made: u32,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// The act that confirmed them: it has the address, sealed.
    pub confirmed_act: ActId,
    /// How they are told.
    pub channel: Channel,
    /// What of; none: everything.
    pub components: BTreeSet<Name>,
    /// In which language.
    pub language: Name,
}

impl Subscriber {
    /// Whether they are told of something that is about these components; none: about everything.
    pub fn wants(&self, about: &BTreeSet<Name>) -> bool {
        self.components.is_empty() || about.is_empty() || !self.components.is_disjoint(about)
    }
}

/// What the subscriber with this number is called: `sub-7`.
pub fn subscriber_name(number: u32) -> Name {
    format!("sub-{number}")
        .parse()
        .expect("a short word and a number")
}

/// The number of the subscriber with this name, if it is one.
pub fn subscriber_number(name: &Name) -> Option<u32> {
    let number: u32 = name.as_str().strip_prefix("sub-")?.parse().ok()?;
    (subscriber_name(number) == *name).then_some(number)
}

impl Subscribers {
    pub(crate) fn apply(&mut self, name: &Name, act: &Act) {
        let Some(number) = subscriber_number(name) else {
            return;
        };
        match &act.body {
            Body::SubscriberConfirmed(confirmed) => {
                self.made = self.made.max(number);
                let subscriber = Subscriber {
                    confirmed_act: act.id,
                    channel: confirmed.channel,
                    components: confirmed.components.clone(),
                    language: confirmed.language.clone(),
                };
                self.known.insert(number, subscriber);
            }
            Body::SubscriberChanged(changed) => {
                if let Some(known) = self.known.get_mut(&number) {
                    known.components = changed.components.clone();
                    known.language = changed.language.clone();
                }
            }
            Body::SubscriberRemoved(_) => {
                self.known.remove(&number);
            }
            _ => {}
        }
    }

    /// Everybody who left.
    pub fn gone(&self) -> impl Iterator<Item = Name> {
        let gone = (1..=self.made).filter(|number| !self.known.contains_key(number));
        gone.map(subscriber_name)
    }

    /// The subscriber with this name.
    ///
    /// # Errors
    /// When there is none, or not any more.
    pub fn named(&self, name: &Name) -> Result<&Subscriber, Refusal> {
        let known = subscriber_number(name).and_then(|number| self.known.get(&number));
        known.ok_or_else(|| {
            Refusal::new(
                Reason::NotFound,
                format!("there is no subscriber {name}, or they left: hereby subscribers"),
            )
        })
    }

    /// Decides on a command about subscribers; `None` for those about anything else.
    pub(crate) fn decide(
        &self,
        verb: &Verb,
        context: &Context<'_>,
    ) -> Option<Result<Vec<Draft>, Refusal>> {
        Some(match verb {
            Verb::ConfirmSubscriber(verb) => self.confirm(verb, context),
            Verb::ChangeSubscriber(verb) => self.change(verb),
            Verb::RemoveSubscriber(verb) => self
                .named(&verb.subscriber)
                .map(|_| draft(&verb.subscriber, SubscriberRemoved {})),
            _ => return None,
        })
    }

    fn confirm(
        &self,
        verb: &ConfirmSubscriber,
        context: &Context<'_>,
    ) -> Result<Vec<Draft>, Refusal> {
        if !matches!(context.actor, Actor::System { .. }) {
            needs_reason(context, "a subscriber who did not confirm it themselves")?;
        }
        at_most("subscribers", self.known.len() + 1, SUBSCRIBERS_MAX)?;
        is_address(verb.channel, &verb.address)?;
        are_wishes(&verb.components, &verb.language)?;
        let Some(number) = self.made.checked_add(1) else {
            return Err(Refusal::new(Reason::TooMany, "no number is left"));
        };
        let body = SubscriberConfirmed {
            address: verb.address.clone().into(),
            channel: verb.channel,
            components: verb.components.clone(),
            language: verb.language.clone(),
        };
        Ok(draft(&subscriber_name(number), body))
    }

    fn change(&self, verb: &ChangeSubscriber) -> Result<Vec<Draft>, Refusal> {
        let known = self.named(&verb.subscriber)?;
        are_wishes(&verb.components, &verb.language)?;
        if known.components == verb.components && known.language == verb.language {
            return wrong_state(format!("{} has it so already", verb.subscriber));
        }
        let body = SubscriberChanged {
            components: verb.components.clone(),
            language: verb.language.clone(),
        };
        Ok(draft(&verb.subscriber, body))
    }
}

/// What is plainly no address is refused here; whoever delivers parses it.
fn is_address(channel: Channel, address: &Line) -> Result<(), Refusal> {
    let text = address.as_str();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = match channel {
        Channel::Mail => text.split('@').count() == 2,
        Channel::Webhook => text.starts_with("https://"),
    };
    match visible && fits {
        true => Ok(()),
        false => out_of_range(match channel {
            Channel::Mail => "a mail address is written sam@example.org".to_owned(),
            Channel::Webhook => {
                "a webhook is a URL: https://example.org/status, at most 200 bytes".to_owned()
            }
        }),
    }
}

fn are_wishes(components: &BTreeSet<Name>, language: &Name) -> Result<(), Refusal> {
    at_most("components", components.len(), COMPONENTS_OF_ONE_MAX)?;
    match LANGUAGES.contains(&language.as_str()) {
        true => Ok(()),
        false => out_of_range(format!(
            "subscribers are told in one of these languages: {}",
            LANGUAGES.join(", ")
        )),
    }
}

fn draft(name: &Name, body: impl Into<Body>) -> Vec<Draft> {
    vec![Draft::new(Subject::Subscriber(name.clone()), body)]
}
