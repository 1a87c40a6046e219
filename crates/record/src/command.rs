//! A command: a request to take acts, with an id chosen by the sender.
//!
//! Its canonical form is what a person's key signs. What a command leads to is decided by
//! `engine`; this is only how it is written down.

use aws_lc_rs::hmac;
use base::{Actor, CommandDigest, CommandId, IncidentId, PersonName, Prose, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::canonical::{self, NotCanonical};

/// The longest command, in bytes of canonical JSON.
pub const COMMAND_BYTES_MAX: usize = 49_152;

/// A request to take acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Chosen by the sender: the same id happens once.
    pub id: CommandId,
    /// The sender's time.
    pub claimed_at: Option<Timestamp>,
    /// On whose behalf a local user sends it.
    pub on_behalf_of: Option<PersonName>,
    /// What is asked.
    pub verb: Verb,
    /// The reason given.
    pub why: Option<Prose>,
}

/// A command that is not one.
#[derive(Debug, thiserror::Error)]
pub enum BadCommand {
    /// No command has this name.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// Its arguments are wrong.
    #[error("the arguments of {command} are wrong: {reason}")]
    Arguments {
        /// The command's name.
        command: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The command itself is not of its form.
    #[error("not a command: {0}")]
    Form(#[from] serde_json::Error),
    /// It has no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Longer than [`COMMAND_BYTES_MAX`].
    #[error("the command takes {0} bytes, at most 49152 are allowed")]
    TooLong(usize),
}

/// What commands take, one type for each.
macro_rules! forms {
    ($($(#[$doc:meta])* $form:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $form {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$form> for $crate::command::Verb {
                fn from(form: $form) -> $crate::command::Verb {
                    $crate::command::Verb::$form(form)
                }
            }
        )*
    };
}

macro_rules! verbs {
    ($($variant:ident = $name:literal,)*) => {
        /// What a command asks for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each command's type says what it asks for")]
        pub enum Verb {
            $($variant($variant),)*
        }

        /// The names of all commands, in the order of the reference.
        pub const VERBS: &[&str] = &[$($name),*];

        impl Verb {
            /// The command's name: `incident.declare`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Verb::$variant(_) => $name,)*
                }
            }

            /// Reads the arguments of the command with this name.
            ///
            /// # Errors
            /// When there is no such command, or the arguments are not of its form.
            pub fn decode(name: &str, args: &str) -> Result<Verb, BadCommand> {
                match name {
                    $($name => serde_json::from_str(args).map(Verb::$variant).map_err(|error| {
                        BadCommand::Arguments { command: $name, reason: error.to_string() }
                    }),)*
                    _ => Err(BadCommand::Unknown(name.chars().take(80).collect())),
                }
            }

            fn args(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self {
                    $(Verb::$variant(verb) => serde_json::to_value(verb),)*
                }
            }
        }
    };
}

mod chat;
mod containment;
mod directory;
mod incident;
mod page;
mod quiet;
mod request;
mod review;
mod rollout;
mod session;
mod subscriber;
mod work;

pub use chat::*;
pub use containment::*;
pub use directory::*;
pub use incident::*;
pub use page::*;
pub use quiet::*;
pub use request::*;
pub use review::*;
pub use rollout::*;
pub use session::*;
pub use subscriber::*;
pub use work::*;

