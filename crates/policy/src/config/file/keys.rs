//! What may stand in the file, as a table: each section, its keys, their shapes and ranges. The
//! reader asks it, the JSON Schema is made from it.

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

use Need::{Else, May, Must};
use Shape::{Flag, Number, Pairs, Table, Tables, Text, TextOrTexts, Texts, TextsOrTables, Word};

/// The most tenants, upstreams, limits and routes, each.
pub(crate) const SECTIONS_MAX: usize = 100_000;
/// The most hosts of one tenant.
const HOSTS_MAX: usize = 10_000;
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
            Else("200"),
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
            "Requests in progress, all tenants together.",
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

static TENANT: Section = Section {
    path: "tenant",
    about: "Whose traffic it is.",
    keys: &[
        key(
            "name",
            Text,
            Must,
            "Lower-case letters, digits, - and _, at most 64.",
        ),
        key(
            "hosts",
            Texts(HOSTS_MAX),
            Must,
            "\"shop.example\", \"*.shop.example\" (one label or more), \"*\" (whatever nobody else has).",
        ),
        key(
            "paths",
            Texts(64),
            Else("[]"),
            "Only requests for one of these or below it: \"/shop\" holds /shop/cart, not /shopping.",
        ),
        key("header", Table(&TENANT_HEADER), May, TENANT_HEADER.about),
        key(
            "priority",
            Word(&["critical", "normal", "sheddable"]),
            Else("\"normal\""),
            "Who is refused last when there is too much to do: critical.",
        ),
        key(
            "requests_concurrent_max",
            HELD,
            Else("1000"),
            "Requests in progress.",
        ),
        key("connections_max", HELD, Else("5000"), "Open connections."),
        key("rate", Table(&TENANT_RATE), May, TENANT_RATE.about),
        key(
            "bytes_per_s_max",
            Number(1, BYTES_MAX),
            May,
            "Of answers, a second.",
        ),
        key(
            "client_certificates",
            Table(&CLIENT_CERTIFICATES),
            May,
            CLIENT_CERTIFICATES.about,
        ),
    ],
};

static TENANT_HEADER: Section = Section {
    path: "tenant.header",
    about: "Only requests with this header and value.",
    keys: &[
        key("name", Text, Must, "Its name."),
        key("value", Text, Must, "Its whole value."),
    ],
};

const RATE_KEYS: &[Key] = &[
    key("requests", COUNT, Must, "So many requests each period."),
    key("per_ms", TIME, Else("1000"), "The period."),
    key(
        "burst",
        COUNT,
        May,
        "So many at once. Default: as requests.",
    ),
];

static TENANT_RATE: Section = Section {
    path: "tenant.rate",
    about: "How many requests, all of the tenant's together.",
    keys: RATE_KEYS,
};

static LIMIT_RATE: Section = Section {
    path: "limit.rate",
    about: "How many requests, for each key.",
    keys: RATE_KEYS,
};

static CLIENT_CERTIFICATES: Section = Section {
    path: "tenant.client_certificates",
    about: "Mutual TLS: who comes in must show a certificate.",
    keys: &[
        key(
            "optional",
            Flag,
            Else("false"),
            "Also who shows none may come in; who shows one must show a good one.",
        ),
        key(
            "ca_files",
            Texts(64),
            Must,
            "The CAs whose certificates are good (PEM).",
        ),
        key(
            "revoked_files",
            Texts(64),
            Else("[]"),
            "Lists of hereby's own: a fingerprint, or issuer and serial, a line.",
        ),
        key(
            "crl_files",
            Texts(64),
            Else("[]"),
            "Revocation lists of the CAs (RFC 5280; PEM or DER).",
        ),
    ],
};

