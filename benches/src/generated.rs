//! A log of a million acts, as a busy organisation would have after years: made once by the real
//! decider, and kept in `target/bench-data` for the next run.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{IncidentId, Severity, Timestamp};
use engine::drive::{Driver, Reply};
use engine::ports::Clock;
use incident::{Action, AlertRule, AlertSignal, Phase};
use record::command::{
    Acknowledge, Assign, Command, Declare, Note, Resolve, SetStatus, Update, Verb,
};
use record::kinds::incident::{Audience, Role, Status};

use crate::rig::{self, Failed, Priority, failed};
use crate::say;

/// How many acts there are, or a few more.
pub const ACTS: u64 = 1_000_000;

/// Raised whenever the acts that are made change, or the log's form: an older log is made again.
const STAMP: &str = "2";

/// How many requests are decided together.
const BATCH: usize = 1_024;

/// Incidents that are open at the same time.
const OPEN: usize = 12;

/// Notes, updates and status changes that one incident has.
const STEPS: u64 = 150;

/// 2019-01-01, and from there on some minutes for each step.
const BEGIN_MS: i64 = 1_546_300_800_000;

/// The clock of the log that is made: it stands until it is moved.
pub(crate) struct SetClock(pub(crate) AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Where the data directory with the log is; makes it if it is not there.
///
/// # Errors
/// When it can't be made.
pub fn million_acts() -> Result<PathBuf, Failed> {
    let kept = crate::scratch::target_dir().join("bench-data");
    let stamp = kept.join("stamp");
    let data = kept.join("data");
    let wanted = format!("{STAMP} {ACTS}");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(data);
    }
    // Only what this very function makes lies there.
    if kept.is_dir() {
        fs::remove_dir_all(&kept).map_err(failed("remove the old log"))?;
    }
    fs::create_dir_all(&kept).map_err(failed("make a directory"))?;
    say(&format!(
        "making a log of {ACTS} acts in {} (once)",
        kept.display()
    ));
    let clock = Arc::new(SetClock(AtomicI64::new(BEGIN_MS)));
    let (mut options, _) = rig::options(&data, Priority::Normal)?;
    options.clock = clock.clone();
    options.rules.alert_rules = vec![AlertRule {
        name: "checkout".parse().map_err(failed("make a rule"))?,
        matchers: [("severity".into(), "page".into())].into(),
        action: Action::Declare(Severity::from_number(2).map_err(failed("make a rule"))?),
    }];
    let driver = Driver::start(options).map_err(failed("start"))?;
    Maker {
        driver,
        clock,
        count: 0,
        pending: Vec::new(),
        random: 42,
    }
    .make()?;
    fs::write(&stamp, wanted).map_err(failed("write the stamp"))?;
    Ok(data)
}

struct Maker {
    driver: Driver,
    clock: Arc<SetClock>,
    count: u64,
    pending: Vec<engine::drive::Pending>,
    random: u64,
}

/// An incident that is under way.
struct Story {
    id: IncidentId,
    step: u64,
}

impl Maker {
    fn make(mut self) -> Result<(), Failed> {
        let mut open: Vec<Story> = Vec::new();
        while self.driver.state().log.acts < ACTS {
            self.clock.0.fetch_add(1_000, Ordering::Relaxed);
            if open.len() < OPEN {
                open.push(self.declare()?);
            }
            for _ in 0..BATCH / OPEN {
                for story in &mut open {
                    story.step += 1;
                    if story.step <= STEPS {
                        self.step(story)?;
                    }
                }
                self.alert()?;
            }
            self.serve()?;
            for story in open.extract_if(.., |story| story.step > STEPS) {
                let summary = Some(text("a bad release was rolled back", self.count)?);
                self.ask(
                    Resolve {
                        incident: story.id,
                        summary,
                    }
                    .into(),
                )?;
            }
            self.serve()?;
        }
        self.driver.snapshot();
        Ok(())
    }

    /// xorshift64: the same log every time.
    fn chance(&mut self, of: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % of
    }

