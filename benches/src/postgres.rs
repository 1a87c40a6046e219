//! A PostgreSQL of the benchmark's own: default settings, a socket in its own directory, gone at
//! the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::rig::{Failed, failed};

/// Where Debian keeps the versions of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user that PostgreSQL runs as: it refuses to run as root.
const USER: &str = "postgres";

/// A running cluster.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    pid: u32,
}

/// The directory with `initdb`, `pg_ctl` and `pgbench` of the newest version installed.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|it| it.path())
        .max_by_key(|path| number(path))?;
    let programs = newest.join("bin");
    programs.join("pgbench").is_file().then_some(programs)
}

impl Postgres {
    /// Makes a cluster under `directory` and starts it.
    ///
    /// # Errors
    /// When a step fails; what it said is in the error.
    pub fn start(programs: PathBuf, directory: &Path) -> Result<Postgres, Failed> {
        let directory = directory.join("postgres");
        fs::create_dir(&directory).map_err(failed("make a directory"))?;
        give_away(&directory)?;
        let mut postgres = Postgres {
            programs,
            directory,
            pid: 0,
        };
        let data = postgres.directory.join("data");
        postgres.run(
            "initdb",
            &[&"-A", &"trust", &"--no-instructions", &"-D", &data],
        )?;
        let listen = format!("-c listen_addresses= -k {}", postgres.directory.display());
        let log = postgres.directory.join("log");
        postgres.run(
            "pg_ctl",
            &[&"-D", &data, &"-l", &log, &"-o", &listen, &"-w", &"start"],
        )?;
        let pid = fs::read_to_string(data.join("postmaster.pid"));
        let pid = pid.map_err(failed("read the server's pid"))?;
        let pid = pid.lines().next().and_then(|line| line.parse().ok());
        postgres.pid = pid.ok_or(Failed("the server's pid is not one".to_owned()))?;
        Ok(postgres)
    }

    /// The server's process, whose children wait for its clients.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Runs SQL as the cluster's owner.
    ///
    /// # Errors
    /// When it fails.
    pub fn sql(&self, text: &str) -> Result<String, Failed> {
        self.run(
            "psql",
            &[
                &"-h",
                &self.directory,
                &"-q",
                &"-t",
                &"-v",
                &"ON_ERROR_STOP=1",
                &"-c",
                &text,
                &"postgres",
            ],
        )
    }

    /// So many clients that each run the script again and again; transactions a second.
    ///
    /// # Errors
    /// When `pgbench` fails, or a transaction did.
    pub fn bench(&self, script: &str, clients: usize, during: Duration) -> Result<f64, Failed> {
        let file = self.directory.join("script.sql");
        fs::write(&file, script).map_err(failed("write a script"))?;
        let (clients, seconds) = (clients.to_string(), during.as_secs().max(1).to_string());
        let said = self.run(
            "pgbench",
            &[
                &"-h",
                &self.directory,
                &"-n",
                &"-M",
                &"prepared",
                &"-j",
                &"2",
                &"-c",
                &clients,
                &"-T",
                &seconds,
                &"-f",
                &file,
                &"postgres",
            ],
        )?;
        if !said.contains("number of failed transactions: 0 (0.000%)") {
            return Err(Failed(format!("transactions failed: {said}")));
        }
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        tps.ok_or_else(|| Failed(format!("pgbench said no figure: {said}")))
    }

    fn run(&self, program: &str, args: &[&dyn AsRef<std::ffi::OsStr>]) -> Result<String, Failed> {
        let program = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", USER, "--"]).arg(&program);
                command
            }
            false => Command::new(&program),
        };
        command
            .args(args)
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        // The server inherits what it is started with, and would keep a pipe open.
        let server = args.iter().any(|arg| arg.as_ref() == "start");
        if server {
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            let status = status.map_err(failed("run PostgreSQL"))?;
            return match status.success() {
                true => Ok(String::new()),
                false => Err(Failed(format!("{} failed: {status}", program.display()))),
            };
        }
        let output = command.output().map_err(failed("run PostgreSQL"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let wrong = String::from_utf8_lossy(&output.stderr);
        Err(Failed(format!(
            "{} failed: {said}{wrong}",
            program.display()
        )))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.directory.join("data");
        // If it was never started there is nothing to stop.
        let _ = self.run(
            "pg_ctl",
            &[&"-D", &data, &"-m", &"immediate", &"-w", &"stop"],
        );
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a directory the PostgreSQL user's, and passable down to it.
fn give_away(directory: &Path) -> Result<(), Failed> {
    if !is_root() {
        return Ok(());
    }
    let parent = directory.parent().unwrap_or(directory);
    let passable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    fs::set_permissions(parent, passable).map_err(failed("open a directory"))?;
    let owned = Command::new("chown").arg(USER).arg(directory).status();
    match owned {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("chown failed: {status}"))),
        Err(error) => Err(failed::<io::Error>("run chown")(error)),
    }
}
