//! The work in an incident: who takes part, decisions, tasks, questions, points of contact,
//! checklists, relations, when the next word is due, corrections, and what it did.
//!
//! Files are in [`super::files`], what people read and knew in [`super::reading`].

use base::{ActId, IncidentId};
use record::command::Verb;
use record::command::{
    AnswerQuestion, Ask, AssignTask, CloseTask, Correct, Decide, Join, Leave, NameContact,
    OpenTask, Relate, RemoveContact, SetUpdateClock, StartChecklist, StateImpact, TickStep,
};
use record::kinds::work::{Relation, StepOutcome, TaskOutcome};
use serde_json::Value;

use super::{Session, money, tell, timeline};
use crate::cli::work::{
    AnswerArgs, AskArgs, ChecklistArgs, ChecklistVerb, ClockArgs, ContactArgs, ContactVerb,
    CorrectArgs, DecideArgs, ImpactArgs, JoinArgs, LeaveArgs, QuestionsArgs, RelateArgs, StepArg,
    TaskArgs, TaskVerb, WorkVerb,
};
use crate::exit::{Exit, Failure};

pub(super) mod lists;

impl Session<'_> {
    pub(super) async fn work(&self, verb: WorkVerb) -> Result<(), Failure> {
        match verb {
            WorkVerb::Join(args) => self.join(args).await,
            WorkVerb::Leave(args) => self.leave(args).await,
            WorkVerb::Decide(args) => self.decide(args).await,
            WorkVerb::Task(args) => self.task(args).await,
            WorkVerb::Ask(args) => self.ask(args).await,
            WorkVerb::Answer(args) => self.answer(args).await,
            WorkVerb::Questions(args) => self.questions(args).await,
            WorkVerb::Contact(args) => self.contact(args).await,
            WorkVerb::File(args) => self.file(args).await,
            WorkVerb::Relate(args) => self.relate(args).await,
            WorkVerb::Checklist(args) => self.checklist(args).await,
            WorkVerb::Tick(args) => {
                self.settle_step(args.incident, args.step, StepOutcome::Done)
                    .await
            }
            WorkVerb::Skip(args) => {
                self.settle_step(args.incident, args.step, StepOutcome::Skipped)
                    .await
            }
            WorkVerb::Clock(args) => self.clock(args).await,
            WorkVerb::Correct(args) => self.correct(args).await,
            WorkVerb::Read(args) => self.read(args).await,
            WorkVerb::Knew(args) => self.knew(args).await,
            WorkVerb::Impact(args) => self.impact(args).await,
        }
    }

    async fn join(&self, args: JoinArgs) -> Result<(), Failure> {
        let JoinArgs { incident, person } = args;
        let said = match &person {
            Some(person) => format!("{person} works on {incident}."),
            None => format!("You work on {incident}."),
        };
        self.does(Join { incident, person }, said).await
    }

    async fn leave(&self, args: LeaveArgs) -> Result<(), Failure> {
        let LeaveArgs { incident, person } = args;
        let said = match &person {
            Some(person) => format!("{person} works on {incident} no more."),
            None => format!("You work on {incident} no more."),
        };
        self.does(Leave { incident, person }, said).await
    }

    async fn decide(&self, args: DecideArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let decision = self.prose(args.decision.as_deref(), "decision")?;
        let verb = Decide {
            decision,
            incident,
            options: args.options,
        };
        self.does(verb, format!("Decided on {incident}.")).await
    }

    async fn task(&self, args: TaskArgs) -> Result<(), Failure> {
        match args.verb {
            TaskVerb::Add {
                incident,
                text,
                owner,
            } => {
                let whose = owner.as_ref().map(|owner| format!(" for {owner}"));
                let whose = whose.unwrap_or_default();
                let verb = OpenTask {
                    incident,
                    owner,
                    text,
                };
                self.opens(incident, verb, ("Task", "task"), &whose).await
            }
            TaskVerb::Give {
                incident,
                task,
                owner,
            } => {
                let said = format!("Task {task} of {incident} is {owner}'s.");
                let verb = AssignTask {
                    incident,
                    owner,
                    task,
                };
                self.does(verb, said).await
            }
            TaskVerb::Done { incident, task } => {
                self.close_task(incident, task, TaskOutcome::Done).await
            }
            TaskVerb::Drop { incident, task } => {
                self.close_task(incident, task, TaskOutcome::Dropped).await
            }
            TaskVerb::List { incident } => self.tasks(incident).await,
        }
    }

    async fn close_task(
        &self,
        incident: IncidentId,
        task: u32,
        outcome: TaskOutcome,
    ) -> Result<(), Failure> {
        let said = match outcome {
            TaskOutcome::Done => format!("Task {task} of {incident} is done."),
            TaskOutcome::Dropped => format!("Task {task} of {incident} is dropped."),
        };
        let verb = CloseTask {
            incident,
            outcome,
            task,
        };
        self.does(verb, said).await
    }

    async fn ask(&self, args: AskArgs) -> Result<(), Failure> {
        let AskArgs {
            incident,
            text,
            person,
        } = args;
        let text = self.prose(text.as_deref(), "question")?;
        let whom = person.as_ref().map(|person| format!(" to {person}"));
        let whom = whom.unwrap_or_default();
        let verb = Ask {
            incident,
            person,
            text,
        };
        self.opens(incident, verb, ("Question", "question"), &whom)
            .await
    }

    async fn answer(&self, args: AnswerArgs) -> Result<(), Failure> {
        let AnswerArgs {
            incident, question, ..
        } = args;
        let text = self.prose(args.text.as_deref(), "answer")?;
        let verb = AnswerQuestion {
            incident,
            question,
            text,
        };
        let said = format!("Answered question {question} of {incident}.");
        self.does(verb, said).await
    }

    async fn questions(&self, args: QuestionsArgs) -> Result<(), Failure> {
        self.questions_of(args.incident).await
    }

    async fn contact(&self, args: ContactArgs) -> Result<(), Failure> {
        match args.verb {
            ContactVerb::Add {
                incident,
                about,
                who,
            } => {
                let verb = NameContact {
                    about,
                    incident,
                    who,
                };
                self.opens(incident, verb, ("Point of contact", "contact"), "")
                    .await
            }
            ContactVerb::Remove { incident, contact } => {
                let said = format!("Point of contact {contact} of {incident} is removed.");
                self.does(RemoveContact { contact, incident }, said).await
            }
            ContactVerb::List { incident } => self.contacts(incident).await,
        }
    }

    async fn relate(&self, args: RelateArgs) -> Result<(), Failure> {
        let RelateArgs { incident, to, .. } = args;
        let relation = args.relation.into();
        let is = tell::relation(relation);
        let ended = match relation {
            Relation::DuplicateOf => " It is resolved; work goes on there.",
            Relation::CausedBy | Relation::RelatedTo => "",
        };
        let verb = Relate {
            incident,
            relation,
            to,
        };
        self.does(verb, format!("{incident} is {is} {to}.{ended}"))
            .await
    }

    async fn checklist(&self, args: ChecklistArgs) -> Result<(), Failure> {
        match args.verb {
            ChecklistVerb::Start { incident, runbook } => {
                let from = format!(" from {runbook}");
                let verb = StartChecklist { incident, runbook };
                self.opens(incident, verb, ("Checklist", "checklist"), &from)
                    .await
            }
            ChecklistVerb::List { incident } => self.checklists(incident).await,
        }
    }

    async fn settle_step(
        &self,
        incident: IncidentId,
        which: StepArg,
        outcome: StepOutcome,
    ) -> Result<(), Failure> {
        let step = which.step;
        let checklist = match which.checklist {
            Some(checklist) => checklist,
            None => self.only_checklist(incident, step).await?,
        };
        let said = match outcome {
            StepOutcome::Done => format!("Step {step} of checklist {checklist} is done."),
            StepOutcome::Skipped => format!("Step {step} of checklist {checklist} is left out."),
        };
        let verb = TickStep {
            checklist,
            incident,
            outcome,
            step,
        };
        self.does(verb, said).await
    }

    /// The checklist that is meant where none is said: there is one, or one is not done.
    async fn only_checklist(&self, id: IncidentId, step: u32) -> Result<u32, Failure> {
        let incident = self.timeline(id).await?.incident()?;
        let all = &incident.work.checklists;
        let open = all
            .iter()
            .filter(|(_, checklist)| lists::steps_left(checklist) > 0);
        let open: Vec<u32> = open.map(|(number, _)| *number).collect();
        match (open.as_slice(), all.len()) {
            ([only], _) => Ok(*only),
            ([], 1) => Ok(1),
            ([], 0) => Err(
                Failure::new(Exit::Refused, format!("{id} has no checklist"))
                    .hint(format!("hereby checklist start {id} RUNBOOK")),
            ),
            _ => Err(Failure::usage(format!("{id} has more than one checklist"))
                .because("a step by itself names none of them")
                .hint(format!(
                    "hereby tick {id} 2.{step} is step {step} of checklist 2"
                ))
                .hint(format!("hereby checklist list {id}"))),
        }
    }

    async fn clock(&self, args: ClockArgs) -> Result<(), Failure> {
        let (incident, audience) = (args.incident, args.to.into());
        let every_ms = args.every_ms.map(i64::unsigned_abs);
        let name = tell::audience(audience);
        let said = match every_ms {
            Some(every_ms) => format!(
                "The next word on {incident} to {name} is due in {}, and as long after each.",
                tell::span(every_ms)
            ),
            None => format!("No word on {incident} to {name} is due any more."),
        };
        let verb = SetUpdateClock {
            audience,
            every_ms,
            incident,
        };
        self.does(verb, said).await
    }

    async fn correct(&self, args: CorrectArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let text = self.prose(args.text.as_deref(), "correction")?;
        let found = self.timeline(incident).await?;
        let (index, act) = timeline::named(&found, &args.act)?;
        let said = format!("Corrected entry {index} of {incident}; what it says stays.");
        let verb = Correct {
            act,
            incident,
            text,
        };
        self.does(verb, said).await
    }

    async fn impact(&self, args: ImpactArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let cost_minor = match (&args.cost, args.currency) {
            (Some(cost), Some(currency)) => {
                let minor = money::minor(cost, currency);
                Some(minor.map_err(|why| {
                    Failure::usage(format!("{cost} is no amount of {currency}")).because(why)
                })?)
            }
            // clap sees to it that neither is there alone.
            _ => None,
        };
        let verb = StateImpact {
            cost_minor,
            currency: args.currency,
            customers: args.customers,
            data: args.data.map(Into::into),
            incident,
        };
        self.does(verb, format!("Said what {incident} did.")).await
    }

    /// Opens something that gets a number, and prints it. `what`: its name in a sentence, and in the
    /// act that made it.
    pub(super) async fn opens(
        &self,
        incident: IncidentId,
        verb: impl Into<Verb>,
        what: (&str, &str),
        more: &str,
    ) -> Result<(), Failure> {
        let (id, done) = self.submit(verb.into()).await?;
        let number = match done.receipts.first() {
            Some(receipt) => self.number_in(receipt.act, what.1).await,
            None => Err(Failure::new(Exit::Internal, "no act came back")),
        };
        if self.out.is_json() {
            return self.document(id, &done, number.ok());
        }
        match number {
            Ok(number) => {
                self.did(&done, format!("{} {number} of {incident}{more}.", what.0));
                self.out.data(number.to_string())
            }
            // It happened; that its number can't be read is another matter.
            Err(failure) => {
                self.did(&done, format!("{} of {incident}{more}.", what.0));
                let why = failure.what;
                self.out
                    .warn(&format!("which number it got can't be read: {why}"));
                Ok(())
            }
        }
    }

    /// The number that an act gave to what it opened.
    async fn number_in(&self, act: ActId, what: &str) -> Result<u64, Failure> {
        let entry: Value = self.client.read(&format!("/api/v1/acts/{act}")).await?;
        let number = entry.pointer(&format!("/act/body/{what}"));
        number
            .and_then(Value::as_u64)
            .ok_or_else(|| Failure::new(Exit::Internal, "this build cannot read hereby's answer"))
    }
}

#[cfg(test)]
mod tests;
