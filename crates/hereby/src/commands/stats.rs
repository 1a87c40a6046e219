//! Numbers: how long incidents take, how sure that is, how often services fail. hereby computes
//! them; here they become tables and sentences, or the picture becomes a file.

use std::path::Path;

use serde_json::json;

use super::wire::stats::{Interval, Mean, Phase, Repair, Service, Stats, Trend};
use super::{Session, wire};
use crate::cli::parse::When;
use crate::cli::stats::StatsArgs;
use crate::client::{Ask, percent_encoded};
use crate::exit::Failure;
use crate::offline::write_file;
use crate::say::{Line, Style, counted, date, hanging, table};

mod strip;

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

impl Session<'_> {
    pub(super) async fn stats(&self, args: StatsArgs) -> Result<(), Failure> {
        let query = self.stats_query(&args);
        if let Some(file) = &args.svg {
            let ask = Ask::get(format!("/api/v1/stats.svg{query}"));
            let svg = self.client.answer(&ask).await?.body;
            return self.picture(file, &svg);
        }
        let answer: serde_json::Value = self.client.read(&format!("/api/v1/stats{query}")).await?;
        if self.out.is_json() {
            return self.out.json(&answer);
        }
        let stats: Stats = wire::one(&answer)?;
        if stats.incidents == 0 {
            self.out.talk(format!("{}.", nothing(&stats)));
            return Ok(());
        }
        self.print(lines(&stats, self.out.width()))
    }

    /// What is asked, as the API takes it.
    fn stats_query(&self, args: &StatsArgs) -> String {
        let time = |when: Option<When>| when.map(|when| when.resolve(self.now).to_string());
        let flag = |on: bool| on.then(|| "true".to_owned());
        let pairs = [
            ("service", args.service.as_ref().map(ToString::to_string)),
            ("severity", args.severity.map(|it| it.number().to_string())),
            ("since", time(args.since)),
            ("until", time(args.until)),
            ("drills", flag(args.drills)),
            ("phase", args.phase.map(|phase| phase.word().to_owned())),
            ("trend", flag(args.trend)),
        ];
        let said = pairs
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", percent_encoded(&value?))));
        let said: Vec<String> = said.collect();
        match said.is_empty() {
            true => String::new(),
            false => format!("?{}", said.join("&")),
        }
    }

    fn picture(&self, file: &Path, svg: &[u8]) -> Result<(), Failure> {
        if file == Path::new("-") {
            return self.out.bytes(svg);
        }
        write_file(file, svg)?;
        self.out
            .talk(format!("The picture is in {}.", file.display()));
        if self.out.is_json() {
            self.out.json(&json!({ "svg": file, "bytes": svg.len() }))?;
        }
        Ok(())
    }
}

fn nothing(stats: &Stats) -> String {
    let kind = if stats.asked.drills {
        "drill"
    } else {
        "incident"
    };
    let left_out = match (stats.left_out.drills, stats.asked.drills) {
        (0, _) => String::new(),
        (count, false) => format!(
            "; {} left out: --drills shows them",
            counted(count, "drill")
        ),
        (count, true) => format!("; {} left out", counted(count, "incident")),
    };
    format!("No {kind} is among those asked for{left_out}")
}

/// Everything, as a person reads it.
fn lines(stats: &Stats, width: Option<usize>) -> Vec<Line> {
    let mut lines = sentences(&head(stats), width);
    lines.push(Line::new());
    lines.extend(phases(&stats.phases, width));
    let distribution = distribution(&stats.phases, width);
    if !distribution.is_empty() {
        lines.push(Line::new());
        lines.extend(distribution);
    }
    lines.extend(sentences(&notes(stats), width));
    if stats.asked.phase.is_some() {
        for phase in &stats.phases {
            lines.push(Line::new());
            lines.extend(every_incident(phase, width));
        }
    }
    let mut trends: Vec<String> = stats.phases.iter().filter_map(trend).collect();
    if stats
        .phases
        .iter()
        .any(|phase| matches!(phase.trend, Some(Trend::Shown { .. })))
    {
        trends.push("One such question in twenty shows a trend where there is none.".to_owned());
    }
    if !trends.is_empty() {
        lines.push(Line::new());
        lines.push(Line::new().styled(Style::Bold, "Trend"));
        lines.extend(sentences(&trends, width));
    }
    if !stats.means.is_empty() {
        lines.push(Line::new());
        lines.extend(means(&stats.means, width));
    }
    if let Some(repair) = &stats.repair {
        lines.push(Line::new());
        lines.extend(failures(repair, width));
    }
    lines
}

fn sentences(texts: &[String], width: Option<usize>) -> Vec<Line> {
    let wrapped = texts
        .iter()
        .map(|text| hanging(Line::new(), 0, text, width));
    wrapped.flatten().collect()
}

