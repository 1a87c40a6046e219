//! What strace wrote: which calls were made on which files, and which of them it made fail.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// `fdatasync`
    pub(super) name: String,
    /// The whole line, with the paths of files (`strace -y`).
    pub(super) line: String,
    /// Whether it was made to fail.
    pub(super) injected: bool,
}

/// Reads a trace once the process has ended in it.
pub(super) fn read(path: &Path, pid: u32) -> Vec<Call> {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let ended = text.lines().rev().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(&pid.to_string()) && words.next() == Some("+++")
        });
        if ended {
            return parse(&text);
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "strace does not end: {text}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads what has been written so far.
pub(super) fn read_so_far(path: &Path) -> Vec<Call> {
    parse(&std::fs::read_to_string(path).unwrap_or_default())
}

/// Puts the two halves of calls that another thread came between together.
fn parse(text: &str) -> Vec<Call> {
    let mut halves: HashMap<&str, String> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            halves.insert(pid, begun.to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let end = resumed.split_once("resumed>").map_or("", |(_, end)| end);
                halves.remove(pid).unwrap_or_default() + end
            }
            None => rest.to_owned(),
        };
        let Some((name, _)) = whole.split_once('(') else {
            continue;
        };
        if name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            let injected = whole.ends_with("(INJECTED)");
            calls.push(Call {
                name: name.to_owned(),
                line: whole,
                injected,
            });
        }
    }
    calls
}

/// What stands before the `>`.
fn within(rest: Option<&str>) -> &str {
    rest.and_then(|rest| rest.split_once('>'))
        .map_or("", |(path, _)| path)
}

impl Call {
    /// The file it was made on: the path behind the descriptor, or the last one named where the
    /// last one is what changes.
    pub(super) fn path(&self) -> &str {
        match self.name.as_str() {
            "rename" | "renameat" | "renameat2" => self.line.rsplit('"').nth(1).unwrap_or_default(),
            "copy_file_range" => within(self.line.rsplit_once('<').map(|(_, rest)| rest)),
            _ => within(self.line.split_once('<').map(|(_, rest)| rest)),
        }
    }

    /// What was to be done, by whichever call.
    pub(super) fn doing(&self) -> &str {
        match self.name.as_str() {
            "pwrite64" | "copy_file_range" => "write",
            name => name.trim_end_matches("at2").trim_end_matches("at"),
        }
    }

    /// What kind of file that is.
    pub(super) fn place(&self) -> &'static str {
        let path = self.path();
        let kinds = [
            ("/segments/", "segment"),
            ("/record/segments", "segments' directory"),
            ("/tile/", "tile"),
            ("/record/checkpoint", "checkpoint"),
            ("/torn", "torn"),
            ("/snapshots", "snapshot"),
            ("/record/reserve", "reserve"),
            ("/keystore", "keystore"),
            ("/keys/", "log's keys"),
            ("/keys", "keys' directory"),
            ("/anchor.tmp", "new anchor"),
            ("/anchor", "anchor"),
            ("/lock", "lock"),
        ];
        let found = kinds.iter().find(|(part, _)| path.contains(part));
        found.map_or("other directory", |(_, kind)| *kind)
    }
}
