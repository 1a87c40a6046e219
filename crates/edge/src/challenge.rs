//! A client that is asked for work: a small page that does it in the browser, and the cookie that
//! shows it was done. Programs are told the question in a field.

use std::net::IpAddr;

use hyper::header::{COOKIE, HeaderName};
use hyper::http::request::Parts;
use policy::challenge::BITS_MAX;
use policy::{Prefix, Reason, config};

use crate::clock;
use crate::edge::Edge;
use crate::refuse::Refused;

/// `__Host-`: this host's alone, over TLS alone (RFC 6265bis, 4.1.3.2). In the clear browsers take
/// no such cookie, so there it has another name.
const COOKIE_NAMES: [&str; 2] = ["__Host-hereby-challenge", "hereby-challenge"];
const QUESTION: HeaderName = HeaderName::from_static("hereby-challenge");

/// What people see, in each language that a reader of few words needs: it is over in a second.
const PAGE: &str = include_str!("challenge.html");

/// Lets through who has done the work.
///
/// # Errors
/// With the page that asks for it.
pub(crate) fn judge(
    edge: &Edge,
    demand: &config::Challenge,
    tenant: &str,
    client: IpAddr,
    secure: bool,
    parts: &Parts,
) -> Result<(), Refused> {
    let now_s = clock::unix_s();
    let subscriber = Prefix::subscriber(client);
    let bits = demand.bits.min(BITS_MAX);
    let cookies = parts
        .headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let solution = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| COOKIE_NAMES.contains(name))
        .map(|(_, value)| value);
    let why = match solution {
        None => "no work was shown".to_owned(),
        Some(text) => match edge
            .challenger
            .check(text, tenant, &subscriber, now_s, bits)
        {
            Ok(()) => return Ok(()),
            Err(why) => why.to_string(),
        },
    };
    let valid_s = demand.valid_ms.div_ceil(1_000);
    let token = edge
        .challenger
        .issue(tenant, &subscriber, now_s, valid_s, bits);
    let mut refused = Refused::new(Reason::Challenged)
        .about(why)
        .with(QUESTION, format!("{token};bits={bits}"))
        .with(hyper::header::WWW_AUTHENTICATE, "hereby-challenge");
    let page = parts.headers.get(hyper::header::ACCEPT);
    if page.is_some_and(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("text/html"))
    }) {
        let [host, plain] = COOKIE_NAMES;
        let (name, attribute) = if secure {
            (host, "; Secure")
        } else {
            (plain, "")
        };
        // A token is nobody else's and never the same: it serves as the nonce of the page's own
        // script as well (CSP Level 3, 7.1).
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{token}'; style-src 'nonce-{token}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        refused = refused.with(hyper::header::CONTENT_SECURITY_POLICY, policy);
        let fill = [
            ("{token}", token.as_str()),
            ("{bits}", &bits.to_string()),
            ("{name}", name),
            ("{attribute}", attribute),
            ("{age}", &valid_s.to_string()),
        ];
        refused.page = Some(fill.iter().fold(PAGE.to_owned(), |page, (what, with)| {
            page.replace(what, with)
        }));
    }
    Err(refused)
}
