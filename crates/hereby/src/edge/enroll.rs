//! `hereby edge enroll`: shows the token that this edge was invited with, and keeps what it is to believe.

use std::path::Path;

use base::Name;
use hyper::{Method, StatusCode};
use record::fleet::{Enroll, Pins, sign};

use super::enrolled::Home;
use crate::cli::Globals;
use crate::client::{Ask, Client, Secret};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style};

/// Enrolls this machine's edge.
///
/// # Errors
/// When control can't be asked or says no, or nothing can be kept here.
pub(super) fn run(
    edge: &Name,
    (state_dir, anew): (&Path, bool),
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    if globals.url.is_none() {
        return Err(Failure::usage("nobody is said to enroll with")
            .hint("name control: --url https://HOST:PORT --pin sha256:… --token-file FILE"));
    }
    let secret = Secret::of_caller(globals.token_file.as_deref())?;
    let secret = secret.ok_or_else(|| {
        Failure::usage("there is no token to show")
            .hint("hereby edge invite made one: --token-file FILE, or HEREBY_TOKEN")
    })?;
    if let Some(home) = Home::find(state_dir)? {
        let (edge, cell) = (&home.enrolled.edge, &home.enrolled.cell);
        out.warn(&format!("this was {edge} of {cell}; it is enrolled anew"));
    }
    let client = Client::without_token(globals)?;
    let key = Home::key_to_enroll(state_dir, edge, anew)?;
    let asked = Enroll {
        at_ms: u64::try_from(Client::now().as_ms()).unwrap_or(0),
        edge: edge.clone(),
        token: secret.expose().into(),
        vkey: key.verifier().to_string().into(),
    };
    let note = sign(&asked, &key)
        .map_err(|error| Failure::new(Exit::Internal, "the edge can't sign").because(error))?;
    let ask = Ask::with_body(Method::POST, "/api/v1/edges/enroll", "text/plain", note);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, "no thread").because(error))?;
    let answer = runtime
        .block_on(client.once(&ask))
        .map_err(|trouble| client.unreachable(&trouble))?;
    if answer.status != StatusCode::OK {
        let sentence = answer.problem().sentence(answer.status);
        return Err(Failure::new(Exit::Refused, "the edge was not taken in").because(sentence));
    }
    let pins: Pins = serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::new(Exit::Internal, "this build can't read the answer").because(error)
    })?;
    let home = Home::keep(state_dir, edge, pins, globals)?;
    let cell = &home.enrolled.cell;
    if out.is_json() {
        return out.json(&serde_json::json!({ "edge": edge, "cell": cell }));
    }
    out.data(format!("{edge} is enrolled in {cell}."))?;
    let next = format!("hereby edge --state-dir {}", state_dir.display());
    out.talk(Line::new().styled(Style::Dim, "  next: ").text(next));
    Ok(())
}
