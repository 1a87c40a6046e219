//! Subscribers and notices in words.

use record::act::Act;
use record::kinds::Body;
use record::kinds::subscriber::{Channel, NoticeDelivered};

use super::{Told, plain};
use crate::say::{Style, counted};

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::SubscriberConfirmed(body) => plain(format!(
            "is told what the public is told, by {}",
            match body.channel {
                Channel::Mail => "mail",
                Channel::Webhook => "webhook",
            }
        )),
        Body::SubscriberChanged(_) => plain("is told something else from now on"),
        Body::SubscriberRemoved(_) => {
            plain("is told nothing any more, and their address is erased")
        }
        Body::NoticeSent(body) => Told {
            style: Style::Bold,
            ..plain(format!(
                "sent it to subscribers as {}: {} by mail, {} by webhook",
                body.notice, body.mail, body.webhook
            ))
        },
        Body::NoticeDelivered(body) => delivered(body),
        Body::NoticeRetried(body) => plain(format!(
            "had {} of {} tried again whose outcome was unknown",
            counted(body.count, "delivery"),
            body.notice
        )),
        _ => return None,
    })
}

fn delivered(body: &NoticeDelivered) -> Told {
    let told = plain(format!(
        "said what became of {}: done {}, failed {}, unknown {}",
        body.notice, body.done, body.failed, body.unknown
    ));
    match body.failed == 0 && body.unknown == 0 {
        true => told,
        false => Told {
            style: Style::Warning,
            ..told
        },
    }
}
