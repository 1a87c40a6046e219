//! A witness cosigns, keeps a copy, and catches whoever rewrites history, even with the log's key.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::sha256;
use record::note::{Algorithm, SignerKey};
use record::witness::AddCheckpoint;

use super::forge;
use super::harness::{HEREBY, PATIENCE, Place, copy_dir, eventually, http};

/// A running `hereby witness`. Killed when dropped.
struct Witness {
    child: Child,
    address: String,
    vkey: String,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a witness in `dir` at `listen` for the log with this key; with a source it keeps a copy.
fn witness(dir: &Path, vkey: &str, listen: &str, source: Option<(&str, &Path)>) -> Witness {
    let said = dir.with_extension("said");
    let key = dir.with_extension("vkey");
    let file = |path: &PathBuf| std::fs::File::create(path).unwrap();
    let mut command = Command::new(HEREBY);
    command
        .arg("witness")
        .arg(dir)
        .args(["--vkey", vkey, "--listen", listen]);
    if let Some((url, token)) = source {
        command.args(["--url", url, "--token-file"]).arg(token);
    }
    let child = command
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(file(&key))
        .stderr(file(&said))
        .spawn()
        .unwrap();
    let mut witness = Witness {
        child,
        address: String::new(),
        vkey: String::new(),
    };
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let text = std::fs::read_to_string(&said).unwrap();
        if let Some((_, rest)) = text.split_once("url = \"http://")
            && let Some((address, _)) = rest.split_once('"')
        {
            witness.address = address.to_owned();
            witness.vkey = std::fs::read_to_string(&key).unwrap().trim().to_owned();
            return witness;
        }
        assert!(
            witness.child.try_wait().unwrap().is_none(),
            "the witness ended: {text}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the witness does not listen");
}

fn configured(place: &Place, witness: &Witness) {
    place.configure(&format!(
        "[[record.witness]]\nurl = \"http://{}\"\nvkey = \"{}\"\n",
        witness.address, witness.vkey
    ));
}

/// The size that the first witness has cosigned, as the status says.
fn cosigned(place: &Place) -> Option<u64> {
    let status = place.json(&["status"]);
    let of = |value: &serde_json::Value| value["witnesses"][0]["size"].as_u64();
    of(&status).or_else(|| of(&status["status"]))
}

fn size(place: &Place) -> u64 {
    u64::try_from(place.acts().len()).unwrap()
}

#[test]
fn a_witness_cosigns_keeps_a_copy_and_holds_nobody_up() {
    let place = Place::new();
    let server = place.serve();
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let token = place.dir.path().join("token");
    std::fs::write(&token, place.token("witness", "witness")).unwrap();
    let dir = place.dir.path().join("w");
    let url = format!("http://{}", server.address);
    let running = witness(&dir, &vkey, "127.0.0.1:0", Some((&url, &token)));
    let (address, witness_key) = (running.address.clone(), running.vkey.clone());
    configured(&place, &running);
    let listen = server.address.clone();
    server.stop();
    // The same address again: the witness fetches from there.
    let server = serve_at(&place, &listen);
    for number in 0..5 {
        place.ok(&["declare", &format!("incident {number}"), "--severity", "4"]);
    }
    eventually("the newest checkpoint is cosigned", || {
        cosigned(&place) == Some(size(&place))
    });
    let (_, note) = server.http("GET", "/record/checkpoint", None, "").unwrap();
    let name = witness_key.split('+').next().unwrap();
    assert!(note.contains(&format!("— {name} ")), "{note}");
    let held = dir.to_str().unwrap();
    eventually("the copy is complete", || {
        let copied = std::fs::read_to_string(dir.join("copied")).unwrap_or_default();
        copied.contains(&format!("\"size\":{}}}", size(&place)))
    });
    place.ok(&["verify", "--witness", held]);

    // Gone, it holds nobody up.
    drop(running);
    let before = Instant::now();
    place.ok(&["declare", "while the witness is gone", "--severity", "4"]);
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
    // Back, it catches up, and remembers.
    let _running = witness(&dir, &vkey, &address, Some((&url, &token)));
    eventually("it caught up", || cosigned(&place) == Some(size(&place)));
    server.stop();
    place.ok(&["verify", "--witness", held]);
}

/// `hereby serve` at this address.
fn serve_at(place: &Place, address: &str) -> super::harness::Server {
    let child = Command::new(HEREBY)
        .args(["serve", "--listen", address, "--data-dir"])
        .arg(place.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place.dir.path().join("log-at")).unwrap())
        .spawn()
        .unwrap();
    let server = super::harness::Server {
        child,
        address: address.to_owned(),
    };
    eventually("it is ready", || {
        server
            .http("GET", "/readyz", None, "")
            .is_ok_and(|(status, _)| status == 200)
    });
    server
}

