//! What is decided of a request before anybody answers it: cheapest first, each step bounded. The
//! order is design 0015's; it is here and nowhere else.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, Version};
use policy::config::{Connection, LimitKey, Priority, Rate, RouteId, TenantId};
use policy::limits::{Key, Standing, Wait, policy_item, standing_item};
use policy::shed::open_to_all;
use policy::{Prefix, Reason, cohort, path, wire};

use crate::account::Account;
use crate::challenge;
use crate::clock;
use crate::edge::Edge;
use crate::facts::Facts;
use crate::refuse::Refused;
use crate::rules;
use crate::running::{Route, Running, Tenant};

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who looks at a request's head after all else let it pass, before it goes to an upstream: rules
/// of the kind that web application firewalls have. They come with a budget of time, so that one
/// tenant's rules cost no other anything.
pub trait Rules: Send + Sync {
    /// Refuses a request, saying which rule did, or lets it pass. It may take `budget_micros`.
    ///
    /// # Errors
    /// The name of the rule that refuses it.
    fn judge(&self, head: &Head<'_>, budget_micros: u64) -> Result<(), String>;
}

/// What rules see.
pub struct Head<'a> {
    pub tenant: &'a str,
    pub method: &'a str,
    /// As it came, with its query.
    pub target: &'a str,
    pub host: &'a str,
    pub fields: &'a HeaderMap,
    pub client: IpAddr,
}

/// What one request counts among what its tenant uses.
const REQUEST_USE: u32 = 16;

/// Judges one request. What it holds on success, the account holds: permits, tenant, route.
///
/// # Errors
/// With the reason why it is refused.
pub(crate) fn judge(
    facts: &Rc<Facts>,
    parts: &Parts,
    account: &mut Box<Account>,
) -> Result<Arc<Route>, Refused> {
    let edge = account.edge.clone();
    let running = account.running.clone();
    let host = host(parts, &running.config.connection)?;
    let path = path::comparable(parts.uri.path());
    let header = |name: &str| one(&parts.headers, name);
    let client = client(facts, &running, &parts.headers);
    account.asked.client = client;
    // Also of who came in before the ban.
    if edge.bans.load().holds(client, clock::unix_s()) {
        return Err(Refused::new(Reason::AddressBanned));
    }
    let id = running.table.tenant(&host, &path, header);
    let id = id.ok_or(Refused::new(Reason::TenantUnknown))?;
    let tenant = running
        .tenant(id)
        .ok_or(Refused::new(Reason::TenantUnknown))?;
    account.tenant = Some(id);
    let switches = edge.switches.load();
    switches.tenant(&tenant.config.name)?;
    let own = facts
        .server_name
        .as_deref()
        .is_none_or(|name| running.table.shares(name, id));
    let certificate = &mut account.asked.certificate;
    let authorised =
        running
            .authorities
            .authorise(facts, id, own, &edge.revoked.load(), certificate);
    if let Some(certificate) = certificate {
        let (tenant, reason) = (&tenant.config.name, authorised.as_ref().err());
        let reason = reason.map(|refused| refused.reason);
        edge.ledger
            .used(certificate, tenant, reason, client, clock::unix_ms());
    }
    authorised?;
    if facts.redirect_to_https {
        return Err(elsewhere(&host, parts));
    }
    share(facts, tenant)?;
    admit(&edge, tenant, account)?;
    rate(tenant)?;
    let route = route(&running, id, &host, &path, parts)?;
    account.route = Some(route);
    account.cohort = cohort::of(&running.config.cohorts, client, header);
    let route = running
        .route(route)
        .ok_or(Refused::new(Reason::RouteUnknown))?;
    switches.route(&tenant.config.name, &route.config.name)?;
    limits(&edge, &running, (id, tenant, route), &parts.headers, client)?;
    if let Some(demand) = &route.config.challenge {
        challenge::judge(&edge, demand, &tenant.config.name, client, facts.tls, parts)?;
    }
    rules(&edge, &running, tenant, &host, client, parts)?;
    Ok(route.clone())
}

