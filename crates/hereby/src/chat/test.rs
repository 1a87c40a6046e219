//! `hereby chat test`: tries a channel as it is configured on this machine, without a running hereby.

use base::Name;
use serde_json::json;

use super::channel::{Channel, Line};
use crate::cli::Globals;
use crate::cli::machine::SettingsArgs;
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::Out;
use notify::chat::{Fate, Undone};

/// Tries the channel with this name: asks a homeserver who one is, says a line anywhere else.
///
/// # Errors
/// When it is not configured, not reached, or nobody knows.
pub(crate) fn test(
    name: &Name,
    settings: &SettingsArgs,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let config = Config::find(settings, &data_dir)?;
    let all = config.channels().map_err(Failure::usage)?;
    let known: Vec<String> = all.iter().map(|it| it.name.to_string()).collect();
    let settings = all.into_iter().find(|it| it.name == *name);
    let settings = settings.ok_or_else(|| {
        let known = match known.is_empty() {
            true => "none is configured".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        Failure::usage(format!("there is no channel {name}"))
            .because(known)
            .hint("docs/how-to/chat.md shows what stands in hereby.toml")
    })?;
    let channel = Channel::open(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "no thread could be started").because(error)
        })?;
    let said = runtime
        .block_on(tried(&channel))
        .map_err(|undone| failure(name, &undone))?;
    if out.is_json() {
        return out.json(&json!({"channel": name, "outcome": "done", "said": said}));
    }
    out.talk(said);
    Ok(())
}

async fn tried(channel: &Channel) -> Result<String, Undone> {
    let name = channel.name();
    match channel.line() {
        Line::Matrix(homeserver) => {
            let me = homeserver.whoami().await?;
            Ok(format!(
                "{name} is reached, as {me}. Nothing was said there."
            ))
        }
        Line::Slack(webhook) => {
            webhook
                .say("hereby was asked to try this channel: it works.")
                .await?;
            Ok(format!("{name} took a line."))
        }
        Line::Events(receiver) => {
            let now = Client::now();
            let id = format!("test-{}", now.as_ms());
            receiver.test(&id, "hereby", now).await?;
            Ok(format!("{name} took the event {id}."))
        }
    }
}

fn failure(name: &Name, undone: &Undone) -> Failure {
    let (exit, what) = match undone.fate {
        Fate::Unknown => (Exit::Unknown, "nobody knows whether it was taken"),
        Fate::Later(_) => (Exit::Unreachable, "it is not taken now"),
        Fate::Failed | Fate::Blocked => (Exit::Refused, "it was not taken"),
    };
    Failure::new(exit, format!("{name}: {what}"))
        .because(&undone.what)
        .hint("check the address and the secret in hereby.toml")
}
