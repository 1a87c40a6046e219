//! One mail as bytes: plain text beside simple HTML (RFC 2046 §5.1.4), and what machines ask of a
//! list's mail: how to leave with one click (RFC 2369, RFC 8058), and that no person answers it
//! (RFC 3834).

use std::time::{Duration, SystemTime};

use base::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::Link;
use base::MailAddress;

/// What is written to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: MailAddress,
    /// From whom, as people read it; the address is the sender's.
    pub from_name: Option<String>,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What the mail is known by: visible ASCII without `<`, `>`, `@` or spaces. The same for each
    /// try.
    pub id: String,
    /// Where one leaves, with one click; none where that makes no sense.
    pub unsubscribe: Option<Link>,
    /// The language it is in: `en`.
    pub language: &'static str,
}

/// A mail that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// To whom.
    pub to: MailAddress,
    /// Head and body, with CRLF.
    pub bytes: Vec<u8>,
}

/// A letter that can't be written as a mail.
#[derive(Debug, thiserror::Error)]
#[error("this can't be written as a mail: {0}")]
pub struct BadLetter(String);

impl Letter {
    /// Writes it as a mail from `from`, at `now`.
    ///
    /// # Errors
    /// When an address or a line can't be written in a mail's head.
    pub fn write(&self, from: &MailAddress, now: Timestamp) -> Result<Message, BadLetter> {
        let bad = |error: &dyn std::fmt::Display| BadLetter(error.to_string());
        let heads = [Some(&self.subject), Some(&self.id), self.from_name.as_ref()];
        let broken = |text: &&String| text.chars().any(char::is_control);
        if heads.into_iter().flatten().any(|text| broken(&text)) {
            return Err(bad(&"its head has a control character"));
        }
        let address = |address: &MailAddress| {
            let parsed = address.as_str().parse::<lettre::Address>();
            parsed.map_err(|error| bad(&error))
        };
        let sender = Mailbox::new(self.from_name.clone(), address(from)?);
        let domain = from.as_str().rsplit('@').next().unwrap_or_default();
        let since_1970 = Duration::from_millis(u64::try_from(now.as_ms()).unwrap_or(0));
        let mut message = lettre::Message::builder()
            .from(sender)
            .to(Mailbox::new(None, address(&self.to)?))
            .subject(self.subject.clone())
            .date(SystemTime::UNIX_EPOCH + since_1970)
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .multipart(MultiPart::alternative_plain_html(
                self.text.clone(),
                self.html.clone(),
            ))
            .map_err(|error| bad(&error))?;
        let mut headers = vec![
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("Content-Language", self.language.to_owned()),
        ];
        if let Some(link) = &self.unsubscribe {
            headers.push(("List-Unsubscribe", format!("<{link}>")));
            headers.push((
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            ));
        }
        for (name, value) in headers {
            let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| bad(&error))?;
            // Visible ASCII: written as it is, for a link that was broken up would be none.
            let raw = HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value);
            message.headers_mut().insert_raw(raw);
        }
        Ok(Message {
            to: self.to.clone(),
            bytes: message.formatted(),
        })
    }
}
