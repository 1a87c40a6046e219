//! A disk that is really full: a small ext4 of its own, filled to the last block.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::script::{self, Outcome, local};
use crate::harness::{HEREBY, Place, Server, eventually};

/// What is kept free of ordinary commands.
const LOW_WATER_MIB: u64 = 16;

/// A file system that is mounted on a place's data directory. Unmounted when dropped.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts an ext4 of so many mebibytes, or a memory file system where there are no loop
    /// devices. The error says why neither can be had.
    fn mount(place: &Place, mib: u64) -> Result<Disk, String> {
        let image = place.dir.path().join("disk.img");
        let at = place.data();
        File::create(&image)
            .and_then(|file| file.set_len(mib << 20))
            .unwrap();
        let (image, on) = (image.to_str().unwrap(), at.to_str().unwrap());
        // No blocks are kept back for root: full is full for everyone.
        let ext4 = tool("mkfs.ext4", &["-q", "-F", "-m", "0", image])
            .and_then(|()| tool("mount", &["-o", "loop", image, on]));
        let size = format!("size={mib}M");
        ext4.or_else(|why| {
            tool("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", on])
                .map(|()| eprintln!("a memory file system stands for the disk: {why}"))
                .map_err(|also| format!("{why}; {also}"))
        })?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&at, mode).unwrap();
        Ok(Disk { at })
    }

    fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.at).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Fills it until so many bytes are left; 0: until nothing more can be written.
    fn fill(&self, leave: u64) {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        let block = vec![b'x'; 64 << 10];
        while self.free_bytes() > leave + block.len() as u64 {
            filler.write_all(&block).unwrap();
            filler.sync_data().unwrap();
        }
        if leave == 0 {
            for size in [4_096, 1_024, 1] {
                while filler.write(&block[..size]).is_ok() {}
            }
            filler.sync_data().unwrap();
        }
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: somebody may still be in there, and the test is over.
        let _ = tool("umount", &["-l", self.at.to_str().unwrap()]);
    }
}

