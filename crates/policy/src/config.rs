//! What an edge was told to do, checked: every name that is mentioned exists, every number is in its
//! range. `file` reads it from TOML; nothing here is done yet.
//!
//! Paths are text: this crate opens no files.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

mod defaults;
pub mod file;
mod parts;

pub use file::Wrong;

#[cfg(test)]
mod tests;

pub use crate::cohort::Cohort;
pub use crate::prefix::Prefix;

/// The place of a tenant in [`Config::tenants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub u32);

/// The place of an upstream in [`Config::upstreams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub u32);

/// The place of a route in [`Config::routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

/// The place of a limit in [`Config::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u32);

/// All of it: what one edge process runs, for one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The compartment this edge serves.
    pub cell: String,
    /// Threads that serve; 0: one for each processor.
    pub workers: usize,
    /// How long an old process may go on with what it has begun, in milliseconds.
    pub drain_ms: u64,
    /// Who may say, in PROXY or `X-Forwarded-For`, for whom it speaks.
    pub trusted: Vec<Prefix>,
    pub listen: Vec<Listen>,
    pub connection: Connection,
    pub http2: Http2,
    pub overload: Overload,
    pub access_log: AccessLog,
    /// Where figures can be read over TCP; none: over the edge's own socket alone.
    pub metrics: Option<SocketAddr>,
    /// Kinds of clients, for figures. The first that fits has a request.
    pub cohorts: Vec<Cohort>,
    pub rules_failure: RulesFailure,
    /// Files of banned addresses.
    pub bans: Vec<String>,
    pub certificates: Vec<Certificate>,
    pub acme: Option<Acme>,
    // Shared with what runs by them: there may be tens of thousands.
    pub tenants: Vec<Arc<Tenant>>,
    pub upstreams: Vec<Arc<Upstream>>,
    pub limits: Vec<Arc<Limit>>,
    pub routes: Vec<Arc<Route>>,
}

/// Where requests come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: bool,
    pub http2: bool,
    /// Each connection begins with a PROXY header, version 1 or 2.
    pub proxy_protocol: bool,
    /// Every request is answered with the same address under `https`.
    pub redirect_to_https: bool,
}

/// What one connection may cost, before and between requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub connections_max: u32,
    /// Of one IPv4 address, or one /64.
    pub connections_per_address_max: u32,
    pub handshake_ms: u64,
    /// From the accepted connection to the first byte of its first request.
    pub first_byte_ms: u64,
    /// From the first byte of a head to its last.
    pub head_ms: u64,
    pub head_bytes_max: usize,
    pub header_lines_max: usize,
    pub url_bytes_max: usize,
    pub body_bytes_max: u64,
    /// From the first byte of a body to its last.
    pub body_ms: u64,
    /// Less than that, measured over `body_grace_ms`, ends it; so does an answer read slower. 0: none
    /// is too slow.
    pub body_bytes_per_s_min: u64,
    pub body_grace_ms: u64,
    /// Between two requests.
    pub idle_ms: u64,
    pub requests_max: u64,
}

/// HTTP/2's own limits, per connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2 {
    pub streams_max: u32,
    /// Frames that cost us more than their sender, for each minute: resets, settings, pings,
    /// priorities, empty data, window updates.
    pub resets_per_minute_max: u32,
    pub settings_per_minute_max: u32,
    pub control_frames_per_minute_max: u32,
}

/// When the process has more to do than it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overload {
    /// How late a worker may be for what it should do now.
    pub lag_ms_max: u64,
    /// Resident memory, in bytes; 0: not watched.
    pub memory_bytes_max: u64,
    /// Requests in progress, all tenants together.
    pub requests_concurrent_max: u32,
}

/// What was asked and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// A file, `-` for stdout; none: no log.
    pub path: Option<String>,
    /// Of a million answered requests so many are written. Refusals and errors always are.
    pub sample_ppm: u32,
    pub lines_per_second_max: u32,
    pub addresses: Addresses,
}

/// What becomes of a tenant's requests while its rules rest, because they took too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RulesFailure {
    /// Nobody comes in unjudged.
    #[default]
    Refuse,
    Pass,
}

/// How much of an address is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// /24 of IPv4, /48 of IPv6.
    #[default]
    Shortened,
    Full,
    None,
}

/// A certificate chain and its key. The names are the certificate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub chain_file: String,
    pub key_file: String,
}

/// Certificates from a CA that speaks ACME (RFC 8555), by HTTP-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    pub directory: String,
    pub contact: Vec<String>,
    /// The CA of the directory itself; none: the ones the system trusts.
    pub ca_file: Option<String>,
    pub names: Vec<String>,
    /// So long before its end a certificate is replaced.
    pub renew_before_ms: u64,
}

/// Whose traffic it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub name: String,
    /// The only cell that serves it; none: every cell does.
    pub cell: Option<String>,
    pub hosts: Box<[HostPattern]>,
    /// Only requests under one of these, if there are any.
    pub paths: Box<[String]>,
    /// Only requests with this header and value, if there is one.
    pub header: Option<(String, String)>,
    /// What is shed last.
    pub priority: Priority,
    pub requests_concurrent_max: u32,
    pub connections_max: u32,
    pub rate: Option<Rate>,
    /// Of answers, a second.
    pub bytes_per_s_max: Option<u64>,
    pub client_certificates: Option<Box<ClientCertificates>>,
}

