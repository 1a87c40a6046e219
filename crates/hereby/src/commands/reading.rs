//! Who has read how far, and what somebody knew when.

use base::{PersonName, Timestamp};
use record::act::Act;
use record::command::CatchUp;
use record::kinds::Body;
use serde_json::{Value, json};

use super::knew::{Known, knew};
use super::{Session, show, tell, wire};
use crate::cli::work::{KnewArgs, ReadArgs};
use crate::exit::Failure;
use crate::say::{Line, Style, counted, stamp, table};

impl Session<'_> {
    /// Prints what is new, and says on the record that it was read: in this order, so that nothing
    /// counts as read that was not shown.
    pub(super) async fn read(&self, args: ReadArgs) -> Result<(), Failure> {
        let id = args.incident;
        let person = match &args.person {
            Some(person) => person.clone(),
            None => self.who_asks(id).await?,
        };
        let timeline = self.timeline(id).await?;
        let before = timeline.incident()?.work.read.get(&person).copied();
        let seen = usize::try_from(before.unwrap_or(0)).unwrap_or(usize::MAX);
        let own =
            |act: &&Act| matches!(&act.body, Body::IncidentCaughtUp(it) if it.person == person);
        let new: Vec<&Act> = timeline.acts.iter().skip(seen).collect();
        if new.iter().all(own) {
            if self.out.is_json() {
                return self.out.json(&json!({ "items": [], "read": seen }));
            }
            self.out.talk(format!(
                "Nothing is new on {id}: {person} has read all of it."
            ));
            return Ok(());
        }
        let acts = u64::try_from(timeline.acts.len()).unwrap_or(u64::MAX);
        if self.out.is_json() {
            let items: Vec<_> = timeline.items.iter().skip(seen).collect();
            self.out.json(&json!({ "items": items, "read": acts }))?;
        } else {
            let shown: Vec<Act> = new.into_iter().filter(|act| !own(act)).cloned().collect();
            self.print(show::timeline_lines(&shown, None, self.out.width()))?;
        }
        let verb = CatchUp {
            acts,
            incident: id,
            person: args.person,
        };
        let (_, done) = self.submit(verb.into()).await?;
        let all = counted(acts, "act");
        self.did(&done, format!("{person} has read all {all} of {id}."));
        Ok(())
    }

    /// Whoever asks, as far as the command line says it.
    async fn who_asks(&self, id: base::IncidentId) -> Result<PersonName, Failure> {
        if let Some(person) = &self.globals.on_behalf_of {
            return Ok(person.clone());
        }
        if let Some(name) = &self.globals.sign {
            let items = self.list("/api/v1/keys", "after").await?;
            let keys: Vec<wire::Key> = wire::typed(&items)?;
            if let Some(key) = keys.into_iter().find(|key| key.key == *name) {
                return Ok(key.person);
            }
        }
        Err(Failure::usage("nobody can tell who you are")
            .because("what is new depends on what you read last")
            .hint(format!("say who you are: hereby read {id} --as NAME"))
            .hint(format!("or whom you mean: hereby read {id} NAME")))
    }

    pub(super) async fn knew(&self, args: KnewArgs) -> Result<(), Failure> {
        let KnewArgs {
            incident, person, ..
        } = args;
        let at = args.at.map_or(self.now, |at| at.resolve(self.now));
        let timeline = self.timeline(incident).await?;
        let known = knew(&timeline.acts, &person, at);
        let until: Vec<(u64, &Act)> = timeline
            .placed()
            .take_while(|(_, act)| act.at <= at)
            .collect();
        if self.out.is_json() {
            let items = until.iter().enumerate().map(|(place, (index, act))| {
                let known = known.get(&place);
                json!({
                    "index": index,
                    "act": act.id,
                    "since": known.map(|known| known.since),
                    "how": known.map(|known| known.how.word()),
                })
            });
            let items: Vec<Value> = items.collect();
            return self
                .out
                .json(&json!({ "person": person, "at": at, "items": items }));
        }
        let rows: Vec<_> = until
            .iter()
            .enumerate()
            .map(|(place, (index, act))| row(*index, act, known.get(&place)))
            .collect();
        let header = ["ENTRY", "HAPPENED", "KNEW SINCE", "BECAUSE", "WHAT"];
        self.print(table(&header, rows, self.out.width()))?;
        self.out
            .talk(summary(&person, at, known.len(), until.len()));
        Ok(())
    }
}

fn row(index: u64, act: &Act, known: Option<&Known>) -> (Vec<Line>, String) {
    let told = tell::told(act);
    let what = match told.text {
        Some(text) => format!("{} {}: {text}", act.actor, told.deed),
        None => format!("{} {}", act.actor, told.deed),
    };
    let (since, how) = match known {
        Some(known) => (
            Line::new().text(stamp(known.since)),
            Line::new().text(known.how.words()),
        ),
        None => (
            Line::new().styled(Style::Dim, "-"),
            Line::new().styled(Style::Dim, "not on the record"),
        ),
    };
    let cells = vec![
        Line::new().text(index.to_string()),
        Line::new().text(stamp(act.at)),
        since,
        how,
    ];
    (cells, what)
}

fn summary(person: &PersonName, at: Timestamp, known: usize, all: usize) -> String {
    let of = counted(all, "act");
    let at = stamp(at);
    match all - known {
        0 => format!("{person} knew of all {of} by {at}."),
        others => format!(
            "{person} knew of {known} of {of} by {at}. Whether they knew of the other {others} is \
             not on the record."
        ),
    }
}

#[cfg(test)]
mod tests;
