//! Secrets of others (tokens, passwords, a webhook's address) stand in files of their own, which
//! nobody else may read. What is wrong with one is said without repeating it.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;

use crate::exit::Failure;

/// The longest file with a secret, in bytes.
const BYTES_MAX: u64 = 8_192;

/// The secret in a file, without the spaces around it. `what` names it in errors: `the token`.
///
/// # Errors
/// When it can't be read, others can read it, or it is none.
pub(crate) fn read<T: FromStr<Err: std::fmt::Display>>(
    path: &Path,
    what: &str,
) -> Result<T, Failure> {
    text(path, what)?
        .trim()
        .parse()
        .map_err(|error: T::Err| cannot(path, what).because(error))
}

/// The same, with the spaces: only the end of its line is left out.
///
/// # Errors
/// When it can't be read, or others can read it.
pub(crate) fn line(path: &Path, what: &str) -> Result<String, Failure> {
    let text = text(path, what)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn cannot(path: &Path, what: &str) -> Failure {
    Failure::usage(format!("cannot use {what} in {}", path.display()))
}

fn text(path: &Path, what: &str) -> Result<String, Failure> {
    let cannot = || cannot(path, what);
    let file = std::fs::File::open(path).map_err(|error| cannot().because(error))?;
    let about = file.metadata().map_err(|error| cannot().because(error))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(cannot()
            .because("others can read it")
            .hint(format!("chmod 600 {}", path.display())));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| cannot().because(error))?;
    match text.len() as u64 > BYTES_MAX {
        true => Err(cannot().because(format!("it is longer than {BYTES_MAX} bytes"))),
        false => Ok(text),
    }
}
