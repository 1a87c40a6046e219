//! Who came in with client certificates, as edges counted it: so that who was affected by one that
//! is worth nothing any more is read off the record.
//!
//! What edges count goes on all the time, the record does not: a certificate is said when it is first
//! seen at a tenant, again at most once a day while it is used, and once more when it is revoked.

use std::collections::{BTreeMap, BTreeSet};

use base::{Actor, Line, Timestamp};
use policy::Prefix;
use record::act::{Act, Subject};
use record::command::{ReportCertificate, Verb};
use record::kinds::Body;
use record::kinds::containment::CertificateUsed;
use serde::{Deserialize, Serialize};

use crate::commands::Decision;
use crate::containment::{is_revoked, serial, sha256};
use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::{Contained, Context, Draft, Refusal, State};

/// So many are known; the record has all. Those that were said longest ago go first.
const USES_MAX: usize = 50_000;
/// Whoever has a CA can make certificates: on one day (UTC) no more is said, but of revoked ones.
const SAID_A_DAY_MAX: u32 = 10_000;
const DAY_MS: i64 = 86_400_000;
const PREFIXES_MAX: usize = 8;
/// Clocks of edges may be so much ahead.
const AHEAD_MS_MAX: i64 = 300_000;
/// What the record can hold exactly.
const COUNT_MAX: u64 = 1 << 53;

/// What certificates were used for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateUses {
    /// By fingerprint, then by cell and tenant.
    all: BTreeMap<Line, BTreeMap<Box<str>, CertificateUse>>,
    /// Which was said when.
    said: BTreeSet<(Timestamp, Line, Box<str>)>,
    /// On that day since 1970 so many were said.
    day: i64,
    said_that_day: u32,
}

/// What one certificate was used for at one tenant of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateUse {
    /// When that was said.
    pub at: Timestamp,
    /// When it was first used.
    pub first_at: Timestamp,
    /// Requests before what was said last: of an edge that has forgotten since.
    earlier: Counts,
    /// What was said last.
    pub last: CertificateUsed,
}

/// So many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that it let in.
    pub let_through: u64,
    /// Of those, since it is revoked.
    pub let_through_after: u64,
    /// Requests that were refused because of it.
    pub refused: u64,
    /// Of those, since it is revoked.
    pub refused_after: u64,
}

impl Counts {
    fn of(used: &CertificateUsed) -> Counts {
        Counts {
            let_through: used.let_through,
            let_through_after: used.let_through_after,
            refused: used.refused,
            refused_after: used.refused_after,
        }
    }

    fn plus(self, other: Counts) -> Counts {
        Counts {
            let_through: self.let_through.saturating_add(other.let_through),
            let_through_after: self
                .let_through_after
                .saturating_add(other.let_through_after),
            refused: self.refused.saturating_add(other.refused),
            refused_after: self.refused_after.saturating_add(other.refused_after),
        }
    }
}

impl CertificateUse {
    /// All requests with it there.
    pub fn counts(&self) -> Counts {
        self.earlier.plus(Counts::of(&self.last))
    }

    /// The same with what an edge says now.
    #[must_use]
    pub fn followed_by(self, at: Timestamp, used: CertificateUsed) -> CertificateUse {
        let goes_on = used.first_at == self.last.first_at;
        CertificateUse {
            at,
            first_at: self.first_at.min(used.first_at),
            earlier: match goes_on {
                true => self.earlier,
                false => self.counts(),
            },
            last: used,
        }
    }

    /// What an edge says of one that nothing was said of.
    pub fn first(at: Timestamp, used: CertificateUsed) -> CertificateUse {
        CertificateUse {
            at,
            first_at: used.first_at,
            earlier: Counts::default(),
            last: used,
        }
    }
}

