//! Delivers one notice to many: by mail and by webhook, each done, failed or unknown.
//!
//! [`Ledger`] is what became of each, a fold; [`Journal`] keeps its lines on the disk, so that a
//! crash leaves no doubt about more than what was on its way; [`deliver`] sends. What is sent to
//! whom is its caller's business ([`Letters`]).

mod courier;
mod journal;
mod ledger;
mod letter;
mod smtp;

pub use courier::{Channel, Letters, Pace, Parcel, Plan, Policy, Tally, Telling, deliver};
pub use journal::{CannotWrite, Journal, Read, read};
pub use ledger::{Counts, Entry, Impossible, Ledger, Standing, Step};
pub use letter::{BadLetter, Letter, Message};
pub use smtp::{Encryption, MailServer, Said, Sender};

#[cfg(test)]
mod tests;
