//! Carries out how versions go out: looks at what edges report, and asks for the next stage, the end, or the
//! way back. What may happen is decided by the engine, as for everybody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{CommandId, Name, Prose};
use engine::{Engine, Outcome, Request, Transport};
use record::command::Command;
use rollout::watch::{Proposal, Watch};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);
const SOURCE: &str = "rollout";

/// What edges report, shared with who hears them.
pub(crate) type Shared = Arc<Mutex<Watch>>;

/// Begins to look.
pub(crate) fn begin(engine: Arc<Engine>) -> Shared {
    let watch = Shared::default();
    tokio::spawn(keep(engine, watch.clone()));
    watch
}

/// Looks for as long as hereby runs.
async fn keep(engine: Arc<Engine>, watch: Shared) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now = engine.now();
        let proposals = {
            // Before the view: whoever has that never waits for this.
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            engine.view().read(|state| watch.look(&state.fleet, now))
        };
        for proposal in proposals {
            ask(&engine, proposal).await;
        }
    }
}

async fn ask(engine: &Engine, proposal: Proposal) {
    let id: Result<CommandId, _> = format!("rollout:{}", proposal.id).parse();
    let (Ok(id), Ok(source)) = (id, SOURCE.parse::<Name>()) else {
        tracing::error!(id = proposal.id, "this can't be asked for");
        return;
    };
    let mut command = Command::new(id, proposal.verb);
    command.why = proposal.why.and_then(|why| why.parse::<Prose>().ok());
    let request = Request {
        transport: Transport::Own(source),
        command,
        signature: None,
    };
    match engine.submit(request).await {
        Outcome::Done(receipts) => {
            for receipt in receipts {
                tracing::info!(subject = receipt.subject.id(), "{}", receipt.kind);
            }
        }
        // Somebody else was first, or the time has not come after all: the next look sees.
        Outcome::Refused(refusal) => tracing::debug!(%refusal, "not now"),
        Outcome::Unknown => {}
    }
}
