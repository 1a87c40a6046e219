//! What control says must hold at once, beside what the configuration says: bans, revoked
//! certificates, overrides of failover. Control writes it whole to one file; the edge looks for it
//! again and again, and when control is gone what was said last goes on to hold.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use policy::bans::{Ban, Bans, CertificateBan};
use policy::certificate::{Builder, Item, Knowledge, Serial};
use policy::failover::{Override, To};
use serde::Deserialize;

use crate::clock;
use crate::edge::Edge;
use crate::reload::KEPT_S;
use crate::running::Running;
use crate::switches::{Off, Postured, Switches};
use crate::upstream::lock;

/// Its name in the state directory, if nothing else was said.
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
    #[serde(default)]
    switches: Vec<Off>,
    #[serde(default)]
    postures: Vec<Postured>,
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
pub(crate) struct Carried {
    file: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    sequence: u64,
    failovers: Vec<Said>,
    /// Under which configuration they were carried out.
    under: Option<Arc<Running>>,
    /// Whether the last look found something that can't be used: said once.
    wrong: bool,
}

/// Why an overlay can't be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It may be there the next time.
    #[error("{0}")]
    Unread(#[from] io::Error),
    #[error("{0}")]
    Wrong(String),
}

impl Carried {
    /// What is said in that file.
    pub(crate) fn new(file: PathBuf) -> Carried {
        Carried {
            file,
            stamp: None,
            sequence: 0,
            failovers: Vec::new(),
            under: None,
            wrong: false,
        }
    }

    /// Looks whether something new was said, and carries it out.
    pub(crate) fn look(&mut self, edge: &Edge) {
        let Ok(found) = std::fs::metadata(&self.file) else {
            // An edge by itself has none; one that had one goes on with it.
            return;
        };
        let stamp = found
            .modified()
            .ok()
            .map(|modified| (modified, found.len()));
        if stamp != self.stamp {
            match read(&self.file) {
                Ok(overlay) => {
                    (self.stamp, self.wrong) = (stamp, false);
                    if overlay.sequence < self.sequence {
                        tracing::error!("an older overlay than the one that holds is not taken");
                    } else {
                        self.carry_out(edge, overlay);
                    }
                }
                Err(error) => self.unusable(edge, stamp, &error),
            }
        }
        self.instruct_anew(edge);
        if self.sequence > 0 {
            tell(edge);
        }
    }

    fn unusable(&mut self, edge: &Edge, stamp: Option<(SystemTime, u64)>, error: &Unusable) {
        if let Unusable::Wrong(_) = error {
            self.stamp = stamp;
        }
        if self.wrong {
            return;
        }
        self.wrong = true;
        if self.sequence > 0 {
            tracing::error!(%error, "the overlay can't be used; what was said before holds");
            return;
        }
        tracing::error!(%error, "the overlay can't be used: nobody comes in with a certificate");
        let why = error.to_string().into();
        edge.revoked.store(Arc::new(Knowledge::Missing(why)));
    }

    fn carry_out(&mut self, edge: &Edge, overlay: Overlay) {
        tracing::info!(
            sequence = overlay.sequence,
            bans = overlay.bans.len(),
            revoked = overlay.revoked.len(),
            "an overlay holds"
        );
        self.sequence = overlay.sequence;
        edge.overlay_sequence.store(overlay.sequence, Relaxed);
        match Switches::new(overlay.switches, overlay.postures) {
            Ok(switches) => edge.switches.store(Arc::new(switches)),
            Err(error) => tracing::error!(error, "what is switched off stays as it was"),
        }
        let said = bans(&overlay.bans);
        edge.bans
            .rcu(|before| before.as_ref().clone().also(said.clone()));
        let revoked: Vec<Item> = overlay.revoked.iter().filter_map(item).collect();
        let items = revoked.clone();
        let revoked = Builder::default().build().overlaid(revoked);
        edge.revoked.store(Arc::new(match revoked {
            Ok(revoked) => Knowledge::Known(Arc::new(revoked)),
            Err(error) => {
                tracing::error!(%error, "nobody comes in with a certificate");
                Knowledge::Missing(error.to_string().into())
            }
        }));
        edge.ledger.revoked(&items, clock::unix_ms());
        for said in &overlay.failovers {
            if !self.failovers.contains(said) {
                instruct(edge, said);
            }
        }
        self.failovers = overlay.failovers;
    }

    /// Another configuration has other routes: what was said holds for them, too.
    fn instruct_anew(&mut self, edge: &Edge) {
        let running = edge.running.load_full();
        let same = self
            .under
            .as_ref()
            .is_none_or(|under| Arc::ptr_eq(under, &running));
        if !same {
            for said in &self.failovers {
                instruct(edge, said);
            }
        }
        self.under = Some(running);
    }
}

/// Applications hear of what is switched off when it changes, also because it ended.
fn tell(edge: &Edge) {
    let shown = Some(edge.switches.load().shown(clock::unix_ms()));
    edge.told.send_if_modified(|told| {
        let changed = *told != shown;
        *told = shown;
        changed
    });
}

fn bans(said: &[Banned]) -> Arc<Bans> {
    let bans = said.iter().filter_map(ban);
    let certificates = said.iter().filter_map(certificate);
    let since_s = clock::unix_s().saturating_sub(KEPT_S);
    Arc::new(Bans::build(since_s, bans).with_certificates(certificates))
}

fn read(path: &Path) -> Result<Overlay, Unusable> {
    use std::io::Read as _;
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    parse(&bytes).map_err(Unusable::Wrong)
}

fn parse(bytes: &[u8]) -> Result<Overlay, String> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    let overlay: Overlay = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if overlay.version != 1 {
        return Err(format!(
            "its version is {}, and 1 is understood",
            overlay.version
        ));
    }
    // All or nothing: a ban or a revocation that is left out would be found out by whom it was for.
    let nobody = |one: &&Banned| ban(one).is_none() && certificate(one).is_none();
    if let Some(bad) = overlay.bans.iter().find(nobody) {
        return Err(format!("{:?} is no prefix and no certificate", bad.prefix));
    }
    Switches::new(overlay.switches.clone(), overlay.postures.clone())?;
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

fn certificate(said: &Banned) -> Option<CertificateBan> {
    Some(CertificateBan {
        fingerprint: digest(said.prefix.strip_prefix("sha256:")?)?,
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
        if !elsewhere {
            tracing::warn!(
                route = said.route,
                "an override for a route without tiers here"
            );
        }
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
