//! What cargo knows: our packages, what each imports, and the graph of everything bought.
//!
//! Only the shape of `cargo metadata --format-version 1` that the checks need is read. The graph
//! is the one for Linux, which is where this runs; a package that only Windows would build is not
//! counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A `[dependencies]` line of one of our packages.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// The package's own name, whatever it is renamed to.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A package of this workspace.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Directory relative to the root.
    pub(crate) directory: String,
    pub(crate) imports: Vec<Import>,
}

impl Member {
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }

    pub(crate) fn holds(&self, path: &str) -> bool {
        path.strip_prefix(self.directory.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
    /// Package to what it is built with (kind `Dev` left out of packages that are not ours by
    /// cargo itself). Packages are `name version`.
    pub(crate) graph: BTreeMap<String, Vec<(String, Kind)>>,
    /// Our packages as they are called in the graph.
    ours: BTreeMap<String, String>,
}

impl Workspace {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root)
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Self::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> anyhow::Result<Self> {
        let metadata: Metadata =
            serde_json::from_slice(json).context("cargo metadata has another shape")?;
        let labels: BTreeMap<&str, String> = metadata
            .packages
            .iter()
            .map(|package| {
                (
                    package.id.as_str(),
                    format!("{} {}", package.name, package.version),
                )
            })
            .collect();
        let label = |id: &str| labels.get(id).cloned().unwrap_or_else(|| id.to_owned());

        let mut members = Vec::new();
        let mut ours = BTreeMap::new();
        for package in &metadata.packages {
            if !metadata.workspace_members.contains(&package.id) {
                continue;
            }
            ours.insert(package.name.clone(), label(&package.id));
            members.push(Member {
                name: package.name.clone(),
                directory: relative(&metadata.workspace_root, &package.manifest_path)?,
                imports: package
                    .dependencies
                    .iter()
                    .map(Dependency::import)
                    .collect(),
            });
        }
        let mut graph = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            let edges = node.deps.iter().flat_map(|dep| {
                dep.dep_kinds
                    .iter()
                    .map(|kind| (label(&dep.pkg), kind_of(kind.kind.as_deref())))
            });
            graph.insert(label(&node.id), edges.collect());
        }
        Ok(Self {
            members,
            graph,
            ours,
        })
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Every package that is built to build ours and is not ours.
    pub(crate) fn bought(&self) -> BTreeSet<&str> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for start in self.ours.values() {
            seen.extend(
                self.reachable(start, &[Kind::Normal, Kind::Build])
                    .into_keys(),
            );
        }
        seen.retain(|package| !self.ours.values().any(|own| own == package));
        seen
    }

    /// Every package that the member links, with the package through which it was reached.
    pub(crate) fn linked(&self, member: &str) -> BTreeMap<&str, &str> {
        self.ours
            .get(member)
            .map(|own| self.reachable(own, &[Kind::Normal]))
            .unwrap_or_default()
    }

    fn reachable<'a>(&'a self, start: &'a str, kinds: &[Kind]) -> BTreeMap<&'a str, &'a str> {
        let mut seen = BTreeMap::new();
        let mut waiting = vec![start];
        while let Some(package) = waiting.pop() {
            for (next, kind) in self.graph.get(package).into_iter().flatten() {
                if kinds.contains(kind) && !seen.contains_key(next.as_str()) {
                    seen.insert(next.as_str(), package);
                    waiting.push(next);
                }
            }
        }
        seen
    }

    /// A workspace of samples, for tests: members as (name, imports), and the graph of the rest as
    /// (package, packages it links). Our packages have version 0, as in `base 0`.
    #[cfg(test)]
    pub(crate) fn of(members: &[(&str, &[(&str, Kind)])], rest: &[(&str, &[&str])]) -> Self {
        let own = |name: &str| members.iter().any(|(member, _)| *member == name);
        let label = |name: &str| {
            if own(name) {
                format!("{name} 0")
            } else {
                name.to_owned()
            }
        };
        let mut graph: BTreeMap<String, Vec<(String, Kind)>> = BTreeMap::new();
        for (name, imports) in members {
            graph.insert(
                label(name),
                imports.iter().map(|(n, k)| (label(n), *k)).collect(),
            );
        }
        for (name, links) in rest {
            let edges = links
                .iter()
                .map(|link| ((*link).to_owned(), Kind::Normal))
                .collect();
            graph.insert((*name).to_owned(), edges);
        }
        Self {
            members: members
                .iter()
                .map(|(name, imports)| Member {
                    name: (*name).to_owned(),
                    directory: format!("crates/{name}"),
                    imports: imports
                        .iter()
                        .map(|(name, kind)| Import {
                            name: (*name).to_owned(),
                            kind: *kind,
                        })
                        .collect(),
                })
                .collect(),
            graph,
            ours: members
                .iter()
                .map(|(name, _)| ((*name).to_owned(), label(name)))
                .collect(),
        }
    }
}

fn relative(root: &str, manifest: &str) -> anyhow::Result<String> {
    manifest
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        .map(str::to_owned)
        .with_context(|| format!("{manifest} does not lie in a directory under {root}"))
}

fn kind_of(kind: Option<&str>) -> Kind {
    match kind {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_root: String,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Dependency {
    fn import(&self) -> Import {
        Import {
            name: self.name.clone(),
            kind: kind_of(self.kind.as_deref()),
        }
    }
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<NodeDepKind>,
}

#[derive(Deserialize)]
struct NodeDepKind {
    kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Kind, Workspace};

    #[test]
    fn cargo_metadata_is_read() {
        let json = r#"{
          "packages": [
            {"id": "p#base@0.1.0", "name": "base", "version": "0.1.0",
             "manifest_path": "/r/crates/base/Cargo.toml",
             "dependencies": [{"name": "serde", "kind": null}, {"name": "proptest", "kind": "dev"}]},
            {"id": "r#serde@1.0.1", "name": "serde", "version": "1.0.1",
             "manifest_path": "/elsewhere/Cargo.toml", "dependencies": []}
          ],
          "workspace_members": ["p#base@0.1.0"], "workspace_root": "/r",
          "resolve": {"nodes": [
            {"id": "p#base@0.1.0", "deps": [
               {"pkg": "r#serde@1.0.1", "dep_kinds": [{"kind": null}, {"kind": "dev"}]}]},
            {"id": "r#serde@1.0.1", "deps": []}]}
        }"#;
        let workspace = Workspace::parse(json.as_bytes()).unwrap();
        let base = workspace.member("base").unwrap();
        assert_eq!(base.manifest(), "crates/base/Cargo.toml");
        assert_eq!(base.imports[1].kind, Kind::Dev);
        assert!(base.holds("crates/base/src/lib.rs"));
        assert!(!base.holds("crates/baseline/src/lib.rs"));
        assert_eq!(
            workspace.bought().into_iter().collect::<Vec<_>>(),
            ["serde 1.0.1"]
        );
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(Workspace::parse(b"{}").is_err());
    }
}
