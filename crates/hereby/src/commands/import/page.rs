//! What a directory says there is: `*.toml` with tables, `*.md` with runbooks. Strict: an unknown
//! key is an error with its line and column, and nothing is said twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::{Line, Name, PersonName, ServiceName, Severity, TeamName};
use record::command::{
    Address, GrantPermission, RegisterPerson, RegisterService, RegisterTeam, SaveRunbook,
    SaveTemplate, Verb,
};
use record::kinds::directory::{Dependency, Permission, PlaceKind};
use record::kinds::incident::Audience;
use serde::Deserialize;

use super::plan::{Key, Kind};
use crate::cli::{directory, parse};
use crate::commands::{runbook, text};
use crate::exit::Failure;

/// The most files of one directory.
const FILES_MAX: usize = 1_000;

/// The longest file, in bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What the files say there is, with the file that says it.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) wanted: BTreeMap<Key, (Verb, PathBuf)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Page {
    person: BTreeMap<PersonName, PersonTable>,
    team: BTreeMap<TeamName, TeamTable>,
    service: BTreeMap<ServiceName, ServiceTable>,
    runbook: BTreeMap<Name, RunbookTable>,
    template: BTreeMap<Name, TemplateTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    full_name: Option<Line>,
    #[serde(default)]
    places: Vec<PlaceTable>,
    #[serde(default)]
    permissions: Vec<Granted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceTable {
    address: Line,
    kind: PlaceKind,
}

/// `responder`, `responder@payments`
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Granted {
    permission: Permission,
    team: Option<TeamName>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamTable {
    about: Option<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    owner: Option<TeamName>,
    tier: u8,
    about: Option<Line>,
    #[serde(default)]
    dependencies: Vec<Needed>,
}

/// `dns:example.org:closed`
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Needed(Dependency);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunbookTable {
    title: Line,
    steps: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateTable {
    title: Option<Line>,
    severity: Option<Severity>,
    service: Option<ServiceName>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    runbooks: Vec<Name>,
    #[serde(default)]
    update_every: BTreeMap<Audience, Every>,
}

/// `30m`
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Every(u64);

impl TryFrom<String> for Granted {
    type Error = String;
    fn try_from(text: String) -> Result<Granted, String> {
        let (word, team) = match text.split_once('@') {
            Some((word, team)) => (word, Some(team.parse().map_err(|bad| format!("{bad}"))?)),
            None => (text.as_str(), None),
        };
        let permission = directory::word(word).ok_or_else(|| {
            let all: Vec<&str> = Permission::ALL.iter().map(|it| it.as_str()).collect();
            format!("`{word}` is no permission: {}", all.join(", "))
        })?;
        Ok(Granted { permission, team })
    }
}

impl TryFrom<String> for Needed {
    type Error = String;
    fn try_from(text: String) -> Result<Needed, String> {
        directory::dependency(&text).map(Needed)
    }
}

impl TryFrom<String> for Every {
    type Error = String;
    fn try_from(text: String) -> Result<Every, String> {
        let every_ms = parse::duration_ms(&text)?;
        u64::try_from(every_ms)
            .map(Every)
            .map_err(|error| error.to_string())
    }
}

impl Files {
    /// What a directory, or one file, says.
    ///
    /// # Errors
    /// When something can't be read, is wrong, or is said twice.
    pub(super) fn read(path: &Path) -> Result<Files, Failure> {
        let mut files = Files::default();
        let paths = match path.is_dir() {
            true => in_directory(path)?,
            false => vec![path.to_owned()],
        };
        for file in paths {
            files.take(&file)?;
        }
        if files.wanted.is_empty() {
            return Err(Failure::usage(format!("{} names nothing", path.display()))
                .because("it has no *.toml with tables, and no *.md")
                .hint("docs/how-to/people.md shows what such files look like"));
        }
        Ok(files)
    }

    fn take(&mut self, file: &Path) -> Result<(), Failure> {
        let wrong =
            |why: String| Failure::usage(format!("{} can't be taken", file.display())).because(why);
        let page = match file.extension().and_then(|ending| ending.to_str()) {
            Some("md") => {
                let name = file.file_stem().unwrap_or_default().to_string_lossy();
                let name: Name = name.parse().map_err(|bad| {
                    wrong(format!("it would be a runbook called like the file: {bad}"))
                        .hint("keep pages that are no runbooks in another directory")
                })?;
                let page = runbook::read_page(file)?;
                let (title, steps) = (page.title, page.steps);
                let mut whole = Page::default();
                whole.runbook.insert(name, RunbookTable { title, steps });
                whole
            }
            Some("toml") => {
                let text = text::read_text(file, FILE_BYTES_MAX)?;
                toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().into()))?
            }
            _ if !file.exists() => return Err(wrong("it does not exist".to_owned())),
            _ => return Err(wrong("it ends neither in .toml nor in .md".to_owned())),
        };
        for (key, verb) in page.verbs() {
            let said = key.to_string();
            if let Some((_, other)) = self.wanted.insert(key, (verb, file.to_owned())) {
                return Err(wrong(match other == file {
                    true => format!("{said} is there twice"),
                    false => format!("{said} is in {} as well", other.display()),
                }));
            }
        }
        Ok(())
    }
}

