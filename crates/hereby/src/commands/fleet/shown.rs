//! The fleet, versions and deployments as people read them.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{Name, Tenant};
use serde_json::json;

use super::{Deployment, Edge, Fleet, Known, Looked, Said, hex, short, source};
use crate::cli::fleet::FleetArgs;
use crate::client::Client;
use crate::commands::{Session, wire};
use crate::exit::Failure;
use crate::say::{Line, Style, counted, duration, stamp, table};

const AGAIN: Duration = Duration::from_secs(1);

impl Session<'_> {
    /// What a version would change, for whom, and how it would go out.
    pub(super) fn shown_before(&self, looked: &Looked<'_>) -> Result<(), Failure> {
        let (affected, all) = looked.tenants;
        let changes: Vec<&str> = looked.changes.iter().map(|part| part.as_str()).collect();
        if self.out.is_json() {
            let reached = looked.plan.edges_reached(&source::cells(looked.fleet));
            let stages = looked.plan.stages.iter().zip(reached);
            return self.out.json(&json!({
                "version": hex(looked.digest),
                "replaces": looked.replaces,
                "changes": changes,
                "tenants_affected": affected,
                "tenants": all,
                "requests_affected": looked.traffic.as_ref().map(|share| share.requests),
                "requests": looked.traffic.as_ref().map(|share| share.all),
                "requests_measured_ms": looked.traffic.as_ref().map(|share| share.measured_ms),
                "stages": stages.map(|(stage, edges)| json!({
                    "cells": stage.cells,
                    "edges_reached": edges,
                    "time_ms_min": stage.time_ms_min,
                    "requests_min": stage.requests_min,
                })).collect::<Vec<_>>(),
            }));
        }
        self.out
            .lines(&source::differences(looked.before, looked.after))?;
        let replaces = looked.replaces.map_or_else(
            || "the first version".to_owned(),
            |current| format!("replaces {}", short(current)),
        );
        self.out.data(
            Line::new()
                .styled(Style::Bold, short(&hex(looked.digest)))
                .text(format!(" {replaces}, changes {}", changes.join(", "))),
        )?;
        let stages = looked.plan.stages.iter();
        let cells: BTreeSet<&Name> = stages.flat_map(|stage| &stage.cells).collect();
        let traffic = looked.traffic.as_ref().map_or_else(String::new, |share| {
            let time = match share.measured_ms {
                3_600_000.. => "the last hour".to_owned(),
                less => format!("the last {}", duration(less)),
            };
            format!(", {} % of requests in {time}", share.percent())
        });
        self.out.data(format!(
            "affected: {affected} of {}, in {}{traffic}",
            counted(all, "tenant"),
            counted(cells.len(), "cell"),
        ))?;
        crate::rollout::shown(looked.plan, &source::cells(looked.fleet), self.out)
    }

    pub(super) async fn fleet(&self, args: FleetArgs) -> Result<(), Failure> {
        loop {
            let fleet = self.read_fleet().await?;
            let edges = self.list("/api/v1/edges", "after").await?;
            if self.out.is_json() {
                let shown: serde_json::Value = self.client.read("/api/v1/fleet").await?;
                self.out.json(&json!({ "fleet": shown, "edges": edges }))?;
            } else {
                let edges: Vec<Edge> = wire::typed(&edges)?;
                self.out.lines(&self.about(&fleet, &edges))?;
            }
            if !args.watch {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn about(&self, fleet: &Fleet, edges: &[Edge]) -> Vec<Line> {
        let mut lines = Vec::new();
        if let Some(said) = &fleet.frozen {
            let frozen = Line::new().styled(Style::Warning, "frozen");
            lines.push(frozen.text(format!(": nothing new goes out, {}", by(said))));
        }
        lines.push(match fleet.current.as_deref() {
            Some(current) => Line::new()
                .styled(Style::Bold, short(current))
                .text(" is what was fully deployed last"),
            None => Line::new().text("no version was fully deployed yet"),
        });
        let own = fleet.tenants.iter();
        for (own, version) in own.filter_map(|own| Some((own, own.version.as_deref()?))) {
            let cells: Vec<&str> = own.cells.iter().map(Name::as_str).collect();
            let text = format!(" is {}'s own, in {}", own.tenant, cells.join(", "));
            lines.push(Line::new().styled(Style::Bold, short(version)).text(text));
        }
        for deployment in &fleet.deployments {
            lines.extend(self.going(deployment));
        }
        for lease in &fleet.leases {
            lines.push(
                Line::new()
                    .styled(Style::Warning, short(&lease.version))
                    .text(format!(
                        " is not brought out again before {}, {}",
                        stamp(lease.ends_at),
                        by(&lease.said)
                    )),
            );
        }
        let rows = edges.iter().map(|edge| self.edge(fleet, edge)).collect();
        let header = [
            "EDGE", "CELL", "RING", "TOLD", "RUNS", "STANDING", "HEARD", "FAILED", "PROGRAM",
        ];
        lines.extend(table(&header, rows, self.out.width()));
        if edges.is_empty() {
            lines.push(Line::new().styled(Style::Dim, "no edge is enrolled: hereby edge invite"));
        }
        let waiting = fleet.invitations.len();
        if waiting > 0 {
            let text = format!("{} not taken up yet", counted(waiting, "invitation"));
            lines.push(Line::new().styled(Style::Dim, text));
        }
        lines
    }

    /// A version on its way, with how far it is.
    fn going(&self, deployment: &Deployment) -> Vec<Line> {
        let count = deployment.stages.len();
        let place = usize::try_from(deployment.stage).unwrap_or(0);
        let held_ms = Client::now().ms_since(deployment.stage_at).max(0);
        let style = match deployment.standing.as_str() {
            "paused" => Style::Warning,
            _ => Style::Good,
        };
        let mut line = Line::new()
            .styled(Style::Bold, deployment.deployment.to_string())
            .text(format!(
                ": {}{} ",
                whose(deployment.tenant.as_ref()),
                short(&deployment.version)
            ))
            .styled(style, deployment.standing.clone())
            .text(format!(", stage {} of {count}", place + 1));
        if let Some(stage) = deployment.stages.get(place).filter(|_| place + 1 < count) {
            line = line.text(format!(
                ", held {} of {}, {} of {}",
                duration(held_ms),
                duration(i64::try_from(stage.time_ms_min).unwrap_or(i64::MAX)),
                deployment.requests_in_stage.unwrap_or(0),
                counted(stage.requests_min, "request"),
            ));
        } else {
            let watch_ms = i64::try_from(deployment.watch_ms).unwrap_or(i64::MAX);
            line = line.text(format!(
                ", watched {} of {}",
                duration(held_ms),
                duration(watch_ms)
            ));
        }
        let mut lines = vec![line];
        if let Some(said) = &deployment.paused {
            let text = format!("  held, {}: hereby resume", by(said));
            lines.push(Line::new().styled(Style::Dim, text));
        }
        let held_by = deployment.held_by.iter().flatten();
        let held_by: Vec<&str> = held_by.map(Name::as_str).collect();
        if !held_by.is_empty() {
            let text = format!(
                "  held: {} went back by a break-glass note; it does not go on by itself",
                held_by.join(", ")
            );
            lines.push(Line::new().styled(Style::Bad, text));
        }
        lines
    }

    fn edge(&self, fleet: &Fleet, edge: &Edge) -> (Vec<Line>, String) {
        let digest = |digits: &Option<String>| {
            Line::new().text(digits.as_deref().map_or("-", short).to_owned())
        };
        let style = match edge.standing.as_str() {
            "follows" => Style::Good,
            "behind" | "unknown" => Style::Warning,
            "refuses" | "break_glass" | "below_floor" => Style::Bad,
            _ => Style::Dim,
        };
        let cell = fleet.cells.iter().find(|cell| cell.cell == edge.cell);
        let heard = edge.heard_ms.map_or_else(
            || "never".to_owned(),
            |ms| format!("{:.1} s ago", ms as f64 / 1_000.0),
        );
        let failed = match (edge.failed, edge.requests) {
            (Some(failed), Some(requests)) => format!("{failed} of {requests}"),
            _ => "-".to_owned(),
        };
        let cells = vec![
            Line::new().styled(Style::Bold, edge.edge.to_string()),
            Line::new().text(edge.cell.to_string()),
            Line::new().text(cell.map_or("-", |cell| cell.ring.as_str())),
            digest(&edge.told),
            digest(&edge.runs),
            Line::new().styled(style, edge.standing.replace('_', "-")),
            Line::new().text(heard),
            Line::new().text(failed),
        ];
        let program = edge.program.clone().unwrap_or_default();
        let last = match &edge.refused {
            Some(why) => format!("{program}: {why}"),
            None => program,
        };
        (cells, last)
    }

    pub(super) async fn all_versions(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/versions", "before").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<Known> = wire::typed(&items)?;
        if all.is_empty() {
            self.out
                .talk("No version was deployed yet: hereby deploy PATH");
            return Ok(());
        }
        let rows = all.iter().map(|known| {
            let full = match (known.current, known.full_at) {
                (true, _) => Line::new().styled(Style::Good, "current"),
                (false, Some(at)) => Line::new().text(stamp(at)),
                (false, None) => Line::new().styled(Style::Dim, "never"),
            };
            let cells = vec![
                Line::new().styled(Style::Bold, short(&known.version).to_owned()),
                tenant(known.tenant.as_ref()),
                Line::new().text(known.deployment.to_string()),
                Line::new().text(stamp(known.said.at)),
                Line::new().text(known.said.by.to_string()),
                full,
                Line::new().text(known.bytes.to_string()),
            ];
            (cells, known.said.why.clone().unwrap_or_default())
        });
        let header = [
            "VERSION",
            "TENANT",
            "DEPLOYMENT",
            "AT",
            "BY",
            "FULLY",
            "BYTES",
            "WHY",
        ];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn history(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/deployments", "before").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<Deployment> = wire::typed(&items)?;
        if all.is_empty() {
            self.out
                .talk("No version was deployed yet: hereby deploy PATH");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let style = match it.standing.as_str() {
                "completed" => Style::Good,
                "rolled_back" | "aborted" => Style::Bad,
                _ => Style::Bold,
            };
            let took = it
                .ended_at
                .map(|end| duration(end.ms_since(it.said.at).max(0)));
            let cells = vec![
                Line::new().styled(Style::Bold, it.deployment.to_string()),
                Line::new().text(short(&it.version).to_owned()),
                tenant(it.tenant.as_ref()),
                Line::new().text(stamp(it.said.at)),
                Line::new().text(it.said.by.to_string()),
                Line::new().styled(style, it.standing.clone()),
                Line::new().text(took.unwrap_or_else(|| "-".to_owned())),
            ];
            let why = it.said.why.clone().unwrap_or_default();
            let what = it.fired.as_ref().map(|fired| fired.what.to_string());
            (cells, what.unwrap_or(why))
        });
        let header = [
            "DEPLOYMENT",
            "VERSION",
            "TENANT",
            "AT",
            "BY",
            "STANDING",
            "TOOK",
            "WHY",
        ];
        self.print(table(&header, rows.collect(), self.out.width()))
    }
}

fn tenant(tenant: Option<&Tenant>) -> Line {
    match tenant {
        Some(tenant) => Line::new().text(tenant.to_string()),
        None => Line::new().styled(Style::Dim, "-"),
    }
}

/// Whose own it is, before a version.
fn whose(tenant: Option<&Tenant>) -> String {
    tenant.map_or_else(String::new, |tenant| format!("{tenant}'s "))
}

fn by(said: &Said) -> String {
    let why = said
        .why
        .as_ref()
        .map_or_else(String::new, |why| format!(": {why}"));
    format!("says {} since {}{why}", said.by, stamp(said.at))
}
