//! Whose a request is, and which of its owner's routes answers it: looked up in what is built once
//! from the configuration.
//!
//! It does not judge the text it is given. The host is lower case and without a port, the path is the
//! comparable one (percent-encoding and dots undone, as `path::comparable` gives it), and the
//! patterns of the configuration stand in the same form. Bytes are compared with bytes.
//!
//! A look-up allocates nothing. It costs one hash for the host and one for each length that a
//! `*.suffix` of the configuration has, a binary search for each segment of the longest prefix in the
//! configuration and for each header that chooses among a host's tenants; then one step for each
//! route of that tenant, in the order of the file.

mod build;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::Reason;
use crate::config::{Config, RouteId, TenantId};

/// Always hashes alike: what is looked up is known when the table is built, and nobody outside adds
/// to it.
type Hosts = HashMap<Box<str>, u32, BuildHasherDefault<DefaultHasher>>;

/// Which tenant and which route, of one configuration.
#[derive(Debug)]
pub struct Table {
    exact: Hosts,
    /// By suffix, with its leading dot.
    under: Hosts,
    /// Bit n: a suffix of n labels is in `under`. The last bit stands for all longer ones.
    under_labels: u128,
    any: Option<u32>,
    levels: Box<[Level]>,
    header_names: Box<[Box<str>]>,
    headed: Box<[Headed]>,
    pathed: Box<[Pathed]>,
    members: Box<[TenantId]>,
    rules: Box<[Rule]>,
    /// By tenant, in `rules`.
    rules_of: Box<[Span]>,
    /// What the rules compare with. A tenant's lies together, so that it costs a line or two of
    /// cache and not one for each word.
    text: Box<str>,
    methods: Box<[Span]>,
    headers: Box<[(Span, Span)]>,
}

/// A part of one of the table's slices.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.from as usize..self.to as usize)
            .unwrap_or_default()
    }
}

/// The tenants of one host pattern.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Each name once.
    header_names: Span,
    /// By name, value; then the longest path first, then as in the file.
    headed: Span,
    /// By path, each once.
    pathed: Span,
    /// The tenants of both, in order.
    members: Span,
    /// Segments of the longest path in `pathed`.
    segments_max: u32,
    /// Who asks for no path and no header.
    rest: Option<TenantId>,
}

#[derive(Debug)]
struct Headed {
    name: Box<str>,
    value: Box<[u8]>,
    path: Box<str>,
    tenant: TenantId,
}

#[derive(Debug)]
struct Pathed {
    path: Box<str>,
    tenant: TenantId,
}

/// A route's conditions; texts are spans of the table's `text`.
#[derive(Debug)]
struct Rule {
    id: RouteId,
    host: Condition,
    path: Condition,
    /// In `methods`; none: any.
    methods: Span,
    /// In `headers`: names in lower case, and values.
    headers: Span,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    Any,
    Exact(Span),
    /// Hosts that end so, paths that begin so.
    Under(Span),
}

impl Table {
    /// Builds it. Of two tenants that ask for the same, the one that stands first in the file wins.
    pub fn new(config: &Config) -> Table {
        build::table(config)
    }