#[test]
fn a_thief_of_the_logs_key_who_rewrites_history_is_caught_by_the_witness() {
    let place = Place::new();
    forge::write(
        &place.data(),
        &place.anchor(),
        |key| forge::acts(key, 400, |index| format!("note {index}: the truth")),
        400,
        |_| {},
    );
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let dir = place.dir.path().join("w");
    let token = place.dir.path().join("token");
    let server = place.serve();
    std::fs::write(&token, place.token("witness", "witness")).unwrap();
    let url = format!("http://{}", server.address);
    let running = witness(&dir, &vkey, "127.0.0.1:0", Some((&url, &token)));
    configured(&place, &running);
    let listen = server.address.clone();
    server.stop();
    let server = serve_at(&place, &listen);
    let honest = size(&place);
    eventually("it is copied", || {
        let copied = std::fs::read_to_string(dir.join("copied")).unwrap_or_default();
        copied.contains(&format!("\"size\":{honest}}}"))
    });
    server.stop();
    place.ok(&["verify", "--witness", dir.to_str().unwrap()]);

    // The thief writes another record with the same key and name, one note changed, as long as
    // the true one.
    let forged = place.dir.path().join("forged");
    std::fs::create_dir(&forged).unwrap();
    std::fs::set_permissions(&forged, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    copy_dir(&place.data().join("keys"), &forged);
    let toml = std::fs::read_to_string(place.data().join("hereby.toml")).unwrap();
    let anchor = place.dir.path().join("forged-anchor");
    let toml = toml.replace(place.anchor().to_str().unwrap(), anchor.to_str().unwrap());
    std::fs::write(forged.join("hereby.toml"), toml).unwrap();
    let lie = |index| match index {
        137 => "note 137: nothing happened here".to_owned(),
        _ => format!("note {index}: the truth"),
    };
    forge::write(
        &forged,
        &anchor,
        |key| forge::acts(key, honest, lie),
        1_000,
        |_| {},
    );

    // Alone it verifies: the key is the right one.
    let forged_dir = forged.to_str().unwrap();
    place.ok(&["verify", forged_dir, "--vkey", &vkey]);
    // Beside the witness's copy it does not, and the first lie is named.
    let said = place.hereby(&[
        "verify",
        forged_dir,
        "--vkey",
        &vkey,
        "--witness",
        dir.to_str().unwrap(),
    ]);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(
        said.stderr.contains("first bad entry is 137"),
        "{}",
        said.stderr
    );

    // And the witness cosigns nothing of it.
    let before = std::fs::read(dir.join("checkpoint")).unwrap();
    let log = place.dir.path().join("forged-log");
    let mut thief = Command::new(HEREBY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", forged_dir])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    eventually("the witness refuses", || {
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("a witness did not cosign")
    });
    thief.kill().unwrap();
    thief.wait().unwrap();
    assert_eq!(std::fs::read(dir.join("checkpoint")).unwrap(), before);
}

