//! Runbooks that a rehearsal does step by step: pages of the documentation, whose blocks of shell are run as they
//! stand there.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::process::of_the_rehearsal;

/// Those that there are.
const PAGES: &[(&str, &str)] = &[(
    "catastrophe",
    include_str!("../../../docs/operating/catastrophe.md"),
)];

/// A step: its heading, and what is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) heading: &'static str,
    /// Empty: it is for people.
    pub(crate) shell: &'static str,
}

/// The steps of that runbook; none: there is none of that name.
pub(crate) fn steps(name: &str) -> Option<Vec<Step>> {
    let (_, page) = PAGES.iter().find(|(known, _)| *known == name)?;
    let parts = page.split("\n## ").skip(1);
    let steps = parts.map(|part| {
        let (heading, rest) = part.split_once('\n').unwrap_or((part, ""));
        let block = rest.split_once("```sh\n").map(|(_, block)| block);
        let shell = block.and_then(|block| block.split_once("```"));
        Step {
            heading,
            shell: shell.map_or("", |(shell, _)| shell),
        }
    });
    Some(steps.collect())
}

/// Runs a step's block by the shell, with `hereby` found in that directory.
///
/// # Errors
/// When there is no shell.
pub(crate) fn run(
    shell: &str,
    programs: &Path,
    variables: &[(&'static str, PathBuf)],
) -> io::Result<Output> {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let mut path = programs.as_os_str().to_owned();
    path.push(":");
    path.push(others);
    let mut command = Command::new("sh");
    of_the_rehearsal(&mut command)
        .args(["-eu", "-c", shell])
        .env("PATH", path)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_block() {
        let steps = steps("catastrophe").unwrap();
        let begin = steps
            .iter()
            .find(|step| step.heading == "5. Begin the epoch");
        assert_eq!(
            begin.unwrap().shell,
            "hereby succession begin \"$OFFLINE/note\"\n"
        );
        let people = steps
            .iter()
            .find(|step| step.heading == "1. See that edges serve");
        assert_eq!(people.unwrap().shell, "");
        assert!(super::steps("nobody").is_none());
    }
}
