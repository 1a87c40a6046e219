//! The restore drill: a backup is made while people work, the machine is lost, and another one goes
//! on from the backup. And what must not come back, does not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::harness::{Place, copy_dir};

/// A place whose keystore lies apart, and where its backups go.
struct Drill {
    place: Place,
}

impl Drill {
    fn new() -> Drill {
        let drill = Drill {
            place: Place::new(),
        };
        let keystore = drill.at("keystore");
        drill.place.configure(&format!("keystore = {keystore:?}"));
        drill
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    /// The same machine's disks, with another data directory.
    fn elsewhere(&self, name: &str) -> Elsewhere<'_> {
        Elsewhere {
            drill: self,
            data: self.at(name),
        }
    }

    fn restore(&self, backup: &str, to: &str) -> Value {
        let (backup, to, keys) = (self.text(backup), self.text(to), self.text("safe"));
        self.place
            .json(&["restore", &backup, "--to", &to, "--keys", &keys])
    }
}

struct Elsewhere<'a> {
    drill: &'a Drill,
    data: PathBuf,
}

impl Elsewhere<'_> {
    fn hereby(&self, args: &[&str]) -> std::process::Output {
        std::process::Command::new(super::harness::HEREBY)
            .args(args)
            .arg("--data-dir")
            .arg(&self.data)
            .env_remove("HEREBY_URL")
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let output = self.hereby(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts it and waits until it takes acts.
    fn serve(&self) -> super::harness::Server {
        let log = std::fs::File::create(self.drill.at("elsewhere.log")).unwrap();
        let child = std::process::Command::new(super::harness::HEREBY)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = super::harness::Server {
            child,
            address: String::new(),
        };
        let address = self.data.join("http.address");
        let log = || std::fs::read_to_string(self.drill.at("elsewhere.log")).unwrap();
        assert!(server.becomes_ready(&address), "{}", log());
        server
    }
}

/// What people see of the incidents.
fn answers(ask: impl Fn(&[&str]) -> String) -> Vec<String> {
    [
        &["incidents", "--all", "--json"][..],
        &["show", "INC-1", "--json"],
        &["show", "INC-2", "--json"],
        &["record", "keys", "--json"],
    ]
    .iter()
    .map(|line| ask(line))
    .collect()
}

/// Says that it is done once it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_restore_drill_brings_back_every_answer_that_was_given_before_the_last_backup() {
    let drill = Drill::new();
    let place = &drill.place;
    let mut server = place.serve();
    place.ok(&["declare", "checkout is slow", "--severity", "2"]);
    place.ok(&["declare", "payroll leaked", "--severity", "1", "--private"]);
    let crontab = drill.at("crontab");
    std::fs::write(&crontab, "* * * * * root /usr/sbin/.x\n").unwrap();
    place.ok(&[
        "note",
        "INC-1",
        "found it",
        "--file",
        crontab.to_str().unwrap(),
    ]);

    // Backups while commands flow: each is whole, each goes on from the one before.
    let (to, safe) = (drill.text("backup"), drill.text("safe"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let notes = scope.spawn(|| {
            let mut taken = 0;
            while !done.load(Ordering::Relaxed) {
                place.ok(&["note", "INC-1", &format!("note {taken}")]);
                taken += 1;
            }
            taken
        });
        // Also when an assertion below fails: the notes must not go on for ever.
        let ends = Ends(&done);
        let mut before = 0;
        for round in 0..6 {
            let made = place.json(&["backup", &to, "--keys", &safe]);
            let size = made["size"].as_u64().unwrap();
            assert!(size >= before, "{made}");
            assert_eq!(made["before"].is_null(), round == 0, "{made}");
            // That of the private incident, and that of the other one's file.
            assert_eq!(made["keys"]["subjects"], 2);
            before = size;
            place.ok(&["backup", "--check", &to, "--keys", &safe]);
        }
        drop(ends);
        assert!(notes.join().unwrap() > 0);
    });
    copy_dir(&drill.at("backup"), &drill.at("older"));
    place.ok(&["resolve", "INC-1", "the machines were built anew"]);
    let answered = answers(|line| place.ok(line));
    // The machine is lost; its disk is read once more.
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    place.ok(&["backup", &to, "--keys", &safe]);
    let acts = place.entries();
    std::fs::remove_dir_all(place.data()).unwrap();

    let restored = drill.restore("backup", "restored");
    assert_eq!(restored["anchor"]["standing"], "agrees", "{restored}");
    assert_eq!(restored["size"].as_u64().unwrap(), acts.len() as u64);
    assert_eq!(restored["blobs"], 1);
    let there = drill.elsewhere("restored");
    let server = there.serve();
    assert_eq!(answers(|line| there.ok(line)), answered);
    there.ok(&["verify"]);
    there.ok(&["auditor"]);
    there.ok(&["reopen", "INC-1", "-m", "it is back"]);
    assert_eq!(server.stop(), 0);

    // An older backup: the anchor knows better, and so does whoever restores it.
    let (older, to) = (drill.text("older"), drill.text("again"));
    let said = place.hereby(&["restore", &older, "--to", &to, "--keys", &safe]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("are not in this backup"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("record accept-anchor -m WHY"),
        "{}",
        said.stderr
    );
    let again = drill.elsewhere("again");
    let refused = again.hereby(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(8));
    again.ok(&["record", "accept-anchor", "-m", "the newer one is lost"]);
    let server = again.serve();
    assert!(again.ok(&["show", "INC-1"]).contains("note 0"));
    again.ok(&["note", "INC-1", "we go on"]);
    again.ok(&["verify"]);
    assert_eq!(server.stop(), 0);
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_backup_and_a_target_that_is_not_empty_are_refused_and_nothing_is_touched() {
    let drill = Drill::new();
    let place = &drill.place;
    let server = place.serve();
    place.ok(&["declare", "checkout is slow", "--severity", "2"]);
    let (to, target) = (drill.text("backup"), drill.text("restored"));
    place.ok(&["backup", &to]);
    let occupied = drill.text("data");
    let said = place.hereby(&["restore", &to, "--to", &occupied]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    let segment = drill.at("backup/record/segments/00000000000000000000.jsonl");
    flip(&segment);
    for line in [
        &["restore", &to, "--to", &target][..],
        &["backup", "--check", &to],
    ] {
        let said = place.hereby(line);
        assert_eq!(said.code, 5, "{line:?} {}", said.stderr);
        assert!(
            said.stderr.contains("0.jsonl: it has changed"),
            "{}",
            said.stderr
        );
    }
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);

    // Somebody who also mends the manifest still has no signature for it.
    let manifest = drill.at("backup/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut said: Value = serde_json::from_str(&text).unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    let kept = &mut said["files"]["record/segments/00000000000000000000.jsonl"];
    kept["sha256"] = serde_json::json!(record::hash::sha256(&[&bytes]));
    std::fs::write(&manifest, said.to_string()).unwrap();
    let said = place.hereby(&["restore", &to, "--to", &target]);
    assert_ne!(said.code, 0, "{}", said.stderr);
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);

    // What the command says mends it.
    std::fs::remove_file(&segment).unwrap();
    place.ok(&["backup", &to]);
    let said = place.hereby(&["restore", &to, "--to", &target]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("No keys were restored"),
        "{}",
        said.stderr
    );
    let said = place.hereby(&["backup", &to, "--keys", &format!("{to}/keys")]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("fiction"), "{}", said.stderr);
    let said = place.hereby(&["backup", &format!("{to}/manifest.json")]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("tar -C DIRECTORY"), "{}", said.stderr);
    assert_eq!(server.stop(), 0);
}

#[test]
fn what_was_erased_stays_erased_when_a_record_comes_back_that_was_backed_up_before() {
    let drill = Drill::new();
    let place = &drill.place;
    let server = place.serve();
    place.ok(&["declare", "kim reported it", "--severity", "1", "--private"]);
    place.ok(&["declare", "payroll leaked", "--severity", "1", "--private"]);
    let (to, safe) = (drill.text("backup"), drill.text("safe"));
    place.ok(&["backup", &to, "--keys", &safe]);
    assert_eq!(server.stop(), 0);
    // The name of the key's file is SHA-256 of what it is called.
    let digest = record::hash::sha256(&[b"incident/INC-1"]);
    let hex: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::remove_file(drill.at("keystore").join(hex)).unwrap();
    let said = place.hereby(&["backup", &to, "--keys", &safe]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    assert!(said.stderr.contains("incident/INC-1"), "{}", said.stderr);
    let newer = drill.text("newer");
    let said = place.json(&["backup", &newer, "--keys", &safe, "--erase"]);
    assert_eq!(
        said["keys"]["erased"],
        serde_json::json!(["incident/INC-1"])
    );

    // All is lost but the backups; the record's is the one from before.
    std::fs::remove_dir_all(place.data()).unwrap();
    std::fs::remove_dir_all(drill.at("keystore")).unwrap();
    drill.restore("backup", "restored");
    let there = drill.elsewhere("restored");
    let server = there.serve();
    assert!(there.ok(&["show", "INC-1"]).contains("(sealed)"));
    assert!(there.ok(&["show", "INC-2"]).contains("payroll leaked"));
    there.ok(&["verify"]);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_record_with_an_archive_comes_back_without_it_and_says_what_was_not_checked() {
    let place = Place::new();
    place.configure("segment_mib = 1");
    let server = place.serve();
    let acts = super::archive::grow(&place, &server);
    assert_eq!(server.stop(), 0);
    let at = |name: &str| place.dir.path().join(name).to_str().unwrap().to_owned();
    let (away, to, safe, back) = (at("away"), at("backup"), at("safe"), at("back"));
    place.ok(&["record", "archive", &away, "--keep", "1"]);
    let made = place.json(&["backup", &to, "--keys", &safe]);
    assert!(!made["archived"].as_array().unwrap().is_empty(), "{made}");
    std::fs::rename(&away, at("unmounted")).unwrap();
    std::fs::remove_dir_all(place.data()).unwrap();

    place.ok(&["backup", "--check", &to]);
    place.ok(&["restore", &to, "--to", &back, "--keys", &safe]);
    std::fs::rename(&back, place.data()).unwrap();
    let server = place.serve();
    assert_eq!(place.json(&["status"])["size"].as_u64(), Some(acts as u64));
    place.ok(&["note", "INC-1", "without the archive"]);
    let first = place.hereby(&["record", "show", "3"]);
    assert!(
        first.stderr.contains("archived segment"),
        "{}",
        first.stderr
    );
    place.ok(&["prove", &format!("{}", acts - 1)]);
    // The auditor goes on from the snapshot that was kept for this.
    let audited = place.json(&["auditor"]);
    assert_eq!(audited["sound"], true, "{audited}");
    assert!(audited["first"].as_u64().unwrap() > 0, "{audited}");
    assert_eq!(server.stop(), 0);
    place.ok(&["verify", "--archive", &at("unmounted")]);
}
