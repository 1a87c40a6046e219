//! A version as it lies on this machine's disk: read, compared with the one before, and how it would go out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base::{Name, Tenant};
use policy::config::Config;
use policy::version::{BYTES_MAX, CONFIG, FILES_MAX, Version};
use record::hash::Hash;
use rollout::plan::{self, Plan, Scope};
use rollout::template::Template;
use similar::{ChangeTag, TextDiff};

use super::Fleet;
use crate::commands::Session;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted};

/// Lines around a change.
const AROUND: usize = 2;

/// Reads a directory, or a configuration alone.
///
/// # Errors
/// With all that is wrong in it.
pub(super) fn read(path: &Path, tenant: Option<&Tenant>) -> Result<(Version, Config), Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::usage(format!("{} can't be read", path.display())).because(error)
    };
    let about = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut files = BTreeMap::new();
    if about.is_dir() {
        collect(path, "", &mut files)?;
    } else {
        let content = fs::read(path).map_err(|error| unreadable(path, &error))?;
        files.insert(CONFIG.to_owned(), content);
    }
    Version::new(tenant.cloned(), files).map_err(|flaws| {
        let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let mut failure = Failure::new(Exit::Usage, lines.join("\n"));
        if lines.len() > 1 {
            failure = failure.because(format!("{} in all", counted(lines.len(), "mistake")));
        }
        failure.hint("docs/reference/edge.toml shows every setting")
    })
}

fn collect(
    directory: &Path,
    below: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{} can't be read", directory.display())).because(error)
    };
    let entries = fs::read_dir(directory).map_err(|error| unreadable(&error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let kind = entry.file_type().map_err(|error| unreadable(&error))?;
        let name = entry.file_name();
        let path = format!("{below}{}", name.to_string_lossy());
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            let size = entry.metadata().map_or(0, |about| about.len());
            if size > BYTES_MAX as u64 || files.len() >= FILES_MAX {
                return Err(
                    Failure::usage(format!("{path} is too much for a version")).because(format!(
                        "a version has at most {FILES_MAX} files and {BYTES_MAX} bytes"
                    )),
                );
            }
            let content = fs::read(entry.path()).map_err(|error| unreadable(&error))?;
            files.insert(path, content);
        } else {
            return Err(Failure::usage(format!("{path} is no file"))
                .because("a version has files alone: no links, sockets or devices")
                .hint("put the file itself there"));
        }
    }
    Ok(())
}

/// How it would go out.
///
/// # Errors
/// When it would not.
pub(super) fn plan(
    fleet: &Fleet,
    template: Option<&str>,
    (digest, cell): (&Hash, Option<&Name>),
) -> Result<Plan, Failure> {
    let template = match template {
        None => Template::careful(),
        Some(text) => Template::parse(text).map_err(|wrong| {
            let lines: Vec<String> = wrong.iter().map(|one| one.at("template")).collect();
            Failure::new(Exit::Usage, lines.join("\n"))
                .hint("hereby rollout template prints one to begin with")
        })?,
    };
    let (first, _) = digest.0.split_first_chunk().expect("32 bytes begin with 8");
    let drawn = Plan::draw(
        &template,
        &cells(fleet),
        cell.map_or(Scope::Fleet, |cell| Scope::Cell(cell.clone())),
        u64::from_be_bytes(*first),
    );
    drawn.map_err(|none| {
        Failure::new(
            Exit::Refused,
            format!("it would reach nobody: {none} with an edge"),
        )
        .hint("hereby cell define, then hereby edge invite")
    })
}

/// Tenants that may be answered otherwise.
pub(super) fn affected(
    tenant: Option<&Tenant>,
    before: Option<(&Version, &Config)>,
    after: (&Version, &Config),
) -> Vec<String> {
    match tenant {
        Some(tenant) => vec![tenant.to_string()],
        None => rollout::changes::tenants(before, after)
            .into_iter()
            .collect(),
    }
}

/// Where a version would stand.
pub(super) struct Place {
    /// The only cell that it goes to.
    pub(super) cell: Option<Name>,
    /// How many tenants there are.
    pub(super) tenants: usize,
    /// What runs in its place.
    pub(super) replaces: Option<String>,
}

