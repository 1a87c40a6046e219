//! Files of an incident: they go up and come down as they are; where they are kept they are
//! encrypted under the incident's key, and the digest on the record is that of what is kept.

use std::io::IsTerminal as _;
use std::path::Path;

use base::IncidentId;
use bytes::Bytes;
use hyper::Method;
use record::command::AttachFile;
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::incident::BlobRef;
use record::kinds::work::Verification;
use record::sealed::SealedFile;
use serde::Deserialize;
use serde_json::{Value, json};

use super::timeline::Timeline;
use super::{Session, keyfile, tell, text};
use crate::cli::work::{FileArgs, FileVerb};
use crate::client::Ask;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted};

/// The most files one note takes.
const FILES_MAX: usize = 16;

/// A file that an act cites.
pub(super) struct Cited {
    pub(super) sha256: Hash,
    pub(super) bytes: u64,
    pub(super) name: String,
    /// Where it came from, and how sure that is; nothing of those of notes.
    pub(super) source: Option<(String, Verification)>,
    by: String,
    act: base::ActId,
}

#[derive(Deserialize)]
struct Kept {
    sha256: Hash,
    bytes: u64,
}

impl Session<'_> {
    pub(super) async fn file(&self, args: FileArgs) -> Result<(), Failure> {
        match args.verb {
            FileVerb::Add {
                incident,
                file,
                source,
                vouch,
            } => {
                let files = self.upload(incident, &[file]).await?;
                let Some(file) = files.into_iter().next() else {
                    return Err(Failure::new(Exit::Internal, "no file was kept"));
                };
                let said = format!(
                    "Attached to {incident}: {}.",
                    file.name.as_ref().map_or("a file", |name| name.as_str())
                );
                let digest = hex(&file.sha256);
                let verb = AttachFile {
                    file,
                    incident,
                    source,
                    vouched: vouch,
                };
                let done = self.send(verb).await?;
                if !self.out.is_json() {
                    self.did(&done, said);
                    self.out.data(digest)?;
                }
                Ok(())
            }
            FileVerb::Get {
                incident,
                which,
                output,
            } => self.fetch(incident, &which, output.as_deref()).await,
            FileVerb::List { incident } => self.files(incident).await,
        }
    }

    /// Uploads files to an incident, so that its acts can cite them.
    pub(super) async fn upload(
        &self,
        incident: IncidentId,
        files: &[impl AsRef<Path>],
    ) -> Result<Vec<BlobRef>, Failure> {
        if files.len() > FILES_MAX {
            return Err(Failure::usage(format!(
                "a note takes at most {FILES_MAX} files"
            )));
        }
        // All are read before the first is sent: a name that is wrong stops everything.
        let read: Vec<(Option<base::Line>, Bytes)> = files
            .iter()
            .map(|path| text::read_file(path.as_ref()))
            .collect::<Result<_, _>>()?;
        let path = format!("/api/v1/incidents/{incident}/files");
        let mut blobs = Vec::new();
        for (name, bytes) in read {
            let sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let media_type = "application/octet-stream";
            let ask = Ask::with_body(Method::POST, &path, media_type, bytes);
            let answer = self.client.answer(&ask).await?;
            let kept: Kept = serde_json::from_slice(&answer.body)
                .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
            // What is kept is encrypted: its digest can't be known here, its length can.
            let overhead = u64::try_from(SealedFile::OVERHEAD_BYTES).unwrap_or(u64::MAX);
            if kept.bytes != sent.saturating_add(overhead) {
                return Err(Failure::new(
                    Exit::Internal,
                    "hereby kept another file than was sent",
                ));
            }
            blobs.push(BlobRef {
                bytes: kept.bytes,
                name,
                sha256: kept.sha256,
            });
        }
        Ok(blobs)
    }

    async fn fetch(
        &self,
        incident: IncidentId,
        which: &str,
        output: Option<&Path>,
    ) -> Result<(), Failure> {
        if output.is_none() && self.out.is_json() {
            return Err(Failure::usage("a file is no JSON document")
                .hint("say where it goes: hereby file get … -o FILE"));
        }
        if output.is_none() && std::io::stdout().is_terminal() {
            return Err(Failure::usage("a file could do anything to this terminal")
                .hint("say where it goes: hereby file get … -o FILE"));
        }
        let digest = match digest_of(which) {
            Some(digest) => digest,
            None => {
                let timeline = self.timeline(incident).await?;
                hex(&chosen(incident, &cited(&timeline), which)?.sha256)
            }
        };
        let path = format!("/api/v1/incidents/{incident}/files/{digest}");
        let answer = self.client.answer(&Ask::get(path)).await?;
        let Some(output) = output else {
            return self.out.bytes(&answer.body);
        };
        keyfile::write_new_bytes(output, &answer.body)?;
        if self.out.is_json() {
            let bytes = answer.body.len();
            return self
                .out
                .json(&json!({ "bytes": bytes, "file": output, "sha256": digest }));
        }
        let size = counted(answer.body.len(), "byte");
        self.out.talk(format!("{}: {size}.", output.display()));
        Ok(())
    }

    async fn files(&self, incident: IncidentId) -> Result<(), Failure> {
        let timeline = self.timeline(incident).await?;
        let files = cited(&timeline);
        let items: Vec<Value> = (1..)
            .zip(&files)
            .map(|(number, file): (usize, _)| {
                let source = file.source.as_ref();
                json!({
                    "number": number,
                    "sha256": hex(&file.sha256),
                    "bytes": file.bytes,
                    "name": file.name,
                    "source": source.map(|(from, _)| from),
                    "verification": source.map(|(_, sure)| sure),
                    "by": file.by,
                    "act": file.act,
                })
            })
            .collect();
        let nothing = format!("{incident} has no file.");
        self.listed(items, &HEADER, rows(&files), &nothing)
    }
}

