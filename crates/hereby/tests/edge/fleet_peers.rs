//! A control and its enrolled edges, as processes of their own, in one directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{HEREBY, PATIENCE, Place, Process, data_dir, eventually, free_port};

/// Control, and edges that ask it.
pub(crate) struct Fleet {
    pub(crate) place: Place,
    pub(crate) data: PathBuf,
    port: u16,
    /// What control and edges are processes of.
    programs: (PathBuf, PathBuf),
    control: Option<Process>,
    pub(crate) edges: Vec<Member>,
}

/// One of the edges.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) process: Option<Process>,
}

impl Fleet {
    /// Control with these edges, each in a cell of a ring, enrolled and started.
    pub(crate) fn new(edges: &[(&'static str, &str, &str)]) -> Fleet {
        Fleet::of((HEREBY.as_ref(), HEREBY.as_ref()), edges)
    }

    /// The same with control and edges of these programs.
    pub(crate) fn of(
        (control, of_edges): (&Path, &Path),
        edges: &[(&'static str, &str, &str)],
    ) -> Fleet {
        let place = Place::new();
        let data = data_dir(&place, "");
        let mut fleet = Fleet {
            place,
            data,
            port: free_port(),
            programs: (control.to_owned(), of_edges.to_owned()),
            control: None,
            edges: Vec::new(),
        };
        fleet.begin_control();
        for (name, cell, ring) in edges {
            // Of several edges in a cell the first makes it.
            fleet.ask(&["cell", "define", cell, "--ring", ring]);
            fleet.enroll(name, cell);
            fleet.edges.push(Member {
                name,
                port: free_port(),
                process: None,
            });
            fleet.begin(fleet.edges.len() - 1);
        }
        fleet
    }

    fn enroll(&self, name: &str, cell: &str) {
        let token = self.place.path(&format!("{name}.token"));
        let _ = std::fs::remove_file(&token);
        let token = token.to_str().unwrap();
        self.must(&["edge", "invite", name, "--cell", cell, "--output", token]);
        let url = format!("http://127.0.0.1:{}", self.port);
        let state = self.place.path(name);
        let state = state.to_str().unwrap();
        let enroll = ["edge", "enroll", name, "--state-dir", state, "--url", &url];
        let output = Command::new(&self.programs.1)
            .args(enroll)
            .args(["--token-file", token])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Has an edge show another token.
    pub(crate) fn enroll_anew(&self, number: usize, cell: &str) {
        self.enroll(self.edges[number].name, cell);
    }

    pub(crate) fn begin_control(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.place.path("control.log"))
            .unwrap();
        self.control = Some(Process::start(
            Command::new(&self.programs.0)
                .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)])
                .arg("--data-dir")
                .arg(&self.data)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        ));
        eventually("control is there", || self.ask(&["fleet"]).status.success());
    }

    /// As if the power was gone.
    pub(crate) fn kill_control(&mut self) {
        self.control.take().unwrap().kill();
    }

    /// Starts an edge.
    pub(crate) fn begin(&mut self, number: usize) {
        let member = &mut self.edges[number];
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.place.path(&format!("{}.log", member.name)))
            .unwrap();
        member.process = Some(Process::start(
            Command::new(&self.programs.1)
                .args(["edge", "--listen", &format!("127.0.0.1:{}", member.port)])
                .args(["--control-gone-after", "3s"])
                .arg("--state-dir")
                .arg(self.place.path(member.name))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        ));
    }

    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        Command::new(&self.programs.0)
            .args(args)
            .arg("--data-dir")
            .arg(&self.data)
            .env("XDG_CONFIG_HOME", self.place.path("config"))
            .env_remove("HEREBY_URL")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs `hereby ARGS`, which must succeed; what it printed.
    pub(crate) fn must(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        format!("{}{said}", String::from_utf8_lossy(&output.stdout))
    }

