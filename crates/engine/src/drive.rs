//! The engine without a thread: the same writer, moved on step by step by whoever holds it.
//!
//! For the simulator and for tests that need to say what happens before what. Nothing else should
//! be built on it: it answers no sooner than it is driven.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use base::Name;
use incident::{AlertSignal, Refusal};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::follower::{self, View};
use crate::handle::{CannotStart, Options, Parts, unreadable};
use crate::ports::{AppendError, Snapshots};
use crate::prepare::{Front, Unchecked};
pub use crate::request::Answer;
use crate::request::{Input, Outcome, Request, Transport};
use crate::state::State;
use crate::writer::{Fatal, Job, Writer};

/// An engine that moves only when it is told to. Readers see each batch as soon as it is signed.
pub struct Driver {
    front: Front,
    writer: Writer,
    jobs: Sender<Job>,
    work: Receiver<Job>,
    snapshots: Arc<dyn Snapshots>,
}

/// A question that may not have been answered yet.
#[derive(Debug)]
pub struct Pending(Asked);

#[derive(Debug)]
enum Asked {
    Waiting(oneshot::Receiver<Answer>),
    Refused(Refusal),
}

/// How far a [`Pending`] question is.
#[derive(Debug)]
pub enum Reply {
    /// The writer has not come to it.
    Waiting,
    /// The answer. It is given once.
    Answered(Answer),
    /// The writer is gone; nobody can say what became of it.
    Lost,
}

impl Driver {
    /// Folds what is on the record and takes the first acts. Neither the publisher nor
    /// `on_thread_start` and `on_fatal` are used: no thread is there to use them.
    ///
    /// # Errors
    /// See [`CannotStart`].
    pub fn start(options: Options) -> Result<Driver, CannotStart> {
        let Parts {
            front,
            mut writer,
            boot,
            snapshots,
            ..
        } = Parts::new(options)?;
        let (view, entries) = (front.view.clone(), front.entries.clone());
        writer.deliver = Box::new(move |mut committed| {
            view.fold(&committed, entries.as_ref())
                .map_err(unreadable)?;
            committed.answer(entries.as_ref());
            Ok(())
        });
        writer
            .boot(boot)
            .map_err(|Fatal(error)| CannotStart::Write(error))?;
        let (jobs, work) = channel();
        Ok(Driver {
            front,
            writer,
            jobs,
            work,
            snapshots,
        })
    }

    /// Hands in a command; it is decided on at the next [`Driver::serve`].
    pub fn submit(&self, request: Request) -> Pending {
        match self.front.prepare(request).and_then(Unchecked::alone) {
            Ok(prepared) => self.ask(Input::Command(Box::new(prepared))),
            Err(refusal) => Pending(Asked::Refused(refusal)),
        }
    }

    /// Hands in alerts.
    pub fn signals(&self, transport: Transport, signals: Vec<AlertSignal>) -> Pending {
        self.ask(Input::Signals { transport, signals })
    }

    /// Hands in a sign of life.
    pub fn beat(&self, transport: Transport, heartbeat: Name) -> Pending {
        self.ask(Input::Beat {
            transport,
            heartbeat,
        })
    }

    /// Decides on everything that was handed in, writes it and answers. Says whether there was
    /// anything.
    ///
    /// # Errors
    /// When the writer can't go on: this driver must be dropped and another one started.
    pub fn serve(&mut self) -> Result<bool, AppendError> {
        let Ok(job) = self.work.try_recv() else {
            return Ok(false);
        };
        self.writer
            .serve(job, &self.work)
            .map_err(|Fatal(error)| error)?;
        Ok(true)
    }

    /// Does what is due because time passed.
    ///
    /// # Errors
    /// As for [`Driver::serve`].
    pub fn tick(&mut self) -> Result<(), AppendError> {
        self.writer.tick().map_err(|Fatal(error)| error)
    }

    /// Keeps the present state for the next start.
    pub fn snapshot(&self) {
        follower::save(&self.front.view, self.snapshots.as_ref());
    }

    /// What readers see.
    pub fn view(&self) -> &Arc<View> {
        &self.front.view
    }

    /// The state that the next request is decided against.
    pub fn state(&self) -> &State {
        self.writer.decider.state()
    }

    fn ask(&self, input: Input) -> Pending {
        let (answer, receiver) = oneshot::channel();
        // The other end lives in this very driver, so the job is taken.
        let _ = self.jobs.send(Job { input, answer });
        Pending(Asked::Waiting(receiver))
    }
}

impl Pending {
    /// How far it is now.
    pub fn look(&mut self) -> Reply {
        match &mut self.0 {
            Asked::Refused(refusal) => {
                Reply::Answered(Answer::Command(Outcome::Refused(refusal.clone())))
            }
            Asked::Waiting(receiver) => match receiver.try_recv() {
                Ok(answer) => Reply::Answered(answer),
                Err(TryRecvError::Empty) => Reply::Waiting,
                Err(TryRecvError::Closed) => Reply::Lost,
            },
        }
    }
}