/// What stands above [`rows`].
pub(super) const HEADER: [&str; 6] = ["FILE", "SHA256", "KEPT", "BY", "SOURCE", "NAME"];

/// Number, beginning of the digest, size, by whom, how sure the source is, name and source.
pub(super) fn rows(files: &[Cited]) -> super::work::lists::Rows {
    (1..)
        .zip(files)
        .map(|(number, file): (usize, _)| {
            let digest: String = hex(&file.sha256).chars().take(12).collect();
            let (sure, text) = match &file.source {
                Some((from, sure)) => {
                    let style = match sure {
                        Verification::UnverifiedSource => Style::Warning,
                        Verification::Signed | Verification::Attested => Style::Plain,
                    };
                    let sure = Line::new().styled(style, tell::verification(*sure));
                    (sure, format!("{}, from: {from}", file.name))
                }
                None => (
                    Line::new().styled(Style::Dim, "of a note"),
                    file.name.clone(),
                ),
            };
            let cells = vec![
                Line::new().styled(Style::Bold, number.to_string()),
                Line::new().text(digest),
                Line::new().text(counted(file.bytes, "byte")),
                Line::new().text(file.by.clone()),
                sure,
            ];
            (cells, text)
        })
        .collect()
}

/// The files that an incident's acts cite, in order, each once.
pub(super) fn cited(timeline: &Timeline) -> Vec<Cited> {
    let mut files: Vec<Cited> = Vec::new();
    for act in &timeline.acts {
        let found: Vec<Cited> = match &act.body {
            Body::IncidentFileAttached(body) => vec![Cited {
                sha256: body.sha256,
                bytes: body.bytes,
                name: body
                    .name
                    .as_ref()
                    .map_or_else(|| "a file".to_owned(), tell::opened),
                source: Some((tell::opened(&body.source), body.verification)),
                by: act.actor.to_string(),
                act: act.id,
            }],
            Body::IncidentNoted(body) => body
                .blobs
                .iter()
                .map(|blob| Cited {
                    sha256: blob.sha256,
                    bytes: blob.bytes,
                    name: blob
                        .name
                        .as_ref()
                        .map_or_else(|| "a file".to_owned(), ToString::to_string),
                    source: None,
                    by: act.actor.to_string(),
                    act: act.id,
                })
                .collect(),
            _ => continue,
        };
        for file in found {
            match files.iter_mut().find(|other| other.sha256 == file.sha256) {
                // A note only cites it; attached, somebody says where it came from.
                Some(other) if other.source.is_none() => *other = file,
                Some(_) => {}
                None => files.push(file),
            }
        }
    }
    files
}

/// The one that is meant by its number or the first digits of its digest.
fn chosen<'a>(incident: IncidentId, files: &'a [Cited], which: &str) -> Result<&'a Cited, Failure> {
    let list = format!("see which there are: hereby file list {incident}");
    let wanted = which.to_ascii_lowercase();
    let none = || {
        Failure::new(Exit::Refused, format!("{incident} has no file {which}")).hint(list.clone())
    };
    if wanted.len() < 6 {
        let number: usize = wanted.parse().map_err(|_| {
            Failure::usage(format!("`{which}` names no file"))
                .because("a file is its number, or 6 or more hexadecimal digits of its SHA-256")
                .hint(list.clone())
        })?;
        return number
            .checked_sub(1)
            .and_then(|at| files.get(at))
            .ok_or_else(none);
    }
    let mut found = files
        .iter()
        .filter(|file| hex(&file.sha256).starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(none()),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("more than one file begins with {which}")).hint(list))
        }
    }
}

/// A whole digest needs no list.
fn digest_of(which: &str) -> Option<String> {
    let hexadecimal = which.bytes().all(|byte| byte.is_ascii_hexdigit());
    (which.len() == 64 && hexadecimal).then(|| which.to_ascii_lowercase())
}

/// The digest in hexadecimal, as `sha256sum` prints it.
pub(super) fn hex(hash: &Hash) -> String {
    hash.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
