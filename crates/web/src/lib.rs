//! The HTTP API of control: commands, reading, live events, alerts in, and the public record.
//!
//! [`serve`] takes listeners and an engine and answers until it is told to stop. Everything that
//! comes from outside is bounded before it is looked at: connections, the time to a first byte, a
//! head and a body, sizes, requests in progress, rates per caller. One table of routes
//! (`table.rs`) drives what is reachable, who may reach it, and the OpenAPI document.
//!
//! Not here: what a command leads to (`engine`), files (`store`, behind [`Backstage`]), the
//! formats of monitoring tools (`ingest`, behind [`AlertFormats`]), certificates and configuration
//! (the binary).

mod alerts;
mod auth;
mod backstage;
mod blobs;
mod call;
mod chat;
mod commands;
mod connection;
mod console;
mod dispatch;
mod edges;
mod events;
mod files;
mod health;
mod identity;
mod limits;
mod listen;
mod metrics;
mod openapi;
mod overlay;
mod picture;
mod presence;
mod problem;
mod prove;
mod query;
mod rates;
mod read;
mod records;
mod render;
mod reply;
mod route;
mod sight;
mod site;
mod subscribers;
mod table;

pub use backstage::{
    AlertFormats, Audited, Backstage, BlobRefused, Delivery, Event, OverlayFile, PageTarget,
    Published, Unreadable, Witness,
};
pub use chat::{ChatChannel, ChatRoom, Notes, Outcomes};
pub use console::Console;
pub use identity::{Departure, IdentityProvider, NotVouched, Returned, Vouched};
pub use limits::Limits;
pub use listen::{CannotServe, Listener, bind_local, serve};
pub use openapi::document as openapi_document;
pub use overlay::overlay;
pub use site::Options;
pub use subscribers::{Asker, Declined, Draft, Purpose, Subscriptions, Wish};

/// What the table of routes says of one route, for tests and documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLine {
    /// `GET`.
    pub method: String,
    /// `/api/v1/incidents/{id}`.
    pub path: String,
    /// The scopes of which one is enough; none: no token is needed.
    pub scopes: Vec<&'static str>,
    /// Every status it may answer with.
    pub statuses: Vec<u16>,
}

/// Every route there is.
pub fn routes() -> Vec<RouteLine> {
    table::ROUTES.iter().map(route::Route::line).collect()
}
