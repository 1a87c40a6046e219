//! What a site holds, signed: a C2SP signed note with a sequence, two times and the hash of a list.
//!
//! ```text
//! hereby status manifest v1
//! site https://status.example.org
//! sequence 42
//! issued 2026-11-21T19:20:00.000Z
//! expires 2026-11-21T19:35:00.000Z
//! list 9f86…0a08 5120
//! said 00112233445566778899aabbccddeeff
//!
//! — status.example.org/status mYj…
//! ```
//!
//! The list is the file `files.txt` beside it, in the form that `sha256sum -c` reads: one line
//! `HASH  PATH` for every other file. So one signature vouches for every byte, and whoever holds the
//! public half of the status key needs to trust no server. An expired manifest says that nobody
//! vouches for the site any more, whatever it shows.
//!
//! `said` lines, of which there are none as a rule, name words that the site shows and the record did
//! not have when it was signed: somebody spoke while hereby was away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base::{ActId, Timestamp};
use record::hash::{self, Hash};
use record::note::{CannotSign, Note, SignerKey, VerifierKey};

use crate::site::Held;

/// Where the manifest is, below the site's root.
pub const MANIFEST_PATH: &str = "manifest";
/// Where the list is.
pub const LIST_PATH: &str = "files.txt";
/// The longest list that is read, in bytes.
pub const LIST_BYTES_MAX: usize = 16 << 20;
/// The most words beside the record that one manifest names.
pub const SAID_MAX: usize = 200;

const FIRST_LINE: &str = "hereby status manifest v1";

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The site's address, without a slash at its end.
    pub site: String,
    /// Higher in each one than in the one before.
    pub sequence: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when it counts.
    pub expires: Timestamp,
    /// SHA-256 of the list.
    pub list_hash: Hash,
    /// The list's length in bytes.
    pub list_bytes: u64,
    /// Words that are not on the record, by the acts that they will be; at most [`SAID_MAX`].
    pub said: BTreeSet<ActId>,
}

/// What is no manifest, or not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    /// It is no signed note.
    #[error("the manifest is no signed note: {0}")]
    Note(#[from] record::note::BadNote),
    /// Nobody who is trusted has signed it.
    #[error("the manifest is not signed by the status key: {0}")]
    Signature(#[from] record::note::Unverified),
    /// It is not of its form.
    #[error("the manifest is not of its form: {0}")]
    Form(&'static str),
    /// The list is not the one that was signed.
    #[error("the list of files is not the one that was signed")]
    List,
    /// A line of the list is not of its form.
    #[error("line {0} of the list of files is not of its form")]
    Line(usize),
}

/// The list of files, as `sha256sum` writes it, in the order of their paths.
pub fn list(files: &BTreeMap<String, Held>) -> String {
    let mut text = String::with_capacity(files.len() * 110);
    for (path, held) in files {
        let _ = writeln!(text, "{}  {path}", hex(&held.hash));
    }
    text
}

/// Reads a list: paths with their hashes. Paths are relative, and none leads elsewhere.
///
/// # Errors
/// [`BadManifest::Line`].
pub fn read_list(text: &str) -> Result<BTreeMap<String, Hash>, BadManifest> {
    let mut all = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let bad = || BadManifest::Line(at + 1);
        let (digits, path) = line.split_once("  ").ok_or_else(bad)?;
        let hash = unhex(digits).ok_or_else(bad)?;
        if !is_path(path) || all.insert(path.to_owned(), hash).is_some() {
            return Err(bad());
        }
    }
    Ok(all)
}

/// Whether this is the path of a file on a site: relative, plain, and leading nowhere else.
pub fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let mut parts = path.split('/');
    path.len() <= 200
        && path.bytes().all(plain)
        && parts.all(|it| !it.is_empty() && !it.starts_with('.'))
}

impl Manifest {
    /// The text that is signed, with its final newline.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{FIRST_LINE}\nsite {}\nsequence {}\nissued {}\nexpires {}\nlist {} {}\n",
            self.site,
            self.sequence,
            self.issued,
            self.expires,
            hex(&self.list_hash),
            self.list_bytes
        );
        for act in &self.said {
            let _ = writeln!(text, "said {act}");
        }
        text
    }

    /// Signs it.
    ///
    /// # Errors
    /// When its text can't be a note's: the site's address holds a line feed.
    pub fn sign(&self, key: &SignerKey) -> Result<Note, CannotSign> {
        key.sign_note(self.to_text())
    }

    /// Reads a manifest that one of these keys has signed.
    ///
    /// # Errors
    /// See [`BadManifest`]. That it has expired is no error here.
    pub fn verify(bytes: &[u8], trusted: &[VerifierKey]) -> Result<Manifest, BadManifest> {
        let note = Note::parse(bytes)?;
        note.verify(trusted)?;
        Manifest::parse_text(note.text())
    }

    /// Reads the text of a manifest, whoever signed it: it means nothing until its note is verified.
    ///
    /// # Errors
    /// [`BadManifest::Form`].
    pub fn parse_text(text: &str) -> Result<Manifest, BadManifest> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(BadManifest::Form("it is of another version"));
        }
        let mut field = |name: &'static str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(' '))
                .ok_or(BadManifest::Form(name))
        };
        let site = field("site")?.to_owned();
        let sequence = field("sequence")?;
        let issued = field("issued")?;
        let expires = field("expires")?;
        let (digits, bytes) = field("list")?
            .split_once(' ')
            .ok_or(BadManifest::Form("list"))?;
        let mut said = BTreeSet::new();
        for line in lines {
            let act = line.strip_prefix("said ").and_then(|act| act.parse().ok());
            said.insert(act.ok_or(BadManifest::Form("said"))?);
        }
        if said.len() > SAID_MAX {
            return Err(BadManifest::Form("said"));
        }
        Ok(Manifest {
            site,
            said,
            sequence: sequence
                .parse()
                .map_err(|_| BadManifest::Form("sequence"))?,
            issued: issued.parse().map_err(|_| BadManifest::Form("issued"))?,
            expires: expires.parse().map_err(|_| BadManifest::Form("expires"))?,
            list_hash: unhex(digits).ok_or(BadManifest::Form("list"))?,
            list_bytes: bytes.parse().map_err(|_| BadManifest::Form("list"))?,
        })
    }

    /// Whether this is the list that was signed.
    ///
    /// # Errors
    /// [`BadManifest::List`], or what is wrong with a line.
    pub fn check_list(&self, list: &[u8]) -> Result<BTreeMap<String, Hash>, BadManifest> {
        let long_enough = u64::try_from(list.len()).is_ok_and(|bytes| bytes == self.list_bytes);
        if !long_enough || hash::sha256(&[list]) != self.list_hash {
            return Err(BadManifest::List);
        }
        let text = str::from_utf8(list).map_err(|_| BadManifest::List)?;
        read_list(text)
    }
}

/// A hash as 64 hexadecimal digits.
pub fn hex(hash: &Hash) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.0 {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(digits: &str) -> Option<Hash> {
    if digits.len() != 64 || digits.bytes().any(|it| it.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (slot, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *slot = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(Hash(bytes))
}
