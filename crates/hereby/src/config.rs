//! `hereby.toml`: every key optional, none unknown, errors with line and column.
//!
//! Secrets don't stand here; files that hold them do. `docs/reference/hereby.toml` documents every
//! key, and a test holds that its values are the defaults below.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base::{Line, Name, Severity};
use incident::document::{ClockStart, Regulator};
use incident::{Action, AlertRule, Rules};
use record::kinds::work::DataHarm;
use serde::Deserialize;

use crate::chat::Settings;
use crate::cli::machine::SettingsArgs;
use crate::cli::parse;
use crate::exit::Failure;

mod chat;
mod oidc;
mod page;
mod subscriptions;

pub(crate) use oidc::Oidc;
pub(crate) use page::StatusPage;
pub(crate) use subscriptions::{Encryption, Mail, Send, Subscriptions};

/// The most acts that one alert leads to: it fires, declares an incident, is attached to it, ends.
const ACTS_OF_ONE_ALERT_MAX: u32 = 4;

/// The most duties to report that are shown.
const REGULATORS_MAX: usize = 64;

/// The longest time that one of them leaves: two years.
const DUTY_MS_MAX: i64 = 730 * 86_400_000;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where control listens.
    pub(crate) listen: Listen,
    /// The record and its safety.
    pub(crate) record: Record,
    /// What alerts do.
    pub(crate) alerts: Alerts,
    /// When people are reminded.
    pub(crate) reminders: Reminders,
    /// What hereby says of itself.
    pub(crate) log: LogOutput,
    /// Prometheus metrics.
    pub(crate) metrics: Metrics,
    /// The pages for people.
    pub(crate) console: ConsolePages,
    /// Who says who people are, beside links; none: links alone.
    pub(crate) oidc: Option<Oidc>,
    /// Where what happens in incidents is said beside here.
    pub(crate) chat: Vec<chat::ChatChannel>,
    /// To whom incidents must be reported, and how soon.
    pub(crate) regulator: Vec<RegulatorDuty>,
    /// The edge that `up` runs.
    pub(crate) edge: EdgeBeside,
    /// The public status page.
    pub(crate) status: StatusPage,
    /// Where mail is handed in; none: there is no mail.
    pub(crate) mail: Option<Mail>,
    /// Who may be told what is said to the public; none: nobody can subscribe.
    pub(crate) subscriptions: Option<Subscriptions>,
}

/// Where control listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listen {
    /// Plain HTTP; a loopback address.
    pub(crate) http: SocketAddr,
    /// TLS, for everyone else; none: no such listener.
    pub(crate) tls: Option<SocketAddr>,
    /// The certificate chain (PEM); none: one is made by a CA of hereby's own.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub(crate) tls_key: Option<PathBuf>,
    /// Names and addresses in the certificate that hereby makes.
    pub(crate) tls_names: Vec<String>,
}

/// The record and its safety.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Record {
    /// The name in every checkpoint, fixed when the record is opened.
    pub(crate) origin: Option<String>,
    /// The anchor's file. Best on another disk.
    pub(crate) anchor: Option<PathBuf>,
    /// The directory of subject keys. Best backed up apart from the record.
    pub(crate) keystore: Option<PathBuf>,
    /// Acts are refused when less than this is free, in mebibytes.
    pub(crate) free_min_mib: u64,
    /// A segment is closed once it is larger, in mebibytes.
    pub(crate) segment_mib: u64,
    /// Who cosigns checkpoints.
    pub(crate) witness: Vec<Witness>,
}

/// One witness.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Witness {
    /// Its submission prefix: `http://127.0.0.1:7711` or `https://…`.
    pub(crate) url: String,
    /// Its cosignature key (C2SP vkey, type 4).
    pub(crate) vkey: String,
    /// The CA certificate to trust for `https` (PEM).
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What alerts do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alerts {
    /// Labels whose equal values make alerts belong to one incident.
    pub(crate) attach_by: Vec<String>,
    /// An alert that Prometheus sends ends when nothing was heard of it for so long, in seconds.
    pub(crate) resolve_timeout_s: u32,
    /// An alert of any other source likewise, in seconds.
    pub(crate) quiet_timeout_s: u32,
    /// How many acts a second alerts may add to the record, sustained.
    pub(crate) acts_per_second: u32,
    /// And how many at once.
    pub(crate) acts_burst: u32,
    /// The first whose labels match decides.
    pub(crate) rule: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What it is called.
    pub(crate) name: Name,
    /// Label values that must all be equal; none: every alert.
    #[serde(default, rename = "match")]
    pub(crate) matchers: BTreeMap<String, String>,
    /// What happens.
    pub(crate) action: RuleAction,
    /// With `declare`: how bad it is.
    #[serde(default)]
    pub(crate) severity: Option<Severity>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleAction {
    Declare,
    Offer,
    Ignore,
}

/// When people are reminded of a declaration that nobody acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reminders {
    /// After so long, and again after as long, in seconds.
    pub(crate) after_s: u32,
    /// How often at most.
    pub(crate) max: u32,
}

