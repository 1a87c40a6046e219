//! What control says must hold at once, beside what the configuration says: bans, revoked
//! certificates, overrides of failover. Control writes it whole to one file; the edge looks for it
//! again and again, and when control is gone what was said last goes on to hold.

use std::path::Path;
use std::sync::Arc;

use policy::bans::{ADDED_MAX, Ban, Bans, Layered};
use policy::certificate::{Item, Serial};
use policy::failover::{Override, To};
use serde::Deserialize;

use crate::clock;
use crate::edge::Edge;
use crate::upstream::lock;

/// Its name in the state directory.
pub(crate) const FILE: &str = "overlay.json";

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What was said, up to one act of the record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    version: u32,
    /// Which act it was: it never goes back.
    sequence: u64,
    #[serde(default)]
    bans: Vec<Banned>,
    #[serde(default)]
    revoked: Vec<Revoked>,
    #[serde(default)]
    failovers: Vec<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Banned {
    prefix: String,
    until_s: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    sha256: Option<String>,
    issuer: Option<String>,
    serial: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    cell: Option<String>,
    route: String,
    tier: Option<usize>,
    until_ms: i64,
    reason: String,
}

/// What of it was carried out.
#[derive(Default)]
pub(crate) struct Carried {
    stamp: Option<(std::time::SystemTime, u64)>,
    sequence: u64,
    failovers: Vec<Said>,
    /// Whether the last look found something that can't be used: said once.
    wrong: bool,
}

impl Carried {
    /// Looks whether something new was said, and carries it out.
    pub(crate) fn look(&mut self, edge: &Edge, state_dir: &Path) {
        let path = state_dir.join(FILE);
        let Ok(found) = std::fs::metadata(&path) else {
            // An edge by itself has none; one that had one goes on with it.
            return;
        };
        let stamp = found
            .modified()
            .ok()
            .map(|modified| (modified, found.len()));
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        match read(&path) {
            Ok(overlay) if overlay.sequence < self.sequence => {
                tracing::error!("an older overlay than the one that holds is not taken");
            }
            Ok(overlay) => {
                self.wrong = false;
                self.carry_out(edge, overlay);
            }
            Err(error) if !self.wrong => {
                self.wrong = true;
                tracing::error!(%error, "the overlay can't be used; what was said before holds");
            }
            Err(_) => {}
        }
    }

    fn carry_out(&mut self, edge: &Edge, overlay: Overlay) {
        tracing::info!(
            sequence = overlay.sequence,
            bans = overlay.bans.len(),
            revoked = overlay.revoked.len(),
            "an overlay holds"
        );
        self.sequence = overlay.sequence;
        let bans = overlay.bans.iter().filter_map(ban).collect();
        let said = layered(bans);
        edge.bans
            .rcu(|before| before.as_ref().clone().also(said.clone()));
        edge.revoked
            .store(Arc::new(overlay.revoked.iter().filter_map(item).collect()));
        let fresh: Vec<Said> = overlay
            .failovers
            .iter()
            .filter(|said| !self.failovers.contains(said))
            .cloned()
            .collect();
        for said in &fresh {
            instruct(edge, said);
        }
        self.failovers = overlay.failovers;
    }
}

/// A few are kept beside, as they come; many make a table of their own.
fn layered(bans: Vec<Ban>) -> Layered {
    let now_s = clock::unix_s();
    match bans.len() <= ADDED_MAX {
        true => Layered::default().with(&bans, now_s).unwrap_or_default(),
        false => Layered::over(Arc::new(Bans::build(now_s, bans))),
    }
}

fn read(path: &Path) -> Result<Overlay, String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    let overlay: Overlay = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if overlay.version != 1 {
        return Err(format!(
            "its version is {}, and 1 is understood",
            overlay.version
        ));
    }
    // All or nothing: a ban or a revocation that is left out would be found out by whom it was for.
    if let Some(bad) = overlay.bans.iter().find(|one| ban(one).is_none()) {
        return Err(format!("{:?} is no prefix", bad.prefix));
    }
    if let Some(bad) = overlay.revoked.iter().find(|one| item(one).is_none()) {
        return Err(format!("{bad:?} names no certificate"));
    }
    Ok(overlay)
}

fn ban(said: &Banned) -> Option<Ban> {
    Some(Ban {
        prefix: said.prefix.parse().ok()?,
        until_s: said.until_s,
    })
}

fn item(said: &Revoked) -> Option<Item> {
    match (&said.sha256, &said.issuer, &said.serial) {
        (Some(digits), None, None) => Some(Item::Fingerprint(digest(digits)?)),
        (None, Some(issuer), Some(serial)) => {
            Some(Item::Serial(digest(issuer)?, Serial::new(&bytes(serial)?)?))
        }
        _ => None,
    }
}

fn digest(digits: &str) -> Option<[u8; 32]> {
    bytes(digits)?.try_into().ok()
}

/// Bytes written as hex digits; a first half may be left out.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = match digits.len() % 2 {
        0 => digits.to_owned(),
        _ => format!("0{digits}"),
    };
    if !digits.is_ascii() || digits.len() > 128 {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            let both = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            both.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        })
        .collect()
}

fn instruct(edge: &Edge, said: &Said) {
    let running = edge.running.load_full();
    let elsewhere = said
        .cell
        .as_ref()
        .is_some_and(|cell| *cell != running.config.cell);
    let route = running
        .routes()
        .iter()
        .find(|route| route.config.name == said.route);
    let Some((route, failover)) = route.and_then(|route| Some((route, route.failover.as_ref()?)))
    else {
        return;
    };
    let left_ms = u64::try_from(said.until_ms.saturating_sub(clock::unix_ms())).unwrap_or(0);
    if elsewhere || (said.tier.is_some() && left_ms == 0) {
        return;
    }
    let now = clock::now();
    let told = Override {
        to: said.tier.map_or(To::Auto, To::Tier),
        until: now.plus_ms(left_ms),
        reason: said.reason.as_str().into(),
    };
    match lock(failover).instruct(now, &told) {
        Ok(Some(change)) => tracing::warn!(route = said.route, reason = said.reason, "{change}"),
        Ok(None) => {}
        Err(error) => {
            tracing::error!(route = said.route, %error, "an override can't be carried out")
        }
    }
    route.step(&running);
}

#[cfg(test)]
mod tests;
