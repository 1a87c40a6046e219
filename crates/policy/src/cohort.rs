//! Which kind of client a request comes from, so that trouble of one kind shows: an old app that tries
//! again too often, a network whose answers come late.
//!
//! Cohorts are few and declared, so nobody outside can make them more. Membership is believed, not
//! proven: nothing is decided by it.

use core::net::IpAddr;

use crate::prefix::Prefix;

/// The most that may be declared.
pub const COHORTS_MAX: usize = 16;
/// What those are called that belong to none.
pub const OTHER: &str = "other";

/// One kind of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    pub name: String,
    pub members: Members,
}

/// Who belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Whose header of this name, in lower case, has such a value.
    Header(String, Value),
    /// Who comes from one of these.
    Addresses(Vec<Prefix>),
}

/// A header's value. Capitals count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Exact(String),
    Prefix(String),
    Contains(String),
}

impl Value {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Value::Exact(text) => value == text.as_bytes(),
            Value::Prefix(text) => value.starts_with(text.as_bytes()),
            Value::Contains(text) => {
                let text = text.as_bytes();
                !text.is_empty() && value.windows(text.len()).any(|part| part == text)
            }
        }
    }
}

/// The place of the first cohort that a request belongs to; none: it is another's. `header` gives the
/// value of a header that is there once.
pub fn of<'h>(
    cohorts: &[Cohort],
    client: IpAddr,
    header: impl Fn(&str) -> Option<&'h [u8]>,
) -> Option<usize> {
    cohorts.iter().position(|cohort| match &cohort.members {
        Members::Header(name, value) => header(name).is_some_and(|found| value.holds(found)),
        Members::Addresses(all) => all.iter().any(|prefix| prefix.holds(client)),
    })
}

#[cfg(test)]
mod tests {
    //! The first that fits has it.

    use super::{Cohort, Members, Value, of};

    fn cohort(members: Members) -> Cohort {
        Cohort {
            name: "x".to_owned(),
            members,
        }
    }

    #[test]
    fn the_first_that_fits_has_it_and_who_fits_none_is_another() {
        let agent = |value| cohort(Members::Header("user-agent".to_owned(), value));
        let cohorts = [
            agent(Value::Exact("app/4".to_owned())),
            agent(Value::Prefix("app/4.".to_owned())),
            agent(Value::Contains("bot".to_owned())),
            cohort(Members::Addresses(vec!["192.0.2.0/24".parse().unwrap()])),
        ];
        let find = |agent: Option<&'static str>, client: &str| {
            let client = client.parse().unwrap();
            of(&cohorts, client, |name| {
                agent.filter(|_| name == "user-agent").map(str::as_bytes)
            })
        };
        assert_eq!(find(Some("app/4"), "192.0.2.1"), Some(0));
        assert_eq!(find(Some("app/4.1 bot"), "192.0.2.1"), Some(1));
        assert_eq!(find(Some("a bot"), "192.0.2.1"), Some(2));
        assert_eq!(find(Some("App/4"), "192.0.2.1"), Some(3));
        assert_eq!(find(None, "::ffff:192.0.2.1"), Some(3));
        assert_eq!(find(Some("App/4"), "198.51.100.1"), None);
        assert_eq!(find(None, "2001:db8::1"), None);
        assert_eq!(of(&[], "::1".parse().unwrap(), |_| None), None);
    }
}