#[test]
fn a_witness_answers_as_the_protocol_says() {
    let place = Place::new();
    let key = SignerKey::from_seed("log.example/one", Algorithm::Ed25519, [1; 32]).unwrap();
    let dir = place.dir.path().join("w");
    let running = witness(&dir, &key.verifier().to_string(), "127.0.0.1:0", None);
    let add =
        |body: &str| http(&running.address, "POST", "/add-checkpoint", None, &[], body).unwrap();
    let request = |signer: &SignerKey, origin: &str, old: u64, size: u64, word: &[u8]| {
        let checkpoint = Checkpoint::new(origin, size, sha256(&[word])).unwrap();
        let note = signer.sign_note(checkpoint.to_text()).unwrap();
        AddCheckpoint::new(old, vec![], note).unwrap().to_string()
    };
    let own = "log.example/one";
    assert_eq!(add("no request at all").0, 400);
    let stranger = SignerKey::from_seed("log.example/two", Algorithm::Ed25519, [2; 32]).unwrap();
    assert_eq!(
        add(&request(&stranger, "log.example/two", 0, 5, b"a")).0,
        404
    );
    let liar = SignerKey::from_seed(own, Algorithm::Ed25519, [3; 32]).unwrap();
    assert_eq!(add(&request(&liar, own, 0, 5, b"a")).0, 403);
    let (status, line) = add(&request(&key, own, 0, 5, b"a"));
    assert_eq!(status, 200, "{line}");
    assert!(
        line.starts_with("— ") && line.ends_with('\n') && line.lines().count() == 1,
        "{line}"
    );
    // Asked from another size it names the one it knows; with another root it refuses.
    let (status, size) = add(&request(&key, own, 0, 9, b"b"));
    assert_eq!((status, size.as_str()), (409, "5\n"));
    assert_eq!(add(&request(&key, own, 5, 5, b"b")).0, 422);
    assert_eq!(add(&request(&key, own, 5, 9, b"b")).0, 422);
    // It remembers after a restart, and shows what it cosigned.
    let (address, vkey) = (running.address.clone(), key.verifier().to_string());
    drop(running);
    let running = witness(&dir, &vkey, &address, None);
    let again = http(
        &running.address,
        "POST",
        "/add-checkpoint",
        None,
        &[],
        &request(&key, own, 0, 9, b"b"),
    );
    assert_eq!(again.unwrap().0, 409);
    let digest: String = sha256(&[own.as_bytes()])
        .0
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let (status, note) = http(
        &running.address,
        "GET",
        &format!("/{digest}/checkpoint"),
        None,
        &[],
        "",
    )
    .unwrap();
    assert_eq!(status, 200);
    assert_eq!(
        SignedCheckpoint::open(note.as_bytes(), key.verifier())
            .unwrap()
            .checkpoint()
            .size(),
        5
    );
}

/// A record with a witness that has cosigned all of it. The witness keeps no copy.
fn cosigned_record() -> (Place, Witness, PathBuf) {
    let place = Place::new();
    let server = place.serve();
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    assert_eq!(server.stop(), 0);
    let dir = place.dir.path().join("w");
    let running = witness(&dir, &vkey, "127.0.0.1:0", None);
    configured(&place, &running);
    let server = place.serve();
    for number in 0..3 {
        place.ok(&["declare", &format!("incident {number}"), "--severity", "4"]);
    }
    eventually("it is cosigned", || cosigned(&place) == Some(size(&place)));
    assert_eq!(server.stop(), 0);
    (place, running, dir)
}

