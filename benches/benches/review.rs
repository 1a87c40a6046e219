//! An incident with 10,000 acts through the real server: its review for each audience, and the whole
//! of it shown at the terminal. The peer is the plainest thing that reads the same entries: the
//! timeline over the same socket, which nothing is made of.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use base::{ActId, IncidentId, PersonName, Prose, Severity, Timestamp};
use benches::quiet::undisturbed;
use benches::rig::{self, Failed, Priority, failed};
use benches::scratch::scratch;
use benches::server::{self, Server};
use benches::{Goal, median, report, rounds, say};
use engine::drive::{Answer, Driver, Reply};
use engine::ports::Clock;
use record::act::act_id;
use record::command::{
    Assign, CatchUp, Command, Correct, Decide, Declare, Note, Resolve, StateFinding, Update, Verb,
};
use record::kinds::incident::{Audience, Role};
use record::kinds::review::Section;

/// How many acts the incident has.
const ACTS: u64 = 10_000;

/// What is said of it afterwards.
const FINDINGS: u64 = 200;

/// 2019-01-01, and ten seconds for each act.
const BEGIN_MS: i64 = 1_546_300_800_000;

const ORIGIN: &str = "bench.example/log";

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let directory = scratch().map_err(failed("make a directory"))?;
    let data = directory.path().join("data");
    Maker::start(&data)?.make()?;
    server::configure(&data, ORIGIN)?;
    let server = Server::start(&program, &data)?;
    let pids = [server.pid()];
    let (mut timeline, mut shown, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        timeline.push(undisturbed(&pids, || timeline_ms(&server))?);
        shown.push(undisturbed(&pids, || show_ms(&program, &data))?);
        for (number, audience) in ["internal", "customers", "executive"].iter().enumerate() {
            let took = undisturbed(&pids, || review_ms(&server, audience))?;
            if reviews.len() <= number {
                reviews.push(Vec::new());
            }
            if let Some(rounds) = reviews.get_mut(number) {
                rounds.push(took);
            }
        }
    }
    server.stop()?;
    say(&format!(
        "the timeline of {ACTS} acts alone, over HTTP: {:.0} ms",
        median(&timeline)
    ));
    let name = format!("show: {ACTS} acts at the terminal");
    report(&name, "ms", &shown, Goal::AtMost(100.0));
    for (audience, rounds) in ["internal", "customers", "executive"].iter().zip(&reviews) {
        let name = format!("review: {ACTS} acts as a page, {audience}");
        report(&name, "ms", rounds, Goal::AtMost(1_000.0));
    }
    Ok(())
}

