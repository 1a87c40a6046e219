//! Where the status page goes, and how it is served.
//!
//! A [`Spool`] keeps the newest [`Edition`] of the site on this machine's disk. Each [`Target`]
//! (a directory, an S3-compatible bucket, a place that rsync reaches) is brought to it by a
//! [`Courier`] of its own: bounded in time, tried again with pauses that grow, and fetched back as a
//! reader would see it before anybody says that it is there. [`serve`] answers readers from a
//! directory; [`inspect`] checks a site against its signed manifest.
//!
//! Not here: what the page says (`status`), and what is done about a target that is behind.

mod board;
mod courier;
mod exchange;
pub mod inspect;
pub mod serve;
mod spool;
mod target;

pub use board::{Board, Standing};
pub use courier::{Courier, Patience};
pub use exchange::{BadUrl, Url};
pub use inspect::no_tls;
pub use spool::{Edition, Sealing, Spool};
pub use target::{BadTarget, Bucket, Credentials, Kind, Rsync, Target};

#[cfg(test)]
mod tests;
