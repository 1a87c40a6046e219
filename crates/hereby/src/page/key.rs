//! The key that signs the status page's manifest: made once, kept beside the log's key.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use record::note::{Algorithm, SignerKey};

use crate::exit::{Exit, Failure};
use crate::witness::keep;

const FILE: &str = "status.key";

/// The status key of this data directory; made, durable and for its owner alone, if there is none.
///
/// # Errors
/// When it can't be read or made, or others may read it.
pub(crate) fn status_key(data_dir: &Path, origin: &str) -> Result<SignerKey, Failure> {
    let directory = data_dir.join("keys");
    let path = directory.join(FILE);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Internal, "the status key can't be used")
            .because(format!("{}: {error}", path.display()))
    };
    match fs::read_to_string(&path) {
        Ok(text) => {
            let meta = fs::metadata(&path).map_err(|error| failed(&error))?;
            if meta.permissions().mode() & 0o077 != 0 {
                return Err(failed(&"others may read it: chmod 600"));
            }
            SignerKey::parse(text.trim_end()).map_err(|error| failed(&error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            aws_lc_rs::rand::fill(&mut seed).map_err(|error| failed(&error))?;
            let name = format!("{origin}/status");
            let key = SignerKey::from_seed(&name, Algorithm::Ed25519, seed)
                .map_err(|error| failed(&error))?;
            fs::create_dir_all(&directory).map_err(|error| failed(&error))?;
            let text = format!("{}\n", key.to_skey());
            keep(&directory, FILE, text.as_bytes()).map_err(|error| failed(&error))?;
            Ok(key)
        }
        Err(error) => Err(failed(&error)),
    }
}
