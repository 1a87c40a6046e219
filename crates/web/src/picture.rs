//! The numbers as an SVG picture: for each phase every incident as a dot and the distribution on a
//! logarithmic axis of time that all phases share, with n, what is missing, the median and how sure
//! it is. Made of text alone, without scripts, fonts or anything to load.
//!
//! It follows the reader's light or dark scheme and prints dark on white. Nothing is said by colour
//! alone: open incidents are hollow and point on, the curve that counts them is dashed. Whoever does
//! not see it finds the numbers in the description.

mod panel;
mod scale;

use std::fmt::{self, Write as _};

use base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use incident::stats::{INTERVAL_N_MIN, Numbers, Outcome, Phase, PhaseNumbers, Question};
use language::Words;
use record::hash::sha256;

use scale::{Scale, rounded};

/// What is drawn.
pub(crate) struct Picture<'a> {
    pub(crate) numbers: &'a Numbers,
    pub(crate) question: &'a Question,
    pub(crate) now: Timestamp,
    /// In which language.
    pub(crate) words: &'a Words,
}

const WIDTH: usize = 980;
const MARGIN: usize = 28;
const GAP: usize = 36;
const HEAD_HEIGHT: usize = 128;
const FOOT_HEIGHT: usize = 40;
/// About as wide as a character is, in the widest of the usual fonts.
const CHARACTER_WIDTH: f64 = 6.4;

