//! What goes on at an edge, as a page of text that is drawn again each second.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted, table};

use super::ask::get;

const EVERY: Duration = Duration::from_secs(1);
const RATE_BAR: usize = 20;

/// Shows it, once or again and again.
pub(crate) fn top(state_dir: &Path, once: bool, out: &Out) -> Result<(), Failure> {
    let mut before: Option<(Instant, Value)> = None;
    let again = !once && !out.is_json() && std::io::stdout().is_terminal();
    loop {
        let text = get(state_dir, "/status")?;
        let now: Value = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Internal, "the edge's answer can't be read").because(error)
        })?;
        if out.is_json() {
            return out.json(&now);
        }
        if again {
            // Home, and clear what follows: no flicker.
            out.bytes(b"\x1b[H\x1b[J")?;
        }
        let earlier = before.as_ref().map(|(at, value)| (at.elapsed(), value));
        out.lines(&page(&now, earlier))?;
        if !again {
            return Ok(());
        }
        let _ = std::io::stdout().flush();
        before = Some((Instant::now(), now));
        std::thread::sleep(EVERY);
    }
}

/// A number of a document; 0 where there is none.
fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Pairs of a name and a number.
fn pairs(value: &Value, path: &str) -> Vec<(String, u64)> {
    list(value, path)
        .iter()
        .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_u64()?)))
        .collect()
}

fn page(now: &Value, before: Option<(Duration, &Value)>) -> Vec<Line> {
    let mut lines = vec![headline(now)];
    let mut totals = Line::new().text(format!(
        "{}, {} in progress, {}, {} MiB",
        counted(number(now, "/connections"), "connection"),
        number(now, "/requests_in_progress"),
        counted(number(now, "/websockets"), "WebSocket"),
        number(now, "/resident_bytes") >> 20,
    ));
    let shed = number(now, "/shed_per_mille");
    if shed > 0 {
        totals = totals.styled(Style::Bad, format!(", sheds {shed} of 1000"));
    }
    lines.push(totals);
    lines.push(rates(now, before, "/statuses", "answers"));
    refusals(now, before, &mut lines);
    routes(now, &mut lines);
    upstreams(now, &mut lines);
    tenants(now, &mut lines);
    lines
}

fn headline(now: &Value) -> Line {
    let line = Line::new()
        .styled(Style::Bold, format!("edge of {}", text(now, "/cell")))
        .text(format!(
            "  pid {}, up {}, on ",
            number(now, "/pid"),
            crate::say::duration(i64::try_from(number(now, "/uptime_ms")).unwrap_or(i64::MAX))
        ));
    let places: Vec<&str> = list(now, "/listening")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let line = line.text(places.join(", "));
    let line = match text(now, "/runs").get(..12) {
        Some(version) => line.text(format!(", version {version}")),
        None => line,
    };
    match now.pointer("/recorded").and_then(Value::as_bool) {
        Some(false) => line.styled(Style::Dim, "  (unrecorded: a file says what it serves)"),
        _ => line,
    }
}

/// So many of each since the last look, or at all.
fn rates(now: &Value, before: Option<(Duration, &Value)>, path: &str, what: &str) -> Line {
    let earlier: HashMap<String, u64> = before
        .map(|(_, value)| pairs(value, path).into_iter().collect())
        .unwrap_or_default();
    let mut line = Line::new().text(format!("{what}  "));
    for (name, total) in pairs(now, path) {
        let shown = match before {
            Some((since, _)) => {
                let more = total.saturating_sub(earlier.get(&name).copied().unwrap_or(0));
                format!(
                    "{name} {:.0}/s  ",
                    more as f64 / since.as_secs_f64().max(0.001)
                )
            }
            None => format!("{name} {total}  "),
        };
        line = match name.as_str() {
            "5xx" if total > 0 => line.styled(Style::Bad, shown),
            _ => line.text(shown),
        };
    }
    line
}

fn refusals(now: &Value, before: Option<(Duration, &Value)>, lines: &mut Vec<Line>) {
    let all = pairs(now, "/refusals");
    if all.is_empty() {
        return;
    }
    let earlier: HashMap<String, u64> = before
        .map(|(_, value)| pairs(value, "/refusals").into_iter().collect())
        .unwrap_or_default();
    let most = all
        .iter()
        .map(|(_, total)| *total)
        .max()
        .unwrap_or(1)
        .max(1);
    lines.push(Line::new());
    let rows: Vec<(Vec<Line>, String)> = all
        .iter()
        .take(12)
        .map(|(reason, total)| {
            let bar = usize::try_from(total * RATE_BAR as u64 / most)
                .unwrap_or(0)
                .max(1);
            let rate = before.map_or_else(String::new, |(since, _)| {
                let more = total.saturating_sub(earlier.get(reason).copied().unwrap_or(0));
                format!("{:.0}/s", more as f64 / since.as_secs_f64().max(0.001))
            });
            let cells = vec![
                Line::new().text(reason.clone()),
                Line::new().text(total.to_string()),
                Line::new().text(rate),
            ];
            (cells, "▇".repeat(bar))
        })
        .collect();
    lines.extend(table(&["REFUSED", "TOTAL", "NOW", ""], rows, None));
}

