//! One made-up world: what happens next follows from the dice.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{CommandId, Severity, Timestamp};
use engine::drive::{Driver, Pending};
use engine::ports::{AppendError, Clock};
use engine::{CannotStart, Growth, Options, Transport};
use incident::{Action, AlertRule, Deed, Draft, Rules};
use record::act::Subject;
use record::command::{DigestKey, Verb};
use record::hash::{self, Hash};
use record::kinds::Body;
use record::kinds::log::{Opened, Recovered};

use crate::Run;
use crate::check::{Checker, Violation};
use crate::client::{self, Message, word};
use crate::dice::Dice;
use crate::log::SimLog;
use crate::machine::{Bug, Machine, NoTiles, SimClock, Trap, signing_key};
use crate::recover::ORIGIN;

/// The local user that alerts come from.
const MONITOR: Transport = Transport::LocalUid(2000);

/// A question that waits for its answer.
struct Call {
    message: Message,
    pending: Pending,
}

/// The world of one run.
pub struct World<'a> {
    dice: Dice,
    machine: Arc<Machine>,
    clock: Arc<SimClock>,
    now: Timestamp,
    driver: Option<Driver>,
    checker: Checker,
    calls: Vec<Call>,
    /// Messages that have not arrived.
    net: Vec<Message>,
    /// Every command that was ever sent.
    sent: Vec<Message>,
    /// Ids that were used for something else as well.
    varied: BTreeSet<CommandId>,
    /// Commands and deliveries whose sender was not answered, or not as it wished.
    wanting: Vec<Message>,
    step: u32,
    starts: u32,
    trace: Hash,
    tally: BTreeMap<&'static str, u64>,
    tell: &'a mut dyn FnMut(&str),
}

impl<'a> World<'a> {
    /// An empty disk, and nobody has started anything.
    pub fn new(seed: u64, bug: Option<Bug>, tell: &'a mut dyn FnMut(&str)) -> World<'a> {
        let machine = Machine::default();
        machine.parts().bug = bug;
        World {
            dice: Dice::new(seed),
            machine: Arc::new(machine),
            clock: Arc::new(SimClock::default()),
            now: word("2017-12-21T07:30:00.000Z"),
            driver: None,
            checker: Checker::default(),
            calls: Vec::new(),
            net: Vec::new(),
            sent: Vec::new(),
            varied: BTreeSet::new(),
            wanting: Vec::new(),
            step: 0,
            starts: 0,
            trace: hash::EMPTY_ROOT,
            tally: BTreeMap::new(),
            tell,
        }
    }

    /// One thing happens, and the invariants are held.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn step(&mut self, step: u32) -> Result<(), Violation> {
        self.step = step;
        self.happen().map_err(|what| {
            self.say(&format!("VIOLATED {what}"));
            Violation { step, what }
        })
    }

