//! Forms become commands here: the same that the API takes, with the same three outcomes. What was
//! refused comes back with all that was written, what nobody knows can be sent again and happens once.

use std::collections::BTreeMap;

use askama::Template;
use base::{CommandId, IncidentId, Prose};
use engine::{Outcome, Receipt, Request, Transport};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use language::Language;
use record::act::Subject;
use record::command::{AttachFile, Command, Verb};
use record::sealed::SealedFile;

use super::fields::{self, Field, Known};
use super::frame::{self, Banner, Frame};
use super::sign_in::own_path;
use super::visit::Visit;
use super::words::words;
use super::{Page, Takes, form, page};
use crate::files;
use crate::problem::Problem;
use crate::reply::Answer;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/do/{command}", |visit| Box::pin(ask(visit))),
        form("/do/{command}", |visit| Box::pin(send(visit))),
        page("/incidents/{id}/attach", |visit| {
            Box::pin(choose_file(visit))
        }),
        Page {
            takes: Takes::File,
            ..form("/incidents/{id}/attach", |visit| Box::pin(attach(visit)))
        },
    ]
}

/// The form of a command.
#[derive(Template)]
#[template(path = "form.html")]
struct FormPage {
    frame: Frame,
    verb: &'static str,
    /// What it does, in a sentence.
    says: String,
    /// The command's id: the form sent again is the same command.
    id: String,
    back: String,
    why: String,
    fields: Vec<Field>,
    known: Vec<Known>,
    /// The line in a terminal that does it, where a session can't.
    elsewhere: Option<&'static str>,
    /// It can't be taken back: asked for once more before it is sent.
    grave: bool,
}

/// What everybody outside reads, or what ends something: the form says so.
const GRAVE: &[&str] = &[
    "incident.resolve",
    "incident.update",
    "notice.send",
    "subscriber.remove",
    "review.publish",
    "person.remove",
    "team.remove",
    "service.remove",
    "token.revoke",
    "key.revoke",
    "certificate.revoke",
];

async fn ask(visit: Visit) -> Answer {
    let verb = verb_of(&visit)?;
    let sent = visit.query.clone();
    shown(&visit, verb, &sent, StatusCode::OK, None, None)
}

fn verb_of(visit: &Visit) -> Result<&'static str, Problem> {
    let name: String = visit.path_as("command")?;
    fields::verb_named(&name)
        .filter(|verb| *verb != "session.begin")
        .ok_or_else(|| Problem::not_found("there is no such command"))
}

/// The key of a command's words: `do-incident-note`.
pub(super) fn key_of(verb: &str) -> String {
    format!("do-{}", verb.replace(['.', '_'], "-"))
}

fn shown(
    visit: &Visit,
    verb: &'static str,
    sent: &BTreeMap<String, String>,
    status: StatusCode,
    banner: Option<Banner>,
    id: Option<String>,
) -> Answer {
    let t = words(visit.language);
    let fields = fields::fields(verb, sent, t)
        .ok_or_else(|| Problem::not_found("there is no such command"))?;
    let sight = visit.sight();
    let known = visit
        .site
        .engine()
        .view()
        .read(|state| fields::known(&fields, state, &sight));
    let key = key_of(verb);
    let mut frame = Frame::new(visit, "", t.say(&key));
    frame.banner = banner;
    let page = FormPage {
        says: t.say(&format!("{key}-says")).into_owned(),
        id: id.unwrap_or_else(|| format!("console/{}", visit.nonce)),
        back: back(sent),
        why: sent.get("why").cloned().unwrap_or_default(),
        elsewhere: engine::beyond_sessions(verb),
        grave: GRAVE.contains(&verb),
        frame,
        verb,
        fields,
        known,
    };
    frame::shown_as(status, &page)
}