    /// Whose request it is. The host's exact pattern comes before the longest `*.suffix`, that before
    /// shorter ones, and `*` last; if no tenant of one pattern takes the request, the next pattern
    /// is asked. Within a pattern: a tenant whose header is there, then the longest path
    /// (by whole segments), then the one that asks for neither. A tenant that asks for a header and
    /// for paths needs both.
    ///
    /// `header` gives a field's value by its name in lower case; `None` if it is not there, or there
    /// more than once.
    pub fn tenant<'h>(
        &self,
        host: &str,
        path: &str,
        header: impl Fn(&str) -> Option<&'h [u8]>,
    ) -> Option<TenantId> {
        self.levels(host).find_map(|level| {
            self.by_header(level, path, &header)
                .or_else(|| self.by_path(level, path))
                .or(level.rest)
        })
    }

    /// Whether a connection that was made for this server name may carry requests of that tenant:
    /// whether some request to that host would be the tenant's (RFC 9110, 7.4; RFC 6066, 3).
    pub fn shares(&self, sni: &str, tenant: TenantId) -> bool {
        self.reachable(sni).any(|level| {
            level.rest == Some(tenant)
                || level
                    .members
                    .of(&self.members)
                    .binary_search(&tenant)
                    .is_ok()
        })
    }

    /// The tenants that can be reached at a host; one may come more than once. Whether a handshake
    /// asks for a client's certificate follows from these.
    pub fn at<'t>(&'t self, host: &'t str) -> impl Iterator<Item = TenantId> + 't {
        self.reachable(host).flat_map(|level| {
            let members = level.members.of(&self.members).iter().copied();
            members.chain(level.rest)
        })
    }

    /// The first of the tenant's routes that holds, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`Reason::MethodNotAllowed`] if one would hold for another method, and
    /// [`Reason::RouteUnknown`] if none would. `GET` does not stand for `HEAD`: a route that lists
    /// methods has those it lists.
    pub fn route<'h>(
        &self,
        tenant: TenantId,
        host: &str,
        path: &str,
        method: &str,
        header: impl Fn(&str) -> Option<&'h [u8]>,
    ) -> Result<RouteId, Reason> {
        let mut refused = Reason::RouteUnknown;
        for rule in self.rules_of(tenant) {
            let method_holds = self.allows(rule, method);
            if !method_holds && refused == Reason::MethodNotAllowed {
                continue;
            }
            if self.holds(rule, host, path, &header) {
                if method_holds {
                    return Ok(rule.id);
                }
                refused = Reason::MethodNotAllowed;
            }
        }
        Err(refused)
    }

    /// What stands in `Allow` (RFC 9110, 10.2.1) when a method was not allowed: each once, in
    /// alphabetical order.
    pub fn allowed_methods<'h>(
        &self,
        tenant: TenantId,
        host: &str,
        path: &str,
        header: impl Fn(&str) -> Option<&'h [u8]>,
    ) -> Vec<&str> {
        let rules = self.rules_of(tenant).iter();
        let holding = rules.filter(|rule| self.holds(rule, host, path, &header));
        let mut methods: Vec<&str> = holding
            .flat_map(|rule| rule.methods.of(&self.methods))
            .map(|method| self.text(*method))
            .collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// About how many bytes it takes, what it points to included.
    pub fn bytes(&self) -> usize {
        build::bytes(self)
    }

    fn rules_of(&self, tenant: TenantId) -> &[Rule] {
        let span = self.rules_of.get(tenant.0 as usize).copied();
        span.unwrap_or_default().of(&self.rules)
    }

    fn text(&self, span: Span) -> &str {
        let text = self.text.get(span.from as usize..span.to as usize);
        text.unwrap_or_default()
    }

    fn allows(&self, rule: &Rule, method: &str) -> bool {
        let methods = rule.methods.of(&self.methods);
        methods.is_empty() || methods.iter().any(|one| self.text(*one) == method)
    }

    fn holds<'h>(
        &self,
        rule: &Rule,
        host: &str,
        path: &str,
        header: &impl Fn(&str) -> Option<&'h [u8]>,
    ) -> bool {
        let path_holds = match rule.path {
            Condition::Any => true,
            Condition::Exact(exact) => self.text(exact) == path,
            Condition::Under(prefix) => below(path, self.text(prefix)),
        };
        let host_holds = || match rule.host {
            Condition::Any => true,
            Condition::Exact(exact) => self.text(exact) == host,
            Condition::Under(suffix) => {
                let suffix = self.text(suffix);
                host.len() > suffix.len() && host.ends_with(suffix)
            }
        };
        let mut headers = rule.headers.of(&self.headers).iter();
        path_holds
            && host_holds()
            && headers
                .all(|(name, value)| header(self.text(*name)) == Some(self.text(*value).as_bytes()))
    }

    /// The patterns that the host matches, the closest first.
    fn levels<'t>(&'t self, host: &'t str) -> impl Iterator<Item = &'t Level> + 't {
        let exact = self.exact.get(host).copied();
        let places = exact.into_iter().chain(self.suffixes(host)).chain(self.any);
        places.filter_map(|place| self.levels.get(place as usize))
    }

    /// The same, up to the first that takes whatever comes: what lies behind it is never reached.
    fn reachable<'t>(&'t self, host: &'t str) -> impl Iterator<Item = &'t Level> + 't {
        self.levels(host).scan(false, |closed, level| {
            if *closed {
                return None;
            }
            *closed = level.rest.is_some();
            Some(level)
        })
    }

    /// Of `a.b.example.org`: `.b.example.org`, `.example.org`, `.org`, as far as there are any of that
    /// many labels.
    fn suffixes<'t>(&'t self, host: &'t str) -> impl Iterator<Item = u32> + 't {
        let dots = if self.under_labels == 0 {
            0
        } else {
            memchr::memchr_iter(b'.', host.as_bytes()).count()
        };
        let places = memchr::memchr_iter(b'.', host.as_bytes());
        // The suffix at the first dot has as many labels as the host has dots.
        let by_labels = places.take(dots).zip((1..=dots).rev());
        by_labels
            .filter(|(place, labels)| *place > 0 && self.under_labels & labels_bit(*labels) != 0)
            .filter_map(|(place, _)| self.under.get(host.get(place..)?).copied())
    }

    fn by_header<'h>(
        &self,
        level: &Level,
        path: &str,
        header: &impl Fn(&str) -> Option<&'h [u8]>,
    ) -> Option<TenantId> {
        let headed = level.headed.of(&self.headed);
        let mut best: Option<&Headed> = None;
        for name in level.header_names.of(&self.header_names) {
            let Some(value) = header(name) else { continue };
            let key = (&**name, value);
            let from = headed.partition_point(|one| (&*one.name, &*one.value) < key);
            let alike = headed.get(from..).unwrap_or_default().iter();
            let mut alike = alike.take_while(|one| (&*one.name, &*one.value) == key);
            let Some(found) = alike.find(|one| below(path, &one.path)) else {
                continue;
            };
            if best.is_none_or(|best| found.rank() < best.rank()) {
                best = Some(found);
            }
        }
        best.map(|found| found.tenant)
    }

    fn by_path(&self, level: &Level, path: &str) -> Option<TenantId> {
        let pathed = level.pathed.of(&self.pathed);
        if pathed.is_empty() {
            return None;
        }
        let mut prefix = first_segments(path, level.segments_max);
        while !prefix.is_empty() {
            if let Ok(place) = pathed.binary_search_by(|one| (*one.path).cmp(prefix)) {
                return pathed.get(place).map(|one| one.tenant);
            }
            prefix = memchr::memrchr(b'/', prefix.as_bytes())
                .and_then(|slash| prefix.get(..slash))
                .unwrap_or_default();
        }
        None
    }
}

impl Headed {
    fn rank(&self) -> (core::cmp::Reverse<usize>, TenantId) {
        (core::cmp::Reverse(self.path.len()), self.tenant)
    }
}

fn labels_bit(labels: usize) -> u128 {
    1 << labels.min(127)
}

/// Whether the path is the prefix or lies below it. A prefix has no slash at its end; the empty one
/// holds everything.
fn below(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The path as far as its n-th segment. `/a/b/c` begins with `/a/b`, n = 2.
fn first_segments(path: &str, segments: u32) -> &str {
    let end = memchr::memchr_iter(b'/', path.as_bytes()).nth(segments as usize);
    end.and_then(|end| path.get(..end)).unwrap_or(path)
}

#[cfg(test)]
mod tests;
