//! Dependencies are a budget: each one is code to build, to trust and to update.

use crate::finding::Finding;
use crate::workspace::Workspace;

/// Packages of others that building the workspace on Linux compiles, tests apart.
pub(crate) const PACKAGES_MAX: usize = 450;

pub(crate) fn check(workspace: &Workspace) -> Option<Finding> {
    let count = workspace.bought().len();
    (count > PACKAGES_MAX).then(|| {
        Finding::new(
            "Cargo.lock",
            1,
            format!("{count} packages are bought"),
            format!("the budget is {PACKAGES_MAX}"),
            "turn off features (`cargo tree -e features`) or do without one",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::workspace::{Kind, Workspace};

    fn workspace_of(count: usize, kind: Kind) -> Workspace {
        let names: Vec<String> = (0..count).map(|n| format!("p{n} 1.0.0")).collect();
        let imports: Vec<(&str, Kind)> = names.iter().map(|name| (name.as_str(), kind)).collect();
        Workspace::of(
            &[("engine", &[("base", Kind::Normal)]), ("base", &imports)],
            &[],
        )
    }

    #[test]
    fn four_hundred_and_fifty_are_the_limit() {
        assert_eq!(check(&workspace_of(450, Kind::Normal)), None);
        let finding = check(&workspace_of(451, Kind::Build)).unwrap();
        assert_eq!(finding.what, "451 packages are bought");
    }

    #[test]
    fn what_only_tests_use_is_not_counted() {
        assert_eq!(check(&workspace_of(451, Kind::Dev)), None);
    }
}
