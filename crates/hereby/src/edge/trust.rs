//! What an enrolled edge believes beside the log's key: which epoch of the record, whose word begins another, and
//! what it takes no less than.

use record::fleet::FIRST_PROTOCOL;
use record::succession::FIRST_EPOCH;
use serde::{Deserialize, Serialize};

/// What else it believes. In a file of its own: an older build that is started here again passes over it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Trust {
    /// Which epoch of the record it follows.
    pub(super) epoch: u64,
    /// The least protocol that its cell takes.
    pub(super) floor: u32,
    /// Whose word begins another epoch, as far as it was told.
    pub(super) root: Option<Box<str>>,
}

impl Default for Trust {
    fn default() -> Trust {
        Trust {
            epoch: FIRST_EPOCH,
            floor: FIRST_PROTOCOL,
            root: None,
        }
    }
}
