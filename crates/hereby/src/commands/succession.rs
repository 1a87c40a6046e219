//! `hereby succession trust`: whose word begins another epoch of the record; and what the offline machine signs,
//! for which nobody is asked.

use std::path::{Path, PathBuf};

use base::Name;
use record::command::SetRootKey;
use record::note::VerifierKey;
use record::statement::Statement as _;
use record::succession::{RootChange, Succession, Tree};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Session;
use super::keyfile::Keys;
use super::statement::{keep, next, signed, why};
use crate::cli::Globals;
use crate::cli::succession::SuccessionVerb;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::offline::read_file;
use crate::say::{Out, counted};

/// The longest note or request that is read.
pub(crate) const FILE_BYTES_MAX: u64 = record::statement::NOTE_BYTES_MAX as u64;

/// Where a record stands, and how it is to go on: what the root key is asked to sign.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) epoch: u64,
    pub(crate) from: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gap: Option<Tree>,
    pub(crate) kept: Tree,
    pub(crate) origin: Box<str>,
    pub(crate) vkey: Box<str>,
}

/// Signs that the record goes on so.
///
/// # Errors
/// When the request or the key can't be read, or nobody said why.
pub(crate) fn sign(
    key: &Name,
    request: &PathBuf,
    output: Option<&Path>,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    let why = why(globals, "the disk died, Monday's backup")?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{} is no request", request.display()))
            .because(error)
            .hint("hereby succession request makes one")
    };
    let bytes = read_file(request, FILE_BYTES_MAX)?;
    let asked: Request = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    let said = Succession {
        at: Client::now(),
        epoch: asked.epoch,
        from: asked.from,
        gap: asked.gap,
        kept: asked.kept,
        origin: asked.origin,
        vkey: asked.vkey,
        why,
    };
    said.check().map_err(|error| wrong(&error))?;
    let note = signed(&said, key)?;
    let lost = said.gap.map_or(0, |gap| gap.size - said.kept.size);
    keep(&note, json!({ "said": said }), output, out)?;
    out.talk(format!(
        "{} goes on as {} behind {}; {} known to be lost.",
        said.from,
        said.origin,
        counted(said.kept.size, "act"),
        match lost {
            0 => "nothing is".to_owned(),
            1 => "1 act is".to_owned(),
            lost => format!("{lost} acts are"),
        }
    ));
    next("with control stopped: hereby succession begin", output, out);
    Ok(())
}

/// Signs that another root key follows this one.
///
/// # Errors
/// When the key can't be read.
pub(crate) fn vouch(
    key: &Name,
    to: &VerifierKey,
    output: Option<&Path>,
    out: &Out,
) -> Result<(), Failure> {
    let said = RootChange {
        from: Keys::of_user()?.verifier(key)?.to_string().into(),
        to: to.to_string().into(),
    };
    let note = signed(&said, key)?;
    keep(&note, json!({ "said": said }), output, out)?;
    let then = format!("hereby succession trust --vkey '{to}' -m WHY --vouched");
    next(&then, output, out);
    Ok(())
}

impl Session<'_> {
    /// Says whose word begins another epoch.
    pub(super) async fn succession(&self, verb: SuccessionVerb) -> Result<(), Failure> {
        let SuccessionVerb::Trust {
            key,
            vkey,
            vouched,
            lost,
        } = verb
        else {
            return Err(super::asks_nobody());
        };
        let vkey = match (vkey, key) {
            (Some(vkey), _) => vkey,
            (None, Some(key)) => Keys::of_user()?.verifier(&key)?,
            (None, None) => return Err(Failure::usage("no key is named")),
        };
        let status: serde_json::Value = self.client.read("/api/v1/status").await?;
        let known = status.get("root_key").and_then(serde_json::Value::as_str);
        if let (Some(known), None, false) = (known, &vouched, lost) {
            return Err(Failure::new(Exit::Refused, "another root key is believed")
                .because(format!(
                    "edges believe this one when {known} vouches for it"
                ))
                .hint(format!(
                    "where that key is: hereby succession vouch KEY '{vkey}' --output FILE"
                ))
                .hint("then the same with --vouched FILE; with --lost if the key is lost"));
        }
        let vouched = match vouched {
            Some(path) => Some(String::from_utf8_lossy(&read_file(&path, FILE_BYTES_MAX)?).into()),
            None => None,
        };
        let said =
            format!("What {vkey} signs begins another epoch of the record, should it be lost.");
        let vkey = vkey.to_string().into();
        self.does(SetRootKey { vkey, vouched }, said).await
    }
}
