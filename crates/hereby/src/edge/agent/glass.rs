//! How an enrolled edge goes back by a break-glass note while control is gone.

use std::time::Duration;

use record::fleet::{Told, WentBack};
use record::hash::sha256;

use super::super::enrolled::hex;
use super::super::glass::{Glass, Looked, Trusted, WENT_KEPT};
use super::{Agent, Serving};

impl Agent {
    /// Believes another's notes from now on. Each key has counters of its own.
    pub(super) fn trust(&mut self, vkey: Option<Box<str>>, sequence: u64) {
        let known = self.glass.key.as_ref().map(|key| key.sequence);
        if known >= Some(sequence) {
            return;
        }
        let mut glass = self.glass.clone();
        glass.key = Some(Trusted { vkey, sequence });
        glass.counter = 0;
        self.keep_glass(glass);
    }

    /// Control has heard what the last report said, and was believed.
    pub(super) fn was_heard(&mut self) {
        self.home.keep_heard();
        let ended = self.glass.went.first().is_some_and(|went| !went.holds);
        if ended {
            let mut glass = self.glass.clone();
            glass.went.remove(0);
            self.keep_glass(glass);
        }
    }

    /// It runs by an act again, not by a note.
    pub(super) fn follows_again(&mut self) {
        if self.glass.went.iter().any(|went| went.holds) {
            let mut glass = self.glass.clone();
            glass.went.iter_mut().for_each(|went| went.holds = false);
            self.keep_glass(glass);
        }
    }

    /// Whether what that act tells is passed over: it was said before the edge went back by a note, or hereby
    /// itself went back by a trigger, to what may be what the note was for. People end what a note began.
    pub(super) fn passes_over(&mut self, told: &Told) -> bool {
        let went_ms = self.glass.went.last().map(|went| went.at_ms);
        let earlier = || {
            let at_ms = u64::try_from(told.at.as_ms()).unwrap_or(0);
            went_ms.is_some_and(|went_ms| at_ms <= went_ms)
        };
        let passes = self.running.by_note
            && told.tenant.is_none()
            && self.running.sequence(None) < Some(told.sequence)
            && (told.by_trigger || earlier());
        if passes {
            self.running.pass_over(told.sequence);
            self.refused.remove(&None);
            tracing::warn!(
                sequence = told.sequence,
                "what an act tells is passed over: this edge runs by a break-glass note"
            );
            if let Err(error) = self.home.keep_running(&self.running) {
                tracing::error!(%error, "what runs can't be kept");
            }
        }
        passes
    }

    fn keep_glass(&mut self, glass: Glass) {
        if let Err(error) = self.home.keep_glass(&glass) {
            tracing::error!(%error, "what is known of break-glass notes can't be kept");
        }
        self.glass = glass;
    }

    /// How long control was not heard of, as far as is known.
    fn silent(&self) -> Duration {
        match self.heard {
            Some(heard) => heard.elapsed(),
            None => self.home.silent().max(self.begun.elapsed()),
        }
    }

    /// Looks at the note that lies there, if one does.
    pub(super) async fn break_glass(&mut self, serving: Option<&Serving>) {
        let Some(note) = self.home.offered_note() else {
            return;
        };
        let silence = self.here.silence;
        // Whether control is there it finds out in the first moments.
        if self.heard.is_none() && self.silent() < silence {
            return;
        }
        // It is looked at once, also when a successor looks after it.
        self.home.take_note();
        let outcome = match self.silent() {
            silent if silent < silence => Err(format!(
                "control was heard of {} s ago: hereby rollback there. A note is taken when it was silent \
                 for {} s",
                silent.as_secs(),
                silence.as_secs()
            )),
            _ => self.goes_back(&note, serving).await,
        };
        let refused = outcome.err();
        match &refused {
            None => tracing::warn!(
                counter = self.glass.counter,
                "went back by a break-glass note; control hears of it when it is back"
            ),
            Some(why) => tracing::error!("a break-glass note is not taken: {why}"),
        }
        let mut glass = self.glass.clone();
        let note = sha256(&[&note]);
        glass.looks += 1;
        glass.last = Some(Looked { note, refused });
        self.keep_glass(glass);
    }

    async fn goes_back(&mut self, note: &[u8], serving: Option<&Serving>) -> Result<(), String> {
        let said = self.glass.may(note, &self.home, &self.running)?;
        if self.glass.went.len() >= WENT_KEPT {
            return Err(format!(
                "control has not heard of {WENT_KEPT} notes that were used: it must, first"
            ));
        }
        let now_ms = self.now_ms();
        let from = self.running.fleet.as_ref().map(|runs| runs.digest);
        // What was told and not done is older than the note, too.
        let refused = self.refused.get(&None).map(|one| one.told.sequence);
        let floor = self.running.sequence(None).max(refused).max(self.follows);
        let mut next = self.running.clone();
        next.go_back(said.digest, floor.unwrap_or(0), now_ms);
        let before = self.running.clone();
        let fitting = self.fitting(next).await?;
        let fitting = self.with_those_before(fitting, &before).await?;
        // First: whenever this ends, the note was used, and control hears of it.
        let glass_before = self.glass.clone();
        let mut glass = glass_before.clone();
        glass.counter = said.counter;
        glass.went.iter_mut().for_each(|went| went.holds = false);
        glass.went.push(WentBack {
            at_ms: now_ms,
            counter: said.counter,
            from,
            holds: true,
            note: String::from_utf8_lossy(note).into(),
        });
        self.home
            .keep_glass(&glass)
            .map_err(|error| format!("it can't be kept that the note was used: {error}"))?;
        self.glass = glass;
        if let Err(why) = self.swap(&fitting, serving).await {
            // A successor that failed may have kept that it runs by the note.
            if let Err(error) = self.home.keep_running(&before) {
                tracing::error!(%error, "what runs can't be kept");
            }
            self.keep_glass(glass_before);
            return Err(why);
        }
        self.take(fitting);
        self.refused.remove(&None);
        tracing::info!(version = hex(&said.digest), "serves what ran before");
        Ok(())
    }
}
