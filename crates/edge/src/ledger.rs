//! Which client certificates were shown, to which tenants, and what they got: so that who came in
//! with one is known when it turns out to be in the wrong hands, also where no access log was kept.
//!
//! It is bounded: what finds no place is counted. What control has put on its record makes room
//! first; what it has not stays. `file` keeps it over restarts and upgrades.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use policy::certificate::{Fingerprint, Item, Serial};
use policy::{Prefix, Reason};
use serde::{Deserialize, Serialize};

use crate::clients::Certificate;
use crate::upstream::lock;

mod file;

pub(crate) use file::{Lent, keep};

/// Certificates and tenants that are told apart.
pub(crate) const ENTRIES_MAX: usize = 10_000;
/// Networks that are named for each.
const PREFIXES_MAX: usize = 8;
/// So many leave at once when it is full: looking for the oldest takes a while.
const LEAVE: usize = 100;

/// What one certificate got from one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the certificate as DER, as are the other digests in hexadecimal digits.
    pub sha256: String,
    pub tenant: String,
    /// Whose it says it is, and who says so.
    pub subject: String,
    pub issuer: String,
    /// Of the issuer's name as DER: as revocations name it.
    pub issuer_sha256: String,
    pub serial: String,
    pub first_ms: i64,
    pub last_ms: i64,
    /// Requests for which it was good enough, whatever became of them after that.
    pub let_through: u64,
    pub last_let_through_ms: Option<i64>,
    /// Requests that were refused because of it.
    pub refused: u64,
    /// Since when it is known here to be revoked.
    pub revoked_ms: Option<i64>,
    /// Of those above, the ones since then.
    pub let_through_after: u64,
    pub refused_after: u64,
    /// Where they came from: /24 of IPv4, /48 of IPv6; the first few.
    pub prefixes: Vec<String>,
    /// How far the record has it.
    #[serde(default)]
    pub recorded: u64,
}

impl Entry {
    fn requests(&self) -> u64 {
        self.let_through + self.refused
    }

    fn is_recorded(&self) -> bool {
        self.recorded == self.requests()
    }

    fn new(certificate: &Certificate, tenant: &str, now_ms: i64) -> Entry {
        Entry {
            sha256: hex(&certificate.fingerprint),
            tenant: tenant.to_owned(),
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            issuer_sha256: hex(&certificate.issuer_sha256),
            serial: certificate.serial.clone(),
            first_ms: now_ms,
            last_ms: now_ms,
            let_through: 0,
            last_let_through_ms: None,
            refused: 0,
            revoked_ms: None,
            let_through_after: 0,
            refused_after: 0,
            prefixes: Vec::new(),
            recorded: 0,
        }
    }

    fn count(&mut self, refused: Option<Reason>, client: IpAddr, now_ms: i64) {
        self.last_ms = self.last_ms.max(now_ms);
        if refused == Some(Reason::CertificateRevoked) {
            self.revoked_ms.get_or_insert(now_ms);
        }
        let after = u64::from(self.revoked_ms.is_some());
        if refused.is_some() {
            self.refused += 1;
            self.refused_after += after;
        } else {
            self.let_through += 1;
            self.let_through_after += after;
            self.last_let_through_ms = self.last_let_through_ms.max(Some(now_ms));
        }
        if self.prefixes.len() < PREFIXES_MAX {
            let prefix = network(client);
            self.name(prefix);
        }
    }

    fn name(&mut self, prefix: String) {
        if self.prefixes.len() < PREFIXES_MAX && !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
        }
    }

    /// Adds what was counted elsewhere of the same certificate and tenant.
    fn add(&mut self, other: Entry) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.let_through += other.let_through;
        self.last_let_through_ms = self.last_let_through_ms.max(other.last_let_through_ms);
        self.refused += other.refused;
        self.revoked_ms = match (self.revoked_ms, other.revoked_ms) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        self.let_through_after += other.let_through_after;
        self.refused_after += other.refused_after;
        self.recorded += other.recorded;
        for prefix in other.prefixes {
            self.name(prefix);
        }
    }

    /// As a CA names it.
    fn named(&self) -> Option<(Fingerprint, Serial)> {
        let serial = Serial::new(&bytes(&self.serial)?)?;
        Some((fingerprint(&self.issuer_sha256)?, serial))
    }
}

/// How far the record has what an entry says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    sha256: String,
    tenant: String,
    requests: u64,
}

/// All of it, as it is shown and kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) version: u32,
    /// Requests with certificates that found no place.
    pub(crate) dropped: u64,
    pub(crate) entries: Vec<Entry>,
}

/// Where it is written down while requests come in.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    held: Mutex<Held>,
    /// Held while its file is written, and by nobody who answers requests.
    writing: Mutex<Writing>,
}

/// What whoever writes the file remembers.
#[derive(Debug, Default)]
struct Writing {
    /// How many pieces were handed to a successor.
    pieces: u64,
    /// Pieces of an old edge that were added and are not removed yet.
    added: Vec<std::path::PathBuf>,
}

#[derive(Debug, Default)]
struct Held {
    /// By certificate, then tenant: most have one.
    entries: HashMap<Fingerprint, Vec<Entry>>,
    count: usize,
    dropped: u64,
    changed: bool,
    /// Whether there was nothing that could leave, when somebody last looked.
    stuck: bool,
    stage: Stage,
}

/// Whose its file is.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Ours,
    /// A successor is starting, and reads it: nothing is written meanwhile. What it was given, and
    /// whether that could be written.
    Lent { given: Book, written: bool },
    /// The successor's. What is still counted here is handed to it piece by piece.
    Theirs,
}

