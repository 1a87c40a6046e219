//! L0 to L2 are synchronous and deterministic: the caller passes `now` and a seed.
//!
//! Two nets: what a pure crate links, through any number of packages, and what its sources write
//! outside tests. The `clippy.toml` in each pure crate is the third, and sees through aliases.

use crate::finding::Finding;
use crate::layers;
use crate::paths::{self, CodePath};
use crate::source::Source;
use crate::tree::Tree;
use crate::workspace::{Member, Workspace};

/// Packages that bring sockets, files, threads, a runtime, a clock or randomness.
const IMPURE_PACKAGES: &[&str] = &[
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "nix",
    "rand",
    "rayon",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "ureq",
];

/// What a package links only because Cargo builds it once for the whole workspace, with the features
/// that anybody asks for: the package, what it links then, and who asks.
const FEATURES_OF_OTHERS: &[(&str, &str, &str)] = &[(
    "crypto-common",
    "getrandom",
    "openidconnect's signatures, for keys that hereby never makes so",
)];

/// Paths that begin so are the operating system.
const IMPURE_STARTS: &[&[&str]] = &[
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
];

/// Paths that hold these parts anywhere read a clock or roll dice.
const IMPURE_PARTS: &[&[&str]] = &[
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["rand"],
];

const WHY: &str = "L0 to L2 are pure, so that a rebuild and a replay give the same bytes";

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace
        .members
        .iter()
        .filter(|member| layers::is_pure(&member.name))
    {
        findings.extend(impure_packages(workspace, member, tree));
        let sources = tree
            .rust()
            .iter()
            .filter(|source| member.holds(&source.path));
        findings.extend(sources.flat_map(impure_paths));
    }
    findings
}

fn impure_packages(workspace: &Workspace, member: &Member, tree: &Tree) -> Vec<Finding> {
    let manifest = member.manifest();
    let linked = workspace.linked(&member.name);
    let impure = linked
        .iter()
        .filter(|(package, _)| IMPURE_PACKAGES.contains(&name(package)))
        .filter(|(package, through)| {
            let mut others = FEATURES_OF_OTHERS.iter();
            !others.any(|(by, links, _)| *by == name(through) && *links == name(package))
        });
    impure
        .map(|(package, through)| {
            let line = tree.line_starting(&manifest, name(package));
            let what = format!(
                "`{}` links `{}` (through `{through}`)",
                member.name,
                name(package)
            );
            Finding::new(
                &manifest,
                line,
                what,
                WHY,
                "do it in the shell and pass the result in",
            )
        })
        .collect()
}

/// Of `name version`.
fn name(package: &str) -> &str {
    package.split(' ').next().unwrap_or(package)
}

fn impure_paths(source: &Source) -> Vec<Finding> {
    let impure = |path: &CodePath<'_>| {
        IMPURE_STARTS
            .iter()
            .any(|start| path.segments.starts_with(start))
            || IMPURE_PARTS.iter().any(|parts| {
                path.segments
                    .windows(parts.len())
                    .any(|window| window == *parts)
            })
    };
    paths::of(source)
        .into_iter()
        .filter(|path| impure(path) && !source.is_test(path.line))
        .map(|path| {
            let written = path.segments.join("::");
            let fix = match path.segments.as_slice() {
                ["std", "net", ..] => "for addresses write `core::net`; sockets are for the shell",
                ["std", ..] => "do it in the shell and pass the result in",
                _ => "take `now` or a seed as a parameter",
            };
            Finding::new(
                &source.path,
                path.line,
                format!("`{written}` in a pure crate"),
                WHY,
                fix,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;
    use crate::workspace::{Kind, Workspace};

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("crates/record/src/a.rs", text),
            ("crates/store/src/a.rs", text),
        ]);
        let workspace = Workspace::of(&[("record", &[]), ("store", &[])], &[]);
        check(&workspace, &tree)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_operating_system_is_found_in_pure_crates_only() {
        for line in [
            "use std::{fmt, fs};",
            "use std::net::TcpStream;",
            "fn f() { std::thread::spawn(g); }",
            "fn f() -> u64 { SystemTime::now() }",
            "fn f() -> u64 { std::time::Instant::now() }",
            "fn f() -> u64 { jiff::Timestamp::now() }",
            "use aws_lc_rs::rand::SystemRandom;",
            "fn f() -> u8 { rand::random() }",
            "fn f() { std::env::var(\"x\"); }",
        ] {
            let all = found(line);
            assert_eq!(all.len(), 1, "{line}: {all:?}");
            assert!(all[0].starts_with("crates/record/src/a.rs:1: "), "{all:?}");
        }
    }

    #[test]
    fn words_comments_and_tests_are_fine() {
        for text in [
            "//! No std::fs here, and no SystemTime::now.\nconst A: &str = \"std::fs\";",
            "use core::net::IpAddr;\nuse std::fmt;\nfn f(now: u64, rand: u64) {}",
            "#[cfg(test)]\nmod tests {\n use std::fs;\n}",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_runtime_is_found_behind_other_packages_and_not_behind_tests() {
        let rest: &[(&str, &[&str])] = &[("pretty 1.0.0", &["tokio 1.54.0"])];
        let of = |kind| {
            let workspace = Workspace::of(&[("base", &[("pretty 1.0.0", kind)])], rest);
            check(&workspace, &Tree::of(&[]))
        };
        let all = of(Kind::Normal);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].what, "`base` links `tokio` (through `pretty 1.0.0`)");
        assert_eq!(of(Kind::Dev), []);
    }
}
