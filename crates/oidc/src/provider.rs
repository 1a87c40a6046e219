//! An identity provider, what it publishes, and a sign-in with it from the first step to the last.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base::PersonName;
use exchange::{Patience, Secret, chain};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    UserInfoClaims,
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::claim::Claim;
use crate::http::{Http, Issuer, NoAnswer};

/// How long what a provider publishes is taken to hold. A key it has changed in between is noticed,
/// and asked for again.
const KEPT: Duration = Duration::from_secs(600);

/// After it did not answer, it is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(5);

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(10),
    look: Duration::from_secs(10),
};

/// The longest code that is looked at, in bytes.
const CODE_BYTES_MAX: usize = 4_096;

/// Signatures that only the provider can make. The rest (`none`, and those keyed with the client's
/// own secret) are never taken.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What a provider and its client are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who vouches.
    pub issuer: Issuer,
    /// As what it knows this hereby.
    pub client_id: String,
    /// What shows that it is this one; none: a public client.
    pub client_secret: Option<Secret>,
    /// Where it sends people back to.
    pub redirect_url: String,
    /// What it is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Which claim says who somebody is here.
    pub claim: Claim,
}

/// What a browser must come back with. Whoever has it can finish that one sign-in.
#[derive(Serialize, Deserialize)]
pub struct Flight {
    state: String,
    nonce: String,
    verifier: String,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flight(…)")
    }
}

/// What a provider sent a browser back with (RFC 6749 §4.1.2, RFC 9207).
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// For a token.
    pub code: Option<String>,
    /// Which sign-in it is.
    pub state: Option<String>,
    /// Who sent it, if it says so.
    pub iss: Option<String>,
    /// That it would not.
    pub error: Option<String>,
}

/// Who somebody is, by the provider's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Who.
    pub person: PersonName,
    /// Whose word it is.
    pub issuer: String,
}

/// Why nobody is vouched for.
#[derive(Debug, thiserror::Error)]
pub enum NotVouched {
    /// It can't be reached, or does not answer as a provider.
    #[error("the identity provider can't be asked: {0}")]
    Unreachable(String),
    /// It said no, in a word of RFC 6749 §4.1.2.1.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// What came back belongs to no sign-in of this browser.
    #[error("what came back belongs to another sign-in")]
    Astray,
    /// It answered, and the answer does not hold.
    #[error("the identity provider's answer does not hold: {0}")]
    Wrong(String),
    /// It vouched, for somebody without a name here.
    #[error("the identity provider vouched, but {0}")]
    Nameless(String),
}

/// Claims beside those of the standard, as they came.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Known = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

type NoToken = RequestTokenError<NoAnswer, StandardErrorResponse<CoreErrorResponseType>>;

/// What was heard of a provider last.
enum Heard {
    Nothing,
    Published(Arc<Known>, Instant),
    Silence(String, Instant),
}

/// An identity provider.
pub struct Provider {
    settings: Settings,
    redirect_url: RedirectUrl,
    issuer_url: IssuerUrl,
    http: Http,
    heard: Mutex<Heard>,
}

impl Provider {
    /// A provider, which is not asked yet.
    ///
    /// # Errors
    /// When the address to come back to is no URL.
    pub fn new(settings: Settings, tls: Arc<ClientConfig>) -> Result<Provider, String> {
        let redirect_url = RedirectUrl::new(settings.redirect_url.clone())
            .map_err(|error| format!("{}: {error}", settings.redirect_url))?;
        let issuer_url = IssuerUrl::new(settings.issuer.as_str().to_owned())
            .map_err(|error| format!("{}: {error}", settings.issuer.as_str()))?;
        Ok(Provider {
            http: Http::new(&settings.issuer, tls, PATIENCE),
            settings,
            redirect_url,
            issuer_url,
            heard: Mutex::new(Heard::Nothing),
        })
    }

