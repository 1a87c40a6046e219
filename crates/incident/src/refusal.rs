//! Refusals, as they are written here.

pub use record::refusal::{Reason, Refusal};
pub(crate) use record::refusal::{at_most, forbidden, out_of_range, wrong_state};

/// Refuses what nobody gave a reason for.
pub(crate) fn needs_reason(context: &crate::Context<'_>, what: &str) -> Result<(), Refusal> {
    match context.has_reason {
        true => Ok(()),
        false => out_of_range(format!("{what} has a reason: say why (-m)")),
    }
}