    /// Runs `hereby ARGS`, which must not; what it said.
    pub(crate) fn no(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert!(!output.status.success(), "{args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A directory with a version whose route answers so.
    pub(crate) fn version(&self, name: &str, status: u16, more: &str) -> String {
        let text = format!(
            "[[listen]]\naddress = \"0.0.0.0:8080\"\n[[tenant]]\nname = \"shop\"\nhosts = [\"*\"]\n\
             [[tenant]]\nname = \"cart\"\nhosts = [\"cart.example\"]\ncell = \"eu-1\"\n\
             [[route]]\nname = \"all\"\ntenant = \"shop\"\n\
             respond = {{ status = {status}, body = \"{name}\" }}\n\
             [[route]]\nname = \"cart\"\ntenant = \"cart\"\n\
             respond = {{ status = {status}, body = \"{name}'s cart\" }}\n{more}"
        );
        self.place.write(&format!("{name}/edge.toml"), &text);
        self.place.path(name).to_str().unwrap().to_owned()
    }

    /// A directory with a version of the cart's own.
    pub(crate) fn own(&self, name: &str, status: u16) -> String {
        let text = format!(
            "[[route]]\nname = \"all\"\nrespond = {{ status = {status}, body = \"{name}\" }}\n"
        );
        self.place.write(&format!("{name}/edge.toml"), &text);
        self.place.path(name).to_str().unwrap().to_owned()
    }

    /// Brings a version out by the quickest template that there may be.
    pub(crate) fn deploy(&self, name: &str, status: u16) -> String {
        let path = self.version(name, status, "");
        let template = self.template();
        self.must(&["deploy", &path, "--template", &template, "-m", name])
    }

    pub(crate) fn template(&self) -> String {
        let text = "name = \"quick\"\nwatch_ms = 60000\n[[stage]]\nreach = \"internal\"\n\
            time_ms_min = 10000\nrequests_min = 5\n[[stage]]\nreach = \"all\"\n[[trigger]]\n\
            name = \"errors\"\nmeasure = \"errors\"\ncompare = true\nmost_ppm = 100000\n\
            requests_min = 20\n";
        self.place.write("quick.toml", text);
        self.place.path("quick.toml").to_str().unwrap().to_owned()
    }

    /// What an edge answers; empty where none does.
    pub(crate) fn answer(&self, number: usize) -> String {
        self.answer_of("shop.example", number)
    }

    /// The same for that host.
    pub(crate) fn answer_of(&self, host: &str, number: usize) -> String {
        let url = format!("http://127.0.0.1:{}/", self.edges[number].port);
        let output = Command::new("curl")
            .args([
                "-s",
                "--max-time",
                "5",
                "-H",
                &format!("Host: {host}"),
                &url,
            ])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether all of them answer so.
    pub(crate) fn all_answer(&self, text: &str) -> bool {
        (0..self.edges.len()).all(|number| self.answer(number) == text)
    }

    /// What control knows of an edge.
    pub(crate) fn known(&self, name: &str) -> Value {
        let shown: Value = serde_json::from_str(&self.must_json(&["fleet", "--json"])).unwrap();
        let edges = shown["edges"].as_array().unwrap();
        edges
            .iter()
            .find(|edge| edge["edge"] == name)
            .unwrap()
            .clone()
    }

    pub(crate) fn must_json(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How the newest deployment stands.
    pub(crate) fn standing(&self) -> String {
        let shown: Value = serde_json::from_str(&self.must_json(&["history", "--json"])).unwrap();
        shown["items"][0]["standing"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits as long as a rollout takes.
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut(&Fleet) -> bool) {
        let begun = std::time::Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < 4 * PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Requests to all edges, one after the other on each, until it is dropped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    counts: Vec<Arc<(AtomicU64, AtomicU64)>>,
}

impl Load {
    pub(crate) fn on(fleet: &Fleet, host: &'static str) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = Load {
            stop: stop.clone(),
            threads: Vec::new(),
            counts: Vec::new(),
        };
        for member in &fleet.edges {
            let (port, stop) = (member.port, stop.clone());
            let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
            load.counts.push(counts.clone());
            load.threads.push(std::thread::spawn(move || {
                while !stop.load(Relaxed) {
                    if let Some(status) = once(port, host) {
                        counts.0.fetch_add(1, Relaxed);
                        counts.1.fetch_add(u64::from(status != 200), Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }));
        }
        load
    }

    /// Requests of each edge, and those that were not answered with 200.
    pub(crate) fn counts(&self) -> Vec<(u64, u64)> {
        let all = self.counts.iter();
        all.map(|counts| (counts.0.load(Relaxed), counts.1.load(Relaxed)))
            .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One request; none: nobody listens there.
fn once(port: u16, host: &str) -> Option<u16> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let sent = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    if sent.is_err() || stream.read_to_end(&mut answer).is_err() {
        return Some(0);
    }
    Some(crate::harness::status_of(&answer))
}
