//! One phase: its name and counts, the curves, and every incident as a dot below them.

use std::fmt::{self, Write as _};

use base::IncidentId;
use incident::stats::{Outcome, PhaseNumbers};
use language::Words;

use super::scale::{Scale, lasts};
use super::{counts, escaped, known_ms, median, median_of, name};

/// How high a panel is.
pub(super) const HEIGHT: usize = 272;

const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
/// Where the curves are: the top of the plot is all of them, its bottom none.
const TOP: f64 = 68.0;
const BOTTOM: f64 = 188.0;
/// Where the dots are.
const DOTS_TOP: f64 = 199.0;
const DOTS_BOTTOM: f64 = 237.0;
const AXIS: f64 = 246.0;
const LABELS: f64 = 262.0;
const RADIUS: f64 = 3.0;
/// Of a crowd.
const RADIUS_MIN: f64 = 2.0;
/// More incidents are a crowd.
const CROWD: usize = 200;
/// Tick labels are at least so far from each other.
const LABEL_GAP: f64 = 38.0;

struct Plot<'a> {
    scale: &'a Scale,
    width: f64,
}

impl Plot<'_> {
    fn x(&self, ms: f64) -> f64 {
        LEFT + self.scale.place(ms) * (self.width - LEFT - RIGHT)
    }

    fn right(&self) -> f64 {
        self.width - RIGHT
    }
}

/// Where a share of the incidents is.
fn y(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

/// Draws it, from the origin on.
pub(super) fn draw(
    out: &mut String,
    t: &Words,
    numbers: &PhaseNumbers,
    scale: &Scale,
    width: usize,
) -> fmt::Result {
    let plot = Plot {
        scale,
        width: width as f64,
    };
    let stamp = |word: &str| {
        let key = format!("pic-stamp-{}", word.replace('_', "-"));
        t.say(&key).into_owned()
    };
    let from = stamp(numbers.phase.from().word());
    let to = stamp(numbers.phase.to().word());
    let title = escaped(&name(t, numbers.phase));
    let span = format!("{from} → {to}");
    writeln!(out, "<text class=\"h2\" x=\"0\" y=\"14\">{title}</text>")?;
    writeln!(
        out,
        "<text class=\"dim end\" x=\"{:.1}\" y=\"14\">{}</text>",
        plot.right(),
        escaped(&span)
    )?;
    for (line, y) in [(counts(t, numbers), 33), (median(t, numbers), 50)] {
        writeln!(out, "<text x=\"0\" y=\"{y}\">{}</text>", escaped(&line))?;
    }
    frame(out, &plot)?;
    if numbers.sample.is_none() && numbers.survival.is_none() {
        let middle = LEFT + (plot.right() - LEFT) / 2.0;
        let nothing = match numbers.missing {
            0 => t.say("pic-nothing").into_owned(),
            _ => {
                let values = [("from", (&*from).into()), ("to", (&*to).into())];
                t.say_with("pic-nothing-missing", &values)
            }
        };
        return writeln!(
            out,
            "<text class=\"mid dim\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
            y(0.5) - 8.0,
            escaped(&nothing)
        );
    }
    marked_median(out, numbers, &plot)?;
    curves(out, numbers, &plot)?;
    dots(out, t, numbers, &plot)
}

/// Grid, axes and their labels.
fn frame(out: &mut String, plot: &Plot<'_>) -> fmt::Result {
    let right = plot.right();
    for (share, says) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let at = y(share);
        writeln!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right:.1}\"/>\
             <text class=\"dim end\" x=\"{:.1}\" y=\"{:.1}\">{says}</text>",
            LEFT - 6.0,
            at + 4.0
        )?;
    }
    let mut last = f64::NEG_INFINITY;
    for (place, says) in plot.scale.ticks() {
        let x = LEFT + place * (right - LEFT);
        writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{AXIS}\"/>")?;
        if x - last >= LABEL_GAP {
            last = x;
            writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {AXIS}v4\"/>\
                 <text class=\"dim mid\" x=\"{x:.1}\" y=\"{LABELS}\">{says}</text>"
            )?;
        }
    }
    writeln!(
        out,
        "<path class=\"axis\" d=\"M{LEFT} {AXIS}H{right:.1}\"/>"
    )
}

