//! Arguments of the commands about people, teams, services and permissions.

use base::{Line, Name, PersonName, ServiceName, TeamName};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::directory::{Dependency, DependencyKind, FailureMode, Permission, PlaceKind};

/// Say who there is, and where they are reached
#[derive(Args, Debug)]
pub(crate) struct PersonArgs {
    #[command(subcommand)]
    pub(crate) verb: PersonVerb,
}

/// What is done with people.
#[derive(Debug, Subcommand)]
pub(crate) enum PersonVerb {
    /// Make somebody known, or replace what is known of them
    #[command(after_help = "Example:
  hereby person add sam --full-name \"Sam Sample\" --at mail:sam@example.org --at phone:+15550100

Names and addresses are encrypted on the record under a key of that person's own.")]
    Add {
        /// What they are called in commands
        #[arg(value_name = "NAME")]
        person: PersonName,
        /// What they are called otherwise
        #[arg(long, value_name = "TEXT")]
        full_name: Option<Line>,
        /// Where they are reached, the quickest first: mail:…, phone:…, matrix:…, slack:…
        #[arg(long = "at", value_name = "KIND:ADDRESS", value_parser = place)]
        places: Vec<(PlaceKind, Line)>,
    },
    /// Forget somebody, with their permissions
    Remove {
        /// Who
        #[arg(value_name = "NAME")]
        person: PersonName,
    },
    /// List people, with what they may ask for
    List,
}

/// Say which teams there are
#[derive(Args, Debug)]
pub(crate) struct TeamArgs {
    #[command(subcommand)]
    pub(crate) verb: TeamVerb,
}

/// What is done with teams.
#[derive(Debug, Subcommand)]
pub(crate) enum TeamVerb {
    /// Make a team known, or replace what is known of it
    Add {
        /// What it is called
        #[arg(value_name = "NAME")]
        team: TeamName,
        /// What they do, in a line
        #[arg(long, value_name = "TEXT")]
        about: Option<Line>,
    },
    /// Forget a team, with the permissions in it
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        team: TeamName,
    },
    /// List teams
    List,
}

/// Say which services there are, who looks after them, and what they need
#[derive(Args, Debug)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    pub(crate) verb: ServiceVerb,
}

/// What is done with services.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// Make a service known, or replace what is known of it
    #[command(after_help = "Example:
  hereby service add checkout --tier 1 --owner payments --needs dns:example.org:closed \\
      --needs service:cart:degraded

A dependency is KIND:NAME:MODE. Kinds: certificate, clock, dns, identity, route, service, vendor.
MODE says what the service does without it: closed (it refuses), degraded (it does less, and says
so) or open (it goes on without).")]
    Add {
        /// What it is called
        #[arg(value_name = "NAME")]
        service: ServiceName,
        /// How much depends on it: 1 (everything) to 4
        #[arg(long, value_name = "1-4")]
        tier: u8,
        /// The team that looks after it
        #[arg(long, value_name = "TEAM")]
        owner: Option<TeamName>,
        /// What it is, in a line
        #[arg(long, value_name = "TEXT")]
        about: Option<Line>,
        /// What it needs
        #[arg(long = "needs", value_name = "KIND:NAME:MODE", value_parser = dependency)]
        dependencies: Vec<Dependency>,
    },
    /// Forget a service
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        service: ServiceName,
    },
    /// List services
    List,
}

/// Let somebody ask for more
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby grant sam responder --team payments
  hereby grant kim admin

Until the first permission is granted, whoever has a token may ask for what its scopes allow. From
then on a person needs a permission as well: hereby policy shows which. Whoever runs hereby on its
own machine needs none.")]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    pub(crate) what: Granted,
}

/// Let somebody ask for less
#[derive(Args, Debug)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) what: Granted,
}

/// Whose permission, which, and how far it reaches.
#[derive(Args, Debug)]
pub(crate) struct Granted {
    /// Who
    #[arg(value_name = "PERSON")]
    pub(crate) person: PersonName,
    /// What
    #[arg(value_enum, value_name = "PERMISSION")]
    pub(crate) permission: PermissionArg,
    /// For what this team looks after; without, for everything
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<TeamName>,
}

/// Show which permissions allow what, and what waits for a second person
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {}

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PermissionArg {
    /// Read
    Viewer,
    /// Say that something is wrong
    Reporter,
    /// Work on incidents
    Responder,
    /// Run incidents: give roles, decide
    Commander,
    /// Say things to people outside the incident
    Publisher,
    /// Say what hereby listens to
    Operator,
    /// Say who may do what
    Admin,
}

impl From<PermissionArg> for Permission {
    fn from(permission: PermissionArg) -> Permission {
        match permission {
            PermissionArg::Viewer => Permission::Viewer,
            PermissionArg::Reporter => Permission::Reporter,
            PermissionArg::Responder => Permission::Responder,
            PermissionArg::Commander => Permission::Commander,
            PermissionArg::Publisher => Permission::Publisher,
            PermissionArg::Operator => Permission::Operator,
            PermissionArg::Admin => Permission::Admin,
        }
    }
}

fn place(text: &str) -> Result<(PlaceKind, Line), String> {
    let (kind, address) = text
        .split_once(':')
        .ok_or("a place is KIND:ADDRESS, as in mail:sam@example.org")?;
    let kind = word(kind)
        .ok_or_else(|| format!("`{kind}` is no kind of place: mail, matrix, phone or slack"))?;
    let address = address.parse().map_err(|bad| format!("{bad}"))?;
    Ok((kind, address))
}

pub(crate) fn dependency(text: &str) -> Result<Dependency, String> {
    let form = "a dependency is KIND:NAME:MODE, as in dns:example.org:closed";
    let (kind, rest) = text.split_once(':').ok_or(form)?;
    let (name, mode) = rest.rsplit_once(':').ok_or(form)?;
    let kind: DependencyKind = word(kind).ok_or_else(|| {
        format!(
            "`{kind}` is no kind of dependency: certificate, clock, dns, identity, route, service \
             or vendor"
        )
    })?;
    let when_fails: FailureMode = word(mode)
        .ok_or_else(|| format!("`{mode}` is no failure mode: closed, degraded or open"))?;
    let name: Name = name.parse().map_err(|bad| format!("{bad}"))?;
    Ok(Dependency {
        kind,
        name,
        when_fails,
    })
}

/// A word as the record spells it.
pub(crate) fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}
