//! What each command takes: its summary, the schema of its arguments, and an example that works.

use record::kinds::access::Scope;
use serde_json::{Map, Value, json};

use crate::route::reference;

const RESPOND: &[Scope] = &[Scope::Respond];
const ADMIN: &[Scope] = &[Scope::Admin];

/// What the document says of a command.
pub(crate) struct CommandForm {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) scopes: &'static [Scope],
    pub(crate) schema: Value,
    pub(crate) example: Value,
}

/// An argument: its name, its schema, and whether it must be there.
pub(super) type Argument = (&'static str, Value, bool);

/// The form of the command with this name.
pub(crate) fn command(name: &'static str) -> Option<CommandForm> {
    let (summary, arguments, example) = incident(name)
        .or_else(|| quiet(name))
        .or_else(|| access(name))
        .or_else(|| directory(name))
        .or_else(|| super::page::form(name))
        .or_else(|| super::work::form(name))
        .or_else(|| super::containment::form(name))
        .or_else(|| super::fleet::form(name))
        .or_else(|| super::subscribers::form(name))?;
    let scopes = match name {
        "token.issue"
        | "token.revoke"
        | "key.enroll"
        | "key.revoke"
        | "record.rotate_key"
        | "login.offer"
        | "chat.link_room"
        | "chat.unlink_room"
        | "incident.redact"
        | "person.redact"
        | "subscriber.confirm"
        | "subscriber.change"
        | "subscriber.remove"
        | "notice.report"
        | "certificate.report"
        | "edge.invite"
        | "edge.retire"
        | "break_glass.set_key"
        | "record.set_root_key" => ADMIN,
        _ if directory(name).is_some() || super::page::form(name).is_some() => ADMIN,
        _ => RESPOND,
    };
    let required: Vec<&str> = arguments
        .iter()
        .filter(|(.., required)| *required)
        .map(|(name, ..)| *name)
        .collect();
    let properties: Map<String, Value> = arguments
        .iter()
        .map(|(name, schema, _)| ((*name).to_owned(), schema.clone()))
        .collect();
    let schema = json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    });
    Some(CommandForm {
        name,
        summary,
        scopes,
        schema,
        example,
    })
}

pub(super) fn must(name: &'static str, schema: &str) -> Argument {
    (name, reference(schema), true)
}

pub(super) fn may(name: &'static str, schema: &str) -> Argument {
    // Left out and `null` mean the same.
    (
        name,
        json!({"anyOf": [reference(schema), {"type": "null"}]}),
        false,
    )
}

pub(super) fn flag(name: &'static str) -> Argument {
    (name, json!({"type": "boolean", "default": false}), false)
}

pub(super) fn several(name: &'static str, schema: &str, max: usize) -> Argument {
    (
        name,
        json!({"type": "array", "maxItems": max, "items": reference(schema)}),
        false,
    )
}

/// Who does what in an incident, and when things happened.
fn roles(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let on = || must("incident", "IncidentId");
    Some(match name {
        "incident.assign" => (
            "Gives somebody a role",
            vec![on(), must("person", "PersonName"), must("role", "Role")],
            json!({"incident": "INC-1", "person": "sam", "role": "commander"}),
        ),
        "incident.hand_over" => (
            "Asks somebody to take a role over",
            vec![on(), must("role", "Role"), must("to", "PersonName")],
            json!({"incident": "INC-1", "role": "commander", "to": "kim"}),
        ),
        "incident.accept" => (
            "Takes over a role that was offered",
            vec![on(), must("role", "Role")],
            json!({"incident": "INC-1", "role": "commander"}),
        ),
        "incident.relieve" => (
            "Lets somebody leave a role",
            vec![on(), must("person", "PersonName"), must("role", "Role")],
            json!({"incident": "INC-1", "person": "sam", "role": "commander"}),
        ),
        "incident.stamp_time" => (
            "Says when something happened, or that nobody knows",
            vec![may("at", "Timestamp"), on(), must("stamp", "Stamp")],
            json!({"incident": "INC-1", "stamp": "impact_start", "at": "2026-01-01T07:25:00.000Z"}),
        ),
        "incident.waive" => (
            "Lets somebody be commander and operations at once, for a reason",
            vec![on(), must("person", "PersonName")],
            json!({"incident": "INC-1", "person": "sam"}),
        ),
        _ => return None,
    })
}

