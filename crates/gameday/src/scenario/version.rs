//! What edges run in a rehearsal, as edge.toml: the fleet's version, and tenants' own.

use std::collections::BTreeMap;
use std::path::Path;

use base::Name;
use toml::{Table, Value};

use super::Scenario;

impl Scenario {
    /// Where edges listen, and what they show there.
    fn insert_listeners(&self, top: &mut Table, certificates: &Path) {
        let listener = |address: &str, tls: bool| {
            Table::from_iter([
                ("address".to_owned(), text(address)),
                ("tls".to_owned(), Value::Boolean(tls)),
            ])
        };
        let mut listeners = vec![listener("127.0.0.1:7780", false)];
        let shown = self.tenant.iter().filter(|tenant| tenant.certificate);
        let shown = shown.map(|tenant| {
            let file = |ending: &str| {
                let file = certificates.join(format!("{}.{ending}", tenant.name));
                text(&file.to_string_lossy())
            };
            Table::from_iter([
                ("chain_file".to_owned(), file("crt")),
                ("key_file".to_owned(), file("key")),
            ])
        });
        let shown: Vec<Table> = shown.collect();
        if !shown.is_empty() {
            listeners.push(listener("127.0.0.1:7743", true));
            top.insert("certificate".to_owned(), tables(shown));
        }
        top.insert("listen".to_owned(), tables(listeners));
    }

    /// The fleet's version, with these routes instead of the tenants' own: services by their ports.
    /// `flat`: for one compartment.
    pub(crate) fn fleets(
        &self,
        ports: &BTreeMap<Name, u16>,
        changed: &[(Name, Vec<Table>)],
        flat: bool,
        certificates: &Path,
    ) -> Result<String, toml::ser::Error> {
        let mut top = Table::new();
        top.insert("workers".to_owned(), Value::Integer(1));
        self.insert_listeners(&mut top, certificates);
        let tenants = self.tenant.iter().map(|tenant| {
            let mut table = Table::new();
            table.insert("name".to_owned(), text(tenant.name.as_str()));
            let host = format!("{}.example", tenant.name);
            table.insert("hosts".to_owned(), Value::Array(vec![text(&host)]));
            if let Some(cell) = tenant.cell.as_ref().filter(|_| !flat) {
                table.insert("cell".to_owned(), text(cell.as_str()));
            }
            table
        });
        top.insert("tenant".to_owned(), tables(tenants.collect()));
        let (mut upstreams, mut routes) = (Vec::new(), Vec::new());
        for tenant in &self.tenant {
            let own = changed.iter().find(|(name, _)| *name == tenant.name);
            let plain = || {
                let mut route = Table::new();
                route.insert("name".to_owned(), text("all"));
                route.insert("to".to_owned(), text("origin"));
                vec![route]
            };
            let usual = || match tenant.route.is_empty() {
                true => plain(),
                false => tenant.route.clone(),
            };
            let own = own.map_or_else(usual, |(_, routes)| routes.clone());
            let used = own.iter().any(leads_on);
            for mut route in own {
                let name = route.get("name").and_then(Value::as_str).unwrap_or("all");
                let name = format!("{}-{name}", tenant.name);
                route.insert("name".to_owned(), text(&name));
                route.insert("tenant".to_owned(), text(tenant.name.as_str()));
                if leads_on(&route) {
                    route.insert("to".to_owned(), text(tenant.name.as_str()));
                }
                routes.push(route);
            }
            if used {
                let port = ports.get(&tenant.name);
                let known = upstream(tenant.name.as_str(), port);
                upstreams.push(known.into_iter().chain(tenant.upstream.clone()).collect());
            }
        }
        if !upstreams.is_empty() {
            top.insert("upstream".to_owned(), tables(upstreams));
        }
        top.insert("route".to_owned(), tables(routes));
        toml::to_string(&top)
    }
}

/// A tenant's own version.
pub(crate) fn own(port: Option<&u16>, routes: &[Table]) -> Result<String, toml::ser::Error> {
    let mut top = Table::new();
    if routes.iter().any(leads_on) {
        let upstreams = vec![upstream("origin", port)];
        top.insert("upstream".to_owned(), tables(upstreams));
    }
    top.insert("route".to_owned(), tables(routes.to_vec()));
    toml::to_string(&top)
}

fn leads_on(route: &Table) -> bool {
    route.get("to").and_then(Value::as_str) == Some("origin")
}

fn upstream(name: &str, port: Option<&u16>) -> Table {
    let mut table = Table::new();
    table.insert("name".to_owned(), text(name));
    let server = format!("127.0.0.1:{}", port.copied().unwrap_or(9));
    table.insert("servers".to_owned(), Value::Array(vec![text(&server)]));
    table
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn tables(all: Vec<Table>) -> Value {
    Value::Array(all.into_iter().map(Value::Table).collect())
}
