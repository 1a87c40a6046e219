//! The settings of what is watched: kinds of clients, and where figures can be read.

use std::collections::HashSet;

use core::net::SocketAddr;

use super::reading::{Report, Table};
use super::syntax;
use crate::cohort::{Cohort, Members, OTHER, Value};
use crate::config::Listen;
use crate::prefix::Prefix;

/// Each kind of clients, under a name of its own.
pub(crate) fn cohorts(top: &Table<'_>, report: &mut Report) -> Vec<Cohort> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for table in top.tables("cohort", report) {
        let name = table
            .parsed("name", syntax::name, report)
            .unwrap_or_default();
        if name == OTHER || (!name.is_empty() && !seen.insert(name.clone())) {
            let what = match name == OTHER {
                true => "\"other\" are those who belong to none".to_owned(),
                false => format!("there is a cohort \"{name}\" already"),
            };
            report.wrong(table.place("name"), &table.path_of("name"), what);
        }
        if let Some(members) = members(&table, report) {
            all.push(Cohort { name, members });
        }
    }
    all
}

fn members(table: &Table<'_>, report: &mut Report) -> Option<Members> {
    let header = table.parsed("header", syntax::header_name, report);
    let mut value = |key| table.parsed(key, syntax::header_value, report);
    let values = [
        value("exact").map(Value::Exact),
        value("prefix").map(Value::Prefix),
        value("contains").map(Value::Contains),
    ];
    let addresses = table.parsed_texts("addresses", network, report);
    let said = ["exact", "prefix", "contains"].map(|key| table.has(key));
    let said = said.into_iter().filter(|said| *said).count();
    let by_header = table.has("header") && said == 1 && !table.has("addresses");
    let by_address = !table.has("header") && said == 0 && table.has("addresses");
    if !by_header && !by_address {
        report.advise(
            table.at(),
            &table.path_of("header"),
            "who belongs to it is not clear",
            "write either header with one of exact, prefix, contains, or addresses",
        );
        return None;
    }
    match by_address {
        true => Some(Members::Addresses(addresses)),
        false => header
            .zip(values.into_iter().flatten().next())
            .map(|(name, value)| Members::Header(name, value)),
    }
}

fn network(text: &str) -> Result<Prefix, syntax::Fault> {
    let read = text.parse::<Prefix>();
    read.or_else(|error| syntax::fault(format!("{text:?}: {error}")))
}

/// Where figures can be read over TCP.
pub(crate) fn metrics(
    table: &Table<'_>,
    listen: &[Listen],
    report: &mut Report,
) -> Option<SocketAddr> {
    let address = table.parsed("listen", metrics_address, report)?;
    if listen
        .iter()
        .any(|one| one.address == address && address.port() != 0)
    {
        let what = format!("{address} is listened on already");
        report.wrong(table.place("listen"), &table.path_of("listen"), what);
    }
    Some(address)
}

/// They say more than strangers should know, so nobody is let in by leaving something out.
fn metrics_address(text: &str) -> Result<SocketAddr, syntax::Fault> {
    let address = syntax::listen_address(text)?;
    if address.ip().is_unspecified() {
        return syntax::advised(
            format!("{address} is every address of this machine, and figures are for few"),
            "write \"127.0.0.1:9780\", or the one address that is asked",
        );
    }
    Ok(address)
}
