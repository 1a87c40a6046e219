//! `hereby doctor`: looks for what is wrong with this installation, and says what to do about it.
//!
//! Reads only. What it can't find out it says so: a missing measurement is not health.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use base::Timestamp;
use engine::ports::Clock as _;
use serde::Serialize;
use serde_json::Value;
use store::{DataDir, Keystore, Paths, Presence};

use super::{Files, fetch, json_of};
use crate::cli::Globals;
use crate::cli::machine::{DoctorArgs, SettingsArgs};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::station::{SystemClock, anchor_path, keystore};

/// How long a witness may take over a checkpoint: it is asked every second.
const COSIGNED_WITHIN: Duration = Duration::from_secs(4);

/// How long to wait before the status is asked for again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Good,
    /// It works; it could be safer.
    Advice,
    Bad,
    /// It could not be found out.
    Unknown,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    health: Health,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, health: Health, what: impl Into<String>, next: Option<&str>) {
        self.0.push(Finding {
            health,
            what: what.into(),
            next: next.map(str::to_owned),
        });
    }
    fn good(&mut self, what: impl Into<String>) {
        self.add(Health::Good, what, None);
    }
    fn advice(&mut self, what: impl Into<String>, next: &str) {
        self.add(Health::Advice, what, Some(next));
    }
    fn bad(&mut self, what: impl Into<String>, next: &str) {
        self.add(Health::Bad, what, Some(next));
    }
    fn unknown(&mut self, what: impl Into<String>, next: &str) {
        self.add(Health::Unknown, what, Some(next));
    }
}

pub(crate) fn doctor(args: DoctorArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let paths = Paths::new(&data_dir);
    let mut found = Findings::default();
    let config = look_at_config(&args.settings, &data_dir, &mut found);
    if data_dir.is_dir() {
        look_at_files(&paths, &config, &mut found);
        look_at_disk(&data_dir, &config, &mut found);
        look_at_anchor(globals, &paths, &config, &mut found);
        look_at_record(globals, &mut found);
        look_at_keystore(globals, &paths, &config, &mut found);
        look_at_server(&data_dir, &config, globals, &mut found);
    } else {
        found.bad(
            format!("there is no {}", data_dir.display()),
            "hereby up makes it",
        );
    }
    if config.record.witness.is_empty() {
        found.advice(
            "no witness cosigns this record",
            "run `hereby witness` on another machine: only then a thief of the log's key is caught",
        );
    }
    say(&found.0, out)?;
    let bad = found
        .0
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    if bad == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Refused,
        match bad {
            1 => "1 thing is wrong with this installation".to_owned(),
            _ => format!("{bad} things are wrong with this installation"),
        },
    ))
}

fn look_at_config(settings: &SettingsArgs, data_dir: &Path, found: &mut Findings) -> Config {
    match Config::find(settings, data_dir) {
        Ok(config) => {
            found.good("the configuration can be read");
            config
        }
        Err(error) => {
            found.bad(
                error.to_string(),
                "docs/reference/hereby.toml shows every key",
            );
            Config::default()
        }
    }
}

fn look_at_files(paths: &Paths, config: &Config, found: &mut Findings) {
    let private = [
        paths.root().to_owned(),
        paths.keys(),
        paths.log_key(),
        paths.digest_key(),
        keystore(config, paths).directory().to_owned(),
    ];
    let mut closed = true;
    for path in private {
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            closed = false;
            found.bad(
                format!("{} can be read by others", path.display()),
                "chmod go= that path",
            );
        }
    }
    if closed {
        found.good("keys and data are closed to other users");
    }
    if !paths.log_key().exists() {
        found.bad(
            "the log's key is missing",
            "restore keys/log.key from its backup",
        );
    }
}

