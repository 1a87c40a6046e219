//! What people ask for about requests: what can't be undone waits for a second person.

use base::{Name, PersonName};

forms! {
    /// Erases what is personal of somebody: their name and where they are reached.
    RedactPerson {
        /// Who.
        person: PersonName,
    }
    /// Lets a request be done.
    ApproveRequest {
        /// Which.
        request: Name,
    }
    /// Keeps a request from being done.
    RejectRequest {
        /// Which.
        request: Name,
    }
    /// Takes one's own request back.
    WithdrawRequest {
        /// Which.
        request: Name,
    }
    /// Has a request done although nobody approved it, for a reason.
    OverrideRequest {
        /// Which.
        request: Name,
    }
}
