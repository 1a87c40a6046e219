//! What people ask for about the public status page.

use std::collections::{BTreeMap, BTreeSet};

use base::{Line, Name, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::kinds::incident::Status;
use crate::kinds::page::{ComponentStatus, PublicImpact, Translation};

forms! {
    /// Makes a component of the status page known, or changes what is known of it.
    RegisterComponent {
        /// What it is called in commands.
        component: Name,
        /// What it is, by language.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        descriptions: BTreeMap<Name, Line>,
        /// The component under which it stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Name>,
        /// Where it stands among the others, from the top; at the end without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u32>,
        /// The services it stands for; at most 64.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        services: BTreeSet<ServiceName>,
        /// What it is called, by language; at least one.
        titles: BTreeMap<Name, Line>,
    }
    /// Takes a component from the status page.
    RemoveComponent {
        /// Which.
        component: Name,
    }
    /// Says for how much of a past day hereby was there to hear that something is wrong.
    MeasurePage {
        /// How many of the day's minutes: 0 to 1,440.
        minutes: u16,
        /// When the day began (UTC).
        starts_at: Timestamp,
    }
}

/// What an update says on the status page beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageWord {
    /// How components are from now on; at most 64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Name, ComponentStatus>,
    /// What the incident is called in public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<Line>,
    /// How bad it is for the public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<PublicImpact>,
    /// How far it is, as the public is told; the incident's own status without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The same in other languages, by their tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Name, Translation>,
}