fn look_at_keystore(globals: &Globals, paths: &Paths, config: &Config, found: &mut Findings) {
    let keystore = keystore(config, paths);
    let directory = keystore.directory();
    let place = directory.display();
    match (keystore.presence(), keystore.list()) {
        (Err(error), _) => found.bad(
            format!("the keystore can't be read: {error}"),
            "look at that directory: sealed text stays closed, and private incidents are refused",
        ),
        (_, Err(error)) => found.bad(error.to_string(), "restore it from the keystore's backup"),
        (Ok(Presence::Keys), Ok(keys)) => {
            let keys = counted(keys.len(), "key");
            found.good(format!("the keystore {place} has {keys}"));
        }
        (Ok(presence), _) => look_for_sealed(globals, &keystore, presence, found),
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(directory).starts_with(real(paths.root())) {
        found.advice(
            "the keystore lies in the data directory",
            "set record.keystore, and back it up apart from the record: else erasure is a fiction",
        );
    }
}

/// A keystore without keys is right as long as nothing was sealed, and lost from then on.
fn look_for_sealed(
    globals: &Globals,
    keystore: &Keystore,
    presence: Presence,
    found: &mut Findings,
) {
    use engine::ports::Entries as _;
    let place = keystore.directory().display();
    let there = match presence {
        Presence::Missing => "is not there",
        _ => "is empty",
    };
    let mut sealed = None;
    let read = Files::open(globals).map(|files| {
        files.reader.scan(0, &mut |index, entry| {
            if contains(entry, b"\"sealed\":") {
                sealed = Some(index);
            }
            sealed.is_none()
        })
    });
    match (sealed, read) {
        (Some(index), _) => found.bad(
            format!(
                "the keystore {place} {there}, and the record has sealed text (entry {index} is \
                 the first): no key was erased, the keystore is lost or not mounted"
            ),
            "mount it, restore it from its backup, or name it with record.keystore",
        ),
        (None, Ok(Ok(()))) => found.good(format!(
            "the keystore {place} {there}, and nothing on the record is sealed"
        )),
        (None, _) => found.unknown(
            format!("the keystore {place} {there}; whether anything is sealed can't be told"),
            "hereby verify says what of the record can't be read",
        ),
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn look_at_disk(data_dir: &Path, config: &Config, found: &mut Findings) {
    match rustix::fs::statvfs(data_dir) {
        Ok(disk) => {
            let free_mib = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
            let kept = config.record.free_min_mib;
            if free_mib < kept {
                found.bad(
                    format!("{free_mib} MiB are free on the record's disk, {kept} are kept free"),
                    "make room: until then acts are refused",
                );
            } else if free_mib < kept.saturating_mul(8) {
                found.advice(
                    format!("{free_mib} MiB are free on the record's disk"),
                    "make room",
                );
            } else {
                found.good(format!("{free_mib} MiB are free on the record's disk"));
            }
        }
        Err(error) => found.unknown(
            format!("free space is unknown: {error}"),
            "look at the disk",
        ),
    }
}

fn look_at_anchor(globals: &Globals, paths: &Paths, config: &Config, found: &mut Findings) {
    let origin = match store::origin_of(paths) {
        Ok(Some(origin)) => origin,
        Ok(None) => return found.unknown("there is no record yet", "hereby up makes one"),
        Err(error) => return found.bad(error.to_string(), "hereby verify says more"),
    };
    let _ = globals;
    let Ok(path) = anchor_path(config, &origin) else {
        return found.unknown("where the anchor is can't be told", "set record.anchor");
    };
    match (std::fs::metadata(&path), std::fs::metadata(paths.root())) {
        (Err(error), _) => found.bad(
            format!("the anchor {}: {error}", path.display()),
            "without it an older copy of the record can't be told from the newest",
        ),
        (Ok(anchor), Ok(data)) if anchor.dev() == data.dev() => found.advice(
            "the anchor is on the same disk as the record",
            "set record.anchor to a path on another disk",
        ),
        _ => found.good(format!("the anchor is apart: {}", path.display())),
    }
}

fn look_at_record(globals: &Globals, found: &mut Findings) {
    use engine::ports::Entries as _;
    let files = match Files::open(globals) {
        Ok(files) => files,
        Err(failure) => {
            return found.bad(failure.what, "hereby verify says more");
        }
    };
    let size = files.reader.size();
    found.good(format!("the record can be read: {}", counted(size, "act")));
    match files.published() {
        Ok((_, published, _)) if published + 1_000 < size => found.bad(
            format!(
                "the published checkpoint covers {published} of {}",
                counted(size, "act")
            ),
            "look at hereby's log: publishing fails",
        ),
        Ok(_) => found.good("the published checkpoint is up to date"),
        Err(failure) => found.unknown(failure.what, "start hereby once"),
    }
    let last = size.checked_sub(1).and_then(|last| files.entry(last).ok());
    let last_at = last
        .and_then(|entry| serde_json::from_slice::<Value>(&entry).ok())
        .and_then(|act| act.get("at")?.as_str()?.parse::<Timestamp>().ok());
    if let Some(last_at) = last_at {
        let ahead_ms = last_at.ms_since(SystemClock.now());
        if ahead_ms > 1_000 {
            found.bad(
                format!("the clock is {ahead_ms} ms behind the last act on the record"),
                "look at time synchronisation (chronyc tracking): acts can't be dated right",
            );
        } else {
            found.good("the clock is not behind the record");
        }
    }
}

fn look_at_server(data_dir: &Path, config: &Config, globals: &Globals, found: &mut Findings) {
    match DataDir::holder(data_dir) {
        Ok(Some(Some(holder))) => {
            found.good(format!(
                "process {} (`{}`) serves it",
                holder.pid, holder.runs
            ));
        }
        Ok(Some(None)) => found.good("a process serves it"),
        Ok(None) => {
            found.advice("no process serves it", "hereby up");
            if !config.record.witness.is_empty() {
                found.unknown("what witnesses have cosigned is unknown", "hereby up");
            }
            return;
        }
        Err(error) => return found.unknown(error.to_string(), "look at the data directory"),
    }
    match ask(globals, "/readyz") {
        Ok(_) => found.good("it takes acts"),
        Err(failure) => found.bad(
            format!(
                "it does not take acts: {}",
                failure.why.unwrap_or(failure.what)
            ),
            "look at its log",
        ),
    }
    look_at_overlay(data_dir, globals, found);
    look_at_auditor(globals, found);
    look_at_witnesses(config, globals, found);
}

/// Whether what edges are told at once stands in the file that they read.
fn look_at_overlay(data_dir: &Path, globals: &Globals, found: &mut Findings) {
    let path = crate::serve::overlay::path(data_dir);
    let sequence = |json: &Value| json.get("sequence")?.as_u64();
    let wanted = ask(globals, "/api/v1/overlay").and_then(|json| json_of(&json));
    let Some(wanted) = wanted.ok().as_ref().and_then(sequence) else {
        let what = "what edges should be told at once is unknown";
        return found.unknown(what, "look at hereby's log");
    };
    let written = std::fs::read(&path)
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()))
        .map(|json: Value| sequence(&json));
    let next = "look at hereby's log: bans, revocations and failovers don't reach edges here";
    match written {
        Ok(Some(written)) if written >= wanted => {
            let path = path.display();
            found.good(format!(
                "{path} says every ban, revocation and failover, for edges that read it"
            ));
        }
        Ok(_) => found.bad(format!("{} is behind the record", path.display()), next),
        Err(error) => found.bad(format!("{}: {error}", path.display()), next),
    }
}

/// What the auditor beside the server has found since the start.
fn look_at_auditor(globals: &Globals, found: &mut Findings) {
    let next = "hereby auditor names them; docs/operating/auditor.md says what to do";
    let counts = match ask(globals, "/metrics") {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(failure) => {
            let what = format!("what the auditor has found is unknown: {}", failure.what);
            return found.unknown(what, "look at hereby's log");
        }
    };
    let violated: Vec<String> = counts
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix("hereby_invariant_violations_total{invariant=\"")?;
            let (invariant, count) = line.split_once("\"} ")?;
            (count != "0").then(|| format!("{invariant} ({count})"))
        })
        .collect();
    let audited = counts.lines().find_map(|line| {
        line.strip_prefix("hereby_audited_entries ")?
            .parse::<u64>()
            .ok()
    });
    match (violated.as_slice(), audited) {
        ([], Some(entries)) => {
            let entries = counted(entries, "act");
            found.good(format!("the auditor has found nothing wrong in {entries}"));
        }
        ([], None) => found.unknown("what the auditor has found is unknown", next),
        (violated, _) => {
            let which = violated.join(", ");
            found.bad(format!("invariants are violated: {which}"), next);
        }
    }
}