    /// Where a browser goes, and what it comes back with.
    ///
    /// # Errors
    /// [`NotVouched::Unreachable`].
    pub async fn begin(&self) -> Result<(String, Flight), NotVouched> {
        let known = self.known().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = known.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let flight = Flight {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((url.into(), flight))
    }

    /// Who came back.
    ///
    /// # Errors
    /// See [`NotVouched`].
    pub async fn finish(&self, flight: Flight, returned: Returned) -> Result<Vouched, NotVouched> {
        let code = self.code(&flight, returned)?;
        let known = self.known().await?;
        let wrong = |error: &dyn std::error::Error| NotVouched::Wrong(chain(error));
        let answer = known
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| wrong(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(flight.verifier))
            .request_async(&self.http)
            .await
            .map_err(|error| no_token(&error))?;
        let token = answer.id_token();
        let token = token.ok_or_else(|| NotVouched::Wrong("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(flight.nonce);
        let claims = match token.claims(&checking(&known), &nonce) {
            Ok(claims) => claims.clone(),
            // Perhaps it has changed its keys since they were fetched.
            Err(_) => {
                let known = self.ask().await?;
                let claims = token.claims(&checking(&known), &nonce);
                claims.map_err(|error| wrong(&error))?.clone()
            }
        };
        let mut said = as_map(&claims).map_err(|error| wrong(&error))?;
        if !self.settings.claim.is_in(&said) {
            said = self.user_info(&known, &answer, claims.subject()).await?;
        }
        let person = self.settings.claim.person(&said);
        Ok(Vouched {
            person: person.map_err(NotVouched::Nameless)?,
            issuer: self.settings.issuer.as_str().to_owned(),
        })
    }

    /// The code that came back, if it is of this flight and of this provider.
    fn code(&self, flight: &Flight, returned: Returned) -> Result<String, NotVouched> {
        let state = returned.state.unwrap_or_default();
        let is_ours = verify_slices_are_equal(state.as_bytes(), flight.state.as_bytes()).is_ok();
        let iss = returned.iss.as_deref();
        if !is_ours || iss.is_some_and(|iss| iss != self.settings.issuer.as_str()) {
            return Err(NotVouched::Astray);
        }
        match (returned.error, returned.code) {
            (None, Some(code)) if code.len() <= CODE_BYTES_MAX => Ok(code),
            (Some(error), _) => Err(NotVouched::Refused(word(&error))),
            _ => Err(NotVouched::Astray),
        }
    }

    /// What else the provider says of somebody, when the token does not name them (§5.3).
    async fn user_info(
        &self,
        known: &Known,
        answer: &StandardTokenResponse<Fields, CoreTokenType>,
        subject: &openidconnect::SubjectIdentifier,
    ) -> Result<Map<String, Value>, NotVouched> {
        let claim = self.settings.claim.name();
        let none = |why: &dyn fmt::Display| {
            NotVouched::Nameless(format!("its token has no claim {claim}, and {why}"))
        };
        let request = known
            .user_info(answer.access_token().clone(), Some(subject.clone()))
            .map_err(|error| none(&error))?;
        let claims: UserInfoClaims<Others, CoreGenderClaim> = request
            .request_async(&self.http)
            .await
            .map_err(|error| none(&chain(&error)))?;
        as_map(&claims).map_err(|error| none(&error))
    }

    /// What the provider publishes, not older than [`KEPT`].
    async fn known(&self) -> Result<Arc<Known>, NotVouched> {
        // Whoever comes while it is being asked waits for that answer.
        let mut heard = self.heard.lock().await;
        match &*heard {
            Heard::Published(known, at) if at.elapsed() < KEPT => return Ok(known.clone()),
            Heard::Silence(why, at) if at.elapsed() < LEFT_ALONE => {
                return Err(NotVouched::Unreachable(why.clone()));
            }
            _ => {}
        }
        self.discover(&mut heard).await
    }

    /// The same, asked for now.
    async fn ask(&self) -> Result<Arc<Known>, NotVouched> {
        self.discover(&mut *self.heard.lock().await).await
    }

    async fn discover(&self, heard: &mut Heard) -> Result<Arc<Known>, NotVouched> {
        let published =
            CoreProviderMetadata::discover_async(self.issuer_url.clone(), &self.http).await;
        match published {
            Ok(published) => {
                let known = Arc::new(self.client(published));
                *heard = Heard::Published(known.clone(), Instant::now());
                Ok(known)
            }
            Err(error) => {
                let why = chain(&error);
                *heard = Heard::Silence(why.clone(), Instant::now());
                Err(NotVouched::Unreachable(why))
            }
        }
    }

    fn client(&self, published: CoreProviderMetadata) -> Known {
        let methods = published.token_endpoint_auth_methods_supported();
        // What is not said is client_secret_basic (Discovery 1.0 §3).
        let basic = methods.is_none_or(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                || !methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let secret = self.settings.client_secret.as_ref();
        Client::from_provider_metadata(
            published,
            ClientId::new(self.settings.client_id.clone()),
            secret.map(|secret| ClientSecret::new(secret.expose().to_owned())),
        )
        .set_redirect_uri(self.redirect_url.clone())
        .set_auth_type(match basic {
            true => AuthType::BasicAuth,
            false => AuthType::RequestBody,
        })
    }
}

/// Why there is no token. A server's own description may hold anything, tokens even: it is left out.
fn no_token(error: &NoToken) -> NotVouched {
    match error {
        RequestTokenError::Request(_) => NotVouched::Unreachable(chain(error)),
        RequestTokenError::ServerResponse(answer) => {
            let word = word(answer.error().as_ref());
            NotVouched::Wrong(format!("asked for a token, it answers {word}"))
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            NotVouched::Wrong(chain(error))
        }
    }
}

fn checking(known: &Known) -> openidconnect::IdTokenVerifier<'_, CoreJsonWebKey> {
    known.id_token_verifier().set_allowed_algs(SIGNATURES)
}

fn as_map(claims: &impl Serialize) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(claims)?)
}

/// An error's word as it may be shown: what RFC 6749 allows, and not much of it.
fn word(text: &str) -> String {
    let plain = |char: &char| char.is_ascii_alphanumeric() || *char == '_';
    text.chars().filter(plain).take(40).collect()
}
