//! Every kind of act there is, one file for each family.
//!
//! A kind's name carries its version: `incident.declared/1`. A version that was released is never
//! changed: a change is a new version, and a step in [`upcast`] turns the old body into the new
//! one, purely. Kinds this build does not know are kept and shown as they are.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::sealed::Sealable;

pub mod access;
pub mod alert;
pub mod chat;
pub mod containment;
pub mod directory;
pub mod incident;
pub mod log;
pub mod page;
pub mod request;
pub mod review;
pub mod rollout;
pub mod subscriber;
pub mod upcast;
pub mod work;

/// Visits the fields of a body that a private incident seals.
pub trait SealVisitor {
    /// One line of text in the field `name` (with its path: `body.title`).
    fn line(&mut self, name: &str, text: &mut Sealable<base::Line>);
    /// Longer text in the field `name`.
    fn prose(&mut self, name: &str, text: &mut Sealable<base::Prose>);
}

/// A body this build has no type for: written by a later version, kept as it is.
#[derive(Clone, Debug)]
pub struct UnknownBody {
    /// The kind with its version.
    pub kind: Box<str>,
    /// The body's JSON, byte for byte.
    pub json: Box<RawValue>,
}

impl PartialEq for UnknownBody {
    fn eq(&self, other: &UnknownBody) -> bool {
        self.kind == other.kind && self.json.get() == other.json.get()
    }
}

/// A body that its own kind does not allow.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a {kind}: {reason}")]
pub struct BadBody {
    /// The kind with its version.
    pub kind: String,
    /// What is wrong with the body.
    pub reason: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident: $kind:literal => $body:ty,)*) => {
        /// What an act says happened.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each body's type says what it is")]
        pub enum Body {
            $($(#[$doc])* $variant($body),)*
            /// A kind of a later version.
            Unknown(UnknownBody),
        }

        /// The kinds this build writes, with their versions.
        pub const KINDS: &[&str] = &[$($kind),*];

        impl Body {
            /// The kind with its version.
            pub fn kind(&self) -> &str {
                match self {
                    $(Body::$variant(_) => $kind,)*
                    Body::Unknown(unknown) => &unknown.kind,
                }
            }

            /// Reads the body of an act of this kind, of any version ever released.
            ///
            /// # Errors
            /// When the kind is known and the body is not of its form. A kind that is not known is
            /// no error: it becomes [`Body::Unknown`].
            pub fn decode(kind: &str, json: &RawValue) -> Result<Body, BadBody> {
                match kind {
                    $($kind => parse::<$body>(kind, json.get()).map(Body::$variant),)*
                    _ => match upcast::to_present(upcast::STEPS, kind, json)? {
                        Some((kind, json)) => Body::decode(&kind, &json),
                        None => Ok(Body::Unknown(UnknownBody {
                            kind: kind.into(),
                            json: json.to_owned(),
                        })),
                    },
                }
            }

            /// Visits the fields that a private incident seals.
            pub fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
                match self {
                    $(Body::$variant(body) => body.visit_sealable(visitor),)*
                    Body::Unknown(_) => {}
                }
            }
        }

        impl Serialize for Body {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Body::$variant(body) => body.serialize(serializer),)*
                    Body::Unknown(unknown) => {
                        let value: serde_json::Value = serde_json::from_str(unknown.json.get())
                            .map_err(serde::ser::Error::custom)?;
                        value.serialize(serializer)
                    }
                }
            }
        }

        $(impl From<$body> for Body {
            fn from(body: $body) -> Body {
                Body::$variant(body)
            }
        })*
    };
}

