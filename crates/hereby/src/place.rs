//! Where hereby keeps things when nobody says otherwise (XDG Base Directory Specification 0.8).

use std::path::PathBuf;

use crate::cli::Globals;
use crate::exit::Failure;

/// The socket's name in the data directory.
pub(crate) const SOCKET: &str = "control.sock";

impl Globals {
    /// The data directory: `--data-dir`, `HEREBY_DATA_DIR`, or the default: `/var/lib/hereby` for
    /// root, else `$XDG_STATE_HOME/hereby`, else `~/.local/state/hereby`.
    ///
    /// # Errors
    /// When nothing says where the user's home is.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        match &self.data_dir {
            Some(dir) => Ok(dir.clone()),
            None if rustix::process::geteuid().is_root() => Ok(PathBuf::from("/var/lib/hereby")),
            None => Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("hereby")),
        }
    }
}

/// Where a person's own keys are: `$XDG_CONFIG_HOME/hereby`, else `~/.config/hereby`.
///
/// # Errors
/// When nothing says where the user's home is.
pub(crate) fn config_dir() -> Result<PathBuf, Failure> {
    Ok(xdg("XDG_CONFIG_HOME", ".config")?.join("hereby"))
}

/// The variable if it holds an absolute path (the specification says to ignore relative ones),
/// else the directory below the home.
fn xdg(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .ok_or_else(|| {
            Failure::usage("nothing says where files are kept")
                .because(format!("neither {variable} nor HOME is an absolute path"))
                .hint("set HOME, or name the place with --data-dir")
        })
}

/// Where anchors are, apart from the data directory: `/var/lib/hereby-anchor` for root, else
/// `$XDG_STATE_HOME/hereby-anchor`. Best on another disk: see `record.anchor` in hereby.toml.
///
/// # Errors
/// When nothing says where the user's home is.
pub(crate) fn anchor_dir() -> Result<PathBuf, Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/hereby-anchor"));
    }
    Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("hereby-anchor"))
}
