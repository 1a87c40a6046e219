//! What stands on the public status page: its components, what may be said there, and for how much
//! of each day anybody was listening.
//!
//! Here is only what decisions need. The page itself is folded and made in `status`.

use std::collections::BTreeMap;

use base::{Name, Timestamp};
use language::Language;
use record::act::{Act, Subject};
use record::command::{MeasurePage, PageWord, RegisterComponent, Verb};
use record::kinds::Body;
use record::kinds::incident::{Audience, Status};
use record::kinds::page::{
    ComponentRegistered, ComponentRemoved, ComponentStatus, PageMeasured, PublicPlan, PublicWord,
    Translation,
};
use serde::{Deserialize, Serialize};

use crate::commands::Decision;
use crate::incidents::Summary;
use crate::refusal::{at_most, out_of_range, wrong_state};
use crate::{Context, Draft, Reason, Refusal};

const COMPONENTS_MAX: usize = 200;
const AT_ONCE_MAX: usize = 64;
const POSITION_MAX: u32 = 1_000_000;
const DAY_MS: i64 = 86_400_000;
const MINUTES_OF_A_DAY: u16 = 1_440;
/// Days for which somebody said how much of them was measured: a page shows 90.
const MEASURED_DAYS_MAX: usize = 100;

/// Components of the status page, and the days that were measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageBook {
    /// The component under which each stands, if there is one.
    pub components: BTreeMap<Name, Placed>,
    /// Minutes that were measured, by the day's first instant; the last 100 days.
    pub measured: BTreeMap<Timestamp, u16>,
}

/// Where a component stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The component under which it stands.
    pub group: Option<Name>,
    /// Where it stands among the others.
    pub position: u32,
}

impl PageBook {
    pub(crate) fn apply(&mut self, act: &Act) {
        match (&act.subject, &act.body) {
            (Subject::Component(name), Body::ComponentRegistered(registered)) => {
                let placed = Placed {
                    group: registered.group.clone(),
                    position: registered.position,
                };
                self.components.insert(name.clone(), placed);
            }
            (Subject::Component(name), Body::ComponentRemoved(_)) => {
                self.components.remove(name);
            }
            (Subject::Page, Body::PageMeasured(measured)) => {
                self.measured.insert(measured.starts_at, measured.minutes);
                while self.measured.len() > MEASURED_DAYS_MAX {
                    self.measured.pop_first();
                }
            }
            _ => {}
        }
    }

    /// Decides on a command about the page itself; `None` for those about anything else.
    pub(crate) fn decide(&self, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
        Some(match verb {
            Verb::RegisterComponent(verb) => self.register(verb),
            Verb::RemoveComponent(verb) => self.remove(&verb.component),
            Verb::MeasurePage(verb) => self.measure(verb, context),
            _ => return None,
        })
    }

    fn register(&self, verb: &RegisterComponent) -> Decision {
        let name = &verb.component;
        let more = usize::from(!self.components.contains_key(name));
        at_most("components", self.components.len() + more, COMPONENTS_MAX)?;
        at_most(
            "services of one component",
            verb.services.len(),
            AT_ONCE_MAX,
        )?;
        if verb.titles.is_empty() {
            return out_of_range("a component has a title in at least one language".to_owned());
        }
        verb.titles.keys().try_for_each(is_language)?;
        verb.descriptions.keys().try_for_each(is_language)?;
        if let Some(group) = &verb.group {
            let above = self.known(group)?;
            if group == name || above.group.is_some() || self.stands_above(name) {
                return out_of_range("groups of components are one deep".to_owned());
            }
        }
        let last = || {
            let others = self.components.values().map(|placed| placed.position);
            others.max().map_or(0, |last| last.saturating_add(1))
        };
        let before = self.components.get(name).map(|placed| placed.position);
        let position = verb.position.or(before).unwrap_or_else(last);
        if position > POSITION_MAX {
            return out_of_range(format!("a position is at most {POSITION_MAX}"));
        }
        let body = ComponentRegistered {
            descriptions: verb.descriptions.clone(),
            group: verb.group.clone(),
            position,
            services: verb.services.clone(),
            titles: verb.titles.clone(),
        };
        one(Subject::Component(name.clone()), body)
    }