kinds! {
    IncidentDeclared: "incident.declared/1" => incident::Declared,
    IncidentAcknowledged: "incident.acknowledged/1" => incident::Acknowledged,
    IncidentAssigned: "incident.assigned/1" => incident::Assigned,
    IncidentHandoverOffered: "incident.handover_offered/1" => incident::HandoverOffered,
    IncidentRelieved: "incident.relieved/1" => incident::Relieved,
    IncidentWaived: "incident.waived/1" => incident::Waived,
    IncidentTimeStamped: "incident.time_stamped/1" => incident::TimeStamped,
    IncidentNoted: "incident.noted/1" => incident::Noted,
    IncidentUpdated: "incident.updated/1" => incident::Updated,
    IncidentStatusChanged: "incident.status_changed/1" => incident::StatusChanged,
    IncidentSeverityChanged: "incident.severity_changed/1" => incident::SeverityChanged,
    IncidentResolved: "incident.resolved/1" => incident::Resolved,
    IncidentReopened: "incident.reopened/1" => incident::Reopened,
    IncidentReminded: "incident.reminded/1" => incident::Reminded,
    IncidentAlertAttached: "incident.alert_attached/1" => incident::AlertAttached,
    IncidentJoined: "incident.joined/1" => work::Joined,
    IncidentLeft: "incident.left/1" => work::Left,
    IncidentDecided: "incident.decided/1" => work::Decided,
    IncidentTaskOpened: "incident.task_opened/1" => work::TaskOpened,
    IncidentTaskAssigned: "incident.task_assigned/1" => work::TaskAssigned,
    IncidentTaskClosed: "incident.task_closed/1" => work::TaskClosed,
    IncidentAsked: "incident.asked/1" => work::Asked,
    IncidentAnswered: "incident.answered/1" => work::Answered,
    IncidentContactNamed: "incident.contact_named/1" => work::ContactNamed,
    IncidentContactRemoved: "incident.contact_removed/1" => work::ContactRemoved,
    IncidentFileAttached: "incident.file_attached/1" => work::FileAttached,
    IncidentRelated: "incident.related/1" => work::Related,
    IncidentChecklistStarted: "incident.checklist_started/1" => work::ChecklistStarted,
    IncidentStepTicked: "incident.step_ticked/1" => work::StepTicked,
    IncidentUpdateClockSet: "incident.update_clock_set/1" => work::UpdateClockSet,
    IncidentUpdateOverdue: "incident.update_overdue/1" => work::UpdateOverdue,
    IncidentCorrected: "incident.corrected/1" => work::Corrected,
    IncidentCaughtUp: "incident.caught_up/1" => work::CaughtUp,
    IncidentImpactStated: "incident.impact_stated/1" => work::ImpactStated,
    IncidentRedacted: "incident.redacted/1" => work::IncidentRedacted,
    ChatRoomAsked: "chat.room_asked/1" => chat::RoomAsked,
    ChatRoomLinked: "chat.room_linked/1" => chat::RoomLinked,
    ChatRoomClosed: "chat.room_closed/1" => chat::RoomClosed,
    ChatRoomUnlinked: "chat.room_unlinked/1" => chat::RoomUnlinked,
    FindingStated: "review.stated/1" => review::FindingStated,
    FindingWithdrawn: "review.withdrawn/1" => review::FindingWithdrawn,
    ReviewPublished: "review.published/1" => review::ReviewPublished,
    MeetingScheduled: "review.meeting_scheduled/1" => review::MeetingScheduled,
    MeetingCancelled: "review.meeting_cancelled/1" => review::MeetingCancelled,
    FollowupOpened: "followup.opened/1" => review::FollowupOpened,
    FollowupChanged: "followup.changed/1" => review::FollowupChanged,
    FollowupClosed: "followup.closed/1" => review::FollowupClosed,
    FollowupReminded: "followup.reminded/1" => review::FollowupReminded,
    TicketTried: "followup.ticket_tried/1" => review::TicketTried,
    TicketLinked: "followup.ticket_linked/1" => review::TicketLinked,
    RunbookSaved: "runbook.saved/1" => work::RunbookSaved,
    RunbookRemoved: "runbook.removed/1" => work::RunbookRemoved,
    TemplateSaved: "template.saved/1" => work::TemplateSaved,
    TemplateRemoved: "template.removed/1" => work::TemplateRemoved,
    AlertFired: "alert.fired/1" => alert::Fired,
    AlertResolved: "alert.resolved/1" => alert::Resolved,
    AlertAcknowledged: "alert.acknowledged/1" => alert::Acknowledged,
    SilenceCreated: "silence.created/1" => alert::SilenceCreated,
    SilenceEnded: "silence.ended/1" => alert::SilenceEnded,
    MaintenanceScheduled: "maintenance.scheduled/1" => alert::MaintenanceScheduled,
    MaintenanceEnded: "maintenance.ended/1" => alert::MaintenanceEnded,
    HeartbeatExpected: "heartbeat.expected/1" => alert::HeartbeatExpected,
    HeartbeatForgotten: "heartbeat.forgotten/1" => alert::HeartbeatForgotten,
    TokenIssued: "token.issued/1" => access::TokenIssued,
    TokenRevoked: "token.revoked/1" => access::TokenRevoked,
    KeyEnrolled: "key.enrolled/1" => access::KeyEnrolled,
    KeyRevoked: "key.revoked/1" => access::KeyRevoked,
    LoginOffered: "login.offered/1" => access::LoginOffered,
    SessionBegun: "session.begun/1" => access::SessionBegun,
    SessionEnded: "session.ended/1" => access::SessionEnded,
    PersonRegistered: "person.registered/1" => directory::PersonRegistered,
    PersonRemoved: "person.removed/1" => directory::PersonRemoved,
    PermissionGranted: "permission.granted/1" => directory::PermissionGranted,
    PermissionWithdrawn: "permission.withdrawn/1" => directory::PermissionWithdrawn,
    TeamRegistered: "team.registered/1" => directory::TeamRegistered,
    TeamRemoved: "team.removed/1" => directory::TeamRemoved,
    ServiceRegistered: "service.registered/1" => directory::ServiceRegistered,
    ServiceRemoved: "service.removed/1" => directory::ServiceRemoved,
    PersonRedacted: "person.redacted/1" => directory::PersonRedacted,
    RequestMade: "request.made/1" => request::RequestMade,
    RequestApproved: "request.approved/1" => request::RequestApproved,
    RequestRejected: "request.rejected/1" => request::RequestRejected,
    RequestWithdrawn: "request.withdrawn/1" => request::RequestWithdrawn,
    RequestCarriedOut: "request.carried_out/1" => request::RequestCarriedOut,
    RequestLapsed: "request.lapsed/1" => request::RequestLapsed,
    ComponentRegistered: "component.registered/1" => page::ComponentRegistered,
    ComponentRemoved: "component.removed/1" => page::ComponentRemoved,
    PageMeasured: "page.measured/1" => page::PageMeasured,
    ClientBanned: "client.banned/1" => containment::ClientBanned,
    ClientUnbanned: "client.unbanned/1" => containment::ClientUnbanned,
    CertificateRevoked: "certificate.revoked/1" => containment::CertificateRevoked,
    CertificateUsed: "certificate.used/1" => containment::CertificateUsed,
    FailoverOverridden: "failover.overridden/1" => containment::FailoverOverridden,
    SwitchTurnedOff: "switch.turned_off/1" => containment::SwitchTurnedOff,
    SwitchTurnedOn: "switch.turned_on/1" => containment::SwitchTurnedOn,
    PostureSet: "posture.set/1" => containment::PostureSet,
    CellDefined: "cell.defined/1" => rollout::CellDefined,
    CellRemoved: "cell.removed/1" => rollout::CellRemoved,
    CellSupplied: "cell.supplied/1" => rollout::CellSupplied,
    CellFloorSet: "cell.floor_set/1" => rollout::CellFloorSet,
    EdgeInvited: "edge.invited/1" => rollout::EdgeInvited,
    EdgeEnrolled: "edge.enrolled/1" => rollout::EdgeEnrolled,
    EdgeRetired: "edge.retired/1" => rollout::EdgeRetired,
    VersionDeployed: "version.deployed/1" => rollout::VersionDeployed,
    DeploymentAdvanced: "deployment.advanced/1" => rollout::DeploymentAdvanced,
    DeploymentPaused: "deployment.paused/1" => rollout::DeploymentPaused,
    DeploymentResumed: "deployment.resumed/1" => rollout::DeploymentResumed,
    TriggerFired: "trigger.fired/1" => rollout::TriggerFired,
    DeploymentAborted: "deployment.aborted/1" => rollout::DeploymentAborted,
    DeploymentCompleted: "deployment.completed/1" => rollout::DeploymentCompleted,
    VersionRolledBack: "version.rolled_back/1" => rollout::VersionRolledBack,
    LeaseLifted: "lease.lifted/1" => rollout::LeaseLifted,
    FleetFrozen: "fleet.frozen/1" => rollout::FleetFrozen,
    FleetUnfrozen: "fleet.unfrozen/1" => rollout::FleetUnfrozen,
    BreakGlassKeySet: "break_glass.key_set/1" => rollout::BreakGlassKeySet,
    BreakGlassUsed: "break_glass.used/1" => rollout::BreakGlassUsed,
    SubscriberConfirmed: "subscriber.confirmed/1" => subscriber::SubscriberConfirmed,
    SubscriberChanged: "subscriber.changed/1" => subscriber::SubscriberChanged,
    SubscriberRemoved: "subscriber.removed/1" => subscriber::SubscriberRemoved,
    NoticeSent: "notice.sent/1" => subscriber::NoticeSent,
    NoticeDelivered: "notice.delivered/1" => subscriber::NoticeDelivered,
    NoticeRetried: "notice.retried/1" => subscriber::NoticeRetried,
    LogOpened: "record.opened/1" => log::Opened,
    LogRecovered: "record.recovered/1" => log::Recovered,
    LogKeyRotated: "record.key_rotated/1" => log::KeyRotated,
    LogAnchorAccepted: "record.anchor_accepted/1" => log::AnchorAccepted,
    LogRootKeySet: "record.root_key_set/1" => log::RootKeySet,
    LogSucceeded: "record.succeeded/1" => log::Succeeded,
}

