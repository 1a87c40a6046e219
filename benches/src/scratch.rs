//! Directories on the disk that `target/` is on. A `/tmp` in memory would make every sync free.
//!
//! They stay until the next run: for half a minute after thousands of files were removed, ext4
//! passes their inodes over one by one, without being preempted, for every file that is made
//! (`recently_deleted` in its ialloc.c). A round that cleans up slows the next one down.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::say;

/// Longer than ext4 remembers what was removed, with its journal's commits.
const FORGOTTEN: Duration = Duration::from_secs(45);

/// The build's own directory, `target/`.
pub fn target_dir() -> PathBuf {
    // target/release/deps/append-0123456789abcdef
    let exe = std::env::current_exe().expect("a program knows where it is");
    exe.ancestors()
        .nth(3)
        .expect("cargo puts programs three directories deep")
        .to_owned()
}

/// A directory that is not removed while anything is measured.
///
/// # Errors
/// When it can't be made, or those of an earlier run can't be removed.
pub fn scratch() -> io::Result<TempDir> {
    static CLEAN: OnceLock<()> = OnceLock::new();
    let all = target_dir().join("bench");
    if CLEAN.get().is_none() {
        clean(&all)?;
        let _ = CLEAN.set(());
    }
    tempfile::Builder::new()
        .prefix("round-")
        .disable_cleanup(true)
        .tempdir_in(all)
}

fn clean(all: &Path) -> io::Result<()> {
    if all.exists() {
        say("removing what earlier runs left, and waiting until the file system has forgotten it");
        std::fs::remove_dir_all(all)?;
        sleep(FORGOTTEN);
    }
    std::fs::create_dir_all(all)
}
