//! What the world makes of the engine's answers: each is held against the bytes.

use base::CommandId;
use engine::drive::{Answer, Reply};
use engine::{Outcome, SignalReport, Transport};
use incident::{AlertSignal, Phase, Reason};

use super::{Call, World};
use crate::client::Message;

impl World<'_> {
    /// The live state, and what readers see of it, against the bytes.
    pub(super) fn hold(&mut self) -> Result<(), String> {
        let parts = self.machine.parts();
        self.checker.follow(parts.entries())?;
        drop(parts);
        let Some(driver) = &self.driver else {
            return Ok(());
        };
        self.checker.agrees(driver.state(), "the writer's")?;
        driver
            .view()
            .read(|state| self.checker.agrees(state, "the readers'"))
    }

    pub(super) fn digests_agree(&self) -> Result<(), String> {
        self.driver
            .as_ref()
            .map_or(Ok(()), |driver| self.checker.digests_agree(driver.state()))?;
        self.audited()
    }

    /// The auditor finds nothing wrong, whatever happened in this world.
    fn audited(&self) -> Result<(), String> {
        let mut audit = engine::audit::Audit::of_everything();
        audit
            .read(self.machine.as_ref(), u64::MAX)
            .map_err(|error| format!("it can't be audited: {error}"))?;
        match audit.take_found().first() {
            None => Ok(()),
            Some(found) => Err(format!("an audit found: {}", found.what)),
        }
    }

    pub(super) fn answers(&mut self) -> Result<(), String> {
        let calls = std::mem::take(&mut self.calls);
        let ids = calls.iter().filter_map(|call| match &call.message {
            Message::Command(request) => Some(request.command.id.clone()),
            _ => None,
        });
        let ids: Vec<CommandId> = ids.collect();
        for Call {
            message,
            mut pending,
        } in calls
        {
            match pending.look() {
                Reply::Waiting if self.driver.is_some() => {
                    self.calls.push(Call { message, pending });
                }
                Reply::Waiting | Reply::Lost => {
                    self.count("outcome unknown");
                    if !matches!(message, Message::Beat(_)) {
                        self.wanting.push(message);
                    }
                }
                Reply::Answered(answer) => self.answered(message, answer, &ids)?,
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        message: Message,
        answer: Answer,
        asked: &[CommandId],
    ) -> Result<(), String> {
        match (message, answer) {
            (Message::Command(request), Answer::Command(outcome)) => {
                let id = request.command.id.clone();
                let alone = asked.iter().filter(|it| **it == id).count() == 1;
                // One who might be refused for what he is, or may have used the id for something
                // else, can hear of a full disk also about what happened before.
                let plain = request.signature.is_none()
                    && matches!(request.transport, Transport::LocalUid(_))
                    && !self.varied.contains(&id);
                self.command_answered(&id, &outcome, alone && plain)?;
                let passing = |reason: Reason| reason.is_passing();
                if matches!(outcome, Outcome::Unknown)
                    || matches!(outcome, Outcome::Refused(it) if passing(it.reason))
                {
                    self.wanting.push(Message::Command(request));
                }
                Ok(())
            }
            (Message::Alerts(signals), Answer::Signals(report)) => {
                self.alerts_answered(&signals, &report)?;
                if report.refused.is_some() {
                    self.wanting.push(Message::Alerts(signals));
                }
                Ok(())
            }
            (Message::Beat(_), Answer::Beat(_)) => Ok(()),
            // A full disk refuses what was decided beside a sign of life, never the sign itself.
            (message, answer) => Err(format!("{message:?} was answered by {answer:?}")),
        }
    }

    fn command_answered(
        &mut self,
        id: &CommandId,
        outcome: &Outcome,
        strict: bool,
    ) -> Result<(), String> {
        match outcome {
            Outcome::Done(receipts) => {
                if receipts
                    .iter()
                    .any(|it| &*it.kind == "record.key_rotated/1")
                {
                    self.count("rotated");
                }
                let again = self.checker.was_accepted(id);
                self.count(if again { "repeated" } else { "accepted" });
                let places: Vec<String> = receipts
                    .iter()
                    .map(|it| format!("{} {}", it.index, it.kind))
                    .collect();
                self.say(&format!("{id} is done: {}", places.join(", ")));
                self.checker.accepted(id, receipts)
            }
            Outcome::Refused(refusal) => {
                self.count(refusal.reason.word());
                self.say(&format!("{id} is refused: {}", refusal.reason.word()));
                // Of two copies that are answered together the later one may have been accepted.
                if strict {
                    self.checker.refused(id)
                } else {
                    Ok(())
                }
            }
            Outcome::Unknown => {
                self.say(&format!("nobody knows what became of {id}"));
                Ok(())
            }
        }
    }

    /// Whatever was not refused is on the record: each alert that fires has fired there.
    fn alerts_answered(
        &mut self,
        signals: &[AlertSignal],
        report: &SignalReport,
    ) -> Result<(), String> {
        self.checker.acknowledged(&report.receipts)?;
        let (acts, known) = (report.receipts.len(), report.known);
        let refused = report.refused.as_ref().map_or("", |it| it.reason.word());
        self.say(&format!(
            "alerts: {acts} acts, {known} known, {} stale {refused}",
            report.stale
        ));
        if let Some(refusal) = &report.refused {
            self.count(refusal.reason.word());
            return Ok(());
        }
        let firing = signals
            .iter()
            .filter(|signal| signal.phase == Phase::Firing);
        for signal in firing {
            let there = self.checker.has_fired(&signal.source, &signal.fingerprint);
            if !there {
                return Err(format!(
                    "invariant 1: {} was taken and never fired",
                    signal.fingerprint
                ));
            }
        }
        Ok(())
    }
}
