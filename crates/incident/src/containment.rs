//! What must reach every edge at once, and goes back with no version: who is shut out, which
//! certificates are worth nothing, which tier answers.
//!
//! Nothing here reads a clock. What has ended leaves with the next act about containment, by that
//! act's time; until then whoever asks says what time it is. Texts are keys, and stand in one
//! spelling: who decides writes them so.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::{BTreeMap, BTreeSet};

use base::{Actor, IncidentId, Line, Name, Timestamp};
use policy::Prefix;
use record::act::{Act, Subject};
use record::command::{Ban, OverrideFailover, RevokeCertificate, Verb};
use record::kinds::Body;
use record::kinds::containment::{
    CertificateRevoked, ClientBanned, ClientUnbanned, FailoverOverridden,
};
use serde::{Deserialize, Serialize};

use crate::commands::{Decision, known};
use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::{Context, Draft, Reason, Refusal, State};

const BANS_MAX: usize = 100_000;
const REVOCATIONS_MAX: usize = 100_000;
const OVERRIDES_MAX: usize = 1_000;
const OVERRIDE_MAX_MS: i64 = 30 * 86_400_000;
/// A route has at most so many tiers; the first is 0.
const TIER_MAX: u8 = 15;
/// A wider ban would shut out more than anybody knows: an /8 of IPv4 is a 256th of it, a /19 of IPv6
/// the most that a registry gave to one network.
const LENGTH_MIN_4: u8 = 8;
const LENGTH_MIN_6: u8 = 19;
/// A serial has at most 20 bytes (RFC 5280, 4.1.2.2).
const SERIAL_DIGITS_MAX: usize = 40;
const SHA256_DIGITS: usize = 64;

/// Everything that edges are told apart from versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// By the addresses. Those that have ended are in it until the next act.
    bans: BTreeMap<Line, Banned>,
    /// When bans end, those that do.
    ends: BTreeSet<(Timestamp, Line)>,
    /// By fingerprint, or by issuer and serial.
    revocations: BTreeMap<Line, Contained>,
    /// By route, or by cell and route.
    overrides: BTreeMap<Line, Override>,
}

/// Who said something, when, why, and in which incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What it was done for.
    pub incident: Option<IncidentId>,
    /// The beginning of why, as a line.
    pub why: Option<Line>,
}

/// Clients who are answered nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banned {
    /// Until when; none: until it is lifted.
    pub ends_at: Option<Timestamp>,
    /// Who said so.
    pub said: Contained,
}

/// Another tier than was planned; or the plan, whatever was said elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// In which cell; none: in each that has the route.
    pub cell: Option<Name>,
    /// Until when.
    pub ends_at: Timestamp,
    /// Of which route.
    pub route: Name,
    /// Who said so.
    pub said: Contained,
    /// 0 is the primary; none: as planned.
    pub tier: Option<u8>,
}

/// A certificate that is worth nothing, as it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate<'a> {
    /// By the SHA-256 of it as DER, in hexadecimal digits.
    Fingerprint(&'a str),
    /// By the SHA-256 of its issuer's name as DER and its number, both in hexadecimal digits.
    Numbered {
        /// Whose.
        issuer: &'a str,
        /// Which of theirs.
        serial: &'a str,
    },
}

impl Certificate<'_> {
    /// The certificate with this name on the record.
    pub fn of(name: &Line) -> Certificate<'_> {
        match name.as_str().split_once(':') {
            Some((issuer, serial)) => Certificate::Numbered { issuer, serial },
            None => Certificate::Fingerprint(name.as_str()),
        }
    }
}

impl Contained {
    pub(crate) fn of(act: &Act, incident: Option<IncidentId>) -> Contained {
        let why = act.why.as_ref().and_then(|why| why.readable());
        Contained {
            at: act.at,
            by: act.actor.clone(),
            incident,
            why: why.and_then(|why| Line::clean(why.as_str()).map(|(line, _)| line)),
        }
    }
}

impl Containment {
    /// Whether an act is about what edges are told.
    pub fn is_about(body: &Body) -> bool {
        matches!(
            body,
            Body::ClientBanned(_)
                | Body::ClientUnbanned(_)
                | Body::CertificateRevoked(_)
                | Body::FailoverOverridden(_)
                | Body::SwitchTurnedOff(_)
                | Body::SwitchTurnedOn(_)
                | Body::PostureSet(_)
                // Its posture goes with it.
                | Body::ServiceRemoved(_)
        )
    }

