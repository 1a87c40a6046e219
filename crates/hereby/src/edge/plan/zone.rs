//! A record of a zone, read and changed with BIND's own `dig` and `nsupdate` (RFC 2136, signed as
//! RFC 8945 says).
//!
//! Programs and not a library: a plan runs beside an edge, on a machine of somebody who runs DNS and
//! has them; a library that speaks TSIG would add a dozen packages to a binary that everybody
//! downloads. The key stays in its file: neither they nor hereby show it.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::file::{Addresses, Dns};

/// What each program may take. `dig` and `nsupdate` end themselves before.
const TIME_MAX: Duration = Duration::from_secs(20);
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

pub(super) struct Zone {
    server: SocketAddr,
    zone: String,
    name: String,
    key_file: PathBuf,
}

/// What became of an update, as far as the server said.
pub(super) enum Became {
    Done,
    /// The server says that it made nothing.
    Refused(String),
    /// It was sent, perhaps, and nothing came back.
    Unknown(String),
}

impl Zone {
    pub(super) fn new(dns: &Dns) -> Zone {
        Zone {
            server: dns.server,
            zone: dns.zone.clone(),
            name: dns.name.clone(),
            key_file: dns.key_file.clone(),
        }
    }

    /// What the zone's own server holds, by a signed answer.
    ///
    /// # Errors
    /// With why it is not known.
    pub(super) fn read(&self) -> Result<Addresses, String> {
        let mut all = BTreeSet::new();
        for kind in ["A", "AAAA"] {
            let mut dig = Command::new("dig");
            dig.arg("-k").arg(&self.key_file);
            dig.args([
                "+tcp",
                "+norecurse",
                "+time=4",
                "+tries=1",
                "+noall",
                "+answer",
                "+comments",
            ]);
            dig.arg("-p").arg(self.server.port().to_string());
            dig.arg(format!("@{}", self.server.ip()));
            dig.args(["-q", &self.name, "-t", kind]);
            let (_, said) = run(dig, "").map_err(|error| format!("dig: {error}"))?;
            all.extend(answer(&said, kind)?);
        }
        Ok(Addresses(all))
    }

    /// The update, for `nsupdate`: if the record still is as it was found, it is so from then on.
    pub(super) fn script(&self, found: &Addresses, wanted: &Addresses, ttl_s: u32) -> String {
        let name = &self.name;
        let mut lines = vec![
            format!("server {} {}", self.server.ip(), self.server.port()),
            format!("zone {}", self.zone),
        ];
        for kind in ["A", "AAAA"] {
            let of = |addresses: &Addresses| -> Vec<String> {
                let addresses = addresses.0.iter();
                let own = addresses.filter(|one| one.is_ipv4() == (kind == "A"));
                own.map(ToString::to_string).collect()
            };
            let (before, after) = (of(found), of(wanted));
            if before.is_empty() {
                lines.push(format!("prereq nxrrset {name} {kind}"));
            }
            lines.extend(
                before
                    .iter()
                    .map(|one| format!("prereq yxrrset {name} {kind} {one}")),
            );
            lines.push(format!("update delete {name} {kind}"));
            lines.extend(
                after
                    .iter()
                    .map(|one| format!("update add {name} {ttl_s} {kind} {one}")),
            );
        }
        lines.push("send\n".to_owned());
        lines.join("\n")
    }

    /// Sends it, once.
    pub(super) fn update(&self, script: &str) -> Became {
        let mut nsupdate = Command::new("nsupdate");
        nsupdate
            .args(["-v", "-t", "5", "-r", "0", "-k"])
            .arg(&self.key_file);
        match run(nsupdate, script) {
            Ok((true, _)) => Became::Done,
            Ok((false, said)) => {
                let said = said.trim().replace('\n', "; ");
                match said.contains("update failed") {
                    true => Became::Refused(said),
                    false => Became::Unknown(said),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Became::Refused(format!("nsupdate: {error}"))
            }
            Err(error) => Became::Unknown(format!("nsupdate: {error}")),
        }
    }
}

/// The addresses in what `dig` said, if it is the zone's own word.
fn answer(said: &str, kind: &str) -> Result<Vec<std::net::IpAddr>, String> {
    let line = |start: &str| said.lines().find(|line| line.starts_with(start));
    let header = line(";; ->>HEADER<<-").ok_or_else(|| first(said))?;
    let known = ["status: NOERROR", "status: NXDOMAIN"];
    if !known.iter().any(|status| header.contains(status)) {
        return Err(format!(
            "the server says: {}",
            header.trim_start_matches([';', ' '])
        ));
    }
    if said.contains("Couldn't verify signature") {
        return Err("the answer is not signed with the key".to_owned());
    }
    let flags = line(";; flags:").unwrap_or("");
    let flags = flags.split(';').nth(2).unwrap_or("");
    if !flags.split(' ').any(|flag| flag == "aa") {
        return Err("the server is not the zone's own".to_owned());
    }
    let rows = said
        .lines()
        .filter(|line| !line.starts_with(';') && !line.trim().is_empty());
    let address = |row: &str| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        match fields.as_slice() {
            [_, _, "IN", found, address] if *found == kind => address.parse().ok(),
            _ => None,
        }
    };
    rows.map(|row| address(row).ok_or_else(|| format!("the record is more than addresses: {row}")))
        .collect()
}

fn first(said: &str) -> String {
    let line = said.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("nothing was said")
        .trim_start_matches([';', ' '])
        .to_owned()
}

/// Runs a program to its end, or for a bounded time: whether it went well, and all that it said.
fn run(mut command: Command, input: &str) -> io::Result<(bool, String)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who ends early says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let out = std::thread::spawn(move || out.map_or_else(String::new, text));
    let err = std::thread::spawn(move || err.map_or_else(String::new, text));
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > TIME_MAX => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let said = [out, err].map(|thread| thread.join().unwrap_or_default());
    // Its last word is no answer when it is told of a server that is gone.
    Ok((status.success(), said.concat()))
}

fn text(from: impl io::Read) -> String {
    let mut bytes = Vec::new();
    // What came before an error is what there is.
    let _ = from.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
