//! The process that serves the page for `hereby up`: its own, so that readers are answered when
//! this one is gone.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::exit::{Exit, Failure};

/// A server of the page that goes on by itself.
pub(crate) struct Served {
    child: std::process::Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts `hereby page serve` on this directory, in a process group of its own: what ends this
    /// process does not reach it. One that serves there already, left by an earlier `up` that was
    /// killed, keeps the address, and serves the same directory.
    ///
    /// # Errors
    /// When it can't be started, or does not say within a few seconds that it listens.
    pub(crate) fn start(directory: &Path, listen: SocketAddr) -> Result<Served, Failure> {
        use std::io::BufRead as _;
        use std::os::unix::process::CommandExt as _;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Internal, "the status page can't be served").because(error)
        };
        let own = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut child = Command::new(own)
            .args(["page", "serve", "--dir"])
            .arg(directory)
            .args(["--listen", &listen.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // Ctrl-C in this terminal is not meant for it.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&error))?;
        let said = child.stdout.take();
        let mut line = String::new();
        if let Some(said) = said {
            // It says where it listens, or ends.
            let mut said = std::io::BufReader::new(said);
            said.read_line(&mut line).map_err(|error| failed(&error))?;
        }
        match line.trim().strip_prefix("http://").map(str::parse) {
            Some(Ok(address)) => Ok(Served { child, address }),
            _ => {
                let _ = child.wait();
                Err(failed(&format!("{listen} is taken, or can't be used"))
                    .hint("name another address as status.listen in hereby.toml"))
            }
        }
    }

    /// Stops it: who stops `up` by hand means the whole of it.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