impl Ledger {
    /// One request with a certificate.
    pub(crate) fn used(
        &self,
        certificate: &Certificate,
        tenant: &str,
        refused: Option<Reason>,
        client: IpAddr,
        now_ms: i64,
    ) {
        let mut held = lock(&self.held);
        let held = &mut *held;
        held.changed = true;
        let known = held.entries.get_mut(&certificate.fingerprint);
        let known = known.and_then(|all| all.iter_mut().find(|one| one.tenant == tenant));
        if let Some(entry) = known {
            return entry.count(refused, client, now_ms);
        }
        // What no CA of the tenant has issued anybody can make as many of as they like.
        if refused == Some(Reason::CertificateRefused) {
            return;
        }
        if !held.has_place() {
            held.dropped += 1;
            return;
        }
        let mut entry = Entry::new(certificate, tenant, now_ms);
        entry.count(refused, client, now_ms);
        held.put(certificate.fingerprint, entry);
    }

    /// What is revoked from now on, also if nobody comes with it any more.
    pub(crate) fn revoked(&self, items: &[Item], now_ms: i64) {
        let (mut prints, mut names) = (HashSet::new(), HashSet::new());
        for item in items {
            match item {
                Item::Fingerprint(fingerprint) => prints.insert(*fingerprint),
                Item::Serial(issuer, serial) => names.insert((*issuer, *serial)),
            };
        }
        let mut held = lock(&self.held);
        for (fingerprint, entries) in &mut held.entries {
            let fresh = entries.iter_mut().filter(|one| one.revoked_ms.is_none());
            for entry in fresh {
                let named =
                    || !names.is_empty() && entry.named().is_some_and(|own| names.contains(&own));
                if prints.contains(fingerprint) || named() {
                    entry.revoked_ms = Some(now_ms);
                }
            }
        }
        held.changed = true;
    }

    /// What the record has now may leave when room is needed.
    pub(crate) fn recorded(&self, all: &[Recorded]) {
        let mut held = lock(&self.held);
        held.stuck = false;
        held.changed = true;
        for recorded in all {
            let entries = fingerprint(&recorded.sha256).and_then(|it| held.entries.get_mut(&it));
            let entry = entries
                .into_iter()
                .flatten()
                .find(|entry| entry.tenant == recorded.tenant);
            if let Some(entry) = entry {
                entry.recorded = recorded.requests.min(entry.requests());
            }
        }
    }

    /// All of it, the newest use first.
    pub(crate) fn book(&self) -> Book {
        let held = lock(&self.held);
        let mut all = Held::default();
        all.merge(held.book());
        if let Stage::Lent { given, .. } = &held.stage {
            all.merge(Book {
                version: given.version,
                dropped: given.dropped,
                entries: given.entries.clone(),
            });
        }
        drop(held);
        let mut book = all.book();
        book.entries
            .sort_by_key(|entry| (std::cmp::Reverse(entry.last_ms), entry.sha256.clone()));
        book
    }

    /// How many entries there are, and how many requests found no place.
    pub(crate) fn size(&self) -> (usize, u64) {
        let held = self.held();
        (held.count, held.dropped)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

impl Held {
    /// Whether there is room for one more; makes some if it can.
    fn has_place(&mut self) -> bool {
        if self.count < ENTRIES_MAX {
            return true;
        }
        if self.stuck {
            return false;
        }
        let all = self.entries.values().flatten();
        let mut leaving: Vec<i64> = all
            .filter(|entry| entry.is_recorded())
            .map(|entry| entry.last_ms)
            .collect();
        leaving.sort_unstable();
        let Some(newest) = leaving.get(LEAVE - 1).or(leaving.last()).copied() else {
            self.stuck = true;
            return false;
        };
        let mut left = LEAVE;
        self.entries.retain(|_, all| {
            all.retain(|entry| {
                let leaves = left > 0 && entry.is_recorded() && entry.last_ms <= newest;
                left -= usize::from(leaves);
                !leaves
            });
            !all.is_empty()
        });
        self.count -= LEAVE - left;
        true
    }

    fn put(&mut self, fingerprint: Fingerprint, entry: Entry) {
        self.entries.entry(fingerprint).or_default().push(entry);
        self.count += 1;
    }

    fn book(&self) -> Book {
        Book {
            version: file::VERSION,
            dropped: self.dropped,
            entries: self.entries.values().flatten().cloned().collect(),
        }
    }

    /// Adds what was counted elsewhere.
    fn merge(&mut self, book: Book) {
        self.dropped += book.dropped;
        for entry in book.entries {
            let Some(fingerprint) = fingerprint(&entry.sha256) else {
                continue;
            };
            let known = self.entries.get_mut(&fingerprint);
            let known = known.and_then(|all| all.iter_mut().find(|one| one.tenant == entry.tenant));
            if let Some(known) = known {
                known.add(entry);
            } else if self.has_place() {
                self.put(fingerprint, entry);
            } else {
                self.dropped += entry.requests();
            }
        }
    }

    fn take(&mut self) -> Book {
        let book = self.book();
        self.entries.clear();
        (self.count, self.dropped) = (0, 0);
        book
    }
}

/// The network somebody is in: enough to know a company or a provider, and no person. Whole addresses
/// are in the access log, for those who want them.
fn network(client: IpAddr) -> String {
    let length = if client.to_canonical().is_ipv4() {
        24
    } else {
        48
    };
    Prefix::around(client, length).to_string()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn fingerprint(digits: &str) -> Option<Fingerprint> {
    bytes(digits)?.try_into().ok()
}

#[cfg(test)]
mod tests;
