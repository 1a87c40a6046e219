//! A record of five years at three incidents a week, made by the real decider under a clock that is
//! set: most with every time, some without, the newest still open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{IncidentId, Severity, Timestamp};
use engine::Outcome;
use engine::drive::{Answer, Driver, Reply};
use engine::ports::Clock as _;
use record::command::{Acknowledge, Command, Declare, Resolve, StampTime, Verb};
use record::kinds::incident::Stamp;

use crate::generated::SetClock;
use crate::rig::{self, Failed, Priority, WallClock, failed};

/// How many incidents there are.
pub const INCIDENTS: u32 = 780;

/// How many of them, the newest, are open.
const OPEN: u32 = 12;

const MINUTE: i64 = 60_000;
const WEEK: i64 = 7 * 24 * 60 * MINUTE;

struct Maker {
    driver: Driver,
    clock: Arc<SetClock>,
    count: u64,
    random: u64,
}

/// Makes it in `data`.
///
/// # Errors
/// When it can't be made.
pub fn five_years(data: &Path) -> Result<(), Failed> {
    let begin = WallClock.now().as_ms() - i64::from(INCIDENTS) * WEEK / 3;
    let clock = Arc::new(SetClock(AtomicI64::new(begin)));
    let (mut options, _) = rig::options(data, Priority::Normal)?;
    options.clock = clock.clone();
    let mut maker = Maker {
        driver: Driver::start(options).map_err(failed("start"))?,
        clock,
        count: 0,
        random: 42,
    };
    for number in 1..=INCIDENTS {
        // Half a step before the next, so that none lies ahead of the clock on the wall.
        maker.incident(number, begin + (i64::from(number) * 2 - 1) * WEEK / 6)?;
    }
    maker.driver.snapshot();
    Ok(())
}

impl Maker {
    fn incident(&mut self, number: u32, start: i64) -> Result<(), Failed> {
        let incident = IncidentId::from_number(number);
        let detected = start + self.minutes(3.0);
        let declared = detected + self.minutes(2.0);
        let diagnosed = declared + self.minutes(15.0);
        let mitigated = diagnosed + self.minutes(10.0);
        self.at(declared);
        let service = format!("service-{}", number % 12);
        self.ask(Declare {
            alerts: Vec::new(),
            drill: false,
            impact_start: Some(Timestamp::from_ms(start)),
            private: false,
            service: Some(service.parse().map_err(failed("name a service"))?),
            severity: Severity::from_number(1 + (number % 4) as u8).map_err(failed("declare"))?,
            template: None,
            title: "it answers with errors"
                .parse()
                .map_err(failed("declare"))?,
        })?;
        self.at(declared + MINUTE);
        self.ask(Acknowledge { incident })?;
        let stamps = [
            (Stamp::Detected, detected),
            (Stamp::Diagnosed, diagnosed),
            (Stamp::Mitigated, mitigated),
        ];
        for (stamp, at) in stamps {
            // One in eight was never said.
            if self.chance() < 0.875 {
                self.at(at);
                let at = Some(Timestamp::from_ms(at));
                self.ask(StampTime {
                    at,
                    incident,
                    stamp,
                })?;
            }
        }
        if number <= INCIDENTS - OPEN {
            let resolved = mitigated + self.minutes(20.0);
            self.at(resolved);
            let summary = None;
            self.ask(Resolve { incident, summary })?;
        }
        Ok(())
    }

    /// The record's time never runs backwards.
    fn at(&self, ms: i64) {
        self.clock.0.fetch_max(ms, Ordering::Relaxed);
    }

    /// xorshift64, as a share: the same record every time.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// So many minutes in the middle, skewed as durations are (log-logistic), in milliseconds.
    fn minutes(&mut self, median: f64) -> i64 {
        let share = self.chance().clamp(0.001, 0.999);
        let odds = share / (1.0 - share);
        (median * odds.powf(0.6) * MINUTE as f64) as i64
    }

    fn ask(&mut self, verb: impl Into<Verb>) -> Result<(), Failed> {
        self.count += 1;
        let id = format!("years-{:026}", self.count);
        let id = id.parse().map_err(failed("make an id"))?;
        let request = rig::request(Command::new(id, verb.into()), None);
        let mut pending = self.driver.submit(request);
        while self.driver.serve().map_err(failed("write"))? {}
        match pending.look() {
            Reply::Answered(Answer::Command(Outcome::Done(_))) => Ok(()),
            other => Err(Failed(format!("not done: {other:?}"))),
        }
    }
}
