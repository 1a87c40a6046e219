//! What stands on the public status page, beside the words that incidents and maintenance say to the
//! public. Nothing here is sealed: the public reads it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Line, Name, Prose, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

use super::incident::Status;
use super::{nothing_sealed, words};

words! {
    /// How a component is, as the public was told (the words of the Statuspage v2 API).
    ComponentStatus {
        /// Nothing else was said.
        Operational = "operational",
        /// It is slow, or does less.
        DegradedPerformance = "degraded_performance",
        /// It fails for some.
        PartialOutage = "partial_outage",
        /// It fails for everybody.
        MajorOutage = "major_outage",
        /// It is being worked on as announced.
        UnderMaintenance = "under_maintenance",
    }

    /// How bad an incident is for the public (the words of the Statuspage v2 API).
    PublicImpact {
        /// Not noticeable.
        None = "none",
        /// Some notice it.
        Minor = "minor",
        /// Many do.
        Major = "major",
        /// Everybody does.
        Critical = "critical",
    }
}

/// What an update for the public says on the status page beside its text. What is left out stays as
/// the public was told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicWord {
    /// How components are from now on; at most 64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Name, ComponentStatus>,
    /// What the incident is called in public. Its own title never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<Line>,
    /// How bad it is for the public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<PublicImpact>,
    /// How far it is, as the public is told.
    pub status: Status,
    /// The same in other languages, by their tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Name, Translation>,
}

/// The words of an update or of planned work in another language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<Line>,
    /// What is said.
    pub text: Prose,
}

/// What the public is told of planned work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicPlan {
    /// What is worked on; at most 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub components: BTreeSet<Name>,
    /// What it is called in public.
    pub headline: Line,
    /// What people will notice.
    pub text: Prose,
    /// The same in other languages, by their tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Name, Translation>,
}

/// Something stands on the status page, or stands there otherwise from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentRegistered {
    /// What it is, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub descriptions: BTreeMap<Name, Line>,
    /// The component under which it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Where it stands among the others, from the top.
    pub position: u32,
    /// The services it stands for; at most 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// What it is called, by language; at least one.
    pub titles: BTreeMap<Name, Line>,
}

/// It stands on the status page no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentRemoved {}

/// For how much of a day hereby was there to hear that something is wrong. The rest is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageMeasured {
    /// How many of the day's minutes: 0 to 1,440.
    pub minutes: u16,
    /// When the day began (UTC).
    pub starts_at: Timestamp,
}

nothing_sealed!(ComponentRegistered, ComponentRemoved, PageMeasured);
