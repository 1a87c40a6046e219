//! Signing in with an identity provider: the browser is sent there, and comes back.
//!
//! What it must come back with stands, sealed, in a cookie of its own: the server keeps nothing of
//! those who never return, and nobody else's return can sign this browser in. The key lives as long
//! as the process; after a restart people begin again.

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::SET_COOKIE;
use serde::{Deserialize, Serialize};

use super::cookie;
use super::frame;
use super::sign_in::{Who, begun, own_path, shown, signed_in};
use super::visit::Visit;
use super::{Page, open, page};
use crate::identity::{IdentityProvider, NotVouched, Returned, Vouched};
use crate::problem::Problem;
use crate::reply::Answer;

/// Where a provider sends people back to.
pub(super) const RETURN_PATH: &str = "/sign-in/return";

/// Who is at the provider's for longer begins again.
const AWAY_MS_MAX: i64 = 600_000;

/// A sealed flight is no longer than a cookie may be.
const SEALED_BYTES_MAX: usize = 3_800;

/// Where to go afterwards is left out where it is longer.
const NEXT_BYTES_MAX: usize = 1_024;

/// What is authenticated beside a flight.
const PURPOSE: &[u8] = b"hereby/flight/1";

pub(super) fn pages() -> Vec<Page> {
    vec![
        open(page("/sign-in/provider", |visit| Box::pin(depart(visit)))),
        open(page(RETURN_PATH, |visit| Box::pin(come_back(visit)))),
    ]
}

/// A sign-in that is under way in a browser.
#[derive(Serialize, Deserialize)]
struct Away {
    flight: String,
    next: String,
    until_ms: i64,
}

/// The key that seals flights, of this process alone.
fn key() -> Result<&'static RandomizedNonceKey, Problem> {
    static KEY: OnceLock<RandomizedNonceKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let no_key = |_| Problem::internal("the system gives no random bytes", &"rand");
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(no_key)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(no_key)?;
    Ok(KEY.get_or_init(|| key))
}

fn seal(away: &Away) -> Result<String, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal("sealing failed", error);
    let mut bytes = serde_json::to_vec(away).map_err(|error| broken(&error))?;
    let nonce = key()?
        .seal_in_place_append_tag(Aad::from(PURPOSE), &mut bytes)
        .map_err(|error| broken(&error))?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut bytes);
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// What was sealed, if this process did it.
fn unseal(text: &str) -> Option<Away> {
    if text.len() > SEALED_BYTES_MAX {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, rest) = sealed.split_at_checked(12)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut rest = rest.to_vec();
    let opened = key()
        .ok()?
        .open_in_place(nonce, Aad::from(PURPOSE), &mut rest)
        .ok()?;
    serde_json::from_slice(opened).ok()
}

/// Sends the browser to the provider. A link leads here and no form, which the policy of our pages
/// would not let leave.
async fn depart(visit: Visit) -> Answer {
    let next = own_path(visit.query.get("next")).to_owned();
    let site = visit.site.clone();
    let Some(provider) = site.options.identity.as_deref() else {
        return Err(Problem::not_found("no identity provider is configured"));
    };
    if visit.signed_in.is_some() {
        return frame::see_other(&next);
    }
    let departure = match provider.begin().await {
        Ok(departure) => departure,
        Err(why) => return not_vouched(&visit, next, &why),
    };
    let short = next.len() <= NEXT_BYTES_MAX;
    let away = Away {
        flight: departure.flight,
        next: if short { next } else { "/".to_owned() },
        until_ms: site.engine().now().plus_ms(AWAY_MS_MAX).as_ms(),
    };
    let kept = cookie::flight(&seal(&away)?);
    let kept = kept.ok_or_else(|| Problem::internal("no cookie can hold this", &"flight"))?;
    let mut response = frame::see_other(&departure.url)?;
    response.headers_mut().insert(SET_COOKIE, kept);
    Ok(response)
}

/// The browser is back, with the provider's word.
async fn come_back(visit: Visit) -> Answer {
    let answer = welcome(&visit).await;
    // It is good for one try, however that ends.
    let mut response = match answer {
        Ok(response) => response,
        Err(problem) => frame::problem(&visit, problem),
    };
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, cookie::no_flight());
    Ok(response)
}

async fn welcome(visit: &Visit) -> Answer {
    let site = &visit.site;
    let Some(provider) = site.options.identity.as_deref() else {
        return Err(Problem::not_found("no identity provider is configured"));
    };
    let now_ms = site.engine().now().as_ms();
    let away = cookie::read(&visit.headers, cookie::FLIGHT)
        .and_then(unseal)
        .filter(|away| now_ms < away.until_ms);
    let Some(away) = away else {
        return not_vouched(visit, "/".to_owned(), &NotVouched::Wrong);
    };
    let next = own_path(Some(&away.next)).to_owned();
    match vouched(visit, provider, &away).await {
        Ok(vouched) => {
            let who = Who::Provider(vouched.issuer);
            let secret = begun(site, vouched.person, who).await?;
            signed_in(&next, &secret)
        }
        Err(why) => not_vouched(visit, next, &why),
    }
}

/// Who the provider says it is, if that is somebody here.
async fn vouched(
    visit: &Visit,
    provider: &dyn IdentityProvider,
    away: &Away,
) -> Result<Vouched, NotVouched> {
    let said = |name: &str| visit.query.get(name).cloned();
    let returned = Returned {
        code: said("code"),
        state: said("state"),
        iss: said("iss"),
        error: said("error"),
    };
    let vouched = provider.finish(&away.flight, returned).await?;
    let known = visit.site.engine().view().read(|state| {
        let people = &state.incidents.directory.people;
        people.contains_key(&vouched.person)
    });
    match known {
        true => Ok(vouched),
        false => {
            tracing::warn!(person = %vouched.person, "an identity provider vouched for nobody here");
            Err(NotVouched::Nameless)
        }
    }
}

/// The page to sign in on, with why it did not work: a link still does.
fn not_vouched(visit: &Visit, next: String, why: &NotVouched) -> Answer {
    shown(
        visit,
        next,
        Some(match why {
            NotVouched::Unreachable => "sign-in-provider-silent",
            NotVouched::Refused => "sign-in-provider-refused",
            NotVouched::Wrong => "sign-in-provider-wrong",
            NotVouched::Nameless => "sign-in-provider-nameless",
        }),
    )
}
