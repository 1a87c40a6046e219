//! A mail address, as far as meetings and sign-ins need one.
//!
//! ASCII addresses with an unquoted local part only. Whether mail arrives there is not asked.

use std::fmt;
use std::str::FromStr;

/// RFC 5321 §4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;

/// RFC 1035 §2.3.4, written out.
const DOMAIN_BYTES_MAX: usize = 253;

/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// A mail address: a dot-atom of at most 64 bytes (RFC 5322 §3.2.3), `@`, a host name (RFC 1123).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailAddress(Box<str>);

/// A text that is no mail address hereby can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mail address is written sam@example.org, in ASCII and without quotes")]
pub struct BadMailAddress;

impl MailAddress {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `mailto:` URL (RFC 6068 §2): what has a meaning in a URL is percent-encoded.
    pub fn mailto(&self) -> String {
        let mut url = String::from("mailto:");
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~!$'*+@".contains(&byte) {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        url
    }
}

fn is_local_part(text: &str) -> bool {
    let atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.len() <= LOCAL_BYTES_MAX
        && text
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(atext))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= DOMAIN_BYTES_MAX && text.split('.').all(is_label)
}

impl FromStr for MailAddress {
    type Err = BadMailAddress;
    fn from_str(text: &str) -> Result<MailAddress, BadMailAddress> {
        match text.split_once('@') {
            Some((local, domain)) if is_local_part(local) && is_domain(domain) => {
                Ok(MailAddress(text.into()))
            }
            _ => Err(BadMailAddress),
        }
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
