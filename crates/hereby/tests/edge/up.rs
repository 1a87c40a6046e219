//! What `hereby up` gives somebody who tries it: an edge beside control, which goes on by itself.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{HEREBY, Place, Process, curl, data_dir, eventually, free_port, hereby_in};

/// A data directory with an edge in it, which is ended with the test.
struct Home {
    place: Place,
    data: PathBuf,
    port: u16,
}

impl Home {
    fn new() -> Home {
        let (place, port) = (Place::new(), free_port());
        let data = data_dir(&place, "[status]\nlisten = \"127.0.0.1:0\"\n");
        let home = Home { place, data, port };
        home.serves("hello");
        home
    }

    /// What its edge answers with, from the next start or reload on.
    fn serves(&self, body: &str) {
        self.place.write(
            "data/edge.toml",
            &format!(
                "trusted = [\"127.0.0.1\"]\n[[listen]]\naddress = \"127.0.0.1:{}\"\n\
                 [[route]]\nname = \"hello\"\nrespond = {{ status = 200, body = \"{body}\" }}\n",
                self.port
            ),
        );
    }

    fn up(&self) -> Process {
        let log = std::fs::File::create(self.place.path("up.log")).unwrap();
        Process::start(
            Command::new(HEREBY)
                .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
                .arg(&self.data)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        )
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.place.path("up.log")).unwrap()
    }

    /// Waits until `up` says where its server is, which it does last.
    fn until_up(&self) {
        eventually("up is up", || self.said().contains("Ctrl-C"));
    }

    /// Runs `hereby ARGS` in this data directory, which must succeed.
    fn hereby(&self, args: &[&str]) -> String {
        hereby_in(&self.data, args)
    }

    fn edge_pid(&self) -> Option<u32> {
        let output = Command::new(HEREBY)
            .args(["edge", "top", "--once", "--json", "--data-dir"])
            .arg(&self.data)
            .output()
            .unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        status["pid"].as_u64()?.try_into().ok()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn answers(&self, client: &str) -> String {
        curl(&["-H", &format!("X-Forwarded-For: {client}"), &self.url()])
    }
}

impl Drop for Home {
    /// What serves goes on when `up` is killed: that is what it is for.
    fn drop(&mut self) {
        let here = self.data.display().to_string();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&here) {
                // It may have ended by itself meanwhile.
                let _ = Command::new("kill")
                    .arg("-KILL")
                    .arg(entry.file_name())
                    .stderr(Stdio::null())
                    .status();
            }
        }
    }
}

#[test]
fn up_runs_an_edge_that_outlives_it_is_found_again_and_ends_with_it() {
    let home = Home::new();
    let mut up = home.up();
    home.until_up();
    let said = home.said();
    assert!(said.contains(&home.port.to_string()), "{said}");
    assert_eq!(home.answers("192.0.2.7"), "hello");
    let pid = home.edge_pid().unwrap();

    home.hereby(&["ban", "192.0.2.0/24", "-m", "tries passwords"]);
    eventually("control's ban holds at its edge", || {
        home.answers("192.0.2.7").contains("address_banned")
    });
    home.serves("hello again");
    home.hereby(&["edge", "reload"]);
    assert_eq!(home.answers("198.51.100.7"), "hello again");

    up.kill();
    assert_eq!(home.answers("198.51.100.7"), "hello again");
    assert!(home.answers("192.0.2.7").contains("address_banned"));

    let mut up = home.up();
    home.until_up();
    assert_eq!(home.edge_pid(), Some(pid), "the one that runs is found");
    up.signal("-TERM");
    let ended = up.child.wait().unwrap();
    assert!(ended.success(), "{ended}: {}", home.said());
    assert_eq!(home.edge_pid(), None, "who stops it means all of it");
}

#[test]
fn control_comes_up_without_an_edge_and_says_what_is_wrong_with_it() {
    let home = Home::new();
    home.place
        .write("data/edge.toml", "[[listen]]\nadress = \"127.0.0.1:1\"\n");
    let mut up = home.up();
    home.until_up();
    let said = home.said();
    assert!(said.contains("the edge does not run"), "{said}");
    assert!(said.contains("did you mean \"address\"?"), "{said}");
    assert!(said.contains("edge.toml:2:1"), "{said}");
    home.hereby(&["declare", "the edge is down", "--severity", "2"]);
    // Once it is mended, the next `up` has one.
    home.serves("mended");
    up.signal("-TERM");
    assert!(up.child.wait().unwrap().success());
    let mut up = home.up();
    home.until_up();
    assert_eq!(home.answers("192.0.2.7"), "mended");
    up.signal("-TERM");
    assert!(up.child.wait().unwrap().success());
}
