//! A site that is brought somewhere, served, and checked.

mod bucket;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use record::note::{Algorithm, SignerKey, VerifierKey};
use status::manifest::{MANIFEST_PATH, Manifest};
use status::{Options, Page, Site};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::exchange::{Client, Seen};
use crate::inspect::{CannotInspect, Place, inspect};
use crate::{
    Board, Courier, Credentials, Edition, Kind, Patience, Rsync, Sealing, Spool, Target, Url,
    no_tls,
};

const NOW: Timestamp = Timestamp::from_ms(1_795_248_000_000);

fn key() -> SignerKey {
    SignerKey::from_seed("test.example/status", Algorithm::Ed25519, [7; 32]).unwrap()
}

fn trusted() -> Vec<VerifierKey> {
    vec![key().verifier().clone()]
}

/// A spool with an empty page in it.
struct Made {
    directory: TempDir,
    spool: Spool,
    site: Site,
}

impl Made {
    fn new() -> Made {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(&directory.path().join("spool")).unwrap();
        let site = Site::new(Options {
            name: "Sample Shop".to_owned(),
            url: "https://status.example.org".to_owned(),
            languages: language::Language::ALL.to_vec(),
        });
        Made {
            directory,
            spool,
            site: site.unwrap(),
        }
    }

    fn edition(&mut self, sequence: u64, minutes: i64, said_elsewhere: &[u8]) -> Edition {
        let now = NOW.plus_ms(minutes * 60_000);
        let changes = self.site.build(&Page::default(), now, 0);
        self.spool.write(&changes).unwrap();
        let act = |byte: &u8| base::ActId::from_bytes([*byte; 16]);
        let sealing = Sealing {
            sequence,
            now,
            news_at: now,
            said: Arc::default(),
            said_elsewhere: said_elsewhere.iter().map(act).collect::<BTreeSet<_>>(),
        };
        let (options, files) = (self.site.options(), self.site.files());
        self.spool.seal(options, files, &key(), sealing).unwrap()
    }

    fn courier(&self, kind: Kind) -> Courier {
        Courier {
            target: Target::new("there".to_owned(), kind, None, no_tls()),
            spool: self.spool.clone(),
            trusted: trusted(),
            board: Arc::new(Board::default()),
            now: Arc::new(|| NOW),
            patience: Patience {
                pause: Duration::from_millis(1),
                pause_max: Duration::from_millis(2),
                ..Patience::default()
            },
        }
    }

    fn there(&self) -> std::path::PathBuf {
        self.directory.path().join("there")
    }
}

fn sequence(directory: &Path) -> u64 {
    let bytes = std::fs::read(directory.join(MANIFEST_PATH)).unwrap();
    Manifest::verify(&bytes, &trusted()).unwrap().sequence
}

#[tokio::test]
async fn an_edition_is_brought_whole_and_the_next_puts_right_what_was_changed() {
    let mut made = Made::new();
    let there = made.there();
    let courier = made.courier(Kind::Directory(there.clone()));
    courier.bring(&made.edition(1, 0, &[]), 1).await.unwrap();
    assert_eq!(sequence(&there), 1);
    let found = inspect(Place::Directory(there.clone()), &trusted())
        .await
        .unwrap();
    assert_eq!(found.good, made.site.files().len());
    assert!(found.wrong.is_empty());
    assert!(!found.is_expired(NOW) && found.is_expired(NOW.plus_ms(900_000)));

    std::fs::write(there.join("index.html"), "defaced").unwrap();
    std::fs::remove_file(there.join("valid.js")).unwrap();
    let found = inspect(Place::Directory(there.clone()), &trusted())
        .await
        .unwrap();
    assert_eq!(found.wrong["index.html"], "changed");
    assert_eq!(found.wrong["valid.js"], "missing");
    courier.bring(&made.edition(2, 1, &[]), 3).await.unwrap();
    let found = inspect(Place::Directory(there.clone()), &trusted())
        .await
        .unwrap();
    assert!(found.wrong.is_empty(), "{:?}", found.wrong);
    let standing = &courier.board.all()["there"];
    assert_eq!((standing.sequence, standing.rounds), (Some(2), 2));
    assert!(standing.trouble.is_none() && standing.waiting_since.is_none());
}

#[tokio::test]
async fn what_others_said_there_is_not_taken_away_and_a_later_edition_is_not_gone_behind() {
    let mut made = Made::new();
    let there = made.there();
    let courier = made.courier(Kind::Directory(there.clone()));
    courier.bring(&made.edition(7, 0, &[9]), 1).await.unwrap();
    let trouble = courier
        .bring(&made.edition(8, 1, &[]), 1)
        .await
        .unwrap_err();
    assert!(trouble.contains("1 words were said there"), "{trouble}");
    assert_eq!(sequence(&there), 7);

    // Without such words only the number is in the way.
    courier
        .bring(&made.edition(9, 2, &[9]), 1)
        .await
        .unwrap_err();
    std::fs::remove_file(there.join(MANIFEST_PATH)).unwrap();
    courier.bring(&made.edition(9, 3, &[]), 1).await.unwrap();
    let trouble = courier
        .bring(&made.edition(9, 4, &[]), 1)
        .await
        .unwrap_err();
    assert!(trouble.contains("edition 9 is there already"), "{trouble}");
    courier.bring(&made.edition(10, 5, &[]), 1).await.unwrap();
    assert_eq!(sequence(&there), 10);
}

#[tokio::test]
async fn a_target_that_can_not_be_written_says_so_and_is_tried_again() {
    let mut made = Made::new();
    std::fs::write(made.there(), "in the way").unwrap();
    let courier = made.courier(Kind::Directory(made.there()));
    let trouble = courier
        .bring(&made.edition(1, 0, &[]), 3)
        .await
        .unwrap_err();
    assert!(!trouble.is_empty());
    std::fs::remove_file(made.there()).unwrap();
    courier.bring(&made.edition(2, 1, &[]), 1).await.unwrap();
    assert_eq!(sequence(&made.there()), 2);
}

