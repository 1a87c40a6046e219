//! `hereby record`: look at the record, and tend it.

use base::Timestamp;
use engine::ports::{Entries, Keystore as _};
use record::act::{Act, Subject};
use record::command::{RotateLogKey, Verb};
use record::kinds::Body;
use record::kinds::log::Succeeded;
use record::note::VerifierKey;
use record::statement::Statement as _;
use record::succession::Succession;
use serde_json::{Value, json};
use store::{CannotOpen, Paths, Reader};

use super::{Files, fetch, json_of, remote, unreadable};
use crate::cli::Globals;
use crate::cli::machine::{RecordArgs, RecordVerb};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted, stamp};
use crate::station::{Opening, Resumes, Station, keystore, unopened};

/// How many acts on the record itself are looked up at once.
pub(super) const RECORD_ACTS_AT_ONCE: usize = 1_000;

/// The most acts that `tail` prints.
const TAIL_MAX: u64 = 1_000;

pub(crate) fn record(args: RecordArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    // Whoever names settings hears of their mistakes, whether they are needed or not.
    let config = match (&args.verb, &globals.url) {
        (RecordVerb::Rotate, _) => Config::default(),
        (RecordVerb::Tail { .. } | RecordVerb::Show { .. } | RecordVerb::Keys, Some(_)) => {
            Config::default()
        }
        _ => Config::find(&args.settings, &globals.data_dir()?)?,
    };
    match args.verb {
        RecordVerb::Tail { count } => tail(count, globals, out),
        RecordVerb::Show { act } => show(&act, globals, out),
        RecordVerb::Keys => keys(&config, globals, out),
        RecordVerb::Rotate => {
            crate::commands::submit_alone(Verb::from(RotateLogKey {}), globals, out)?;
            out.talk("The log signs with a new key. Give it to everyone who verifies:");
            out.talk("  hereby record keys");
            Ok(())
        }
        RecordVerb::Archive { dir, keep } => archive(&dir, keep, &config, globals, out),
        RecordVerb::AcceptAnchor => accept_anchor(&config, globals, out),
    }
}

fn tail(count: u64, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let count = count.min(TAIL_MAX);
    let acts: Vec<(u64, Value)> = match remote(globals)? {
        Some(client) => {
            let status = json_of(&fetch(&client, "/api/v1/status".to_owned())?)?;
            let size = status.get("size").and_then(Value::as_u64).unwrap_or(0);
            let after = match size.checked_sub(count + 1) {
                Some(after) => format!("after={after}&"),
                None => String::new(),
            };
            let page = fetch(
                &client,
                format!("/api/v1/acts?{after}limit={}", count.max(1)),
            )?;
            let page = json_of(&page)?;
            let items = page
                .get("items")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            items
                .into_iter()
                .filter_map(|mut item| {
                    let index = item.get("index")?.as_u64()?;
                    Some((index, item.get_mut("act")?.take()))
                })
                .collect()
        }
        None => {
            let files = Files::open(globals)?;
            let size = files.reader.size();
            let from = size.saturating_sub(count);
            let mut acts = Vec::new();
            let mut bad = None;
            files
                .reader
                .scan(from, &mut |index, entry| {
                    match json_of(entry) {
                        Ok(act) => acts.push((index, act)),
                        Err(failure) => bad = Some(failure),
                    }
                    bad.is_none()
                })
                .map_err(unreadable)?;
            if let Some(failure) = bad {
                return Err(failure);
            }
            acts
        }
    };
    if out.is_json() {
        let items: Vec<Value> = acts
            .iter()
            .map(|(index, act)| json!({ "index": index, "act": act }))
            .collect();
        return out.json(&json!({ "items": items }));
    }
    for (index, act) in &acts {
        out.data(act_line(*index, act))?;
    }
    Ok(())
}

/// One act on one line.
fn act_line(index: u64, act: &Value) -> Line {
    let text = |pointer: &str| act.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let at = text("/at")
        .parse::<Timestamp>()
        .map(stamp)
        .unwrap_or_default();
    let who = match act.pointer("/actor/id") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(uid)) => match act.pointer("/actor/for").and_then(Value::as_str) {
            Some(person) => format!("{person} (uid {uid})"),
            None => format!("uid {uid}"),
        },
        _ => String::new(),
    };
    let said = ["/body/title", "/body/text", "/body/summary", "/why"]
        .iter()
        .find_map(|pointer| act.pointer(pointer))
        .map(|value| value.as_str().unwrap_or("(sealed)"))
        .unwrap_or("");
    Line::new()
        .styled(Style::Dim, format!("{index:>8}  {at}  "))
        .styled(Style::Bold, format!("{:<28}", text("/kind")))
        .text(format!(
            " {:<10} {who}",
            text("/subject/id").chars().take(10).collect::<String>()
        ))
        .styled(
            Style::Dim,
            if said.is_empty() {
                String::new()
            } else {
                format!("  {said}")
            },
        )
}

