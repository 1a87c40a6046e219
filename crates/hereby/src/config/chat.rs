//! `[[chat]]`: where what happens in incidents is said beside here.

use std::path::PathBuf;

use base::{Name, ServiceName, Severity};
use incident::{Channel, Opens};
use serde::Deserialize;

use crate::chat::{Place, Settings};
use crate::cli::parse;

/// The most channels: as many as one incident has rooms.
const CHANNELS_MAX: usize = 8;

/// The longest that a room stays after its incident: a week.
const STAYS_MS_MAX: i64 = 7 * 86_400_000;

/// A channel as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatChannel {
    /// What it is called.
    pub(crate) name: Name,
    /// What is there.
    pub(crate) kind: ChatKind,
    /// The homeserver's URL, or the program's.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// The file with the account's access token.
    #[serde(default)]
    pub(crate) token_file: Option<PathBuf>,
    /// The file with the webhook's address, or with the secret that signs.
    #[serde(default)]
    pub(crate) secret_file: Option<PathBuf>,
    /// The CA certificate to trust (PEM).
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Private incidents may be said there.
    #[serde(default)]
    pub(crate) private: bool,
    /// A room is asked for by itself where it is this bad or worse; none: never.
    #[serde(default)]
    pub(crate) opens_at: Option<Severity>,
    /// Only where one of these services is affected.
    #[serde(default)]
    pub(crate) services: Vec<ServiceName>,
    /// For drills as well.
    #[serde(default)]
    pub(crate) drills: bool,
    /// How long a room stays after its incident was resolved: `15m`.
    #[serde(default)]
    pub(crate) stays: Option<String>,
}

/// What is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChatKind {
    Matrix,
    Slack,
    Webhook,
}

/// Checks what is written down.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn channels(all: &[ChatChannel]) -> Result<Vec<Settings>, String> {
    if all.len() > CHANNELS_MAX {
        return Err(format!("at most {CHANNELS_MAX} [[chat]] are taken"));
    }
    for (at, channel) in all.iter().enumerate() {
        if all.iter().take(at).any(|it| it.name == channel.name) {
            return Err(format!("chat {}: there are two of this name", channel.name));
        }
    }
    all.iter().map(settings).collect()
}

fn settings(channel: &ChatChannel) -> Result<Settings, String> {
    let name = &channel.name;
    let needs = |what: &str| format!("chat {name}: {what}");
    let url = || {
        let url = channel.url.as_deref();
        let url = url.ok_or_else(|| needs("it needs a url"))?;
        url.parse()
            .map_err(|error| needs(&format!("the url: {error}")))
    };
    let secret = channel.secret_file.clone();
    let place = match (channel.kind, &channel.token_file, secret) {
        (ChatKind::Matrix, Some(token_file), None) => Place::Matrix {
            url: url()?,
            token_file: token_file.clone(),
        },
        (ChatKind::Matrix, ..) => {
            return Err(needs("matrix takes a url and a token_file"));
        }
        (ChatKind::Slack, None, Some(secret_file)) if channel.url.is_none() => {
            Place::Slack { secret_file }
        }
        (ChatKind::Slack, ..) => {
            return Err(needs(
                "the address of a webhook in Slack's shape is a secret: it stands in a \
                 secret_file, and nothing else is needed",
            ));
        }
        (ChatKind::Webhook, None, Some(secret_file)) => Place::Webhook {
            url: url()?,
            secret_file,
        },
        (ChatKind::Webhook, ..) => {
            return Err(needs("webhook takes a url and a secret_file"));
        }
    };
    let alone = channel.opens_at.is_none() && (channel.drills || !channel.services.is_empty());
    if alone {
        return Err(needs(
            "services and drills say when a room is opened: opens_at belongs to them",
        ));
    }
    stays_ms(channel)?;
    Ok(Settings {
        name: name.clone(),
        place,
        takes_private: channel.private,
        ca_file: channel.ca_file.clone(),
    })
}

fn stays_ms(channel: &ChatChannel) -> Result<i64, String> {
    let stays = channel.stays.as_deref().unwrap_or("15m");
    let ms = parse::duration_ms(stays).ok();
    ms.filter(|ms| (1..=STAYS_MS_MAX).contains(ms))
        .ok_or_else(|| {
            let name = &channel.name;
            format!("chat {name}: stays is a length of time of a second to a week: 15m, 2h")
        })
}

/// The channel as decisions know it.
pub(crate) fn rule(channel: &ChatChannel) -> Channel {
    Channel {
        name: channel.name.clone(),
        has_rooms: channel.kind == ChatKind::Matrix,
        takes_private: channel.private,
        opens: channel.opens_at.map(|severity_at_most| Opens {
            severity_at_most,
            services: channel.services.clone(),
            drills: channel.drills,
        }),
        // What is wrong here was said when the configuration was read.
        stays_ms: stays_ms(channel).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn why(text: &str) -> String {
        Config::parse(text).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_channel_has_what_its_kind_needs_and_no_more() {
        let good = "[[chat]]\nname = \"m\"\nkind = \"matrix\"\nurl = \"https://m.example.org\"\n\
                    token_file = \"/t\"\nopens_at = 2\nservices = [\"checkout\"]\nstays = \"1h\"\n";
        let config = Config::parse(good).unwrap();
        let rules = config.rules();
        let [channel] = rules.channels.as_slice() else {
            panic!("one channel")
        };
        assert!(channel.has_rooms && !channel.takes_private);
        assert_eq!(channel.stays_ms, 3_600_000);
        for (more, part) in [
            (
                "secret_file = \"/s\"\n",
                "matrix takes a url and a token_file",
            ),
            ("stays = \"8d\"\n", "duplicate key"),
        ] {
            assert!(why(&format!("{good}{more}")).contains(part), "{more}");
        }
        assert!(why(&format!("{good}{good}")).contains("two of this name"));
        let slack = "[[chat]]\nname = \"s\"\nkind = \"slack\"\n";
        assert!(why(slack).contains("is a secret"));
        assert!(why(&format!("{slack}secret_file = \"/s\"\ndrills = true\n")).contains("opens_at"));
        let open = "[[chat]]\nname = \"w\"\nkind = \"webhook\"\nurl = \"http://example.org\"\n\
                    secret_file = \"/s\"\n";
        assert!(why(open).contains("https"));
        let long = slack.to_owned() + "secret_file = \"/s\"\nstays = \"8d\"\n";
        assert!(why(&long).contains("to a week"));
    }
}