/// What hereby says of itself, on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogOutput {
    /// One JSON object a line, or text.
    pub(crate) format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`; per module: `info,web=debug`.
    pub(crate) level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The edge that `up` runs. What it serves stands in `edge.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EdgeBeside {
    /// Whether `up` runs one.
    pub(crate) start: bool,
}

impl Default for EdgeBeside {
    fn default() -> EdgeBeside {
        EdgeBeside { start: true }
    }
}

/// Prometheus metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Readable without a token on the loopback listener.
    pub(crate) open: bool,
}

/// The pages for people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConsolePages {
    /// Where people reach them; none: the plain listener.
    pub(crate) url: Option<String>,
    /// Names by which they may be asked for beside those of this machine and the one in `url`.
    pub(crate) hosts: Vec<String>,
    /// How long a session lasts at most: `3d`.
    pub(crate) session_max: String,
    /// How long it may be idle: `8h`.
    pub(crate) idle_max: String,
}

/// To whom an incident must be reported, and how soon.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegulatorDuty {
    /// What the duty is called.
    pub(crate) name: Line,
    /// From when the time runs.
    pub(crate) from: RunsFrom,
    /// How long there is: `72h`, `30d`.
    pub(crate) within: String,
    /// Only where this became of data; none: whatever became of it.
    #[serde(default)]
    pub(crate) when_data: Vec<DataHarm>,
    /// Only where it is this bad or worse.
    #[serde(default)]
    pub(crate) severity_at_most: Option<Severity>,
}

/// From when a regulator's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunsFrom {
    Detected,
    Declared,
    Classified,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen {
            http: SocketAddr::from(([127, 0, 0, 1], 7700)),
            tls: None,
            tls_certificate: None,
            tls_key: None,
            tls_names: vec!["localhost".to_owned()],
        }
    }
}

impl Default for ConsolePages {
    fn default() -> ConsolePages {
        ConsolePages {
            url: None,
            hosts: Vec::new(),
            session_max: "3d".to_owned(),
            idle_max: "8h".to_owned(),
        }
    }
}

impl Default for Record {
    fn default() -> Record {
        Record {
            origin: None,
            anchor: None,
            keystore: None,
            free_min_mib: 64,
            segment_mib: 64,
            witness: Vec::new(),
        }
    }
}

impl Default for Alerts {
    fn default() -> Alerts {
        Alerts {
            attach_by: vec!["service".to_owned()],
            resolve_timeout_s: 300,
            quiet_timeout_s: 86_400,
            acts_per_second: 10,
            acts_burst: 500,
            rule: Vec::new(),
        }
    }
}

impl Default for Reminders {
    fn default() -> Reminders {
        Reminders {
            after_s: 300,
            max: 12,
        }
    }
}