    /// The incident that an act about what edges are told was done for.
    pub fn done_for(body: &Body) -> Option<IncidentId> {
        match body {
            Body::ClientBanned(body) => body.incident,
            Body::CertificateRevoked(body) => body.incident,
            Body::FailoverOverridden(body) => body.incident,
            Body::SwitchTurnedOff(body) => body.incident,
            Body::PostureSet(body) => body.incident,
            Body::VersionDeployed(body) => body.incident,
            Body::VersionRolledBack(body) => body.incident,
            _ => None,
        }
    }

    /// The bans that hold now, by their addresses.
    pub fn bans(&self, now: Timestamp) -> impl Iterator<Item = (&Line, &Banned)> {
        let all = self.bans.iter();
        all.filter(move |(_, ban)| ban.ends_at.is_none_or(|end| now < end))
    }

    /// Every certificate that was revoked, by its name: [`Certificate::of`] takes it apart.
    pub fn revocations(&self) -> impl Iterator<Item = (&Line, &Contained)> {
        self.revocations.iter()
    }

    /// What overrides plans now, by route, or by `CELL/ROUTE`.
    pub fn overrides(&self, now: Timestamp) -> impl Iterator<Item = (&Line, &Override)> {
        let all = self.overrides.iter();
        all.filter(move |(_, it)| now < it.ends_at)
    }

    pub(crate) fn apply(&mut self, act: &Act) {
        if !Containment::is_about(&act.body) {
            return;
        }
        self.let_go(act.at);
        match (&act.subject, &act.body) {
            (Subject::Client(prefix), Body::ClientBanned(banned)) => {
                self.unban(prefix);
                self.ends
                    .extend(banned.ends_at.map(|end| (end, prefix.clone())));
                let ban = Banned {
                    ends_at: banned.ends_at,
                    said: Contained::of(act, banned.incident),
                };
                self.bans.insert(prefix.clone(), ban);
            }
            (Subject::Client(prefix), Body::ClientUnbanned(_)) => self.unban(prefix),
            (Subject::Certificate(name), Body::CertificateRevoked(revoked)) => {
                let said = Contained::of(act, revoked.incident);
                self.revocations.entry(name.clone()).or_insert(said);
            }
            (Subject::Route(route), Body::FailoverOverridden(overridden)) => {
                let it = Override {
                    cell: overridden.cell.clone(),
                    ends_at: overridden.ends_at,
                    route: route.clone(),
                    said: Contained::of(act, overridden.incident),
                    tier: overridden.tier,
                };
                self.overrides.insert(place(&it.cell, route), it);
            }
            _ => {}
        }
    }

    /// Forgets what has ended by then.
    fn let_go(&mut self, now: Timestamp) {
        while let Some((end, _)) = self.ends.first()
            && *end <= now
        {
            if let Some((_, prefix)) = self.ends.pop_first() {
                self.bans.remove(&prefix);
            }
        }
        self.overrides.retain(|_, it| now < it.ends_at);
    }

    fn unban(&mut self, prefix: &Line) {
        if let Some(Banned {
            ends_at: Some(end), ..
        }) = self.bans.remove(prefix)
        {
            self.ends.remove(&(end, prefix.clone()));
        }
    }

    fn banned(&self, prefix: &Line, now: Timestamp) -> Option<&Banned> {
        let ban = self.bans.get(prefix);
        ban.filter(|ban| ban.ends_at.is_none_or(|end| now < end))
    }

    fn bans_in_force(&self, now: Timestamp) -> usize {
        let ended = self.ends.iter().take_while(|(end, _)| *end <= now).count();
        self.bans.len() - ended
    }
}

/// What was said of a certificate that is revoked, by its fingerprint or by its number.
pub(crate) fn is_revoked<'c>(
    containment: &'c Containment,
    fingerprint: &Line,
    issuer: &Line,
    serial: &Line,
) -> Option<&'c Contained> {
    let all = &containment.revocations;
    let numbered = || all.get(&line(format!("{issuer}:{serial}")));
    all.get(fingerprint).or_else(numbered)
}

/// What an override is kept by. No name has a slash.
fn place(cell: &Option<Name>, route: &Name) -> Line {
    let text = match cell {
        Some(cell) => format!("{cell}/{route}"),
        None => route.to_string(),
    };
    text.parse().expect("two names and a slash fit in a line")
}

/// Decides on a command about containment; `None` for those about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::Ban(verb) => ban(state, verb, context),
        Verb::Unban(verb) => unban(&state.containment, &verb.prefix, context),
        Verb::RevokeCertificate(verb) => revoke(state, verb, context),
        Verb::OverrideFailover(verb) => override_failover(state, verb, context),
        _ => return None,
    })
}