/// The host that a request is for, in lower case, without port. HTTP/1 was looked at by the gate;
/// HTTP/2's pseudo-fields and fields are looked at here.
fn host<'p>(parts: &'p Parts, limits: &Connection) -> Result<Cow<'p, str>, Refused> {
    let field = parts.headers.get(HOST);
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    if parts.version == Version::HTTP_2 {
        fields(&parts.headers, limits.header_lines_max)?;
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        wire::target(target.as_bytes()).map_err(Refused::new)?;
        if target.len() > limits.url_bytes_max {
            return Err(Refused::new(Reason::UrlTooLong));
        }
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(Refused::new(Reason::MethodRefused));
        }
        if parts.headers.get_all(HOST).iter().nth(1).is_some() {
            return Err(Refused::new(Reason::HostTwice));
        }
        let differs = |(field, authority): (&hyper::header::HeaderValue, &[u8])| {
            !field.as_bytes().eq_ignore_ascii_case(authority)
        };
        if field.zip(authority).is_some_and(differs) {
            return Err(Refused::new(Reason::HostTwice));
        }
    }
    let host = authority.or(field.map(|host| host.as_bytes()));
    let host = wire::host(host.ok_or(Refused::new(Reason::HostMissing))?).map_err(Refused::new)?;
    let name = host.name.strip_suffix('.').unwrap_or(host.name);
    Ok(match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    })
}

/// HTTP/2's fields. A cookie's crumbs are one field (RFC 9113, 8.2.3).
fn fields(fields: &HeaderMap, lines_max: usize) -> Result<(), Refused> {
    let crumbs = fields.get_all(COOKIE).iter().skip(1).count();
    if fields.len() - crumbs > lines_max {
        return Err(Refused::new(Reason::TooManyHeaders));
    }
    for (name, value) in fields {
        wire::field(name.as_str().as_bytes(), value.as_bytes()).map_err(Refused::new)?;
    }
    if fields.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Refused::new(Reason::LengthMalformed));
    }
    Ok(())
}

/// A field's value, if it is there once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then(|| first.as_bytes())
}

/// For whom it is asked: whom the trusted say, from the nearest on, up to the first who isn't
/// trusted (RFC 7239, 8.1).
fn client(facts: &Facts, running: &Running, headers: &HeaderMap) -> IpAddr {
    if !facts.trusted {
        return facts.client;
    }
    let mut client = facts.client;
    let lists: Vec<&[u8]> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|list| list.as_bytes())
        .collect();
    let said = lists
        .iter()
        .rev()
        .flat_map(|list| list.rsplit(|byte| *byte == b','));
    for said in said {
        let said = std::str::from_utf8(said).unwrap_or("").trim();
        let Ok(said) = said.parse::<IpAddr>() else {
            break;
        };
        client = said;
        if !running.config.trusts(said) {
            break;
        }
    }
    client
}

/// The same address under `https` (RFC 9110, 15.4.9: the method stays).
fn elsewhere(host: &str, parts: &Parts) -> Refused {
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    Refused::new(Reason::NotSecure).with(hyper::header::LOCATION, format!("https://{host}{target}"))
}

/// Of how many connections this may be one. It is its newest tenant's.
fn share(facts: &Facts, tenant: &Arc<Tenant>) -> Result<(), Refused> {
    let mut share = facts.share.borrow_mut();
    if share
        .as_ref()
        .is_some_and(|(of, _)| Arc::ptr_eq(of, tenant))
    {
        return Ok(());
    }
    let permit = tenant.connections.try_take();
    let permit = permit.ok_or_else(|| Refused::new(Reason::TenantConnections).after_s(1))?;
    *share = Some((tenant.clone(), permit));
    Ok(())
}

