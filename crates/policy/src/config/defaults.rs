//! What holds where a configuration says nothing. `docs/reference/edge.toml` shows the same values,
//! and a test holds that they are the same.

use core::net::{Ipv4Addr, SocketAddr};

use super::{
    AccessLog, Addresses, Breaker, Config, Connection, Failover, Http2, Listen, Outlier, Overload,
    Priority, Protocol, Retry, RulesFailure, Tenant, Upstream,
};

impl Default for Config {
    /// One plain listener on this machine, and nobody's traffic: every request is refused.
    fn default() -> Config {
        Config {
            cell: "default".to_owned(),
            workers: 0,
            drain_ms: 60_000,
            trusted: Vec::new(),
            listen: vec![Listen::default()],
            connection: Connection::default(),
            http2: Http2::default(),
            overload: Overload::default(),
            access_log: AccessLog::default(),
            metrics: None,
            cohorts: Vec::new(),
            rules_failure: RulesFailure::default(),
            bans: Vec::new(),
            certificates: Vec::new(),
            acme: None,
            tenants: Vec::new(),
            upstreams: Vec::new(),
            limits: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Default for Listen {
    fn default() -> Listen {
        Listen {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7780)),
            tls: false,
            http2: false,
            proxy_protocol: false,
            redirect_to_https: false,
        }
    }
}

impl Default for Connection {
    fn default() -> Connection {
        Connection {
            connections_max: 10_000,
            connections_per_address_max: 256,
            handshake_ms: 10_000,
            first_byte_ms: 10_000,
            head_ms: 10_000,
            head_bytes_max: 32_768,
            header_lines_max: 100,
            url_bytes_max: 8_192,
            body_bytes_max: 100 << 20,
            body_ms: 3_600_000,
            body_bytes_per_s_min: 500,
            body_grace_ms: 10_000,
            idle_ms: 60_000,
            requests_max: 100_000,
        }
    }
}

impl Default for Http2 {
    fn default() -> Http2 {
        Http2 {
            streams_max: 100,
            // Who drags a map or seeks in a film takes back a hundred requests at once.
            resets_per_minute_max: 1_000,
            settings_per_minute_max: 20,
            // A fast download alone brings some hundred window updates a second.
            control_frames_per_minute_max: 12_000,
        }
    }
}

impl Default for Overload {
    fn default() -> Overload {
        Overload {
            lag_ms_max: 1_000,
            memory_bytes_max: 0,
            requests_concurrent_max: 20_000,
        }
    }
}

impl Default for AccessLog {
    fn default() -> AccessLog {
        AccessLog {
            path: None,
            sample_ppm: 1_000_000,
            lines_per_second_max: 1_000,
            addresses: Addresses::Shortened,
        }
    }
}

impl Default for Tenant {
    /// Nobody's yet: without a name and without hosts.
    fn default() -> Tenant {
        Tenant {
            name: String::new(),
            cell: None,
            hosts: Box::default(),
            paths: Box::default(),
            header: None,
            priority: Priority::Normal,
            requests_concurrent_max: 1_000,
            connections_max: 5_000,
            rate: None,
            bytes_per_s_max: None,
            client_certificates: None,
        }
    }
}

impl Default for Upstream {
    /// Nobody yet: without a name and without servers.
    fn default() -> Upstream {
        Upstream {
            name: String::new(),
            servers: Vec::new(),
            protocol: Protocol::Http1,
            tls: None,
            connections_max: 512,
            connect_ms: 2_000,
            // Long polls commonly last 30 s: that is still an answer.
            answer_ms: 60_000,
            between_bytes_ms: 60_000,
            // Shorter than the 5 s after which many servers close: what is sent into a closing
            // connection is lost, and only safe requests may be sent again.
            idle_ms: 4_000,
            health: None,
            outlier: Outlier::default(),
            breaker: Breaker::default(),
        }
    }
}

impl Default for Outlier {
    fn default() -> Outlier {
        Outlier {
            failures: 5,
            eject_ms: 30_000,
            ejected_ppm_max: 500_000,
        }
    }
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker {
            errors_ppm: 500_000,
            requests_min: 20,
            window_ms: 10_000,
            open_ms: 5_000,
            probes: 3,
        }
    }
}

impl Default for Failover {
    fn default() -> Failover {
        Failover {
            wait_ms: 900_000,
            hold_ms: 300_000,
        }
    }
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts_max: 2,
            budget_ppm: 200_000,
        }
    }
}