fn show(act: &str, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let (index, entry) = match remote(globals)? {
        Some(client) => {
            let found = json_of(&fetch(&client, format!("/api/v1/acts/{act}"))?)?;
            let index = found.get("index").and_then(Value::as_u64).unwrap_or(0);
            let entry = found
                .get("entry")
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned();
            (index, entry.into_bytes())
        }
        None => {
            let files = Files::open(globals)?;
            let index = files.index_of(act)?;
            (index, files.entry(index)?)
        }
    };
    let leaf = record::hash::leaf(&entry);
    let value = json_of(&entry)?;
    if out.is_json() {
        let exact = String::from_utf8_lossy(&entry);
        return out.json(&json!({ "index": index, "leaf": leaf, "act": value, "entry": exact }));
    }
    out.talk(format!(
        "entry {index}, {}, leaf hash {leaf}",
        counted(entry.len(), "byte")
    ));
    let pretty = serde_json::to_string_pretty(&value).unwrap_or_default();
    for line in pretty.lines() {
        out.data(line)?;
    }
    out.talk(format!(
        "prove it: hereby prove {index} -o {index}.tlog-proof"
    ));
    Ok(())
}

/// Every key that signed the record, oldest first, with the index from which on it did.
pub(super) fn vkeys(files: &Files) -> Result<Vec<(u64, Box<str>)>, Failure> {
    vkeys_in(&files.reader, RECORD_ACTS_AT_ONCE)
}

pub(super) fn vkeys_in(
    entries: &dyn Entries,
    at_once: usize,
) -> Result<Vec<(u64, Box<str>)>, Failure> {
    let mut keys = Vec::new();
    on_record(entries, 0, at_once, &mut |index, act| match act.body {
        Body::LogOpened(opened) => keys.push((0, opened.vkey)),
        Body::LogKeyRotated(rotated) => keys.push((index + 1, rotated.to)),
        Body::LogSucceeded(succeeded) => keys.extend(began(&succeeded).map(|key| (index, key))),
        _ => {}
    })?;
    Ok(keys)
}

/// The key that signs since another epoch began.
fn began(succeeded: &Succeeded) -> Option<Box<str>> {
    let root: VerifierKey = succeeded.root.parse().ok()?;
    let said = Succession::open(succeeded.note.as_bytes(), &root).ok()?;
    Some(said.vkey)
}

/// Reads the acts on the record itself from this index on.
pub(super) fn on_record(
    entries: &dyn Entries,
    mut from: u64,
    at_once: usize,
    take: &mut dyn FnMut(u64, Act),
) -> Result<(), Failure> {
    loop {
        let indexes = entries
            .of_subject(&Subject::Record, from, at_once)
            .map_err(unreadable)?;
        let Some(last) = indexes.last() else {
            return Ok(());
        };
        from = last + 1;
        for index in indexes {
            let entry = entries
                .entry(index)
                .map_err(unreadable)?
                .unwrap_or_default();
            let act = Act::decode(&entry).map_err(|error| {
                Failure::new(Exit::Untrusted, format!("entry {index}")).because(error)
            })?;
            take(index, act);
        }
    }
}

fn keys(config: &Config, globals: &Globals, out: &Out) -> Result<(), Failure> {
    if let Some(client) = remote(globals)? {
        let vkey = fetch(&client, "/record/vkey".to_owned())?;
        return out.data(String::from_utf8_lossy(&vkey).trim_end().to_owned());
    }
    let files = Files::open(globals)?;
    let mut keys = vkeys(&files)?;
    keys.reverse();
    let sealing = keystore(config, &files.paths);
    let names = sealing.list().map_err(|error| {
        Failure::new(Exit::Internal, "the keystore can't be read").because(error)
    })?;
    if out.is_json() {
        let log: Vec<Value> = keys
            .iter()
            .map(|(from, vkey)| json!({ "from_index": from, "vkey": vkey }))
            .collect();
        return out.json(&json!({ "log": log, "sealing": names }));
    }
    out.talk("The log's keys, the present one first:");
    for (from, vkey) in &keys {
        out.data(format!("{vkey}"))?;
        out.talk(format!("  signs from entry {from} on"));
    }
    if names.is_empty() {
        out.talk("No key seals anything: there is no private incident.");
        return Ok(());
    }
    out.talk("Keys that open sealed text (back them up apart from the record):");
    for name in names {
        let there = sealing.find(&name).ok().flatten().is_some();
        out.talk(format!(
            "  {name}{}",
            if there { "" } else { " (can't be read)" }
        ));
    }
    Ok(())
}

