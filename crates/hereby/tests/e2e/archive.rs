//! What tends a record that is stopped: archiving, rebuilding, keys, proofs. Nothing is lost that
//! could not be made again, and whoever holds the directory is not disturbed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::harness::{HEREBY, Place, Server, eventually, http};

/// Writes notes until the record has four segments of a mebibyte, then says how many acts it has.
pub(super) fn grow(place: &Place, server: &Server) -> usize {
    place.ok(&["declare", "the disk fills", "--severity", "3"]);
    let token = place.token("writer", "respond");
    for number in 0..220 {
        let text = format!("note {number} {}", "x".repeat(16_000));
        let id = format!("grow-{number}");
        let body = json!({ "incident": "INC-1", "text": text }).to_string();
        // One token may send 200 commands at once and 50 a second: on a quick machine some wait.
        eventually("the note is taken", || {
            let (status, said) = http(
                &server.address,
                "POST",
                "/api/v1/commands/incident.note",
                Some(&token),
                &[("Idempotency-Key", &id)],
                &body,
            )
            .unwrap();
            assert!(status == 200 || status == 503, "{said}");
            status == 200
        });
    }
    place.entries().len()
}

/// The files of the record's directories, with their lengths.
fn derived_and_not(place: &Place) -> Vec<(PathBuf, u64)> {
    fn add(directory: &Path, found: &mut Vec<(PathBuf, u64)>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => add(&path, found),
                false => found.push((path.clone(), path.metadata().unwrap().len())),
            }
        }
    }
    let mut found = Vec::new();
    add(&place.record(), &mut found);
    found.sort();
    found
}