fn ban(state: &State, verb: &Ban, context: &Context<'_>) -> Decision {
    needs_reason(context, "a ban")?;
    let name = match certificate(&verb.prefix)? {
        Some(name) => name,
        None => {
            let prefix = prefix(&verb.prefix)?;
            is_bearable(prefix)?;
            spelled(prefix)
        }
    };
    if verb.ends_at.is_some_and(|end| end <= context.now) {
        return out_of_range("a ban ends in the future, or when it is lifted".to_owned());
    }
    verb.incident.map(|id| known(state, id)).transpose()?;
    let containment = &state.containment;
    match containment.banned(&name, context.now) {
        Some(ban) if ban.ends_at == verb.ends_at => {
            return wrong_state(match ban.ends_at {
                Some(end) => format!("{name} is banned until {end} already"),
                None => format!("{name} is banned until that is lifted already"),
            });
        }
        Some(_) => {}
        None => at_most("bans", containment.bans_in_force(context.now) + 1, BANS_MAX)?,
    }
    let body = ClientBanned {
        ends_at: verb.ends_at,
        incident: verb.incident,
        prefix: name.clone(),
    };
    Ok(vec![Draft::new(Subject::Client(name), body)])
}

fn unban(containment: &Containment, text: &Line, context: &Context<'_>) -> Decision {
    needs_reason(context, "lifting a ban")?;
    let certificate = certificate(text)?;
    let prefix = match certificate {
        Some(_) => None,
        None => Some(prefix(text)?),
    };
    let Some(name) = certificate.or(prefix.map(spelled)) else {
        return out_of_range(format!("`{text}` is nobody"));
    };
    if containment.banned(&name, context.now).is_none() {
        let wider = prefix.and_then(|prefix| {
            (0..prefix.length())
                .map(|length| spelled(Prefix::around(prefix.address(), length)))
                .find(|wider| containment.banned(wider, context.now).is_some())
        });
        let detail = match wider {
            Some(wider) => format!("{name} itself is not banned; {wider} is, which holds it"),
            None => format!("{name} is not banned, or that has ended: hereby bans"),
        };
        return Err(Refusal::new(Reason::NotFound, detail));
    }
    let body = ClientUnbanned {
        prefix: name.clone(),
    };
    Ok(vec![Draft::new(Subject::Client(name), body)])
}

/// The certificate that a text says, in its one spelling: `sha256:` and 64 digits in lower case;
/// none if it says something else.
fn certificate(text: &Line) -> Result<Option<Line>, Refusal> {
    let text = text.as_str().trim();
    let Some(digits) = text.strip_prefix("sha256:") else {
        return Ok(None);
    };
    let digits: String = digits.chars().filter(|digit| *digit != ':').collect();
    let digits = digits.to_ascii_lowercase();
    if digits.len() != SHA256_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return out_of_range(format!(
            "`{text}`: a certificate is sha256: and 64 hexadecimal digits, as openssl x509 \
             -noout -fingerprint -sha256 prints them"
        ));
    }
    let name = format!("sha256:{digits}");
    Ok(Some(name.parse().expect("71 characters fit in a line")))
}

/// The block that a text says. An IPv4 address in IPv6's clothes is refused: how many of its bits
/// are meant would be guessed.
fn prefix(text: &Line) -> Result<Prefix, Refusal> {
    let text = text.as_str().trim();
    let address = text.split('/').next().unwrap_or(text);
    if let Ok(IpAddr::V6(address)) = address.parse()
        && let Some(inner) = address.to_ipv4_mapped()
    {
        return out_of_range(format!("`{text}` is IPv4: write it as {inner}"));
    }
    text.parse().or_else(|bad| {
        out_of_range(format!(
            "`{text}`: {bad}; write 192.0.2.7, 192.0.2.0/24, 2001:db8::/64, or a client certificate \
             as sha256: and its digits"
        ))
    })
}

/// Its one spelling.
fn spelled(prefix: Prefix) -> Line {
    prefix
        .to_string()
        .parse()
        .expect("an address and a number fit in a line")
}