verbs! {
    Declare = "incident.declare",
    Acknowledge = "incident.acknowledge",
    Assign = "incident.assign",
    HandOver = "incident.hand_over",
    Accept = "incident.accept",
    Relieve = "incident.relieve",
    Waive = "incident.waive",
    StampTime = "incident.stamp_time",
    Note = "incident.note",
    Update = "incident.update",
    SetStatus = "incident.set_status",
    SetSeverity = "incident.set_severity",
    Resolve = "incident.resolve",
    Reopen = "incident.reopen",
    Attach = "incident.attach",
    Join = "incident.join",
    Leave = "incident.leave",
    Decide = "incident.decide",
    OpenTask = "incident.open_task",
    AssignTask = "incident.assign_task",
    CloseTask = "incident.close_task",
    Ask = "incident.ask",
    AnswerQuestion = "incident.answer",
    NameContact = "incident.name_contact",
    RemoveContact = "incident.remove_contact",
    AttachFile = "incident.attach_file",
    Relate = "incident.relate",
    StartChecklist = "incident.start_checklist",
    TickStep = "incident.tick_step",
    SetUpdateClock = "incident.set_update_clock",
    Correct = "incident.correct",
    CatchUp = "incident.catch_up",
    StateImpact = "incident.state_impact",
    OpenRoom = "chat.open_room",
    LinkRoom = "chat.link_room",
    CloseRoom = "chat.close_room",
    UnlinkRoom = "chat.unlink_room",
    RedactIncident = "incident.redact",
    StateFinding = "review.state",
    WithdrawFinding = "review.withdraw",
    PublishReview = "review.publish",
    ScheduleMeeting = "review.schedule_meeting",
    CancelMeeting = "review.cancel_meeting",
    OpenFollowup = "followup.open",
    ChangeFollowup = "followup.change",
    CloseFollowup = "followup.close",
    TryTicket = "followup.try_ticket",
    LinkTicket = "followup.link_ticket",
    ConfirmSubscriber = "subscriber.confirm",
    ChangeSubscriber = "subscriber.change",
    SendNotice = "notice.send",
    ReportNotice = "notice.report",
    RetryNotice = "notice.retry",
    RemoveSubscriber = "subscriber.remove",
    SaveRunbook = "runbook.save",
    RemoveRunbook = "runbook.remove",
    SaveTemplate = "template.save",
    RemoveTemplate = "template.remove",
    Silence = "alert.silence",
    EndSilence = "silence.end",
    ScheduleMaintenance = "maintenance.schedule",
    EndMaintenance = "maintenance.end",
    ExpectHeartbeat = "heartbeat.expect",
    ForgetHeartbeat = "heartbeat.forget",
    IssueToken = "token.issue",
    RevokeToken = "token.revoke",
    EnrollKey = "key.enroll",
    RevokeKey = "key.revoke",
    OfferLogin = "login.offer",
    BeginSession = "session.begin",
    EndSession = "session.end",
    RegisterPerson = "person.register",
    RegisterTeam = "team.register",
    RegisterService = "service.register",
    GrantPermission = "permission.grant",
    WithdrawPermission = "permission.withdraw",
    RemoveService = "service.remove",
    RemoveTeam = "team.remove",
    RemovePerson = "person.remove",
    RedactPerson = "person.redact",
    ApproveRequest = "request.approve",
    RejectRequest = "request.reject",
    WithdrawRequest = "request.withdraw",
    OverrideRequest = "request.override",
    RegisterComponent = "component.register",
    RemoveComponent = "component.remove",
    MeasurePage = "page.measure",
    Ban = "client.ban",
    Unban = "client.unban",
    RevokeCertificate = "certificate.revoke",
    OverrideFailover = "failover.override",
    TurnSwitchOff = "switch.turn_off",
    TurnSwitchOn = "switch.turn_on",
    SetPosture = "posture.set",
    ReportCertificate = "certificate.report",
    DefineCell = "cell.define",
    RemoveCell = "cell.remove",
    SetCellFloor = "cell.set_floor",
    InviteEdge = "edge.invite",
    EnrollEdge = "edge.enroll",
    RetireEdge = "edge.retire",
    DeployVersion = "version.deploy",
    AdvanceDeployment = "deployment.advance",
    PauseDeployment = "deployment.pause",
    ResumeDeployment = "deployment.resume",
    FireTrigger = "deployment.fire",
    CompleteDeployment = "deployment.complete",
    RollBack = "version.roll_back",
    LiftLease = "lease.lift",
    FreezeFleet = "fleet.freeze",
    UnfreezeFleet = "fleet.unfreeze",
    SetBreakGlassKey = "break_glass.set_key",
    ReportBreakGlass = "break_glass.report",
    EndBreakGlass = "break_glass.end",
    RotateLogKey = "record.rotate_key",
    SetRootKey = "record.set_root_key",
}

impl Verb {
    /// The incident that it is about, where it names one.
    pub fn incident(&self) -> Option<IncidentId> {
        Some(match self {
            Verb::Acknowledge(verb) => verb.incident,
            Verb::Assign(verb) => verb.incident,
            Verb::HandOver(verb) => verb.incident,
            Verb::Accept(verb) => verb.incident,
            Verb::Relieve(verb) => verb.incident,
            Verb::Waive(verb) => verb.incident,
            Verb::StampTime(verb) => verb.incident,
            Verb::Note(verb) => verb.incident,
            Verb::Update(verb) => verb.incident,
            Verb::SetStatus(verb) => verb.incident,
            Verb::SetSeverity(verb) => verb.incident,
            Verb::Resolve(verb) => verb.incident,
            Verb::Reopen(verb) => verb.incident,
            Verb::Attach(verb) => verb.incident,
            Verb::Join(verb) => verb.incident,
            Verb::Leave(verb) => verb.incident,
            Verb::Decide(verb) => verb.incident,
            Verb::OpenTask(verb) => verb.incident,
            Verb::AssignTask(verb) => verb.incident,
            Verb::CloseTask(verb) => verb.incident,
            Verb::Ask(verb) => verb.incident,
            Verb::AnswerQuestion(verb) => verb.incident,
            Verb::NameContact(verb) => verb.incident,
            Verb::RemoveContact(verb) => verb.incident,
            Verb::AttachFile(verb) => verb.incident,
            Verb::Relate(verb) => verb.incident,
            Verb::StartChecklist(verb) => verb.incident,
            Verb::TickStep(verb) => verb.incident,
            Verb::SetUpdateClock(verb) => verb.incident,
            Verb::Correct(verb) => verb.incident,
            Verb::CatchUp(verb) => verb.incident,
            Verb::StateImpact(verb) => verb.incident,
            Verb::OpenRoom(verb) => verb.incident,
            Verb::LinkRoom(verb) => verb.incident,
            Verb::CloseRoom(verb) => verb.incident,
            Verb::UnlinkRoom(verb) => verb.incident,
            Verb::RedactIncident(verb) => verb.incident,
            Verb::StateFinding(verb) => verb.incident,
            Verb::WithdrawFinding(verb) => verb.incident,
            Verb::PublishReview(verb) => verb.incident,
            Verb::ScheduleMeeting(verb) => verb.incident,
            Verb::CancelMeeting(verb) => verb.incident,
            Verb::OpenFollowup(verb) => verb.incident,
            Verb::ChangeFollowup(verb) => verb.incident,
            Verb::CloseFollowup(verb) => verb.incident,
            Verb::TryTicket(verb) => verb.incident,
            Verb::LinkTicket(verb) => verb.incident,
            Verb::SendNotice(verb) => verb.incident,
            Verb::ReportNotice(verb) => verb.incident,
            Verb::RetryNotice(verb) => verb.incident,
            _ => return None,
        })
    }

