//! Real processes in a directory of their own. All of them end with the run, however that ends, and the
//! directory goes with them.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, kill_process_group, pidfd_open,
};
use tempfile::TempDir;

/// A process that finds this in its environment ends when the one with that id does, which started it.
pub const ENDS_WITH_PARENT: &str = "HEREBY_ENDS_WITH_PARENT";

/// How a run's directory is called.
const PREFIX: &str = "hereby-gameday-";
/// In it, held by the run: a directory with one that nobody holds was left by a run that was killed.
const LOCK: &str = ".hereby-gameday.lock";
/// Edges come behind control and what measures: shared processors are no contagion.
const NICE: i32 = 5;

/// Has this process end with the one that a rehearsal is, if it is told to: also where another is between them, a
/// shell, or an edge that handed over.
///
/// # Errors
/// When that is gone already, or the system can't do it.
pub fn end_with_parent() -> io::Result<()> {
    let Some(named) = std::env::var_os(ENDS_WITH_PARENT) else {
        return Ok(());
    };
    let gone = || io::Error::other("the process that this one ends with is gone");
    let named = named.to_str().and_then(|named| named.parse::<i32>().ok());
    let named = named.and_then(Pid::from_raw).ok_or_else(gone)?;
    let handle = pidfd_open(named, PidfdFlags::empty()).map_err(|_| gone())?;
    let waits = move || {
        let mut watched = [PollFd::new(&handle, PollFlags::IN)];
        while poll(&mut watched, None).is_err() {}
        let _ = kill_process(getpid(), Signal::KILL);
    };
    let builder = std::thread::Builder::new().name("ends-with".to_owned());
    builder.spawn(waits).map(drop)
}

/// Where everything of a run lies.
#[derive(Debug)]
pub(crate) struct Place {
    place: TempDir,
    /// Held for as long as the run goes on.
    _lock: File,
}

impl Place {
    /// A new one; those of runs that were killed go.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn new() -> io::Result<Place> {
        let parent = std::env::temp_dir();
        for entry in parent.read_dir()?.flatten() {
            let name = entry.file_name();
            let is_named = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
            if is_named && was_left(&entry.path()) {
                // What can't be removed stays.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let place = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // It is never there without being held.
        let begun = place.path().join("lock");
        let lock = File::create_new(&begun)?;
        lock.lock()?;
        std::fs::rename(begun, place.path().join(LOCK))?;
        Ok(Place { place, _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn log(&self, name: &str) -> io::Result<File> {
        let path = self.path(&format!("{name}.log"));
        OpenOptions::new().create(true).append(true).open(path)
    }
}

/// Whether a run was killed that made this directory: it has our lock, and nobody holds that.
fn was_left(directory: &Path) -> bool {
    let is_directory = directory
        .symlink_metadata()
        .is_ok_and(|about| about.is_dir());
    let lock = File::open(directory.join(LOCK));
    is_directory && lock.is_ok_and(|lock| lock.try_lock().is_ok())
}

/// A process that is killed when nobody has it any more.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts `program ARGS`, which writes to its own log.
    ///
    /// # Errors
    /// When it can't be started.
    pub(crate) fn start<S: AsRef<OsStr>>(
        program: &Path,
        name: &str,
        args: impl IntoIterator<Item = S>,
        place: &Place,
    ) -> io::Result<Process> {
        let log = place.log(name)?;
        let child = command(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // What ends the run from the terminal ends it there, in order.
            .process_group(0)
            .spawn()?;
        Ok(Process(child))
    }

    /// Has it come behind others where processors are short.
    pub(crate) fn behind_others(self) -> Process {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        // Where that is not allowed it runs as everything else.
        let _ = pid.map(|pid| rustix::process::setpriority_process(Some(pid), NICE));
        self
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whom it handed over to as well: all that it started is in its group.
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = self.0.wait();
    }
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    of_the_rehearsal(&mut command);
    command
}

/// It ends with the rehearsal, and what the person who runs that has set is about their own hereby.
pub(crate) fn of_the_rehearsal(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HEREBY_") {
            command.env_remove(name);
        }
    }
    command.env(ENDS_WITH_PARENT, std::process::id().to_string())
}

/// Runs `program ARGS` to its end.
///
/// # Errors
/// When it can't be started.
pub(crate) fn call(program: &Path, args: &[String]) -> io::Result<Output> {
    command(program).args(args).stdin(Stdio::null()).output()
}

/// Ports that nobody listens on.
pub(crate) fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    // All are held until all are known: none comes twice.
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    held.iter()
        .map(|one| Ok(one.local_addr()?.port()))
        .collect()
}
