//! Incoming webhooks in Slack's shape (Slack, Mattermost, Rocket.Chat and others take it):
//! `POST {"text": …}` to an address that is itself the secret.
//!
//! Nothing in the shape names a message, so a message whose answer was lost is **not** sent again by
//! anybody who has to say each thing once: [`Fate::Unknown`] is counted and shown, never rounded to
//! one of the others.

use std::sync::Arc;

use hyper::Method;
use rustls::ClientConfig;
use serde_json::json;

use super::{ANSWER_BYTES_MAX, BaseUrl, Patience, Undone, cut, taken};
use exchange::{Ask, Server};

/// The longest text, in bytes. Slack cuts messages at 40,000 characters.
const TEXT_BYTES_MAX: usize = 30_000;

/// An incoming webhook.
pub struct Webhook {
    server: Server,
}

impl Webhook {
    /// The webhook at this address, which whoever knows may write to: it is shown nowhere.
    pub fn new(address: BaseUrl, tls: &ClientConfig, patience: Patience) -> Webhook {
        Webhook {
            server: Server {
                base: address,
                auth: None,
                tls: Arc::new(tls.clone()),
                patience,
            },
        }
    }

    /// The server's name, which is no secret.
    pub fn host(&self) -> &str {
        self.server.base.host()
    }

    /// Says this text, as it is.
    ///
    /// # Errors
    /// When it was not taken, or nobody knows.
    pub async fn say(&self, text: &str) -> Result<(), Undone> {
        let ask = Ask {
            method: Method::POST,
            path: self.server.base.whole_path(),
            body: Some(body(text)),
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..Ask::default()
        };
        taken(&self.server, self.server.ask(ask).await).map(drop)
    }
}

/// The message: plain text in `text` alone, with links and names left as they are written.
fn body(text: &str) -> Vec<u8> {
    let message = json!({
        "text": escaped(&cut(text, TEXT_BYTES_MAX)),
        // Nothing in the text is a mark, a name or a link that is looked at.
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    message.to_string().into_bytes()
}

/// Text in which nothing is a control sequence of mrkdwn: `&`, `<` and `>` begin them all, such as
/// `<!channel>` and `<@U024BE7LH>` ("Formatting text for app surfaces", api.slack.com), and are
/// written as entities. The shape's other implementations look for bare names and for Markdown's
/// links: a zero-width space behind each `@`, and before the bracket of an address, keeps them from
/// calling anybody and from loading anything.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("@\u{200B}"),
            '(' if out.ends_with(']') => out.push_str("\u{200B}("),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
pub(super) fn body_of(text: &str) -> serde_json::Value {
    serde_json::from_slice(&body(text)).expect("it was just written")
}