    /// Its arguments as canonical JSON.
    ///
    /// # Errors
    /// When an argument has no canonical form.
    pub fn canonical_args(&self) -> Result<String, BadCommand> {
        let bytes = canonical::to_vec(&self.args()?)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[derive(Serialize)]
struct Form<'a> {
    args: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_at: Option<Timestamp>,
    command: &'static str,
    id: &'a CommandId,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a PersonName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Prose>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormIn<'a> {
    #[serde(borrow)]
    args: &'a RawValue,
    claimed_at: Option<Timestamp>,
    command: String,
    id: CommandId,
    on_behalf_of: Option<PersonName>,
    why: Option<Prose>,
}

impl Command {
    /// The command with nothing but an id and what it asks.
    pub fn new(id: CommandId, verb: impl Into<Verb>) -> Command {
        Command {
            id,
            claimed_at: None,
            on_behalf_of: None,
            verb: verb.into(),
            why: None,
        }
    }

    /// The canonical form: `{"args":…,"command":…,"id":…}` and what else was given.
    ///
    /// # Errors
    /// When it would be longer than [`COMMAND_BYTES_MAX`], or an argument has no canonical form.
    pub fn to_canonical(&self) -> Result<Vec<u8>, BadCommand> {
        let bytes = canonical::to_vec(&Form {
            args: self.verb.args()?,
            claimed_at: self.claimed_at,
            command: self.verb.name(),
            id: &self.id,
            on_behalf_of: self.on_behalf_of.as_ref(),
            why: self.why.as_ref(),
        })?;
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(BadCommand::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a command, canonical or not.
    ///
    /// # Errors
    /// See [`BadCommand`].
    pub fn decode(json: &[u8]) -> Result<Command, BadCommand> {
        if json.len() > COMMAND_BYTES_MAX {
            return Err(BadCommand::TooLong(json.len()));
        }
        let form: FormIn<'_> = serde_json::from_slice(json)?;
        Ok(Command {
            id: form.id,
            claimed_at: form.claimed_at,
            on_behalf_of: form.on_behalf_of,
            verb: Verb::decode(&form.command, form.args.get())?,
            why: form.why,
        })
    }
}

/// What a person's key signs: the canonical command behind a line that says what it is, so that a
/// signature made for anything else is never one for a command.
pub fn signed_bytes(canonical: &[u8]) -> Vec<u8> {
    let mut bytes = b"hereby/command/1\n".to_vec();
    bytes.extend_from_slice(canonical);
    bytes
}

/// The key of [`digest`]: made once, kept in the keystore.
pub struct DigestKey(hmac::Key);

impl DigestKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> DigestKey {
        DigestKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

/// A digest of who sent which bytes, keyed so that it is no oracle for short secrets in them:
/// HMAC-SHA-256 over the actor's canonical form, a zero byte and the bytes, cut to 128 bits.
pub fn digest(key: &DigestKey, actor: &Actor, bytes: &[u8]) -> CommandDigest {
    let mut context = hmac::Context::with_key(&key.0);
    // An actor always has a canonical form: short text and small integers.
    context.update(&canonical::to_vec(actor).unwrap_or_default());
    context.update(b"\0");
    context.update(bytes);
    let mut digest = [0; 16];
    for (slot, byte) in digest.iter_mut().zip(context.sign().as_ref()) {
        *slot = *byte;
    }
    CommandDigest::from_bytes(digest)
}

#[cfg(test)]
mod tests;