fn ask(globals: &Globals, path: &str) -> Result<Vec<u8>, Failure> {
    // What is looked at is in the data directory, whatever is asked elsewhere.
    let here = Globals {
        url: None,
        ..globals.clone()
    };
    fetch(&Client::new(&here)?, path.to_owned())
}

/// Whether everyone who should cosign has. A checkpoint that was just published is waited for.
fn look_at_witnesses(config: &Config, globals: &Globals, found: &mut Findings) {
    if config.record.witness.is_empty() {
        return;
    }
    let begun = Instant::now();
    let witnesses = loop {
        let status = ask(globals, "/api/v1/status");
        let status = status.and_then(|json| json_of(&json));
        let witnesses = match status {
            Ok(status) => cosigned(&status),
            Err(failure) => {
                let what = format!("what witnesses have cosigned is unknown: {}", failure.what);
                return found.unknown(what, "look at hereby's log");
            }
        };
        let settled = witnesses.iter().all(|witness| witness.behind == 0);
        if settled || begun.elapsed() > COSIGNED_WITHIN {
            break witnesses;
        }
        std::thread::sleep(ASK_AGAIN_AFTER);
    };
    for witness in witnesses {
        let name = &witness.name;
        match witness.behind {
            0 => found.good(format!(
                "the witness {name} has cosigned the newest checkpoint"
            )),
            behind => {
                let since = match witness.at {
                    Some(at) => format!("its last cosignature is of {at}"),
                    None => "it has cosigned nothing since hereby started".to_owned(),
                };
                let behind = counted(behind, "act");
                found.bad(
                    format!("the witness {name} does not cosign: {behind} behind, {since}"),
                    "look whether it runs, and in hereby's log for `a witness did not cosign`",
                );
            }
        }
    }
}