    /// Nothing goes wrong any more: all that was asked comes to its end.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn settle(mut self) -> Result<Run, Violation> {
        self.step += 1;
        let step = self.step;
        self.wind_up().map_err(|what| Violation { step, what })?;
        let image = self.machine.parts().image.bytes().to_vec();
        Ok(Run {
            image,
            trace: self.trace,
            tally: self.tally,
        })
    }

    fn wind_up(&mut self) -> Result<(), String> {
        self.machine.parts().full = false;
        self.die(false)?;
        for _ in 0..12 {
            self.pass(3_600_000);
            self.ensure_running()?;
            let again = std::mem::take(&mut self.wanting);
            self.net.extend(again);
            while let Some(message) = self.net.pop() {
                self.deliver(message);
            }
            self.serve()?;
        }
        // What waits now waits for a passing reason, and nothing is in its way.
        if let Some(message) = self.wanting.first() {
            return Err(format!("nothing came of {message:?} in the end"));
        }
        self.die(true)?;
        self.ensure_running()?;
        let entries = self.machine.parts().entries().to_vec();
        self.checker.all_in_place(&entries)
    }

    fn happen(&mut self) -> Result<(), String> {
        match self.dice.below(100) {
            0..=19 => self.compose(),
            20..=29 => {
                let signals = client::alerts(&mut self.dice, self.now);
                self.net.push(Message::Alerts(signals));
            }
            30..=32 => self.net.push(Message::Beat(client::beat(&mut self.dice))),
            33..=40 => self.send_again(),
            41..=60 => self.arrive()?,
            61..=78 => self.serve()?,
            79..=84 => self.tick()?,
            85..=91 => self.time_passes(),
            92..=93 => self.disk_fills_or_empties(),
            94..=96 => self.set_trap(),
            97 => {
                let power = self.dice.once_in(2);
                self.die(power)?;
            }
            98 => self.snapshot(),
            _ => self.restart()?,
        }
        Ok(())
    }

    fn say(&mut self, line: &str) {
        self.trace = hash::sha256(&[self.trace.as_bytes(), line.as_bytes()]);
        (self.tell)(line);
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    // ── what clients and the network do ──────────────────────────────────────────────────────

    fn compose(&mut self) {
        let number = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let state = self.checker.state();
        let request = client::asks(&mut self.dice, state, self.now, number);
        self.say(&format!(
            "{} is sent: {}",
            request.command.id,
            request.command.verb.name()
        ));
        if request.signature.is_some() {
            self.count("signed");
        }
        if matches!(&request.command.verb, Verb::Declare(declare) if declare.private) {
            self.count("private");
        }
        let message = Message::Command(Box::new(request));
        self.sent.push(message.clone());
        self.net.push(message);
    }

    /// A sender that was not answered asks again; now and then one that was does too, or somebody
    /// uses the same id for something else.
    fn send_again(&mut self) {
        let at = self.dice.index(self.wanting.len());
        if !self.wanting.is_empty() && !self.dice.once_in(4) {
            let message = self.wanting.swap_remove(at);
            self.net.push(message);
        } else if let Some(Message::Command(sent)) = self.dice.pick(&self.sent) {
            let mut again = sent.clone();
            if self.dice.once_in(5) {
                again.signature = None;
                self.varied.insert(again.command.id.clone());
                again.command.why = Some(word("the same id, other bytes"));
                self.count("other bytes sent");
            }
            self.net.push(Message::Command(again));
        }
    }

    fn arrive(&mut self) -> Result<(), String> {
        self.ensure_running()?;
        for _ in 0..=self.dice.below(4) {
            if self.net.is_empty() {
                return Ok(());
            }
            let at = self.dice.index(self.net.len());
            let message = self.net.swap_remove(at);
            match self.dice.below(10) {
                // Lost: whoever sent it has to send it again.
                0 => {
                    self.count("message lost");
                    self.wanting.push(message);
                }
                // Doubled: the copy arrives at another time.
                1 | 2 => {
                    self.count("message doubled");
                    self.net.push(message.clone());
                    self.deliver(message);
                }
                _ => self.deliver(message),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, message: Message) {
        let Some(driver) = &self.driver else {
            return self.wanting.push(message);
        };
        let pending = match &message {
            Message::Command(request) => driver.submit((**request).clone()),
            Message::Alerts(signals) => driver.signals(MONITOR, signals.clone()),
            Message::Beat(name) => driver.beat(MONITOR, name.clone()),
        };
        self.calls.push(Call { message, pending });
    }

    // ── what the process does ────────────────────────────────────────────────────────────────

    fn serve(&mut self) -> Result<(), String> {
        self.ensure_running()?;
        loop {
            let Some(driver) = &mut self.driver else {
                return Ok(());
            };
            match driver.serve() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.died_of(&error);
                    break;
                }
            }
        }
        self.hold()?;
        self.answers()?;
        self.mourn()
    }

    fn tick(&mut self) -> Result<(), String> {
        self.ensure_running()?;
        if let Some(driver) = &mut self.driver
            && let Err(error) = driver.tick()
        {
            self.died_of(&error);
        }
        self.hold()?;
        self.mourn()
    }

    fn died_of(&mut self, error: &AppendError) {
        if let AppendError::Fatal { what, .. } = error {
            self.say(&format!("the process dies: {what}"));
            let stage = match what.split('(').next() {
                Some("BeforeWrite") => "death before write",
                Some("WithinWrite") => "death within write",
                Some("BeforeSync") => "death before sync",
                Some("BeforeSign") => "death before sign",
                Some("AfterSign") => "death after sign",
                _ => "death of something else",
            };
            self.count(stage);
        }
        self.driver = None;
    }

    /// After a fatal error the machine loses what a dead process or a power cut loses.
    fn mourn(&mut self) -> Result<(), String> {
        if self.driver.is_some() {
            return Ok(());
        }
        let power = self.dice.once_in(2);
        self.die(power)
    }

    fn die(&mut self, power: bool) -> Result<(), String> {
        self.say(if power {
            "the power goes"
        } else {
            "the process is killed"
        });
        self.count(if power { "power cut" } else { "kill" });
        self.driver = None;
        self.answers()?;
        self.machine.die(power, &mut self.dice);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        if self.dice.once_in(2) {
            self.snapshot();
        }
        self.die(false)?;
        self.ensure_running()
    }

    fn snapshot(&mut self) {
        if let Some(driver) = &self.driver {
            driver.snapshot();
            self.count("snapshot");
        }
    }

    fn ensure_running(&mut self) -> Result<(), String> {
        // Every trap springs once, so a start succeeds after a few deaths at most.
        while self.driver.is_none() {
            self.start()?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        self.clock.set(self.now);
        self.starts += 1;
        let reopened = self.machine.reopen();
        let (frontier, prev, torn) =
            reopened.map_err(|corruption| format!("invariant 1: {}", corruption.0))?;
        let entries = self.machine.parts().entries().to_vec();
        self.checker.restarted(&entries)?;
        if *self.checker.frontier() != frontier {
            return Err("the tree that was read is not the entries'".to_owned());
        }
        if torn > 0 {
            self.count("torn tail");
        }
        let key = self.signing_key_in_use();
        let size = frontier.size();
        self.say(&format!(
            "start: {size} entries, {torn} torn bytes, key {key}"
        ));
        let log = SimLog::new(self.machine.clone(), frontier, prev, key);
        match Driver::start(self.options(log, size, torn)) {
            Ok(driver) => {
                self.driver = Some(driver);
                self.count("start");
                self.hold()?;
                self.digests_agree()
            }
            Err(CannotStart::Write(error)) => {
                self.died_of(&error);
                self.mourn()
            }
            Err(other) => Err(format!("it does not start: {other}")),
        }
    }

    /// The key that the record says signs: the newest it names.
    fn signing_key_in_use(&self) -> u8 {
        let named = self
            .checker
            .state()
            .log
            .vkeys
            .last()
            .map(|(_, vkey)| vkey.clone());
        let made = self.machine.parts().keys;
        (0..=made)
            .find(|number| Some(signing_key(*number).verifier().to_string().into()) == named)
            .unwrap_or(0)
    }

    fn options(&self, log: SimLog, size: u64, torn: usize) -> Options {
        let mut boot = Vec::new();
        if size == 0 {
            let vkey = signing_key(0).verifier().to_string().into();
            let body = Opened {
                origin: ORIGIN.into(),
                vkey,
            };
            boot.push(deed("hereby:record:opened", body.into()));
        }
        if torn > 0 {
            let id = format!("hereby:record:recovered:{size}:{}", self.starts);
            let dropped_bytes = torn as u64;
            let body = Recovered {
                dropped_bytes,
                kept_in: "torn".into(),
                size,
            };
            boot.push(deed(&id, body.into()));
        }
        Options {
            log: Box::new(log),
            entries: self.machine.clone(),
            keystore: self.machine.clone(),
            clock: self.clock.clone(),
            publisher: Box::new(NoTiles),
            snapshots: self.machine.clone(),
            digest_key: DigestKey::from_bytes(&[5; 32]),
            rules: rules(),
            growth: Growth::new(1, 20),
            epoch: 1,
            boot,
            on_thread_start: Arc::new(|_| {}),
            on_fatal: Box::new(|_| {}),
            progress: Box::new(|_, _| {}),
        }
    }

    // ── what the world does ──────────────────────────────────────────────────────────────────

    fn time_passes(&mut self) {
        let ms = match self.dice.below(20) {
            0..=13 => self.dice.between(1, 5_000),
            14..=16 => self.dice.between(1, 600_000),
            17 => self.dice.between(1, 100_000_000),
            _ => -self.dice.between(1, 3_000),
        };
        if ms < 0 {
            self.count("clock set back");
        }
        self.pass(ms);
    }

    fn pass(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.clock.set(self.now);
        self.say(&format!("it is {}", self.clock.now()));
    }

    fn disk_fills_or_empties(&mut self) {
        let full = {
            let mut parts = self.machine.parts();
            parts.full = !parts.full;
            parts.reserve = 4;
            parts.full
        };
        self.say(if full {
            "the disk is full"
        } else {
            "there is room again"
        });
    }

    fn set_trap(&mut self) {
        let trap = Trap::any(&mut self.dice);
        self.say(&format!("a trap: {trap:?}"));
        self.machine.parts().trap = Some(trap);
    }
}

fn deed(id: &str, body: Body) -> Deed {
    Deed {
        id: word(id),
        actor: base::Actor::System { id: word("record") },
        cause: None,
        why: None,
        drafts: vec![Draft::new(Subject::Record, body)],
    }
}

fn rules() -> Rules {
    let severity = Severity::from_number(3).expect("1 to 5");
    let declares = AlertRule {
        name: word("checkout"),
        matchers: [("service".into(), "checkout".into())].into(),
        action: Action::Declare(severity),
    };
    Rules {
        alert_rules: vec![declares],
        ..Rules::default()
    }
}
