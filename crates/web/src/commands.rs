//! `POST /api/v1/commands/{command}`: a command comes in, receipts, a refusal, or "unknown" goes
//! out. The three are never rounded to one another.

use base::{CommandId, Name, PersonName, Prose, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{Outcome, Receipt, Request, Signature};
use hyper::Method;
use record::act::act_id;
use record::command::{BadCommand, COMMAND_BYTES_MAX, Command, VERBS, Verb};
use serde_json::{Value, json};

use crate::call::Call;
use crate::problem::Problem;
use crate::query;
use crate::rates::Class;
use crate::read::{must_be_sound, optional};
use crate::reply::{self, Answer};
use crate::route::{Access, Form, Gives, Parameter, Route, Takes};
use crate::{files, openapi, prove};

const PATH: &str = "/api/v1/commands/";

/// The headers of a command.
fn headers() -> Vec<Parameter> {
    vec![
        Parameter {
            name: "Idempotency-Key",
            form: Form::Pattern("^[A-Za-z0-9._:/@+=-]{1,128}$"),
            required: true,
            says: "The command's id: the same id happens once",
        },
        optional(
            "Hereby-Why",
            Form::Text(16_384),
            "The reason, percent-encoded UTF-8; at most 16 KiB after decoding",
        ),
        optional(
            "Hereby-On-Behalf-Of",
            Form::Pattern("^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"),
            "A person; on the local socket only",
        ),
        optional(
            "Hereby-Claimed-At",
            Form::Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"),
            "The sender's time",
        ),
        optional(
            "Hereby-Signature",
            Form::Pattern("^key=[a-z0-9._-]{1,64}, ?sig=[A-Za-z0-9+/]{86}==$"),
            "An enrolled key's signature over the canonical command",
        ),
    ]
}

/// One route for each command.
pub(crate) fn routes() -> Vec<Route> {
    VERBS
        .iter()
        .filter_map(|name| openapi::command(name))
        .map(route)
        .collect()
}

fn route(command: openapi::CommandForm) -> Route {
    Route {
        method: Method::POST,
        path: format!("{PATH}{}", command.name),
        access: Access::Scopes(command.scopes),
        class: Class::Command,
        takes: Takes::Json {
            bytes_max: COMMAND_BYTES_MAX,
            schema: command.schema,
            example: command.example,
        },
        parts: vec![],
        query: vec![optional(
            "proof",
            Form::Flag,
            "Whether inclusion proofs are wanted with the receipts; they take a moment longer",
        )],
        headers: headers(),
        summary: command.summary.to_owned(),
        gives: Gives::json("Done", "It happened: the acts are durable"),
        fails: &[404, 409, 422, 504, 507],
        handler: |call| Box::pin(send(call)),
    }
}

async fn send(call: Call) -> Answer {
    let wants_proof = call.query_flag("proof")?;
    let command = command(&call)?;
    let signature = call
        .header("Hereby-Signature")?
        .map(signature)
        .transpose()?;
    let cited = files::cited(&command.verb);
    if !cited.is_empty() {
        let there = call
            .site
            .blocking(move |site| files::must_be_there(site, &cited));
        there.await?;
    }
    if let Verb::DeployVersion(deploy) = &command.verb {
        let (deploy, first) = (deploy.clone(), act_id(&command.id, 0));
        let sound = call.site.blocking(move |site| {
            // What happened before is answered as it was then.
            match site.engine().entries().find_act(&first)? {
                Some(_) => Ok(()),
                None => must_be_sound(site, &deploy),
            }
        });
        sound.await?;
    }
    let request = Request {
        transport: call.transport()?,
        command,
        signature,
    };
    let submitted = call.site.engine().submit(request);
    let outcome = tokio::time::timeout(call.site.limits().command_time_max, submitted).await;
    match outcome {
        Ok(Outcome::Done(receipts)) if wants_proof => with_proofs(&call, receipts).await,
        Ok(Outcome::Done(receipts)) => reply::json(&done(&receipts, None)),
        Ok(Outcome::Refused(refusal)) => Err(refusal.into()),
        Ok(Outcome::Unknown) | Err(_) => Err(Problem::unknown(
            "nobody can say whether this happened; send it again with the same Idempotency-Key: \
             it happens once",
        )),
    }
}

/// The command that the request amounts to.
fn command(call: &Call) -> Result<Command, Problem> {
    let name = call.route.path.strip_prefix(PATH).unwrap_or_default();
    let id: Option<CommandId> = call.header_as("Idempotency-Key")?;
    let id = id.ok_or_else(|| {
        let detail = "`Idempotency-Key` is missing: choose an id, so that this happens once \
                      however often it is sent";
        Problem::bad_request(detail)
    })?;
    let why = match call.header("Hereby-Why")? {
        None => None,
        Some(text) => {
            let text = query::decode(text, false).ok_or_else(|| {
                Problem::bad_request("`Hereby-Why` is not percent-encoded UTF-8 (RFC 3986)")
            })?;
            let why: Result<Prose, _> = text.parse();
            Some(why.map_err(|error| Problem::bad_request(format!("`Hereby-Why`: {error}")))?)
        }
    };
    let args = std::str::from_utf8(&call.body)
        .map_err(|_| Problem::bad_request("the body is not UTF-8"))?;
    let verb = Verb::decode(name, args).map_err(|error| match error {
        BadCommand::Unknown(_) => Problem::not_found(error.to_string()),
        other => Problem::bad_request(other.to_string()),
    })?;
    Ok(Command {
        id,
        claimed_at: call.header_as::<Timestamp>("Hereby-Claimed-At")?,
        on_behalf_of: call.header_as::<PersonName>("Hereby-On-Behalf-Of")?,
        verb,
        why,
    })
}

/// Reads `key=NAME, sig=BASE64`.
fn signature(text: &str) -> Result<Signature, Problem> {
    let bad = || Problem::bad_request("`Hereby-Signature` is not `key=NAME, sig=BASE64`");
    let (key, sig) = text.split_once(',').ok_or_else(bad)?;
    let key: Name = key
        .strip_prefix("key=")
        .ok_or_else(bad)?
        .parse()
        .map_err(|_| bad())?;
    let sig = sig.trim_start().strip_prefix("sig=").ok_or_else(bad)?;
    let bytes = STANDARD.decode(sig).map_err(|_| bad())?;
    if bytes.len() == 64 {
        Ok(Signature { key, bytes })
    } else {
        Err(bad())
    }
}

/// The answer to a command that happened, with proofs if they can be had soon.
async fn with_proofs(call: &Call, receipts: Vec<Receipt>) -> Answer {
    let indexes: Vec<u64> = receipts.iter().map(|receipt| receipt.index).collect();
    let covered = match indexes.iter().max() {
        Some(last) => prove::published(&call.site, *last).await,
        None => false,
    };
    if !covered {
        return reply::json(&done(&receipts, None));
    }
    let proven = call
        .site
        .blocking(move |site| prove::inclusion(site.backstage(), &indexes))
        .await;
    // It happened. That it can't be proven right now must not look as if it had not.
    let proven = proven.unwrap_or_else(|problem| {
        tracing::warn!(reason = problem.reason, "receipts go out without proofs");
        None
    });
    reply::json(&done(&receipts, proven.as_ref()))
}

/// `{"outcome":"done",…}`. With proofs the checkpoint is the one that they are about.
fn done(receipts: &[Receipt], proven: Option<&prove::Proven>) -> Value {
    let items: Vec<Value> = receipts
        .iter()
        .enumerate()
        .map(|(at, receipt)| {
            json!({
                "act": receipt.act,
                "at": receipt.at,
                "index": receipt.index,
                "kind": receipt.kind,
                "subject": receipt.subject,
                "inclusion": proven.and_then(|proven| proven.inclusions.get(at)),
            })
        })
        .collect();
    let signed = receipts.last().map(|receipt| receipt.head.note.as_str());
    let checkpoint = proven
        .map(|proven| proven.checkpoint.note.as_str())
        .or(signed);
    json!({"outcome": "done", "receipts": items, "checkpoint": checkpoint})
}