async fn send(visit: Visit) -> Answer {
    let verb = verb_of(&visit)?;
    let t = words(visit.language);
    if visit.form.contains_key("open") {
        // What was written elsewhere is taken along to this form.
        let mut sent = visit.form.clone();
        sent.extend(visit.query.clone());
        return shown(&visit, verb, &sent, StatusCode::OK, None, None);
    }
    let told = |status, tone, text: String, verbatim: String, id| {
        let banner = Banner {
            tone,
            text,
            verbatim,
            act: None,
        };
        shown(&visit, verb, &visit.form, status, Some(banner), id)
    };
    let again = |status, tone, text, id| told(status, tone, text, String::new(), id);
    let args = match fields::filled(verb, &visit.form, t) {
        Ok(args) => args,
        Err(wrong) => return again(StatusCode::UNPROCESSABLE_ENTITY, "bad", wrong, None),
    };
    let decoded = match Verb::decode(verb, &args.to_string()) {
        Ok(decoded) => decoded,
        Err(bad) => {
            return again(
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad",
                bad.to_string(),
                None,
            );
        }
    };
    let id = visit.form.get("id").cloned().unwrap_or_default();
    match happens(&visit, &id, decoded).await {
        Ok(receipts) => done(&visit, &receipts),
        Err(problem) if problem.is_unknown() => {
            // The same id: should it have happened, sending it again does not do it twice.
            let text = t.say("unknown-send-again").into_owned();
            again(problem.status, "warning", text, Some(id))
        }
        Err(problem) if problem.reason == "id_reused" => {
            let text = t.say("sent-before").into_owned();
            again(problem.status, "warning", text, None)
        }
        Err(problem) => {
            let (status, said) = (problem.status, problem.detail().to_owned());
            match visit.language {
                Language::English => again(status, "bad", said, None),
                _ => told(status, "bad", frame::refused(t, &problem), said, None),
            }
        }
    }
}

/// Asks the engine for it, as whoever is signed in.
///
/// # Errors
/// That it was refused, or that nobody can say.
pub(super) async fn happens(visit: &Visit, id: &str, verb: Verb) -> Result<Vec<Receipt>, Problem> {
    let id: CommandId = id
        .parse()
        .map_err(|error| Problem::bad_request(format!("the form's id: {error}")))?;
    let why = visit.form.get("why").map(|why| why.replace("\r\n", "\n"));
    let why = why.filter(|why| !why.trim().is_empty());
    let why: Option<Prose> = why
        .map(|why| why.trim_end().parse())
        .transpose()
        .map_err(|error| Problem::bad_request(format!("the reason: {error}")))?;
    let Some(who) = &visit.signed_in else {
        return Err(Problem::unauthorized("sign in first", false));
    };
    let cited = files::cited(&verb);
    if !cited.is_empty() {
        let there = visit
            .site
            .blocking(move |site| files::must_be_there(site, &cited));
        there.await?;
    }
    let request = Request {
        transport: Transport::Session(who.id.clone()),
        command: Command {
            why,
            ..Command::new(id, verb)
        },
        signature: None,
    };
    let submitted = visit.site.engine().submit(request);
    match tokio::time::timeout(visit.site.limits().command_time_max, submitted).await {
        Ok(Outcome::Done(receipts)) => Ok(receipts),
        Ok(Outcome::Refused(refusal)) => Err(refusal.into()),
        Ok(Outcome::Unknown) | Err(_) => Err(Problem::unknown(
            "nobody can say whether this happened; send it again: it happens once",
        )),
    }
}

/// Where a form leads back to: where it was come from, else the incident that it is about.
fn back(sent: &BTreeMap<String, String>) -> String {
    let incident = sent.get("a.incident");
    let incident: Option<IncidentId> = incident.and_then(|id| id.parse().ok());
    match (sent.get("back"), incident) {
        (None, Some(id)) => format!("/incidents/{id}"),
        (path, _) => own_path(path).to_owned(),
    }
}

/// Back to where the form was, or to what came of it.
pub(super) fn done(visit: &Visit, receipts: &[Receipt]) -> Answer {
    let Some(receipt) = receipts.last() else {
        return frame::see_other("/");
    };
    let asked = own_path(visit.form.get("back"));
    let back = match (&receipt.subject, asked) {
        (Subject::Incident(id), "/") => format!("/incidents/{id}"),
        (_, asked) => asked.to_owned(),
    };
    // What was done before is not said again.
    let back = match back.split_once("done=") {
        Some((before, _)) => before.trim_end_matches(['?', '&']).to_owned(),
        None => back,
    };
    let joint = if back.contains('?') { '&' } else { '?' };
    frame::see_other(&format!("{back}{joint}done={}", receipt.act))
}