/// What one witness has cosigned.
struct Cosigned {
    name: String,
    /// How many published acts it has not cosigned.
    behind: u64,
    at: Option<String>,
}

fn cosigned(status: &Value) -> Vec<Cosigned> {
    let published = status.get("published_size").and_then(Value::as_u64);
    let witnesses = status.get("witnesses").and_then(Value::as_array);
    let all = witnesses.into_iter().flatten().map(|witness| {
        let text = |key: &str| witness.get(key).and_then(Value::as_str).map(str::to_owned);
        let size = witness.get("size").and_then(Value::as_u64).unwrap_or(0);
        Cosigned {
            name: text("name").unwrap_or_default(),
            behind: published.unwrap_or(0).saturating_sub(size),
            at: text("at"),
        }
    });
    all.collect()
}

fn say(findings: &[Finding], out: &Out) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(&serde_json::json!({ "findings": findings }));
    }
    for finding in findings {
        let (style, mark) = match finding.health {
            Health::Good => (Style::Good, "ok      "),
            Health::Advice => (Style::Warning, "advice  "),
            Health::Bad => (Style::Bad, "wrong   "),
            Health::Unknown => (Style::Warning, "unknown "),
        };
        out.data(Line::new().styled(style, mark).text(finding.what.as_str()))?;
        if let Some(next) = &finding.next {
            out.data(Line::new().styled(Style::Dim, format!("        next: {next}")))?;
        }
    }
    Ok(())
}
