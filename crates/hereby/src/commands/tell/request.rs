//! Requests in words: what waits for a second person, and what became of it.

use record::act::Act;
use record::kinds::Body;
use record::kinds::request::{Ground, LapseReason};

use super::{Told, plain, said};
use crate::say::{Style, counted, stamp};

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::RequestMade(body) => {
            let mut deed = format!(
                "asked for {}; it takes {}",
                body.command,
                counted(body.approvals, "approval")
            );
            if let Some(at) = body.due_at {
                deed.push_str(&format!(", or nobody's objection until {}", stamp(at)));
            }
            Told {
                style: Style::Warning,
                ..said(deed, body.args.to_string())
            }
        }
        Body::RequestApproved(_) => plain("approved it"),
        Body::RequestRejected(_) => plain("rejected it"),
        Body::RequestWithdrawn(_) => plain("took it back"),
        Body::RequestCarriedOut(body) => Told {
            style: Style::Bold,
            ..plain(match body.ground {
                Ground::Approved => "had it done: others approved it",
                Ground::Waited => "had it done: nobody rejected it in time",
                Ground::Overridden => "had it done and answers for it alone",
            })
        },
        Body::RequestLapsed(body) => plain(match body.reason {
            LapseReason::Expired => "let it lapse: its time ran out",
            LapseReason::Refused => "let it lapse: what it asks for is refused by now",
        }),
        _ => return None,
    })
}