/// Light first, for programs that know no media queries; print last, so that a dark screen does not
/// reach the paper.
const STYLE: &str = "
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;font-size:12px;fill:#1b1f24}
.h1{font-size:20px;font-weight:700}.h2{font-size:15px;font-weight:700}.strong{font-weight:600}
.end{text-anchor:end}.mid{text-anchor:middle}
.ecdf,.km,.open,.grid,.axis,.median{fill:none}
.km{stroke-dasharray:6 4}.ecdf,.km,.median{stroke-width:2}.open{stroke-width:1.5}
.paper{fill:#ffffff}.dim{fill:#57606a}.grid{stroke:#d8dee4}.axis{stroke:#6e7781}
.dot{fill:#0969da;fill-opacity:.6}.ecdf{stroke:#0969da}.open,.km{stroke:#bc4c00}
.band{fill:#8250df;fill-opacity:.15}.median{stroke:#8250df}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.paper{fill:#0d1117}.dim{fill:#9aa4af}.grid{stroke:#2a313a}.axis{stroke:#8b949e}
.dot{fill:#6cb6ff;fill-opacity:.7}.ecdf{stroke:#6cb6ff}.open,.km{stroke:#f69d50}
.band{fill:#bc8cff;fill-opacity:.24}.median{stroke:#c9a6ff}}
@media print{
text{fill:#000000}.paper{fill:none}.dim{fill:#404040}.grid{stroke:#c0c0c0}.axis{stroke:#404040}
.dot{fill:#0550ae;fill-opacity:.6}.ecdf{stroke:#0550ae}.open,.km{stroke:#953800}
.band{fill:#6639ba;fill-opacity:.15}.median{stroke:#6639ba}}
";

/// What a browser may do with it: its own style, known by its digest, and nothing else.
pub(crate) fn policy() -> String {
    let digest = STANDARD.encode(sha256(&[STYLE.as_bytes()]).as_bytes());
    format!("default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; sandbox")
}

/// Draws it.
pub(crate) fn svg(picture: &Picture<'_>) -> String {
    let mut out = String::new();
    // A String takes whatever is written to it.
    let _ = written(&mut out, picture);
    out
}

fn written(out: &mut String, picture: &Picture<'_>) -> fmt::Result {
    let phases = &picture.numbers.phases;
    let columns = if phases.len() > 1 { 2 } else { 1 };
    let rows = phases.len().div_ceil(columns);
    let width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns;
    let height = HEAD_HEIGHT + rows * (panel::HEIGHT + GAP) + FOOT_HEIGHT;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\" lang=\"{}\">",
        picture.words.language().as_str()
    )?;
    writeln!(
        out,
        "<title id=\"title\">{}</title>",
        escaped(&title(picture))
    )?;
    writeln!(
        out,
        "<desc id=\"desc\">{}</desc>",
        escaped(&description(picture))
    )?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(
        out,
        "<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>"
    )?;
    head(out, picture)?;
    let scale = Scale::of(phases.iter().flat_map(|numbers| {
        let outcomes = numbers.incidents.iter();
        outcomes.filter_map(|(_, outcome)| known_ms(*outcome))
    }));
    for (place, numbers) in phases.iter().enumerate() {
        let left = MARGIN + place % columns * (width + GAP);
        let top = HEAD_HEIGHT + place / columns * (panel::HEIGHT + GAP);
        writeln!(out, "<g transform=\"translate({left} {top})\">")?;
        panel::draw(out, picture.words, numbers, &scale, width)?;
        writeln!(out, "</g>")?;
    }
    foot(out, picture.words, height)?;
    writeln!(out, "</svg>")
}

/// How long it took, or has taken.
fn known_ms(outcome: Outcome) -> Option<i64> {
    match outcome {
        Outcome::Took(ms) | Outcome::Ongoing(ms) => Some(ms),
        Outcome::Missing { .. } | Outcome::Contradictory => None,
    }
}

/// A message with a number in it.
fn counted(t: &Words, key: &str, n: usize) -> String {
    t.say_with(key, &[("n", (n as u64).into())])
}

/// What it is of: `42 incidents of checkout, severity 2`.
fn title(picture: &Picture<'_>) -> String {
    let (numbers, question, t) = (picture.numbers, picture.question, picture.words);
    let key = match question.drills {
        true => "pic-title-drills",
        false => "pic-title",
    };
    let mut title = counted(t, key, numbers.incidents);
    if let Some(service) = &question.service {
        let of = t.say_with("pic-of", &[("service", service.as_str().into())]);
        let _ = write!(title, " {of}");
    }
    if let Some(severity) = question.severity {
        let severity = u64::from(severity.number());
        let severity = t.say_with("pic-severity", &[("severity", severity.into())]);
        let _ = write!(title, ", {severity}");
    }
    title
}

/// Since when, how many are open, how they were noticed.
fn subtitle(picture: &Picture<'_>) -> String {
    let (numbers, question, t) = (picture.numbers, picture.question, picture.words);
    let day = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    let to = day(question.until.unwrap_or(picture.now));
    let mut parts = vec![match (question.since.map(day), question.until) {
        (Some(from), _) => {
            let values = [("from", from.as_str().into()), ("to", to.as_str().into())];
            t.say_with("pic-from-to", &values)
        }
        (None, None) => t.say_with("pic-until", &[("to", to.as_str().into())]),
        (None, Some(_)) => t.say_with("pic-before", &[("to", to.as_str().into())]),
    }];
    parts.push(counted(t, "pic-open", numbers.open));
    if !question.drills && numbers.left_out_drills > 0 {
        parts.push(counted(t, "pic-drills-left", numbers.left_out_drills));
    }
    if numbers.left_out_duplicates > 0 {
        parts.push(counted(
            t,
            "pic-duplicates-left",
            numbers.left_out_duplicates,
        ));
    }
    if numbers.incidents > 0 {
        let (n, all) = (
            numbers.noticed.internally() as u64,
            numbers.incidents as u64,
        );
        parts.push(t.say_with("pic-noticed", &[("n", n.into()), ("all", all.into())]));
    }
    parts.join(" · ")
}

fn head(out: &mut String, picture: &Picture<'_>) -> fmt::Result {
    let line = |class: &str, y: usize, text: &str| {
        let text = escaped(text);
        format!("<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{text}</text>\n")
    };
    let t = picture.words;
    let title = title(picture);
    let title = t.say_with("pic-heading", &[("title", title.as_str().into())]);
    out.push_str(&line("h1", 40, &title));
    out.push_str(&line("dim", 62, &subtitle(picture)));
    legend(out, t, 92)
}

/// Shapes and what they mean, one behind the other.
fn legend(out: &mut String, t: &Words, y: usize) -> fmt::Result {
    let middle = y - 4;
    let top = middle - 7;
    let items: [(String, &str); 5] = [
        (panel::dot(11.0, middle as f64), "pic-one"),
        (panel::open_dot(7.0, middle as f64), "pic-still-open"),
        (
            format!("<path class=\"ecdf\" d=\"M0 {middle}h22\"/>"),
            "pic-ecdf",
        ),
        (
            format!("<path class=\"km\" d=\"M0 {middle}h22\"/>"),
            "pic-km",
        ),
        (
            format!(
                "<rect class=\"band\" x=\"0\" y=\"{top}\" width=\"22\" height=\"14\"/>\
                 <path class=\"median\" d=\"M11 {top}v14\"/>"
            ),
            "pic-median-interval",
        ),
    ];
    let mut x = MARGIN as f64;
    for (shape, key) in items {
        let says = t.say(key);
        writeln!(
            out,
            "<g transform=\"translate({x:.0} 0)\">{shape}<text x=\"28\" y=\"{y}\">{says}</text></g>"
        )?;
        x += 28.0 + CHARACTER_WIDTH * says.chars().count() as f64 + 20.0;
    }
    Ok(())
}

/// How the numbers were made.
fn foot(out: &mut String, t: &Words, height: usize) -> fmt::Result {
    let texts = [
        counted(t, "pic-foot-median", INTERVAL_N_MIN),
        t.say("pic-foot-means").into_owned(),
    ];
    for (text, above) in texts.iter().zip([34, 16]) {
        let y = height - above;
        let text = escaped(text);
        writeln!(
            out,
            "<text class=\"dim\" x=\"{MARGIN}\" y=\"{y}\">{text}</text>"
        )?;
    }
    Ok(())
}

/// What is to be seen, in words.
fn description(picture: &Picture<'_>) -> String {
    let mut text = format!("{}.", subtitle(picture));
    for numbers in &picture.numbers.phases {
        let _ = write!(
            text,
            " {}: {}; {}.",
            name(picture.words, numbers.phase),
            counts(picture.words, numbers),
            median(picture.words, numbers)
        );
    }
    text
}

fn name(t: &Words, phase: Phase) -> String {
    t.say(&format!("pic-phase-{}", phase.word())).into_owned()
}

/// `n 42, 3 still open, 5 missing a stamp`.
fn counts(t: &Words, numbers: &PhaseNumbers) -> String {
    let mut text = format!("n {}", numbers.done);
    let rest = [
        (numbers.ongoing, "pic-count-open"),
        (numbers.missing, "pic-count-missing"),
        (numbers.contradictory, "pic-count-contradictory"),
    ];
    for (count, key) in rest.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {}", counted(t, key, count));
    }
    text
}

/// The median that counts what goes on, if anything does; its interval, in milliseconds. The upper
/// end may be open.
struct Median {
    at_ms: f64,
    interval: Option<(f64, Option<f64>)>,
}

fn median_of(numbers: &PhaseNumbers) -> Option<Median> {
    if numbers.ongoing > 0 {
        let survival = numbers.survival.as_ref()?;
        return Some(Median {
            at_ms: survival.median_ms? as f64,
            interval: survival
                .low_ms
                .map(|low| (low as f64, survival.high_ms.map(|high| high as f64))),
        });
    }
    let sample = numbers.sample.as_ref()?;
    Some(Median {
        at_ms: sample.quantiles.p50_ms,
        interval: sample.median_interval.map(|it| (it.low, Some(it.high))),
    })
}

/// `median 12 min, 95 %: 8.0 min to 20 min`.
fn median(t: &Words, numbers: &PhaseNumbers) -> String {
    let Some(median) = median_of(numbers) else {
        let key = match numbers.ongoing {
            0 => "pic-no-median",
            _ => "pic-median-not-reached",
        };
        return t.say(key).into_owned();
    };
    let interval = match median.interval {
        Some((low, Some(high))) => {
            let values = [("low", rounded(low).into()), ("high", rounded(high).into())];
            t.say_with("pic-interval", &values)
        }
        Some((low, None)) => t.say_with("pic-interval-above", &[("low", rounded(low).into())]),
        None => t.say("pic-interval-none").into_owned(),
    };
    let median = t.say_with("pic-median", &[("median", rounded(median.at_ms).into())]);
    format!("{median}, {interval}")
}

/// Text as XML takes it, in elements and attributes (XML 1.0, 2.4).
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no way to write most of these.
            _ if character.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
