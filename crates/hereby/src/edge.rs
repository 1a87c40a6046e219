//! `hereby edge`: runs the data plane in this process, and asks one that runs. It needs no control
//! and no record; what it serves without them is said to be unrecorded.

mod agent;
mod ask;
mod certificates;
mod enroll;
mod enrolled;
mod glass;
mod parts;
mod plan;
mod spare;
mod top;
mod trust;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::edge::{CannotRun, Options, Source, Traffic};
use serde_json::Value;

use crate::cli::edge::{EdgeArgs, EdgePlace, EdgeVerb, Tier};
use crate::cli::{Globals, Task};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};

use agent::Agent;
use ask::{get, post};
pub(crate) use certificates::{certificates, recorded};
use enrolled::Home;
pub(crate) use enrolled::hex;
use parts::Here;
pub(crate) use spare::{Beside, status};

pub(crate) fn run(args: EdgeArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let Some(verb) = args.verb else {
        return serve(args, globals, out);
    };
    match verb {
        EdgeVerb::Invite { .. } | EdgeVerb::Retire { .. } => {
            crate::commands::run(Task::Edge(EdgeArgs::of(verb)), globals, out)
        }
        EdgeVerb::Enroll {
            place,
            edge,
            new_key,
        } => {
            let state_dir = state_dir(&place, globals)?;
            enroll::run(&edge, (&state_dir, new_key), globals, out)
        }
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
        EdgeVerb::BreakGlass { place, note } => {
            glass::run(&state_dir(&place, globals)?, note.as_deref(), out)
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
        } => failover(
            &state_dir(&place, globals)?,
            (route, to),
            duration_ms,
            (globals, out),
        ),
    }
}

/// Has another tier answer: of an edge by itself.
fn failover(
    state_dir: &Path,
    (route, to): (String, Tier),
    duration_ms: i64,
    (globals, out): (&Globals, &Out),
) -> Result<(), Failure> {
    let why = globals.why.as_ref().ok_or_else(|| {
        Failure::usage("nobody is told why").hint("say why: -m \"the primary's disk is full\"")
    })?;
    let tier = match to {
        Tier::Auto => None,
        Tier::Place(tier) => Some(tier),
    };
    let for_ms = u64::try_from(duration_ms).unwrap_or(0);
    let asked = serde_json::json!({
        "route": route, "tier": tier, "for_ms": for_ms, "reason": why.as_str()
    });
    said(post(state_dir, "/failover", &asked)?, out)
}

/// Where an edge's socket lies.
fn state_dir(place: &EdgePlace, globals: &Globals) -> Result<PathBuf, Failure> {
    let directory = match &place.state_dir {
        Some(directory) => directory.clone(),
        None => globals.data_dir()?.join("edge"),
    };
    // What a version names is looked for where that lies, whatever it is put together with.
    std::path::absolute(&directory).map_err(|error| {
        Failure::usage(format!("{} is no directory", directory.display())).because(error)
    })
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
    // The path, not the file behind it: an upgrade starts what lies there by then.
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Internal, "this program's own path is not known").because(error)
    })?;
    let talks = !globals.quiet && !globals.json;
    let (source, attach, shown) = match Home::find(&state_dir)? {
        Some(home) => recorded_source(home, &args)?,
        None => {
            if !args.listen.is_empty() || args.metrics.is_some() {
                return Err(Failure::usage(
                    "--listen and --metrics are for an edge that is enrolled",
                )
                .hint("an edge by itself listens where its configuration says"));
            }
            let file = match args.config {
                Some(file) => file,
                None => globals.data_dir()?.join("edge.toml"),
            };
            let shown = format!("{}, unrecorded", file.display());
            (Source::file(file), None, shown)
        }
    };
    let options = Options {
        source,
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
                tracing::info!("on {}: serves {shown}", places.join(", "));
            }
        }),
        attach,
    };
    ::edge::run(options).map_err(|error| failure(&error))?;
    out.talk("Stopped. What was begun was ended.");
    Ok(())
}

/// Told once it runs.
type Attach = Option<Box<dyn FnOnce(Traffic)>>;

/// What an enrolled edge serves: what the record says, and nothing else.
fn recorded_source(home: Home, args: &EdgeArgs) -> Result<(Source, Attach, String), Failure> {
    let (edge, cell) = (home.enrolled.edge.clone(), home.enrolled.cell.clone());
    if args.config.is_some() {
        return Err(Failure::usage(format!(
            "this edge is enrolled as {edge} of {cell}: it runs what the record says, no file"
        ))
        .hint("deploy it: hereby deploy PATH; or run an edge by itself: another --state-dir"));
    }
    let here = Here {
        cell: cell.to_string(),
        listen: args.listen.clone(),
        metrics: args.metrics,
        silence: Duration::from_millis(u64::try_from(args.control_gone_after).unwrap_or(0)),
    };
    let mut agent = Agent::new(home, here)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, "no thread").because(error))?;
    let (laid, label) = runtime.block_on(agent.first());
    drop(runtime);
    let (offers, offered) = tokio::sync::mpsc::channel(1);
    let shown = format!(
        "version {} as {edge} of {cell}",
        label.get(..12).unwrap_or_default()
    );
    let source = Source {
        adjust: laid.adjust(),
        config_file: laid.file,
        label: Some(label),
        offers: Some(offered),
    };
    Ok((source, Some(Box::new(agent.attend(offers))), shown))
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

fn check(file: &Path, out: &Out) -> Result<(), Failure> {
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
