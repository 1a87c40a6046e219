//! One incident as one file that verifies alone: its acts and those that were done for it byte for byte,
//! a proof for each in one signed checkpoint, the blobs they cite, and on request the keys of its sealed
//! text. A key that is not there is missing in the file as well, which says which keys its text needs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use base::{IncidentId, KeyRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::DoneFor;
use engine::ports::Entries;
use record::act::{Act, BadAct, Subject};
use record::checkpoint::SignedCheckpoint;
use record::hash::{self, Hash};
use record::note::VerifierKey;
use record::sealed::SubjectKey;
use record::tile::{TileReader, TiledTree};
use record::tree;
use serde::{Deserialize, Serialize};
use store::{Blobs, CannotLoadKey, Keystore};

use crate::say::counted;

/// The version of the format.
const VERSION: u32 = 1;

/// The most acts of one incident in a bundle.
const ACTS_MAX: usize = 100_000;

/// The longest bundle that is read, in bytes.
pub(crate) const BUNDLE_BYTES_MAX: u64 = 1 << 30;

/// A bundle as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    hereby_bundle: u32,
    pub(crate) incident: IncidentId,
    pub(crate) origin: String,
    /// Every key that signed the record, oldest first.
    vkeys: Vec<Box<str>>,
    checkpoint: String,
    acts: Vec<BundledAct>,
    blobs: Vec<BundledBlob>,
    sealed: SealedText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<BTreeMap<KeyRef, String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledAct {
    entry: String,
    inclusion: Vec<Hash>,
    index: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledBlob {
    base64: String,
    sha256: Hash,
}

/// What is encrypted in the bundle, and under which keys.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    fields: u64,
    keys: BTreeSet<KeyRef>,
}

/// Where a bundle is made from.
pub(crate) struct Source<'a, T> {
    pub(crate) entries: &'a dyn Entries,
    pub(crate) tiles: &'a T,
    pub(crate) blobs: &'a Blobs,
    pub(crate) keystore: &'a Keystore,
    pub(crate) size: u64,
    pub(crate) note: &'a str,
    pub(crate) vkeys: Vec<Box<str>>,
    /// Where acts stand that were done for the incident without being about it, if that is known: else
    /// the record is read.
    pub(crate) done_for: Option<Vec<u64>>,
}