#[tokio::test]
async fn a_directory_is_made_only_where_what_it_lies_in_is_there() {
    let mut made = Made::new();
    let disk = made.directory.path().join("disk");
    let courier = made.courier(Kind::Directory(disk.join("status")));
    let trouble = courier
        .bring(&made.edition(1, 0, &[]), 1)
        .await
        .unwrap_err();
    assert!(trouble.contains("disk is not there"), "{trouble}");
    assert!(!disk.exists());
    std::fs::create_dir(&disk).unwrap();
    courier.bring(&made.edition(2, 1, &[]), 1).await.unwrap();
    assert_eq!(sequence(&disk.join("status")), 2);
}

#[tokio::test]
async fn rsync_brings_it_and_removes_what_is_gone() {
    let mut made = Made::new();
    std::fs::create_dir(made.there()).unwrap();
    let destination = made.there().display().to_string();
    let work = made.directory.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let rsync = Rsync::new(&destination, Vec::new(), &work).unwrap();
    let courier = made.courier(Kind::Rsync(rsync));
    courier.bring(&made.edition(1, 0, &[]), 1).await.unwrap();
    courier.bring(&made.edition(2, 1, &[]), 1).await.unwrap();
    let found = inspect(Place::Directory(made.there()), &trusted())
        .await
        .unwrap();
    assert!(found.wrong.is_empty(), "{:?}", found.wrong);
    assert_eq!(found.manifest.sequence, 2);
    courier
        .target
        .remove(&["style.css".to_owned()])
        .await
        .unwrap();
    assert!(!made.there().join("style.css").exists());
    assert!(made.there().join("index.html").exists());
    assert_eq!(
        std::fs::read_dir(&work).unwrap().count(),
        0,
        "nothing is left on the way"
    );
    assert!(Rsync::new("--rsh=evil", Vec::new(), &work).is_err());
}

#[tokio::test]
async fn a_directory_without_a_manifest_or_with_a_strangers_is_not_vouched_for() {
    let mut made = Made::new();
    made.edition(1, 0, &[]);
    let root = made.spool.root().to_owned();
    let stranger = SignerKey::from_seed("other/status", Algorithm::Ed25519, [8; 32]).unwrap();
    let strange = inspect(
        Place::Directory(root.clone()),
        &[stranger.verifier().clone()],
    )
    .await;
    assert!(
        matches!(strange, Err(CannotInspect::Manifest(_))),
        "{strange:?}"
    );
    std::fs::remove_file(root.join(MANIFEST_PATH)).unwrap();
    let none = inspect(Place::Directory(root), &trusted()).await;
    assert!(matches!(none, Err(CannotInspect::Missing)), "{none:?}");
}

#[tokio::test]
async fn readers_are_answered_from_the_directory_and_get_nothing_else() {
    let mut made = Made::new();
    made.edition(1, 0, &[]);
    let secret = made.directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(crate::serve::serve(
        made.spool.root().to_owned(),
        listener,
        async move {
            let _ = stopped.await;
        },
    ));
    let url: Url = format!("http://{address}").parse().unwrap();
    let place = Place::Url(url.clone(), no_tls());
    let found = inspect(place, &trusted()).await.unwrap();
    assert!(found.wrong.is_empty(), "{:?}", found.wrong);
    let client = Client::new(no_tls());
    for outside in [
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        ".hidden",
        "a/../../secret",
    ] {
        let seen = client.see(&url, outside).await.unwrap();
        assert!(matches!(seen, Seen::Missing), "{outside}");
    }
    let folder = client.see(&url, "de/").await.unwrap();
    assert!(matches!(folder, Seen::There(_)));
    let file = client.see(&url, "de").await.unwrap();
    assert!(matches!(file, Seen::Missing));
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), serving)
        .await
        .expect("it stops")
        .unwrap();
}

#[test]
fn credentials_that_others_may_read_are_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials");
    let text = "access_key_id = a\nsecret_access_key = b=c\n";
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Credentials::of_file(&path).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Credentials::of_file(&path).ok().unwrap();
    std::fs::write(&path, "access_key_id=a\n").unwrap();
    let error = Credentials::of_file(&path).err().unwrap().to_string();
    assert!(error.contains("secret_access_key"), "{error}");
}

#[test]
fn addresses_are_plain() {
    for good in [
        "http://127.0.0.1:7790",
        "https://status.example.org/",
        "https://[::1]:8443/a/b",
        "http://[::1]",
    ] {
        assert!(good.parse::<Url>().is_ok(), "{good}");
    }
    for bad in [
        "ftp://x",
        "x",
        "http://",
        "http://user@host",
        "http://h/?q",
        "http://h/#f",
        "http://h:x",
        "http://h/a b",
        "http:///path",
    ] {
        assert!(bad.parse::<Url>().is_err(), "{bad}");
    }
}

#[test]
fn what_waits_too_long_is_behind() {
    let standing = |waiting: Option<i64>, seen: Option<i64>| crate::Standing {
        waiting_since: waiting.map(|ms| NOW.plus_ms(-ms)),
        seen_at: seen.map(|ms| NOW.plus_ms(-ms)),
        ..crate::Standing::default()
    };
    let behind = |it: crate::Standing| it.is_behind(NOW, 30_000, 180_000);
    assert!(!behind(standing(None, Some(60_000))));
    assert!(!behind(standing(Some(30_000), Some(1_000))));
    assert!(behind(standing(Some(30_001), Some(1_000))));
    assert!(behind(standing(None, Some(180_001))));
}
