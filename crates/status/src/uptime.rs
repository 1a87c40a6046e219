//! How components were, day by day. What nobody measured is unknown, never well.

use base::{Name, Timestamp};
use record::kinds::incident::Status;
use record::kinds::page::ComponentStatus;

use crate::page::{Page, badness};

/// Days that are shown.
pub const DAYS: usize = 90;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
const MINUTES_OF_A_DAY: i64 = 1_440;

/// How much of a day a component was how, in minutes. The parts add up to the minutes that have
/// passed of that day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// It was measured, and nothing was said to be wrong.
    pub well: i64,
    /// It was being worked on as announced.
    pub maintained: i64,
    /// It was said to be slow.
    pub degraded: i64,
    /// It was said to fail for some.
    pub partial: i64,
    /// It was said to fail for everybody.
    pub major: i64,
    /// Nobody was listening.
    pub unknown: i64,
}

/// A day of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its first instant (UTC).
    pub starts_at: Timestamp,
    /// How the component was.
    pub share: Share,
}

impl Share {
    /// The minutes that are accounted for.
    pub fn total(&self) -> i64 {
        self.known() + self.unknown
    }

    /// Minutes of which somebody knows how it was.
    pub fn known(&self) -> i64 {
        self.well + self.maintained + self.degraded + self.partial + self.major
    }

    fn add(&mut self, other: &Share) {
        self.well += other.well;
        self.maintained += other.maintained;
        self.degraded += other.degraded;
        self.partial += other.partial;
        self.major += other.major;
        self.unknown += other.unknown;
    }

    /// Minutes without an outage of those that are known, in hundredths of a percent, rounded down;
    /// none when nothing is known.
    pub fn uptime(&self) -> Option<i64> {
        let known = self.known();
        (known > 0).then(|| (known - self.partial - self.major) * 10_000 / known)
    }
}

/// The sum of days.
pub(crate) fn sum(days: &[Day]) -> Share {
    let mut all = Share::default();
    for day in days {
        all.add(&day.share);
    }
    all
}

/// The last [`DAYS`] days of a component, the oldest first, today last. `today_minutes` were
/// measured of today so far.
pub(crate) fn days(page: &Page, name: &Name, now: Timestamp, today_minutes: u16) -> Vec<Day> {
    let today = now.as_ms().div_euclid(DAY_MS);
    let count = i64::try_from(DAYS).unwrap_or(90);
    let registered_at = page.components.get(name).map(|it| it.registered_at);
    let from = Timestamp::from_ms((today - count + 1) * DAY_MS);
    let stretches = stretches(page, name, from, now);
    let mut days = Vec::with_capacity(DAYS);
    for number in today - count + 1..=today {
        let starts_at = Timestamp::from_ms(number * DAY_MS);
        let ends_at = starts_at.plus_ms(DAY_MS).min(now);
        let measured = match number == today {
            true => i64::from(today_minutes),
            false => page.measured.get(&starts_at).copied().map_or(0, i64::from),
        };
        // Before it stood on the page nobody said how it was.
        let measured = match registered_at {
            Some(at) if at < ends_at => {
                let there = ends_at.ms_since(at.max(starts_at)) / MINUTE_MS;
                measured.min(there)
            }
            _ => 0,
        };
        let share = share(&stretches, starts_at, ends_at, measured);
        days.push(Day { starts_at, share });
    }
    days
}

/// A time during which something was said of the component.
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    status: ComponentStatus,
}

fn stretches(page: &Page, name: &Name, from: Timestamp, now: Timestamp) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut put = |begins: Timestamp, ends: Timestamp, status| {
        let (begins, ends) = (begins.max(from), ends.min(now));
        if begins < ends && status != ComponentStatus::Operational {
            all.push(Stretch {
                from: begins,
                to: ends,
                status,
            });
        }
    };
    for incident in page.incidents.values() {
        if incident.resolved_at.is_some_and(|at| at < from) {
            continue;
        }
        let (mut begun, mut counts) = (incident.created_at, ComponentStatus::Operational);
        let mut said = ComponentStatus::Operational;
        for word in &incident.words {
            said = word.changed.get(name).map_or(said, |(_, is)| *is);
            put(begun, word.at, counts);
            // What is said of a component in an incident that is over does not count.
            let is_over = word.status == Status::Resolved;
            (begun, counts) = match is_over {
                true => (word.at, ComponentStatus::Operational),
                false => (word.at, said),
            };
        }
        put(begun, now, counts);
    }
    for maintenance in page.maintenances.values() {
        if maintenance.components.contains(name) {
            let status = ComponentStatus::UnderMaintenance;
            put(maintenance.starts_at, maintenance.over_at(), status);
        }
    }
    all
}

fn share(stretches: &[Stretch], starts_at: Timestamp, ends_at: Timestamp, measured: i64) -> Share {
    let here: Vec<&Stretch> = stretches
        .iter()
        .filter(|it| it.from < ends_at && it.to > starts_at)
        .collect();
    let mut marks: Vec<Timestamp> = here
        .iter()
        .flat_map(|it| [it.from.max(starts_at), it.to.min(ends_at)])
        .collect();
    marks.sort_unstable();
    marks.dedup();
    let mut ms = [0_i64; 5];
    for (from, to) in marks.iter().zip(marks.iter().skip(1)) {
        let at_once = here.iter().filter(|it| it.from <= *from && it.to >= *to);
        let worst = at_once.map(|it| badness(it.status)).max().unwrap_or(0);
        if let Some(slot) = ms.get_mut(usize::from(worst)) {
            *slot += to.ms_since(*from);
        }
    }
    // A minute that was begun counts whole, in a day that has 1,440 of them.
    let mut left = (ends_at.ms_since(starts_at) / MINUTE_MS).clamp(0, MINUTES_OF_A_DAY);
    let mut take = |ms: i64| {
        let minutes = (ms.saturating_add(MINUTE_MS - 1) / MINUTE_MS).min(left);
        left -= minutes;
        minutes
    };
    let [_, maintained, degraded, partial, major] = ms;
    let (major, partial) = (take(major), take(partial));
    let (degraded, maintained) = (take(degraded), take(maintained));
    let said = major + partial + degraded + maintained;
    // What was said is known. Whether the measured minutes lay in it nobody wrote down: the most that
    // may be unknown is.
    let well = (measured - said).clamp(0, left);
    Share {
        well,
        maintained,
        degraded,
        partial,
        major,
        unknown: left - well,
    }
}