fn tool(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// A place on a disk of its own; `None`, said by name, where nothing may be mounted.
fn small_disk(test: &str, mib: u64) -> Option<(Place, Disk)> {
    let place = Place::new();
    match Disk::mount(&place, mib) {
        Ok(disk) => {
            place.configure("");
            let file = place.data().join("hereby.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let low_water = format!("free_min_mib = {LOW_WATER_MIB}");
            assert!(text.contains("free_min_mib = 1\n"), "{text}");
            std::fs::write(file, text.replace("free_min_mib = 1", &low_water)).unwrap();
            Some((place, disk))
        }
        Err(why) => {
            assert!(
                !rustix::process::geteuid().is_root(),
                "root may mount: {why}"
            );
            eprintln!("SKIPPED {test}: only root may mount a small disk: {why}");
            None
        }
    }
}

/// What was asked on the local socket was refused for want of room.
#[track_caller]
fn assert_no_room(place: &Place, path: &str, id: &str, body: &Value) {
    let answer = local(place, "POST", path, Some(id), &body.to_string())
        .unwrap()
        .unwrap();
    let said: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!(
        (answer.0, said["reason"].as_str()),
        (507, Some("no_space")),
        "{said}"
    );
    assert_eq!(said["outcome"], "refused");
}

/// What people read during an incident.
#[track_caller]
fn assert_reads(place: &Place, incidents: usize) {
    assert!(
        place
            .ok(&["show", "INC-1"])
            .contains("before the disk is full")
    );
    let listed = place.json(&["incidents"]);
    let count = listed
        .as_array()
        .or_else(|| listed["items"].as_array())
        .map(Vec::len);
    assert_eq!(count, Some(incidents), "{listed}");
    let status = local(place, "GET", "/api/v1/status", None, "")
        .unwrap()
        .unwrap();
    assert_eq!(status.0, 200);
    place.ok(&["verify"]);
}

/// Starts hereby where not even its address can be written down.
fn serve_on_full(place: &Place) -> Server {
    let log = File::options()
        .append(true)
        .create(true)
        .open(place.dir.path().join("log"));
    let child = Command::new(HEREBY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(place.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.unwrap())
        .spawn()
        .unwrap();
    let mut server = Server {
        child,
        address: String::new(),
    };
    eventually("it answers on the local socket", || {
        if let Some(status) = server.child.try_wait().unwrap() {
            panic!("it ended: {status}: {}", place.log());
        }
        matches!(
            local(place, "GET", "/healthz", None, ""),
            Some(Ok((200, _)))
        )
    });
    server
}

fn readiness(place: &Place) -> u16 {
    local(place, "GET", "/readyz", None, "").unwrap().unwrap().0
}

fn reserve_bytes(place: &Place) -> u64 {
    std::fs::metadata(place.record().join("reserve")).map_or(0, |found| found.len())
}

/// Below the low-water mark incidents go on, and nothing else does.
fn is_low(place: &Place) {
    let token = [
        "token",
        "issue",
        "--for",
        "service:x",
        "--scope",
        "read",
        "--expires",
        "1d",
    ];
    let refused = place.hereby(&token);
    assert_eq!(refused.code, 3, "{}{}", refused.stdout, refused.stderr);
    assert!(
        refused.stderr.contains("the disk is full"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("make room"), "{}", refused.stderr);
    let expect = json!({"heartbeat": "backup", "interval_ms": 60_000, "grace_ms": 60_000});
    assert_no_room(
        place,
        "/api/v1/commands/heartbeat.expect",
        "expect-1",
        &expect,
    );
    assert_eq!(readiness(place), 503);
    assert!(matches!(
        script::alert("alert-1").send(place),
        Outcome::Refused(507, _)
    ));
    place.ok(&["note", "INC-1", "the disk fills"]);
    assert_reads(place, 1);
}

/// To the last block: the reserve is given up for an incident.
fn is_full(place: &Place) {
    assert_eq!(
        place
            .ok(&["declare", "the disk is full", "--severity", "1"])
            .trim(),
        "INC-2"
    );
    assert_eq!(reserve_bytes(place), 0);
    assert!(place.log().contains("reserve is given up"));
    place.ok(&["note", "INC-2", "by the reserve"]);
}

/// And with that gone as well, nothing is taken any more.
fn is_full_to_the_reserve(place: &Place) {
    let refused = place.hereby(&["note", "INC-2", "no room for this", "--id", "late-note"]);
    assert_eq!(refused.code, 3, "{}{}", refused.stdout, refused.stderr);
    assert!(
        refused.stderr.contains("the disk is full"),
        "{}",
        refused.stderr
    );
    let declare = json!({"title": "one more", "severity": 1});
    assert_no_room(
        place,
        "/api/v1/commands/incident.declare",
        "declare-3",
        &declare,
    );
    assert!(matches!(
        script::alert("alert-2").send(place),
        Outcome::Refused(507, _)
    ));
    assert_reads(place, 2);
}

/// Room again, and no restart.
fn has_room(place: &Place) {
    place.ok(&["note", "INC-2", "no room for this", "--id", "late-note"]);
    place.ok(&[
        "token",
        "issue",
        "--for",
        "service:x",
        "--scope",
        "read",
        "--expires",
        "1d",
    ]);
    assert!(matches!(
        script::alert("alert-2").send(place),
        Outcome::Done(_)
    ));
    assert_eq!(reserve_bytes(place), 8 << 20, "the reserve is made again");
    assert_eq!(readiness(place), 200);
    eventually("what was written meanwhile is published", || {
        let status = local(place, "GET", "/api/v1/status", None, "")
            .unwrap()
            .unwrap()
            .1;
        let status: Value = serde_json::from_str(&status).unwrap();
        status["size"] == status["published_size"]
    });
}

#[test]
fn full_disk_refuses_clearly_reads_on_and_goes_on_when_there_is_room() {
    let Some((place, disk)) = small_disk("full_disk_refuses_clearly", 96) else {
        return;
    };
    let server = place.serve();
    place.ok(&["declare", "before the disk is full", "--severity", "2"]);
    assert_eq!(reserve_bytes(&place), 8 << 20);
    assert_eq!(readiness(&place), 200);
    disk.fill((LOW_WATER_MIB << 20) - (2 << 20));
    is_low(&place);
    disk.fill(0);
    assert_eq!(disk.free_bytes(), 0);
    is_full(&place);
    disk.fill(0);
    is_full_to_the_reserve(&place);

    // Who restarts it now can still read.
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
    let server = serve_on_full(&place);
    assert_reads(&place, 2);
    assert_eq!(place.hereby(&["note", "INC-2", "still no room"]).code, 3);

    std::fs::remove_file(disk.filler()).unwrap();
    eventually("there is room", || disk.free_bytes() > 48 << 20);
    has_room(&place);
    assert_eq!(server.stop(), 0);
    let notes = place.acts_of("incident.noted");
    let texts: Vec<_> = notes
        .iter()
        .map(|act| act["body"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        ["the disk fills", "by the reserve", "no room for this"]
    );
    place.ok(&["verify"]);
}

/// Found by a disk that was full from the beginning: the first command was written as entry 0, and
/// a record that no act opens never verifies.
#[test]
fn full_disk_a_record_without_room_for_its_opening_act_takes_nothing_else_before_it() {
    let Some((place, disk)) = small_disk("full_disk_a_record_without_room", 48) else {
        return;
    };
    disk.fill(700 << 10);
    let server = serve_on_full(&place);
    let declare = script::declare("first", false);
    assert!(matches!(declare.send(&place), Outcome::Refused(507, _)));
    assert_eq!(place.acts().len(), 0);
    std::fs::remove_file(disk.filler()).unwrap();
    let begun = Instant::now();
    while !matches!(declare.send(&place), Outcome::Done(_)) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", place.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.stop(), 0);
    assert!(
        place.acts()[0]["kind"]
            .as_str()
            .unwrap()
            .starts_with("record.opened/")
    );
    place.ok(&["verify"]);
}

/// A torn tail that is set aside on a full disk is told of as soon as there is room.
#[test]
fn full_disk_a_recovery_is_told_of_before_anything_else_is_written() {
    let Some((place, disk)) = small_disk("full_disk_a_recovery_is_told_of", 64) else {
        return;
    };
    let server = place.serve();
    place.ok(&["declare", "before the disk is full", "--severity", "2"]);
    assert_eq!(server.stop(), 0);
    let segment = place.record().join(super::FIRST_SEGMENT);
    let whole = std::fs::metadata(&segment).unwrap().len();
    let mut file = File::options().append(true).open(&segment).unwrap();
    file.write_all(b"{\"actor\":{\"id\":0,\"type\":\"uid\"},\"at\"")
        .unwrap();
    drop(file);
    std::fs::remove_file(place.record().join("reserve")).unwrap();
    disk.fill(700 << 10);
    let server = serve_on_full(&place);
    assert_eq!(std::fs::metadata(&segment).unwrap().len(), whole);
    assert_eq!(place.hereby(&["note", "INC-1", "before it"]).code, 3);
    assert_reads(&place, 1);
    std::fs::remove_file(disk.filler()).unwrap();
    eventually("there is room", || {
        place.hereby(&["note", "INC-1", "after it"]).code == 0
    });
    assert_eq!(server.stop(), 0);
    let kinds: Vec<String> = place
        .acts()
        .iter()
        .map(|act| act["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "record.opened/1",
            "incident.declared/1",
            "record.recovered/1",
            "incident.noted/1"
        ]
    );
    place.ok(&["verify"]);
}
