//! What the pages for subscribers need of the binary: passes, keys, mail and the network are its
//! business.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{ActId, IncidentId, Name};
use futures_util::future::BoxFuture;
use incident::Refusal;
use language::Language;
use record::kinds::subscriber::Channel;
use serde_json::Value;

/// Somebody who asks, as far as rates go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Whose connection it is; none: somebody on this machine.
    pub peer: Option<IpAddr>,
    /// Whom the last proxy says it speaks for, if one says so.
    pub forwarded: Option<IpAddr>,
}

/// What somebody wants to be told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// A mail address or a URL.
    pub address: String,
    /// How they are told.
    pub channel: Channel,
    /// What of; none: everything.
    pub components: BTreeSet<Name>,
    /// In which language.
    pub language: Language,
}

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To confirm that an address is one's own.
    Confirm,
    /// To change what one is told, or to leave.
    Manage,
}

/// Why something was declined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// What was sent is not of its form; the word says which of the texts for people fits.
    Malformed(&'static str),
    /// The link is not one of ours, or not whole.
    NotOurs,
    /// The link was good once.
    Over,
    /// There are no subscriptions of this channel here.
    Off,
    /// Too many ask; again in so many seconds.
    TooMany(u64),
    /// It can't be done now.
    NotNow(Refusal),
}

/// What a notice is about, and what it would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Of which incident.
    pub incident: IncidentId,
    /// The act that said it to the public; none: the last one that did.
    pub update: Option<ActId>,
    /// What it is about; none: all that was named in the incident so far.
    pub components: BTreeSet<Name>,
}

/// Subscribers as the server sees them. Calls that are no futures may block, except where it is
/// said otherwise.
pub trait Subscriptions: Send + Sync {
    /// What people call the page that they subscribe to. Never blocks.
    fn title(&self) -> &str;

    /// How people can be told here. Never blocks.
    fn channels(&self) -> Vec<Channel>;

    /// What one can choose to be told of; empty: everything or nothing. Never blocks.
    fn choices(&self) -> Vec<Name>;

    /// Somebody asks to be told: their address is asked to confirm, later. What is answered never
    /// says whether the address is known. Never blocks.
    ///
    /// # Errors
    /// See [`Declined`].
    fn ask(&self, asker: &Asker, wish: Wish) -> Result<(), Declined>;

    /// What a pass stands for.
    ///
    /// # Errors
    /// See [`Declined`].
    fn opened(&self, purpose: Purpose, pass: &str) -> Result<Wish, Declined>;

    /// The address is theirs: they are told from now on. Answers the pass to change that.
    ///
    /// # Errors
    /// See [`Declined`].
    fn confirm<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<String, Declined>>;

    /// They want something else from now on.
    ///
    /// # Errors
    /// See [`Declined`].
    fn change<'a>(
        &'a self,
        pass: &'a str,
        components: BTreeSet<Name>,
        language: Language,
    ) -> BoxFuture<'a, Result<(), Declined>>;

    /// They are told nothing any more. Who has left already has left.
    ///
    /// # Errors
    /// See [`Declined`].
    fn leave<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<(), Declined>>;

    /// Where each is told, by number; those that can't be read are missing.
    ///
    /// # Errors
    /// Why none can be read.
    fn addresses(&self) -> Result<BTreeMap<u32, String>, Refusal>;

    /// What a notice would say in each language, and to how many.
    ///
    /// # Errors
    /// When there is no such update, or it can't be read.
    fn preview(&self, draft: &Draft) -> Result<Value, Refusal>;

    /// How many of a notice that is on its way are done, failed, unknown and open. Never blocks.
    fn progress(&self, notice: &Name) -> Option<[u32; 4]>;

    /// Deliveries since the start, by channel and outcome. Never blocks.
    fn deliveries(&self) -> Vec<(&'static str, &'static str, u64)>;

    /// What became of those who asked to be told, since the start, by outcome. Never blocks.
    fn requests(&self) -> Vec<(&'static str, u64)>;
}
