//! The public status page: what the public was told, made into files that any server can show.
//!
//! Pure. [`Page`] is a fold over acts: what was said to the public, and nothing else; an incident's
//! own title, notes and private words never enter it. [`Site`] makes of it HTML in each language,
//! JSON in the shape of the Statuspage v2 API, Atom and RSS, and makes again only what changed.
//! [`manifest`] signs what there is and until when it counts.
//!
//! Not here: where the files go and how they are served (`publish`), and any clock: the caller says
//! what time it is.

mod feeds;
mod html;
mod json;
pub mod manifest;
mod page;
mod site;
mod uptime;

pub use html::POLICY;
pub use page::{
    Component, INCIDENTS_MAX, Page, Phase, PublicIncident, PublicMaintenance, WORDS_MAX, Word,
};
pub use site::{BadSite, Change, Held, Options, Site};
pub use uptime::{DAYS, Day, Share};

#[cfg(test)]
mod tests;