/// A host that a tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Lower case, without port.
    Exact(String),
    /// `*.example.org`: what stands here is `.example.org`. One label or more.
    Under(String),
    /// `*`: whatever no other tenant has.
    Any,
}

impl fmt::Display for HostPattern {
    /// As it stands in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(host) => f.write_str(host),
            HostPattern::Under(ending) => write!(f, "*{ending}"),
            HostPattern::Any => f.write_str("*"),
        }
    }
}

/// The order in which tenants are refused when there is too much to do: the last first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Critical,
    #[default]
    Normal,
    Sheddable,
}

/// So many requests each period, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub requests: u32,
    pub per_ms: u64,
    pub burst: u32,
}

/// Mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Also who shows none may come in (who shows one must show a good one).
    pub optional: bool,
    pub ca_files: Vec<String>,
    /// Lists of hereby's own: a fingerprint, or issuer and serial, a line.
    pub revoked_files: Vec<String>,
    pub crl_files: Vec<String>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub servers: Vec<Server>,
    pub protocol: Protocol,
    pub tls: Option<UpstreamTls>,
    pub connections_max: u32,
    pub connect_ms: u64,
    /// From the request sent to the head of the answer.
    pub answer_ms: u64,
    /// Between two pieces of the answer.
    pub between_bytes_ms: u64,
    pub idle_ms: u64,
    pub health: Option<Health>,
    pub outlier: Outlier,
    pub breaker: Breaker,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host and port; a name is looked up again and again.
    pub address: String,
    pub weight: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Http1,
    /// With prior knowledge, or by ALPN over TLS.
    Http2,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    pub name: String,
    pub ca_file: Option<String>,
}

/// Asking whether it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub path: String,
    pub every_ms: u64,
    pub timeout_ms: u64,
    pub healthy_after: u32,
    pub unhealthy_after: u32,
}

/// One server that fails while the others don't is left out for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// So many failures in a row; 0: never.
    pub failures: u32,
    pub eject_ms: u64,
    /// At most this share of the servers, in millionths; one may always be.
    pub ejected_ppm_max: u32,
}

/// An upstream that fails as a whole isn't asked for a while, then a little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Share of failures over the window that opens it, in millionths; 0: never.
    pub errors_ppm: u32,
    pub requests_min: u32,
    pub window_ms: u64,
    pub open_ms: u64,
    /// So many requests try it when it is half open.
    pub probes: u32,
}

/// A limit that several routes may share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: String,
    pub key: LimitKey,
    pub rate: Rate,
    /// How many keys are remembered.
    pub keys_max: usize,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitKey {
    Tenant,
    Route,
    /// One IPv4 address, or one /64.
    Address,
    /// The value of a header; requests without it are counted together.
    Header(String),
}

/// What is done with a request. A tenant's routes are tried in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub name: String,
    pub tenant: TenantId,
    pub when: When,
    pub limits: Box<[LimitId]>,
    pub challenge: Option<Challenge>,
    /// Instead of the connection's.
    pub body_bytes_max: Option<u64>,
    pub action: Action,
}

/// All of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// None: every host of the tenant; `*` in the file is that too.
    pub host: Option<HostPattern>,
    /// None: every path; `/*` in the file is that too.
    pub path: Option<PathPattern>,
    /// Any of these, if there are any.
    pub methods: Box<[String]>,
    /// Name in lower case, value.
    pub headers: Box<[(String, String)]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Exact(String),
    /// Itself and what lies below: `/shop` holds `/shop/cart`, and not `/shopping`.
    Below(String),
}

/// A small proof of work, asked of those who can't show that they did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Zero bits that the hash must begin with.
    pub bits: u32,
    /// So long a proof is good.
    pub valid_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Forward(Forward),
    Files(Files),
    Redirect { to: String, status: u16 },
    Respond { status: u16, body: String },
}

/// To whom, and to whom instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The first is the primary.
    pub tiers: Box<[Tier]>,
    pub failover: Failover,
    pub retry: Retry,
    /// `Host` as it came, or the upstream's.
    pub keep_host: bool,
    /// WebSockets may pass.
    pub websocket: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tier {
    Upstream(UpstreamId),
    /// A static mirror: what was the site once.
    Mirror(Files),
}

/// When another tier answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// So long a tier must have been down.
    pub wait_ms: u64,
    /// So long a better one must have been up again.
    pub hold_ms: u64,
}

/// A request is sent again only when that can't do twice what was asked for once: when nothing of
/// it was sent, or when its method is safe (RFC 9110, 9.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub attempts_max: u32,
    /// Retries among a route's requests, in millionths.
    pub budget_ppm: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub directory: String,
    pub index: String,
    /// What is answered, with 404, where there is nothing.
    pub not_found: Option<String>,
}

impl Config {
    /// Whether somebody at that address may speak for others.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|prefix| prefix.holds(address))
    }
}
