//! The settings of the process: listeners, connections, certificates.

use super::reading::{Report, Table};
use super::{agreement, syntax, traffic, watching};
use crate::config::{
    AccessLog, Acme, Addresses, Certificate, Config, Connection, Http2, Listen, Overload,
    RulesFailure,
};
use crate::prefix::Prefix;

/// The whole configuration.
pub(crate) fn config(top: &Table<'_>, report: &mut Report) -> Config {
    let default = Config::default();
    let listeners = top.tables("listen", report);
    let listen = if listeners.is_empty() {
        default.listen
    } else {
        listeners
            .iter()
            .map(|table| listener(table, report))
            .collect()
    };
    let acme_table = top.table("acme", report);
    let traffic = traffic::read(top, report);
    let metrics = watching::metrics(&top.table_or_absent("metrics", report), &listen, report);
    let config = Config {
        cell: top
            .parsed("cell", syntax::name, report)
            .unwrap_or(default.cell),
        workers: top.number("workers", default.workers, report),
        drain_ms: top.number("drain_ms", default.drain_ms, report),
        trusted: top.parsed_texts("trusted", trusted, report),
        listen,
        connection: connection(&top.table_or_absent("connection", report), report),
        http2: http2(&top.table_or_absent("http2", report), report),
        overload: overload(&top.table_or_absent("overload", report), report),
        access_log: access_log(&top.table_or_absent("access_log", report), report),
        metrics,
        cohorts: watching::cohorts(top, report),
        rules_failure: match top.word("rules_failure", report) {
            Some("pass") => RulesFailure::Pass,
            _ => default.rules_failure,
        },
        bans: top.parsed_texts("bans", syntax::file, report),
        certificates: top
            .tables("certificate", report)
            .iter()
            .map(|table| certificate(table, report))
            .collect(),
        acme: acme_table.map(|table| acme(&table, report)),
        tenants: traffic.tenants.built,
        upstreams: traffic.upstreams.built,
        limits: traffic.limits.built,
        routes: traffic.routes.built,
    };
    let tables = agreement::Tables {
        top,
        listeners: &listeners,
        tenants: &traffic.tenants.tables,
        upstreams: &traffic.upstreams.tables,
        limits: &traffic.limits.tables,
        routes: &traffic.routes.tables,
    };
    agreement::check(&config, &tables, report);
    config
}

fn trusted(text: &str) -> Result<Prefix, syntax::Fault> {
    match text.parse::<Prefix>() {
        Ok(prefix) if prefix.length() == 0 => syntax::advised(
            "everybody could say that they are somebody else",
            "name the proxies that stand in front",
        ),
        Ok(prefix) => Ok(prefix),
        Err(error) => syntax::fault(format!("{text:?}: {error}")),
    }
}

fn listener(table: &Table<'_>, report: &mut Report) -> Listen {
    let default = Listen::default();
    let tls = table.flag("tls", default.tls, report);
    Listen {
        address: table
            .parsed("address", syntax::listen_address, report)
            .unwrap_or(default.address),
        tls,
        http2: table.flag("http2", tls, report),
        proxy_protocol: table.flag("proxy_protocol", default.proxy_protocol, report),
        redirect_to_https: table.flag("redirect_to_https", default.redirect_to_https, report),
    }
}

fn connection(table: &Table<'_>, report: &mut Report) -> Connection {
    let default = Connection::default();
    let read = Connection {
        connections_max: table.number("connections_max", default.connections_max, report),
        connections_per_address_max: table.number(
            "connections_per_address_max",
            default.connections_per_address_max,
            report,
        ),
        handshake_ms: table.number("handshake_ms", default.handshake_ms, report),
        first_byte_ms: table.number("first_byte_ms", default.first_byte_ms, report),
        head_ms: table.number("head_ms", default.head_ms, report),
        head_bytes_max: table.number("head_bytes_max", default.head_bytes_max, report),
        header_lines_max: table.number("header_lines_max", default.header_lines_max, report),
        url_bytes_max: table.number("url_bytes_max", default.url_bytes_max, report),
        body_bytes_max: table.number("body_bytes_max", default.body_bytes_max, report),
        body_ms: table.number("body_ms", default.body_ms, report),
        body_bytes_per_s_min: table.number(
            "body_bytes_per_s_min",
            default.body_bytes_per_s_min,
            report,
        ),
        body_grace_ms: table.number("body_grace_ms", default.body_grace_ms, report),
        idle_ms: table.number("idle_ms", default.idle_ms, report),
        requests_max: table.number("requests_max", default.requests_max, report),
    };
    if read.url_bytes_max > read.head_bytes_max {
        let narrower = if table.has("url_bytes_max") {
            "url_bytes_max"
        } else {
            "head_bytes_max"
        };
        let what = format!(
            "a target of {} bytes doesn't fit into a head of {}",
            read.url_bytes_max, read.head_bytes_max
        );
        report.wrong(table.place(narrower), &table.path_of(narrower), what);
    }
    read
}

