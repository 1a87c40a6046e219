//! Break-glass at an edge: what it keeps of it, which notes it takes, and `hereby edge break-glass`, which
//! hands it one. A note lies in the state directory until the edge has looked at it; what became of it stands
//! beside that.

use std::path::Path;
use std::time::{Duration, Instant};

use record::break_glass::BreakGlass;
use record::fleet::WentBack;
use record::hash::Hash;
use record::note::VerifierKey;
use record::statement::{BadStatement, NOTE_BYTES_MAX, Statement as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::enrolled::{Home, hex};
use super::parts::Running;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, stamp};

/// How long the edge may take to look at a note: it asks control meanwhile, which may not answer.
const LOOKED_AT: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(100);
/// So many notes that control has not heard of are kept.
pub(super) const WENT_KEPT: usize = 16;

/// What an edge keeps of break-glass notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Glass {
    /// Whose notes it believes, and the act that said so.
    pub(super) key: Option<Trusted>,
    /// The highest counter of a note that it took.
    pub(super) counter: u64,
    /// By which it went back, in order, until control has heard of each; the last stays as long as it runs by
    /// that.
    pub(super) went: Vec<WentBack>,
    /// How many notes it looked at.
    #[serde(default)]
    pub(super) looks: u64,
    /// What became of the last of them.
    pub(super) last: Option<Looked>,
}

/// Whose notes are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trusted {
    /// None: nobody's.
    pub(super) vkey: Option<Box<str>>,
    pub(super) sequence: u64,
}

/// What became of a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Looked {
    /// SHA-256 of the note.
    pub(super) note: Hash,
    /// Why it was not taken; none: it was.
    pub(super) refused: Option<String>,
}

impl Glass {
    /// What a note says, if this edge may take it. Whether control is gone is not looked at.
    ///
    /// # Errors
    /// Why it may not, in words.
    pub(super) fn may(
        &self,
        note: &[u8],
        home: &Home,
        running: &Running,
    ) -> Result<BreakGlass, String> {
        let vkey = self.key.as_ref().and_then(|key| key.vkey.as_deref());
        let vkey = vkey.ok_or("this edge was told of no break-glass key")?;
        let key: Result<VerifierKey, _> = vkey.parse();
        let key = key.map_err(|error| format!("the break-glass key can't be read: {error}"))?;
        let said = BreakGlass::open(note, &key);
        let said = said.map_err(|error| match error {
            BadStatement::Unverified(_) => "the break-glass key did not sign it".to_owned(),
            other => other.to_string(),
        })?;
        let cell = &home.enrolled.cell;
        if said.cell != *cell {
            return Err(format!(
                "it is for {}, and this edge is in {cell}",
                said.cell
            ));
        }
        if said.counter <= self.counter {
            return Err(format!(
                "its counter is {}, and note {} was taken already",
                said.counter, self.counter
            ));
        }
        if said.expires_at <= Client::now() {
            return Err(format!("it stopped working at {}", said.expires_at));
        }
        let runs = running.fleet.as_ref().map(|runs| runs.digest);
        if runs == Some(said.digest) {
            return Err("this edge runs that version".to_owned());
        }
        if !running.past.contains(&said.digest) {
            return Err(
                "this edge never ran that version as a whole, or went back from it".to_owned(),
            );
        }
        if !home.has(&said.digest) {
            return Err("this edge does not have that version any more".to_owned());
        }
        Ok(said)
    }
}

/// `hereby edge break-glass`.
///
/// # Errors
/// When this machine's edge is not enrolled, or does not take the note.
pub(super) fn run(state_dir: &Path, note: Option<&Path>, out: &Out) -> Result<(), Failure> {
    let home = Home::find(state_dir)?.ok_or_else(|| {
        Failure::usage(format!("no edge is enrolled in {}", state_dir.display()))
            .hint("an edge by itself runs a file: change that, then hereby edge reload")
    })?;
    let (glass, running) = (home.glass(), home.running());
    match note {
        None => show(&home, &glass, &running, out),
        Some(path) => hand(&home, &glass, &running, path, out),
    }
}

fn show(home: &Home, glass: &Glass, running: &Running, out: &Out) -> Result<(), Failure> {
    let vkey = glass.key.as_ref().and_then(|key| key.vkey.as_deref());
    let runs = running.fleet.as_ref().map(|runs| hex(&runs.digest));
    let past: Vec<String> = running.past.iter().rev().map(hex).collect();
    let enrolled = &home.enrolled;
    if out.is_json() {
        return out.json(&json!({
            "edge": enrolled.edge, "cell": enrolled.cell, "trusts": vkey, "counter": glass.counter,
            "runs": runs, "runs_by_note": running.by_note, "past": past,
        }));
    }
    let by = match running.by_note {
        true => format!(", by break-glass note {}", glass.counter),
        false => String::new(),
    };
    out.data(
        Line::new()
            .styled(Style::Bold, enrolled.edge.to_string())
            .text(format!(
                " of {} runs {}{by}",
                enrolled.cell,
                runs.as_deref().unwrap_or("nothing yet")
            )),
    )?;
    match vkey {
        Some(vkey) => out.data(format!("believes notes of {vkey}"))?,
        None => out.data("believes nobody's notes: hereby break-glass trust KEY -m WHY")?,
    }
    if past.is_empty() {
        return out.data("it can go back to nothing: it ran no other version as a whole");
    }
    out.data("it can go back to, the newest first:")?;
    past.iter()
        .try_for_each(|digest| out.data(format!("  {digest}")))
}

/// Lays the note before the edge, and says what became of it.
fn hand(
    home: &Home,
    glass: &Glass,
    running: &Running,
    path: &Path,
    out: &Out,
) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Refused, "the note is not taken")
            .because(why)
            .hint("hereby edge break-glass shows what this edge can go back to")
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot read {}", path.display())).because(error)
    };
    let length = path.metadata().map_err(|error| unreadable(&error))?.len();
    if length > NOTE_BYTES_MAX as u64 {
        return Err(unreadable(&format!(
            "it has {length} bytes, a note at most {NOTE_BYTES_MAX}"
        )));
    }
    let note = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let said = glass.may(&note, home, running).map_err(refused)?;
    home.offer_note(&note).map_err(|error| {
        Failure::usage(format!("cannot write to {}", home.state_dir().display())).because(error)
    })?;
    let digest = record::hash::sha256(&[&note]);
    let begun = Instant::now();
    let looked = loop {
        // What became of the same note when it was handed before says nothing.
        let now = home.glass();
        let last = now.last.filter(|last| last.note == digest);
        if let Some(last) = last.filter(|_| now.looks > glass.looks) {
            break last;
        }
        if begun.elapsed() > LOOKED_AT {
            return Err(
                Failure::new(Exit::Unknown, "no edge has looked at the note yet")
                    .because(
                        "it lies there: an edge that runs looks every second, one that has just started when \
                         control was silent long enough",
                    )
                    .hint("start it, or see its log; hereby edge break-glass shows what runs"),
            );
        }
        std::thread::sleep(LOOK);
    };
    if let Some(why) = looked.refused {
        return Err(refused(why));
    }
    if out.is_json() {
        return out.json(&json!({
            "edge": home.enrolled.edge, "runs": hex(&said.digest), "counter": said.counter,
        }));
    }
    out.talk(
        Line::new()
            .styled(Style::Good, home.enrolled.edge.to_string())
            .text(format!(
                " runs {} since {}.",
                hex(&said.digest),
                stamp(Client::now())
            )),
    );
    out.talk("When control is back: hereby rollback there, or deploy what is right; that ends it.");
    Ok(())
}
