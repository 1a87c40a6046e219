//! The shape of the Statuspage v2 API, as its clients read it: `api/v2/*.json`.
//!
//! Names of fields, statuses and indicators are that API's. Its words are in the page's first
//! language, as is what people wrote.

use base::{Name, Timestamp};
use record::kinds::page::ComponentStatus;
use serde_json::{Value, json};

use crate::html::{Making, day, state, status_word, steps};
use crate::page::{
    Component, Phase, PublicIncident, PublicMaintenance, Word, component_id, short_hash,
};

/// What the API shows at most.
const SHOWN_MAX: usize = 50;

/// Every file, with its path below `api/v2/`.
pub(crate) fn files(making: Making<'_>) -> Vec<(&'static str, String)> {
    let shape = Shape {
        making,
        page_id: short_hash(&[b"hereby/page/1\0", making.options.url.as_bytes()]),
    };
    let page = shape.page();
    let status = shape.status();
    let components = shape.components();
    let unresolved = shape.incidents(|it| it.is_open());
    let phase = |it: &PublicMaintenance| it.phase(making.now);
    let upcoming = shape.maintenances(|it| phase(it) == Phase::Scheduled);
    let active = shape.maintenances(|it| phase(it) == Phase::InProgress);
    let ahead = shape.maintenances(|it| phase(it) != Phase::Completed);
    let all = [
        (
            "summary.json",
            json!({
                "page": page,
                "components": components,
                "incidents": unresolved,
                "scheduled_maintenances": ahead,
                "status": status,
            }),
        ),
        ("status.json", json!({"page": page, "status": status})),
        (
            "components.json",
            json!({"page": page, "components": components}),
        ),
        (
            "incidents.json",
            json!({"page": page, "incidents": shape.incidents(|_| true)}),
        ),
        (
            "incidents/unresolved.json",
            json!({"page": page, "incidents": unresolved}),
        ),
        (
            "scheduled-maintenances.json",
            json!({"page": page, "scheduled_maintenances": shape.maintenances(|_| true)}),
        ),
        (
            "scheduled-maintenances/upcoming.json",
            json!({"page": page, "scheduled_maintenances": upcoming}),
        ),
        (
            "scheduled-maintenances/active.json",
            json!({"page": page, "scheduled_maintenances": active}),
        ),
    ];
    all.into_iter()
        .map(|(path, value)| (path, value.to_string()))
        .collect()
}

struct Shape<'a> {
    making: Making<'a>,
    page_id: String,
}