/// The files of a directory that count, in the order of their names.
fn in_directory(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}", path.display())).because(error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        let ending = file.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("toml" | "md")) && file.is_file() {
            files.push(file);
        }
        if files.len() > FILES_MAX {
            return Err(Failure::usage(format!(
                "{} has more than {FILES_MAX} files",
                path.display()
            )));
        }
    }
    files.sort();
    Ok(files)
}

impl Page {
    /// What makes known what the page says.
    fn verbs(self) -> Vec<(Key, Verb)> {
        let mut verbs = Vec::new();
        for (team, table) in self.team {
            let about = table.about;
            verbs.push((
                Key::new(Kind::Team, &team),
                RegisterTeam { about, team }.into(),
            ));
        }
        for (person, table) in self.person {
            verbs.extend(table.verbs(&person));
        }
        for (service, table) in self.service {
            let verb = RegisterService {
                about: table.about,
                dependencies: table.dependencies.into_iter().map(|it| it.0).collect(),
                owner: table.owner,
                service: service.clone(),
                tier: table.tier,
            };
            verbs.push((Key::new(Kind::Service, &service), verb.into()));
        }
        for (runbook, RunbookTable { title, steps }) in self.runbook {
            let key = Key::new(Kind::Runbook, &runbook);
            let verb = SaveRunbook {
                runbook,
                steps,
                title,
            };
            verbs.push((key, verb.into()));
        }
        for (template, table) in self.template {
            let key = Key::new(Kind::Template, &template);
            let every = table.update_every.into_iter();
            let verb = SaveTemplate {
                private: table.private,
                runbooks: table.runbooks,
                service: table.service,
                severity: table.severity,
                template,
                title: table.title,
                update_every_ms: every.map(|(audience, every)| (audience, every.0)).collect(),
            };
            verbs.push((key, verb.into()));
        }
        verbs
    }
}

impl PersonTable {
    fn verbs(self, person: &PersonName) -> Vec<(Key, Verb)> {
        let places = self.places.into_iter();
        let verb = RegisterPerson {
            full_name: self.full_name,
            person: person.clone(),
            places: places
                .map(|PlaceTable { address, kind }| Address { address, kind })
                .collect(),
        };
        let mut verbs = vec![(Key::new(Kind::Person, person), verb.into())];
        for Granted { permission, team } in self.permissions {
            let key = Key::permission(person, permission, team.as_ref());
            let verb = GrantPermission {
                permission,
                person: person.clone(),
                team,
            };
            verbs.push((key, verb.into()));
        }
        verbs
    }
}
