//! Arguments of the commands about the public status page.

use std::net::SocketAddr;
use std::path::PathBuf;

use base::{IncidentId, Line, Name, Prose, ServiceName};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::incident::Status;
use record::kinds::page::{ComponentStatus, PublicImpact};
use record::note::VerifierKey;

use super::directory::word;
use super::machine::SettingsArgs;
use super::parse;

/// Say what stands on the status page
#[derive(Args, Debug)]
pub(crate) struct ComponentArgs {
    #[command(subcommand)]
    pub(crate) verb: ComponentVerb,
}

/// What is done with components.
#[derive(Debug, Subcommand)]
pub(crate) enum ComponentVerb {
    /// Put a component on the page, or change what is said of it
    #[command(after_help = "Example:
  hereby component add checkout \"Checkout\" --in de:Kasse --service checkout")]
    Add {
        /// What it is called in commands
        #[arg(value_name = "NAME")]
        component: Name,
        /// What it is called on the page, in English
        #[arg(value_name = "TITLE", required_unless_present = "titles")]
        title: Option<Line>,
        /// What it is called in another language
        #[arg(long = "in", value_name = "LANGUAGE:TITLE", value_parser = in_language::<Line>)]
        titles: Vec<(Name, Line)>,
        /// What it is, in a line
        #[arg(long, value_name = "LANGUAGE:TEXT", value_parser = in_language::<Line>)]
        about: Vec<(Name, Line)>,
        /// The component under which it stands
        #[arg(long, value_name = "NAME")]
        group: Option<Name>,
        /// Where it stands among the others, from the top
        #[arg(long, value_name = "NUMBER")]
        position: Option<u32>,
        /// A service that it stands for; may be repeated
        #[arg(long = "service", value_name = "SERVICE")]
        services: Vec<ServiceName>,
    },
    /// Take a component from the page
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        component: Name,
    },
    /// List components, with how they are said to be
    List,
}

/// What an update says on the status page beside its text.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "On the status page (with --to public)")]
pub(crate) struct WordArgs {
    /// What the incident is called there; its own title never is
    #[arg(long, value_name = "LINE")]
    pub(crate) headline: Option<Line>,
    /// How bad it is for the public; minor, unless somebody ever said
    #[arg(long, value_name = "IMPACT")]
    pub(crate) impact: Option<ImpactArg>,
    /// How a component is from now on; may be repeated
    #[arg(long = "component", value_name = "NAME=STATUS", value_parser = component)]
    pub(crate) components: Vec<(Name, ComponentStatus)>,
    /// How far it is there, if that is not how far it is
    #[arg(long, value_name = "STATUS")]
    pub(crate) public_status: Option<PublicStatusArg>,
    /// The text in another language; may be repeated
    #[arg(long = "in", value_name = "LANGUAGE:TEXT", value_parser = in_language::<Prose>)]
    pub(crate) texts: Vec<(Name, Prose)>,
    /// The headline in another language; may be repeated
    #[arg(long, value_name = "LANGUAGE:LINE", value_parser = in_language::<Line>)]
    pub(crate) headline_in: Vec<(Name, Line)>,
}

/// What planned work is called on the status page.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "On the status page")]
pub(crate) struct PlanArgs {
    /// What the work is called there; without, it is not announced there
    #[arg(long, value_name = "LINE", requires = "text")]
    pub(crate) headline: Option<Line>,
    /// What people will notice
    #[arg(long, value_name = "TEXT", requires = "headline")]
    pub(crate) text: Option<Prose>,
    /// A component that is worked on; may be repeated
    #[arg(long = "component", value_name = "NAME", requires = "headline")]
    pub(crate) components: Vec<Name>,
    /// The text in another language; may be repeated
    #[arg(long = "in", value_name = "LANGUAGE:TEXT", value_parser = in_language::<Prose>)]
    pub(crate) texts: Vec<(Name, Prose)>,
    /// The headline in another language; may be repeated
    #[arg(long, value_name = "LANGUAGE:LINE", value_parser = in_language::<Line>)]
    pub(crate) headline_in: Vec<(Name, Line)>,
}

/// How bad something is for the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImpactArg {
    /// Not noticeable
    None,
    /// Some notice it
    Minor,
    /// Many do
    Major,
    /// Everybody does
    Critical,
}

impl From<ImpactArg> for PublicImpact {
    fn from(impact: ImpactArg) -> PublicImpact {
        match impact {
            ImpactArg::None => PublicImpact::None,
            ImpactArg::Minor => PublicImpact::Minor,
            ImpactArg::Major => PublicImpact::Major,
            ImpactArg::Critical => PublicImpact::Critical,
        }
    }
}