fn archive(
    dir: &std::path::Path,
    keep: u64,
    config: &Config,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    if store::origin_of(&Paths::new(&data_dir))
        .map_err(unopened)?
        .is_none()
    {
        return Err(unopened(CannotOpen::Missing(data_dir)));
    }
    crate::log::start(&config.log).map_err(Failure::usage)?;
    // The directory stays held until the last segment is where it goes.
    let station = Station::open(Opening {
        data_dir: &data_dir,
        config,
        runs: "hereby record archive",
        resumes: Resumes::AsItIs,
        progress: crate::serve::progress(out),
        on_fatal: Box::new(crate::serve::end_process),
    })?;
    let moved = move_segments(&station, dir, keep, out);
    station.engine.stop();
    moved
}

/// Moves all full segments but the newest `keep`, once the next start needs none of them.
fn move_segments(
    station: &Station,
    dir: &std::path::Path,
    keep: u64,
    out: &Out,
) -> Result<(), Failure> {
    let full = store::archivable(&station.paths).map_err(|error| {
        Failure::new(Exit::Internal, "the segments can't be listed").because(error)
    })?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let moved = full.len().saturating_sub(keep);
    if moved == 0 {
        out.talk(format!(
            "Nothing to archive: {} here, {keep} to stay.",
            counted(full.len(), "full segment")
        ));
        return Ok(());
    }
    station.keep_state()?;
    // An anchor that is behind would have to be compared with what is moved.
    station.anchor.sync().map_err(|error| {
        Failure::new(Exit::Internal, "the anchor could not be synced").because(error)
    })?;
    for first in full.into_iter().take(moved) {
        let stub = store::archive(&station.paths, first, dir).map_err(|error| {
            Failure::new(
                Exit::Internal,
                format!("the segment from entry {first} on stays"),
            )
            .because(error)
        })?;
        out.talk(format!(
            "archived the segment from entry {first} on: {}",
            stub.to
        ));
    }
    out.talk("hereby starts and takes acts without them. What they hold is read where they went;");
    out.talk("if that is mounted elsewhere, hereby verify takes --archive DIR.");
    Ok(())
}

fn accept_anchor(config: &Config, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let Some(why) = globals.why.clone() else {
        return Err(Failure::usage("say why the anchor is accepted")
            .because("it stands on the record for ever that the history may have a gap here")
            .hint("hereby record accept-anchor -m \"restored from the backup of Monday\""));
    };
    crate::log::start(&config.log).map_err(Failure::usage)?;
    let data_dir = globals.data_dir()?;
    let opening = |resumes| Opening {
        data_dir: &data_dir,
        config,
        runs: "hereby record accept-anchor",
        resumes,
        progress: crate::serve::progress(out),
        on_fatal: Box::new(crate::serve::end_process),
    };
    let mut before = 0;
    let station = Station::open_after(opening(Resumes::AgainstAnchor(why)), |paths| {
        before = size_of(paths)?;
        Ok(())
    })?;
    // What the start owes the record may be paid until the writer has ended.
    station.engine.stop();
    let reader = station.reader.clone();
    drop(station);
    if is_accepted(&reader, before, RECORD_ACTS_AT_ONCE)? {
        out.talk(format!(
            "Accepted and recorded. The record has {}; hereby up starts it.",
            counted(reader.size(), "act")
        ));
        return Ok(());
    }
    // Nothing was to be accepted, or nothing was: the next start tells the two apart.
    let nothing = Station::open(opening(Resumes::AsItIs))
        .map_err(|refused| not_accepted(refused, globals))?;
    nothing.engine.stop();
    out.talk("Nothing was to be accepted: the anchor agrees with the record.");
    Ok(())
}

/// How many acts stand on the record; 0 when there is none.
fn size_of(paths: &Paths) -> Result<u64, Failure> {
    match Reader::open(paths, &[]) {
        Ok(reader) => Ok(reader.size()),
        Err(CannotOpen::Missing(_)) => Ok(0),
        Err(error) => Err(unopened(error)),
    }
}

/// Whether an act from this index on says that the anchor was accepted.
fn is_accepted(entries: &dyn Entries, from: u64, at_once: usize) -> Result<bool, Failure> {
    let mut found = false;
    on_record(entries, from, at_once, &mut |_, act| {
        found |= matches!(act.body, Body::LogAnchorAccepted(_));
    })?;
    Ok(found)
}

/// The act that accepts the anchor could not be written, and without it the anchor stands.
fn not_accepted(refused: Failure, globals: &Globals) -> Failure {
    if refused.exit != Exit::Untrusted {
        return refused;
    }
    let free = globals
        .data_dir()
        .ok()
        .and_then(|data_dir| rustix::fs::statvfs(&data_dir).ok())
        .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >> 10);
    let room = match free {
        Some(free) => format!(" ({free} KiB are free on its disk)"),
        None => String::new(),
    };
    Failure::new(
        Exit::Refused,
        format!("the anchor was not accepted: the record did not take the act that says so{room}"),
    )
    .because(refused.what)
    .hint("make room on the record's disk")
    .hint("then again: hereby record accept-anchor -m WHY")
}

#[cfg(test)]
mod tests;
