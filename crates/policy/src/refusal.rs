//! Why a request or a connection was refused: one reason each, counted under its name.

/// What was wrong. The name is what `/metrics`, the access log and the answer say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    // Before a request: the connection is closed without an answer.
    AddressBanned,
    ConnectionsMax,
    ConnectionsPerAddress,
    HandshakeFailed,
    HandshakeTooSlow,
    ServerNameUnknown,
    FirstByteTooSlow,
    ProxyHeaderBad,
    // The bytes of a request.
    HeadTooSlow,
    HeadTooLarge,
    TooManyHeaders,
    UrlTooLong,
    HeadMalformed,
    LineEndBare,
    HostMissing,
    HostTwice,
    HostMalformed,
    LengthMalformed,
    LengthWithEncoding,
    EncodingUnknown,
    FoldedHeader,
    NulByte,
    HeaderNameMalformed,
    HeaderValueMalformed,
    TargetMalformed,
    PathAmbiguous,
    VersionUnsupported,
    MethodRefused,
    ExpectationUnknown,
    UpgradeRefused,
    ChunkMalformed,
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    Http2Malformed,
    Http2Flood,
    // Whose it is, and whether they may.
    TenantUnknown,
    WrongServerName,
    /// Somebody turned the tenant or the route off.
    SwitchedOff,
    /// The same address under https answers.
    NotSecure,
    CertificateMissing,
    CertificateRefused,
    CertificateRevoked,
    CertificateExpired,
    RevocationUnknown,
    CertificateBanned,
    // Too much.
    Overloaded,
    TenantConcurrency,
    TenantConnections,
    TenantRate,
    Limit,
    Challenged,
    // What it asks for.
    RuleRefused,
    /// Rules took too long, and rest: nobody judges it.
    RulesOverBudget,
    RouteUnknown,
    MethodNotAllowed,
    // Who should have answered.
    UpstreamUnhealthy,
    BreakerOpen,
    UpstreamConnections,
    UpstreamUnreachable,
    UpstreamTooSlow,
    UpstreamBroken,
    Panicked,
}

impl Reason {
    /// Each of them, in order.
    pub const ALL: &[Reason] = &[
        Reason::AddressBanned,
        Reason::ConnectionsMax,
        Reason::ConnectionsPerAddress,
        Reason::HandshakeFailed,
        Reason::HandshakeTooSlow,
        Reason::ServerNameUnknown,
        Reason::FirstByteTooSlow,
        Reason::ProxyHeaderBad,
        Reason::HeadTooSlow,
        Reason::HeadTooLarge,
        Reason::TooManyHeaders,
        Reason::UrlTooLong,
        Reason::HeadMalformed,
        Reason::LineEndBare,
        Reason::HostMissing,
        Reason::HostTwice,
        Reason::HostMalformed,
        Reason::LengthMalformed,
        Reason::LengthWithEncoding,
        Reason::EncodingUnknown,
        Reason::FoldedHeader,
        Reason::NulByte,
        Reason::HeaderNameMalformed,
        Reason::HeaderValueMalformed,
        Reason::TargetMalformed,
        Reason::PathAmbiguous,
        Reason::VersionUnsupported,
        Reason::MethodRefused,
        Reason::ExpectationUnknown,
        Reason::UpgradeRefused,
        Reason::ChunkMalformed,
        Reason::BodyTooLarge,
        Reason::BodyTooSlow,
        Reason::ClientGone,
        Reason::Http2Malformed,
        Reason::Http2Flood,
        Reason::TenantUnknown,
        Reason::WrongServerName,
        Reason::SwitchedOff,
        Reason::NotSecure,
        Reason::CertificateMissing,
        Reason::CertificateRefused,
        Reason::CertificateRevoked,
        Reason::CertificateExpired,
        Reason::RevocationUnknown,
        Reason::CertificateBanned,
        Reason::Overloaded,
        Reason::TenantConcurrency,
        Reason::TenantConnections,
        Reason::TenantRate,
        Reason::Limit,
        Reason::Challenged,
        Reason::RuleRefused,
        Reason::RulesOverBudget,
        Reason::RouteUnknown,
        Reason::MethodNotAllowed,
        Reason::UpstreamUnhealthy,
        Reason::BreakerOpen,
        Reason::UpstreamConnections,
        Reason::UpstreamUnreachable,
        Reason::UpstreamTooSlow,
        Reason::UpstreamBroken,
        Reason::Panicked,
    ];

