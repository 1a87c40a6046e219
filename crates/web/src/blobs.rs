//! Blobs that notes cite: stored before the note, named by their SHA-256.

use std::fmt::Write as _;

use hyper::Method;
use record::hash::Hash;
use record::kinds::access::Scope;
use serde_json::json;

use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::read::part;
use crate::reply::{self, Answer, BYTES, Keep, with_type};
use crate::route::{Access, Form, Gives, Route, Takes};

/// Bytes of a blob.
pub(crate) const BLOB_BYTES_MAX: usize = 8 << 20;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: Method::PUT,
            path: "/api/v1/blobs".to_owned(),
            access: Access::Scopes(&[Scope::Respond]),
            class: Class::Command,
            takes: Takes::Anything {
                bytes_max: BLOB_BYTES_MAX,
                media: BYTES,
                schema: json!({}),
                required: true,
            },
            parts: vec![],
            query: vec![],
            headers: vec![],
            summary: "Stores a blob, for a note to cite".to_owned(),
            gives: Gives::json("StoredBlob", "It is durable"),
            fails: &[500, 504, 507],
            handler: |call| Box::pin(put(call)),
        },
        Route {
            method: Method::GET,
            path: "/api/v1/blobs/{sha256}".to_owned(),
            access: Access::Scopes(&[Scope::Read]),
            class: Class::Read,
            takes: Takes::Nothing,
            parts: vec![part(
                "sha256",
                Form::Pattern("^[0-9a-f]{64}$"),
                "Its SHA-256, hexadecimal",
            )],
            query: vec![],
            headers: vec![],
            summary: "Gives a blob back".to_owned(),
            gives: Gives::other(BYTES, "The blob"),
            fails: &[500],
            handler: |call| Box::pin(one(call)),
        },
    ]
}

async fn put(call: Call) -> Answer {
    let (body, bytes) = (call.body.clone(), call.body.len());
    if bytes == 0 {
        return Err(Problem::bad_request("an empty body is no blob"));
    }
    let stored = call
        .site
        .blocking(move |site| Ok(site.backstage().put_blob(&body)?));
    let sha256 = stored.await?;
    reply::json(&json!({"sha256": sha256, "hex": hex(&sha256), "bytes": bytes}))
}

async fn one(call: Call) -> Answer {
    let missing = || Problem::not_found("there is no blob with this SHA-256");
    let sha256 = unhex(call.path("sha256")).ok_or_else(missing)?;
    let blob = call.site.blocking(move |site| {
        let blob = site.backstage().blob(&sha256);
        let blob = blob.map_err(|error| Problem::internal("the blob can't be read", &error))?;
        blob.ok_or_else(missing)
    });
    let mut response = with_type(blob.await?, BYTES, Keep::ForEverPrivate);
    // Whatever it is, a browser must not run it in our name.
    let headers = response.headers_mut();
    let attachment = hyper::header::HeaderValue::from_static("attachment");
    headers.insert(hyper::header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

pub(crate) fn hex(hash: &Hash) -> String {
    hash.0
        .iter()
        .fold(String::with_capacity(64), |mut out, byte| {
            // Writing to a string can't fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

pub(crate) fn unhex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 64 || digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut bytes = [0; 32];
    for (slot, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *slot = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(Hash(bytes))
}