impl Body {
    /// The blobs that it cites.
    pub fn blobs(&self) -> Vec<incident::BlobRef> {
        match self {
            Body::IncidentNoted(noted) => noted.blobs.clone(),
            Body::IncidentFileAttached(file) => vec![file.blob()],
            Body::ReviewPublished(published) => vec![published.document.clone()],
            Body::NoticeDelivered(delivered) => vec![delivered.outcomes.clone()],
            _ => Vec::new(),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(kind: &str, json: &'a str) -> Result<T, BadBody> {
    serde_json::from_str(json).map_err(|error| BadBody {
        kind: kind.to_owned(),
        reason: error.to_string(),
    })
}

/// Bodies in which nothing is ever sealed.
macro_rules! nothing_sealed {
    ($($body:ty),* $(,)?) => {
        $(impl $body {
            pub(crate) fn visit_sealable(&mut self, _: &mut dyn $crate::kinds::SealVisitor) {}
        })*
    };
}
pub(crate) use nothing_sealed;

/// Words of a short list, spelled on the record as they are here.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$word_doc:meta])* $variant:ident = $word:literal,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(
                Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
                serde::Serialize, serde::Deserialize,
            )]
            pub enum $name {
                $($(#[$word_doc])* #[serde(rename = $word)] $variant,)*
            }

            impl $name {
                /// Every one of them.
                pub const ALL: &[$name] = &[$($name::$variant),*];

                /// The word.
                #[must_use]
                pub fn as_str(self) -> &'static str {
                    match self {
                        $($name::$variant => $word,)*
                    }
                }
            }
        )*
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests;
