//! How an enrolled edge does what it was told: it tries what is new, has the edge serve what fits, and remembers
//! what does not. What of one tenant does not fit takes nothing with it.

use std::time::Instant;

use ::edge::{NotTaken, Offer};
use base::Tenant;
use record::fleet::{Told, Wanted};
use tokio::sync::oneshot;

use super::super::ask::post;
use super::super::enrolled::hex;
use super::super::parts::{Fitting, Running, fitting};
use super::{Agent, Refused, Serving, Stays, TRIED_AGAIN};
use crate::client::Kept;

impl Agent {
    /// Tries to do what was told and is not done: what is new, and what was refused a while ago. The fleet's
    /// version first: what tenants have of their own stands on it.
    pub(super) async fn attempt(&mut self, line: &mut Kept, serving: Option<&Serving>) {
        let due = |one: &Refused| one.at.is_none_or(|at| at.elapsed() >= TRIED_AGAIN);
        let due: Vec<Told> = self
            .refused
            .values()
            .filter(|one| due(one))
            .map(|one| one.told.clone())
            .collect();
        let mut told = Vec::new();
        for one in due {
            match self.brought(line, &one).await {
                Ok(()) => told.push(one),
                Err(Stays::Unheard(why)) => self.refuse(&one, &why, false),
                Err(Stays::Refused(why) | Stays::Denied(why)) => self.refuse(&one, &why, true),
                Err(Stays::Disbelieved(why)) => self.refuse(&one, &why.to_string(), true),
            }
        }
        if told.is_empty() {
            return;
        }
        let now_ms = self.now_ms();
        let with = |base: &Running, told: &[&Told]| {
            let mut next = base.clone();
            told.iter().for_each(|one| next.tell(one, now_ms));
            next
        };
        let all: Vec<&Told> = told.iter().collect();
        let own: Vec<&Told> = told.iter().filter(|one| one.tenant.is_some()).collect();
        let before = self.running.clone();
        let mut outcome = self.fitting(with(&before, &all)).await;
        if let (Err(why), true) = (&outcome, own.len() < all.len()) {
            // The fleet's does not fit: what tenants have of their own may, beside the one that runs.
            let fleets = all.iter().filter(|one| one.tenant.is_none());
            let why = why.clone();
            fleets.for_each(|one| self.refuse(one, &why, true));
            outcome = match own.is_empty() {
                true => return,
                false => self.fitting(with(&before, &own)).await,
            };
        }
        let outcome = match outcome {
            Ok(fitting) => self.with_those_before(fitting, &before).await,
            Err(why) => Err(why),
        };
        let served = match outcome {
            Ok(fitting) => self.swap(&fitting, serving).await.map(|()| fitting),
            Err(why) => Err(why),
        };
        match served {
            Ok(fitting) => {
                self.take(fitting);
                for one in all.into_iter().filter(|one| self.running.does(one)) {
                    self.refused.remove(&one.tenant);
                }
                let follows = self.follows;
                tracing::info!(
                    follows,
                    refused = self.refused.len(),
                    "does what the record says"
                );
            }
            Err(why) => all.into_iter().for_each(|one| self.refuse(one, &why, true)),
        }
    }

    /// Where a tenant's new version does not fit, the one that it had goes on.
    pub(super) async fn with_those_before(
        &self,
        fitting: Fitting,
        before: &Running,
    ) -> Result<Fitting, String> {
        let had = |tenant: &Tenant| Some((tenant.clone(), before.tenants.get(tenant)?.clone()));
        let back = fitting
            .left_out
            .iter()
            .filter_map(|(told, _)| had(told.tenant.as_ref()?));
        let mut again = fitting.running.clone();
        let count = again.tenants.len();
        again.tenants.extend(back);
        if again.tenants.len() == count {
            return Ok(fitting);
        }
        let mut second = self.fitting(again).await?;
        second.left_out.extend(fitting.left_out);
        Ok(second)
    }

