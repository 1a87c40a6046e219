//! A place that the program `rsync` reaches: `user@host:/path`, `rsync://host/module/path`, or a
//! directory. rsync itself writes each file beside its place and renames it.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{BadTarget, blocking, read};
use crate::spool::put;

/// How much of what rsync says is kept.
const SAID_BYTES: usize = 400;
/// Without a byte for so long, rsync gives up.
const QUIET_S: u32 = 20;

/// A destination of rsync.
#[derive(Clone, Debug)]
pub struct Rsync {
    destination: String,
    arguments: Vec<String>,
    work: std::path::PathBuf,
}

impl Rsync {
    /// A destination; `arguments` go before it (`-e`, `ssh -i …`). `work` is a directory for files on
    /// their way.
    ///
    /// # Errors
    /// [`BadTarget::Destination`].
    pub fn new(destination: &str, arguments: Vec<String>, work: &Path) -> Result<Rsync, BadTarget> {
        if destination.is_empty() || destination.starts_with('-') {
            return Err(BadTarget::Destination);
        }
        Ok(Rsync {
            destination: format!("{}/", destination.trim_end_matches('/')),
            arguments,
            work: work.to_owned(),
        })
    }

    /// A directory of its own for each run, so that two never meet.
    fn own_directory(&self) -> std::path::PathBuf {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        self.work
            .join(format!("rsync-{}-{number}", std::process::id()))
    }

    pub(super) async fn put(&self, files: &[(String, Vec<u8>)]) -> Result<(), String> {
        let staged = Staged(self.own_directory());
        let (root, all) = (staged.0.clone(), files.to_vec());
        blocking(move || {
            all.iter().try_for_each(|(path, bytes)| {
                put(&root, path, bytes).map_err(|error| format!("{path}: {error}"))
            })
        })
        .await?;
        let from = format!("{}/", staged.0.display());
        let options = ["--checksum", "--chmod=D755,F644"];
        let paths = files.iter().map(|(path, _)| path.as_str());
        self.run(&options, paths, &from, &self.destination).await
    }

    pub(super) async fn remove(&self, paths: &[String]) -> Result<(), String> {
        let staged = Staged(self.own_directory());
        std::fs::create_dir_all(&staged.0).map_err(|error| error.to_string())?;
        let from = format!("{}/", staged.0.display());
        let paths = paths.iter().map(String::as_str);
        self.run(&["--delete-missing-args"], paths, &from, &self.destination)
            .await
    }

    pub(super) async fn read(&self, paths: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let staged = Staged(self.own_directory());
        std::fs::create_dir_all(&staged.0).map_err(|error| error.to_string())?;
        let to = format!("{}/", staged.0.display());
        let wanted = paths.iter().map(String::as_str);
        self.run(&["--ignore-missing-args"], wanted, &self.destination, &to)
            .await?;
        let (root, paths) = (staged.0.clone(), paths.to_vec());
        let all = blocking(move || paths.iter().map(|path| read(&root, path)).collect()).await;
        drop(staged);
        all
    }

    async fn run<'p>(
        &self,
        options: &[&str],
        paths: impl Iterator<Item = &'p str>,
        from: &str,
        to: &str,
    ) -> Result<(), String> {
        let mut list = String::new();
        for path in paths {
            list.push_str(path);
            list.push('\n');
        }
        let mut child = Command::new("rsync")
            .args(["-r", "--times", "--files-from=-"])
            .arg(format!("--timeout={QUIET_S}"))
            .args(options)
            .args(&self.arguments)
            .arg("--")
            .args([from, to])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Given up, it does not go on by itself.
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("rsync can't be started: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(list.as_bytes())
                .await
                .map_err(|error| format!("rsync takes no list: {error}"))?;
        }
        let ended = child
            .wait_with_output()
            .await
            .map_err(|error| error.to_string())?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let said: String = said.trim().chars().take(SAID_BYTES).collect();
        Err(format!("rsync ended with {}: {said}", ended.status))
    }
}

/// Files on their way; removed when they have arrived or were given up.
struct Staged(std::path::PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
