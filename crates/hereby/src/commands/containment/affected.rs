//! Who came in with a certificate, as an edge's access log has it: when first and last, how often,
//! where, and from which addresses. It asks no hereby, and takes little memory however long the log
//! is.
//!
//! A log does not say what is not in it: an edge may write every n-th request only, and leaves out
//! what comes faster than it may write. So the answer says at least, never at most.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::{self, Named};
use crate::cli::containment::RevokeArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted, stamp};

/// The longest line that is read, in bytes. An edge's lines are shorter.
const LINE_BYTES_MAX: usize = 64 << 10;
/// So many different hosts, addresses, tenants are told apart; what comes then is counted together.
const APART_MAX: usize = 1_000;
/// Of each, so many are shown; a document has them all.
const SHOWN_MAX: usize = 20;

/// What a line says, as far as it is looked at.
#[derive(Deserialize)]
struct Entry<'l> {
    #[serde(borrow)]
    at: Cow<'l, str>,
    #[serde(borrow)]
    id: Cow<'l, str>,
    #[serde(borrow, default)]
    certificate: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    client: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    tenant: Option<Cow<'l, str>>,
    #[serde(borrow)]
    host: Cow<'l, str>,
    status: u16,
}

/// One use of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Moment {
    at: Timestamp,
    /// The request's id: `hereby edge explain` may know more.
    id: String,
}

/// How often each of some came.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    counts: BTreeMap<String, u64>,
    /// Those that came when there were as many as are told apart.
    others: u64,
}

/// What the log says.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    sha256: String,
    since: Option<Timestamp>,
    uses: u64,
    first: Option<Moment>,
    last: Option<Moment>,
    tenants: Counts,
    hosts: Counts,
    statuses: Counts,
    /// As they were logged: whole, shortened, or not at all.
    clients: Counts,
    lines: u64,
    unreadable: u64,
    /// Whether the log has everything: nobody can tell from it.
    complete: Option<bool>,
}

