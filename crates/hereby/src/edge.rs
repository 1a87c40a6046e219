//! `hereby edge`: runs the data plane in this process, and asks one that runs. It needs no control
//! and no record; what it serves without them is said to be unrecorded.

mod ask;
mod certificates;
mod plan;
mod spare;
mod top;

use std::path::PathBuf;

use ::edge::{CannotRun, Options};
use serde_json::Value;

use crate::cli::Globals;
use crate::cli::edge::{EdgeArgs, EdgePlace, EdgeVerb, Tier};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};

use ask::{get, post};
pub(crate) use certificates::{certificates, recorded};
pub(crate) use spare::{Beside, status};

pub(crate) fn run(args: EdgeArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let Some(verb) = args.verb else {
        return serve(args, globals, out);
    };
    match verb {
        EdgeVerb::Check { file } => check(&file, out),
        EdgeVerb::Schema => out.bytes(::edge::schema().as_bytes()),
        EdgeVerb::Top { place, once } => top::top(&state_dir(&place, globals)?, once, out),
        EdgeVerb::Metrics { place } => {
            let text = get(&state_dir(&place, globals)?, "/metrics")?;
            out.bytes(text.as_bytes())
        }
        EdgeVerb::Certificates { place } => certificates::show(&state_dir(&place, globals)?, out),
        EdgeVerb::Explain { place, request } => explain(&place, &request, globals, out),
        EdgeVerb::Reload { place } => said(
            post(&state_dir(&place, globals)?, "/reload", &Value::Null)?,
            out,
        ),
        EdgeVerb::Upgrade { place, program } => {
            let program = program.map(|program| program.canonicalize().unwrap_or(program));
            let asked = serde_json::json!({ "program": program });
            said(post(&state_dir(&place, globals)?, "/upgrade", &asked)?, out)
        }
        EdgeVerb::FailoverPlan {
            file,
            dry_run,
            now,
            to,
            duration_ms,
        } => {
            let for_ms = u64::try_from(duration_ms).unwrap_or(0);
            let now = now.map(|why| (to, for_ms, why));
            plan::run(&file, &plan::Asked { dry_run, now }, out)
        }
        EdgeVerb::Failover {
            place,
            route,
            to,
            duration_ms,
        } => {
            let why = globals.why.as_ref().ok_or_else(|| {
                Failure::usage("nobody is told why")
                    .hint("say why: -m \"the primary's disk is full\"")
            })?;
            let tier = match to {
                Tier::Auto => None,
                Tier::Place(tier) => Some(tier),
            };
            let for_ms = u64::try_from(duration_ms).unwrap_or(0);
            let asked = serde_json::json!({
                "route": route, "tier": tier, "for_ms": for_ms, "reason": why.as_str()
            });
            said(
                post(&state_dir(&place, globals)?, "/failover", &asked)?,
                out,
            )
        }
    }
}

/// Where an edge's socket lies.
fn state_dir(place: &EdgePlace, globals: &Globals) -> Result<PathBuf, Failure> {
    match &place.state_dir {
        Some(directory) => Ok(directory.clone()),
        None => Ok(globals.data_dir()?.join("edge")),
    }
}

/// Runs an edge until it is told to stop.
fn serve(args: EdgeArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    crate::log::start(&Config::default().log).map_err(Failure::usage)?;
    let state_dir = state_dir(&args.place, globals)?;
    std::fs::create_dir_all(&state_dir).map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("{} can't be made", state_dir.display()),
        )
        .because(error)
    })?;
    let config_file = match args.config {
        Some(file) => file,
        None => globals.data_dir()?.join("edge.toml"),
    };
    // The path, not the file behind it: an upgrade starts what lies there by then.
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Internal, "this program's own path is not known").because(error)
    })?;
    let (quiet, json) = (globals.quiet, globals.json);
    let (shown, talks) = (config_file.display().to_string(), !quiet && !json);
    let options = Options {
        config_file,
        state_dir,
        overlay_file: args.overlay,
        program,
        arguments: std::env::args_os().skip(1).collect(),
        takeover: std::env::var_os(::edge::TAKEOVER).is_some(),
        rules: None,
        give_back: memory::give_back,
        ready: Box::new(move |listening| {
            if talks {
                let places: Vec<String> = listening.iter().map(ToString::to_string).collect();
                tracing::info!("serves {shown} on {}, unrecorded", places.join(", "));
            }
        }),
    };
    ::edge::run(options).map_err(|error| failure(&error))?;
    out.talk("Stopped. What was begun was ended.");
    Ok(())
}

fn failure(error: &CannotRun) -> Failure {
    let exit = match error {
        CannotRun::Io { .. } => Exit::Internal,
        _ => Exit::Usage,
    };
    match error {
        CannotRun::Wrong(lines) => {
            let mut failure = Failure::new(exit, lines.join("\n"));
            if lines.len() > 1 {
                failure = failure.because(format!("{} in all", counted(lines.len(), "mistake")));
            }
            failure.hint("docs/reference/edge.toml shows every setting")
        }
        other => Failure::new(exit, "the edge did not start").because(other),
    }
}

fn check(file: &std::path::Path, out: &Out) -> Result<(), Failure> {
    let config = ::edge::check(file).map_err(|error| failure(&error))?;
    if out.is_json() {
        return out.json(&serde_json::json!({
            "version": 1,
            "right": true,
            "cell": config.cell,
            "listeners": config.listen.len(),
            "tenants": config.tenants.len(),
            "routes": config.routes.len(),
            "upstreams": config.upstreams.len(),
        }));
    }
    out.data(Line::new().styled(Style::Good, "right").text(format!(
        ": {}, {}, {}, {}",
        counted(config.listen.len(), "listener"),
        counted(config.tenants.len(), "tenant"),
        counted(config.routes.len(), "route"),
        counted(config.upstreams.len(), "upstream"),
    )))
}

/// What the edge says that it did.
fn said(answer: Value, out: &Out) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(&answer);
    }
    let done = answer.get("done").and_then(Value::as_str).unwrap_or("done");
    out.data(Line::new().text(done))
}

fn explain(place: &EdgePlace, id: &str, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let known = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !known {
        return Err(Failure::usage("a request id is 24 hex digits")
            .hint("it stands in the answer as hereby-request-id, and in the access log as id"));
    }
    let text = get(&state_dir(place, globals)?, &format!("/explain/{id}"))?;
    let found: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Internal, "the edge's answer can't be read").because(error)
    })?;
    if out.is_json() {
        return out.json(&found);
    }
    out.lines(&top::explained(&found))
}