    /// The HTTP status of the answer (RFC 9110), where there is one. Who has gone gets none; 499 is
    /// what nginx's logs say of them.
    pub fn status(self) -> u16 {
        use Reason as R;
        match self {
            R::HeadTooSlow | R::BodyTooSlow | R::FirstByteTooSlow => 408,
            R::HeadTooLarge | R::TooManyHeaders => 431,
            R::UrlTooLong => 414,
            R::BodyTooLarge => 413,
            R::VersionUnsupported => 505,
            R::MethodRefused => 501,
            R::MethodNotAllowed => 405,
            R::ExpectationUnknown => 417,
            R::EncodingUnknown => 501,
            R::TenantUnknown | R::WrongServerName | R::ServerNameUnknown => 421,
            R::CertificateMissing
            | R::CertificateRefused
            | R::CertificateRevoked
            | R::CertificateExpired
            | R::RevocationUnknown
            | R::CertificateBanned
            | R::RuleRefused
            | R::UpgradeRefused
            | R::AddressBanned => 403,
            R::TenantRate | R::Limit => 429,
            R::Challenged => 401,
            R::RouteUnknown => 404,
            R::NotSecure => 308,
            R::Overloaded
            | R::TenantConcurrency
            | R::TenantConnections
            | R::SwitchedOff
            | R::ConnectionsMax
            | R::ConnectionsPerAddress
            | R::UpstreamUnhealthy
            | R::BreakerOpen
            | R::RulesOverBudget
            | R::UpstreamConnections => 503,
            R::UpstreamUnreachable | R::UpstreamBroken => 502,
            R::UpstreamTooSlow => 504,
            R::Panicked => 500,
            R::ClientGone => 499,
            _ => 400,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AddressBanned => "address_banned",
            Reason::ConnectionsMax => "connections_max",
            Reason::ConnectionsPerAddress => "connections_per_address",
            Reason::HandshakeFailed => "handshake_failed",
            Reason::HandshakeTooSlow => "handshake_too_slow",
            Reason::ServerNameUnknown => "server_name_unknown",
            Reason::FirstByteTooSlow => "first_byte_too_slow",
            Reason::ProxyHeaderBad => "proxy_header_bad",
            Reason::HeadTooSlow => "head_too_slow",
            Reason::HeadTooLarge => "head_too_large",
            Reason::TooManyHeaders => "too_many_headers",
            Reason::UrlTooLong => "url_too_long",
            Reason::HeadMalformed => "head_malformed",
            Reason::LineEndBare => "line_end_bare",
            Reason::HostMissing => "host_missing",
            Reason::HostTwice => "host_twice",
            Reason::HostMalformed => "host_malformed",
            Reason::LengthMalformed => "length_malformed",
            Reason::LengthWithEncoding => "length_with_encoding",
            Reason::EncodingUnknown => "encoding_unknown",
            Reason::FoldedHeader => "folded_header",
            Reason::NulByte => "nul_byte",
            Reason::HeaderNameMalformed => "header_name_malformed",
            Reason::HeaderValueMalformed => "header_value_malformed",
            Reason::TargetMalformed => "target_malformed",
            Reason::PathAmbiguous => "path_ambiguous",
            Reason::VersionUnsupported => "version_unsupported",
            Reason::MethodRefused => "method_refused",
            Reason::ExpectationUnknown => "expectation_unknown",
            Reason::UpgradeRefused => "upgrade_refused",
            Reason::ChunkMalformed => "chunk_malformed",
            Reason::BodyTooLarge => "body_too_large",
            Reason::BodyTooSlow => "body_too_slow",
            Reason::ClientGone => "client_gone",
            Reason::Http2Malformed => "http2_malformed",
            Reason::Http2Flood => "http2_flood",
            Reason::TenantUnknown => "tenant_unknown",
            Reason::WrongServerName => "wrong_server_name",
            Reason::SwitchedOff => "switched_off",
            Reason::NotSecure => "not_secure",
            Reason::CertificateMissing => "certificate_missing",
            Reason::CertificateRefused => "certificate_refused",
            Reason::CertificateRevoked => "certificate_revoked",
            Reason::CertificateExpired => "certificate_expired",
            Reason::RevocationUnknown => "revocation_unknown",
            Reason::CertificateBanned => "certificate_banned",
            Reason::Overloaded => "overloaded",
            Reason::TenantConcurrency => "tenant_concurrency",
            Reason::TenantConnections => "tenant_connections",
            Reason::TenantRate => "tenant_rate",
            Reason::Limit => "limit",
            Reason::Challenged => "challenged",
            Reason::RuleRefused => "rule_refused",
            Reason::RulesOverBudget => "rules_over_budget",
            Reason::RouteUnknown => "route_unknown",
            Reason::MethodNotAllowed => "method_not_allowed",
            Reason::UpstreamUnhealthy => "upstream_unhealthy",
            Reason::BreakerOpen => "breaker_open",
            Reason::UpstreamConnections => "upstream_connections",
            Reason::UpstreamUnreachable => "upstream_unreachable",
            Reason::UpstreamTooSlow => "upstream_too_slow",
            Reason::UpstreamBroken => "upstream_broken",
            Reason::Panicked => "panicked",
        }
    }
}