fn incident(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let on = || must("incident", "IncidentId");
    Some(match name {
        "incident.declare" => (
            "Declares an incident",
            vec![
                several("alerts", "AlertId", 64),
                flag("drill"),
                may("impact_start", "Timestamp"),
                flag("private"),
                may("service", "ServiceName"),
                must("severity", "Severity"),
                may("template", "Name"),
                must("title", "Line"),
            ],
            json!({"title": "Checkout fails for one in five", "severity": 2, "service": "checkout"}),
        ),
        "incident.acknowledge" => (
            "Says: I saw it, I am on it",
            vec![on()],
            json!({"incident": "INC-1"}),
        ),
        "incident.note" => (
            "Writes something down",
            vec![several("blobs", "BlobRef", 16), on(), must("text", "Prose")],
            json!({"incident": "INC-1", "text": "Rolled back the payment client."}),
        ),
        "incident.update" => (
            "Tells an audience something",
            vec![
                must("audience", "Audience"),
                on(),
                may("page", "PageWord"),
                may("status", "IncidentStatus"),
                must("text", "Prose"),
            ],
            json!({
                "incident": "INC-1",
                "audience": "public",
                "status": "identified",
                "text": "Some payments fail. We know why and are putting it right.",
                "page": {"headline": "Some payments fail", "impact": "minor"},
            }),
        ),
        "incident.set_status" => (
            "Moves the incident's status",
            vec![on(), must("status", "IncidentStatus")],
            json!({"incident": "INC-1", "status": "monitoring"}),
        ),
        "incident.set_severity" => (
            "Says that it is worse or better than thought",
            vec![on(), must("severity", "Severity")],
            json!({"incident": "INC-1", "severity": 1}),
        ),
        _ => return ending(name),
    })
}

/// How an incident ends, and what belongs to it.
fn ending(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let on = || must("incident", "IncidentId");
    Some(match name {
        "incident.resolve" => (
            "Ends the incident",
            vec![on(), may("summary", "Prose")],
            json!({"incident": "INC-1", "summary": "The old payment client is back."}),
        ),
        "incident.reopen" => (
            "Opens a resolved incident again",
            vec![on()],
            json!({"incident": "INC-1"}),
        ),
        "incident.attach" => (
            "Says that an alert belongs to an incident",
            vec![must("alert", "AlertId"), on()],
            json!({"alert": "00112233445566778899aabbccddeeff", "incident": "INC-1"}),
        ),
        _ => return roles(name),
    })
}

/// Silences, maintenance windows, heartbeats: when alerts are expected, and when not.
fn quiet(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let (start, end) = ("2030-01-01T08:00:00.000Z", "2030-01-01T10:00:00.000Z");
    Some(match name {
        "alert.silence" => (
            "Stops alerts with these labels from declaring or attaching for a while",
            vec![must("ends_at", "Timestamp"), must("matchers", "Labels")],
            json!({"ends_at": end, "matchers": {"service": "checkout"}}),
        ),
        "silence.end" => (
            "Ends a silence early",
            vec![must("silence", "Name")],
            json!({"silence": "sil-1"}),
        ),
        "maintenance.schedule" => (
            "Announces planned work on a service",
            vec![
                must("ends_at", "Timestamp"),
                may("page", "PublicPlan"),
                must("service", "ServiceName"),
                must("starts_at", "Timestamp"),
                must("title", "Line"),
            ],
            json!({
                "service": "checkout",
                "title": "New database",
                "starts_at": start,
                "ends_at": end,
            }),
        ),
        "maintenance.end" => (
            "Ends planned work early, or calls it off",
            vec![must("maintenance", "Name")],
            json!({"maintenance": "mw-1"}),
        ),
        "heartbeat.expect" => (
            "Expects a sign of life from now on",
            vec![
                must("grace_ms", "Milliseconds"),
                must("heartbeat", "Name"),
                must("interval_ms", "Milliseconds"),
                may("service", "ServiceName"),
                may("severity", "Severity"),
            ],
            json!({"heartbeat": "backup", "interval_ms": 86_400_000, "grace_ms": 3_600_000}),
        ),
        "heartbeat.forget" => (
            "Expects no sign of life any more",
            vec![must("heartbeat", "Name")],
            json!({"heartbeat": "backup"}),
        ),
        _ => return None,
    })
}

