//! The subcommands in groups, for `hereby --help` and the reference: clap lists them in one row.

use std::fmt::Write as _;

/// Every visible subcommand under the heading a person would look for it.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    (
        "Run an incident",
        &[
            "declare",
            "acknowledge",
            "assign",
            "hand-over",
            "accept",
            "relieve",
            "waive",
            "note",
            "time",
            "update",
            "status",
            "severity",
            "resolve",
            "reopen",
        ],
    ),
    (
        "Work on it",
        &[
            "join",
            "leave",
            "decide",
            "task",
            "ask",
            "answer",
            "contact",
            "file",
            "checklist",
            "tick",
            "skip",
            "clock",
            "relate",
            "impact",
            "correct",
            "chat",
        ],
    ),
    (
        "See what happens",
        &[
            "show",
            "incidents",
            "watch",
            "alerts",
            "questions",
            "read",
            "knew",
            "stats",
        ],
    ),
    (
        "Direct alerts",
        &["attach", "silence", "silences", "maintenance", "heartbeat"],
    ),
    (
        "Contain it",
        &[
            "ban",
            "unban",
            "bans",
            "revoke",
            "revocations",
            "failover",
            "switch",
            "switches",
            "posture",
        ],
    ),
    (
        "Change what edges run, and undo it",
        &[
            "deploy",
            "rollback",
            "promote",
            "pause",
            "resume",
            "freeze",
            "unfreeze",
            "lease",
            "break-glass",
            "fleet",
            "versions",
            "diff",
            "history",
            "cell",
            "rollout",
            "gameday",
        ],
    ),
    (
        "Tell those outside",
        &[
            "component",
            "page",
            "subscribers",
            "subscriber",
            "notice",
            "notices",
        ],
    ),
    (
        "Learn from it",
        &["review", "finding", "followup", "followups", "meeting"],
    ),
    (
        "Say who and what there is",
        &["person", "team", "service", "grant", "withdraw", "policy"],
    ),
    (
        "Write down before what helps then",
        &["runbook", "template", "import"],
    ),
    (
        "Do what can't be undone",
        &[
            "redact",
            "requests",
            "approve",
            "reject",
            "take-back",
            "override",
        ],
    ),
    (
        "Check the record",
        &[
            "verify", "auditor", "prove", "export", "record", "rebuild", "witness",
        ],
    ),
    (
        "Run hereby",
        &[
            "up",
            "serve",
            "edge",
            "backup",
            "restore",
            "succession",
            "rotate-secrets",
            "doctor",
        ],
    ),
    (
        "Give access and automate",
        &[
            "login",
            "sessions",
            "token",
            "key",
            "send",
            "completions",
            "man",
        ],
    ),
];

/// The groups as a text: one line for each subcommand.
pub(crate) fn overview(command: &clap::Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = write!(text, "\n{heading}:\n");
        for name in *names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(text, "  {name:<13} {about}");
        }
    }
    text
}