impl CertificateUses {
    /// What was said of a certificate, by cell and tenant.
    pub fn of(&self, fingerprint: &Line) -> impl Iterator<Item = &CertificateUse> {
        self.all
            .get(fingerprint)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// What was said of every certificate, by its fingerprint.
    pub fn all(&self) -> impl Iterator<Item = (&Line, &CertificateUse)> {
        let all = self.all.iter();
        all.flat_map(|(fingerprint, uses)| uses.values().map(move |one| (fingerprint, one)))
    }

    /// How many requests of what an edge counts since `first_at` the record has.
    pub fn requests(&self, used: &CertificateUsed) -> u64 {
        let known = self
            .get(used)
            .filter(|one| one.last.first_at == used.first_at);
        known.map_or(0, |one| {
            one.last.let_through.saturating_add(one.last.refused)
        })
    }

    /// When something was last said of the same certificate, cell and tenant.
    pub fn said_at(&self, used: &CertificateUsed) -> Option<Timestamp> {
        self.get(used).map(|known| known.at)
    }

    fn get(&self, used: &CertificateUsed) -> Option<&CertificateUse> {
        self.all.get(&used.fingerprint)?.get(&place(used))
    }

    pub(crate) fn apply(&mut self, act: &Act) {
        let (Subject::Certificate(name), Body::CertificateUsed(used)) = (&act.subject, &act.body)
        else {
            return;
        };
        let day = act.at.as_ms().div_euclid(DAY_MS);
        if self.day != day {
            (self.day, self.said_that_day) = (day, 0);
        }
        self.said_that_day = self.said_that_day.saturating_add(1);
        let place = place(used);
        let uses = self.all.entry(name.clone()).or_default();
        let known = uses.remove(&place);
        let now = match known {
            Some(known) => {
                self.said.remove(&(known.at, name.clone(), place.clone()));
                known.followed_by(act.at, used.clone())
            }
            None => CertificateUse::first(act.at, used.clone()),
        };
        uses.insert(place.clone(), now);
        self.said.insert((act.at, name.clone(), place));
        while self.said.len() > USES_MAX {
            let Some((_, name, place)) = self.said.pop_first() else {
                return;
            };
            if let Some(uses) = self.all.get_mut(&name) {
                uses.remove(&place);
                if uses.is_empty() {
                    self.all.remove(&name);
                }
            }
        }
    }
}

/// Where it was used. No cell has a line feed in its name.
fn place(used: &CertificateUsed) -> Box<str> {
    format!("{}\n{}", used.cell, used.tenant).into()
}

/// Whether that is to be said now; what an edge counts meanwhile is said later.
///
/// # Errors
/// Why not.
pub fn is_due(state: &State, used: &CertificateUsed, now: Timestamp) -> Result<(), Refusal> {
    let uses = &state.certificates;
    let revoked = revoked(state, used);
    let Some(known) = uses.get(used) else {
        return has_room(uses, revoked.is_some(), now);
    };
    let (said, counted) = (Counts::of(&known.last), Counts::of(used));
    if known.last.first_at == used.first_at
        && (counted.let_through < said.let_through || counted.refused < said.refused)
    {
        return wrong_state("more was said of it already".to_owned());
    }
    // The record holds the use up to the revocation, also where nothing was added since.
    if revoked.is_some_and(|said| known.at < said.at) {
        return Ok(());
    }
    if said == counted && known.last.first_at == used.first_at {
        return wrong_state("that was said of it already".to_owned());
    }
    if said.let_through_after == 0 && counted.let_through_after > 0 {
        return Ok(());
    }
    if now.ms_since(known.at) < DAY_MS {
        return wrong_state(format!("it was said at {}: once a day is enough", known.at));
    }
    has_room(uses, revoked.is_some(), now)
}

fn has_room(uses: &CertificateUses, revoked: bool, now: Timestamp) -> Result<(), Refusal> {
    if revoked || uses.day != now.as_ms().div_euclid(DAY_MS) {
        return Ok(());
    }
    let count = usize::try_from(uses.said_that_day).unwrap_or(usize::MAX);
    let most = usize::try_from(SAID_A_DAY_MAX).unwrap_or(usize::MAX);
    at_most(
        "reports of certificates on one day",
        count.saturating_add(1),
        most,
    )
}

fn revoked<'s>(state: &'s State, used: &CertificateUsed) -> Option<&'s Contained> {
    is_revoked(
        &state.containment,
        &used.fingerprint,
        &used.issuer,
        &used.serial,
    )
}

/// Decides on a report of a certificate; `None` for commands about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    match verb {
        Verb::ReportCertificate(verb) => Some(report(state, verb, context)),
        _ => None,
    }
}

fn report(state: &State, verb: &ReportCertificate, context: &Context<'_>) -> Decision {
    if !matches!(context.actor, Actor::System { .. }) {
        needs_reason(context, "what somebody says in hereby's stead")?;
    }
    let used = used(verb, context.now)?;
    is_due(state, &used, context.now)?;
    let subject = Subject::Certificate(used.fingerprint.clone());
    Ok(vec![Draft::new(subject, used)])
}

/// What is asked to be said, in its one spelling.
fn used(verb: &ReportCertificate, now: Timestamp) -> Result<CertificateUsed, Refusal> {
    let used = CertificateUsed {
        cell: verb.cell.clone(),
        fingerprint: sha256("fingerprint", &verb.fingerprint)?,
        first_at: verb.first_at,
        issuer: sha256("issuer", &verb.issuer)?,
        last_at: verb.last_at,
        last_let_through_at: verb.last_let_through_at,
        let_through: verb.let_through,
        let_through_after: verb.let_through_after,
        prefixes: verb.prefixes.clone(),
        refused: verb.refused,
        refused_after: verb.refused_after,
        serial: serial(&verb.serial)?,
        tenant: verb.tenant.clone(),
    };
    let ends = used.first_at <= used.last_at && used.last_at.ms_since(now) <= AHEAD_MS_MAX;
    let through = used.last_let_through_at.is_none_or(|at| at <= used.last_at);
    if !ends || !through {
        return out_of_range("a use is not before the first nor in the future".to_owned());
    }
    let counts = Counts::of(&used);
    if counts.let_through_after > counts.let_through
        || counts.refused_after > counts.refused
        || counts.let_through.max(counts.refused) >= COUNT_MAX
    {
        return out_of_range("no more requests since the revocation than at all".to_owned());
    }
    at_most("networks", used.prefixes.len(), PREFIXES_MAX)?;
    let is_one = |prefix: &Line| prefix.as_str().parse::<Prefix>().is_ok();
    if !used.prefixes.iter().all(is_one) {
        return out_of_range("a network is written as 192.0.2.0/24 or 2001:db8::/48".to_owned());
    }
    Ok(used)
}