/// People, teams, services, permissions.
fn directory(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let permission = || {
        vec![
            must("permission", "Permission"),
            must("person", "PersonName"),
            may("team", "TeamName"),
        ]
    };
    Some(match name {
        "person.register" => (
            "Makes somebody known, or changes what is known of them",
            vec![
                may("full_name", "Line"),
                must("person", "PersonName"),
                several("places", "Address", 8),
            ],
            json!({
                "person": "sam",
                "full_name": "Sam Sample",
                "places": [{"kind": "mail", "address": "sam@example.org"}],
            }),
        ),
        "person.remove" => (
            "Forgets somebody, with their permissions",
            vec![must("person", "PersonName")],
            json!({"person": "sam"}),
        ),
        "permission.grant" => (
            "Lets somebody ask for more",
            permission(),
            json!({"person": "sam", "permission": "responder", "team": "payments"}),
        ),
        "permission.withdraw" => (
            "Lets somebody ask for less",
            permission(),
            json!({"person": "sam", "permission": "responder", "team": "payments"}),
        ),
        _ => return services(name),
    })
}

/// Teams and what they look after.
fn services(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "team.register" => (
            "Makes a team known, or changes what is known of it",
            vec![may("about", "Line"), must("team", "TeamName")],
            json!({"team": "payments", "about": "Carts, cards and refunds"}),
        ),
        "team.remove" => (
            "Forgets a team, with the permissions in it",
            vec![must("team", "TeamName")],
            json!({"team": "payments"}),
        ),
        "service.register" => (
            "Makes a service known, or changes what is known of it",
            vec![
                may("about", "Line"),
                several("dependencies", "Dependency", 64),
                may("owner", "TeamName"),
                must("service", "ServiceName"),
                must("tier", "Tier"),
            ],
            json!({
                "service": "checkout",
                "tier": 1,
                "owner": "payments",
                "dependencies": [{"kind": "dns", "name": "example.org", "when_fails": "closed"}],
            }),
        ),
        "service.remove" => (
            "Forgets a service",
            vec![must("service", "ServiceName")],
            json!({"service": "checkout"}),
        ),
        _ => return None,
    })
}

/// Tokens and keys.
fn access(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    // The SHA-256 of nothing, and a key that signs nothing.
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let vkey = "sam+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    Some(match name {
        "token.issue" => (
            "Makes a bearer token known",
            vec![
                must("actor", "TokenHolder"),
                must("expires_at", "Timestamp"),
                must("hash", "Hash"),
                (
                    "scopes",
                    json!({"type": "array", "items": reference("Scope"), "minItems": 1}),
                    true,
                ),
                must("token", "TokenId"),
            ],
            json!({
                "actor": {"type": "service", "id": "alertmanager"},
                "expires_at": "2030-01-01T10:00:00.000Z",
                "hash": hash,
                "scopes": ["alerts"],
                "token": "tok-e3b0c44298fc1c14",
            }),
        ),
        "token.revoke" => (
            "Stops a token from working",
            vec![must("token", "TokenId")],
            json!({"token": "tok-e3b0c44298fc1c14"}),
        ),
        "key.enroll" => (
            "Lets a person's key sign commands",
            vec![
                must("key", "Name"),
                must("person", "PersonName"),
                must("vkey", "VerifierKey"),
            ],
            json!({"key": "sam-laptop", "person": "sam", "vkey": vkey}),
        ),
        "key.revoke" => (
            "Stops a key from signing commands",
            vec![must("key", "Name")],
            json!({"key": "sam-laptop"}),
        ),
        "login.offer" => (
            "Lets somebody sign in to the console once, with a link",
            vec![
                must("expires_at", "Timestamp"),
                must("hash", "Hash"),
                must("login", "LoginId"),
                must("person", "PersonName"),
            ],
            json!({
                "person": "sam",
                "expires_at": "2030-01-01T10:00:00.000Z",
                "hash": hash,
                "login": "log-e3b0c44298fc1c14",
            }),
        ),
        "session.end" => (
            "Ends a session: one's own, or as an admin anybody's",
            vec![must("session", "SessionId")],
            json!({"session": "ses-e3b0c44298fc1c14"}),
        ),
        _ => return record(name),
    })
}

/// The form of a command about the record itself.
fn record(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "record.rotate_key" => (
            "Makes a new key for the log and signs with it from the next checkpoint on",
            vec![],
            json!({}),
        ),
        "record.set_root_key" => (
            "Says whose word begins another epoch of the record, should it be lost",
            vec![must("vkey", "VerifierKey"), may("vouched", "Prose")],
            json!({"vkey": "root+8848e46b+ARvrid/a9Pl2CAcn8H51JsuOPPicxmK8gVRLfD342wiP"}),
        ),
        _ => return None,
    })
}
