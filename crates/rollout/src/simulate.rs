//! Simulated canaries, to see what the test finds before anything depends on it: requests that fail with a
//! probability, and the time until the version would be sent back. The same seed gives the same.

use crate::sequential::{Comparison, Counts, INTERVAL_MS, Verdict};

/// Between two looks, in seconds.
const EVERY_S: u64 = INTERVAL_MS / 1_000;
/// Where more bad requests are expected, they are drawn from a normal distribution at once.
const FEW: f64 = 200.0;
/// How long the unchanged edges were counted before.
const BEFORE_S: u64 = 600;

/// Who is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests a second that changed edges answer.
    pub changed_per_s: u64,
    /// Requests a second that unchanged edges answer.
    pub unchanged_per_s: u64,
    /// The share of bad requests as a rule, above 0 and below 1.
    pub usual: f64,
}

impl Traffic {
    /// Few requests, and few of them bad: the hard case.
    pub const FEW: Traffic = Traffic {
        changed_per_s: 5,
        unchanged_per_s: 50,
        usual: 0.001,
    };
}

/// Numbers that look random (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Another sequence for each seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// From 0 up to, but not, 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From the standard normal distribution (Box and Muller, Annals of Mathematical Statistics 29, 1958).
    fn normal(&mut self) -> f64 {
        let far = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        far * libm::cos(core::f64::consts::TAU * self.unit())
    }

    /// So many requests of which each is bad with this probability, by leaps from one bad one to the next.
    pub fn requests(&mut self, all: u64, share: f64) -> Counts {
        let share = share.clamp(f64::MIN_POSITIVE, 0.999_999);
        let mean = all as f64 * share;
        if mean > FEW {
            let deviation = libm::sqrt(mean * (1.0 - share));
            let bad = libm::round(mean + deviation * self.normal()).max(0.0);
            return Counts {
                bad: (bad as u64).min(all),
                all,
            };
        }
        let good = libm::log1p(-share);
        let (mut at, mut bad) = (0.0, 0);
        loop {
            at += libm::floor(libm::log(1.0 - self.unit()) / good) + 1.0;
            if at > all as f64 {
                return Counts { bad, all };
            }
            bad += 1;
        }
    }
}

/// A canary that runs a new version from now on.
#[derive(Debug)]
pub struct Canary<'d> {
    dice: &'d mut Dice,
    comparison: Comparison,
    traffic: Traffic,
}

impl Canary<'_> {
    /// It begins; what was usual before is known.
    pub fn begin(dice: &mut Dice, traffic: Traffic) -> Canary<'_> {
        let before = dice.requests(BEFORE_S * traffic.unchanged_per_s, traffic.usual);
        Canary {
            dice,
            comparison: Comparison::with(before),
            traffic,
        }
    }

    /// An interval in which these shares of the requests are bad. Whether it is sent back after it.
    pub fn look(&mut self, changed: f64, unchanged: f64) -> bool {
        let (own, others) = (self.traffic.changed_per_s, self.traffic.unchanged_per_s);
        let changed = self.dice.requests(EVERY_S * own, changed);
        let unchanged = self.dice.requests(EVERY_S * others, unchanged);
        matches!(self.comparison.step(changed, unchanged), Verdict::Worse(_))
    }

    /// After how many seconds it is sent back when this share of its requests is bad; none: not within so many.
    pub fn sent_back_s(&mut self, share: f64, most_s: u64) -> Option<u64> {
        let usual = self.traffic.usual;
        (1..=most_s / EVERY_S)
            .find(|_| self.look(share, usual))
            .map(|looks| looks * EVERY_S)
    }
}

/// After how many seconds each of so many canaries is sent back, the soonest first; none: not within so many
/// seconds.
pub fn sent_back_s(
    traffic: Traffic,
    share: f64,
    canaries: u32,
    most_s: u64,
    seed: u64,
) -> Vec<Option<u64>> {
    let mut dice = Dice::new(seed);
    let mut times: Vec<Option<u64>> = (0..canaries)
        .map(|_| Canary::begin(&mut dice, traffic).sent_back_s(share, most_s))
        .collect();
    times.sort_unstable_by_key(|time| time.unwrap_or(u64::MAX));
    times
}

/// The time that this share of them is sent back within; none: fewer of them are.
pub fn quantile_s(times: &[Option<u64>], share: f64) -> Option<u64> {
    let place = libm::ceil(times.len() as f64 * share) as usize;
    times.get(place.saturating_sub(1)).copied().flatten()
}