fn head(stats: &Stats) -> Vec<String> {
    let noun = if stats.asked.drills {
        "drill"
    } else {
        "incident"
    };
    let left_out = &stats.left_out;
    let mut first = format!("{}, {} open.", counted(stats.incidents, noun), stats.open);
    if left_out.drills > 0 && !stats.asked.drills {
        first.push_str(&format!(
            " Left out: {}.",
            counted(left_out.drills, "drill")
        ));
    }
    if left_out.duplicates > 0 {
        first.push_str(&format!(
            " Left out: {}.",
            counted(left_out.duplicates, "duplicate")
        ));
    }
    let noticed = &stats.detected_internally;
    let inside = noticed.by_alert + noticed.by_program;
    let percent = inside as f64 * 100.0 / stats.incidents as f64;
    let mut second = format!(
        "Detected internally: at least {inside} of {} ({percent:.0} %), {} by an alert that had \
         fired before, {} declared by a program.",
        stats.incidents, noticed.by_alert, noticed.by_program
    );
    if noticed.unknown > 0 {
        second.push_str(&format!(
            " Of the other {} the record does not say whether a customer noticed first.",
            noticed.unknown
        ));
    }
    vec![first, second]
}

/// The median that counts what goes on, if anything does, and its interval.
fn median(phase: &Phase) -> (String, String) {
    let few = || "too few".to_owned();
    if phase.ongoing > 0 {
        let survival = phase.survival.as_ref();
        let median = survival.and_then(|it| it.median_ms);
        let ends = survival.and_then(|it| Some((it.low_ms?, it.high_ms)));
        let interval = match ends {
            Some((low, Some(high))) => span(Interval { low, high }),
            Some((low, None)) => format!("{} or more", short(low)),
            None => few(),
        };
        return (
            median.map_or_else(|| "not yet *".to_owned(), |ms| format!("{} *", short(ms))),
            interval,
        );
    }
    match &phase.quantiles_ms {
        Some(quantiles) => (
            short(quantiles.p50),
            phase.median_interval_ms.map_or_else(few, span),
        ),
        None => (NOTHING.to_owned(), NOTHING.to_owned()),
    }
}

fn phases(phases: &[Phase], width: Option<usize>) -> Vec<Line> {
    let rows = phases.iter().map(|phase| {
        let missing = phase.missing.either;
        let missing_style = if missing > 0 {
            Style::Warning
        } else {
            Style::Dim
        };
        let (median, interval) = median(phase);
        let cells = vec![
            Line::new().styled(Style::Bold, &*phase.phase),
            Line::new().text(phase.n.to_string()),
            Line::new().text(phase.ongoing.to_string()),
            Line::new().styled(missing_style, missing.to_string()),
            Line::new().styled(Style::Bold, median),
            Line::new().text(interval),
        ];
        let said = |moment: &str| moment.replace('_', " ");
        (
            cells,
            format!("{} to {}", said(&phase.from), said(&phase.to)),
        )
    });
    let header = ["PHASE", "N", "OPEN", "MISSING", "MEDIAN", "95 %", "FROM"];
    table(&header, rows.collect(), width)
}

/// Quantiles, and a strip that shows where the incidents are, on one logarithmic axis.
fn distribution(phases: &[Phase], width: Option<usize>) -> Vec<Line> {
    let done = |phase: &Phase| -> Vec<i64> {
        let incidents = phase.incidents.iter();
        let over = incidents.filter(|incident| incident.state == "over");
        over.filter_map(|incident| incident.took_ms).collect()
    };
    let all: Vec<Vec<i64>> = phases.iter().map(done).collect();
    let Some(axis) = strip::Axis::of(all.iter().flatten().copied()) else {
        return Vec::new();
    };
    let rows = phases.iter().zip(&all).map(|(phase, done)| {
        let mut cells = vec![Line::new().styled(Style::Bold, &*phase.phase)];
        let quantiles = phase.quantiles_ms.as_ref();
        let values = quantiles.map(|it| [it.p25, it.p50, it.p75, it.p90]);
        for place in 0..4 {
            let value = values.and_then(|values| values.get(place).copied());
            let text = value.map_or_else(|| NOTHING.to_owned(), short);
            cells.push(Line::new().text(text));
        }
        (cells, axis.strip(done))
    });
    let label = format!("{} TO {}", short(axis.low_ms()), short(axis.high_ms()));
    let header = ["OF THOSE OVER", "P25", "P50", "P75", "P90", label.as_str()];
    table(&header, rows.collect(), width)
}

fn notes(stats: &Stats) -> Vec<String> {
    let mut notes = Vec::new();
    if stats.phases.iter().any(|phase| phase.ongoing > 0) {
        notes.push(
            "* Kaplan-Meier: open ones count for as long as they have lasted. What is said of those \
             over is too short while some are open."
                .to_owned(),
        );
    }
    for phase in &stats.phases {
        if phase.contradictory > 0 {
            notes.push(format!(
                "{}: the times of {} contradict each other.",
                phase.phase,
                counted(phase.contradictory, "incident")
            ));
        }
    }
    notes
}

