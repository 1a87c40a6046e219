//! `hereby rollout`: how a version would be brought out here, and what would send it back. It needs no
//! control and no record, and changes nothing.

use std::fs;
use std::path::Path;

use ::rollout::check::{Change, check};
use ::rollout::plan::{Edges, Fleet, Plan, Scope};
use ::rollout::simulate::{Traffic, quantile_s, sent_back_s};
use ::rollout::template::{CAREFUL, Measure, Reach, Template, Trigger};
use serde_json::{Value, json};

use crate::cli::rollout::{PlanArgs, RolloutArgs, RolloutVerb, TryArgs};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted, duration, table};

/// Columns of a bar that is full.
const BAR: usize = 20;
/// Shares of bad requests that are tried, in percent.
const TRIED: [f64; 5] = [50.0, 5.0, 2.0, 1.0, 0.5];
const CANARIES: u32 = 1_000;
const HOUR_S: u64 = 3_600;

pub(crate) fn run(args: RolloutArgs, out: &Out) -> Result<(), Failure> {
    match args.verb {
        RolloutVerb::Plan(args) => plan(args, out),
        RolloutVerb::Try(args) => try_out(&args, out),
        RolloutVerb::Template => out.bytes(CAREFUL.as_bytes()),
    }
}

fn plan(args: PlanArgs, out: &Out) -> Result<(), Failure> {
    let template = match &args.template {
        Some(file) => read(file)?,
        None => Template::careful(),
    };
    let fleet = Fleet { cells: args.cells };
    for (place, cell) in fleet.cells.iter().enumerate() {
        if fleet
            .cells
            .iter()
            .skip(place + 1)
            .any(|other| other.name == cell.name)
        {
            return Err(Failure::usage(format!(
                "there are two cells \"{}\"",
                cell.name
            )));
        }
    }
    let scope = args.only.map_or(Scope::Fleet, Scope::Cell);
    let plan = Plan::draw(&template, &fleet, scope, 0)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let flaws = check(&plan, &fleet, Change { decides: true });
    match out.is_json() {
        true => out.json(&document(&plan, &fleet, &flaws))?,
        false => shown(&plan, &fleet, out)?,
    }
    match flaws.is_empty() {
        true => Ok(()),
        false => {
            let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
            Err(Failure::new(Exit::Usage, "this plan is not sound")
                .because(flaws.join("; "))
                .hint("mend the template: `hereby rollout template` prints one to compare with"))
        }
    }
}

fn read(file: &Path) -> Result<Template, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Usage, format!("{} can't be read", file.display())).because(error)
    })?;
    Template::parse(&text).map_err(|wrong| {
        let name = file.display().to_string();
        let lines: Vec<String> = wrong.iter().map(|one| one.at(&name)).collect();
        Failure::new(Exit::Usage, lines.join("\n"))
            .hint("hereby rollout template prints one to begin with")
    })
}

pub(crate) fn shown(plan: &Plan, fleet: &Fleet, out: &Out) -> Result<(), Failure> {
    let ms = |ms: u64| duration(i64::try_from(ms).unwrap_or(i64::MAX));
    out.data(
        Line::new()
            .styled(Style::Bold, plan.template.as_str())
            .text(format!(
                ": {}, {} at least until all have it, watched for {} after that",
                counted(plan.stages.len(), "stage"),
                ms(plan.time_ms_min()),
                ms(plan.watch_ms)
            )),
    )?;
    let all = plan.edges(fleet).max(1);
    let last = plan.stages.len();
    let rows = plan.stages.iter().zip(plan.edges_reached(fleet)).zip(1..);
    let rows = rows.map(|((stage, reached), number)| {
        let full = (reached as usize * BAR).div_ceil(all as usize);
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
        let holds = match number == last {
            true => "to the end".to_owned(),
            false => format!(
                "{}, {}",
                ms(stage.time_ms_min),
                counted(stage.requests_min, "request")
            ),
        };
        let cells: Vec<&str> = stage.cells.iter().map(|name| name.as_str()).collect();
        let cells = match stage.edges {
            Edges::One => format!("one edge of {}", cells.join(", ")),
            Edges::All => cells.join(", "),
        };
        let columns = vec![
            Line::new().text(number.to_string()),
            Line::new().text(bar),
            Line::new().text(format!("{reached} of {all}")),
            Line::new().text(holds),
        ];
        (columns, cells)
    });
    let header = ["stage", "have it", "edges", "at least", "new"];
    out.lines(&table(&header, rows.collect(), out.width()))?;
    for trigger in &plan.triggers {
        out.data(
            Line::new()
                .styled(Style::Dim, "sent back when ")
                .text(said(trigger)),
        )?;
    }
    for reach in &plan.left_out {
        out.talk(format!(
            "left out, as there is nobody more for it: {}",
            word(*reach)
        ));
    }
    Ok(())
}

