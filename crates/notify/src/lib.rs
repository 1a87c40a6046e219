//! What leaves hereby for other systems: a follow-up meeting as iCalendar, a follow-up as a ticket,
//! what happens in an incident to where people talk.
//!
//! - [`calendar`] renders a meeting (RFC 5545). It is a function: no clock, no files, no mail.
//! - [`chat`] says it in a Matrix room, to an incoming webhook as Slack has them, or as a CloudEvent,
//!   and reads what is said in Matrix.
//! - [`tracker`] opens a ticket in GitHub or Jira, once, whatever the network does in between.
//!
//! Addresses and links are parsed once ([`MailAddress`], [`Link`]) and are right from then on. What
//! goes out is decided elsewhere: this crate reads no record, keeps no state, writes no log, and
//! reads no secret from a file; its caller does.

pub mod calendar;
pub mod chat;
mod link;
pub mod outside;
pub mod pass;
pub mod post;
pub mod tracker;

pub use link::{BadLink, Link};

#[cfg(test)]
mod tests;
