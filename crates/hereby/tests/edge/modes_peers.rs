//! What an edge depends on, so that it can be taken away: control, a disk, names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{HEREBY, Place, Process, data_dir, eventually, hereby_in};

/// A real `hereby serve`, which tells the edge of this place what must hold at once.
pub(crate) struct Control {
    pub(crate) process: Process,
    data: PathBuf,
}

impl Control {
    /// Starts it. The state directory of the place's edge is the one that it writes to.
    pub(crate) fn start(place: &Place) -> Control {
        let data = data_dir(place, "");
        symlink(data.join("edge"), place.path("state")).unwrap();
        let log = std::fs::File::create(place.path("control.log")).unwrap();
        let process = Process::start(
            Command::new(HEREBY)
                .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
                .arg(&data)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        let control = Control { process, data };
        eventually("control says what holds", || {
            control.data.join("edge/overlay.json").exists()
        });
        control
    }

    /// Runs `hereby ARGS`, which must succeed.
    pub(crate) fn says(&self, args: &[&str]) {
        hereby_in(&self.data, args);
    }
}

/// A disk of a few pages: a file system in memory, in a mount namespace that ends with this.
pub(crate) struct SmallDisk {
    _holder: Process,
    at: PathBuf,
}

impl SmallDisk {
    /// Makes one, and makes it the place of the edge's state.
    pub(crate) fn new(place: &Place, kib: u32) -> SmallDisk {
        let mount = place.path("disk");
        std::fs::create_dir(&mount).unwrap();
        let script =
            format!("mount -t tmpfs -o size={kib}k none \"$1\" && echo mounted && exec sleep 300");
        let mut holder = Process::start(
            Command::new("unshare")
                .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
                .arg(&mount)
                .stdout(Stdio::piped()),
        );
        let mut line = String::new();
        let out = holder.child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n", "unshare may make a namespace");
        let inside = format!("/proc/{}/root{}", holder.id(), mount.display());
        symlink(&inside, place.path("state")).unwrap();
        SmallDisk {
            _holder: holder,
            at: inside.into(),
        }
    }

    /// Leaves not a byte.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.at.join("fill")).unwrap();
        let full = loop {
            if let Err(error) = file.write_all(&[0; 1_024]) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        // A page may have been left half used.
        while file.write_all(&[0]).is_ok() {}
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.at.join("fill")).unwrap();
    }
}

/// The machine's table of hosts, as one process sees it.
pub(crate) struct Hosts {
    file: PathBuf,
    sources: PathBuf,
}

impl Hosts {
    pub(crate) fn new(place: &Place) -> Hosts {
        Hosts {
            file: place.write("hosts", "127.0.0.1 localhost\n"),
            // No name server is asked.
            sources: place.write("nsswitch.conf", "hosts: files\n"),
        }
    }

    /// What starts the edge with this table.
    pub(crate) fn command(&self) -> Command {
        let script = "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/nsswitch.conf &&
            shift 2 && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .args([&self.file, &self.sources])
            .arg(HEREBY);
        command
    }

    /// From now on it says this, besides localhost.
    pub(crate) fn say(&self, lines: &str) {
        // In its place: what is mounted is this file, not its name.
        std::fs::write(&self.file, format!("127.0.0.1 localhost\n{lines}")).unwrap();
    }
}
