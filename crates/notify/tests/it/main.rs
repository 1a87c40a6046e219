//! Tickets from outside: over real sockets, with a server that knows the rules of GitHub's and
//! Jira's APIs and counts what it opened.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod github;
mod github_rules;
mod house;
mod jira;
mod jira_rules;
mod outcomes;
mod sweep;
mod tls;
