//! Asks an address whether it is theirs: a mail with a link, or a challenge that a webhook answers.

use std::sync::Arc;
use std::time::Duration;

use base::MailAddress;
use engine::ports::Clock as _;
use notify::outside::{Answered, HookUrl, Signed};
use notify::post::{Message, Said};
use serde_json::{Value as Json, json};

use super::{Confirming, Subscriptions, letters};
use crate::station::SystemClock;
use web::Wish;

/// How often a mail is handed in that the server did not take, and the pauses between.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

impl Subscriptions {
    /// Sends the link that confirms. Answers the word for what became of it.
    pub(super) async fn send_link(&self, wish: &Wish, confirming: &Confirming) -> &'static str {
        let Some(message) = self.link_message(wish, confirming) else {
            return "mail_failed";
        };
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.hand_in(&message).await {
                Said::Yes => return "mail_sent",
                Said::No(why) => {
                    tracing::info!(%why, "a mail that asks to confirm was not taken");
                    return "mail_failed";
                }
                Said::Nothing => return "mail_unknown",
                Said::NotNow(why) | Said::NotUs(why) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => {
                        tracing::warn!(%why, "a mail that asks to confirm could not be handed in");
                        return "mail_failed";
                    }
                },
            }
        }
    }

    fn link_message(&self, wish: &Wish, confirming: &Confirming) -> Option<Message> {
        let to: MailAddress = wish.address.parse().ok()?;
        let (from, _) = self.house.from.as_ref()?;
        let pass = self.confirm_pass(confirming).ok()?;
        let letter = letters::confirmation(&self.house, to, wish.language, &pass);
        letter.write(from, SystemClock.now()).ok()
    }

    /// [`Said::Nothing`] only after the mail was being handed in: before, it is "not now".
    async fn hand_in(&self, message: &Message) -> Said {
        let Some(server) = &self.mail else {
            return Said::No("no_mail_server".into());
        };
        let mut sender = match server.connect().await {
            Ok(sender) => sender,
            Err(why) => return Said::NotNow(why.into()),
        };
        match sender.offer(message).await {
            Said::Yes => {}
            Said::Nothing => return Said::NotNow("connection_lost".into()),
            Said::NotUs(why) => {
                (server.trouble)(&why);
                return Said::NotNow(why);
            }
            said => return said,
        }
        let said = sender.hand_in(message).await;
        if said == Said::Yes {
            sender.end().await;
        }
        said
    }

    /// Sends a challenge, with the secret that signs everything later; whoever answers it at that
    /// URL owns it, and is told from now on. Answers the word for what became of it.
    pub(super) async fn challenge(
        self: &Arc<Self>,
        wish: &Wish,
        confirming: Confirming,
    ) -> &'static str {
        let Ok(url) = wish.address.parse::<HookUrl>() else {
            return "challenge_failed";
        };
        let challenge = confirming.i.clone();
        let secret = self.house.hook_secret(&url);
        let id = format!("challenge.{challenge}");
        let body = json!({
            "specversion": "1.0",
            "id": id,
            "source": self.house.url,
            "type": "hereby.subscription.challenge",
            "time": SystemClock.now(),
            "datacontenttype": "application/json",
            "data": {"challenge": challenge, "secret": secret.expose()},
        });
        let signed = Signed {
            id: id.into(),
            timestamp_s: SystemClock.now().as_ms().div_euclid(1_000),
            body: body.to_string(),
            secret,
        };
        let line = match self.outside.connect(&url).await {
            Ok(line) => line,
            Err(unsent) if unsent.why == "private_address" => return unsent.why,
            Err(_) => return "challenge_failed",
        };
        let answered = match self.outside.post(line, &url, &signed).await {
            Ok(Answered::Status(status, body)) if status.is_success() => body,
            _ => return "challenge_failed",
        };
        if !answers(&answered, &challenge) {
            return "challenge_failed";
        }
        match self.take(confirming).await {
            Ok(_) => "challenge_answered",
            Err(declined) => {
                tracing::warn!(?declined, "a webhook answered, and could not be kept");
                "challenge_failed"
            }
        }
    }
}

/// The challenge alone, or as the one field of an object: an echo of what was sent is no answer.
fn answers(body: &[u8], challenge: &str) -> bool {
    let text = std::str::from_utf8(body).map(str::trim).unwrap_or_default();
    if text == challenge {
        return true;
    }
    serde_json::from_str::<Json>(text).is_ok_and(|it| it == json!({"challenge": challenge}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_challenge_itself_answers_it() {
        for (body, right) in [
            ("abc", true),
            (" abc\n", true),
            (r#"{"challenge":"abc"}"#, true),
            (r#"{"challenge":"abd"}"#, false),
            (r#"{"data":{"challenge":"abc"}}"#, false),
            (r#"{"challenge":"abc","secret":"x"}"#, false),
            ("", false),
            ("\"abc\"", false),
        ] {
            assert_eq!(answers(body.as_bytes(), "abc"), right, "{body}");
        }
    }
}