#[test]
fn a_witness_that_hangs_holds_nobody_up_and_catches_up_when_it_wakes() {
    let (place, running, _) = cosigned_record();
    let server = place.serve();
    // The kernel goes on taking connections for it: this is worse than a refusal.
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let slowest = (0..20)
        .map(|number| {
            let before = Instant::now();
            place.ok(&["note", "INC-1", &format!("note {number}")]);
            std::thread::sleep(Duration::from_millis(75));
            before.elapsed()
        })
        .max()
        .unwrap();
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let behind = cosigned(&place);
    assert!(behind < Some(size(&place)), "{behind:?}");
    let before = Instant::now();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    // It may have been given up on for a while.
    while cosigned(&place) != Some(size(&place)) {
        assert!(
            before.elapsed() < 3 * PATIENCE,
            "it does not catch up: {}",
            place.log()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_record_that_was_rolled_back_or_grew_from_another_history_is_not_cosigned_and_says_so() {
    let (place, _running, dir) = cosigned_record();
    let older = place.dir.path().join("older");
    copy_dir(&place.data(), &older);
    std::fs::copy(place.anchor(), place.dir.path().join("older-anchor")).unwrap();
    let server = place.serve();
    place.ok(&["note", "INC-1", "the truth"]);
    eventually("it is cosigned", || cosigned(&place) == Some(size(&place)));
    assert_eq!(server.stop(), 0);
    let kept = std::fs::read(dir.join("checkpoint")).unwrap();

    // Data and anchor are brought back together: nothing on this machine can tell.
    std::fs::remove_dir_all(place.data()).unwrap();
    copy_dir(&older, &place.data());
    std::fs::copy(place.dir.path().join("older-anchor"), place.anchor()).unwrap();
    let server = place.serve();
    eventually("the log says that it was rolled back", || {
        place.log().contains("the record was rolled back")
    });
    // And what it writes from here on is another history.
    place.ok(&["note", "INC-1", "a lie"]);
    place.ok(&["note", "INC-1", "and one more"]);
    eventually("the witness refuses the proof", || {
        place.log().contains("it answered 422")
    });
    assert_eq!(server.stop(), 0);
    assert_eq!(std::fs::read(dir.join("checkpoint")).unwrap(), kept);
    place.ok(&["verify"]);
    let said = place.hereby(&["verify", "--witness", dir.to_str().unwrap()]);
    assert_eq!(said.code, 5, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stderr.contains("the checkpoint's root over 5 entries"),
        "{}",
        said.stderr
    );
}

/// A witness that had stopped cosigning was seen in no check of the installation.
#[test]
fn the_doctor_says_which_witness_does_not_cosign() {
    let (place, running, _) = cosigned_record();
    let server = place.serve();
    place.ok(&["note", "INC-1", "while it runs"]);
    let said = place.hereby(&["doctor"]).stdout;
    let cosigned = "has cosigned the newest checkpoint";
    assert!(said.contains(cosigned), "{said}");
    drop(running);
    place.ok(&["note", "INC-1", "while it is gone"]);
    let said = place.hereby(&["doctor"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("does not cosign: 1 act behind"),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains(cosigned), "{}", said.stdout);
    assert_eq!(server.stop(), 0);
    // A stopped hereby can't say.
    let said = place.hereby(&["doctor"]).stdout;
    assert!(said.contains("no process serves it"), "{said}");
    assert!(
        said.contains("witnesses have cosigned is unknown"),
        "{said}"
    );
}

/// It said the same each second, for as long as nobody gave it its token.
#[test]
fn a_witness_that_may_not_copy_says_so_once() {
    let place = Place::new();
    let server = place.serve();
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let token = place.dir.path().join("token");
    std::fs::write(&token, place.token("witness", "alerts")).unwrap();
    let dir = place.dir.path().join("w");
    let url = format!("http://{}", server.address);
    let running = witness(&dir, &vkey, "127.0.0.1:0", Some((&url, &token)));
    configured(&place, &running);
    let listen = server.address.clone();
    assert_eq!(server.stop(), 0);
    let server = serve_at(&place, &listen);
    let said = || std::fs::read_to_string(dir.with_extension("said")).unwrap();
    eventually("it says that it may not", || {
        said().contains("the copy did not catch up")
    });
    // It goes on trying, each second.
    let times = || said().matches("the copy did not catch up").count();
    let before = times();
    std::thread::sleep(Duration::from_secs(4));
    assert!(times() <= before + 1, "{}", said());
    assert!(said().contains("witness`"), "{}", said());
    drop(server);
}