/// What a bundle holds, once it was verified.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    pub(crate) incident: IncidentId,
    pub(crate) origin: String,
    pub(crate) acts: usize,
    pub(crate) blobs: usize,
    /// Encrypted fields in it, and how many of them its own keys open.
    pub(crate) sealed_fields: u64,
    pub(crate) opened_fields: u64,
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// Writes the bundle of an incident; `None` when there is no such incident.
///
/// # Errors
/// When something can't be read. Keys that are asked for and not there are left out: see
/// [`missing_keys`].
pub(crate) fn write<T: TileReader>(
    source: &Source<'_, T>,
    incident: IncidentId,
    with_keys: bool,
) -> io::Result<Option<Vec<u8>>> {
    let other = |what: String| io::Error::other(what);
    let tree = TiledTree::new(source.size, source.tiles);
    let mut bundle = Bundle {
        hereby_bundle: VERSION,
        incident,
        origin: source.note.lines().next().unwrap_or_default().to_owned(),
        vkeys: source.vkeys.clone(),
        checkpoint: source.note.to_owned(),
        acts: Vec::new(),
        blobs: Vec::new(),
        sealed: SealedText::default(),
        keys: None,
    };
    let mut blobs = BTreeSet::new();
    let about = indexes(source.entries, incident, source.size)?;
    let Some(first) = about.first() else {
        return Ok(None);
    };
    let done_for = match &source.done_for {
        Some(known) => known.clone(),
        None => done_for(source.entries, incident, *first..source.size)?,
    };
    let within = done_for.into_iter().filter(|index| *index < source.size);
    let all: BTreeSet<u64> = about.into_iter().chain(within).collect();
    for index in all {
        let entry = source
            .entries
            .entry(index)
            .map_err(|error| other(error.to_string()))?;
        let entry = entry.ok_or_else(|| other(format!("entry {index} is not there")))?;
        let act = Act::decode(&entry).map_err(|error| other(error.to_string()))?;
        blobs.extend(cited(&act));
        note_sealed(act, &mut bundle.sealed);
        let inclusion = tree::inclusion_proof(index, source.size, &tree)
            .map_err(|error| other(error.to_string()))?;
        let entry = String::from_utf8(entry).map_err(|error| other(error.to_string()))?;
        bundle.acts.push(BundledAct {
            entry,
            inclusion,
            index,
        });
    }
    for sha256 in blobs {
        let bytes = source.blobs.open(&sha256)?;
        let bytes = bytes.ok_or_else(|| other(format!("blob {sha256} is not there")))?;
        bundle.blobs.push(BundledBlob {
            base64: STANDARD.encode(bytes),
            sha256,
        });
    }
    if with_keys {
        let mut keys = BTreeMap::new();
        for name in &bundle.sealed.keys {
            match source.keystore.key(name) {
                Ok(Some(key)) => {
                    keys.insert(name.clone(), STANDARD.encode(key.expose()));
                }
                Ok(None) | Err(CannotLoadKey::Lost { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bundle.keys = Some(keys);
    }
    let mut json = serde_json::to_vec(&bundle)?;
    json.push(b'\n');
    Ok(Some(json))
}

/// The keys that open text in a bundle and are not in it.
pub(crate) fn missing_keys(json: &[u8]) -> Result<Vec<KeyRef>, serde_json::Error> {
    let bundle: Bundle = serde_json::from_slice(json)?;
    let within = bundle.keys.unwrap_or_default();
    let needed = bundle.sealed.keys.into_iter();
    Ok(needed.filter(|name| !within.contains_key(name)).collect())
}

/// What is in a bundle, in lines for a person.
pub(crate) fn contents(json: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let bundle: Bundle = serde_json::from_slice(json)?;
    let mut lines = vec![format!(
        "{} and {}, with proofs in the checkpoint of {}",
        counted(bundle.acts.len(), "act"),
        counted(bundle.blobs.len(), "blob"),
        bundle.origin
    )];
    let names: Vec<String> = bundle.sealed.keys.iter().map(ToString::to_string).collect();
    lines.push(match (bundle.sealed.fields, &bundle.keys) {
        (0, _) => "nothing in it is sealed".to_owned(),
        (fields, None) => format!(
            "{} stay closed without keys that are not in it: {}",
            counted(fields, "sealed field"),
            names.join(", ")
        ),
        (fields, Some(keys)) => format!(
            "{}; it opens those under {}: keep it as safe as they were",
            counted(fields, "sealed field"),
            keys.keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    });
    Ok(lines)
}

fn indexes(entries: &dyn Entries, incident: IncidentId, size: u64) -> io::Result<Vec<u64>> {
    let subject = Subject::Incident(incident);
    let mut all: Vec<u64> = Vec::new();
    loop {
        let from = all.last().map_or(0, |last| last + 1);
        let more = entries
            .of_subject(&subject, from, 1_000)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let ended = more.len() < 1_000;
        all.extend(more.into_iter().filter(|index| *index < size));
        if all.len() > ACTS_MAX {
            return Err(io::Error::other("the incident has more than 100,000 acts"));
        }
        if ended {
            return Ok(all);
        }
    }
}

/// Where the acts stand that were done for an incident without being about it: none before it was
/// declared.
fn done_for(
    entries: &dyn Entries,
    incident: IncidentId,
    within: Range<u64>,
) -> io::Result<Vec<u64>> {
    let (mut folded, mut all, mut broken) = (DoneFor::default(), Vec::new(), None);
    let read = entries.scan(within.start, &mut |index, entry| {
        if index >= within.end {
            return false;
        }
        match Act::decode(entry) {
            Ok(act) if folded.apply(&act, index).contains(&incident) => all.push(index),
            // What a newer hereby wrote is not of a kind that is known here.
            Ok(_) | Err(BadAct::Version(_)) => {}
            Err(error) => broken = Some(format!("entry {index}: {error}")),
        }
        broken.is_none() && all.len() <= ACTS_MAX
    });
    read.map_err(|error| io::Error::other(error.to_string()))?;
    if all.len() > ACTS_MAX {
        broken = Some("more than 100,000 acts were done for the incident".to_owned());
    }
    broken.map_or(Ok(all), |broken| Err(io::Error::other(broken)))
}

fn cited(act: &Act) -> Vec<Hash> {
    act.body.blobs().iter().map(|blob| blob.sha256).collect()
}

fn note_sealed(mut act: Act, sealed: &mut SealedText) {
    let mut names = BTreeSet::new();
    // Nothing opens without a key, so this counts what is sealed and by which keys.
    let closed = act.open(&mut |name| {
        names.insert(name.clone());
        None
    });
    sealed.fields += closed.unwrap_or(0) as u64;
    sealed.keys.extend(names);
}

/// Verifies a bundle with nothing but itself and the log's key.
///
/// # Errors
/// What is wrong, in a sentence that names the act.
pub(crate) fn verify(json: &[u8], vkey: &VerifierKey) -> Result<Verified, String> {
    let bundle: Bundle =
        serde_json::from_slice(json).map_err(|error| format!("this is no bundle: {error}"))?;
    if bundle.hereby_bundle != VERSION {
        return Err(format!(
            "bundle version {}: use a newer hereby",
            bundle.hereby_bundle
        ));
    }
    let signed = SignedCheckpoint::open(bundle.checkpoint.as_bytes(), vkey)
        .map_err(|error| format!("the checkpoint: {error}"))?;
    let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
    let keys = bundle
        .keys
        .as_ref()
        .map(secrets)
        .transpose()?
        .unwrap_or_default();
    let (mut previous, mut cited_blobs, mut opened) = (None, BTreeSet::new(), 0);
    let (mut sealed, mut done_for) = (SealedText::default(), DoneFor::default());
    for bundled in &bundle.acts {
        let at = |what: String| format!("entry {}: {what}", bundled.index);
        if previous.is_some_and(|previous| previous >= bundled.index) {
            return Err(at("out of order".to_owned()));
        }
        previous = Some(bundled.index);
        let leaf = hash::leaf(bundled.entry.as_bytes());
        tree::verify_inclusion(leaf, bundled.index, size, &bundled.inclusion, root)
            .map_err(|error| at(error.to_string()))?;
        let mut act =
            Act::decode_strict(bundled.entry.as_bytes()).map_err(|error| at(error.to_string()))?;
        let about = act.subject == Subject::Incident(bundle.incident);
        let done_for = done_for
            .apply(&act, bundled.index)
            .contains(&bundle.incident);
        if !about && !done_for {
            return Err(at(format!(
                "it is not about {}, and was not done for it",
                bundle.incident
            )));
        }
        cited_blobs.extend(cited(&act));
        let before = sealed.fields;
        note_sealed(act.clone(), &mut sealed);
        let closed = act
            .open(&mut |name| keys.get(name).cloned())
            .map_err(|error| at(error.to_string()))?;
        opened += (sealed.fields - before).saturating_sub(closed as u64);
    }
    for blob in &bundle.blobs {
        let bytes = STANDARD
            .decode(&blob.base64)
            .map_err(|error| error.to_string())?;
        if hash::sha256(&[&bytes]) != blob.sha256 {
            return Err(format!("blob {} is not what its name says", blob.sha256));
        }
        cited_blobs.remove(&blob.sha256);
    }
    if let Some(missing) = cited_blobs.first() {
        return Err(format!("blob {missing} is cited and not in the bundle"));
    }
    Ok(Verified {
        incident: bundle.incident,
        origin: signed.checkpoint().origin().to_owned(),
        acts: bundle.acts.len(),
        blobs: bundle.blobs.len(),
        sealed_fields: sealed.fields,
        opened_fields: opened,
        size,
        root,
    })
}

fn secrets(keys: &BTreeMap<KeyRef, String>) -> Result<BTreeMap<KeyRef, SubjectKey>, String> {
    let mut secrets = BTreeMap::new();
    for (name, text) in keys {
        let bytes = STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let bytes: [u8; 32] = bytes.ok_or_else(|| format!("the key {name} is not 32 bytes"))?;
        secrets.insert(name.clone(), SubjectKey::from_bytes(bytes));
    }
    Ok(secrets)
}