/// Refuses bans that would end in more trouble than they are worth.
fn is_bearable(prefix: Prefix) -> Result<(), Refusal> {
    let (least, loopback): (u8, IpAddr) = match prefix.address() {
        IpAddr::V4(_) => (LENGTH_MIN_4, Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (LENGTH_MIN_6, Ipv6Addr::LOCALHOST.into()),
    };
    if prefix.address().is_loopback() || prefix.holds(loopback) {
        return out_of_range(format!(
            "{prefix} holds this machine's own addresses: what runs beside the edge would be shut out"
        ));
    }
    if prefix.length() < least {
        return out_of_range(format!(
            "{prefix} is too much at once: a ban is no wider than /{least}"
        ));
    }
    Ok(())
}

fn revoke(state: &State, verb: &RevokeCertificate, context: &Context<'_>) -> Decision {
    needs_reason(context, "a revocation")?;
    verb.incident.map(|id| known(state, id)).transpose()?;
    let mut body = CertificateRevoked {
        fingerprint: None,
        incident: verb.incident,
        issuer: None,
        serial: None,
    };
    let name = match (&verb.fingerprint, &verb.issuer, &verb.serial) {
        (Some(fingerprint), None, None) => {
            let fingerprint = sha256("fingerprint", fingerprint)?;
            body.fingerprint = Some(fingerprint.clone());
            fingerprint
        }
        (None, Some(issuer), Some(number)) => {
            let (issuer, number) = (sha256("issuer", issuer)?, serial(number)?);
            let name = line(format!("{issuer}:{number}"));
            (body.issuer, body.serial) = (Some(issuer), Some(number));
            name
        }
        _ => {
            return out_of_range(
                "a certificate is named by its fingerprint, or by its issuer and its serial"
                    .to_owned(),
            );
        }
    };
    let revocations = &state.containment.revocations;
    if let Some(said) = revocations.get(&name) {
        return wrong_state(format!(
            "it is revoked since {}, by {}; a revocation is never taken back",
            said.at, said.by
        ));
    }
    at_most("revocations", revocations.len() + 1, REVOCATIONS_MAX)?;
    Ok(vec![Draft::new(Subject::Certificate(name), body)])
}

pub(crate) fn sha256(what: &str, text: &Line) -> Result<Line, Refusal> {
    let digits = hex(text).filter(|digits| digits.len() == SHA256_DIGITS);
    digits.map_or_else(
        || {
            out_of_range(format!(
                "{what} is a SHA-256: 64 hexadecimal digits, with or without colons between bytes"
            ))
        },
        |digits| Ok(line(digits)),
    )
}

/// A certificate's number in its one spelling: whole bytes, none of them zero at the front.
pub(crate) fn serial(text: &Line) -> Result<Line, Refusal> {
    let short = hex(text).map(|digits| {
        let digits = digits.trim_start_matches('0');
        match digits.len() {
            0 => "00".to_owned(),
            odd if odd % 2 == 1 => format!("0{digits}"),
            _ => digits.to_owned(),
        }
    });
    match short {
        Some(digits) if digits.len() <= SERIAL_DIGITS_MAX => Ok(line(digits)),
        _ => out_of_range(
            "serial has 1 to 40 hexadecimal digits, zeros at its front not counted".to_owned(),
        ),
    }
}

/// Hexadecimal digits in lower case, whatever colons stood between them.
fn hex(text: &Line) -> Option<String> {
    let text = text.as_str().trim();
    let parts = || text.split(':');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_hexdigit());
    let bytes = parts().count() == 1 || parts().all(|part| part.len() == 2);
    (bytes && parts().all(digits)).then(|| parts().collect::<String>().to_ascii_lowercase())
}

fn line(text: String) -> Line {
    text.parse().expect("hexadecimal digits, no more than 200")
}

fn override_failover(state: &State, verb: &OverrideFailover, context: &Context<'_>) -> Decision {
    needs_reason(context, "overriding a plan")?;
    verb.incident.map(|id| known(state, id)).transpose()?;
    if verb.tier.is_some_and(|tier| tier > TIER_MAX) {
        return out_of_range(format!("a tier is 0 (the primary) to {TIER_MAX}"));
    }
    if !(1..=OVERRIDE_MAX_MS).contains(&verb.ends_at.ms_since(context.now)) {
        return out_of_range("an override ends in the future, within 30 days".to_owned());
    }
    let containment = &state.containment;
    let is_new = !containment
        .overrides(context.now)
        .any(|(_, it)| it.route == verb.route && it.cell == verb.cell);
    let count = containment.overrides(context.now).count() + usize::from(is_new);
    at_most("overrides", count, OVERRIDES_MAX)?;
    let body = FailoverOverridden {
        cell: verb.cell.clone(),
        ends_at: verb.ends_at,
        incident: verb.incident,
        route: verb.route.clone(),
        tier: verb.tier,
    };
    Ok(vec![Draft::new(Subject::Route(verb.route.clone()), body)])
}