fn routes(now: &Value, lines: &mut Vec<Line>) {
    let rows: Vec<(Vec<Line>, String)> = list(now, "/routes")
        .iter()
        .map(|route| {
            let serving = usize::try_from(number(route, "/serving")).unwrap_or(0);
            let tiers = list(route, "/tiers");
            let tier = tiers.get(serving).and_then(Value::as_str).unwrap_or("-");
            let posture = text(route, "/posture");
            let style = if posture == "normal" {
                Style::Good
            } else {
                Style::Bad
            };
            let answers: u64 = pairs(route, "/statuses")
                .iter()
                .map(|(_, total)| total)
                .sum();
            let cells = vec![
                Line::new().text(text(route, "/name")),
                Line::new().text(text(route, "/tenant")),
                Line::new().styled(style, posture),
                Line::new().text(tier),
                Line::new().text(answers.to_string()),
            ];
            (cells, text(route, "/plan").to_owned())
        })
        .collect();
    lines.push(Line::new());
    lines.extend(table(
        &["ROUTE", "TENANT", "POSTURE", "ANSWERS", "TOTAL", "PLAN"],
        rows,
        None,
    ));
}

fn upstreams(now: &Value, lines: &mut Vec<Line>) {
    let rows: Vec<(Vec<Line>, String)> = list(now, "/upstreams")
        .iter()
        .map(|upstream| {
            let servers: Vec<String> = list(upstream, "/servers")
                .iter()
                .map(|server| {
                    format!(
                        "{} {}",
                        text(server, "/address"),
                        text(server, "/condition")
                    )
                })
                .collect();
            let breaker = text(upstream, "/breaker");
            let style = if breaker == "closed" {
                Style::Good
            } else {
                Style::Bad
            };
            let cells = vec![
                Line::new().text(text(upstream, "/name")),
                Line::new().styled(style, breaker),
                Line::new().text(number(upstream, "/connections").to_string()),
            ];
            (cells, servers.join(", "))
        })
        .collect();
    lines.push(Line::new());
    lines.extend(table(
        &["UPSTREAM", "BREAKER", "OPEN", "SERVERS"],
        rows,
        None,
    ));
}

fn tenants(now: &Value, lines: &mut Vec<Line>) {
    let rows: Vec<(Vec<Line>, String)> = list(now, "/tenants")
        .iter()
        .take(10)
        .map(|tenant| {
            let refused: u64 = pairs(tenant, "/refusals")
                .iter()
                .map(|(_, total)| total)
                .sum();
            let answers: u64 = pairs(tenant, "/statuses")
                .iter()
                .map(|(_, total)| total)
                .sum();
            let cells = vec![
                Line::new().text(text(tenant, "/name")),
                Line::new().text(number(tenant, "/requests_in_progress").to_string()),
                Line::new().text(answers.to_string()),
            ];
            (cells, refused.to_string())
        })
        .collect();
    lines.push(Line::new());
    lines.extend(table(&["TENANT", "NOW", "TOTAL", "REFUSED"], rows, None));
}

/// One refused request, told.
pub(crate) fn explained(found: &Value) -> Vec<Line> {
    let row = |name: &str, value: String| {
        Line::new()
            .styled(Style::Dim, format!("{name:<10}"))
            .text(value)
    };
    let mut lines = vec![
        Line::new()
            .styled(Style::Bold, text(found, "/method"))
            .text(format!(" {}{}", text(found, "/host"), text(found, "/path"))),
    ];
    let reason = text(found, "/reason");
    if !reason.is_empty() {
        lines.push(row(
            "reason",
            format!("{reason} ({})", number(found, "/status")),
        ));
    }
    for name in ["detail", "tenant", "route", "upstream", "server", "client"] {
        let value = text(found, &format!("/{name}"));
        if !value.is_empty() {
            lines.push(row(name, value.to_owned()));
        }
    }
    let tried = number(found, "/retries") + 1;
    lines.push(row(
        "tried",
        format!(
            "{}, {} µs in all",
            counted(tried, "time"),
            number(found, "/micros")
        ),
    ));
    lines
}
