//! Says what happens in incidents where people talk, and hears what is said there: the channels of
//! `hereby.toml`.
//!
//! Runs on a thread of its own behind everybody else: it reads what readers see, as every other
//! reader does, and asks the engine for acts as every other sender does. A chat that is slow, gone or
//! never was there delays nothing. What the servers take, and what their answers mean, is in
//! [`notify::chat`]; which incident may leave to which channel is decided with the acts
//! (`incident`'s `chat`).

use std::sync::Arc;
use std::time::Duration;

use base::Name;
use store::Rank;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::station::Station;

mod board;
mod channel;
mod desk;
mod journal;
mod listen;
mod mirror;
mod notes;
mod people;
mod rooms;
mod test;
mod transcript;
mod trouble;
mod words;

pub(crate) use board::Board;
pub(crate) use channel::{Place, Settings};
pub(crate) use test::test;

use channel::Channel;
use desk::Desk;
use listen::Listener;
use mirror::Mirror;

/// The first pause after something went wrong; it doubles from there.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The part of hereby that acts.
pub(crate) fn part() -> Name {
    "chat".parse().expect("a lower-case word")
}

/// Reaches every configured channel from now on, for as long as the process lives.
///
/// # Errors
/// When a channel's secret can't be read, or no thread be started.
pub(crate) fn start(config: &Config, station: &Station) -> Result<Arc<Board>, Failure> {
    let settings = config.channels().map_err(Failure::usage)?;
    let board = Arc::new(Board::new(&settings));
    if settings.is_empty() {
        return Ok(board);
    }
    let desk = Arc::new(Desk::new(station));
    let directory = station.paths.root().join("chat");
    let mut mirrors = Vec::new();
    let mut listeners = Vec::new();
    for settings in settings {
        let channel = Arc::new(Channel::open(settings)?);
        let journal = |what: &str| directory.join(format!("{}.{what}.json", channel.name()));
        let at = (desk.clone(), channel.clone(), board.clone());
        if channel.homeserver().is_some() {
            listeners.push(Listener::new(at.clone(), journal("heard")));
        }
        mirrors.push(Mirror::new(at, journal("said")));
    }
    let run = move || {
        // Nobody waits for what is said elsewhere.
        let _ = Rank::Behind.take();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(async move {
                let mirrors = mirrors.into_iter().map(|it| tokio::spawn(it.run()));
                let mut tasks: Vec<_> = mirrors.collect();
                tasks.extend(listeners.into_iter().map(|it| tokio::spawn(it.run())));
                for task in tasks {
                    if let Err(error) = task.await {
                        tracing::error!(%error, "a channel is served no more: a bug in hereby");
                    }
                }
            }),
            Err(error) => tracing::error!(%error, "no channel is served"),
        }
    };
    std::thread::Builder::new()
        .name("chat".to_owned())
        .spawn(run)
        .map_err(|error| Failure::new(Exit::Internal, "no thread").because(error))?;
    Ok(board)
}

/// A pause after another one that did not help.
fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX)
}
