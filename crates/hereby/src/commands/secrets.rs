//! `hereby rotate-secrets`: everything that lets somebody in is made worthless, and what is left for people
//! stands in a checklist of the incident. Begun again, it goes on where it was.

use base::{IncidentId, Line as Text, Name};
use record::command::{
    EndSession, RetireEdge, RevokeKey, RevokeToken, RotateLogKey, SaveRunbook, StartChecklist,
    TickStep, Verb,
};
use record::kinds::Body;
use record::kinds::work::StepOutcome;
use serde::Deserialize;
use serde_json::json;

use super::{Session, random_id, wire};
use crate::cli::machine::RotateSecretsArgs;
use crate::client::Done;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted};

const RUNBOOK: &str = "rotate-secrets";
const TITLE: &str = "Every secret is changed";

/// What hereby does itself, in this order, before what people do.
const OWN: [Step; 5] = [
    Step::Tokens,
    Step::Sessions,
    Step::Keys,
    Step::Invitations,
    Step::LogKey,
];

/// What people do: nothing here can.
const PEOPLES: &[&str] = &[
    "Give the log's new line (hereby record keys) to everybody who verifies, and to each witness",
    "Trust another break-glass key: hereby key new, hereby break-glass trust",
    "Trust another root key, if its machine was reached: hereby succession vouch, succession trust",
    "Have each edge sign with a new key: hereby edge invite, hereby edge enroll --new-key, start it again",
    "Issue tokens anew for services, and have people enroll new keys",
    "Stop hereby, delete pass.key and status.key in DATA/keys, and DATA/tls; start it; give out what is new",
    "Change what others gave hereby: mail, chats, tickets, the identity provider, buckets",
    "Reissue the certificates that edges serve, deploy them, and revoke those of clients in wrong hands",
    "Take a backup with its keys, and destroy older copies of keys",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Tokens,
    Sessions,
    Keys,
    Invitations,
    LogKey,
}

impl Step {
    fn says(self) -> &'static str {
        match self {
            Step::Tokens => "Revoke every token",
            Step::Sessions => "End every session",
            Step::Keys => "Revoke every person's key",
            Step::Invitations => "Withdraw invitations that edges have not used",
            Step::LogKey => "Change the log's key",
        }
    }
}

#[derive(Debug, Deserialize)]
struct SignedIn {
    session: base::SessionId,
    over: bool,
}

#[derive(Debug, Deserialize)]
struct Invited {
    edge: Name,
}

#[derive(Debug, Deserialize)]
struct Fleet {
    invitations: Vec<Invited>,
}

