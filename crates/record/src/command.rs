//! A command: a request to take acts, with an id chosen by the sender.
//!
//! Its canonical form is what a person's key signs. What a command leads to is decided by
//! `engine`; this is only how it is written down.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base::{
    Actor, AlertId, CommandDigest, CommandId, IncidentId, Line, Name, PersonName, Prose,
    ServiceName, Severity, TeamName, Timestamp, TokenId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::canonical::{self, NotCanonical};
use crate::hash::Hash;
use crate::kinds::access::Scope;
use crate::kinds::directory::{Dependency, Permission, PlaceKind};
use crate::kinds::incident::{Audience, BlobRef, Role, Stamp, Status};

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

macro_rules! verbs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// What a command asks for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Verb {
            $($(#[$doc])* $variant($variant),)*
        }

        /// The names of all commands, in the order of the reference.
        pub const VERBS: &[&str] = &[$($name),*];

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $variant {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$variant> for Verb {
                fn from(verb: $variant) -> Verb {
                    Verb::$variant(verb)
                }
            }
        )*

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

verbs! {
    /// Declares an incident.
    Declare = "incident.declare" {
        /// Alerts that belong to it, at most 64.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alerts: Vec<AlertId>,
        /// Rehearsed, not real.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        drill: bool,
        /// When customers began to be hurt, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact_start: Option<Timestamp>,
        /// Seal what is written in it under a key of its own.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        private: bool,
        /// What is affected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// 1 (worst) to 5.
        severity: Severity,
        /// What is wrong, in a line.
        title: Line,
    }
    /// Says: I saw it, I am on it.
    Acknowledge = "incident.acknowledge" {
        /// Which incident.
        incident: IncidentId,
    }
    /// Gives somebody a role.
    Assign = "incident.assign" {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
        /// Which role.
        role: Role,
    }
    /// Asks somebody to take a role over.
    HandOver = "incident.hand_over" {
        /// Which incident.
        incident: IncidentId,
        /// Which role.
        role: Role,
        /// Who is to have it.
        to: PersonName,
    }
    /// Takes over a role that was offered.
    Accept = "incident.accept" {
        /// Which incident.
        incident: IncidentId,
        /// Which role.
        role: Role,
    }
    /// Lets somebody leave a role.
    Relieve = "incident.relieve" {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
        /// Which role.
        role: Role,
    }
    /// Lets somebody be commander and operations at once, for a reason.
    Waive = "incident.waive" {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
    }
    /// Says when something happened, or that nobody knows.
    StampTime = "incident.stamp_time" {
        /// When; left out: it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
        /// Which incident.
        incident: IncidentId,
        /// What.
        stamp: Stamp,
    }
    /// Writes something down.
    Note = "incident.note" {
        /// Blobs that belong to it, at most 16; uploaded before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blobs: Vec<BlobRef>,
        /// Which incident.
        incident: IncidentId,
        /// What.
        text: Prose,
    }
    /// Tells an audience something.
    Update = "incident.update" {
        /// Whom.
        audience: Audience,
        /// Which incident.
        incident: IncidentId,
        /// Moves the status in the same breath.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        /// What.
        text: Prose,
    }
    /// Moves the incident's status.
    SetStatus = "incident.set_status" {
        /// Which incident.
        incident: IncidentId,
        /// Where to; `resolved` has a command of its own.
        status: Status,
    }
    /// Says that it is worse or better than thought.
    SetSeverity = "incident.set_severity" {
        /// Which incident.
        incident: IncidentId,
        /// 1 (worst) to 5.
        severity: Severity,
    }
    /// Ends the incident.
    Resolve = "incident.resolve" {
        /// Which incident.
        incident: IncidentId,
        /// How it ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Prose>,
    }
    /// Opens a resolved incident again.
    Reopen = "incident.reopen" {
        /// Which incident.
        incident: IncidentId,
    }
    /// Says that an alert belongs to an incident.
    Attach = "incident.attach" {
        /// Which alert.
        alert: AlertId,
        /// Which incident.
        incident: IncidentId,
    }
    /// Stops alerts with these labels from declaring or attaching for a while.
    Silence = "alert.silence" {
        /// Until when.
        ends_at: Timestamp,
        /// Label values that must all be equal.
        matchers: BTreeMap<Box<str>, Box<str>>,
    }
    /// Ends a silence early.
    EndSilence = "silence.end" {
        /// Which silence.
        silence: Name,
    }
    /// Announces planned work on a service.
    ScheduleMaintenance = "maintenance.schedule" {
        /// Until when.
        ends_at: Timestamp,
        /// Whose.
        service: ServiceName,
        /// From when.
        starts_at: Timestamp,
        /// What is done, in a line.
        title: Line,
    }
    /// Ends planned work early, or calls it off.
    EndMaintenance = "maintenance.end" {
        /// Which window.
        maintenance: Name,
    }
    /// Expects a sign of life from now on.
    ExpectHeartbeat = "heartbeat.expect" {
        /// How late one may be, in milliseconds.
        grace_ms: u64,
        /// What it is called.
        heartbeat: Name,
        /// How often one is expected, in milliseconds.
        interval_ms: u64,
        /// The service whose life it is a sign of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// With a severity, its silence declares an incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
    }
    /// Expects no sign of life any more.
    ForgetHeartbeat = "heartbeat.forget" {
        /// Which.
        heartbeat: Name,
    }
    /// Makes a bearer token known. Its secret never leaves the machine that made it.
    IssueToken = "token.issue" {
        /// Whom it makes its holder.
        actor: Actor,
        /// When it stops working: within 400 days.
        expires_at: Timestamp,
        /// SHA-256 of the secret, which has 256 random bits.
        hash: Hash,
        /// What it is good for.
        scopes: BTreeSet<Scope>,
        /// Its name: `tok-` and the first 16 hexadecimal digits of the hash.
        token: TokenId,
    }
    /// Stops a token from working.
    RevokeToken = "token.revoke" {
        /// Which.
        token: TokenId,
    }
    /// Lets a person's key sign commands.
    EnrollKey = "key.enroll" {
        /// What the key is called.
        key: Name,
        /// Whose it is.
        person: PersonName,
        /// The key, as a C2SP verifier key.
        vkey: Box<str>,
    }
    /// Stops a key from signing commands.
    RevokeKey = "key.revoke" {
        /// Which.
        key: Name,
    }
    /// Makes somebody known, or changes what is known of them.
    RegisterPerson = "person.register" {
        /// What they are called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        full_name: Option<Line>,
        /// Who.
        person: PersonName,
        /// Where they are reached, the quickest first; at most 8.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        places: Vec<Address>,
    }
    /// Makes a team known, or changes what is known of it.
    RegisterTeam = "team.register" {
        /// What they do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Line>,
        /// What it is called.
        team: TeamName,
    }
    /// Makes a service known, or changes what is known of it.
    RegisterService = "service.register" {
        /// What it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Line>,
        /// What it needs; at most 64.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dependencies: Vec<Dependency>,
        /// Who looks after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<TeamName>,
        /// What it is called.
        service: ServiceName,
        /// How much depends on it: 1 (everything) to 4.
        tier: u8,
    }
    /// Lets somebody ask for more.
    GrantPermission = "permission.grant" {
        /// What.
        permission: Permission,
        /// Who.
        person: PersonName,
        /// For what this team looks after; for everything without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamName>,
    }
    /// Lets somebody ask for less.
    WithdrawPermission = "permission.withdraw" {
        /// What.
        permission: Permission,
        /// Who.
        person: PersonName,
        /// In this team; everywhere without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamName>,
    }
    /// Forgets a service.
    RemoveService = "service.remove" {
        /// Which.
        service: ServiceName,
    }
    /// Forgets a team, with the permissions in it.
    RemoveTeam = "team.remove" {
        /// Which.
        team: TeamName,
    }
    /// Forgets somebody, with their permissions.
    RemovePerson = "person.remove" {
        /// Who.
        person: PersonName,
    }
    /// Makes a new key for the log and signs with it from the next checkpoint on.
    RotateLogKey = "record.rotate_key" {
    }
}

/// Where somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The address, as that kind of place writes it.
    pub address: Line,
    /// What kind of place it is.
    pub kind: PlaceKind,
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