impl Shape<'_> {
    fn page(&self) -> Value {
        json!({
            "id": self.page_id,
            "name": self.making.options.name,
            "url": self.making.options.url,
            "time_zone": "Etc/UTC",
            "updated_at": self.making.page.updated_at,
        })
    }

    fn status(&self) -> Value {
        let (indicator, description) = match state(self.making.page, self.making.now) {
            "well" => ("none", "All Systems Operational"),
            // The API has no indicator for these two: what is not listed is not known, and what is planned is no incident.
            "unknown" => ("none", "No Components Listed"),
            "maintenance" => ("none", "Service Under Maintenance"),
            "minor" => ("minor", "Minor Service Outage"),
            "major" => ("major", "Partial System Outage"),
            _ => ("critical", "Major Service Outage"),
        };
        json!({"indicator": indicator, "description": description})
    }

    fn components(&self) -> Value {
        let page = self.making.page;
        let all = page.in_order();
        all.iter()
            .map(|(name, it)| self.component(name, it))
            .collect()
    }

    fn component(&self, name: &Name, it: &Component) -> Value {
        let page = self.making.page;
        let description = self.making.of_language(&it.descriptions);
        let parts: Vec<String> = page
            .parts_of(name)
            .map(|(part, _)| component_id(part))
            .collect();
        let group = it.group.as_ref();
        let group = group.filter(|group| page.components.contains_key(*group));
        let mut value = json!({
            "id": component_id(name),
            "name": self.making.title(name),
            "status": page.status_with_parts(name, self.making.now).as_str(),
            "created_at": it.registered_at,
            "updated_at": self.changed_at(name, it),
            "position": it.position,
            "description": description.map(ToString::to_string),
            "showcase": true,
            "start_date": day(it.registered_at),
            "group_id": group.map(component_id),
            "page_id": self.page_id,
            "group": !parts.is_empty(),
            "only_show_if_degraded": false,
        });
        if let (Value::Object(fields), false) = (&mut value, parts.is_empty()) {
            fields.insert("components".to_owned(), json!(parts));
        }
        value
    }

    fn changed_at(&self, name: &Name, it: &Component) -> Timestamp {
        let words = self.making.page.incidents.values().flat_map(|it| &it.words);
        let said = words.filter(|word| word.changed.contains_key(name));
        let last = said.map(|word| word.at).max();
        last.unwrap_or(it.registered_at).max(it.registered_at)
    }

    fn incidents(&self, wanted: impl Fn(&PublicIncident) -> bool) -> Value {
        let all = self.making.page.incidents.values();
        let mut all: Vec<_> = all.filter(|it| wanted(it)).collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.created_at));
        all.truncate(SHOWN_MAX);
        all.into_iter().map(|it| self.incident(it)).collect()
    }

    fn incident(&self, it: &PublicIncident) -> Value {
        let words = it.words.iter().rev().map(|word| self.word(it, word));
        json!({
            "id": it.id,
            "name": self.making.headline(it).text,
            "status": status_word(it.status),
            "created_at": it.created_at,
            "updated_at": it.updated_at,
            "monitoring_at": it.monitoring_at,
            "resolved_at": it.resolved_at,
            "impact": it.impact.as_str(),
            "shortlink": format!("{}/incidents/{}.html", self.making.options.url, it.id),
            "started_at": it.created_at,
            "page_id": self.page_id,
            "incident_updates": words.collect::<Value>(),
            "components": self.named(it.components.keys()),
        })
    }

    fn word(&self, it: &PublicIncident, word: &Word) -> Value {
        let affected = |(name, (was, is)): (&Name, &(ComponentStatus, ComponentStatus))| {
            Some(json!({
                "code": component_id(name),
                "name": self.making.title(name)?,
                "old_status": was.as_str(),
                "new_status": is.as_str(),
            }))
        };
        let affected: Vec<Value> = word.changed.iter().filter_map(affected).collect();
        json!({
            "id": word.act.to_string(),
            "status": status_word(word.status),
            "body": self.making.text(word).text,
            "incident_id": it.id,
            "created_at": word.at,
            "updated_at": word.at,
            "display_at": word.at,
            "affected_components": affected,
        })
    }

    /// Components as they are now, for those that something names.
    fn named<'n>(&self, names: impl Iterator<Item = &'n Name>) -> Value {
        names
            .filter_map(|name| {
                let component = self.making.page.components.get(name)?;
                Some(self.component(name, component))
            })
            .collect()
    }

    fn maintenances(&self, wanted: impl Fn(&PublicMaintenance) -> bool) -> Value {
        let all = self.making.page.maintenances.values();
        let mut all: Vec<_> = all.filter(|it| wanted(it)).collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.starts_at));
        all.truncate(SHOWN_MAX);
        all.into_iter().map(|it| self.maintenance(it)).collect()
    }

    fn maintenance(&self, it: &PublicMaintenance) -> Value {
        let (headline, _) = self.making.plan(it);
        let phase = it.phase(self.making.now);
        let steps = steps(self.making, it);
        let updated_at = steps.last().map_or(it.announced_at, |step| step.at);
        let updates = steps.iter().rev().map(|step| {
            json!({
                "id": format!("{}-{}", it.id, step.phase.as_str()),
                "status": step.phase.as_str(),
                "body": step.text.text,
                "incident_id": it.id,
                "created_at": step.at,
                "updated_at": step.at,
                "display_at": step.at,
                "affected_components": [],
            })
        });
        json!({
            "id": it.id,
            "name": headline.text,
            "status": phase.as_str(),
            "created_at": it.announced_at,
            "updated_at": updated_at,
            "monitoring_at": null,
            "resolved_at": (phase == Phase::Completed).then(|| it.over_at()),
            "impact": "maintenance",
            "shortlink": format!("{}/maintenance/{}.html", self.making.options.url, it.id),
            "started_at": it.starts_at,
            "page_id": self.page_id,
            "incident_updates": updates.collect::<Value>(),
            "components": self.named(it.components.iter()),
            "scheduled_for": it.starts_at,
            "scheduled_until": it.ends_at,
        })
    }
}
