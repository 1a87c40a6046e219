//! `hereby gameday`: rehearsed failures, as people at a terminal follow them.

use std::path::Path;
use std::time::Duration;

use ::gameday::{
    Bad, CannotRun, Judged, Need, Options, Outcome, Scenario, Second, Tell, all, find, html,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::gameday::{GamedayArgs, GamedayVerb, RunArgs};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, hanging, table};

/// Seconds that are shown of each side at once.
const SHOWN: usize = 60;
/// A second's share of failed requests, from none to all.
const SHARES: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(crate) fn run(args: GamedayArgs, out: &Out) -> Result<(), Failure> {
    match args.verb {
        GamedayVerb::List => list(out),
        GamedayVerb::Show { scenario } => show(&named(&scenario)?, out),
        GamedayVerb::Run(args) => play(&args, out),
    }
}

fn bad(error: &Bad) -> Failure {
    Failure::usage("it is no scenario").because(error)
}

/// One that comes with hereby, or a file.
fn named(name: &str) -> Result<Scenario, Failure> {
    if let Some(found) = find(name).map_err(|error| bad(&error))? {
        return Ok(found);
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Failure::usage(format!("there is no scenario {name}"))
            .because(format!("it is no file that can be read either: {error}"))
            .hint("hereby gameday list")
    })?;
    Scenario::parse(&text).map_err(|error| bad(&error))
}

fn list(out: &Out) -> Result<(), Failure> {
    let all = all().map_err(|error| bad(&error))?;
    if out.is_json() {
        let items: Vec<_> = all
            .iter()
            .map(|one| json!({"name": one.name, "title": one.title, "needs": one.needs}))
            .collect();
        return out.json(&json!({ "items": items }));
    }
    let rows = all.iter().map(|one| {
        let needs = match one.needs.first() {
            Some(Need::Faults) => "a build with --features faults",
            Some(Need::Previous) => "the release before (--previous)",
            None => "-",
        };
        let needs = Line::new().styled(Style::Dim, needs);
        let name = Line::new().styled(Style::Bold, one.name.to_string());
        (vec![name, needs], one.title.clone())
    });
    out.lines(&table(
        &["SCENARIO", "NEEDS", "WHAT"],
        rows.collect(),
        out.width(),
    ))
}

fn show(scenario: &Scenario, out: &Out) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(scenario);
    }
    let mut lines = vec![
        Line::new().styled(Style::Bold, scenario.title.clone()),
        Line::new(),
    ];
    let mut told = |head: &str, text: &str| {
        let head = Line::new().styled(Style::Dim, format!("{head}: "));
        lines.extend(hanging(head, 2, text.trim(), out.width()));
    };
    told("then", &scenario.story.replace('\n', " "));
    told("believed", &scenario.hypothesis.replace('\n', " "));
    for (place, said) in scenario.told().enumerate() {
        told(&format!("step {}", place + 1), said);
    }
    for expected in scenario.expected() {
        told("expected", &expected);
    }
    out.lines(&lines)
}

fn play(args: &RunArgs, out: &Out) -> Result<(), Failure> {
    let scenario = named(&args.scenario)?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Internal, "this program's own path is not known").because(error)
    })?;
    let previous = args.previous.as_ref().map(|path| {
        path.canonicalize().map_err(|error| {
            Failure::usage(format!("{} can't be run", path.display())).because(error)
        })
    });
    let previous = previous.transpose()?;
    let options = Options {
        program,
        faults: cfg!(feature = "faults"),
        previous,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, "no threads").because(error))?;
    let mut screen = Screen::new(&scenario, out);
    let outcome = runtime.block_on(async {
        let stop = stopped().map_err(|error| {
            Failure::new(Exit::Internal, "no word of its end would be heard").because(error)
        })?;
        ::gameday::run(&scenario, &options, &mut screen, stop)
            .await
            .map_err(|error| cannot(&error))
    });
    screen.end();
    let outcome = outcome?;
    kept(args, &outcome)?;
    match out.is_json() {
        true => out.json(&outcome)?,
        false => out.lines(&scored(&outcome, out.width()))?,
    }
    if let Some(report) = &args.report {
        out.talk(format!("The report is in {}.", report.display()));
    }
    match outcome.held {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Unverified,
            "the hypothesis did not hold",
        )),
    }
}

/// Becomes true when the person or the system wants it to end.
fn stopped() -> std::io::Result<watch::Receiver<bool>> {
    let (say, hear) = watch::channel(false);
    let (mut interrupt, mut term) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = term.recv() => {}
        }
        say.send_replace(true);
        // Until everything is gone.
        std::future::pending::<()>().await;
    });
    Ok(hear)
}

fn cannot(error: &CannotRun) -> Failure {
    let text = error.to_string();
    match error {
        CannotRun::NoFaults => Failure::new(Exit::Refused, text).hint(
            "cargo build --release --features faults, then target/release/hereby gameday run",
        ),
        CannotRun::NoPrevious => Failure::new(Exit::Refused, text)
            .hint("hereby gameday run … --previous PROGRAM, as it was installed before"),
        CannotRun::Stopped => Failure::new(Exit::Refused, "it was stopped; everything is gone"),
        _ => Failure::new(Exit::Internal, text),
    }
}

fn kept(args: &RunArgs, outcome: &Outcome) -> Result<(), Failure> {
    let unwritten = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Internal,
            format!("{} can't be written", path.display()),
        )
        .because(error)
    };
    if let Some(path) = &args.report {
        let page = html(outcome).map_err(|error| unwritten(path, &error))?;
        std::fs::write(path, page).map_err(|error| unwritten(path, &error))?;
    }
    if let Some(directory) = &args.evidence {
        let files = [
            (format!("{}.json", outcome.incident), &outcome.bundle),
            ("log.vkey".to_owned(), &outcome.vkey),
            ("review.md".to_owned(), &outcome.review),
        ];
        std::fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))?;
        for (name, text) in files {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| unwritten(&path, &error))?;
        }
    }
    Ok(())
}