    /// Has the version of an act on this disk.
    async fn brought(&mut self, line: &mut Kept, told: &Told) -> Result<(), Stays> {
        match told.digest.filter(|digest| !self.home.has(digest)) {
            None => Ok(()),
            Some(digest) => {
                let bytes = self.fetch(line, Wanted::Version(digest)).await?;
                self.home
                    .keep_version(&digest, &bytes)
                    .map_err(Stays::Refused)
            }
        }
    }

    fn refuse(&mut self, told: &Told, why: &str, tried: bool) {
        let whose = told.tenant.as_ref().map(ToString::to_string);
        let whose = whose.map_or_else(String::new, |tenant| format!("{tenant}'s own: "));
        if let Some(one) = self.refused.get_mut(&told.tenant) {
            if one.why != why {
                tracing::error!("{whose}a version is not taken, what runs goes on: {why}");
            }
            one.why = why.to_owned();
            one.at = tried.then(Instant::now);
        }
    }

    /// Runs that, and keeps it; remembers what of it does not fit.
    pub(super) fn take(&mut self, fitting: Fitting) {
        for (told, why) in fitting.left_out {
            let (whose, at) = (told.tenant.clone(), Some(Instant::now()));
            let known = self.refused.get(&whose).map(|one| one.told.sequence);
            if known.is_none_or(|known| known <= told.sequence) {
                tracing::error!(tenant = ?whose, "a tenant's own version does not fit here: {why}");
                self.refused.insert(whose, Refused { told, why, at });
            }
        }
        if fitting.running != self.running
            && let Err(error) = self.home.keep_running(&fitting.running)
        {
            // A start without control would go back to what was kept before.
            tracing::error!(%error, "what runs can't be kept");
        }
        self.running = fitting.running;
        if !self.running.by_note {
            self.follows_again();
        }
    }

    /// What of that fits this machine, files and all. It takes a while.
    pub(super) async fn fitting(&self, running: Running) -> Result<Fitting, String> {
        let (home, here) = (self.home.clone(), self.here.clone());
        let tried = tokio::task::spawn_blocking(move || fitting(&home, &here, running)).await;
        tried.map_err(|_| "trying it out ended in a bug".to_owned())?
    }

    /// Has the edge serve it; has a successor serve it where this process can't.
    pub(super) async fn swap(
        &self,
        fitting: &Fitting,
        serving: Option<&Serving>,
    ) -> Result<(), String> {
        let (laid, next) = (fitting.laid.clone(), &fitting.running);
        let Some(serving) = serving.filter(|_| !next.is_like(&self.running)) else {
            return Ok(());
        };
        let (done, said) = oneshot::channel();
        let label = next.fleet.as_ref().map(|runs| hex(&runs.digest));
        let offer = Offer {
            adjust: laid.adjust(),
            config_file: laid.file,
            label: label.unwrap_or_default(),
            done,
        };
        let stopping = || "the edge is stopping".to_owned();
        serving.offers.send(offer).await.map_err(|_| stopping())?;
        match said.await.map_err(|_| stopping())? {
            Ok(()) => Ok(()),
            Err(NotTaken::Wrong(why)) => Err(why),
            Err(needs @ NotTaken::NeedsUpgrade(_)) => {
                tracing::info!("{needs}: a successor is started for it");
                let kept = self.home.keep_next(next);
                kept.map_err(|error| format!("what a successor is to run can't be kept: {error}"))?;
                self.succeeded().await
            }
        }
    }

    /// Whether a successor serves what it was left.
    async fn succeeded(&self) -> Result<(), String> {
        let state_dir = self.home.state_dir().to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            post(
                &state_dir,
                "/upgrade",
                &serde_json::json!({ "program": null }),
            )
        });
        match asked.await {
            // It runs it by now, and this process ends.
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => {
                let _ = self.home.take_next();
                let why = failure.why.unwrap_or_default();
                Err(format!(
                    "no successor would serve it: {}; {why}",
                    failure.what
                ))
            }
            Err(_) => Err("the edge is stopping".to_owned()),
        }
    }
}
