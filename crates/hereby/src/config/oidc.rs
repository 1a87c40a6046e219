//! `[oidc]`: the identity provider that says who people are, beside links.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::{Line, PersonName};
use oidc::{Claim, Issuer};
use serde::Deserialize;

/// The most values that stand for somebody.
const PEOPLE_MAX: usize = 10_000;

/// The most that a provider is asked for.
const SCOPES_MAX: usize = 16;

/// An identity provider as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    /// Who vouches, as it stands in its tokens: `https://id.example.org`.
    pub(crate) issuer: String,
    /// As what it knows this hereby.
    pub(crate) client_id: String,
    /// The file with what shows that it is this one; none: a public client.
    #[serde(default)]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Which claim says who somebody is here.
    pub(crate) person_claim: String,
    /// With the claim `email`: the domain whose addresses are names here.
    #[serde(default)]
    pub(crate) email_domain: Option<String>,
    /// Whom a value of the claim stands for. Where there are any, no other value is anybody.
    #[serde(default)]
    pub(crate) people: BTreeMap<String, PersonName>,
    /// What it is asked for beside `openid`.
    #[serde(default = "scopes")]
    pub(crate) scopes: Vec<String>,
    /// What people call it.
    #[serde(default)]
    pub(crate) name: Option<Line>,
    /// The CA certificate to trust (PEM).
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

fn scopes() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

impl Oidc {
    /// Who vouches.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn issuer(&self) -> Result<Issuer, String> {
        let issuer = self.issuer.parse();
        issuer.map_err(|error| format!("oidc.issuer: {error}"))
    }

    /// Which claim says who somebody is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn claim(&self) -> Result<Claim, String> {
        let domain = self.email_domain.as_deref();
        Claim::new(&self.person_claim, domain, self.people.clone())
            .map_err(|error| format!("oidc.person_claim: {error}"))
    }

    /// What people call it: its host, unless it has a name.
    pub(crate) fn name(&self) -> String {
        let host = self.issuer.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        self.name
            .as_ref()
            .map_or_else(|| host.to_owned(), ToString::to_string)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let word = |text: &String| {
            (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !word(&self.client_id) {
            return Err("oidc.client_id is one word of visible ASCII".to_owned());
        }
        if self.scopes.len() > SCOPES_MAX || !self.scopes.iter().all(word) {
            return Err(format!(
                "oidc.scopes are at most {SCOPES_MAX} words of visible ASCII"
            ));
        }
        if self.people.len() > PEOPLE_MAX {
            return Err(format!("oidc.people are at most {PEOPLE_MAX}"));
        }
        self.issuer()?;
        self.claim().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn why(more: &str) -> String {
        let text = "[oidc]\nissuer = \"https://id.example.org\"\nclient_id = \"hereby\"\n";
        Config::parse(&format!("{text}{more}")).map_or_else(|why| why, |_| String::new())
    }

    #[test]
    fn a_claim_says_who_somebody_is_and_an_address_needs_its_domain() {
        assert_eq!(why("person_claim = \"preferred_username\"\n"), "");
        assert!(why("").contains("person_claim"));
        assert!(why("person_claim = \"email\"\n").contains("email_domain"));
        assert_eq!(
            why("person_claim = \"email\"\nemail_domain = \"example.org\"\n"),
            ""
        );
        assert!(why("person_claim = \"sub\"\nemail_domain = \"example.org\"\n").contains("email"));
        assert_eq!(
            why("person_claim = \"sub\"\npeople = {\"248289761001\" = \"sam\"}\n"),
            ""
        );
    }

    #[test]
    fn a_provider_is_asked_over_tls_and_secrets_stand_in_files() {
        let claim = "person_claim = \"sub\"\n";
        assert!(why(&format!("{claim}client_secret = \"x\"\n")).contains("client_secret"));
        let clear = "[oidc]\nissuer = \"http://id.example.org\"\nclient_id = \"h\"\n";
        let clear = Config::parse(&format!("{clear}{claim}")).unwrap_err();
        assert!(clear.contains("https"), "{clear}");
        assert!(why(&format!("{claim}scopes = [\"two words\"]\n")).contains("scopes"));
    }
}
