//! What a command leads to: drafts of acts, or a refusal: one word for machines, one sentence for people.

use std::fmt;

use base::Tenant;

use crate::act::Subject;
use crate::kinds::Body;

/// An act that follows from a command, before the writer gives it its id and time.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it happens to.
    pub subject: Subject,
    /// Whose traffic it is about, if it is one tenant's alone.
    pub tenant: Option<Tenant>,
    /// What happens.
    pub body: Body,
}

impl Draft {
    /// This happens to that.
    pub fn new(subject: Subject, body: impl Into<Body>) -> Draft {
        Draft {
            subject,
            tenant: None,
            body: body.into(),
        }
    }

    /// The same, of one tenant's traffic alone.
    pub fn about(self, tenant: Option<&Tenant>) -> Draft {
        Draft {
            tenant: tenant.cloned(),
            ..self
        }
    }
}

/// The word for machines. The list is part of the API: words are added, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The thing it names does not exist.
    NotFound,
    /// It can't be done in the state things are in.
    WrongState,
    /// One person would have two roles that exclude each other.
    RoleConflict,
    /// The sender may not do this.
    Forbidden,
    /// An argument is out of its range.
    OutOfRange,
    /// The same id came before with another command.
    IdReused,
    /// There are as many as there may be.
    TooMany,
    /// The record takes nothing now: the disk is full.
    NoSpace,
    /// The keystore can't be used: sealed text can't be written.
    Keystore,
    /// More is asked than can be done; try again later.
    Overloaded,
    /// hereby is stopping.
    Stopping,
}

impl Reason {
    /// Every reason, for documents and tests.
    pub const ALL: [Reason; 11] = [
        Reason::NotFound,
        Reason::WrongState,
        Reason::RoleConflict,
        Reason::Forbidden,
        Reason::OutOfRange,
        Reason::IdReused,
        Reason::TooMany,
        Reason::NoSpace,
        Reason::Keystore,
        Reason::Overloaded,
        Reason::Stopping,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Reason::NotFound => "not_found",
            Reason::WrongState => "wrong_state",
            Reason::RoleConflict => "role_conflict",
            Reason::Forbidden => "forbidden",
            Reason::OutOfRange => "out_of_range",
            Reason::IdReused => "id_reused",
            Reason::TooMany => "too_many",
            Reason::NoSpace => "no_space",
            Reason::Keystore => "keystore",
            Reason::Overloaded => "overloaded",
            Reason::Stopping => "stopping",
        }
    }

    /// Whether sending the very same command later may succeed without anybody changing it.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Reason::NoSpace | Reason::Overloaded | Reason::Stopping
        )
    }
}

/// A refused command: nothing happened, nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The word for machines.
    pub reason: Reason,
    /// What, why, and what to do instead.
    pub detail: String,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Refusal {
        Refusal {
            reason,
            detail: detail.to_string(),
        }
    }
}

/// Refuses what would be more than there may be.
///
/// # Errors
/// When it is.
pub fn at_most(what: &str, count: usize, max: usize) -> Result<(), Refusal> {
    if count <= max {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::TooMany,
        format!("{count} {what}; at most {max} are allowed"),
    ))
}

/// Refuses what can't be done as things are.
///
/// # Errors
/// Always.
pub fn wrong_state<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::new(Reason::WrongState, detail))
}

/// Refuses an argument.
///
/// # Errors
/// Always.
pub fn out_of_range<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::new(Reason::OutOfRange, detail))
}

/// Refuses who asks.
///
/// # Errors
/// Always.
pub fn forbidden<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::new(Reason::Forbidden, detail))
}