/// The form to attach a file.
#[derive(Template)]
#[template(path = "attach.html")]
struct AttachPage {
    frame: Frame,
    incident: IncidentId,
    id: String,
    source: String,
}

async fn choose_file(visit: Visit) -> Answer {
    let incident = visit.path_as("id")?;
    visit.sight().must_see(&visit.site, incident)?;
    let t = visit.words();
    frame::shown(&AttachPage {
        frame: Frame::new(&visit, "incidents", t.say("do-incident-attach-file")),
        incident,
        id: format!("console/{}", visit.nonce),
        source: String::new(),
    })
}

async fn attach(mut visit: Visit) -> Answer {
    let incident = visit.path_as("id")?;
    visit.sight().must_see(&visit.site, incident)?;
    let (fields, file) = parts(&visit).await?;
    visit.check_form(fields.get("csrf").map(String::as_str))?;
    visit.form = fields;
    let (name, bytes) = file
        .filter(|(_, bytes)| !bytes.is_empty())
        .ok_or_else(|| Problem::bad_request("no file was sent"))?;
    if bytes.len() + SealedFile::OVERHEAD_BYTES > crate::blobs::BLOB_BYTES_MAX {
        return Err(Problem::too_large(crate::blobs::BLOB_BYTES_MAX));
    }
    let kept = visit
        .site
        .blocking(move |site| files::keep(site, incident, &bytes));
    let (sha256, bytes) = kept.await?;
    let source = visit
        .form
        .get("source")
        .map(|it| it.trim())
        .unwrap_or_default();
    let line = |text: &str| {
        text.parse()
            .map_err(|error| Problem::bad_request(format!("{error}")))
    };
    let source = match source {
        "" => format!(
            "uploaded by {}",
            visit.person().map_or("nobody", |it| it.as_str())
        ),
        source => source.to_owned(),
    };
    let name: String = name
        .chars()
        .filter(|it| !it.is_control())
        .take(100)
        .collect();
    let verb = AttachFile {
        file: record::kinds::incident::BlobRef {
            bytes: bytes as u64,
            name: (!name.is_empty()).then(|| line(&name)).transpose()?,
            sha256,
        },
        incident,
        source: line(&source)?,
        vouched: visit.form.contains_key("vouched"),
    };
    let id = visit.form.get("id").cloned().unwrap_or_default();
    let receipts = happens(&visit, &id, verb.into()).await?;
    visit
        .form
        .insert("back".to_owned(), format!("/incidents/{incident}"));
    done(&visit, &receipts)
}

type File = Option<(String, Vec<u8>)>;

/// Fields of a form with a file.
const FIELDS_MAX: usize = 16;

/// The fields and the file of a form (RFC 7578).
async fn parts(visit: &Visit) -> Result<(BTreeMap<String, String>, File), Problem> {
    let bad = |error: multer::Error| Problem::bad_request(format!("the form: {error}"));
    let kind = visit
        .headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or_default())
        .map_err(|_| Problem::unsupported_media_type())?;
    let body = visit.body.clone();
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut multipart = multer::Multipart::new(stream, boundary);
    let (mut fields, mut file) = (BTreeMap::new(), None);
    while let Some(part) = multipart.next_field().await.map_err(bad)? {
        let name = part.name().unwrap_or_default().to_owned();
        if fields.len() >= FIELDS_MAX {
            return Err(Problem::bad_request("the form has too many fields"));
        }
        if name == "file" {
            let called = part.file_name().unwrap_or_default();
            let called = called
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or_default()
                .to_owned();
            file = Some((called, part.bytes().await.map_err(bad)?.to_vec()));
        } else {
            fields.insert(name, part.text().await.map_err(bad)?);
        }
    }
    Ok((fields, file))
}
