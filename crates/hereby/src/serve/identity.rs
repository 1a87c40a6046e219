//! The identity provider of `hereby.toml`, as the pages ask it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use oidc::{Flight, Provider, Settings};
use web::{Departure, IdentityProvider, NotVouched, Returned, Vouched};

use crate::client::trusted;
use crate::config::Config;
use crate::exit::Failure;
use crate::secret_file;

/// The path that a provider sends people back to.
const RETURN_PATH: &str = "/sign-in/return";

/// A provider, and what people call it.
struct Named {
    name: String,
    provider: Provider,
}

/// The provider that is configured, if there is one; `url` is where the pages are reached.
///
/// # Errors
/// What of it can't be used.
pub(super) fn provider(
    config: &Config,
    url: &str,
) -> Result<Option<Arc<dyn IdentityProvider>>, Failure> {
    let Some(oidc) = &config.oidc else {
        return Ok(None);
    };
    let secret = oidc.client_secret_file.as_deref();
    let secret = secret.map(|path| secret_file::read(path, "the client's secret"));
    let settings = Settings {
        issuer: oidc.issuer().map_err(Failure::usage)?,
        client_id: oidc.client_id.clone(),
        client_secret: secret.transpose()?,
        redirect_url: format!("{url}{RETURN_PATH}"),
        scopes: oidc.scopes.clone(),
        claim: oidc.claim().map_err(Failure::usage)?,
    };
    let tls = trusted(oidc.ca_file.as_deref())?;
    Ok(Some(Arc::new(Named {
        name: oidc.name(),
        provider: Provider::new(settings, tls).map_err(Failure::usage)?,
    })))
}

impl IdentityProvider for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&self) -> BoxFuture<'_, Result<Departure, NotVouched>> {
        Box::pin(async {
            let (url, flight) = self.provider.begin().await.map_err(|why| told(&why))?;
            let flight = serde_json::to_string(&flight).map_err(|_| NotVouched::Wrong)?;
            Ok(Departure { url, flight })
        })
    }

    fn finish<'a>(
        &'a self,
        flight: &'a str,
        returned: Returned,
    ) -> BoxFuture<'a, Result<Vouched, NotVouched>> {
        Box::pin(async move {
            let flight: Flight = serde_json::from_str(flight).map_err(|_| NotVouched::Wrong)?;
            let returned = oidc::Returned {
                code: returned.code,
                state: returned.state,
                iss: returned.iss,
                error: returned.error,
            };
            let vouched = self.provider.finish(flight, returned).await;
            let vouched = vouched.map_err(|why| told(&why))?;
            Ok(Vouched {
                person: vouched.person,
                issuer: vouched.issuer.parse().map_err(|_| NotVouched::Wrong)?,
            })
        })
    }
}

/// What the person at the door is told; the rest is for whoever runs hereby.
fn told(why: &oidc::NotVouched) -> NotVouched {
    tracing::warn!(%why, "nobody was signed in");
    match why {
        oidc::NotVouched::Unreachable(_) => NotVouched::Unreachable,
        oidc::NotVouched::Refused(_) => NotVouched::Refused,
        oidc::NotVouched::Astray | oidc::NotVouched::Wrong(_) => NotVouched::Wrong,
        oidc::NotVouched::Nameless(_) => NotVouched::Nameless,
    }
}
