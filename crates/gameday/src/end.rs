//! The end of a rehearsal: what the record says of it, and what was counted.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Instant;

use base::Name;
use serde_json::Value;

use crate::load::{Load, PATIENCE};
use crate::run::{CannotRun, Tell, system};
use crate::score::{Deed, Outcome, Second, damage, seconds, summed};
use crate::world::{Edge, World};

impl World<'_> {
    /// Reads what there is on the record, and takes everything away.
    pub(crate) async fn end(
        mut self,
        aborted: Option<String>,
        tell: &mut dyn Tell,
    ) -> Result<Outcome, CannotRun> {
        let incident = self.incident.clone();
        self.be_quiet().await?;
        let summary = match &aborted {
            None => "the rehearsal is over",
            Some(_) => "the rehearsal was given up",
        };
        self.ask(&["resolve", &incident, summary]).await?;
        self.tells("The incident is resolved: it was a drill.", tell);
        let of = |edges: &[Edge]| -> Vec<(Name, Vec<Second>)> {
            let each = edges.iter().filter_map(|edge| {
                let counts = edge.load.as_ref()?.counts.lock();
                let counts = counts.unwrap_or_else(PoisonError::into_inner);
                Some((edge.name.clone(), seconds(&counts)))
            });
            each.collect()
        };
        let hurt: Vec<(Instant, Instant)> = self
            .edges
            .iter()
            .filter_map(|edge| edge.load.as_ref())
            .filter_map(|load| {
                load.counts
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hurt
            })
            .collect();
        let (each, without) = (of(&self.edges), of(&self.without));
        let without = summed(&without.into_iter().map(|(_, one)| one).collect::<Vec<_>>());
        let seconds_of: Vec<Vec<Second>> = each.iter().map(|(_, one)| one.clone()).collect();
        let beside = self.scenario.without.then_some(without.as_slice());
        let mut figures = damage(&seconds_of, beside, &hurt);
        figures.append(&mut self.measured);
        let (bundle, vkey) = self.evidence(&incident).await?;
        let acts = self.acts(&bundle);
        self.times(&acts, &hurt, &mut figures);
        let mut deeds = std::mem::take(&mut self.deeds);
        deeds.extend(acts);
        deeds.sort_by_key(|deed| deed.at_ms);
        let began_s = self
            .wrong_at
            .map(|(at, _)| at.duration_since(self.begun).as_secs());
        let mut outcome = Outcome {
            scenario: self.scenario.clone(),
            review: self.ask(&["review", &incident]).await?,
            incident,
            held: false,
            aborted,
            expected: Vec::new(),
            figures,
            deeds,
            began_s: began_s.unwrap_or(0),
            seconds: summed(&seconds_of),
            without,
            edges: each
                .into_iter()
                .map(|(name, one)| (name.to_string(), one))
                .collect(),
            bundle,
            vkey,
        };
        outcome.judge();
        Ok(outcome)
    }

    /// Asks nothing more, and waits for what was asked: who has not answered by then has failed to.
    async fn be_quiet(&mut self) -> Result<(), CannotRun> {
        let both = self.edges.iter().chain(&self.without);
        both.filter_map(|edge| edge.load.as_ref())
            .for_each(Load::stop);
        tokio::time::sleep(PATIENCE).await;
        if self.control.is_none() {
            // It was given up while control was off: what there is to say is still on its disk.
            self.begin_control().await?;
        }
        Ok(())
    }

    /// How long it took from the first failed request until each of these acts.
    fn times(
        &self,
        acts: &[Deed],
        hurt: &[(Instant, Instant)],
        figures: &mut BTreeMap<String, u64>,
    ) {
        let Some(first) = hurt.iter().map(|(first, _)| *first).min() else {
            return;
        };
        let wrong_at = self.wrong_at.map_or(first, |(at, _)| at);
        let first_ms = first.saturating_duration_since(wrong_at).as_millis();
        let first_ms = i64::try_from(first_ms).unwrap_or(i64::MAX);
        for (kind, figure) in [
            ("trigger.fired/1", "detect_ms"),
            ("incident.resolved/1", "resolve_ms"),
        ] {
            let found = acts.iter().find(|deed| deed.kind.as_deref() == Some(kind));
            if let Some(found) = found {
                let after = u64::try_from((found.at_ms - first_ms).max(0)).unwrap_or(0);
                figures.insert(figure.to_owned(), after);
            }
        }
    }

    /// The incident's export, and the key that it verifies by. It must.
    pub(crate) async fn evidence(&self, incident: &str) -> Result<(String, String), CannotRun> {
        // The present one comes first.
        let vkeys = self.ask(&["record", "keys"]).await?;
        let vkey = vkeys.lines().next().unwrap_or_default().to_owned();
        let file = self.place.path("evidence.json");
        let text = file.to_string_lossy();
        self.ask(&["export", incident, "-o", &text]).await?;
        self.ask(&["verify", "--bundle", &text, "--vkey", &vkey])
            .await?;
        let bundle = std::fs::read_to_string(&file).map_err(system("no evidence"))?;
        Ok((bundle, vkey))
    }

    /// What the record says of it.
    pub(crate) fn acts(&self, bundle: &str) -> Vec<Deed> {
        let Some((_, wrong_at)) = self.wrong_at else {
            return Vec::new();
        };
        let bundle: Value = serde_json::from_str(bundle).unwrap_or_default();
        let acts = bundle.get("acts").and_then(Value::as_array).cloned();
        let acts = acts.unwrap_or_default().into_iter().filter_map(|act| {
            let entry: Value = serde_json::from_str(act.get("entry")?.as_str()?).ok()?;
            let at: jiff::Timestamp = entry.get("at")?.as_str()?.parse().ok()?;
            let wrong_at = jiff::Timestamp::try_from(wrong_at).ok()?;
            let what = entry.pointer("/body/what").and_then(Value::as_str);
            let kind = entry.get("kind")?.as_str()?.to_owned();
            Some(Deed {
                at_ms: at.as_millisecond() - wrong_at.as_millisecond(),
                what: what.unwrap_or_default().to_owned(),
                kind: Some(kind),
            })
        });
        acts.collect()
    }
}
