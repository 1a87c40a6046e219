//! Less processor time for one process than the machine has: so it is the bottleneck, and not whoever
//! loads it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig::{Failed, failed};

/// Control groups, version 2 and version 1.
const ROOTS: [&str; 3] = [
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup",
];
/// Microseconds in which the quota is spent. Few, so that a process that has spent it is not late by tens of
/// milliseconds because of that alone.
const PERIOD_MICROS: u64 = 4_000;

/// A process's quota, until it is dropped.
#[derive(Debug)]
pub struct Quota {
    root: PathBuf,
    group: PathBuf,
    pid: u32,
}

impl Quota {
    /// Gives a process that many percent of one processor.
    ///
    /// # Errors
    /// When this machine has no control group that can be written to.
    pub fn new(pid: u32, percent: u64) -> Result<Quota, Failed> {
        let none = || {
            Failed(
                "no control group for processor time can be made here: run as root, with cgroups"
                    .into(),
            )
        };
        let root = ROOTS.iter().map(Path::new).find(|root| limits(root));
        let root = root.ok_or_else(none)?;
        let group = root.join(format!("hereby-bench-{pid}"));
        fs::create_dir(&group).map_err(failed("make a control group"))?;
        let quota = Quota {
            root: root.to_owned(),
            group,
            pid,
        };
        quota.set(percent).map_err(failed("set a quota"))?;
        Ok(quota)
    }

    fn set(&self, percent: u64) -> std::io::Result<()> {
        let most = PERIOD_MICROS * percent / 100;
        match self.group.join("cpu.max").exists() {
            true => fs::write(
                self.group.join("cpu.max"),
                format!("{most} {PERIOD_MICROS}"),
            )?,
            false => {
                fs::write(
                    self.group.join("cpu.cfs_period_us"),
                    PERIOD_MICROS.to_string(),
                )?;
                fs::write(self.group.join("cpu.cfs_quota_us"), most.to_string())?;
            }
        }
        fs::write(self.group.join("cgroup.procs"), self.pid.to_string())
    }
}

/// Whether groups below this one can have a quota.
fn limits(root: &Path) -> bool {
    let controllers = fs::read_to_string(root.join("cgroup.subtree_control"));
    root.join("cpu.cfs_quota_us").exists()
        || root.join("cpu.shares").exists()
        || controllers.is_ok_and(|all| all.split_whitespace().any(|one| one == "cpu"))
}

impl Drop for Quota {
    fn drop(&mut self) {
        // A group with nobody in it can be removed.
        let _ = fs::write(self.root.join("cgroup.procs"), self.pid.to_string());
        let _ = fs::remove_dir(&self.group);
    }
}