impl Session<'_> {
    /// Where a version would stand: a tenant's own by the fleet's version that all run.
    pub(super) async fn place_of(
        &self,
        tenant: Option<&Tenant>,
        fleet: &Fleet,
        config: &Config,
    ) -> Result<Place, Failure> {
        let Some(tenant) = tenant else {
            return Ok(Place {
                cell: None,
                tenants: config.tenants.len(),
                replaces: fleet.current.clone(),
            });
        };
        let none = || {
            Failure::new(Exit::Refused, "no version was fully deployed yet")
                .because("a tenant's own stands on the fleet's")
                .hint("hereby deploy PATH")
        };
        let current = fleet.current.as_ref().ok_or_else(none)?;
        let (_, config) = self.read_version(current).await?;
        let known = config
            .tenants
            .iter()
            .find(|one| one.name == tenant.as_str());
        let known = known.ok_or_else(|| {
            let names: Vec<&str> = config.tenants.iter().map(|one| one.name.as_str()).collect();
            Failure::new(Exit::Refused, format!("there is no tenant {tenant}")).because(format!(
                "the version that all run has: {}",
                names.join(", ")
            ))
        })?;
        let own = fleet.tenants.iter().find(|own| own.tenant == *tenant);
        Ok(Place {
            cell: known.cell.as_ref().and_then(|cell| cell.parse().ok()),
            tenants: config.tenants.len(),
            replaces: own.and_then(|own| own.version.clone()),
        })
    }

    /// A tenant whose cell nobody made is served nowhere.
    pub(super) fn warn_of_cells(&self, fleet: &Fleet, config: &Config) {
        for tenant in &config.tenants {
            let known = |cell: &String| fleet.cells.iter().any(|one| one.cell.as_str() == cell);
            if let Some(cell) = tenant.cell.as_ref().filter(|cell| !known(cell)) {
                self.out.warn(&format!(
                    "no edge would serve {}: there is no cell {cell} (hereby cell define {cell})",
                    tenant.name
                ));
            }
        }
    }

    /// What a version would replace. One that this build can't read any more is replaced as if there was
    /// none.
    pub(super) async fn replaced(&self, place: &Place) -> Option<(Version, Config)> {
        let current = place.replaces.as_ref()?;
        let read = self.read_version(current).await;
        read.map_err(|failure| self.out.warn(&failure.what)).ok()
    }
}

/// Cells that have edges.
pub(super) fn cells(fleet: &Fleet) -> plan::Fleet {
    let cells = fleet.cells.iter().filter(|cell| cell.edges > 0);
    plan::Fleet {
        cells: cells
            .map(|cell| plan::Cell {
                name: cell.cell.clone(),
                ring: cell.ring,
                edges: cell.edges,
            })
            .collect(),
    }
}

/// What changes from one version to the other, file by file.
pub(super) fn differences(before: Option<&Version>, after: &Version) -> Vec<Line> {
    let none = BTreeMap::new();
    let old = before.map_or(&none, Version::files);
    let new = after.files();
    let mut lines = Vec::new();
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let (was, is) = (old.get(path), new.get(path));
        if was == is {
            continue;
        }
        let what = match (was, is) {
            (None, _) => "new",
            (_, None) => "gone",
            _ => "changed",
        };
        lines.push(
            Line::new()
                .styled(Style::Bold, path.clone())
                .styled(Style::Dim, format!("  {what}")),
        );
        let text =
            |bytes: Option<&Vec<u8>>| String::from_utf8(bytes.cloned().unwrap_or_default()).ok();
        let (Some(was), Some(is)) = (text(was), text(is)) else {
            lines.push(Line::new().styled(Style::Dim, "  not text"));
            continue;
        };
        // A first version is all new: its lines say nothing that the file does not.
        if before.is_none() {
            continue;
        }
        let diff = TextDiff::from_lines(&was, &is);
        for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
            if place > 0 {
                lines.push(Line::new().styled(Style::Dim, "  …"));
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let text = change.value().trim_end_matches('\n');
                lines.push(match change.tag() {
                    ChangeTag::Equal => Line::new().styled(Style::Dim, format!("    {text}")),
                    ChangeTag::Insert => Line::new().styled(Style::Good, format!("  + {text}")),
                    ChangeTag::Delete => Line::new().styled(Style::Bad, format!("  - {text}")),
                });
            }
        }
    }
    lines
}