impl Counts {
    fn add(&mut self, what: &str) {
        if let Some(count) = self.counts.get_mut(what) {
            *count += 1;
        } else if self.counts.len() < APART_MAX {
            self.counts.insert(what.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }
}

/// Says who came in with a certificate.
///
/// # Errors
/// When a log can't be read, or the certificate is not named by its fingerprint.
pub(in crate::commands) fn affected(args: &RevokeArgs, out: &Out) -> Result<(), Failure> {
    let (Named::Fingerprint(sha256), _) = certificate::named(&args.certificate)? else {
        return Err(Failure::usage("an access log has fingerprints only")
            .hint("name the certificate by its file, or by sha256:HEX"));
    };
    let mut report = Report {
        sha256,
        since: args.since.map(|since| since.resolve(Client::now())),
        ..Report::default()
    };
    for path in &args.logs {
        let read = match path.as_os_str() == "-" {
            true => report.read(&mut io::stdin().lock()),
            false => open(path).and_then(|mut file| report.read(&mut file)),
        };
        read.map_err(|error| {
            Failure::new(Exit::Internal, format!("{} can't be read", path.display())).because(error)
        })?;
    }
    if out.is_json() {
        return out.json(&report);
    }
    out.lines(&report.told())?;
    out.talk(
        "An edge may write a part of its requests only (access_log: sample_ppm, \
         lines_per_second_max): what is not here may have happened.",
    );
    if report.unreadable > 0 {
        let lines = counted(report.unreadable, "line");
        out.warn(&format!(
            "{lines} could not be read: what they said is not counted"
        ));
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    File::open(path).map(|file| BufReader::with_capacity(256 << 10, file))
}

impl Report {
    fn read(&mut self, log: &mut impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        while let Some(whole) = next_line(log, &mut line)? {
            if line.is_empty() && whole {
                continue;
            }
            self.lines += 1;
            let read = whole
                .then(|| std::str::from_utf8(&line).ok())
                .flatten()
                .and_then(|text| serde_json::from_str::<Entry<'_>>(text).ok())
                .and_then(|entry| Some((Timestamp::parse_rfc3339(&entry.at).ok()?, entry)));
            match read {
                Some((at, entry)) => self.take(at, &entry),
                None => self.unreadable += 1,
            }
        }
        Ok(())
    }

    fn take(&mut self, at: Timestamp, entry: &Entry<'_>) {
        let shown = entry.certificate.as_deref().unwrap_or_default();
        if !shown.eq_ignore_ascii_case(&self.sha256) || self.since.is_some_and(|since| at < since) {
            return;
        }
        self.uses += 1;
        let moment = || Moment {
            at,
            id: entry.id.clone().into_owned(),
        };
        // Several processes write in no order.
        if self.first.as_ref().is_none_or(|first| at < first.at) {
            self.first = Some(moment());
        }
        if self.last.as_ref().is_none_or(|last| at >= last.at) {
            self.last = Some(moment());
        }
        self.tenants
            .add(entry.tenant.as_deref().unwrap_or("(none)"));
        self.hosts.add(&entry.host);
        self.statuses.add(&entry.status.to_string());
        self.clients
            .add(entry.client.as_deref().unwrap_or("(not logged)"));
    }

    fn told(&self) -> Vec<Line> {
        let name = Line::new().styled(Style::Bold, format!("sha256:{}", self.sha256));
        let of = counted(self.lines, "line");
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return vec![name.text(format!(" does not occur in {of}"))];
        };
        let times = match self.uses {
            1 => "once".to_owned(),
            uses => format!("{uses} times"),
        };
        let mut lines = vec![
            name.text(format!(" was used {times}, in {of}")),
            Line::new().text(format!(
                "  first  {}  request {}",
                stamp(first.at),
                first.id
            )),
            Line::new().text(format!("  last   {}  request {}", stamp(last.at), last.id)),
        ];
        for (what, counts) in [
            ("by tenant", &self.tenants),
            ("by host", &self.hosts),
            ("by status", &self.statuses),
            ("by address", &self.clients),
        ] {
            lines.push(Line::new().styled(Style::Bold, what));
            let mut all: Vec<_> = counts.counts.iter().collect();
            all.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
            let left: u64 = all.iter().skip(SHOWN_MAX).map(|(_, count)| **count).sum();
            for (name, count) in all.iter().take(SHOWN_MAX) {
                lines.push(Line::new().text(format!("  {count:>8}  {name}")));
            }
            if left + counts.others > 0 {
                let rest = left + counts.others;
                lines.push(Line::new().text(format!("  {rest:>8}  of others")));
            }
        }
        lines
    }
}

/// The next line without its end, and whether it is whole; nothing of one that is too long is kept.
fn next_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut whole, mut any) = (true, false);
    loop {
        let piece = match log.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = piece.get(..end.unwrap_or(piece.len())).unwrap_or(piece);
        if line.len() + taken.len() > LINE_BYTES_MAX {
            whole = false;
            line.clear();
        } else if whole {
            line.extend_from_slice(taken);
        }
        let used = taken.len() + usize::from(end.is_some());
        log.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

#[cfg(test)]
mod tests {
    //! What an access log says of a certificate, whatever else stands in it.

    use super::{APART_MAX, LINE_BYTES_MAX, Report};

    fn report(log: &str, since: Option<&str>) -> Report {
        let mut report = Report {
            sha256: "ab".repeat(32),
            since: since.map(|since| since.parse().unwrap()),
            ..Report::default()
        };
        // In small pieces, as it comes from a pipe.
        let mut pieces = std::io::BufReader::with_capacity(7, log.as_bytes());
        report.read(&mut pieces).unwrap();
        report
    }

    fn used(minute: u8, host: &str, client: &str) -> String {
        let sha256 = "ab".repeat(32);
        format!(
            "{{\"at\":\"2026-11-22T01:{minute:02}:00.000Z\",\"id\":\"r{minute}\",\"client\":\"{client}\",\
             \"protocol\":\"HTTP/2\",\"method\":\"GET\",\"host\":\"{host}\",\"path\":\"/\",\"status\":200,\
             \"tenant\":\"shop\",\"certificate\":\"{sha256}\",\"tier\":0,\"micros\":7,\"whole\":true}}\n"
        )
    }

    #[test]
    fn first_and_last_use_and_counts_are_found_in_whatever_order() {
        let mut log = used(9, "a.example", "192.0.2.7");
        log.push_str(&used(3, "b.example", "192.0.2.7"));
        log.push_str(&used(5, "a.example", "192.0.2.0/24"));
        log.push_str(&used(7, "a.example", "x").replace("abab", "cdcd"));
        let found = report(&log, None);
        assert_eq!((found.uses, found.lines, found.unreadable), (3, 4, 0));
        assert_eq!(found.first.as_ref().unwrap().id, "r3");
        assert_eq!(found.last.as_ref().unwrap().id, "r9");
        assert_eq!(found.hosts.counts["a.example"], 2);
        assert_eq!(found.clients.counts["192.0.2.7"], 2);
        assert_eq!(found.tenants.counts["shop"], 3);
        assert_eq!(found.statuses.counts["200"], 3);
        let since = report(&log, Some("2026-11-22T01:05:00.000Z"));
        assert_eq!(since.uses, 2);
        assert!(
            found.told()[0]
                .render(false)
                .contains("3 times, in 4 lines")
        );
        let nothing = report("", None).told();
        assert!(
            nothing[0]
                .render(false)
                .contains("does not occur in 0 lines")
        );
    }

    #[test]
    fn what_is_no_line_of_a_log_is_counted_and_passed_over() {
        let mut log = String::from("\nnonsense\n{}\n");
        log.push_str(&used(1, "a.example", "x").replace("2026-11-22T", "yesterday"));
        log.push_str(&format!("{}\n", "x".repeat(LINE_BYTES_MAX + 1)));
        log.push_str(&used(2, "a.example", "x"));
        // The edge was writing when it was copied.
        let cut = used(3, "a.example", "x");
        log.push_str(&cut[..cut.len() / 2]);
        let found = report(&log, None);
        assert_eq!((found.uses, found.lines, found.unreadable), (1, 6, 5));
    }

    #[test]
    fn the_memory_that_outsiders_can_fill_has_an_end() {
        let many = (0..APART_MAX + 50).map(|number| used(1, &format!("h{number}"), "x"));
        let found = report(&many.collect::<String>(), None);
        assert_eq!(found.hosts.counts.len(), APART_MAX);
        assert_eq!(found.hosts.others, 50);
        assert_eq!(found.uses, found.hosts.counts.values().sum::<u64>() + 50);
    }
}
