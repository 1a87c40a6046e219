//! Files of an incident: encrypted under its key before they are kept, so that they can be erased
//! with it, and content-addressed by what is kept.

use base::IncidentId;
use hyper::Method;
use record::command::Verb;
use record::hash::Hash;
use record::kinds::access::Scope;
use record::sealed::{SealedFile, SubjectKey};
use serde_json::json;

use crate::blobs::{BLOB_BYTES_MAX, hex, unhex};
use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::read::part;
use crate::reply::{self, Answer, BYTES, Keep, with_type};
use crate::route::{Access, Form, Gives, Parameter, Route, Takes};
use crate::site::Site;

const INCIDENT: Parameter = part("id", Form::Pattern("^INC-[1-9][0-9]{0,9}$"), "The incident");

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: Method::POST,
            path: "/api/v1/incidents/{id}/files".to_owned(),
            access: Access::Scopes(&[Scope::Respond]),
            class: Class::Command,
            takes: Takes::Anything {
                bytes_max: BLOB_BYTES_MAX - SealedFile::OVERHEAD_BYTES,
                media: BYTES,
                schema: json!({}),
                required: true,
            },
            parts: vec![INCIDENT],
            query: vec![],
            headers: vec![],
            summary: "Keeps a file for an incident, encrypted under its key".to_owned(),
            gives: Gives::json(
                "StoredBlob",
                "It is durable; of what is kept, not of the file",
            ),
            fails: &[409, 500, 504, 507],
            handler: |call| Box::pin(put(call)),
        },
        Route {
            method: Method::GET,
            path: "/api/v1/incidents/{id}/files/{sha256}".to_owned(),
            access: Access::Scopes(&[Scope::Respond]),
            class: Class::Read,
            takes: Takes::Nothing,
            parts: vec![
                INCIDENT,
                part(
                    "sha256",
                    Form::Pattern("^[0-9a-f]{64}$"),
                    "The SHA-256 of what is kept, hexadecimal",
                ),
            ],
            query: vec![],
            headers: vec![],
            summary: "Gives a file of an incident back".to_owned(),
            gives: Gives::other(BYTES, "The file"),
            fails: &[409, 500],
            handler: |call| Box::pin(one(call)),
        },
    ]
}

fn erased(id: IncidentId) -> Problem {
    Problem::wrong_state(format!(
        "what is sealed in {id} was erased: its files are gone"
    ))
}

async fn put(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    call.caller.sight().must_see(&call.site, id)?;
    let body = call.body.clone();
    if body.is_empty() {
        return Err(Problem::bad_request("an empty body is no file"));
    }
    let stored = call.site.blocking(move |site| keep(site, id, &body));
    let (sha256, bytes) = stored.await?;
    reply::json(&json!({"sha256": sha256, "hex": hex(&sha256), "bytes": bytes}))
}

/// Keeps a file, encrypted under the incident's key: the hash and the length of what is kept.
///
/// # Errors
/// 409 when what is sealed in the incident was erased, 507 when the disk is full.
pub(crate) fn keep(site: &Site, id: IncidentId, bytes: &[u8]) -> Result<(Hash, usize), Problem> {
    if is_erased(site, id)? {
        return Err(erased(id));
    }
    let key = site
        .backstage()
        .ensure_subject_key(&engine::key_of_incident(id));
    let key = key.map_err(|error| Problem::internal("the keystore can't be used", &error))?;
    let sealed = SealedFile::seal(&key, id, bytes);
    let sha256 = site.backstage().put_blob(&sealed)?;
    Ok((sha256, sealed.len()))
}

/// Blobs that a command cites, with the incident whose file each must be; none for a document that
/// is published.
pub(crate) fn cited(verb: &Verb) -> Vec<(Hash, Option<IncidentId>)> {
    match verb {
        Verb::Note(note) => {
            let blobs = note.blobs.iter();
            blobs
                .map(|blob| (blob.sha256, Some(note.incident)))
                .collect()
        }
        Verb::AttachFile(attach) => vec![(attach.file.sha256, Some(attach.incident))],
        Verb::UnlinkRoom(unlink) => {
            let files = unlink.files.iter();
            files
                .map(|file| (file.sha256, Some(unlink.incident)))
                .collect()
        }
        Verb::PublishReview(publish) => vec![(publish.document.sha256, None)],
        Verb::DeployVersion(deploy) => vec![(deploy.digest, None)],
        _ => Vec::new(),
    }
}

/// Checks that these were uploaded: files to the incident they belong to, so that they are
/// encrypted under its key.
///
/// # Errors
/// 404 for one that was not.
pub(crate) fn must_be_there(
    site: &Site,
    cited: &[(Hash, Option<IncidentId>)],
) -> Result<(), Problem> {
    for (sha256, of) in cited {
        let missing = || {
            let place = match of {
                Some(id) => format!("/api/v1/incidents/{id}/files"),
                None => "/api/v1/blobs".to_owned(),
            };
            let hex = hex(sha256);
            Problem::not_found(format!("no blob {hex} was uploaded to {place}"))
        };
        let kept = site.backstage().blob(sha256);
        let kept = kept.map_err(|error| Problem::internal("the blob can't be read", &error))?;
        let kept = kept.ok_or_else(missing)?;
        let Some(id) = of else { continue };
        let key = site.backstage().subject_key(&engine::key_of_incident(*id));
        let key = key.map_err(|error| Problem::internal("the keystore can't be read", &error))?;
        let opens = key.is_some_and(|key| SealedFile::open(&key, *id, &kept).is_ok());
        if !opens {
            return Err(missing());
        }
    }
    Ok(())
}

/// Whether what was sealed in the incident is gone.
fn is_erased(site: &Site, id: IncidentId) -> Result<bool, Problem> {
    let redacted = site.engine().view().read(|state| {
        let summary = state.incidents.summary(id);
        summary.map(|summary| summary.redacted)
    });
    redacted.ok_or_else(|| Problem::not_found(format!("there is no incident {id}")))
}

async fn one(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    call.caller.sight().must_see(&call.site, id)?;
    let hex = call.path("sha256").to_owned();
    let file = call.site.blocking(move |site| opened(site, id, &hex));
    let mut response = with_type(file.await?, BYTES, Keep::Never);
    // Whatever it is, a browser must not run it in our name.
    let attachment = hyper::header::HeaderValue::from_static("attachment");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// A file of an incident, opened with its key.
///
/// # Errors
/// 404 for what is no file of this incident, 409 when it was erased.
pub(crate) fn opened(site: &Site, id: IncidentId, hex: &str) -> Result<Vec<u8>, Problem> {
    let missing = || Problem::not_found("this incident has no such file");
    let sha256 = unhex(hex).ok_or_else(missing)?;
    if is_erased(site, id)? {
        return Err(erased(id));
    }
    let kept = site.backstage().blob(&sha256);
    let kept = kept.map_err(|error| Problem::internal("the file can't be read", &error))?;
    let kept = kept.ok_or_else(missing)?;
    let key = site.backstage().subject_key(&engine::key_of_incident(id));
    let key = key.map_err(|error| Problem::internal("the keystore can't be read", &error))?;
    let key: SubjectKey = key.ok_or_else(missing)?;
    // What does not open with this incident's key is not of this incident.
    SealedFile::open(&key, id, &kept).map_err(|_| missing())
}