/// How far something is, as the public is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PublicStatusArg {
    /// The cause is being looked for
    Investigating,
    /// The cause is known
    Identified,
    /// A fix is in place and being watched
    Monitoring,
    /// It is over
    Resolved,
}

impl From<PublicStatusArg> for Status {
    fn from(status: PublicStatusArg) -> Status {
        match status {
            PublicStatusArg::Investigating => Status::Investigating,
            PublicStatusArg::Identified => Status::Identified,
            PublicStatusArg::Monitoring => Status::Monitoring,
            PublicStatusArg::Resolved => Status::Resolved,
        }
    }
}

/// Look after the public status page
#[derive(Args, Debug)]
pub(crate) struct PageArgs {
    #[command(subcommand)]
    pub(crate) verb: PageVerb,
}

/// What is done with the page.
#[derive(Debug, Subcommand)]
pub(crate) enum PageVerb {
    /// List where the page is published to, and how each place stands
    Targets,
    /// Print the public half of the key that signs the page
    Key,
    /// Check a page against its signed list: every file
    #[command(after_help = "Examples:
  hereby page verify https://status.example.org --vkey \"$(cat status.vkey)\"
  hereby page verify /srv/status

Exit code 5: a file is not what was signed, or nobody vouches for the page any more.")]
    Verify {
        /// A directory, or the address that readers open
        #[arg(value_name = "DIR|URL")]
        place: String,
        /// The status key's public half (hereby page key); default: the one of this data directory
        #[arg(long, value_name = "VKEY")]
        vkey: Vec<VerifierKey>,
    },
    /// Serve a page that lies in a directory, and nothing else
    Serve {
        /// Where it lies
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7790")]
        listen: SocketAddr,
    },
    /// Write what is needed to go on publishing when hereby is gone
    #[command(
        after_help = "Example, once a day, to a laptop that shares no fate with this machine:
  hereby page bundle -o page.bundle --key-file page.key

The status key is in the bundle, encrypted under the key file, which is made if it is not there.
Keep the two apart."
    )]
    Bundle {
        /// Where to write it
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// The file with the key that encrypts the status key
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Publish the page from a bundle, with an update if one is given
    Publish(PublishArgs),
    /// Say here what was said from a bundle while hereby was away
    Said {
        /// The bundle
        #[arg(value_name = "BUNDLE")]
        bundle: PathBuf,
    },
}

/// How the page is published without hereby.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby page publish --offline page.bundle --key-file page.key
  hereby page publish --offline page.bundle --key-file page.key --headline \"Nothing works\" \\
    --impact critical --update \"We know, and are working on it.\"
  hereby page publish --offline page.bundle --key-file page.key --incident INC-7 \\
    --update \"It works again.\" --public-status resolved

When hereby is back: hereby page said page.bundle")]
pub(crate) struct PublishArgs {
    /// The bundle; what is said is kept in it
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) offline: PathBuf,
    /// The file with the key that encrypts the status key
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// Say this to the public
    #[arg(long, value_name = "TEXT")]
    pub(crate) update: Option<Prose>,
    /// About which incident; without, a new one
    #[arg(long, value_name = "INC", value_parser = parse::incident, requires = "update")]
    pub(crate) incident: Option<IncidentId>,
    #[command(flatten)]
    pub(crate) word: WordArgs,
    /// Only to this target; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<Name>,
    /// Targets from this file instead of the bundle's
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn in_language<T>(text: &str) -> Result<(Name, T), String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let (tag, rest) = text
        .split_once(':')
        .ok_or("it begins with the language, as in de:Kasse")?;
    let language: language::Language = tag.parse().map_err(|error| format!("{error}"))?;
    let tag = language.as_str().parse().map_err(|bad| format!("{bad}"))?;
    let rest = rest.trim().parse().map_err(|bad| format!("{bad}"))?;
    Ok((tag, rest))
}

fn component(text: &str) -> Result<(Name, ComponentStatus), String> {
    let (name, status) = text
        .split_once('=')
        .ok_or("it is NAME=STATUS, as in checkout=partial_outage")?;
    let status = word(&status.replace('-', "_")).ok_or_else(|| {
        format!(
            "`{status}` is no status: operational, degraded_performance, partial_outage or \
             major_outage"
        )
    })?;
    let name = name.parse().map_err(|bad| format!("{bad}"))?;
    Ok((name, status))
}