static UPSTREAM: Section = Section {
    path: "upstream",
    about: "Who answers.",
    keys: &[
        key(
            "name",
            Text,
            Must,
            "Lower-case letters, digits, - and _, at most 64.",
        ),
        key(
            "servers",
            TextsOrTables(&SERVER, LIST_MAX),
            Must,
            "Host and port of each, or { address, weight }. A name is looked up again and again.",
        ),
        key(
            "protocol",
            Word(&["http1", "http2"]),
            Else("\"http1\""),
            "http2: with prior knowledge, or by ALPN over TLS.",
        ),
        key("tls", Table(&UPSTREAM_TLS), May, UPSTREAM_TLS.about),
        key(
            "connections_max",
            HELD,
            Else("512"),
            "Open connections to all its servers.",
        ),
        key(
            "connect_ms",
            TIME,
            Else("2000"),
            "For a connection, with its TLS handshake.",
        ),
        key(
            "answer_ms",
            TIME,
            Else("60000"),
            "From the request sent to the head of the answer.",
        ),
        key(
            "between_bytes_ms",
            TIME,
            Else("60000"),
            "Between two pieces of the answer.",
        ),
        key(
            "idle_ms",
            TIME,
            Else("4000"),
            "So long an unused connection is kept. Keep it below the server's own: many close after 5 s.",
        ),
        key("health", Table(&HEALTH), May, HEALTH.about),
        key("outlier", Table(&OUTLIER), May, OUTLIER.about),
        key("breaker", Table(&BREAKER), May, BREAKER.about),
    ],
};

static SERVER: Section = Section {
    path: "upstream.servers",
    about: "One server.",
    keys: &[
        key("address", Text, Must, "Host and port."),
        key(
            "weight",
            Number(1, 1_000),
            Else("1"),
            "Its share, beside the others'.",
        ),
    ],
};

static UPSTREAM_TLS: Section = Section {
    path: "upstream.tls",
    about: "It is spoken to over TLS.",
    keys: &[
        key(
            "name",
            Text,
            Must,
            "The name that its certificate must have.",
        ),
        key(
            "ca_file",
            Text,
            May,
            "The CA to trust (PEM), in place of the system's.",
        ),
    ],
};

static HEALTH: Section = Section {
    path: "upstream.health",
    about: "Each server is asked whether it lives. Without it, only what requests meet counts.",
    keys: &[
        key("path", Text, Must, "What is asked for; any 2xx is well."),
        key("every_ms", TIME, Else("5000"), "How often."),
        key(
            "timeout_ms",
            TIME,
            Else("2000"),
            "For an answer; at most every_ms.",
        ),
        key(
            "healthy_after",
            Number(1, 100),
            Else("2"),
            "So many good answers in a row bring it back.",
        ),
        key(
            "unhealthy_after",
            Number(1, 100),
            Else("3"),
            "So many bad ones in a row take it out.",
        ),
    ],
};

static OUTLIER: Section = Section {
    path: "upstream.outlier",
    about: "One server that fails while the others don't is left out for a while.",
    keys: &[
        key(
            "failures",
            Number(0, 1_000_000),
            Else("5"),
            "So many failures in a row; 0: never.",
        ),
        key("eject_ms", TIME, Else("30000"), "For so long."),
        key(
            "ejected_ppm_max",
            Number(0, WHOLE_PPM),
            Else("500000"),
            "At most this share of the servers, in millionths; one may always be.",
        ),
    ],
};

static BREAKER: Section = Section {
    path: "upstream.breaker",
    about: "An upstream that fails as a whole isn't asked for a while, then a little.",
    keys: &[
        key(
            "errors_ppm",
            Number(0, WHOLE_PPM),
            Else("500000"),
            "Share of failures over the window that opens it, in millionths; 0: never.",
        ),
        key(
            "requests_min",
            COUNT,
            Else("20"),
            "Fewer requests in the window never open it.",
        ),
        key("window_ms", TIME, Else("10000"), "The window."),
        key("open_ms", TIME, Else("5000"), "So long it isn't asked."),
        key(
            "probes",
            Number(1, 1_000),
            Else("3"),
            "So many requests try it then.",
        ),
    ],
};

static LIMIT: Section = Section {
    path: "limit",
    about: "A limit that several routes may share.",
    keys: &[
        key(
            "name",
            Text,
            Must,
            "Lower-case letters, digits, - and _, at most 64.",
        ),
        key(
            "key",
            Text,
            Must,
            "Whose requests are counted together: \"tenant\", \"route\", \"address\" (one IPv4 address, or one /64), \"header:x-api-key\".",
        ),
        key("rate", Table(&LIMIT_RATE), Must, LIMIT_RATE.about),
        key(
            "keys_max",
            HELD,
            Else("100000"),
            "How many keys are remembered.",
        ),
    ],
};

