//! Arguments of the commands about what edges are told at once: bans, revocations, another tier.

use std::path::PathBuf;

use base::{IncidentId, Line, Name, ServiceName};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::containment::Posture;

use super::parse::{self, When};

/// What edges are told at once.
#[derive(Debug, Subcommand)]
pub(crate) enum ContainVerb {
    Ban(BanArgs),
    Unban(UnbanArgs),
    Bans(BansArgs),
    Revoke(RevokeArgs),
    Revocations(RevocationsArgs),
    Failover(FailoverArgs),
    Switch(SwitchArgs),
    Switches(SwitchesArgs),
    Posture(PostureArgs),
}

/// Turn something off, or on again: a feature, a limit, a route, a tenant
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby switch [OPTIONS] --why <WHY> <SWITCH> <on|off>",
    after_help = "Examples:
  hereby switch feature/recommendations off -m \"it takes the shop down\"
  hereby switch route/search off --for 2h --incident INC-7 -m \"the index is being rebuilt\"
  hereby switch limit/by-address off -m \"a partner behind one address\"
  hereby switch feature/recommendations on -m \"mended\"

Everything is on unless it was turned off. Edges carry out the others at once: what a tenant or a route is
asked is refused (503, switched_off), a limit counts nobody. A feature is the applications' own: they read
it at any edge (GET /switches where it shows its figures, /switches/events for live changes), also while
control is gone. Said again, the new end holds. A reason is required."
)]
pub(crate) struct SwitchArgs {
    /// feature/NAME, limit/NAME, route/NAME or tenant/NAME
    #[arg(value_name = "SWITCH")]
    pub(crate) switch: Line,
    /// Whether it is to be on or off
    #[arg(value_name = "on|off", value_enum)]
    pub(crate) to: OnOff,
    /// Off for how long; without, until somebody turns it on
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration_ms)]
    pub(crate) length_ms: Option<i64>,
    /// The incident it is done for
    #[arg(long, value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
}

/// What a switch is turned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

/// List switches that are off
#[derive(Args, Debug)]
pub(crate) struct SwitchesArgs {}

/// Say how a service works, or list those that don't work as usual
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby posture [OPTIONS] --why <WHY> <SERVICE> <POSTURE>
       hereby posture",
    after_help = "Examples:
  hereby posture checkout degraded --for 1h -m \"without recommendations\"
  hereby posture checkout safe --incident INC-7 -m \"orders by invoice alone\"
  hereby posture checkout normal -m \"all is well\"
  hereby posture                                 which services don't work as usual?

What degraded and safe mean is what the service declared. Applications read it where they read switches
(hereby switch --help). A reason is required."
)]
pub(crate) struct PostureArgs {
    /// Which service
    #[arg(value_name = "SERVICE", requires = "posture")]
    pub(crate) service: Option<ServiceName>,
    /// How it works from now on
    #[arg(value_name = "POSTURE", value_enum)]
    pub(crate) posture: Option<PostureWord>,
    /// For how long, then as usual; without, until another is set
    #[arg(long = "for", value_name = "DURATION", requires = "posture", value_parser = parse::duration_ms)]
    pub(crate) length_ms: Option<i64>,
    /// The incident it is done for
    #[arg(long, value_name = "INC", requires = "posture", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
}

/// A posture, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PostureWord {
    Normal,
    Degraded,
    Safe,
}

impl From<PostureWord> for Posture {
    fn from(word: PostureWord) -> Posture {
        match word {
            PostureWord::Normal => Posture::Normal,
            PostureWord::Degraded => Posture::Degraded,
            PostureWord::Safe => Posture::Safe,
        }
    }
}

/// Answer clients with these addresses or this certificate nothing
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby ban [OPTIONS] --why <WHY> <PREFIX>",
    after_help = "Examples:
  hereby ban 192.0.2.7 --for 2h -m \"tries passwords\"
  hereby ban 2001:db8::/64 --incident INC-7 -m \"scrapes the catalogue\"
  hereby ban sha256:9f86d081884c7d65... --for 1h -m \"a partner's script runs wild\"

