//! What is known of a connection before its first request, and holds for all of them.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::header::HeaderValue;
use policy::permits::Permit;
use rustls::pki_types::CertificateDer;

use crate::clients::Shown;
use crate::conversation::Conversation;
use crate::edge::Place;
use crate::running::Tenant;
use crate::worker::Worker;

/// One connection.
pub(crate) struct Facts {
    pub(crate) worker: Rc<Worker>,
    pub(crate) conversation: Arc<Conversation>,
    /// Who speaks, and for whom: the PROXY header's word where there is one.
    pub(crate) client: IpAddr,
    /// Whether who speaks may speak for others.
    pub(crate) trusted: bool,
    pub(crate) tls: bool,
    pub(crate) http2: bool,
    pub(crate) redirect_to_https: bool,
    pub(crate) server_name: Option<String>,
    /// The certificates that the client showed, its own first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// What they amount to, as long as the CAs stay what they are.
    pub(crate) shown: RefCell<Option<Shown>>,
    /// Of whose share of connections this is one: whom it asked last.
    pub(crate) share: RefCell<Option<(Arc<Tenant>, Permit)>>,
    pub(crate) forwarded_for: HeaderValue,
    pub(crate) forwarded: HeaderValue,
    pub(crate) proto: HeaderValue,
    /// Held as long as the connection lives, whatever it speaks by then.
    pub(crate) _place: Place,
}

/// What a connection is told to upstreams as.
pub(crate) fn introductions(client: IpAddr, tls: bool) -> (HeaderValue, HeaderValue, HeaderValue) {
    let proto = if tls { "https" } else { "http" };
    let client = client.to_canonical();
    let node = match client {
        IpAddr::V4(v4) => v4.to_string(),
        // RFC 7239, 6: quoted, in brackets.
        IpAddr::V6(v6) => format!("\"[{v6}]\""),
    };
    let text = |text: String| {
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    };
    (
        text(client.to_string()),
        text(format!("for={node};proto={proto}")),
        HeaderValue::from_static(proto),
    )
}