    fn remove(&self, name: &Name) -> Decision {
        self.known(name)?;
        if self.stands_above(name) {
            return wrong_state(format!(
                "other components stand under {name}: remove or move them first"
            ));
        }
        one(Subject::Component(name.clone()), ComponentRemoved {})
    }

    fn measure(&self, verb: &MeasurePage, context: &Context<'_>) -> Decision {
        let age_ms = context.now.ms_since(verb.starts_at);
        let whole = verb.starts_at.as_ms().rem_euclid(DAY_MS) == 0;
        let kept = i64::try_from(MEASURED_DAYS_MAX).unwrap_or(i64::MAX);
        if !whole || !(DAY_MS..=kept * DAY_MS).contains(&age_ms) {
            return out_of_range(
                "starts_at is the first instant (UTC) of a day that is over, of the last 100"
                    .to_owned(),
            );
        }
        if verb.minutes > MINUTES_OF_A_DAY {
            return out_of_range(format!("a day has {MINUTES_OF_A_DAY} minutes"));
        }
        if self.measured.contains_key(&verb.starts_at) {
            return wrong_state("this was said of that day already".to_owned());
        }
        let body = PageMeasured {
            minutes: verb.minutes,
            starts_at: verb.starts_at,
        };
        one(Subject::Page, body)
    }

    fn stands_above(&self, name: &Name) -> bool {
        let mut all = self.components.values();
        all.any(|placed| placed.group.as_ref() == Some(name))
    }

    fn known(&self, name: &Name) -> Result<&Placed, Refusal> {
        self.components.get(name).ok_or_else(|| {
            Refusal::new(
                Reason::NotFound,
                format!("there is no component {name}: hereby component list"),
            )
        })
    }

    /// What an update says on the page.
    pub(crate) fn word(
        &self,
        asked: Option<&PageWord>,
        audience: Audience,
        status: Status,
        summary: &Summary,
    ) -> Result<Option<PublicWord>, Refusal> {
        if audience != Audience::Public {
            return match asked {
                None => Ok(None),
                Some(_) => Err(Refusal::new(
                    Reason::OutOfRange,
                    "what is said to insiders does not stand on the status page: say it to the \
                     public",
                )),
            };
        }
        if summary.drill {
            return match asked {
                None => Ok(None),
                Some(_) => Err(Refusal::new(
                    Reason::WrongState,
                    "a drill never stands on the status page",
                )),
            };
        }
        let asked = asked.cloned().unwrap_or_default();
        at_most("components", asked.components.len(), AT_ONCE_MAX)?;
        for (name, said) in &asked.components {
            self.known(name)?;
            if *said == ComponentStatus::UnderMaintenance {
                return Err(Refusal::new(
                    Reason::OutOfRange,
                    "maintenance is announced: hereby maintenance schedule --headline …",
                ));
            }
        }
        check_translations(&asked.translations)?;
        Ok(Some(PublicWord {
            components: asked.components,
            headline: asked.headline,
            impact: asked.impact,
            status: asked.status.unwrap_or(status),
            translations: asked.translations,
        }))
    }

    /// Whether planned work can be told to the public so.
    pub(crate) fn check_plan(&self, plan: &PublicPlan) -> Result<(), Refusal> {
        at_most("components", plan.components.len(), AT_ONCE_MAX)?;
        for name in &plan.components {
            self.known(name)?;
        }
        check_translations(&plan.translations)
    }
}

fn check_translations(translations: &BTreeMap<Name, Translation>) -> Result<(), Refusal> {
    translations.keys().try_for_each(is_language)
}

fn is_language(tag: &Name) -> Result<(), Refusal> {
    match tag.as_str().parse::<Language>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(Reason::OutOfRange, error.to_string())),
    }
}

fn one(subject: Subject, body: impl Into<Body>) -> Decision {
    Ok(vec![Draft::new(subject, body)])
}