impl Default for LogOutput {
    fn default() -> LogOutput {
        LogOutput {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadConfig {
    #[error("{path} can't be read")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}: {reason}")]
    Wrong { path: PathBuf, reason: String },
}

impl From<BadConfig> for Failure {
    fn from(error: BadConfig) -> Failure {
        let failure = Failure::usage(&error);
        let failure = match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        };
        failure.hint("docs/reference/hereby.toml shows every key")
    }
}

impl Config {
    /// What counts in this data directory, for whatever works in it: the file that was named, else
    /// the one in there, else the defaults.
    pub(crate) fn find(settings: &SettingsArgs, data_dir: &Path) -> Result<Config, BadConfig> {
        Config::load(settings.config.as_deref(), data_dir)
    }

    /// The configuration in `path`; if none is named, in `DATA/hereby.toml` if there is one, else
    /// the defaults.
    fn load(path: Option<&Path>, data_dir: &Path) -> Result<Config, BadConfig> {
        let default = data_dir.join("hereby.toml");
        let file = path.unwrap_or(&default);
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Config::default());
            }
            Err(source) => {
                return Err(BadConfig::Unreadable {
                    path: file.to_owned(),
                    source,
                });
            }
        };
        Config::parse(&text).map_err(|reason| BadConfig::Wrong {
            path: file.to_owned(),
            reason,
        })
    }

    /// The configuration in a file that somebody named.
    pub(crate) fn named(path: &Path) -> Result<Config, BadConfig> {
        Config::load(Some(path), Path::new(""))
    }

    /// Reads and checks a configuration. The error says the line and column where it can.
    pub(crate) fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// Listens elsewhere, as the command line says.
    pub(crate) fn listen_on(&mut self, address: SocketAddr) -> Result<(), String> {
        self.listen.http = address;
        self.check()
    }

    fn check(&self) -> Result<(), String> {
        if !self.listen.http.ip().is_loopback() {
            return Err(format!(
                "listen.http = {}: plain HTTP is for loopback addresses; use listen.tls",
                self.listen.http
            ));
        }
        if self.listen.tls_certificate.is_some() != self.listen.tls_key.is_some() {
            return Err("listen.tls_certificate and listen.tls_key belong together".to_owned());
        }
        if !(1..=1_024).contains(&self.record.segment_mib) {
            return Err("record.segment_mib lies between 1 and 1024".to_owned());
        }
        let alerts = &self.alerts;
        if [
            alerts.resolve_timeout_s,
            alerts.quiet_timeout_s,
            self.reminders.after_s,
        ]
        .contains(&0)
        {
            return Err("a time-out of 0 seconds would end everything at once".to_owned());
        }
        if alerts.acts_per_second == 0 || alerts.acts_burst < ACTS_OF_ONE_ALERT_MAX {
            // With less the first alert of an incident would wait until nothing else had come.
            return Err(format!(
                "alerts.acts_per_second is at least 1 and alerts.acts_burst at least \
                 {ACTS_OF_ONE_ALERT_MAX}: one alert can fire, declare, be attached and end"
            ));
        }
        for rule in &self.alerts.rule {
            if (rule.action == RuleAction::Declare) != rule.severity.is_some() {
                return Err(format!(
                    "alerts.rule {}: a severity belongs to the action `declare`, and to no other",
                    rule.name
                ));
            }
        }
        self.channels()?;
        self.status.check()?;
        self.oidc.as_ref().map_or(Ok(()), Oidc::check)?;
        self.mail.as_ref().map_or(Ok(()), Mail::check)?;
        let subscriptions = self.subscriptions.as_ref();
        subscriptions.map_or(Ok(()), Subscriptions::check)?;
        self.regulators().map(drop)
    }

    /// How the pages for people are set up. Where they are reached by default is known once the
    /// listener is.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn console(&self) -> Result<web::Console, String> {
        let console = &self.console;
        let length = |name: &str, text: &str, max_ms: i64| {
            let ms = parse::duration_ms(text).ok();
            let ms = ms.filter(|ms| (60_000..=max_ms).contains(ms));
            ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| {
                format!(
                    "console.{name} is a length of time from 1m to {}d",
                    max_ms / 86_400_000
                )
            })
        };
        let url = console.url.clone().unwrap_or_default();
        let url = url.trim_end_matches('/').to_owned();
        let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
        if console.url.is_some() && rest.is_none_or(|rest| rest.is_empty() || rest.contains('/')) {
            return Err("console.url is http:// or https:// and a name, with a port or not".into());
        }
        let mut hosts = console.hosts.clone();
        if self.listen.tls.is_some() {
            hosts.extend(self.listen.tls_names.iter().cloned());
        }
        Ok(web::Console {
            url,
            hosts,
            session_ms: length("session_max", &console.session_max, 30 * 86_400_000)?,
            idle_ms: length("idle_max", &console.idle_max, 30 * 86_400_000)?,
        })
    }

    /// Where what happens in incidents is said beside here.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn channels(&self) -> Result<Vec<Settings>, String> {
        chat::channels(&self.chat)
    }

    /// The duties to report, as reviews show them.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn regulators(&self) -> Result<Vec<Regulator>, String> {
        if self.regulator.len() > REGULATORS_MAX {
            return Err(format!("at most {REGULATORS_MAX} [[regulator]] are taken"));
        }
        let duty = |duty: &RegulatorDuty| {
            let within_ms = parse::duration_ms(&duty.within)
                .ok()
                .filter(|ms| *ms <= DUTY_MS_MAX)
                .ok_or_else(|| {
                    format!(
                        "regulator {}: within is a length of time of at most two years: 72h, 30d",
                        duty.name
                    )
                })?;
            if duty.when_data.contains(&DataHarm::None) {
                return Err(format!(
                    "regulator {}: when_data lists harm: read, lost, changed",
                    duty.name
                ));
            }
            Ok(Regulator {
                name: duty.name.clone(),
                from: match duty.from {
                    RunsFrom::Detected => ClockStart::Detected,
                    RunsFrom::Declared => ClockStart::Declared,
                    RunsFrom::Classified => ClockStart::Classified,
                },
                within_ms,
                when_data: duty.when_data.iter().copied().collect(),
                severity_at_most: duty.severity_at_most,
            })
        };
        self.regulator.iter().map(duty).collect()
    }

    /// The rules as the engine takes them.
    pub(crate) fn rules(&self) -> Rules {
        let action = |rule: &Rule| match (rule.action, rule.severity) {
            (RuleAction::Declare, Some(severity)) => Action::Declare(severity),
            (RuleAction::Ignore, _) => Action::Ignore,
            (RuleAction::Offer, _) | (RuleAction::Declare, None) => Action::Offer,
        };
        let boxed =
            |(name, value): (&String, &String)| (name.as_str().into(), value.as_str().into());
        Rules {
            alert_rules: self
                .alerts
                .rule
                .iter()
                .map(|rule| AlertRule {
                    name: rule.name.clone(),
                    matchers: rule.matchers.iter().map(boxed).collect(),
                    action: action(rule),
                })
                .collect(),
            attach_by: self
                .alerts
                .attach_by
                .iter()
                .map(|label| label.as_str().into())
                .collect(),
            resolve_timeout_ms: i64::from(self.alerts.resolve_timeout_s) * 1_000,
            quiet_timeout_ms: i64::from(self.alerts.quiet_timeout_s) * 1_000,
            remind_after_ms: i64::from(self.reminders.after_s) * 1_000,
            reminders_max: self.reminders.max,
            channels: self.chat.iter().map(chat::rule).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
