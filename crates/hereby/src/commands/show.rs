//! Shows: one incident, a list of them, how hereby is.

use base::{PersonName, Timestamp};
use record::act::{Act, Subject};
use record::kinds::incident::{Role, Stamp, Status};
use serde_json::json;

use super::{Session, alerts, tell, timeline, wire};
use crate::cli::respond::{IncidentsArgs, ShowArgs};
use crate::exit::Failure;
use crate::say::{Line, Style, clock, counted, date, duration, hanging, stamp, table};

mod work;

/// Columns of the names of an incident's properties.
const NAME_COLUMNS: usize = 16;

/// The widest that names of actors make their column in a timeline.
const ACTOR_COLUMNS_MAX: usize = 24;

impl Session<'_> {
    pub(super) async fn show(&self, args: ShowArgs) -> Result<(), Failure> {
        let path = format!("/api/v1/incidents/{}", args.incident);
        let page: wire::IncidentPage = self.client.read(&path).await?;
        let timeline = self.timeline(args.incident).await?;
        if self.out.is_json() {
            return self.out.json(&json!({
                "incident": page.incident,
                "alerts": page.alerts,
                "timeline": timeline.items,
            }));
        }
        let incident: wire::Incident = wire::one(&page.incident)?;
        let alerts: Vec<wire::Alert> = wire::typed(&page.alerts)?;
        let width = self.out.width();
        let mut lines = head(&incident, self.now, width);
        if incident.status != Status::Resolved && !incident.roles.is_empty() {
            let open = self.list("/api/v1/incidents?status=open", "before").await?;
            let load = work::load(&incident, &wire::typed(&open)?);
            lines.extend(load.into_iter().map(property_line));
        }
        if !alerts.is_empty() {
            lines.extend(section("Alerts"));
            lines.extend(alerts::rows(&alerts, self.now, width));
        }
        let whole = timeline.incident()?;
        lines.extend(work::sections(&whole, &timeline, self.now, width));
        lines.extend(section("Timeline"));
        let entries = args.entries.then_some(timeline.indexes.as_slice());
        lines.extend(timeline_lines(&timeline.acts, entries, width));
        self.print(lines)
    }

    pub(super) async fn incidents(&self, args: IncidentsArgs) -> Result<(), Failure> {
        let status = if args.all { "all" } else { "open" };
        let items = self
            .list(&format!("/api/v1/incidents?status={status}"), "before")
            .await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        self.tell_what_waits().await;
        let incidents: Vec<wire::Incident> = wire::typed(&items)?;
        if incidents.is_empty() {
            self.out.talk(if args.all {
                "There was no incident."
            } else {
                "No incident is open."
            });
            return Ok(());
        }
        self.print(incident_rows(&incidents, self.now, self.out.width()))
    }

    pub(super) async fn server_status(&self) -> Result<(), Failure> {
        let status: serde_json::Value = self.client.read("/api/v1/status").await?;
        if self.out.is_json() {
            return self.out.json(&status);
        }
        self.print(status_lines(&wire::one(&status)?, self.now))?;
        self.warn_of_targets().await;
        Ok(())
    }

    /// Prints lines of data.
    pub(super) fn print(&self, lines: Vec<Line>) -> Result<(), Failure> {
        self.out.lines(&lines)
    }
}

fn section(title: &str) -> Vec<Line> {
    vec![Line::new(), Line::new().styled(Style::Bold, title)]
}

/// How a severity looks: the two worst are not to be overlooked.
pub(super) fn severity_style(severity: base::Severity) -> Style {
    match severity.number() {
        1 | 2 => Style::Bad,
        3 => Style::Warning,
        _ => Style::Plain,
    }
}

/// `DRILL` and `PRIVATE`, where they apply.
pub(super) fn marks(drill: bool, private: bool) -> Line {
    let mark = |line: Line, on: bool, word: &str| {
        if on {
            line.text(" ").styled(Style::Loud, word)
        } else {
            line
        }
    };
    mark(mark(Line::new(), drill, "DRILL"), private, "PRIVATE")
}

/// The head of an incident: what it is, when things happened, who does what.
fn head(incident: &wire::Incident, now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let severity = incident.severity;
    let begin = Line::new()
        .styled(Style::Bold, incident.id.to_string())
        .text("  ")
        .styled(severity_style(severity), severity.to_string())
        .text("  ")
        .text(tell::status(incident.status))
        .then(marks(incident.drill, incident.private))
        .text("  ");
    let indent = begin.columns();
    let mut lines = hanging(begin, indent, &incident.title(), width);
    if incident.drill {
        lines.push(Line::new().styled(Style::Loud, "This is a DRILL: rehearsed, not real."));
    }
    if incident.private {
        let note = "This incident is PRIVATE: what is written in it is sealed on the record.";
        lines.push(Line::new().styled(Style::Loud, note));
    }
    lines.push(Line::new());
    lines.extend(properties(incident, now).into_iter().map(property_line));
    lines
}