/// When a trigger fires, in words.
fn said(trigger: &Trigger) -> String {
    let what = match trigger.measure {
        Measure::Errors => "requests fail".to_owned(),
        Measure::Slower(ms) => format!("requests take longer than {ms} ms"),
        Measure::Refused(None) => "requests are refused".to_owned(),
        Measure::Refused(Some(reason)) => format!("requests are refused for {}", reason.as_str()),
    };
    let compared = trigger
        .compare
        .then(|| "more than at unchanged edges".to_owned());
    let most = trigger
        .most_ppm
        .map(|most| format!("more than {} % of them", f64::from(most) / 10_000.0));
    let how: Vec<String> = compared.into_iter().chain(most).collect();
    format!("{what}, {} ({})", how.join(", or "), trigger.name)
}

fn word(reach: Reach) -> String {
    match reach {
        Reach::Internal => "internal".to_owned(),
        Reach::Canary => "canary".to_owned(),
        Reach::One => "one".to_owned(),
        Reach::Share(percent) => format!("share of {percent} percent"),
        Reach::All => "all".to_owned(),
    }
}

fn document(plan: &Plan, fleet: &Fleet, flaws: &[::rollout::check::Flaw]) -> Value {
    let stages = plan.stages.iter().zip(plan.edges_reached(fleet));
    let stages = stages.map(|(stage, reached)| {
        json!({
            "cells": stage.cells,
            "edges": match stage.edges { Edges::One => "one", Edges::All => "all" },
            "edges_reached": reached,
            "time_ms_min": stage.time_ms_min,
            "requests_min": stage.requests_min,
        })
    });
    json!({
        "template": plan.template,
        "edges": plan.edges(fleet),
        "time_ms_min": plan.time_ms_min(),
        "watch_ms": plan.watch_ms,
        "stages": stages.collect::<Vec<_>>(),
        "triggers": plan.triggers.iter().map(said).collect::<Vec<_>>(),
        "left_out": plan.left_out.iter().map(|reach| word(*reach)).collect::<Vec<_>>(),
        "flaws": flaws.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn try_out(args: &TryArgs, out: &Out) -> Result<(), Failure> {
    let traffic = Traffic {
        changed_per_s: args.requests_per_s,
        unchanged_per_s: args.others_per_s,
        usual: args.usual / 100.0,
    };
    let tried: Vec<(f64, Vec<Option<u64>>)> = TRIED
        .into_iter()
        .filter(|percent| *percent > args.usual)
        .chain([args.usual])
        .zip(1..)
        .map(|(percent, seed)| {
            let times = sent_back_s(traffic, percent / 100.0, CANARIES, HOUR_S, seed);
            (percent, times)
        })
        .collect();
    let within = |times: &[Option<u64>], share| quantile_s(times, share);
    let found = |times: &[Option<u64>]| times.iter().flatten().count();
    if out.is_json() {
        let rows = tried.iter().map(|(percent, times)| {
            json!({
                "bad_percent": percent,
                "half_within_s": within(times, 0.5),
                "most_within_s": within(times, 0.95),
                "sent_back_in_an_hour": found(times),
            })
        });
        return out.json(&json!({
            "canaries": CANARIES,
            "rows": rows.collect::<Vec<_>>(),
        }));
    }
    let rows = tried.iter().map(|(percent, times)| {
        let time = |share| {
            within(times, share).map_or_else(|| "not in an hour".to_owned(), |s| format!("{s} s"))
        };
        let bad = match *percent == args.usual {
            true => format!("{percent} % (as a rule)"),
            false => format!("{percent} %"),
        };
        let columns = vec![
            Line::new().text(bad),
            Line::new().text(time(0.5)),
            Line::new().text(time(0.95)),
        ];
        (columns, format!("{} of {CANARIES}", found(times)))
    });
    let header = [
        "bad requests",
        "half within",
        "95 % within",
        "sent back in an hour",
    ];
    out.lines(&table(&header, rows.collect(), out.width()))
}

#[cfg(test)]
mod tests;