impl Session<'_> {
    pub(super) async fn rotate_secrets(&self, args: RotateSecretsArgs) -> Result<(), Failure> {
        if self.globals.url.is_some() {
            return Err(Failure::usage("this is done where hereby runs")
                .because("a token would be revoked before the end; the local socket needs none")
                .hint("on that machine: hereby rotate-secrets INC -m WHY --data-dir DATA"));
        }
        if args.plan {
            return self.planned().await;
        }
        if self.globals.why.is_none() {
            return Err(Failure::usage("nobody is told why")
                .because("everybody is signed out, and no token works any more")
                .hint("say why: -m \"the laptop with the backup was stolen\""));
        }
        let incident = args.incident.ok_or_else(|| {
            Failure::usage("no incident is named")
                .because("what is done, and what is left for people, stands in its checklist")
                .hint("hereby declare \"keys may be in the wrong hands\" --severity 1")
        })?;
        let (checklist, ticked) = self.list_to_tick(incident).await?;
        for (step, number) in OWN.into_iter().zip(1_u32..) {
            if ticked.contains(&number) {
                continue;
            }
            let count = self.carry_out(step).await?;
            let verb = TickStep {
                checklist,
                incident,
                outcome: StepOutcome::Done,
                step: number,
            };
            self.quietly(verb).await?;
            let what = match step {
                Step::LogKey => "done".to_owned(),
                _ => count.to_string(),
            };
            self.out.talk(
                Line::new()
                    .text(format!("{}: ", step.says()))
                    .styled(Style::Good, what),
            );
        }
        self.left_for_people(incident, checklist).await
    }

    /// What would be worthless.
    async fn planned(&self) -> Result<(), Failure> {
        let mut counts = Vec::new();
        for step in OWN {
            let count = match step {
                Step::LogKey => 1,
                _ => self.of(step).await?.len(),
            };
            counts.push((step.says(), count));
        }
        if self.out.is_json() {
            let own = counts
                .iter()
                .map(|(says, count)| json!({"step": says, "count": count}));
            return self.out.json(&json!({
                "own": own.collect::<Vec<_>>(), "left_for_people": PEOPLES,
            }));
        }
        for (says, count) in counts {
            self.out.data(format!("{says}: {count}"))?;
        }
        self.out.data("Then people:")?;
        PEOPLES
            .iter()
            .try_for_each(|says| self.out.data(format!("  {says}")))
    }

    /// The incident's checklist, begun if it was not, and the steps of it that are settled.
    async fn list_to_tick(&self, incident: IncidentId) -> Result<(u32, Vec<u32>), Failure> {
        let timeline = self.timeline(incident).await?;
        let steps: Vec<Text> = OWN
            .iter()
            .map(|step| step.says())
            .chain(PEOPLES.iter().copied())
            .map(|says| says.parse().expect("a step is a line"))
            .collect();
        let begun = timeline.acts.iter().rev().find_map(|act| match &act.body {
            Body::IncidentChecklistStarted(started) => (started.runbook.as_str() == RUNBOOK
                && started.steps == steps)
                .then_some(started.checklist),
            _ => None,
        });
        if let Some(checklist) = begun {
            let known = timeline.incident()?;
            let ticked = known.work.checklists.get(&checklist);
            let ticked = ticked.map(|it| it.ticked.keys().copied().collect());
            return Ok((checklist, ticked.unwrap_or_default()));
        }
        let runbook: Name = RUNBOOK.parse().expect("a name");
        let known: Vec<wire::Runbook> =
            wire::typed(&self.list("/api/v1/runbooks", "after").await?)?;
        let same = |it: &wire::Runbook| it.runbook == runbook && it.steps == steps;
        if !known.iter().any(same) {
            let title = TITLE.parse().expect("a title is a line");
            let verb = SaveRunbook {
                runbook: runbook.clone(),
                steps,
                title,
            };
            self.quietly(verb).await?;
        }
        self.quietly(StartChecklist { incident, runbook }).await?;
        let known = self.timeline(incident).await?.incident()?;
        let last = known.work.checklists.keys().next_back().copied();
        let last =
            last.ok_or_else(|| Failure::new(Exit::Internal, "the checklist did not begin"))?;
        Ok((last, Vec::new()))
    }

    async fn carry_out(&self, step: Step) -> Result<usize, Failure> {
        let verbs = match step {
            Step::LogKey => vec![RotateLogKey {}.into()],
            _ => self.of(step).await?,
        };
        let count = verbs.len();
        for verb in verbs {
            match self.quietly(verb).await {
                // Somebody else did just then, or it ended by itself.
                Err(failure) if failure.reason.as_deref() == Some("not_found") => {}
                other => {
                    other?;
                }
            }
        }
        Ok(count)
    }

    /// What makes worthless all there is of that.
    async fn of(&self, step: Step) -> Result<Vec<Verb>, Failure> {
        Ok(match step {
            Step::Tokens => {
                let all: Vec<wire::Token> =
                    wire::typed(&self.list("/api/v1/tokens", "after").await?)?;
                let working = all.into_iter().filter(|it| self.now < it.expires_at);
                working
                    .map(|it| RevokeToken { token: it.token }.into())
                    .collect()
            }
            Step::Sessions => {
                let all: Vec<SignedIn> =
                    wire::typed(&self.list("/api/v1/sessions", "after").await?)?;
                let going = all.into_iter().filter(|it| !it.over);
                going
                    .map(|it| {
                        EndSession {
                            session: it.session,
                        }
                        .into()
                    })
                    .collect()
            }
            Step::Keys => {
                let all: Vec<wire::Key> = wire::typed(&self.list("/api/v1/keys", "after").await?)?;
                let verbs = all.into_iter().map(|it| RevokeKey { key: it.key }.into());
                verbs.collect()
            }
            Step::Invitations => {
                let fleet: Fleet = self.client.read("/api/v1/fleet").await?;
                let edges: Vec<wire::NamedEdge> =
                    wire::typed(&self.list("/api/v1/edges", "after").await?)?;
                // Retiring one that serves would take more than its invitation.
                let enrolled = |name: &Name| edges.iter().any(|it| it.edge == *name);
                let open = fleet.invitations.into_iter();
                open.filter(|it| !enrolled(&it.edge))
                    .map(|it| RetireEdge { edge: it.edge }.into())
                    .collect()
            }
            Step::LogKey => Vec::new(),
        })
    }

    async fn left_for_people(&self, incident: IncidentId, checklist: u32) -> Result<(), Failure> {
        let known = self.timeline(incident).await?.incident()?;
        let ticked = known.work.checklists.get(&checklist);
        let is_ticked = |number: u32| ticked.is_some_and(|it| it.ticked.contains_key(&number));
        let first = u32::try_from(OWN.len()).unwrap_or(0) + 1;
        let left = PEOPLES.iter().zip(first..);
        let left: Vec<(u32, &str)> = left
            .filter(|(_, number)| !is_ticked(*number))
            .map(|(says, number)| (number, *says))
            .collect();
        if self.out.is_json() {
            let left = left
                .iter()
                .map(|(step, says)| json!({"step": step, "says": says}));
            return self.out.json(&json!({
                "incident": incident, "checklist": checklist,
                "left_for_people": left.collect::<Vec<_>>(),
            }));
        }
        if left.is_empty() {
            return self.out.data("All of it is done.");
        }
        self.out.data(format!(
            "{} left for people. Tick each when it is done: hereby tick {incident} {checklist}.STEP",
            counted(left.len(), "step")
        ))?;
        left.iter()
            .try_for_each(|(step, says)| self.out.data(format!("  {checklist}.{step}  {says}")))
    }

    /// Sends a command, and says nothing of it.
    async fn quietly(&self, verb: impl Into<Verb>) -> Result<Done, Failure> {
        self.submit_as(random_id()?, verb.into()).await
    }
}
