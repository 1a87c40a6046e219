//! One certificate, from the order to the file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use policy::config::Acme;

use super::client::Client;
use crate::edge::Edge;
use crate::tls::Certificates;

/// What went wrong, for a person.
type Why = Box<str>;

/// The CA has forgotten who we are (RFC 8555, 6.7).
const FORGOTTEN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(std::time::Duration::from_secs(120));

/// Gets a certificate for that name and puts it into that file.
///
/// # Errors
/// With what went wrong; the file is as it was then.
pub(super) async fn obtain(
    edge: &Edge,
    config: &Acme,
    directory: &Path,
    file: &Path,
    name: &str,
) -> Result<(), Why> {
    let state = file.parent().unwrap_or(directory);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(|error| why("its directory can't be made", &error))?;
    let paper = account_file(state, &config.directory);
    let identifiers = [Identifier::Dns(name.to_owned())];
    let wish = NewOrder::new(&identifiers);
    let ordered = account(config, directory, &paper)
        .await?
        .new_order(&wish)
        .await;
    let mut order = match ordered {
        Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(FORGOTTEN) => {
            fs::remove_file(&paper).map_err(|error| why("the old account stays", &error))?;
            let account = account(config, directory, &paper).await?;
            account.new_order(&wish).await.map_err(said)?
        }
        ordered => ordered.map_err(said)?,
    };
    prove(edge, &mut order).await?;
    let key = order.finalize().await.map_err(said)?;
    let chain = order.poll_certificate(&PATIENCE).await.map_err(said)?;
    keep(file, name, &format!("{key}{chain}"))
}

/// Shows that the names of an order lead here.
async fn prove(edge: &Edge, order: &mut Order) -> Result<(), Why> {
    let mut expected = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(said)?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization
            .challenge(ChallengeType::Http01)
            .ok_or("the CA does not take HTTP-01 for it")?;
        let proof = challenge.key_authorization().as_str().to_owned();
        expected.push(edge.acme.expect(challenge.token.clone(), proof));
        challenge.set_ready().await.map_err(said)?;
    }
    match order.poll_ready(&PATIENCE).await.map_err(said)? {
        OrderStatus::Ready | OrderStatus::Valid => Ok(()),
        _ => Err(found_wanting(order).await),
    }
}

/// Why the CA doesn't believe it.
async fn found_wanting(order: &mut Order) -> Why {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if let Ok(now) = authorization.refresh().await
            && let Some(problem) = now.challenges.iter().find_map(|one| one.error.as_ref())
        {
            return problem.to_string().into();
        }
    }
    "the CA does not believe that the name leads here".into()
}

/// Who we are to that CA: who we were, or somebody new.
async fn account(config: &Acme, directory: &Path, paper: &Path) -> Result<Account, Why> {
    let client = Client::new(config, directory).map_err(|error| error.to_string())?;
    let builder = Account::builder_with_http(Box::new(client));
    match fs::read(paper) {
        Ok(text) => {
            let credentials = serde_json::from_slice(&text).map_err(|error| {
                why(
                    "the account can't be read; without its file there will be another",
                    &error,
                )
            })?;
            builder.from_credentials(credentials).await.map_err(said)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let contact: Vec<&str> = config.contact.iter().map(String::as_str).collect();
            let wish = NewAccount {
                contact: &contact,
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let made = builder.create(&wish, config.directory.clone(), None).await;
            let (account, credentials) = made.map_err(said)?;
            let text = serde_json::to_vec(&credentials).map_err(|error| error.to_string())?;
            let written = write(paper, &text).and_then(|fresh| settle(&fresh, paper));
            written.map_err(|error| why("the account can't be kept", &error))?;
            Ok(account)
        }
        Err(error) => Err(why("the account can't be read", &error)),
    }
}

fn account_file(state: &Path, directory: &str) -> PathBuf {
    let digest = digest(&SHA256, directory.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    state.join(format!("account-{hex}.json"))
}

/// Puts a certificate with its key in its place, if it is what it should be.
fn keep(file: &Path, name: &str, text: &str) -> Result<(), Why> {
    let fresh = write(file, text.as_bytes()).map_err(|error| why("it can't be written", &error))?;
    let pair = [(fresh.clone(), fresh.clone())];
    let read = Certificates::read(&pair).map_err(|error| error.to_string())?;
    if read.of(name).is_none() {
        return Err("the CA gave a certificate of another name".into());
    }
    settle(&fresh, file).map_err(|error| why("it can't be written", &error))
}

/// Writes it beside where it goes, for its owner alone.
fn write(file: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    // An edge that hands over and its successor may both be at it.
    let fresh = file.with_extension(format!("fresh-{}", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    Ok(fresh)
}

/// Puts it where it goes, at once and for good.
fn settle(fresh: &Path, file: &Path) -> io::Result<()> {
    fs::rename(fresh, file)?;
    match file.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn why(what: &str, error: &dyn std::fmt::Display) -> Why {
    format!("{what}: {error}").into()
}

fn said(error: Error) -> Why {
    error.to_string().into()
}