fn every_incident(phase: &Phase, width: Option<usize>) -> Vec<Line> {
    let mut lines = Vec::new();
    let missing = &phase.missing;
    if missing.either > 0 {
        let said = |count, moment: &str| {
            let moment = moment.replace('_', "-");
            format!("{count} without {moment}")
        };
        let text = format!(
            "Missing: {}, {}. Who knows a time says it: hereby time INC WHAT TIME",
            said(missing.from, &phase.from),
            said(missing.to, &phase.to)
        );
        lines.extend(hanging(Line::new(), 0, &text, width));
    }
    let rows = phase.incidents.iter().map(|incident| {
        let cells = vec![Line::new().styled(Style::Bold, incident.incident.to_string())];
        let took = incident.took_ms.map(short).unwrap_or_default();
        let text = match incident.state.as_str() {
            "over" => took,
            "ongoing" => format!("{took} so far"),
            "contradictory" => "its times contradict each other".to_owned(),
            other => other.to_owned(),
        };
        (cells, text)
    });
    lines.extend(table(&["INCIDENT", "TOOK"], rows.collect(), width));
    lines
}

fn trend(phase: &Phase) -> Option<String> {
    Some(match phase.trend.as_ref()? {
        Trend::Refused { why } => format!("{}: none is said. {}.", phase.phase, sentence(why)),
        Trend::Shown {
            ratio_ppm,
            low_ppm,
            high_ppm,
            level_ppm,
            earlier,
            later,
        } => {
            let times = |ppm: i64| format!("{:.2}", ppm as f64 / 1e6);
            format!(
                "{}: {}. The later half's median is {} times the earlier half's ({:.1} %: {} to {}): \
                 {} of {}, then {} of {}.",
                phase.phase,
                if *ratio_ppm > 1_000_000 {
                    "longer"
                } else {
                    "shorter"
                },
                times(*ratio_ppm),
                *level_ppm as f64 / 1e4,
                times(*low_ppm),
                times(*high_ppm),
                short(earlier.median_ms),
                earlier.n,
                short(later.median_ms),
                later.n,
            )
        }
    })
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(characters).collect()
}

fn means(means: &[Mean], width: Option<usize>) -> Vec<Line> {
    let rows = means.iter().map(|mean| {
        let value = mean.value_ms.map_or_else(|| NOTHING.to_owned(), short);
        let name = mean.mean.replace('_', "-").to_uppercase();
        let interval = mean.interval_ms.map_or_else(|| NOTHING.to_owned(), span);
        let cells = vec![
            Line::new().styled(Style::Bold, name),
            Line::new().text(value),
            Line::new().text(interval),
            Line::new().text(mean.n.to_string()),
        ];
        (cells, mean.cannot_say.clone())
    });
    let header = ["MEAN", "VALUE", "95 %", "N", "WHAT IT CAN'T SAY"];
    table(&header, rows.collect(), width)
}

fn failures(repair: &Repair, width: Option<usize>) -> Vec<Line> {
    let failed: Vec<&Service> = repair
        .services
        .iter()
        .filter(|it| it.failures > 0)
        .collect();
    let rows = failed.iter().map(|service| {
        let or_nothing = |ms: Option<i64>| ms.map_or_else(|| NOTHING.to_owned(), short);
        let mut remarks = Vec::new();
        if service.still_down > 0 {
            remarks.push("still down".to_owned());
        }
        if service.undated > 0 {
            remarks.push(format!("{} without impact-start", service.undated));
        }
        let cells = vec![
            Line::new().styled(Style::Bold, service.service.to_string()),
            Line::new().text(service.failures.to_string()),
            Line::new().text(short(service.down_ms)),
            Line::new().text(or_nothing(service.mttf_ms)),
            Line::new().text(or_nothing(service.mtbf_ms)),
        ];
        (cells, remarks.join(", "))
    });
    let header = ["SERVICE", "FAILURES", "DOWN", "MTTF", "MTBF", ""];
    let mut lines = match failed.is_empty() {
        true => Vec::new(),
        false => table(&header, rows.collect(), width),
    };
    let healthy = repair.services.len() - failed.len();
    let mut text = format!("From {} to {}.", date(repair.since), date(repair.until));
    if healthy > 0 {
        text.push_str(&format!(" {} did not fail.", counted(healthy, "service")));
    }
    if repair.without_service > 0 {
        let count = counted(repair.without_service, "incident");
        text.push_str(&format!(" {count} without a service: not counted here."));
    }
    lines.extend(hanging(Line::new(), 0, &text, width));
    lines
}

fn span(interval: Interval) -> String {
    format!("{} to {}", short(interval.low), short(interval.high))
}

/// A duration to two digits or more: `8.2 min`, `20 min`, `1.5 h`. The document has it whole.
fn short(ms: i64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1_000, "s"),
    ];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| *unit <= ms) else {
        return format!("{ms} ms");
    };
    let value = ms as f64 / unit as f64;
    match value < 9.95 {
        true => format!("{value:.1} {name}"),
        false => format!("{value:.0} {name}"),
    }
}

#[cfg(test)]
mod tests;
