//! What may stand in tenants, upstreams, limits and routes.

use super::Need::{Else, May, Must};
use super::Shape::{Flag, Number, Pairs, Table, Text, TextOrTexts, Texts, TextsOrTables, Word};
use super::{BYTES_MAX, COUNT, DAY_MS, HELD, Key, LIST_MAX, Section, TIME, WHOLE_PPM, key};

/// The most hosts of one tenant.
const HOSTS_MAX: usize = 10_000;

pub(crate) static TENANT: Section = Section {
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
            "cell",
            Text,
            May,
            "The only cell that serves it. Without it: every cell.",
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

pub(crate) static UPSTREAM: Section = Section {
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

pub(crate) static LIMIT: Section = Section {
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

pub(crate) static ROUTE: Section = Section {
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