fn marked_median(out: &mut String, numbers: &PhaseNumbers, plot: &Plot<'_>) -> fmt::Result {
    let Some(median) = median_of(numbers) else {
        return Ok(());
    };
    if let Some((low, high)) = median.interval {
        let low = plot.x(low);
        let high = high.map_or(plot.right(), |high| plot.x(high));
        writeln!(
            out,
            "<rect class=\"band\" x=\"{low:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (high - low).max(1.0),
            AXIS - TOP
        )?;
    }
    let x = plot.x(median.at_ms);
    writeln!(out, "<path class=\"median\" d=\"M{x:.1} {TOP}V{AXIS}\"/>")
}

fn curves(out: &mut String, numbers: &PhaseNumbers, plot: &Plot<'_>) -> fmt::Result {
    if let Some(sample) = &numbers.sample {
        let share = |count: usize| count as f64 / sample.n as f64;
        let steps = sample.ecdf.iter();
        let steps = steps.map(|step| (step.at_ms, share(step.count)));
        stairs(out, "ecdf", steps, plot.right(), plot)?;
    }
    match &numbers.survival {
        Some(survival) if numbers.ongoing > 0 => {
            let steps = survival.steps.iter();
            let steps = steps.map(|step| (step.at_ms, 1.0 - step.share));
            // Beyond the last incident nobody knows.
            let last = numbers.incidents.iter().filter_map(|(_, it)| known_ms(*it));
            let end = plot.x(last.max().unwrap_or(0) as f64);
            stairs(out, "km", steps, end, plot)
        }
        _ => Ok(()),
    }
}

/// A curve that rises at each step to its share, and goes on to its end.
fn stairs(
    out: &mut String,
    class: &str,
    steps: impl Iterator<Item = (i64, f64)>,
    end: f64,
    plot: &Plot<'_>,
) -> fmt::Result {
    write!(out, "<path class=\"{class}\" d=\"M{LEFT} {BOTTOM:.1}")?;
    for (ms, share) in steps {
        write!(out, "H{:.1}V{:.1}", plot.x(ms as f64), y(share))?;
    }
    writeln!(out, "H{end:.1}\"/>")
}

fn dots(out: &mut String, t: &Words, numbers: &PhaseNumbers, plot: &Plot<'_>) -> fmt::Result {
    let known = numbers.incidents.iter();
    let known = known.filter_map(|(id, outcome)| Some((*id, *outcome, known_ms(*outcome)?)));
    let radius = match numbers.done + numbers.ongoing > CROWD {
        true => RADIUS_MIN,
        false => RADIUS,
    };
    for (number, (id, outcome, ms)) in known.enumerate() {
        let x = plot.x(ms as f64);
        let y = DOTS_TOP + spread(number) * (DOTS_BOTTOM - DOTS_TOP);
        let (shape, key) = match outcome {
            Outcome::Ongoing(_) => (open_dot(x, y), "pic-is-open-for"),
            _ => (circle(x, y, radius), "pic-took"),
        };
        writeln!(out, "<g>{}{shape}</g>", told(t, id, key, ms))?;
    }
    Ok(())
}

fn told(t: &Words, id: IncidentId, key: &str, ms: i64) -> String {
    let (id, length) = (id.to_string(), lasts(ms as f64));
    let says = t.say_with(key, &[("id", id.into()), ("length", length.into())]);
    format!("<title>{}</title>", escaped(&says))
}

pub(super) fn dot(x: f64, y: f64) -> String {
    circle(x, y, RADIUS)
}

fn circle(x: f64, y: f64, radius: f64) -> String {
    format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>")
}

/// Hollow, and pointing on.
pub(super) fn open_dot(x: f64, y: f64) -> String {
    let (right, head) = (x + RADIUS, x + 13.0);
    format!(
        "<path class=\"open\" d=\"M{right:.1} {y:.1}a{RADIUS} {RADIUS} 0 1 0 -{two} 0a{RADIUS} {RADIUS} 0 1 0 {two} 0H{head:.1}m-4 -3l4 3l-4 3\"/>",
        two = 2.0 * RADIUS
    )
}

/// Spreads dots over the height, so that those of one time do not hide each other: the binary digits
/// of the number, read backwards (van der Corput 1935). From 0 to 1.
fn spread(number: usize) -> f64 {
    let bits = u32::try_from(number).unwrap_or(u32::MAX);
    f64::from(bits.reverse_bits()) / f64::from(u32::MAX)
}
