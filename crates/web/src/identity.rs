//! Identity providers, as sign-in needs them: the binary hands one in. What they say is checked
//! there; who may sign in is decided here.

use base::{Line, PersonName};
use futures_util::future::BoxFuture;

/// Somebody who says who people are.
pub trait IdentityProvider: Send + Sync {
    /// What people call it.
    fn name(&self) -> &str;

    /// Where a browser goes to be recognized, and what it must come back with.
    fn begin(&self) -> BoxFuture<'_, Result<Departure, NotVouched>>;

    /// Who came back.
    fn finish<'a>(
        &'a self,
        flight: &'a str,
        returned: Returned,
    ) -> BoxFuture<'a, Result<Vouched, NotVouched>>;
}

/// A sign-in that has begun.
pub struct Departure {
    /// Where the browser goes.
    pub url: String,
    /// What it must come back with: a secret, of this browser alone.
    pub flight: String,
}

/// What a provider sent a browser back with.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// For a token.
    pub code: Option<String>,
    /// Which sign-in it is.
    pub state: Option<String>,
    /// Who sent it, if it says so.
    pub iss: Option<String>,
    /// That it would not.
    pub error: Option<String>,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Who.
    pub person: PersonName,
    /// Whose word it is.
    pub issuer: Line,
}

/// Why nobody is vouched for, as far as the person at the door has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotVouched {
    /// The provider can't be asked.
    Unreachable,
    /// It said no.
    Refused,
    /// What came back belongs to no sign-in of this browser, or does not hold.
    Wrong,
    /// It vouched for somebody who has no name here.
    Nameless,
}