/// The scorecard.
fn scored(outcome: &Outcome, width: Option<usize>) -> Vec<Line> {
    let verdict = match (&outcome.aborted, outcome.held) {
        (Some(why), _) => Line::new().styled(Style::Bad, format!("Given up: {why}")),
        (None, true) => Line::new().styled(Style::Good, "The hypothesis held."),
        (None, false) => Line::new().styled(Style::Bad, "The hypothesis did not hold."),
    };
    let rows = outcome.expected.iter().map(|one| {
        let mark = match one.holds {
            true => Line::new().styled(Style::Good, "holds"),
            false => Line::new().styled(Style::Bad, "does not"),
        };
        let value = one
            .value
            .map_or_else(|| "not measured".to_owned(), |value| value.to_string());
        let value = Line::new().styled(Style::Bold, value);
        (
            vec![mark, value, Line::new().text(bound(one))],
            one.about.clone(),
        )
    });
    let mut lines = vec![Line::new(), verdict];
    lines.extend(table(
        &["", "MEASURED", "EXPECTED", "WHAT"],
        rows.collect(),
        width,
    ));
    let others = outcome.figures.iter().filter(|(figure, _)| {
        let mut expected = outcome.expected.iter();
        !expected.any(|one| one.figure == **figure)
    });
    let others: Vec<String> = others
        .map(|(figure, value)| format!("{figure} {value}"))
        .collect();
    if !others.is_empty() {
        lines.push(Line::new().styled(Style::Dim, format!("beside that: {}", others.join(", "))));
    }
    lines
}

fn bound(judged: &Judged) -> String {
    match (judged.least, judged.most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => String::new(),
    }
}

/// What a person sees while it runs: what is done, and below it how each side fares, second by second.
struct Screen<'o> {
    out: &'o Out,
    live: Option<Live>,
}

struct Live {
    all: MultiProgress,
    with: ProgressBar,
    without: Option<ProgressBar>,
    seconds: (Vec<Second>, Vec<Second>),
}

impl<'o> Screen<'o> {
    fn new(scenario: &Scenario, out: &'o Out) -> Screen<'o> {
        out.talk(Line::new().styled(Style::Bold, scenario.title.clone()));
        for line in hanging(
            Line::new().styled(Style::Dim, "believed: "),
            2,
            &scenario.hypothesis.trim().replace('\n', " "),
            out.width(),
        ) {
            out.talk(line);
        }
        let live = out
            .shows_progress()
            .then(|| Live::new(scenario.is_compared()));
        Screen { out, live }
    }

    fn end(&mut self) {
        if let Some(live) = self.live.take() {
            // What was drawn stays: it is the picture of it.
            live.with.abandon();
            if let Some(without) = live.without {
                without.abandon();
            }
        }
    }
}

impl Live {
    fn new(compared: bool) -> Live {
        let all = MultiProgress::new();
        let bar = |all: &MultiProgress, name: &'static str| {
            let style = ProgressStyle::with_template("{prefix:>9} {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner()
                .with_style(style)
                .with_prefix(name);
            let bar = all.add(bar);
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        };
        Live {
            with: bar(&all, "hereby"),
            without: compared.then(|| bar(&all, "without")),
            all,
            seconds: (Vec::new(), Vec::new()),
        }
    }
}

impl Tell for Screen<'_> {
    fn said(&mut self, at_ms: Option<i64>, what: &str) {
        let line = match at_ms {
            None => Line::new().styled(Style::Dim, format!("         {what}")),
            Some(at_ms) => {
                let at = format!("{:>6.1} s ", at_ms as f64 / 1_000.0);
                Line::new().styled(Style::Dim, at).text(what)
            }
        };
        match &self.live {
            Some(live) => live.all.suspend(|| self.out.talk(line)),
            None => self.out.talk(line),
        }
    }

    fn second(&mut self, with: Second, without: Option<Second>) {
        let Some(live) = &mut self.live else {
            return;
        };
        live.seconds.0.push(with);
        live.with.set_message(drawn(&live.seconds.0));
        if let (Some(bar), Some(second)) = (&live.without, without) {
            live.seconds.1.push(second);
            bar.set_message(drawn(&live.seconds.1));
        }
    }
}

/// The last seconds, each as high as the share of its requests that failed.
fn drawn(seconds: &[Second]) -> String {
    let shown = seconds.iter().skip(seconds.len().saturating_sub(SHOWN));
    let shares: String = shown
        .map(|one| {
            let highest = SHARES.len() as u64 - 1;
            let share = (one.failed * highest)
                .div_ceil(one.sent.max(1))
                .min(highest);
            let place = usize::try_from(share).unwrap_or(0);
            SHARES.get(place).copied().unwrap_or('█')
        })
        .collect();
    let failed: u64 = seconds.iter().map(|one| one.failed).sum();
    let sent: u64 = seconds.iter().map(|one| one.sent).sum();
    format!("{shares} {failed} of {sent} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_as_high_as_what_failed_of_it() {
        let second = |sent, failed| Second {
            sent,
            failed,
            degraded: 0,
        };
        let all = [
            second(0, 0),
            second(80, 0),
            second(80, 1),
            second(80, 40),
            second(80, 80),
        ];
        assert_eq!(drawn(&all), "··▁▄█ 121 of 320 failed");
    }
}