    fn ask(&mut self, verb: Verb) -> Result<(), Failed> {
        self.count += 1;
        let id = format!("made-{:027}", self.count)
            .parse()
            .map_err(failed("make an id"))?;
        self.pending.push(
            self.driver
                .submit(rig::request(Command::new(id, verb), None)),
        );
        Ok(())
    }

    /// Everything that was asked must have been done.
    fn serve(&mut self) -> Result<(), Failed> {
        while self.driver.serve().map_err(failed("write"))? {}
        for mut pending in self.pending.drain(..) {
            match pending.look() {
                Reply::Answered(engine::drive::Answer::Command(engine::Outcome::Done(_)))
                | Reply::Answered(engine::drive::Answer::Signals(_)) => {}
                other => return Err(Failed(format!("not done: {other:?}"))),
            }
        }
        Ok(())
    }

    fn declare(&mut self) -> Result<Story, Failed> {
        let before = self.driver.state().incidents.incidents_declared;
        let service = format!("service-{}", self.chance(40));
        let declare = Declare {
            alerts: Vec::new(),
            drill: self.chance(20) == 0,
            impact_start: None,
            private: self.chance(50) == 0,
            service: Some(service.parse().map_err(failed("name a service"))?),
            severity: Severity::from_number(2).map_err(failed("declare"))?,
            template: None,
            title: format!("{service} answers with errors")
                .parse()
                .map_err(failed("declare"))?,
        };
        self.ask(declare.into())?;
        self.serve()?;
        let id = IncidentId::from_number(before + 1);
        self.ask(Acknowledge { incident: id }.into())?;
        let person = "sam".parse().map_err(failed("assign"))?;
        self.ask(
            Assign {
                incident: id,
                person,
                role: Role::Commander,
            }
            .into(),
        )?;
        Ok(Story { id, step: 0 })
    }

    fn step(&mut self, story: &Story) -> Result<(), Failed> {
        let incident = story.id;
        let verb: Verb = match story.step {
            20 => SetStatus {
                incident,
                status: Status::Identified,
            }
            .into(),
            100 => SetStatus {
                incident,
                status: Status::Monitoring,
            }
            .into(),
            step if step.is_multiple_of(5) => {
                let audience = match step.is_multiple_of(10) {
                    true => Audience::Public,
                    false => Audience::Insiders,
                };
                let text = text("we see fewer errors and go on looking", step)?;
                Update {
                    page: None,
                    audience,
                    incident,
                    status: None,
                    text,
                }
                .into()
            }
            step => {
                let words =
                    "the queue grows while consumers time out; ".repeat(1 + step as usize % 8);
                Note {
                    blobs: Vec::new(),
                    incident,
                    text: text(&words, step)?,
                }
                .into()
            }
        };
        self.ask(verb)
    }

    /// An alert that begins to fire, or ends.
    fn alert(&mut self) -> Result<(), Failed> {
        let number = self.chance(400);
        let phase = if self.chance(2) == 0 {
            Phase::Firing
        } else {
            Phase::Resolved
        };
        let label = |name: &str, value: String| (Box::<str>::from(name), value.into_boxed_str());
        let labels = [
            label("alertname", format!("HighErrorRate{}", number % 20)),
            label(
                "instance",
                format!("10.0.{}.{}:9100", number / 256, number % 256),
            ),
            label("job", "node".to_owned()),
            label("service", format!("service-{}", number % 40)),
            label("severity", "warning".to_owned()),
        ];
        let signal = AlertSignal {
            annotations: [label(
                "summary",
                "more than 5 % of requests fail".to_owned(),
            )]
            .into(),
            ends_at: None,
            fingerprint: format!("{number:016x}")
                .parse()
                .map_err(failed("make an alert"))?,
            labels: labels.into(),
            lost_bytes: 0,
            phase,
            source: "alertmanager".parse().map_err(failed("make an alert"))?,
            starts_at: None,
            title: "HighErrorRate".parse().map_err(failed("make an alert"))?,
        };
        let local = engine::Transport::LocalUid(0);
        self.pending.push(self.driver.signals(local, vec![signal]));
        Ok(())
    }
}

fn text(words: &str, number: u64) -> Result<base::Prose, Failed> {
    format!("{words} ({number})")
        .parse()
        .map_err(failed("write"))
}