/// Whether there is room for one more: in the process, and among this tenant's.
fn admit(edge: &Edge, tenant: &Tenant, account: &mut Account) -> Result<(), Refused> {
    let now = account.begun;
    tenant.usage.add(REQUEST_USE, now);
    if edge.shed.level() > 0 {
        let share = edge.shed.share(tenant.usage.recent(now));
        let (priority, seed) = (tenant.config.priority, edge.choice());
        if let Err(per_mille) = edge.shed.admit(priority, share, seed) {
            if !account.asked.http2 {
                // Not all at the same time again.
                let pause_ms = u64::from(per_mille) / 2 + seed % u64::from(per_mille.max(1));
                account.conversation.pause(pause_ms);
            }
            return Err(Refused::new(Reason::Overloaded).after_s(1));
        }
    }
    account.permit = tenant.permits.try_take();
    if account.permit.is_none() {
        return Err(Refused::new(Reason::TenantConcurrency).after_s(1));
    }
    let has_room = tenant.config.priority == Priority::Critical
        || edge.requests.taken() < open_to_all(edge.requests.max());
    account.total_permit = has_room.then(|| edge.requests.try_take()).flatten();
    if account.total_permit.is_none() {
        return Err(Refused::new(Reason::Overloaded).after_s(1));
    }
    Ok(())
}

/// What the tenant may ask for each second.
fn rate(tenant: &Tenant) -> Result<(), Refused> {
    let Some(rate) = &tenant.config.rate else {
        return Ok(());
    };
    match tenant.bucket.try_take(rate, clock::now(), 1) {
        Ok(_) => Ok(()),
        Err(wait) => Err(used_up(Reason::TenantRate, "tenant", rate, &wait)),
    }
}

/// What is said of a limit that is used up.
fn used_up(reason: Reason, name: &str, rate: &Rate, wait: &Wait) -> Refused {
    let standing = Standing {
        limit: rate.burst,
        remaining: 0,
        reset_ms: wait.retry_after_ms,
    };
    Refused::new(reason)
        .about(format!("the limit \"{name}\" is used up"))
        .after_s(wait.retry_after_s())
        .with(RATE_LIMIT_POLICY, policy_item(name, rate).to_string())
        .with(RATE_LIMIT, standing_item(name, &standing).to_string())
}

fn route(
    running: &Running,
    tenant: TenantId,
    host: &str,
    path: &str,
    parts: &Parts,
) -> Result<RouteId, Refused> {
    let header = |name: &str| one(&parts.headers, name);
    let method = parts.method.as_str();
    running
        .table
        .route(tenant, host, path, method, header)
        .map_err(|reason| {
            let refused = Refused::new(reason);
            match reason {
                Reason::MethodNotAllowed => {
                    let methods = running.table.allowed_methods(tenant, host, path, header);
                    refused.allowing(methods.join(", "))
                }
                _ => refused,
            }
        })
}

/// The route's limits, at most eight. The first that is used up refuses.
fn limits(
    edge: &Edge,
    running: &Running,
    (id, tenant, route): (TenantId, &Tenant, &Route),
    headers: &HeaderMap,
    client: IpAddr,
) -> Result<(), Refused> {
    let now = clock::now();
    let switches = edge.switches.load();
    for limit in &route.config.limits {
        let Some((limit, buckets)) = running.limit(*limit) else {
            continue;
        };
        if switches.is_limit_off(&tenant.config.name, &limit.name) {
            continue;
        }
        let key = match &limit.key {
            LimitKey::Tenant => Key::of_place(edge.seed, id.0),
            LimitKey::Route => Key::of(edge.seed, route.config.name.as_bytes()),
            LimitKey::Address => Key::of_prefix(edge.seed, &Prefix::subscriber(client)),
            // Of several nobody knows which one counts: they are a key of their own.
            LimitKey::Header(name) => {
                let mut values = headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => Key::of(edge.seed, b""),
                    (Some(value), None) => Key::of(edge.seed, value.as_bytes()),
                    (Some(_), Some(_)) => Key::of(edge.seed, b"\0"),
                }
            }
        };
        if let Err(wait) = buckets.try_take(key, now, 1) {
            return Err(used_up(Reason::Limit, &limit.name, &limit.rate, &wait));
        }
    }
    Ok(())
}

fn rules(
    edge: &Edge,
    running: &Running,
    tenant: &Tenant,
    host: &str,
    client: IpAddr,
    parts: &Parts,
) -> Result<(), Refused> {
    let Some(rules) = &edge.rules else {
        return Ok(());
    };
    let head = Head {
        tenant: &tenant.config.name,
        method: parts.method.as_str(),
        target: parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str()),
        host,
        fields: &parts.headers,
        client,
    };
    rules::judge(rules.as_ref(), &head, tenant, running.config.rules_failure)
}
