//! What another configuration takes over from the one before.

use super::*;

const LEAST: &str = "[[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:1\"]\n";

fn tenant(name: &str, more: &str) -> String {
    format!(
        "[[tenant]]\nname = {name:?}\nhosts = [\"{name}.example\"]\n{more}\n\
         [[route]]\nname = {name:?}\ntenant = {name:?}\nto = \"site\"\n"
    )
}

fn running(text: &str, before: Option<&Running>) -> Running {
    let config = Config::parse(text).unwrap();
    Running::new(config, Path::new("."), None, before).unwrap()
}

#[test]
fn what_is_the_same_goes_on_wherever_it_stands() {
    let first = format!("{LEAST}{}{}", tenant("a", ""), tenant("b", ""));
    let before = running(&first, None);
    let b = before.tenant(TenantId(1)).unwrap();
    b.counts.bytes.add(7);
    b.counts.refusals.add(policy::Reason::TenantRate);
    let fewer = tenant("a", "connections_max = 1");
    let next = format!("{LEAST}{}{fewer}", tenant("b", ""));
    let after = running(&next, Some(&before));
    let b = after.tenant(TenantId(0)).unwrap();
    assert_eq!(b.counts.bytes.total(), 7);
    let refusals: Vec<_> = b.counts.refusals.totals().collect();
    assert_eq!(refusals, [(policy::Reason::TenantRate, 1)]);
    let changed = after.tenant(TenantId(1)).unwrap();
    assert_eq!(changed.connections.max(), 1);
    assert_eq!(changed.counts.refusals.totals().count(), 0);
    let upstreams = (before.upstreams().first(), after.upstreams().first());
    assert!(Arc::ptr_eq(upstreams.0.unwrap(), upstreams.1.unwrap()));
}

#[test]
fn settings_are_kept_once() {
    let text = format!("{LEAST}{}", tenant("a", ""));
    let before = running(&text, None);
    let after = running(&text, Some(&before));
    let (tenant, route) = (&after.tenants()[0], &after.routes()[0]);
    assert!(Arc::ptr_eq(route, &before.routes()[0]));
    assert!(Arc::ptr_eq(&tenant.config, &after.config.tenants[0]));
    assert!(Arc::ptr_eq(&route.config, &after.config.routes[0]));
    assert!(Arc::ptr_eq(
        &after.upstreams()[0].config,
        &after.config.upstreams[0]
    ));
}
