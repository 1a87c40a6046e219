//! Passing a request on: to which tier and server, what of its head, how often, and what is made of
//! the answer.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use policy::Reason;
use policy::breaker::Outcome;
use policy::config::{Forward, Protocol, Tier};

use crate::account::Account;
use crate::body::{Answer, Inbound, Sent, Upload, UploadLimits};
use crate::clock;
use crate::facts::Facts;
use crate::files;
use crate::pool::{Lease, NoAnswer};
use crate::refuse::Refused;
use crate::running::Route;
use crate::tunnel::Joint;
use crate::upstream::Upstream;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Says that it is not the usual one who answers.
pub(crate) const POSTURE: HeaderName = HeaderName::from_static("hereby-posture");

/// One request on its way up.
pub(crate) struct Errand<'a> {
    pub(crate) facts: &'a Rc<Facts>,
    pub(crate) route: &'a Arc<Route>,
    pub(crate) account: &'a mut Box<Account>,
}

impl Errand<'_> {
    /// Passes a request on and returns the answer.
    ///
    /// # Errors
    /// With the reason why there is none.
    pub(crate) async fn run(
        mut self,
        forward: &Forward,
        request: Request<Inbound>,
    ) -> Result<Response<Answer>, Refused> {
        let tier = self.route.serving();
        self.account.tier = tier;
        let mut answer = match forward.tiers.get(tier) {
            Some(Tier::Upstream(upstream)) => {
                self.account.upstream = Some((*upstream, 0));
                let upstream = self.account.running.upstream(*upstream);
                let upstream = upstream
                    .ok_or(Refused::new(Reason::UpstreamUnhealthy))?
                    .clone();
                self.ask(forward, &upstream, request).await?
            }
            Some(Tier::Mirror(mirror)) => {
                Box::pin(files::answer(
                    &self.account.running.directory,
                    mirror,
                    &request,
                ))
                .await?
            }
            None => return Err(Refused::new(Reason::UpstreamUnhealthy)),
        };
        if tier > 0 {
            answer
                .headers_mut()
                .insert(POSTURE, HeaderValue::from_static("degraded"));
        }
        Ok(answer)
    }

    async fn ask(
        &mut self,
        forward: &Forward,
        upstream: &Arc<Upstream>,
        request: Request<Inbound>,
    ) -> Result<Response<Answer>, Refused> {
        let upgrade = request.headers().contains_key(UPGRADE);
        if upgrade && !forward.websocket {
            return Err(Refused::new(Reason::UpgradeRefused));
        }
        let (mut parts, body) = request.into_parts();
        self.dress(&mut parts, forward, upstream)?;
        let limits = self.upload_limits();
        let upload = Upload::new(body, limits, &self.facts.conversation);
        let (body, sent) = upload.map_err(Refused::new)?;
        if upstream.config.protocol == Protocol::Http1 && body.size_hint().exact().is_none() {
            // Of a method that has no body as a rule the library would send none.
            let chunked = HeaderValue::from_static("chunked");
            parts.headers.insert(TRANSFER_ENCODING, chunked);
        }
        let request = Request::from_parts(parts, body);
        let (mut answer, lease) = self.attempts(forward, upstream, request, sent).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            if !upgrade {
                return Err(Refused::new(Reason::UpstreamBroken));
            }
            let server = hyper::upgrade::on(&mut answer);
            let (parts, _) = answer.into_parts();
            let tenant = self.account.tenant;
            let tenant = tenant.and_then(|id| self.account.running.tenant(id));
            let tenant = tenant.ok_or(Refused::new(Reason::TenantUnknown))?.clone();
            let joint = Joint {
                server,
                tenant,
                client: self.account.asked.client,
                lease,
            };
            return Ok(Response::from_parts(parts, Answer::tunnel(joint)));
        }
        let (mut parts, body) = answer.into_parts();
        undress(&mut parts.headers);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let between_ms = upstream.config.between_bytes_ms;
        Ok(Response::from_parts(
            parts,
            Answer::upstream(body, Some(lease), between_ms),
        ))
    }

    fn upload_limits(&self) -> UploadLimits {
        let connection = &self.account.running.config.connection;
        let own = self.account.running.config.routes.get(self.route.place);
        UploadLimits {
            bytes_max: own
                .and_then(|route| route.body_bytes_max)
                .unwrap_or(connection.body_bytes_max),
            time_ms: connection.body_ms,
            bytes_per_s_min: connection.body_bytes_per_s_min,
            grace_ms: connection.body_grace_ms,
        }
    }

    /// Asks, and asks again where that is safe and within the budget.
    async fn attempts(
        &mut self,
        forward: &Forward,
        upstream: &Arc<Upstream>,
        request: Request<Upload>,
        sent: Option<Arc<Sent>>,
    ) -> Result<(Response<Incoming>, Lease), Refused> {
        self.route.retries.request(clock::now());
        let safe = sent.is_none() && is_safe(request.method());
        let again = (safe && forward.retry.attempts_max > 1).then(|| copy(&request));
        let mut next = Some(request);
        let mut attempt = 1;
        let mut stale = 0;
        let mut fresh = false;
        loop {
            let Some(request) = next.take() else {
                return Err(Refused::new(Reason::UpstreamBroken));
            };
            let trial = self.attempt(upstream, request, sent.as_ref(), fresh);
            let failed = match trial.await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if let Some(reason) = sent.as_ref().and_then(|sent| sent.refused()) {
                return Err(Refused::new(reason));
            }
            // A connection that was closed while idle took nothing: that costs no budget.
            if let (Some(unsent), true) = (failed.unsent, stale < 2) {
                stale += 1;
                fresh = true;
                next = Some(*unsent);
                continue;
            }
            let may = attempt < forward.retry.attempts_max
                && failed.worth
                && self
                    .route
                    .retries
                    .try_retry(forward.retry.budget_ppm, clock::now());
            match (&again, may) {
                (Some(request), true) => next = Some(copy(request)),
                _ => return Err(Refused::new(failed.reason)),
            }
            attempt += 1;
            self.account.retries += 1;
        }
    }

    async fn attempt(
        &mut self,
        upstream: &Arc<Upstream>,
        request: Request<Upload>,
        sent: Option<&Arc<Sent>>,
        fresh: bool,
    ) -> Result<(Response<Incoming>, Lease), Failed> {
        let ticket = upstream.before(clock::now()).map_err(Failed::early)?;
        let server = upstream.choose(clock::now());
        let server = server.ok_or(Failed::early(Reason::UpstreamUnhealthy))?;
        if let Some((_, chosen)) = &mut self.account.upstream {
            *chosen = server;
        }
        let begun = clock::now();
        let mut lease = match self.facts.worker.pool.lease(upstream, server, fresh).await {
            Ok(lease) => lease,
            Err(reason @ Reason::UpstreamConnections) => return Err(Failed::early(reason)),
            Err(reason) => {
                ticket.end(Outcome::Failed);
                upstream.failed(server, clock::now());
                return Err(Failed {
                    reason,
                    unsent: None,
                    worth: true,
                });
            }
        };
        lease.sent = sent.cloned();
        let outcome = within(upstream.config.answer_ms, sent, lease.send(request)).await;
        let now = clock::now();
        if let (Some(reason), Ok(Err(_)) | Err(_)) = (sent.and_then(|it| it.refused()), &outcome) {
            // The client's doing: it says nothing of the upstream.
            ticket.end(Outcome::Abandoned);
            return Err(Failed::early(reason));
        }
        match outcome {
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                upstream.counts.statuses.add(status);
                upstream.counts.latency.add(now.micros_since(begun));
                let good = !matches!(status, 502..=504);
                ticket.end(if good { Outcome::Ok } else { Outcome::Failed });
                upstream.answered(server, good, now);
                Ok((answer, lease))
            }
            Ok(Err(NoAnswer {
                unsent: Some(unsent),
                ..
            })) if lease.used => {
                ticket.end(Outcome::Abandoned);
                Err(Failed {
                    reason: Reason::UpstreamBroken,
                    unsent: Some(unsent),
                    worth: true,
                })
            }
            Ok(Err(NoAnswer { why, .. })) => {
                tracing::debug!(upstream = upstream.config.name, error = %why, "no answer");
                ticket.end(Outcome::Failed);
                upstream.failed(server, now);
                Err(Failed {
                    reason: Reason::UpstreamBroken,
                    unsent: None,
                    worth: true,
                })
            }
            Err(TooSlow) => {
                ticket.end(Outcome::Failed);
                upstream.failed(server, now);
                Err(Failed {
                    reason: Reason::UpstreamTooSlow,
                    unsent: None,
                    worth: false,
                })
            }
        }
    }

    /// What goes up instead of what came down.
    fn dress(
        &self,
        parts: &mut Parts,
        forward: &Forward,
        upstream: &Upstream,
    ) -> Result<(), Refused> {
        let upgrade = parts.headers.remove(UPGRADE);
        let trailers = parts
            .headers
            .get(TE)
            .is_some_and(|te| te.as_bytes() == b"trailers");
        undress(&mut parts.headers);
        let headers = &mut parts.headers;
        headers.remove(EXPECT);
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(upgrade) = upgrade {
            headers.insert(UPGRADE, upgrade);
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if parts.version == Version::HTTP_2 && upstream.config.protocol == Protocol::Http1 {
            join_cookies(headers);
        }
        self.introduce(headers, parts.uri.authority());
        let host = match (
            forward.keep_host,
            headers.remove(HOST),
            parts.uri.authority(),
        ) {
            (true, Some(host), _) => host,
            (true, None, Some(authority)) => value(authority.as_str())?,
            _ => upstream.host.clone(),
        };
        let path = parts.uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut uri = hyper::http::uri::Parts::default();
        uri.path_and_query = Some(path);
        match upstream.config.protocol {
            Protocol::Http1 => {
                headers.insert(HOST, host);
                parts.version = Version::HTTP_11;
            }
            Protocol::Http2 => {
                let authority = Authority::try_from(host.as_bytes());
                uri.authority = Some(authority.map_err(|_| Refused::new(Reason::HostMalformed))?);
                uri.scheme = Some(match upstream.tls {
                    Some(_) => Scheme::HTTPS,
                    None => Scheme::HTTP,
                });
                parts.version = Version::HTTP_2;
            }
        }
        parts.uri = Uri::from_parts(uri).map_err(|_| Refused::new(Reason::TargetMalformed))?;
        parts.extensions.clear();
        Ok(())
    }

    /// Says for whom we ask (RFC 7239, and what is older than it). What the client says of that
    /// itself counts only if it is trusted.
    fn introduce(&self, headers: &mut HeaderMap, authority: Option<&Authority>) {
        let facts = self.facts;
        if facts.trusted {
            append(headers, FORWARDED_FOR, &facts.forwarded_for);
            append(headers, FORWARDED, &facts.forwarded);
            headers
                .entry(FORWARDED_PROTO)
                .or_insert_with(|| facts.proto.clone());
        } else {
            for name in claims(headers) {
                headers.remove(name);
            }
            headers.insert(FORWARDED_FOR, facts.forwarded_for.clone());
            headers.insert(FORWARDED, facts.forwarded.clone());
            headers.insert(FORWARDED_PROTO, facts.proto.clone());
        }
        if !facts.trusted || !headers.contains_key(FORWARDED_HOST) {
            let host = headers.get(HOST).cloned();
            let host = host.or_else(|| HeaderValue::from_str(authority?.as_str()).ok());
            if let Some(host) = host {
                headers.insert(FORWARDED_HOST, host);
            }
        }
        if let Ok(id) = HeaderValue::from_bytes(&self.account.id.text()) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The upstream took too long.
struct TooSlow;

/// Waits for an answer as long as an upstream may take. The time that it waits itself for the
/// client's body is not its own.
async fn within<T>(
    answer_ms: u64,
    sent: Option<&Arc<Sent>>,
    answer: impl Future<Output = T>,
) -> Result<T, TooSlow> {
    let begun = clock::now();
    let mut answer = pin!(answer);
    let mut due = begun.plus_ms(answer_ms);
    loop {
        let wait = tokio::time::timeout_at(clock::instant(due), answer.as_mut());
        if let Ok(answer) = wait.await {
            return Ok(answer);
        }
        let since = match sent {
            None => begun,
            Some(sent) => sent.upstream_since().unwrap_or_else(clock::now),
        };
        due = since.plus_ms(answer_ms);
        if due <= clock::now() {
            return Err(TooSlow);
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, Refused> {
    HeaderValue::from_str(text).map_err(|_| Refused::new(Reason::HostMalformed))
}

/// What a client says of itself that only a proxy could know, in any spelling that an upstream
/// which reads fields as CGI variables (RFC 3875, 4.1.18) can't tell from the real one.
fn claims(headers: &HeaderMap) -> Vec<HeaderName> {
    let claims = |name: &&HeaderName| {
        let name = name.as_str().as_bytes();
        let is = |known: &str| {
            let begin = name.get(..known.len()).unwrap_or(&[]);
            let same =
                |(byte, known): (&u8, u8)| *byte == known || (*byte == b'_' && known == b'-');
            begin.len() == known.len() && begin.iter().zip(known.bytes()).all(same)
        };
        is("x-forwarded-") || is("x-real-ip") || is("forwarded")
    };
    headers.keys().filter(claims).cloned().collect()
}

/// Adds to a list that others began.
fn append(headers: &mut HeaderMap, name: HeaderName, ours: &HeaderValue) {
    let mut list = Vec::new();
    for theirs in headers.get_all(&name) {
        list.extend_from_slice(theirs.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(ours.as_bytes());
    if let Ok(list) = HeaderValue::from_bytes(&list) {
        headers.insert(name, list);
    }
}

/// HTTP/2's clients may send a cookie in crumbs; in HTTP/1 it is one field (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// Takes off what is meant for one connection only (RFC 9110, 7.6.1).
fn undress(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// Asking twice is asking once (RFC 9110, 9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The same request without a body.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Why an attempt gave no answer.
struct Failed {
    reason: Reason,
    unsent: Option<Box<Request<Upload>>>,
    /// Whether asking another server may help.
    worth: bool,
}

impl Failed {
    fn early(reason: Reason) -> Failed {
        Failed {
            reason,
            unsent: None,
            worth: false,
        }
    }
}