static ROUTE: Section = Section {
    path: "route",
    about: "What is done with a request: exactly one of to, files, redirect, respond. A tenant's routes are tried in the order of the file; all that a route names must hold.",
    keys: &[
        key(
            "name",
            Text,
            Must,
            "Lower-case letters, digits, - and _, at most 64.",
        ),
        key(
            "tenant",
            Text,
            May,
            "Whose it is. It may be left out where there is one tenant at most.",
        ),
        key("host", Text, May, "As in a tenant's hosts."),
        key(
            "path",
            Text,
            May,
            "\"/cart\": that path; \"/shop/*\": /shop and what lies below; \"/*\": every path.",
        ),
        key(
            "methods",
            Texts(16),
            Else("[]"),
            "Any of these; none: every method.",
        ),
        key(
            "headers",
            Pairs(8),
            May,
            "Requests with these headers and values.",
        ),
        key(
            "limits",
            Texts(8),
            Else("[]"),
            "Names of limits. With the tenant's rate at most 8.",
        ),
        key("challenge", Table(&CHALLENGE), May, CHALLENGE.about),
        key(
            "body_bytes_max",
            Number(0, BYTES_MAX),
            May,
            "Instead of the connection's.",
        ),
        key(
            "to",
            TextOrTexts(8),
            May,
            "Upstreams: the first is the primary, each other one answers when those before it are down.",
        ),
        key("mirror", Table(&MIRROR), May, MIRROR.about),
        key("failover", Table(&FAILOVER), May, FAILOVER.about),
        key("retry", Table(&RETRY), May, RETRY.about),
        key(
            "keep_host",
            Flag,
            Else("true"),
            "With to: Host as it came, or the server's own.",
        ),
        key(
            "websocket",
            Flag,
            Else("false"),
            "With to: WebSockets may pass.",
        ),
        key("files", Table(&FILES), May, FILES.about),
        key("redirect", Table(&REDIRECT), May, REDIRECT.about),
        key("respond", Table(&RESPOND), May, RESPOND.about),
    ],
};

static CHALLENGE: Section = Section {
    path: "route.challenge",
    about: "A small proof of work, asked of those who can't show that they did it.",
    keys: &[
        key(
            "bits",
            Number(1, 24),
            Must,
            "Zero bits that the hash must begin with; each doubles the work.",
        ),
        key(
            "valid_ms",
            TIME,
            Else("3600000"),
            "So long a proof is good.",
        ),
    ],
};

static FAILOVER: Section = Section {
    path: "route.failover",
    about: "When the next of to, or the mirror, answers.",
    keys: &[
        key(
            "wait_ms",
            Number(0, DAY_MS),
            Else("900000"),
            "So long a tier must have been down; 0: at once.",
        ),
        key(
            "hold_ms",
            Number(0, DAY_MS),
            Else("300000"),
            "So long a better one must have been up again; 0: at once.",
        ),
    ],
};

static RETRY: Section = Section {
    path: "route.retry",
    about: "A request is sent again only when that can't do twice what was asked for once.",
    keys: &[
        key(
            "attempts_max",
            Number(1, 10),
            Else("2"),
            "Attempts in all; 1: it is never sent again.",
        ),
        key(
            "budget_ppm",
            Number(0, WHOLE_PPM),
            Else("200000"),
            "Retries among the route's requests, in millionths.",
        ),
    ],
};

const FILES_KEYS: &[Key] = &[
    key("directory", Text, Must, "What lies in it is answered."),
    key(
        "index",
        Text,
        Else("\"index.html\""),
        "What is answered for a directory.",
    ),
    key(
        "not_found",
        Text,
        May,
        "What is answered, with 404, where there is nothing.",
    ),
];

static FILES: Section = Section {
    path: "route.files",
    about: "Files of a directory.",
    keys: FILES_KEYS,
};

static MIRROR: Section = Section {
    path: "route.mirror",
    about: "With to: the last tier, a directory that holds what the site was once.",
    keys: FILES_KEYS,
};

static REDIRECT: Section = Section {
    path: "route.redirect",
    about: "The answer is that it is elsewhere.",
    keys: &[
        key("to", Text, Must, "A path, or http(s)://…"),
        key(
            "status",
            Number(301, 308),
            Else("302"),
            "301, 302, 303, 307 or 308.",
        ),
    ],
};

static RESPOND: Section = Section {
    path: "route.respond",
    about: "The answer stands here.",
    keys: &[
        key("status", Number(200, 599), Else("200"), "Its status."),
        key(
            "body",
            Text,
            Else("\"\""),
            "Plain text, at most 65,536 bytes.",
        ),
    ],
};
