//! What is asked for about subscribers to the public word, and about telling them.

use std::collections::BTreeSet;

use base::{ActId, IncidentId, Line, Name};

use crate::kinds::incident::BlobRef;
use crate::kinds::subscriber::Channel;

forms! {
    /// Makes a subscriber of an address. hereby asks once its owner has confirmed it; a person who
    /// answers for it says why.
    ConfirmSubscriber {
        /// A mail address, or an HTTPS URL.
        address: Line,
        /// How they are told.
        channel: Channel,
        /// What of; none: everything. At most 32.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        components: BTreeSet<Name>,
        /// In which language: `en`, `de`.
        language: Name,
    }
    /// Changes what a subscriber is told, and how.
    ChangeSubscriber {
        /// What of; none: everything. At most 32.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        components: BTreeSet<Name>,
        /// In which language.
        language: Name,
        /// Whom.
        subscriber: Name,
    }
    /// Tells a subscriber nothing any more, and erases their address.
    RemoveSubscriber {
        /// Whom.
        subscriber: Name,
    }
    /// Sends a public update to those who subscribed to it.
    SendNotice {
        /// What it is about; none: everything.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        components: BTreeSet<Name>,
        /// Whose update it is.
        incident: IncidentId,
        /// The act that said it to the public.
        update: ActId,
    }
    /// Says what became of a notice. hereby does so itself; a person who does says why.
    ReportNotice {
        /// How many the next server took.
        done: u32,
        /// How many were not delivered, for a reason that is known.
        failed: u32,
        /// Whose update it is.
        incident: IncidentId,
        /// Which notice.
        notice: Name,
        /// One line of JSON for each subscriber, by number.
        outcomes: BlobRef,
        /// Which delivery of it, from 1.
        round: u32,
        /// How many were begun, and nobody can say.
        unknown: u32,
    }
    /// Tries the deliveries of a notice again whose outcome is unknown.
    RetryNotice {
        /// Whose update it is.
        incident: IncidentId,
        /// Which notice.
        notice: Name,
    }
}
