//! How an enrolled edge goes back by a break-glass note while control is gone.

use record::fleet::WentBack;
use record::hash::sha256;

use super::super::enrolled::hex;
use super::super::glass::{Glass, Looked, Trusted};
use super::{Agent, Serving};

impl Agent {
    /// Believes another's notes from now on.
    pub(super) fn trust(&mut self, vkey: Option<Box<str>>, sequence: u64) {
        let known = self.glass.key.as_ref().map(|key| key.sequence);
        if known >= Some(sequence) {
            return;
        }
        let mut glass = self.glass.clone();
        glass.key = Some(Trusted { vkey, sequence });
        self.keep_glass(glass);
    }

    /// Control has heard of everything up to here.
    pub(super) fn was_heard(&mut self) {
        let ended = self.glass.went.as_ref().is_some_and(|went| !went.holds);
        if ended {
            let mut glass = self.glass.clone();
            glass.went = None;
            self.keep_glass(glass);
        }
    }

    /// It runs by an act again, not by a note.
    pub(super) fn follows_again(&mut self) {
        let mut glass = self.glass.clone();
        if let Some(went) = glass.went.as_mut().filter(|went| went.holds) {
            went.holds = false;
            self.keep_glass(glass);
        }
    }

    fn keep_glass(&mut self, glass: Glass) {
        if let Err(error) = self.home.keep_glass(&glass) {
            tracing::error!(%error, "what is known of break-glass notes can't be kept");
        }
        self.glass = glass;
    }

    /// Looks at the note that lies there, if one does. It is looked at once.
    pub(super) async fn break_glass(&mut self, serving: Option<&Serving>) {
        let Some(note) = self.home.offered_note() else {
            return;
        };
        let refused = self.goes_back(&note, serving).await.err();
        match &refused {
            None => tracing::warn!(
                counter = self.glass.counter,
                "went back by a break-glass note; control hears of it when it is back"
            ),
            Some(why) => tracing::error!("a break-glass note is not taken: {why}"),
        }
        let mut glass = self.glass.clone();
        let note = sha256(&[&note]);
        glass.last = Some(Looked { note, refused });
        self.keep_glass(glass);
        self.home.take_note();
    }

    async fn goes_back(&mut self, note: &[u8], serving: Option<&Serving>) -> Result<(), String> {
        let said = self.glass.may(note, &self.home, &self.running)?;
        let silent = self.heard.elapsed();
        if silent < self.here.silence {
            return Err(format!(
                "control was heard of {} s ago: hereby rollback there. A note is taken when it was silent \
                 for {} s",
                silent.as_secs(),
                self.here.silence.as_secs()
            ));
        }
        let now_ms = self.now_ms();
        let from = self.running.fleet.as_ref().map(|runs| runs.digest);
        // What was told and not done is older than the note, too.
        let refused = self.refused.get(&None).map(|one| one.told.sequence);
        let floor = self.running.sequence(None).max(refused);
        let mut next = self.running.clone();
        next.go_back(said.digest, floor.unwrap_or(0), now_ms);
        let fitting = self.fitting(next).await?;
        let fitting = self
            .with_those_before(fitting, &self.running.clone())
            .await?;
        // First: whenever this ends, the note was used, and control hears of it.
        let before = self.glass.clone();
        let mut glass = before.clone();
        glass.counter = said.counter;
        glass.went = Some(WentBack {
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
            self.keep_glass(before);
            return Err(why);
        }
        self.take(fitting);
        self.refused.remove(&None);
        tracing::info!(version = hex(&said.digest), "serves what ran before");
        Ok(())
    }
}
