//! Who may import whom. A crate imports lower layers only, never sideways; that is what lets a
//! reader open any crate knowing what it cannot touch.
//!
//! Dev-dependencies may reach anywhere among the layers (a test of the engine may use the real
//! store), but nothing, tests included, may lean on what stands outside them.

use crate::finding::Finding;
use crate::tree::Tree;
use crate::workspace::{Import, Kind, Member, Workspace};

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Layer(u8),
    /// Runs and checks the rest, is imported by nobody.
    Outside,
}

/// The whole rule as a table. A new crate starts with a line here and one in ARCHITECTURE.md.
const PLACES: &[(&str, Place)] = &[
    ("base", Place::Layer(0)),
    ("record", Place::Layer(1)),
    ("language", Place::Layer(1)),
    ("policy", Place::Layer(1)),
    ("signal", Place::Layer(1)),
    ("detect", Place::Layer(2)),
    ("incident", Place::Layer(2)),
    ("rollout", Place::Layer(2)),
    ("status", Place::Layer(2)),
    ("engine", Place::Layer(3)),
    ("exchange", Place::Layer(3)),
    ("store", Place::Layer(4)),
    ("clock", Place::Layer(4)),
    ("memory", Place::Layer(4)),
    ("edge", Place::Layer(4)),
    ("ingest", Place::Layer(4)),
    ("notify", Place::Layer(4)),
    ("publish", Place::Layer(4)),
    ("oidc", Place::Layer(4)),
    ("web", Place::Layer(4)),
    ("gameday", Place::Layer(4)),
    ("hereby", Place::Layer(5)),
    ("sim", Place::Outside),
    ("benches", Place::Outside),
    ("xtask", Place::Outside),
];

/// Crates held tighter than their layer: what they may import of ours, and why nothing else.
const TIGHTER: &[(&str, &[&str], &str)] = &[
    (
        "edge",
        &["base", "record", "policy", "signal"],
        "the edge serves when control is gone, so it shares no code with control",
    ),
    (
        "xtask",
        &[],
        "what checks the house must build when the house does not",
    ),
];

/// The highest layer that is synchronous and deterministic.
const PURE_MAX: u8 = 2;

const WHY: &str = "a crate imports lower layers only, never sideways";
const TABLE: &str = "xtask/src/layers.rs";

/// Whether the crate is in a layer without clock, randomness, files, sockets and threads.
pub(crate) fn is_pure(name: &str) -> bool {
    matches!(place(name), Some(Place::Layer(layer)) if layer <= PURE_MAX)
}

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &workspace.members {
        if place(&member.name).is_none() {
            findings.push(Finding::new(
                member.manifest(),
                tree.line_starting(&member.manifest(), "name"),
                format!("crate `{}` has no layer", member.name),
                WHY,
                format!("give it a line in {TABLE} and in ARCHITECTURE.md"),
            ));
        }
        let ours = member
            .imports
            .iter()
            .filter(|import| workspace.member(&import.name).is_some());
        for import in ours {
            findings.extend(judge(member, import, tree));
        }
    }
    findings
}

fn judge(member: &Member, import: &Import, tree: &Tree) -> Option<Finding> {
    let importer = place(&member.name)?;
    let imported = place(&import.name)?;
    let at = |why: &str, fix: &str| {
        let manifest = member.manifest();
        let line = tree.line_starting(&manifest, &import.name);
        let (from, to) = (said(&member.name, importer), said(&import.name, imported));
        Finding::new(manifest, line, format!("{from} imports {to}"), why, fix)
    };
    if let Some((_, allowed, why)) = TIGHTER.iter().find(|(name, ..)| *name == member.name)
        && !allowed.contains(&import.name.as_str())
    {
        return Some(at(why, "move what is needed to a crate it may import"));
    }
    match (importer, imported) {
        (_, Place::Outside) => Some(at(
            "what stands outside the layers is imported by nobody",
            "move it into a layer",
        )),
        (Place::Layer(from), Place::Layer(to)) if to >= from && import.kind != Kind::Dev => {
            Some(at(
                WHY,
                "move what is needed down a layer, or pass it in from above",
            ))
        }
        _ => None,
    }
}

fn said(name: &str, place: Place) -> String {
    match place {
        Place::Layer(layer) => format!("`{name}` (L{layer})"),
        Place::Outside => format!("`{name}` (outside)"),
    }
}

fn place(name: &str) -> Option<Place> {
    PLACES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::{check, is_pure};
    use crate::tree::Tree;
    use crate::workspace::{Kind, Workspace};

    fn found(members: &[(&str, &[(&str, Kind)])]) -> Vec<String> {
        let tree = Tree::of(&[(
            "crates/engine/Cargo.toml",
            "[package]\nname = \"engine\"\n[dependencies]\nstore.workspace = true\n",
        )]);
        check(&Workspace::of(members, &[]), &tree)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn importing_lower_layers_is_fine() {
        let members: &[(&str, &[(&str, Kind)])] = &[
            ("base", &[("serde", Kind::Normal)]),
            ("engine", &[("base", Kind::Normal)]),
            ("store", &[("engine", Kind::Normal), ("base", Kind::Normal)]),
            ("sim", &[("store", Kind::Normal)]),
        ];
        assert_eq!(found(members), Vec::<String>::new());
    }

    #[test]
    fn importing_upwards_is_found_with_its_line() {
        let all = found(&[("engine", &[("store", Kind::Normal)]), ("store", &[])]);
        assert_eq!(all.len(), 1);
        assert!(
            all[0].starts_with("crates/engine/Cargo.toml:4: `engine` (L3) imports `store` (L4)")
        );
    }

    #[test]
    fn importing_sideways_is_found_for_builds_and_not_for_tests() {
        let of = |kind| found(&[("web", &[("store", kind)]), ("store", &[])]).len();
        assert_eq!(
            [of(Kind::Normal), of(Kind::Build), of(Kind::Dev)],
            [1, 1, 0]
        );
    }

    #[test]
    fn nothing_leans_on_what_stands_outside() {
        assert_eq!(
            found(&[("hereby", &[("sim", Kind::Dev)]), ("sim", &[])]).len(),
            1
        );
        assert_eq!(
            found(&[("benches", &[("sim", Kind::Normal)]), ("sim", &[])]).len(),
            1
        );
    }

    #[test]
    fn the_edge_and_xtask_are_held_tighter() {
        let edge = found(&[("edge", &[("incident", Kind::Normal)]), ("incident", &[])]);
        assert!(edge[0].contains("shares no code with control"), "{edge:?}");
        assert_eq!(
            found(&[("edge", &[("policy", Kind::Normal)]), ("policy", &[])]).len(),
            0
        );
        assert_eq!(
            found(&[("xtask", &[("base", Kind::Normal)]), ("base", &[])]).len(),
            1
        );
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        assert!(found(&[("newcomer", &[])])[0].contains("`newcomer` has no layer"));
    }

    #[test]
    fn the_first_three_layers_are_pure() {
        let of = |names: [&str; 3]| names.map(is_pure);
        assert_eq!(of(["base", "record", "incident"]), [true; 3]);
        assert_eq!(of(["engine", "sim", "newcomer"]), [false; 3]);
    }
}
