//! Which claim says who somebody is here, and what of it is a name.

use std::collections::BTreeMap;

use base::PersonName;
use serde_json::{Map, Value};

/// The longest name of a claim, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// How a provider's word becomes a name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim: `preferred_username`, `email`, `sub`.
    name: String,
    /// With `email`: the domain that the address must be of, in lower case.
    domain: Option<String>,
    /// If there are any: the only values that stand for somebody, and for whom.
    people: BTreeMap<String, PersonName>,
}

/// Why a claim can't be used so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadClaim {
    /// It has no name, or one that can't be.
    #[error("a claim is named in 1 to 64 visible ASCII characters: preferred_username, email, sub")]
    Name,
    /// An address says nothing without its domain.
    #[error(
        "the claim `email` needs email_domain: what stands before the @ is a name in one domain only"
    )]
    NeedsDomain,
    /// Another claim has none.
    #[error("email_domain belongs to the claim `email`")]
    NoDomain,
}

impl Claim {
    /// A claim. With `people` only the values in it stand for somebody: else an account with the name
    /// of a person here would be that person. Without, the value is a person's name itself, and of an
    /// address what stands before its `@`.
    ///
    /// # Errors
    /// See [`BadClaim`].
    pub fn new(
        name: &str,
        email_domain: Option<&str>,
        people: BTreeMap<String, PersonName>,
    ) -> Result<Claim, BadClaim> {
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            return Err(BadClaim::Name);
        }
        match (name == "email", email_domain) {
            (true, None) if people.is_empty() => return Err(BadClaim::NeedsDomain),
            (false, Some(_)) => return Err(BadClaim::NoDomain),
            _ => {}
        }
        Ok(Claim {
            name: name.to_owned(),
            domain: email_domain.map(str::to_ascii_lowercase),
            people,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether these claims have it.
    pub(crate) fn is_in(&self, claims: &Map<String, Value>) -> bool {
        claims.get(&self.name).is_some_and(Value::is_string)
    }

    /// Who it is, if these claims say so. An address that the provider did not verify says nothing:
    /// anybody could have typed it.
    pub(crate) fn person(&self, claims: &Map<String, Value>) -> Result<PersonName, String> {
        let name = &self.name;
        let value = claims.get(name).and_then(Value::as_str);
        let value = value.ok_or_else(|| format!("it says nothing in the claim {name}"))?;
        let is_email = name == "email";
        if is_email && claims.get("email_verified") != Some(&Value::Bool(true)) {
            return Err("it has not verified that address (email_verified)".to_owned());
        }
        if !self.people.is_empty() {
            let person = self.people.get(value).cloned();
            return person.ok_or_else(|| {
                format!("its value of the claim {name} is not in [oidc.people]: it is nobody here")
            });
        }
        let text = match (is_email, &self.domain) {
            (false, _) => value.to_owned(),
            (true, None) => return Err("oidc.email_domain is missing".to_owned()),
            (true, Some(domain)) => match value.rsplit_once('@') {
                Some((local, of)) if of.eq_ignore_ascii_case(domain) => local.to_ascii_lowercase(),
                _ => return Err(format!("the address is not of {domain}")),
            },
        };
        text.parse()
            .map_err(|error| format!("the claim {name} is no name here: {error}"))
    }
}
