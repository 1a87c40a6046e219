//! Bans, revocations and other tiers in words.

use base::{IncidentId, Timestamp};
use record::act::Act;
use record::kinds::Body;

use super::{Told, plain};
use crate::say::{Style, duration, stamp};

pub(super) fn told(act: &Act) -> Option<Told> {
    let until = |at: Timestamp| format!("until {} ({})", stamp(at), duration(at.ms_since(act.at)));
    Some(match &act.body {
        Body::ClientBanned(body) => {
            let until = match body.ends_at {
                Some(end) => until(end),
                None => "until that is lifted".to_owned(),
            };
            strong(format!("banned them {until}{}", beside(body.incident)))
        }
        Body::ClientUnbanned(_) => plain("lifted the ban"),
        Body::CertificateRevoked(body) => {
            strong(format!("revoked it for ever{}", beside(body.incident)))
        }
        Body::CertificateUsed(body) => {
            let requests = format!(
                "counted its use at {} in {} since {}: {} let in, {} refused",
                body.tenant,
                body.cell,
                stamp(body.first_at),
                body.let_through,
                body.refused
            );
            match body.let_through_after {
                0 => plain(requests),
                after => strong(format!("{requests}; {after} let in since it was revoked")),
            }
        }
        Body::FailoverOverridden(body) => {
            let place = body.cell.as_ref().map(|cell| format!(" in {cell}"));
            let (place, until) = (place.unwrap_or_default(), until(body.ends_at));
            let beside = beside(body.incident);
            strong(match body.tier {
                Some(tier) => format!("had tier {tier} answer{place} {until}{beside}"),
                None => format!("had it go by its plan{place} {until}{beside}"),
            })
        }
        Body::SwitchTurnedOff(body) => {
            let until = match body.ends_at {
                Some(end) => until(end),
                None => "until somebody turns it on".to_owned(),
            };
            strong(format!("turned it off {until}{}", beside(body.incident)))
        }
        Body::SwitchTurnedOn(_) => plain("turned it on again"),
        Body::PostureSet(body) => {
            let until = body.ends_at.map(until).unwrap_or_default();
            let until = match until.is_empty() {
                true => until,
                false => format!(" {until}"),
            };
            let posture = body.posture.as_str();
            strong(format!(
                "had it work {posture}{until}{}",
                beside(body.incident)
            ))
        }
        _ => return None,
    })
}

fn strong(deed: String) -> Told {
    Told {
        style: Style::Bold,
        ..plain(deed)
    }
}

fn beside(incident: Option<IncidentId>) -> String {
    incident.map(|id| format!(", for {id}")).unwrap_or_default()
}
