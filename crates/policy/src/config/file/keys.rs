//! What may stand in the file, as a table: each section, its keys, their shapes and ranges. The
//! reader asks it, the JSON Schema is made from it.

mod traffic;

use crate::cohort::COHORTS_MAX;
use Need::{Else, May, Must};
use Shape::{Flag, Number, Table, Tables, Text, Texts, Word};
use traffic::{LIMIT, ROUTE, TENANT, UPSTREAM};

/// One table of the file.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its path: `upstream.health`; empty for the top.
    pub(crate) path: &'static str,
    pub(crate) about: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key of it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
    pub(crate) about: &'static str,
}

/// Whether it has to stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Must,
    May,
    /// What holds without it, as TOML and JSON write it.
    Else(&'static str),
}

/// What its value looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Flag,
    /// From the least to the most, both included.
    Number(u64, u64),
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts, at most so many.
    Texts(usize),
    /// One text, or a list of at most so many.
    TextOrTexts(usize),
    /// Names and texts: `{ x-debug = "1" }`, at most so many.
    Pairs(usize),
    Table(&'static Section),
    /// `[[…]]`, at most so many.
    Tables(&'static Section, usize),
    /// A list of texts and tables mixed, at most so many.
    TextsOrTables(&'static Section, usize),
}

impl Section {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// How one speaks of a key of it: `upstream.health.path`.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

const fn key(name: &'static str, shape: Shape, need: Need, about: &'static str) -> Key {
    Key {
        name,
        shape,
        need,
        about,
    }
}

/// The most tenants, upstreams, limits and routes, each.
pub(crate) const SECTIONS_MAX: usize = 100_000;
/// The most of what a person writes down by hand in one list.
const LIST_MAX: usize = 1_000;
/// The longest time that can be waited for: a day, in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// The longest time that anything is kept: a year, in milliseconds.
const YEAR_MS: u64 = 366 * DAY_MS;
/// A whole, in millionths.
const WHOLE_PPM: u64 = 1_000_000;
/// The most of a count.
const COUNT_MAX: u64 = 1_000_000_000;
/// The most of a count that takes memory for each.
const HELD_MAX: u64 = 10_000_000;
/// The largest size: a tebibyte.
const BYTES_MAX: u64 = 1 << 40;
const TIME: Shape = Number(1, DAY_MS);
const COUNT: Shape = Number(1, COUNT_MAX);
const HELD: Shape = Number(1, HELD_MAX);

static METRICS: Section = Section {
    path: "metrics",
    about: "Figures over TCP for whoever scrapes them, and what is switched off for applications. Without it: \
        figures over the edge's own socket alone.",
    keys: &[key(
        "listen",
        Text,
        Must,
        "Only GET /metrics, /switches and /switches/events are answered there, to everybody who reaches it.",
    )],
};

static COHORT: Section = Section {
    path: "cohort",
    about: "Kinds of clients, by which retries and time-outs are told apart. The first that fits has a request; \"other\" are the rest.",
    keys: &[
        key("name", Text, Must, "Letters, digits, - and _."),
        key(
            "header",
            Text,
            May,
            "Whose header of this name has the value below.",
        ),
        key("exact", Text, May, "The whole value."),
        key("prefix", Text, May, "Its beginning."),
        key("contains", Text, May, "Any part of it."),
        key(
            "addresses",
            Texts(LIST_MAX),
            May,
            "Or: who comes from one of these addresses and prefixes.",
        ),
    ],
};

/// The file itself.
pub(crate) static TOP: Section = Section {
    path: "",
    about: "What one edge process runs, for one cell.",
    keys: &[
        key(
            "cell",
            Text,
            Else("\"default\""),
            "The compartment this edge serves.",
        ),
        key(
            "workers",
            Number(0, 1_024),
            Else("0"),
            "Threads that serve; 0: one for each processor.",
        ),
        key(
            "drain_ms",
            TIME,
            Else("60000"),
            "How long an old process may go on with what it has begun.",
        ),
        key(
            "trusted",
            Texts(LIST_MAX),
            Else("[]"),
            "Addresses and prefixes that may say, in PROXY or X-Forwarded-For, for whom they speak.",
        ),
        key("bans", Texts(64), Else("[]"), "Files of banned addresses."),
        key(
            "listen",
            Tables(&LISTEN, 64),
            May,
            "Where requests come in. Without any: 127.0.0.1:7780, plain.",
        ),
        key("connection", Table(&CONNECTION), May, CONNECTION.about),
        key("http2", Table(&HTTP2), May, HTTP2.about),
        key("overload", Table(&OVERLOAD), May, OVERLOAD.about),
        key("access_log", Table(&ACCESS_LOG), May, ACCESS_LOG.about),
        key("metrics", Table(&METRICS), May, METRICS.about),
        key("cohort", Tables(&COHORT, COHORTS_MAX), May, COHORT.about),
        key(
            "rules_failure",
            Word(&["refuse", "pass"]),
            Else("\"refuse\""),
            "What becomes of a tenant's requests while its rules rest, because they took too long.",
        ),
        key(
            "certificate",
            Tables(&CERTIFICATE, 10_000),
            May,
            CERTIFICATE.about,
        ),
        key("acme", Table(&ACME), May, ACME.about),
        key(
            "tenant",
            Tables(&TENANT, SECTIONS_MAX),
            May,
            "Whose traffic it is. Without any, but with routes: one, \"default\", that has every host.",
        ),
        key(
            "upstream",
            Tables(&UPSTREAM, SECTIONS_MAX),
            May,
            UPSTREAM.about,
        ),
        key("limit", Tables(&LIMIT, SECTIONS_MAX), May, LIMIT.about),
        key("route", Tables(&ROUTE, SECTIONS_MAX), May, ROUTE.about),
    ],
};

static LISTEN: Section = Section {
    path: "listen",
    about: "Where requests come in.",
    keys: &[
        key(
            "address",
            Text,
            Must,
            "Address and port: \"0.0.0.0:443\", \"[::]:443\".",
        ),
        key("tls", Flag, Else("false"), "Connections begin with TLS."),
        key(
            "http2",
            Flag,
            May,
            "HTTP/2 is spoken too: by ALPN over TLS, with prior knowledge without. Default: as tls.",
        ),
        key(
            "proxy_protocol",
            Flag,
            Else("false"),
            "Each connection begins with a PROXY header, version 1 or 2, of somebody trusted.",
        ),
        key(
            "redirect_to_https",
            Flag,
            Else("false"),
            "Every request is answered with the same address under https.",
        ),
    ],
};

static CONNECTION: Section = Section {
    path: "connection",
    about: "What one connection may cost, before and between requests.",
    keys: &[
        key("connections_max", HELD, Else("10000"), "Open connections."),
        key(
            "connections_per_address_max",
            HELD,
            Else("256"),
            "Of one IPv4 address, or one /64.",
        ),
        key(
            "handshake_ms",
            TIME,
            Else("10000"),
            "For the TLS handshake.",
        ),
        key(
            "first_byte_ms",
            TIME,
            Else("10000"),
            "From the accepted connection to the first byte of its first request.",
        ),
        key(
            "head_ms",
            TIME,
            Else("10000"),
            "From the first byte of a head to its last.",
        ),
        key(
            "head_bytes_max",
            Number(1_024, 1 << 20),
            Else("32768"),
            "Of a request's head.",
        ),
        key(
            "header_lines_max",
            Number(1, 10_000),
            Else("100"),
            "Of a request's head.",
        ),
        key(
            "url_bytes_max",
            Number(64, 1 << 20),
            Else("8192"),
            "Of a request's target; at most head_bytes_max.",
        ),
        key(
            "body_bytes_max",
            Number(0, BYTES_MAX),
            Else("104857600"),
            "Of a request's body; a route may say otherwise.",
        ),
        key(
            "body_ms",
            TIME,
            Else("3600000"),
            "From the first byte of a body to its last.",
        ),
        key(
            "body_bytes_per_s_min",
            Number(0, COUNT_MAX),
            Else("500"),
            "A body that comes slower, or an answer that is read slower, is ended; 0: none is.",
        ),
        key(
            "body_grace_ms",
            TIME,
            Else("10000"),
            "Over so long that is measured.",
        ),
        key("idle_ms", TIME, Else("60000"), "Between two requests."),
        key("requests_max", COUNT, Else("100000"), "On one connection."),
    ],
};

static HTTP2: Section = Section {
    path: "http2",
    about: "HTTP/2's own limits, for each connection.",
    keys: &[
        key(
            "streams_max",
            Number(1, 10_000),
            Else("100"),
            "Requests at once.",
        ),
        key(
            "resets_per_minute_max",
            COUNT,
            Else("1000"),
            "Requests taken back.",
        ),
        key(
            "settings_per_minute_max",
            COUNT,
            Else("20"),
            "SETTINGS frames.",
        ),
        key(
            "control_frames_per_minute_max",
            COUNT,
            Else("12000"),
            "Pings, priorities, empty data, window updates.",
        ),
    ],
};

static OVERLOAD: Section = Section {
    path: "overload",
    about: "When the process has more to do than it can, sheddable tenants are refused first.",
    keys: &[
        key(
            "lag_ms_max",
            TIME,
            Else("1000"),
            "How late a worker may be for what it should do now.",
        ),
        key(
            "memory_bytes_max",
            Number(0, BYTES_MAX),
            Else("0"),
            "Resident memory; 0: not watched.",
        ),
        key(
            "requests_concurrent_max",
            HELD,
            Else("20000"),
            "Requests in progress, all tenants together. One in ten is kept for critical ones.",
        ),
    ],
};

static ACCESS_LOG: Section = Section {
    path: "access_log",
    about: "What was asked and answered.",
    keys: &[
        key(
            "path",
            Text,
            May,
            "A file, or \"-\" for stdout. Without it there is no log.",
        ),
        key(
            "sample_ppm",
            Number(0, WHOLE_PPM),
            Else("1000000"),
            "Of a million answered requests so many are written. Refusals and errors always are.",
        ),
        key(
            "lines_per_second_max",
            COUNT,
            Else("1000"),
            "What is beyond is counted, not written.",
        ),
        key(
            "addresses",
            Word(&["shortened", "full", "none"]),
            Else("\"shortened\""),
            "How much of an address is written: the /24 of IPv4 and the /48 of IPv6, all of it, nothing.",
        ),
    ],
};

static CERTIFICATE: Section = Section {
    path: "certificate",
    about: "A certificate chain and its key (PEM). The names are the certificate's.",
    keys: &[
        key(
            "chain_file",
            Text,
            Must,
            "The certificate, then those that lead to its CA.",
        ),
        key("key_file", Text, Must, "Its private key."),
    ],
};

static ACME: Section = Section {
    path: "acme",
    about: "Certificates from a CA that speaks ACME (RFC 8555), by HTTP-01.",
    keys: &[
        key(
            "directory",
            Text,
            Must,
            "The CA's directory: https, or http on this machine.",
        ),
        key(
            "contact",
            Texts(8),
            Else("[]"),
            "Whom the CA may write to: \"mailto:ops@example.org\".",
        ),
        key(
            "ca_file",
            Text,
            May,
            "The CA of the directory itself (PEM), in place of the system's.",
        ),
        key(
            "names",
            Texts(1_000),
            Must,
            "What certificates are asked for. No wildcards: HTTP-01 can't show that they are yours.",
        ),
        key(
            "renew_before_ms",
            Number(3_600_000, YEAR_MS),
            Else("2592000000"),
            "So long before its end a certificate is replaced.",
        ),
    ],
};
