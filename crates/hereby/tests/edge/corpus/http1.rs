//! HTTP/1: what two parties may read differently, and what real clients send.
//!
//! In each request `/PATH` stands for a path that is the entry's own: by it the server behind knows
//! what arrived. `SECOND` is the request that somebody tries to get past whoever looks.

mod framing;
mod good;
mod heads;
mod targets;

use super::{Case, Kind};

const SECOND: &str = "GET /PATH?smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
const HOST: &str = "Host: a.example\r\n";

fn harmful(class: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        class,
        name: name.to_owned(),
        bytes: bytes.into(),
        kind: Kind::Harmful { before: 0 },
        http2: false,
    }
}

fn control(class: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        kind: Kind::Control { answers: 1 },
        ..harmful(class, name, bytes)
    }
}

/// A request of that method with more fields and a body.
fn with(method: &str, fields: &str, body: &str) -> String {
    format!("{method} /PATH HTTP/1.1\r\n{HOST}{fields}\r\n{body}")
}

fn post(fields: &str, body: &str) -> String {
    with("POST", fields, body)
}

fn get(fields: &str) -> String {
    with("GET", fields, "")
}

fn line(line: &str) -> String {
    format!("{line}\r\n{HOST}\r\n")
}

fn for_host(fields: &str) -> String {
    format!("GET /PATH HTTP/1.1\r\n{fields}\r\n")
}

fn chunks(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

pub(super) fn all() -> Vec<Case> {
    let mut cases = framing::lengths_and_encodings();
    for part in [
        framing::encodings,
        framing::lengths,
        heads::heads,
        heads::line_ends,
        targets::hosts,
        targets::urls,
        framing::in_chunks,
        heads::versions,
        heads::pipelines,
        heads::upgrades,
        good::controls,
        good::controls_of_bodies,
    ] {
        cases.extend(part());
    }
    cases
}
