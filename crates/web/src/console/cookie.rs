//! Cookies: read strictly, and written so that a session's goes to this very host alone, over
//! nothing but what the browser holds to be secure, and to no script (RFC 6265bis, `__Host-`).

use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue};

/// The session's. Browsers treat loopback addresses as secure, so it works there without TLS.
pub(super) const SESSION: &str = "__Host-hereby";

/// What a browser must come back from an identity provider with.
pub(super) const FLIGHT: &str = "__Host-hereby-away";

/// The page that somebody asked for before they signed in.
pub(super) const WANTED: &str = "__Host-hereby-wanted";

/// Which language somebody chose.
pub(super) const LANGUAGE: &str = "hereby-language";

/// Whether somebody chose light or dark.
pub(super) const THEME: &str = "hereby-theme";

/// A year, in seconds.
const CHOICE_AGE_S: u32 = 365 * 86_400;

/// The cookie with this name; `None` when there is none, or two that disagree.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    let mut found = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Sets the session's, until the browser is closed: how long it works is the server's to say.
pub(super) fn session(secret: &str) -> Option<HeaderValue> {
    let line = format!("{SESSION}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let mut value = HeaderValue::try_from(line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Keeps which page was asked for, for as long as a link works.
pub(super) fn wanted(path: &str) -> Option<HeaderValue> {
    let line = format!("{WANTED}={path}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
    HeaderValue::try_from(line).ok()
}

/// Takes that away.
pub(super) fn no_wanted() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-hereby-wanted=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    )
}

/// Takes the session's away.
pub(super) fn no_session() -> HeaderValue {
    HeaderValue::from_static("__Host-hereby=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// Sets what a browser must come back with. `Lax`: it is sent when the provider leads it back.
pub(super) fn flight(sealed: &str) -> Option<HeaderValue> {
    let line = format!("{FLIGHT}={sealed}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
    let mut value = HeaderValue::try_from(line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Takes that away.
pub(super) fn no_flight() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-hereby-away=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    )
}

/// Keeps what somebody chose; `value` is a word of ours.
pub(super) fn choice(name: &'static str, value: &'static str) -> Option<HeaderValue> {
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={CHOICE_AGE_S}");
    HeaderValue::try_from(line).ok()
}