/// Every page of the timeline, one after the other.
fn timeline_ms(server: &Server) -> Result<f64, Failed> {
    let mut connection = server.local()?;
    let begin = Instant::now();
    let mut after = String::new();
    let mut acts = 0;
    loop {
        let path = format!("/api/v1/incidents/INC-1/timeline?limit=1000{after}");
        let (status, body) = connection.ask("GET", &path, &[], "")?;
        let page: serde_json::Value =
            serde_json::from_str(&body).map_err(failed("read the timeline"))?;
        acts += page
            .get("items")
            .and_then(|it| it.as_array())
            .map_or(0, Vec::len);
        if status != 200 {
            return Err(Failed(format!("the timeline: {status} {body}")));
        }
        match page.get("next").and_then(serde_json::Value::as_u64) {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    match acts as u64 == ACTS {
        true => Ok(begin.elapsed().as_secs_f64() * 1_000.0),
        false => Err(Failed(format!("the timeline has {acts} acts"))),
    }
}

/// The command line from its start to its end.
fn show_ms(program: &Path, data: &Path) -> Result<f64, Failed> {
    let begin = Instant::now();
    let output = Process::new(program)
        .args(["show", "INC-1", "--data-dir"])
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .map_err(failed("run hereby show"))?;
    let took = begin.elapsed().as_secs_f64() * 1_000.0;
    let lines = output.stdout.split(|byte| *byte == b'\n').count() as u64;
    match output.status.success() && lines > ACTS {
        true => Ok(took),
        false => Err(Failed(format!(
            "show: {} with {lines} lines",
            output.status
        ))),
    }
}

fn review_ms(server: &Server, audience: &str) -> Result<f64, Failed> {
    let path = format!("/api/v1/incidents/INC-1/review?audience={audience}&format=html");
    let mut connection = server.local()?;
    let begin = Instant::now();
    let (status, page) = connection.ask("GET", &path, &[], "")?;
    let took = begin.elapsed().as_secs_f64() * 1_000.0;
    let acts = page.matches("<li id=\"act-").count() as u64;
    let whole = audience != "internal" || acts > ACTS - FINDINGS - 100;
    match status == 200 && page.ends_with("</html>\n") && whole {
        true => Ok(took),
        false => Err(Failed(format!("the review: {status}, {acts} acts in it"))),
    }
}

/// Makes the incident with the real decider.
struct Maker {
    driver: Driver,
    clock: Arc<SetClock>,
    count: u64,
    acts: Vec<ActId>,
    pending: Vec<engine::drive::Pending>,
}

impl Maker {
    fn start(data: &Path) -> Result<Maker, Failed> {
        let clock = Arc::new(SetClock(AtomicI64::new(BEGIN_MS)));
        let (mut options, _) = rig::options(data, Priority::Normal)?;
        options.clock = clock.clone();
        Ok(Maker {
            driver: Driver::start(options).map_err(failed("start"))?,
            clock,
            count: 0,
            acts: Vec::new(),
            pending: Vec::new(),
        })
    }

    fn make(mut self) -> Result<(), Failed> {
        let incident = IncidentId::from_number(1);
        let declare = Declare {
            alerts: Vec::new(),
            drill: false,
            impact_start: Some(Timestamp::from_ms(BEGIN_MS)),
            private: false,
            service: Some(word("checkout")?),
            severity: Severity::from_number(2).map_err(failed("declare"))?,
            template: None,
            title: word("Checkout answers with errors")?,
        };
        self.ask("kim", declare.into())?;
        for (role, person) in [
            (Role::Commander, "kim"),
            (Role::Operations, "alex"),
            (Role::Operations, "robin"),
            (Role::Communications, "sam"),
        ] {
            let person = word(person)?;
            let assign = Assign {
                incident,
                person,
                role,
            };
            self.ask("kim", assign.into())?;
        }
        while self.count < ACTS - FINDINGS - 1 {
            self.step(incident)?;
        }
        let summary = Some(prose("a bad release was rolled back", self.count)?);
        self.ask("kim", Resolve { incident, summary }.into())?;
        self.review(incident)?;
        self.driver.snapshot();
        Ok(())
    }

    /// One act of the work: mostly notes, now and then a decision, a word to the public, a correction.
    fn step(&mut self, incident: IncidentId) -> Result<(), Failed> {
        let number = self.count;
        let who = ["alex", "robin"].get(number as usize % 2).copied();
        let who = who.unwrap_or("alex");
        let (who, verb): (&str, Verb) = match number {
            it if it.is_multiple_of(100) => {
                let decision = prose("We roll back one more service", number)?;
                let options = vec![word("Wait for the next release")?];
                let decide = Decide {
                    decision,
                    incident,
                    options,
                };
                ("kim", decide.into())
            }
            it if it.is_multiple_of(50) => {
                let text = prose("Payments are slow for some of you", number)?;
                let (audience, status) = (Audience::Public, None);
                let update = Update {
                    page: None,
                    audience,
                    incident,
                    status,
                    text,
                };
                ("sam", update.into())
            }
            it if it.is_multiple_of(33) => {
                let act = self.some_act(number)?;
                let text = prose("It was the other host", number)?;
                let correct = Correct {
                    act,
                    incident,
                    text,
                };
                (who, correct.into())
            }
            it if it.is_multiple_of(999) => {
                let person = Some(word("sam")?);
                let acts = number - 10;
                let read = CatchUp {
                    acts,
                    incident,
                    person,
                };
                ("sam", read.into())
            }
            _ => {
                let words = "the queue grows while consumers time out; ";
                let text = prose(&words.repeat(1 + number as usize % 8), number)?;
                let blobs = Vec::new();
                let note = Note {
                    blobs,
                    incident,
                    text,
                };
                (who, note.into())
            }
        };
        self.ask(who, verb)
    }

    fn review(&mut self, incident: IncidentId) -> Result<(), Failed> {
        for number in 0..FINDINGS {
            let sections = Section::ALL;
            let section = sections.get(number as usize % sections.len());
            let cites = (0..8).map(|it| self.some_act(number * 31 + it * 7));
            let finding = StateFinding {
                cites: cites.collect::<Result<_, _>>()?,
                incident,
                reach: None,
                replaces: Vec::new(),
                section: *section.ok_or(Failed("no section".to_owned()))?,
                text: prose("The pool was too small, and nothing watched it", number)?,
            };
            self.ask("sam", finding.into())?;
        }
        self.serve()
    }

    fn some_act(&self, number: u64) -> Result<ActId, Failed> {
        let at = number as usize % self.acts.len().max(1);
        let act = self.acts.get(at).copied();
        act.ok_or(Failed("there is no act yet".to_owned()))
    }

    fn ask(&mut self, who: &str, verb: Verb) -> Result<(), Failed> {
        self.clock.0.fetch_add(10_000, Ordering::Relaxed);
        self.count += 1;
        let id = word(&format!("made-{}", self.count))?;
        self.acts.push(act_id(&id, 0));
        let mut command = Command::new(id, verb);
        command.on_behalf_of = Some(word::<PersonName>(who)?);
        let request = rig::request(command, None);
        self.pending.push(self.driver.submit(request));
        match self.pending.len() >= 256 || self.count < 10 {
            true => self.serve(),
            false => Ok(()),
        }
    }

    /// Everything that was asked must have been done.
    fn serve(&mut self) -> Result<(), Failed> {
        while self.driver.serve().map_err(failed("write"))? {}
        for mut pending in self.pending.drain(..) {
            match pending.look() {
                Reply::Answered(Answer::Command(engine::Outcome::Done(_))) => {}
                other => return Err(Failed(format!("not done: {other:?}"))),
            }
        }
        Ok(())
    }
}

fn word<T: std::str::FromStr<Err: std::error::Error>>(text: &str) -> Result<T, Failed> {
    text.parse().map_err(failed("write"))
}

fn prose(words: &str, number: u64) -> Result<Prose, Failed> {
    word(&format!("{words} ({number})"))
}