fn with_ending(place: &Place, ending: &str) -> Vec<PathBuf> {
    let files = derived_and_not(place).into_iter().map(|(path, _)| path);
    files
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

/// Whoever holds the directory is named, and nothing is touched.
fn assert_nothing_is_tended(place: &Place, server: &Server, to: &str) {
    eventually("the indexes are written", || {
        with_ending(place, "idx").len() == 3
    });
    let before = with_ending(place, "jsonl");
    assert_eq!(before.len(), 4);
    for tending in [&["record", "archive", to, "--keep", "0"][..], &["rebuild"]] {
        let refused = place.hereby(tending);
        assert_eq!(refused.code, 7, "{tending:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(&server.pid().to_string()),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("stop that process"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(with_ending(place, "jsonl"), before);
    assert_eq!(with_ending(place, "idx").len(), 3);
}

/// Without a snapshot a start needs the archive, and that is no corruption.
fn assert_needs_the_archive(place: &Place) {
    let snapshots = place.record().join("snapshots");
    let kept = place.dir.path().join("snapshots");
    std::fs::rename(&snapshots, &kept).unwrap();
    let (mut server, ready) = place.try_serve(&[]);
    assert!(!ready);
    assert_eq!(
        server.child.wait().unwrap().code(),
        Some(3),
        "{}",
        place.log()
    );
    assert!(
        place.log().contains("mount the archive, then start again"),
        "{}",
        place.log()
    );
}

#[test]
fn a_record_whose_archive_is_not_mounted_starts_verifies_and_loses_nothing() {
    let place = Place::new();
    place.configure("segment_mib = 1");
    let (to, away) = (
        place.dir.path().join("archive"),
        place.dir.path().join("unmounted"),
    );
    let to_text = to.to_str().unwrap();
    let server = place.serve();
    let acts = grow(&place, &server);

    assert_nothing_is_tended(&place, &server, to_text);
    assert_eq!(server.stop(), 0);

    let state = place.ok(&["rebuild"]);
    place.ok(&["record", "archive", to_text, "--keep", "0"]);
    assert_eq!(with_ending(&place, "archived").len(), 3);
    assert_eq!(with_ending(&place, "jsonl").len(), 1);
    std::fs::rename(&to, &away).unwrap();

    // Without it: a start, new acts, and a verification that says what it is of.
    let server = place.serve();
    place.ok(&["note", "INC-1", "without the archive"]);
    assert_eq!(server.stop(), 0);
    let said = place.hereby(&["verify"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let all = acts + 1;
    let here = place.entries().len();
    assert!(
        said.stderr
            .contains(&format!("verified {here} of {all} acts of ")),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("signatures could not be checked"),
        "{}",
        said.stderr
    );
    assert_eq!(place.json(&["verify"])["checked"], here);
    let whole = place.json(&["verify", "--archive", away.to_str().unwrap()]);
    assert_eq!(
        (&whole["checked"], &whole["entries"]),
        (&json!(all), &json!(all))
    );

    // What is needed and can't be made again now is not thrown away.
    let before = derived_and_not(&place);
    let refused = place.hereby(&["rebuild"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("mount the archive"),
        "{}",
        refused.stderr
    );
    assert_eq!(derived_and_not(&place), before);

    assert_needs_the_archive(&place);

    // Mounted again, all of it is made again, and the next start does without.
    std::fs::rename(&away, &to).unwrap();
    assert_eq!(place.ok(&["rebuild"]), place.ok(&["rebuild"]));
    assert_ne!(place.ok(&["rebuild"]), state);
    assert_eq!(with_ending(&place, "idx").len(), 3);
    std::fs::rename(&to, &away).unwrap();
    assert_eq!(place.serve().stop(), 0);
}

#[test]
fn the_keystore_that_is_configured_opens_what_is_exported_from_the_files() {
    let place = Place::new();
    let (keys, away) = (place.dir.path().join("keys"), place.dir.path().join("away"));
    // It is made with the first key.
    place.configure(&format!("keystore = {keys:?}"));
    let server = place.serve();
    for title in ["payroll was copied", "and the accounts"] {
        place.ok(&["declare", title, "--severity", "1", "--private"]);
    }
    let file = |name: &str| place.dir.path().join(name).to_str().unwrap().to_owned();
    place.ok(&["export", "INC-1", "-o", &file("running.json")]);
    assert_eq!(server.stop(), 0);
    assert_eq!(
        place.json(&["record", "keys"])["sealing"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    place.ok(&["export", "INC-1", "-o", &file("opened.json"), "--with-keys"]);
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let opened = place.json(&["verify", "--bundle", &file("opened.json"), "--vkey", &vkey]);
    assert_eq!(
        opened["bundle"]["opened_fields"],
        opened["bundle"]["sealed_fields"]
    );
    assert_ne!(opened["bundle"]["sealed_fields"], 0);
    // A key that is not there is missed, not left out, and a keystore that is not there is no
    // keystore whose keys were erased.
    let export = |name: &str| place.hereby(&["export", "INC-1", "-o", &file(name), "--with-keys"]);
    let doctor = || place.hereby(&["doctor"]).stdout;
    let said = doctor();
    assert!(
        said.contains(&format!("{} has 2 keys", keys.display())),
        "{said}"
    );
    assert!(!said.contains("in the data directory"), "{said}");
    let one = place.json(&["record", "keys"])["sealing"][0].to_string();
    assert_eq!(one, "\"incident/INC-1\"");
    std::fs::create_dir(&away).unwrap();
    let opens_one = std::fs::read_dir(&keys).unwrap().map(|key| key.unwrap());
    let opens_one = opens_one.filter(|key| {
        std::fs::read_to_string(key.path())
            .unwrap()
            .contains("INC-1")
    });
    for key in opens_one {
        std::fs::rename(key.path(), away.join(key.file_name())).unwrap();
    }
    let refused = export("closed.json");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("is not in the keystore: incident/INC-1"),
        "{}",
        refused.stderr
    );
    std::fs::rename(&keys, place.dir.path().join("unmounted")).unwrap();
    let refused = export("closed.json");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("keys is not there"),
        "{}",
        refused.stderr
    );
    let said = doctor();
    assert!(
        said.contains("keys is not there, and the record has sealed text"),
        "{said}"
    );
    assert!(!Path::new(&file("closed.json")).exists());
    place.ok(&["export", "INC-1", "-o", &file("closed.json")]);

    // A running hereby reads on, and says what is missing instead of failing.
    let server = place.serve();
    assert!(place.ok(&["show", "INC-1"]).contains("(sealed)"));
    let refused = place.hereby(&["note", "INC-1", "one more"]);
    assert!(
        refused.stderr.contains("keys is not there"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("make room"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("erased:"), "{}", refused.stderr);
    let admin = place.token("exporter", "read,admin");
    let path = "/api/v1/incidents/INC-1/export?keys=true";
    let (status, bundle) = server.http("GET", path, Some(&admin), "").unwrap();
    assert_eq!(status, 200, "{bundle}");
    let bundle: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(bundle["sealed"]["keys"], json!(["incident/INC-1"]));
    assert_eq!(bundle["keys"], json!({}));
    let token = place.dir.path().join("token");
    std::fs::write(&token, admin).unwrap();
    let url = format!("http://{}", server.address);
    let refused = std::process::Command::new(HEREBY)
        .args(["export", "INC-1", "--with-keys", "--url", &url, "-o"])
        .arg(file("closed-too.json"))
        .arg("--token-file")
        .arg(&token)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(
        said.contains("is not in the keystore: incident/INC-1"),
        "{said}"
    );
    assert!(!Path::new(&file("closed-too.json")).exists());
}

#[test]
fn the_present_key_is_named_first_and_verifies_a_proof_from_stdout() {
    let place = Place::new();
    let server = place.serve();
    let first = place.ok(&["record", "keys"]).trim().to_owned();
    place.ok(&["record", "rotate"]);
    place.ok(&["declare", "after", "--severity", "4"]);
    let act = place.acts_of("incident.declared")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    place.ok(&["prove", &act]);
    assert_eq!(server.stop(), 0);
    let keys = place.ok(&["record", "keys"]);
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[1], first);
    let proof = place.ok(&["prove", &act]);
    let file = place.dir.path().join("act.tlog-proof");
    std::fs::write(&file, &proof).unwrap();
    let file = file.to_str().unwrap();
    let proven = place.ok(&["verify", "--proof", file, "--vkey", keys[0]]);
    assert!(proven.contains("after"), "{proven}");
    assert_eq!(
        place
            .hereby(&["verify", "--proof", file, "--vkey", keys[1]])
            .code,
        5
    );
    place.ok(&["verify", "--vkey", keys[1]]);
    assert_eq!(place.json(&["prove", &act])["proof"], proof);
}

/// Settings that were kept elsewhere were read by `serve` alone: whatever works without it looked
/// for the anchor and the keystore where they are by default.
#[test]
fn settings_that_are_kept_elsewhere_count_for_whatever_works_in_the_directory() {
    let place = Place::new();
    let keys = place.dir.path().join("keys");
    place.configure(&format!("keystore = {keys:?}"));
    let server = place.serve();
    place.ok(&["declare", "payroll", "--severity", "1", "--private"]);
    place.ok(&["prove", "1"]);
    assert_eq!(server.stop(), 0);
    let elsewhere = place.dir.path().join("elsewhere.toml");
    std::fs::rename(place.data().join("hereby.toml"), &elsewhere).unwrap();
    let elsewhere = elsewhere.to_str().unwrap();

    assert_ne!(place.hereby(&["verify"]).code, 0, "it needs the settings");
    place.ok(&["verify", "--config", elsewhere]);
    let data = place.data();
    place.ok(&["verify", data.to_str().unwrap(), "--config", elsewhere]);
    let named = place.json(&["record", "keys", "--config", elsewhere]);
    assert_eq!(named["sealing"], json!(["incident/INC-1"]));
    assert_eq!(
        place.ok(&["record", "--config", elsewhere, "tail"]),
        place.ok(&["record", "tail"])
    );
    let file = place.dir.path().join("opened.json");
    let file = file.to_str().unwrap();
    place.ok(&[
        "export",
        "INC-1",
        "--with-keys",
        "-o",
        file,
        "--config",
        elsewhere,
    ]);
    let found = place.hereby(&["doctor", "--config", elsewhere]).stdout;
    assert!(found.contains(keys.to_str().unwrap()), "{found}");
    assert!(found.contains("the anchor is on the same disk"), "{found}");
    place.ok(&["rebuild", "--config", elsewhere]);
    for line in [&["verify"][..], &["record", "tail"], &["rebuild"]] {
        let said = place.hereby(&[line, &["--config", "/no-such.toml"]].concat());
        assert_eq!(said.code, 2, "{line:?}: {}", said.stderr);
        assert!(said.stderr.contains("/no-such.toml"), "{}", said.stderr);
    }
}

/// Found on a full disk: the act that accepts an anchor was put off until there was room, and the
/// person was told that it stood on the record.
#[test]
fn an_anchor_is_not_said_to_be_accepted_where_the_record_has_no_room_to_say_so() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED an_anchor_is_not_said_to_be_accepted: only root may mount a small disk");
        return;
    }
    let place = Place::new();
    let disk = SmallDisk::mount(&place.data(), 48);
    place.configure("");
    let server = place.serve();
    place.ok(&["declare", "the disk fills", "--severity", "2"]);
    assert_eq!(server.stop(), 0);
    std::fs::remove_file(place.anchor()).unwrap();
    std::fs::remove_file(place.record().join("reserve")).unwrap();
    let filler = place.data().join("filler");
    disk.fill(&filler, 700 << 10);

    let accept = ["record", "accept-anchor", "-m", "its disk was replaced"];
    let said = place.hereby(&accept);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("was not accepted"), "{}", said.stderr);
    assert!(said.stderr.contains("make room"), "{}", said.stderr);
    assert!(place.acts_of("record.anchor_accepted").is_empty());

    std::fs::remove_file(filler).unwrap();
    let said = place.hereby(&accept);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("Accepted and recorded. The record has 3 acts"),
        "{}",
        said.stderr
    );
    assert_eq!(place.acts_of("record.anchor_accepted").len(), 1);
    // There is nothing to accept any more, and nothing is said to have been.
    let said = place.hereby(&accept);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("Nothing was to be"), "{}", said.stderr);
    assert_eq!(place.acts_of("record.anchor_accepted").len(), 1);
    assert_eq!(place.serve().stop(), 0);
    place.ok(&["verify"]);
}

/// A memory file system that stands for a small disk. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mib: u64) -> SmallDisk {
        let options = format!("size={mib}M,mode=700");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .status()
            .unwrap();
        assert!(mounted.success(), "{} can't be mounted", at.display());
        SmallDisk(at.to_owned())
    }

    /// Fills it until so many bytes are left.
    fn fill(&self, filler: &Path, leave: u64) {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        let free = stat.f_bavail * stat.f_frsize;
        let bytes = vec![b'x'; usize::try_from(free - leave).unwrap()];
        std::fs::write(filler, bytes).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: somebody may still be in there, and the test is over.
        let mut unmount = std::process::Command::new("umount");
        let _ = unmount.arg("-l").arg(&self.0).status();
    }
}
