//! `[mail]` and `[subscriptions]`: where mail is handed in, and who may be told what.

use std::net::IpAddr;
use std::path::PathBuf;

use base::Line;
use base::MailAddress;
use notify::Link;
use serde::Deserialize;

/// Where mail is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    /// The server's name or address.
    pub(crate) server: String,
    /// Its port.
    #[serde(default = "submission")]
    pub(crate) port: u16,
    /// How the conversation is encrypted.
    #[serde(default)]
    pub(crate) encryption: Encryption,
    /// Who it is from.
    pub(crate) from: String,
    /// Who it is from, as people read it.
    #[serde(default)]
    pub(crate) from_name: Option<String>,
    /// Who hands it in.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// The file that holds the password, readable by its owner alone.
    #[serde(default)]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates to trust (PEM) in place of the system's.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Mails a second at most.
    #[serde(default = "mails_per_second")]
    pub(crate) per_second: u32,
    /// Conversations at once at most.
    #[serde(default = "conversations")]
    pub(crate) connections: u32,
    /// The pause before what was not taken is tried again, in seconds; then twice as long.
    #[serde(default = "retry_s")]
    pub(crate) retry_s: u32,
    /// How often one mail is put off at most.
    #[serde(default = "tries_max")]
    pub(crate) tries_max: u32,
    /// After so long without a connection, what waits has failed, in seconds.
    #[serde(default = "give_up_s")]
    pub(crate) give_up_s: u32,
    /// How long the server may take for an answer, in seconds.
    #[serde(default = "answer_s")]
    pub(crate) answer_s: u32,
}

/// How a conversation with the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encryption {
    /// It begins in the clear and is encrypted before anything is said.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: a loopback address.
    None,
}

/// Who may be told what is said to the public.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscriptions {
    /// Where the public reaches the pages of subscriptions: `https://status.example.org`.
    pub(crate) url: String,
    /// What people call the page.
    pub(crate) title: String,
    /// Whether programs can subscribe.
    #[serde(default = "yes")]
    pub(crate) webhooks: bool,
    /// Whether webhooks may lead to addresses that are not public.
    #[serde(default)]
    pub(crate) allow_private: bool,
    /// Certificates of webhooks to trust (PEM) in place of the system's.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether a public update goes to subscribers by itself.
    #[serde(default)]
    pub(crate) send: Send,
    /// How many may ask to be told in an hour, in all.
    #[serde(default = "requests_per_hour")]
    pub(crate) requests_per_hour: u32,
    /// And from one address (IPv6: one /64).
    #[serde(default = "requests_of_one_per_hour")]
    pub(crate) requests_of_one_per_hour: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Webhooks a second at most.
    #[serde(default = "hooks_per_second")]
    pub(crate) per_second: u32,
    /// Webhooks at once at most.
    #[serde(default = "hooks_at_once")]
    pub(crate) connections: u32,
}

/// Whether a public update goes to subscribers by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Send {
    /// Somebody says so: `hereby update … --notify`, `hereby notice send`.
    #[default]
    Ask,
    /// Every one does, at once.
    Always,
}

fn submission() -> u16 {
    587
}
fn mails_per_second() -> u32 {
    20
}
fn conversations() -> u32 {
    4
}
fn retry_s() -> u32 {
    60
}
fn tries_max() -> u32 {
    6
}
fn give_up_s() -> u32 {
    14_400
}
fn answer_s() -> u32 {
    120
}
fn yes() -> bool {
    true
}
fn requests_per_hour() -> u32 {
    1_000
}
fn requests_of_one_per_hour() -> u32 {
    20
}
fn hooks_per_second() -> u32 {
    50
}
fn hooks_at_once() -> u32 {
    16
}

impl Mail {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let from = self.from.parse::<MailAddress>();
        from.map_err(|bad| format!("mail.from = \"{}\": {bad}", self.from))?;
        let name = self.from_name.as_deref().map(str::parse::<Line>);
        if name.is_some_and(|name| name.is_err()) {
            return Err("mail.from_name is a line of at most 200 bytes".to_owned());
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err("mail.user and mail.password_file belong together".to_owned());
        }
        let address = self.server.parse::<IpAddr>();
        let here = self.server == "localhost" || address.is_ok_and(|it| it.is_loopback());
        if self.encryption == Encryption::None && !here {
            return Err(format!(
                "mail.encryption = \"none\" is for a server on this machine; {} is not",
                self.server
            ));
        }
        let bounds = [
            ("per_second", self.per_second, 1_000),
            ("connections", self.connections, 64),
            ("retry_s", self.retry_s, 3_600),
            ("tries_max", self.tries_max, 20),
            ("give_up_s", self.give_up_s, 7 * 86_400),
            ("answer_s", self.answer_s, 600),
        ];
        within("mail", &bounds)
    }
}

impl Subscriptions {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let link = self.url.parse::<Link>();
        link.map_err(|bad| format!("subscriptions.url = \"{}\": {bad}", self.url))?;
        if self.url.ends_with('/') || self.url.contains(['?', '#']) {
            return Err(
                "subscriptions.url has no slash at its end, no query and no fragment".to_owned(),
            );
        }
        if self.title.parse::<Line>().is_err() || self.title.len() > 80 {
            return Err("subscriptions.title is a line of 1 to 80 bytes".to_owned());
        }
        let bounds = [
            ("requests_per_hour", self.requests_per_hour, 100_000),
            (
                "requests_of_one_per_hour",
                self.requests_of_one_per_hour,
                100_000,
            ),
            ("per_second", self.per_second, 1_000),
            ("connections", self.connections, 256),
        ];
        within("subscriptions", &bounds)
    }
}

fn within(table: &str, bounds: &[(&str, u32, u32)]) -> Result<(), String> {
    match bounds
        .iter()
        .find(|(_, value, max)| !(1..=*max).contains(value))
    {
        None => Ok(()),
        Some((name, _, max)) => Err(format!("{table}.{name} lies between 1 and {max}")),
    }
}