fn property_line((name, value, style): Property) -> Line {
    let name = Line::new()
        .text("  ")
        .styled(Style::Dim, name)
        .padded(NAME_COLUMNS + 2);
    name.styled(style, value)
}

/// A name, what it is, and how that looks.
type Property = (&'static str, String, Style);

fn properties(incident: &wire::Incident, now: Timestamp) -> Vec<Property> {
    let declared = incident.declared_at;
    let ago = |at: Timestamp| format!("{} ago", duration(now.ms_since(at)));
    let mut all = Vec::new();
    if let Some(service) = &incident.service {
        all.push(("service", service.to_string(), Style::Plain));
    }
    all.extend(impact(incident));
    let by = format!(
        "{} by {}, {}",
        stamp(declared),
        incident.declared_by,
        ago(declared)
    );
    all.push(("declared", by, Style::Plain));
    if let Some(at) = incident.reopened_at {
        all.push((
            "reopened",
            format!("{}, {}", stamp(at), ago(at)),
            Style::Plain,
        ));
    }
    let begun = incident.reopened_at.unwrap_or(declared);
    all.push(match &incident.acknowledged {
        Some(wire::Acknowledged { at, by }) => {
            let after = duration(at.ms_since(begun));
            (
                "acknowledged",
                format!("{} by {by}, after {after}", stamp(*at)),
                Style::Plain,
            )
        }
        None if incident.resolved_at.is_some() => {
            let never = match incident.reopened_at {
                Some(_) => "not since it was reopened",
                None => "never",
            };
            ("acknowledged", never.to_owned(), Style::Plain)
        }
        None => ("acknowledged", "by nobody yet".to_owned(), Style::Bad),
    });
    all.extend(times(incident));
    if let Some(at) = incident.resolved_at {
        let after = duration(at.ms_since(declared));
        all.push((
            "resolved",
            format!("{}, after {after}", stamp(at)),
            Style::Good,
        ));
    }
    all.extend(roles(incident));
    all.extend(incident.offers.iter().map(|offer| {
        let role = tell::role(offer.role);
        let asked = format!("{} to take over as {role} from {}", offer.to, offer.from);
        ("asked", asked, Style::Plain)
    }));
    all.extend(incident.waived.iter().map(|person| {
        let waived = format!("{person} may be commander and operations at once");
        ("waived", waived, Style::Warning)
    }));
    all.extend(work::properties(incident));
    all
}

/// Since when customers are hurt, if somebody said.
fn impact(incident: &wire::Incident) -> Option<Property> {
    let start = incident.times.get(&Stamp::ImpactStart)?.at;
    let declared = incident.declared_at;
    let before = duration(declared.ms_since(start));
    let side = match start <= declared {
        true => "before it was declared",
        false => "after it was declared",
    };
    let text = format!("{}, {before} {side}", stamp(start));
    Some(("impact since", text, Style::Plain))
}

/// What else somebody said of when things happened.
fn times(incident: &wire::Incident) -> impl Iterator<Item = Property> {
    let others = [
        ("detected", Stamp::Detected),
        ("diagnosed", Stamp::Diagnosed),
        ("mitigated", Stamp::Mitigated),
    ];
    others.into_iter().filter_map(|(name, moment)| {
        let said = incident.times.get(&moment)?;
        Some((name, stamp(said.at), Style::Plain))
    })
}

/// Who does what; that nobody is in command is said.
fn roles(incident: &wire::Incident) -> Vec<Property> {
    let all = [
        Role::Commander,
        Role::Operations,
        Role::Communications,
        Role::Planning,
    ];
    let held = |role: Role| -> Option<Property> {
        let people: Vec<&str> = incident
            .roles
            .get(&role)?
            .iter()
            .map(PersonName::as_str)
            .collect();
        (!people.is_empty()).then(|| (tell::role(role), people.join(", "), Style::Bold))
    };
    let nobody = (
        tell::role(Role::Commander),
        "nobody".to_owned(),
        Style::Warning,
    );
    let open = incident.status != Status::Resolved;
    all.into_iter()
        .filter_map(|role| {
            held(role).or_else(|| (role == Role::Commander && open).then(|| nobody.clone()))
        })
        .collect()
}

/// Acts under each other, a line with the date wherever it changes; corrections stand below what
/// they correct as well. `entries`: each act's place on the record, to show it.
pub(super) fn timeline_lines(
    acts: &[Act],
    entries: Option<&[u64]>,
    width: Option<usize>,
) -> Vec<Line> {
    let actors = acts.iter().map(|act| act.actor.to_string().chars().count());
    let actors = actors.max().unwrap_or(0).min(ACTOR_COLUMNS_MAX) + 2;
    let corrections = timeline::corrections(acts);
    let mut lines = Vec::new();
    let mut day = String::new();
    for (place, act) in acts.iter().enumerate() {
        if date(act.at) != day {
            day = date(act.at);
            lines.push(Line::new().text("  ").styled(Style::Dim, day.clone()));
        }
        let mut begin = Line::new().text("  ");
        if let Some(entry) = entries.and_then(|entries| entries.get(place)) {
            begin = begin.styled(Style::Dim, format!("{entry:>6}")).text("  ");
        }
        let begin = begin.styled(Style::Dim, clock(act.at)).text("  ");
        let indent = begin.columns() + actors;
        let who = Line::new().text(act.actor.to_string()).padded(actors);
        let mut begin = begin.then(who);
        if !matches!(act.subject, Subject::Incident(_)) {
            // It was done for this incident, to something else.
            begin = begin.styled(Style::Bold, format!("{}: ", act.subject.id()));
        }
        lines.extend(act_lines(begin, act, width));
        for (by, text) in corrections.get(&act.id).into_iter().flatten() {
            let said = format!("{} by {}: ", stamp(by.at), by.actor);
            let begin = Line::new()
                .text(" ".repeat(indent))
                .styled(Style::Warning, "corrected ");
            let text = format!("{said}{}", tell::opened(text));
            lines.extend(hanging(begin, indent + 2, &text, width));
        }
    }
    lines
}

/// An act behind the beginning of its line; its text under its deed when it does not fit beside.
pub(super) fn act_lines(begin: Line, act: &Act, width: Option<usize>) -> Vec<Line> {
    let told = tell::told(act);
    let indent = begin.columns();
    let begin = begin.styled(told.style, told.deed.clone());
    let Some(text) = told.text else {
        return vec![begin];
    };
    let beside = indent + told.deed.chars().count() + 2 + text.chars().count();
    if !text.contains('\n') && width.is_none_or(|width| beside <= width) {
        return vec![begin.text(format!(": {text}"))];
    }
    let mut lines = vec![begin.text(":")];
    let under = Line::new().text(" ".repeat(indent + 2));
    lines.extend(hanging(under, indent + 2, &text, width));
    lines
}

fn incident_rows(incidents: &[wire::Incident], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let rows = incidents.iter().map(|incident| {
        let style = severity_style(incident.severity);
        let commander = match incident.commander() {
            Some(person) => Line::new().text(person.to_string()),
            None if incident.resolved_at.is_some() => Line::new().styled(Style::Dim, "-"),
            None => Line::new().styled(Style::Warning, "nobody"),
        };
        let lasted = incident
            .resolved_at
            .unwrap_or(now)
            .ms_since(incident.declared_at);
        let status = match incident.acknowledged {
            None if incident.resolved_at.is_none() => {
                Line::new().styled(Style::Bad, "unacknowledged")
            }
            _ => Line::new().text(tell::status(incident.status)),
        };
        let id = Line::new().styled(Style::Bold, incident.id.to_string());
        let cells = vec![
            id.then(marks(incident.drill, incident.private)),
            Line::new().styled(style, incident.severity.to_string()),
            status,
            Line::new().text(stamp(incident.declared_at)),
            Line::new().text(duration(lasted)),
            commander,
        ];
        (cells, incident.title())
    });
    let header = [
        "INCIDENT",
        "SEV",
        "STATUS",
        "DECLARED",
        "LASTS",
        "COMMANDER",
        "TITLE",
    ];
    table(&header, rows.collect(), width)
}

fn status_lines(status: &wire::ServerStatus, now: Timestamp) -> Vec<Line> {
    let up = duration(now.ms_since(status.started_at));
    let published = match status.published_size {
        Some(size) if size == status.size => "all of it published".to_owned(),
        Some(size) => format!("{size} of it published"),
        None => "nothing published yet".to_owned(),
    };
    let mut rows = vec![
        ("version", status.version.clone()),
        ("up since", format!("{}, {up}", stamp(status.started_at))),
        ("record", status.origin.clone().unwrap_or_default()),
        ("entries", format!("{}, {published}", status.size)),
        ("root", status.root.clone()),
        ("key", status.vkey.clone().unwrap_or_default()),
    ];
    if let Some(bytes) = status.disk_free_bytes {
        rows.push(("free on disk", bytes_text(bytes)));
    }
    for witness in &status.witnesses {
        let seen = match (witness.size, witness.at) {
            (Some(size), Some(at)) => {
                let ago = duration(now.ms_since(at));
                format!("{}: {}, {ago} ago", witness.name, counted(size, "entry"))
            }
            _ => format!("{}: has cosigned nothing yet", witness.name),
        };
        rows.push(("witness", seen));
    }
    rows.into_iter()
        .map(|(name, value)| {
            Line::new()
                .styled(Style::Dim, name)
                .padded(NAME_COLUMNS)
                .text(value)
        })
        .collect()
}

/// Bytes in the largest binary unit that leaves a number of at least one.
fn bytes_text(bytes: u64) -> String {
    let units = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match units.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*size);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => counted(bytes, "byte"),
    }
}

#[cfg(test)]
mod tests;
