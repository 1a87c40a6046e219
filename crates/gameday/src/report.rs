//! A run as a page that stands alone: what was expected and what came, with pictures.

use askama::Template;

use crate::score::{Judged, Outcome, Second};

/// As wide as all seconds of a picture are.
const WIDTH: usize = 900;
const LEFT: usize = 90;
const ROW: usize = 22;
const HEIGHT: usize = 90;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'p> {
    outcome: &'p Outcome,
    rows: Vec<Row>,
    edges: Picture,
    with: Bars,
    without: Option<Bars>,
    bytes: usize,
}

/// One expectation.
struct Row {
    about: String,
    expected: String,
    value: String,
    holds: bool,
}

/// Edges, and each of their seconds.
struct Picture {
    height: usize,
    lines: Vec<Line>,
    /// Where something first went wrong.
    began: usize,
}

struct Line {
    name: String,
    y: usize,
    text_y: usize,
    cells: Vec<Cell>,
}

struct Cell {
    x: usize,
    width: usize,
    /// `good`, `other`, `bad`, `worse`, `none`.
    tone: &'static str,
    says: String,
}

/// Failed requests, second by second.
struct Bars {
    bars: Vec<Bar>,
    most: u64,
    failed: u64,
    began: usize,
}

struct Bar {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    says: String,
}

/// The page.
///
/// # Errors
/// When it can't be put together.
pub fn html(outcome: &Outcome) -> Result<String, askama::Error> {
    let count = outcome.seconds.len().max(outcome.without.len()).max(1);
    let began = LEFT + usize::try_from(outcome.began_s).unwrap_or(0).min(count) * WIDTH / count;
    let page = Page {
        outcome,
        rows: outcome.expected.iter().map(row).collect(),
        edges: picture(outcome, count, began),
        with: bars(&outcome.seconds, count, began),
        without: (!outcome.without.is_empty()).then(|| bars(&outcome.without, count, began)),
        bytes: outcome.bundle.len(),
    };
    page.render()
}

fn row(judged: &Judged) -> Row {
    let number = |value: u64| match judged.figure.ends_with("_ms") {
        true => format!("{:.1} s", value as f64 / 1_000.0),
        false => value.to_string(),
    };
    let expected = match (judged.least, judged.most) {
        (Some(least), None) => format!("at least {}", number(least)),
        (None, Some(0)) => "none".to_owned(),
        (None, Some(most)) => format!("at most {}", number(most)),
        (Some(least), Some(most)) => format!("{} to {}", number(least), number(most)),
        (None, None) => String::new(),
    };
    Row {
        about: judged.about.clone(),
        expected,
        value: judged
            .value
            .map_or_else(|| "not measured".to_owned(), number),
        holds: judged.holds,
    }
}

/// Where a second begins, and how wide it is: without gaps between seconds.
fn place(second: usize, count: usize) -> (usize, usize) {
    let (from, to) = (second * WIDTH / count, (second + 1) * WIDTH / count);
    (LEFT + from, (to - from).max(1))
}

fn says(second: usize, one: &Second) -> String {
    let degraded = match one.degraded {
        0 => String::new(),
        many => format!(", {many} answered by another"),
    };
    format!(
        "second {second}: {} of {} failed{degraded}",
        one.failed, one.sent
    )
}

fn picture(outcome: &Outcome, count: usize, began: usize) -> Picture {
    let lines = outcome.edges.iter().enumerate();
    let lines = lines.map(|(place_of, (name, seconds))| {
        let cells = seconds.iter().enumerate().map(|(second, one)| {
            let (x, width) = place(second, count);
            Cell {
                x,
                width,
                tone: match one {
                    Second { sent: 0, .. } => "none",
                    Second {
                        failed: 0,
                        degraded: 0,
                        ..
                    } => "good",
                    Second { failed: 0, .. } => "other",
                    Second { sent, failed, .. } if failed * 2 < *sent => "bad",
                    _ => "worse",
                },
                says: says(second, one),
            }
        });
        Line {
            name: name.clone(),
            y: place_of * ROW,
            text_y: place_of * ROW + 14,
            cells: cells.collect(),
        }
    });
    Picture {
        height: outcome.edges.len() * ROW,
        lines: lines.collect(),
        began,
    }
}

fn bars(seconds: &[Second], count: usize, began: usize) -> Bars {
    let most = seconds.iter().map(|one| one.failed).max().unwrap_or(0);
    let bars = seconds.iter().enumerate().filter(|(_, one)| one.failed > 0);
    let bars = bars.map(|(second, one)| {
        let (x, width) = place(second, count);
        let share = one.failed * HEIGHT as u64 / most.max(1);
        let height = usize::try_from(share).unwrap_or(HEIGHT).max(1);
        Bar {
            x,
            y: HEIGHT - height,
            width,
            height,
            says: says(second, one),
        }
    });
    Bars {
        bars: bars.collect(),
        most,
        failed: seconds.iter().map(|one| one.failed).sum(),
        began,
    }
}

/// A time in a run as people read it.
fn clock(at_ms: &i64) -> String {
    let seconds = *at_ms as f64 / 1_000.0;
    format!("{seconds:+.1} s")
}