fn http2(table: &Table<'_>, report: &mut Report) -> Http2 {
    let default = Http2::default();
    Http2 {
        streams_max: table.number("streams_max", default.streams_max, report),
        resets_per_minute_max: table.number(
            "resets_per_minute_max",
            default.resets_per_minute_max,
            report,
        ),
        settings_per_minute_max: table.number(
            "settings_per_minute_max",
            default.settings_per_minute_max,
            report,
        ),
        control_frames_per_minute_max: table.number(
            "control_frames_per_minute_max",
            default.control_frames_per_minute_max,
            report,
        ),
    }
}

fn overload(table: &Table<'_>, report: &mut Report) -> Overload {
    let default = Overload::default();
    Overload {
        lag_ms_max: table.number("lag_ms_max", default.lag_ms_max, report),
        memory_bytes_max: table.number("memory_bytes_max", default.memory_bytes_max, report),
        requests_concurrent_max: table.number(
            "requests_concurrent_max",
            default.requests_concurrent_max,
            report,
        ),
    }
}

fn access_log(table: &Table<'_>, report: &mut Report) -> AccessLog {
    let default = AccessLog::default();
    AccessLog {
        path: table.parsed("path", syntax::file, report),
        sample_ppm: table.number("sample_ppm", default.sample_ppm, report),
        lines_per_second_max: table.number(
            "lines_per_second_max",
            default.lines_per_second_max,
            report,
        ),
        addresses: match table.word("addresses", report) {
            Some("full") => Addresses::Full,
            Some("none") => Addresses::None,
            Some("shortened") => Addresses::Shortened,
            _ => default.addresses,
        },
    }
}

fn certificate(table: &Table<'_>, report: &mut Report) -> Certificate {
    Certificate {
        chain_file: table
            .parsed("chain_file", syntax::file, report)
            .unwrap_or_default(),
        key_file: table
            .parsed("key_file", syntax::file, report)
            .unwrap_or_default(),
    }
}

fn acme(table: &Table<'_>, report: &mut Report) -> Acme {
    let contact = |text: &str| match text.strip_prefix("mailto:") {
        Some(rest) if rest.contains('@') && rest.bytes().all(|c| c.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => syntax::advised(
            format!("{text:?} is nobody to write to"),
            "write \"mailto:ops@example.org\"",
        ),
    };
    let name = |text: &str| {
        if text.contains('*') {
            return syntax::advised(
                format!("HTTP-01 can't show that {text:?} is yours"),
                "name each host, or bring a certificate of your own",
            );
        }
        if text.starts_with('[') || text.parse::<core::net::IpAddr>().is_ok() {
            return syntax::fault(format!(
                "{text:?} is an address; certificates are asked for names"
            ));
        }
        syntax::host(text)
    };
    let names = table.parsed_texts("names", name, report);
    table.filled(
        "names",
        "no name stands here, so there is nothing to ask for",
        report,
    );
    Acme {
        directory: table
            .parsed("directory", syntax::acme_directory, report)
            .unwrap_or_default(),
        contact: table.parsed_texts("contact", contact, report),
        ca_file: table.parsed("ca_file", syntax::file, report),
        names,
        renew_before_ms: table.number("renew_before_ms", RENEW_BEFORE_MS, report),
    }
}

/// Thirty days.
const RENEW_BEFORE_MS: u64 = 2_592_000_000;