At every edge, from the next request on. A certificate (sha256: and its fingerprint) is banned for a
while; hereby revoke is for ever. Without --for it holds until it is lifted (hereby unban). Said again, the new end holds. At most a /8
of IPv4 or a /19 of IPv6 at once; never this machine's own addresses. A reason is required."
)]
pub(crate) struct BanArgs {
    /// Who: 192.0.2.7, 192.0.2.0/24, 2001:db8::/64, or sha256: and a certificate's fingerprint
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: Line,
    /// How long: 30m, 2h, 7d; without, until it is lifted
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration_ms)]
    pub(crate) length_ms: Option<i64>,
    /// The incident it is done for
    #[arg(long, value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
}

/// Lift a ban
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby unban [OPTIONS] --why <WHY> <PREFIX>",
    after_help = "Example:
  hereby unban 192.0.2.0/24 -m \"a school, not a botnet\"

A reason is required."
)]
pub(crate) struct UnbanArgs {
    /// Who, as they were banned (see `hereby bans`)
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: Line,
}

/// List bans that hold
#[derive(Args, Debug)]
pub(crate) struct BansArgs {}

/// Let nobody in with a client certificate any more, or see who came in
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby revoke [OPTIONS] --why <WHY> <CERT>
       hereby revoke --affected <CERT> [--log <FILE>...]",
    after_help = "Examples:
  hereby revoke laptop-7.pem --incident INC-7 -m \"the laptop was stolen\"
  hereby revoke sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 -m \"copied\"
  hereby revoke --affected laptop-7.pem                      who came in with it?
  hereby revoke --affected laptop-7.pem --log access.jsonl --since 2026-11-01

CERT is a file (PEM or DER), `sha256:HEX` with or without colons, as `openssl x509 -fingerprint
-sha256` prints it, or \"issuer=HEX serial=HEX\", where issuer is the SHA-256 of the issuer's name as
DER. A CA's certificate takes those with it that it issued. A revocation holds from the next request
on and is never taken back: issue a new certificate instead. A reason is required."
)]
pub(crate) struct RevokeArgs {
    /// Which: a file, sha256:HEX, or "issuer=HEX serial=HEX"
    #[arg(value_name = "CERT")]
    pub(crate) certificate: String,
    /// The incident it is done for
    #[arg(long, value_name = "INC", value_parser = parse::incident, conflicts_with = "affected")]
    pub(crate) incident: Option<IncidentId>,
    /// Revoke nothing; say who came in with it, from the record and the edge here
    #[arg(long)]
    pub(crate) affected: bool,
    /// With --affected: from an edge's access log instead, or several; `-` reads stdin
    #[arg(long = "log", value_name = "FILE", requires = "affected", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// With --log: only from then on
    #[arg(long, value_name = "TIME", requires = "logs", value_parser = parse::day_or_when)]
    pub(crate) since: Option<When>,
}

/// List revoked certificates
#[derive(Args, Debug)]
pub(crate) struct RevocationsArgs {}

/// Have another tier of a route answer, or list where one does
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby failover [OPTIONS] --to <TIER> --why <WHY> <ROUTE>
       hereby failover",
    after_help = "Examples:
  hereby failover site --to 1 --for 2h -m \"the primary's disk is full\"
  hereby failover site --to auto -m \"repaired\"
  hereby failover                                  where does another tier answer?

It stands on the record, and edges follow it at once. `hereby edge failover` is the unrecorded way: it
asks one edge of this machine alone, with nothing else running. A reason is required."
)]
pub(crate) struct FailoverArgs {
    /// Which route
    #[arg(value_name = "ROUTE", requires = "to")]
    pub(crate) route: Option<Name>,
    /// A tier, 0 the primary; or `auto`: as planned
    #[arg(long, value_name = "TIER", requires = "route", value_parser = tier)]
    pub(crate) to: Option<Place>,
    /// For how long
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = parse::duration_ms)]
    pub(crate) length_ms: i64,
    /// In which cell; without, in each that has the route
    #[arg(long, value_name = "CELL", requires = "route")]
    pub(crate) cell: Option<Name>,
    /// The incident it is done for
    #[arg(long, value_name = "INC", requires = "route", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
}

/// Where a failover leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Auto,
    Tier(u8),
}

fn tier(text: &str) -> Result<Place, String> {
    match text {
        "auto" => Ok(Place::Auto),
        digits => digits
            .parse()
            .ok()
            .filter(|tier| *tier <= 15)
            .map(Place::Tier)
            .ok_or_else(|| "a tier is 0 (the primary) to 15, or `auto`".to_owned()),
    }
}
