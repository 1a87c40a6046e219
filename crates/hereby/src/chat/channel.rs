//! A channel as it is configured, and as it is reached.

use std::path::PathBuf;
use std::time::Duration;

use base::Name;
use notify::chat::cloudevents::{Receiver, SigningSecret};
use notify::chat::matrix::Homeserver;
use notify::chat::slack::Webhook;
use notify::chat::{BaseUrl, Patience, Secret};
use rustls::ClientConfig;

use crate::client::trusted;
use crate::exit::Failure;
use crate::secret_file;

/// How long the homeserver is asked to wait for something to be said.
pub(super) const LISTEN: Duration = Duration::from_secs(30);

/// A channel of `hereby.toml`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) place: Place,
    pub(crate) takes_private: bool,
    pub(crate) ca_file: Option<PathBuf>,
}

/// Where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A homeserver, and the file with an account's access token.
    Matrix { url: BaseUrl, token_file: PathBuf },
    /// The file with the address of an incoming webhook.
    Slack { secret_file: PathBuf },
    /// A program, and the file with the secret that signs.
    Webhook { url: BaseUrl, secret_file: PathBuf },
}

impl Settings {
    /// The word for it in the configuration.
    pub(crate) fn kind(&self) -> &'static str {
        match self.place {
            Place::Matrix { .. } => "matrix",
            Place::Slack { .. } => "slack",
            Place::Webhook { .. } => "webhook",
        }
    }

    /// The server's name; of a webhook whose address is a secret it is not read for this.
    pub(crate) fn host(&self) -> String {
        match &self.place {
            Place::Matrix { url, .. } | Place::Webhook { url, .. } => url.host().to_owned(),
            Place::Slack { secret_file } => format!("in {}", secret_file.display()),
        }
    }
}

/// A channel that can be reached.
pub(super) struct Channel {
    settings: Settings,
    line: Line,
}

/// What leads there.
pub(super) enum Line {
    Matrix(Box<Homeserver>),
    Slack(Box<Webhook>),
    Events(Box<Receiver>),
}

impl Channel {
    /// With its secret read.
    ///
    /// # Errors
    /// When the secret or the certificates can't be used.
    pub(super) fn open(settings: Settings) -> Result<Channel, Failure> {
        let tls = trusted(settings.ca_file.as_deref())?;
        let line = line(&settings, &tls)?;
        Ok(Channel { settings, line })
    }

    pub(super) fn name(&self) -> &Name {
        &self.settings.name
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// The homeserver, if it is one.
    pub(super) fn homeserver(&self) -> Option<&Homeserver> {
        match &self.line {
            Line::Matrix(homeserver) => Some(homeserver),
            Line::Slack(_) | Line::Events(_) => None,
        }
    }
}

fn line(settings: &Settings, tls: &ClientConfig) -> Result<Line, Failure> {
    let patience = Patience::default();
    let what = format!("the secret of chat {}", settings.name);
    Ok(match &settings.place {
        Place::Matrix { url, token_file } => {
            let token: Secret = secret_file::read(token_file, &what)?;
            let patience = Patience {
                // It answers after that long where nothing is said.
                answer: patience.answer + LISTEN,
                ..patience
            };
            let homeserver = Homeserver::new(url.clone(), token, tls, patience);
            Line::Matrix(Box::new(homeserver))
        }
        Place::Slack { secret_file } => {
            let address: BaseUrl = secret_file::read(secret_file, &what)?;
            Line::Slack(Box::new(Webhook::new(address, tls, patience)))
        }
        Place::Webhook { url, secret_file } => {
            let secret: SigningSecret = secret_file::read(secret_file, &what)?;
            let receiver = Receiver::new(url.clone(), secret, tls, patience);
            Line::Events(Box::new(receiver))
        }
    })
}
