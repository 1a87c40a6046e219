//! A backup is whole or says that it is not, copies only what is new, and leads back to the same
//! record.

use std::os::unix::fs::MetadataExt as _;

use base::KeyRef;
use engine::ports::{Entries as _, Keystore as _, Log as _};

use super::*;
use crate::tests::{Place, fill, now, root_of};
use crate::verify::tests::published;
use crate::{Blobs, Keystore, Log, Options, Paths, TilePublisher, VerifyOptions, archive, verify};

fn take(place: &Place, to: &Path) -> BackedUp {
    back_up(&place.paths(), to, None, now(), &mut |_| {}).unwrap()
}

fn put_back(backup: &Path, to: &Path) -> Result<Restored, CannotBackUp> {
    let restoring = Restoring {
        backup,
        keys: None,
        to,
    };
    restore(&restoring, &mut |_| {}, |_, _| Ok::<_, CannotBackUp>(None))
}

fn problems(directory: &Path) -> Vec<crate::Problem> {
    let options = VerifyOptions::default();
    verify(&Paths::new(directory), &options, &mut |_| {})
        .unwrap()
        .problems
}

/// A running record, and a directory for backups beside it.
fn running() -> (Place, crate::Opened, PathBuf) {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 30, 2);
    let to = place.temporary.path().join("backup");
    (place, opened, to)
}

#[test]
fn while_it_is_written_a_record_is_backed_up_to_its_last_signature_and_comes_back_the_same() {
    let (place, mut opened, to) = running();
    let blob = Blobs::new(&place.paths()).put(b"a crontab").unwrap();
    let settings = place.temporary.path().join("elsewhere.toml");
    std::fs::write(&settings, "[record]\n").unwrap();
    // A batch that is not signed yet is not in it.
    let entry = crate::tests::act(61).encode().unwrap();
    opened.log.append_batch(61, 1, &[entry], false).unwrap();
    let mut seen = Copied::default();
    let made = back_up(&place.paths(), &to, Some(&settings), now(), &mut |it| {
        seen = it
    })
    .unwrap();
    assert_eq!((made.manifest.size, made.before), (61, None));
    assert_eq!(seen.done, seen.all);
    assert_eq!(check_backup(&to, &mut |_| {}).unwrap(), made.manifest);
    assert_eq!(problems(&to), []);

    let back = place.temporary.path().join("back");
    std::fs::create_dir(&back).unwrap();
    let restored = put_back(&to, &back).unwrap();
    assert_eq!(restored.manifest, made.manifest);
    assert!(!restored.settings_kept);
    let reader = crate::Reader::open(&Paths::new(&back), &[]).unwrap();
    assert_eq!(reader.size(), 61);
    assert_eq!(root_of(&reader), made.manifest.root);
    assert_eq!(
        std::fs::read(back.join("hereby.toml")).unwrap(),
        b"[record]\n"
    );
    let kept = Blobs::new(&Paths::new(&back)).open(&blob).unwrap();
    assert_eq!(kept.unwrap(), b"a crontab");
    assert_eq!(problems(&back), []);
    assert!(
        !back.join("keys").exists(),
        "no key is in a record's backup"
    );
    assert!(!back.join(".restoring").exists());

    // Settings that are there before, or lead elsewhere, are those that count.
    let prepared = place.temporary.path().join("prepared");
    std::fs::create_dir(&prepared).unwrap();
    std::os::unix::fs::symlink("/etc/no-such.toml", prepared.join("hereby.toml")).unwrap();
    assert!(put_back(&to, &prepared).unwrap().settings_kept);
    let leads = std::fs::read_link(prepared.join("hereby.toml")).unwrap();
    assert_eq!(leads, Path::new("/etc/no-such.toml"));
    assert!(prepared.join("record/segments").is_dir());
}

#[test]
fn the_next_backup_copies_only_what_is_new_and_nothing_twice() {
    let (place, mut opened, to) = running();
    let first = take(&place, &to);
    let again = take(&place, &to);
    assert_eq!(again.before, Some(61));
    assert_eq!(again.written_bytes, 0);
    let closed = to.join("record/segments/00000000000000000000.jsonl");
    let before = std::fs::metadata(&closed).unwrap();
    fill(&mut opened.log, 30, 2);
    let second = take(&place, &to);
    assert_eq!((second.before, second.manifest.size), (Some(61), 121));
    let (kept, all) = (first.written_bytes, second.manifest.files.values());
    let total: u64 = all
        .filter(|file| file.bytes > 0)
        .map(|file| file.bytes)
        .sum();
    assert!(
        second.written_bytes + kept <= total,
        "{} {kept} {total}",
        second.written_bytes
    );
    let after = std::fs::metadata(&closed).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    check_backup(&to, &mut |_| {}).unwrap();
    assert_eq!(problems(&to), []);
}

#[test]
fn until_the_new_manifest_is_there_the_old_backup_holds_whatever_was_copied() {
    let (place, mut opened, to) = running();
    take(&place, &to);
    let manifest = std::fs::read(to.join(MANIFEST)).unwrap();
    fill(&mut opened.log, 30, 2);
    take(&place, &to);
    // As if the power had failed before the manifest, and in the middle of a copy.
    std::fs::write(to.join(MANIFEST), &manifest).unwrap();
    let last = crate::catalog::list(&Paths::new(&to), &[]).unwrap();
    let last = last.last().unwrap().path().unwrap();
    std::fs::write(last.with_extension("jsonl.tmp"), b"half").unwrap();
    let held = check_backup(&to, &mut |_| {}).unwrap();
    assert_eq!(held.size, 61);
    let back = place.temporary.path().join("back");
    put_back(&to, &back).unwrap();
    assert_eq!(
        crate::Reader::open(&Paths::new(&back), &[]).unwrap().size(),
        61
    );
    let next = take(&place, &to);
    assert_eq!((next.before, next.manifest.size), (Some(61), 121));
    check_backup(&to, &mut |_| {}).unwrap();
    assert_eq!(problems(&to), []);
}

#[test]
fn any_file_that_is_changed_cut_or_missing_is_named_and_nothing_is_restored() {
    let (place, _opened, to) = running();
    Blobs::new(&place.paths()).put(b"a crontab").unwrap();
    let made = take(&place, &to);
    let back = place.temporary.path().join("back");
    for (name, kept) in &made.manifest.files {
        let path = to.join(name);
        let good = std::fs::read(&path).unwrap();
        for what in ["changed", "cut", "missing"] {
            let mut bad = good.clone();
            let at = usize::try_from(kept.bytes / 2).unwrap();
            match what {
                "changed" => bad[at] ^= 1,
                _ => bad.truncate(at),
            }
            match what {
                "missing" => std::fs::remove_file(&path).unwrap(),
                _ => std::fs::write(&path, &bad).unwrap(),
            }
            match put_back(&to, &back) {
                Err(CannotBackUp::Damaged(damaged)) => assert_eq!(damaged.path, path),
                other => panic!("{name} {what}: {other:?}"),
            }
            assert!(is_empty(&back, &[]).unwrap(), "{name} {what}");
            std::fs::write(&path, &good).unwrap();
        }
    }
    put_back(&to, &back).unwrap();
    // A data directory is never written over.
    assert!(matches!(
        put_back(&to, &back),
        Err(CannotBackUp::Occupied(_))
    ));
}

#[test]
fn who_judges_what_was_restored_can_end_it_and_nothing_is_left() {
    let (place, _opened, to) = running();
    take(&place, &to);
    let back = place.temporary.path().join("back");
    let restoring = Restoring {
        backup: &to,
        keys: None,
        to: &back,
    };
    let refused = restore(&restoring, &mut |_| {}, |paths, manifest| {
        assert_eq!(crate::Reader::open(paths, &[])?.size(), manifest.size);
        Err(CannotBackUp::Unsigned)
    });
    assert!(matches!(refused, Err(CannotBackUp::Unsigned)));
    assert!(is_empty(&back, &[]).unwrap());
}

#[test]
fn a_manifest_that_names_files_elsewhere_or_is_of_a_later_version_is_refused() {
    let (place, _opened, to) = running();
    take(&place, &to);
    let text = std::fs::read_to_string(to.join(MANIFEST)).unwrap();
    let segment = "record/segments/00000000000000000000.jsonl";
    for name in [
        "/etc/passwd",
        "record/segments/../../../x",
        "keys/log.key",
        "record/segments/",
    ] {
        std::fs::write(to.join(MANIFEST), text.replacen(segment, name, 1)).unwrap();
        let refused = check_backup(&to, &mut |_| {});
        assert!(
            matches!(refused, Err(CannotBackUp::Damaged(_))),
            "{name}: {refused:?}"
        );
    }
    std::fs::write(
        to.join(MANIFEST),
        text.replace("\"hereby_backup\":1", "\"hereby_backup\":2"),
    )
    .unwrap();
    let refused = check_backup(&to, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("newer hereby"), "{refused}");
}

#[test]
fn another_record_an_older_copy_and_directories_within_each_other_are_refused() {
    let (place, mut opened, to) = running();
    take(&place, &to);
    let old = place.copy();
    fill(&mut opened.log, 1, 1);
    take(&place, &to);
    let refused = back_up(&old.paths(), &to, None, now(), &mut |_| {});
    assert!(
        matches!(
            refused,
            Err(CannotBackUp::OtherHistory {
                backup: 62,
                record: 61
            })
        ),
        "{refused:?}"
    );
    let mut other = Place::new();
    let mut log = other.open().log;
    fill(&mut log, 40, 2);
    let refused = back_up(&other.paths(), &to, None, now(), &mut |_| {});
    // Of the same name, and signed by another key.
    assert!(
        matches!(refused, Err(CannotBackUp::OtherHistory { .. })),
        "{refused:?}"
    );
    other = Place::new();
    let options = Options {
        anchor: other.anchor(),
        ..Options::new("other.example/log", other.anchor())
    };
    let mut log = Log::open(other.lock(), &options).unwrap().log;
    fill(&mut log, 1, 1);
    let refused = back_up(&other.paths(), &to, None, now(), &mut |_| {});
    assert!(
        matches!(refused, Err(CannotBackUp::OtherLog { .. })),
        "{refused:?}"
    );

    for within in [
        place.data().join("backup"),
        place.temporary.path().to_owned(),
        place.data(),
    ] {
        let refused = back_up(&place.paths(), &within, None, now(), &mut |_| {});
        assert!(
            matches!(refused, Err(CannotBackUp::NotApart(..))),
            "{within:?} {refused:?}"
        );
    }
    let occupied = place.temporary.path().join("occupied");
    std::fs::create_dir(&occupied).unwrap();
    std::fs::write(occupied.join("letter"), "x").unwrap();
    let refused = back_up(&place.paths(), &occupied, None, now(), &mut |_| {});
    assert!(
        matches!(refused, Err(CannotBackUp::Occupied(_))),
        "{refused:?}"
    );
    let _held = take_directory(&to).unwrap();
    let refused = back_up(&place.paths(), &to, None, now(), &mut |_| {});
    assert!(matches!(refused, Err(CannotBackUp::Busy(_))), "{refused:?}");
}

#[test]
fn without_its_archive_a_restored_record_starts_and_proves_all_the_same() {
    let place = published();
    let away = place.temporary.path().join("away");
    std::fs::create_dir(&away).unwrap();
    let first = crate::archivable(&place.paths()).unwrap()[0];
    archive(&place.paths(), first, &away).unwrap();
    let to = place.temporary.path().join("backup");
    let made = take(&place, &to);
    assert_eq!(made.archived.len(), 1);
    std::fs::rename(&away, place.temporary.path().join("unmounted")).unwrap();

    let back = Place::new();
    put_back(&to, &back.data()).unwrap();
    std::fs::create_dir(back.paths().keys()).unwrap();
    std::fs::copy(place.paths().log_key(), back.paths().log_key()).unwrap();
    let options = Options {
        accept_anchor: true,
        ..back.options()
    };
    let opened = Log::open(back.lock(), &options).unwrap();
    let head = opened.head.clone().unwrap();
    let publisher = TilePublisher::open(&back.paths(), &opened.log.reader(), Some(&head)).unwrap();
    let tree = publisher.published();
    assert_eq!(
        tree.root_at(made.manifest.size).unwrap(),
        made.manifest.root
    );
    tree.inclusion_proof(1, made.manifest.size).unwrap();
}

fn keyref(name: &str) -> KeyRef {
    name.parse().unwrap()
}

/// What others know this hereby by, beside its log's key.
fn what_others_pin(place: &Place) -> [PathBuf; 3] {
    let (paths, tls) = (place.paths(), place.paths().tls());
    let all = [
        paths.status_key(),
        tls.join("server.key"),
        tls.join("ca.crt"),
    ];
    std::fs::create_dir_all(tls).unwrap();
    for path in &all {
        std::fs::write(path, path.to_string_lossy().as_bytes()).unwrap();
    }
    all
}

#[test]
fn keys_are_backed_up_apart_and_one_that_is_gone_goes_there_only_when_a_person_says_so() {
    let (place, _opened, to) = running();
    let made = take(&place, &to);
    let keystore = Keystore::new(&place.paths());
    for name in ["incident/INC-1", "incident/INC-2"] {
        keystore.ensure(&keyref(name)).unwrap();
    }
    let safe = place.temporary.path().join("safe");
    let keys = |erase| {
        let keystore = Keystore::new(&place.paths());
        let note = Some(made.manifest.checkpoint.as_str());
        back_up_keys(
            &place.paths(),
            &keystore,
            crate::tests::ORIGIN,
            note,
            &safe,
            erase,
            now(),
        )
    };
    // What edges pin, and what readers of the status page verify by.
    let shown = what_others_pin(&place);
    assert_eq!(keys(false).unwrap().subjects, 2);
    check_keys(&safe).unwrap();
    let backup = Keystore::at(safe.join("keystore"));
    assert_eq!(backup.list().unwrap().len(), 2);

    std::fs::remove_file(keystore.path(&keyref("incident/INC-1"))).unwrap();
    match keys(false) {
        Err(CannotBackUp::Gone(names, _)) => assert_eq!(names, ["incident/INC-1"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(backup.list().unwrap().len(), 2);
    let erased = keys(true).unwrap();
    assert_eq!(
        (erased.subjects, erased.erased),
        (1, vec!["incident/INC-1".to_owned()])
    );
    assert_eq!(backup.list().unwrap(), [keyref("incident/INC-2")]);
    check_keys(&safe).unwrap();
    // Also one that a power failure left there when the manifest had forgotten it.
    let left = backup.path(&keyref("incident/INC-1"));
    Keystore::at(safe.join("keystore"))
        .ensure(&keyref("incident/INC-1"))
        .unwrap();
    assert!(matches!(keys(false), Err(CannotBackUp::Gone(..))));
    assert_eq!(keys(true).unwrap().erased, ["incident/INC-1"]);
    assert!(!left.exists());
    // A keystore without any key was lost: nothing is erased because of it.
    std::fs::remove_file(keystore.path(&keyref("incident/INC-2"))).unwrap();
    assert!(matches!(keys(true), Err(CannotBackUp::Key(_))));
    assert_eq!(backup.list().unwrap(), [keyref("incident/INC-2")]);

    let back = place.temporary.path().join("back");
    let restoring = Restoring {
        backup: &to,
        keys: Some(&safe),
        to: &back,
    };
    let restored = restore(&restoring, &mut |_| {}, |_, _| Ok::<_, CannotBackUp>(None)).unwrap();
    assert_eq!(restored.keystore, Some((back.join("keystore"), 1)));
    let key = std::fs::metadata(Paths::new(&back).log_key()).unwrap();
    assert_eq!(key.mode() & 0o777, 0o600);
    for path in &shown {
        let there = back.join(path.strip_prefix(place.data()).unwrap());
        assert_eq!(std::fs::read(&there).unwrap(), std::fs::read(path).unwrap());
        assert_eq!(there.metadata().unwrap().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::metadata(&back).unwrap().mode() & 0o777, 0o700);
    let restored = Keystore::at(back.join("keystore"));
    assert_eq!(restored.list().unwrap(), [keyref("incident/INC-2")]);
}

#[test]
fn a_keystore_elsewhere_that_has_keys_is_newer_and_is_left_alone() {
    let (place, _opened, to) = running();
    let made = take(&place, &to);
    let old = Keystore::new(&place.paths());
    old.ensure(&keyref("incident/INC-1")).unwrap();
    let safe = place.temporary.path().join("safe");
    let note = Some(made.manifest.checkpoint.as_str());
    back_up_keys(
        &place.paths(),
        &old,
        crate::tests::ORIGIN,
        note,
        &safe,
        false,
        now(),
    )
    .unwrap();
    let elsewhere = place.temporary.path().join("elsewhere");
    let back = |to_data: &str| {
        let to_data = place.temporary.path().join(to_data);
        let restoring = Restoring {
            backup: &to,
            keys: Some(&safe),
            to: &to_data,
        };
        let judge = |_: &Paths, _: &Manifest| Ok::<_, CannotBackUp>(Some(elsewhere.clone()));
        let restored = restore(&restoring, &mut |_| {}, judge).unwrap();
        assert!(!to_data.join("keystore").exists());
        restored
    };
    assert!(!back("first").keystore_kept);
    let there = Keystore::at(elsewhere.clone());
    assert_eq!(there.list().unwrap(), [keyref("incident/INC-1")]);
    std::fs::remove_file(there.path(&keyref("incident/INC-1"))).unwrap();
    there.ensure(&keyref("incident/INC-2")).unwrap();
    assert!(back("second").keystore_kept);
    assert_eq!(there.list().unwrap(), [keyref("incident/INC-2")]);
}

#[test]
fn the_keys_of_another_time_are_not_put_beside_a_record_that_they_did_not_sign() {
    let (place, mut opened, to) = running();
    take(&place, &to);
    let keystore = Keystore::new(&place.paths());
    let key = opened.log.prepare_key().unwrap();
    assert!(!key.is_empty());
    opened.log.use_new_key().unwrap();
    let safe = place.temporary.path().join("safe");
    let before = std::fs::read(to.join(MANIFEST)).unwrap();
    let manifest: Manifest = serde_json::from_slice(&before).unwrap();
    let note = Some(manifest.checkpoint.as_str());
    let refused = back_up_keys(
        &place.paths(),
        &keystore,
        crate::tests::ORIGIN,
        note,
        &safe,
        false,
        now(),
    );
    assert!(
        matches!(refused, Err(CannotBackUp::OtherKey(_))),
        "{refused:?}"
    );
    back_up_keys(
        &place.paths(),
        &keystore,
        crate::tests::ORIGIN,
        None,
        &safe,
        false,
        now(),
    )
    .unwrap();
    let back = place.temporary.path().join("back");
    let restoring = Restoring {
        backup: &to,
        keys: Some(&safe),
        to: &back,
    };
    let refused = restore(&restoring, &mut |_| {}, |_, _| Ok::<_, CannotBackUp>(None));
    assert!(
        matches!(refused, Err(CannotBackUp::OtherKey(_))),
        "{refused:?}"
    );
    assert!(is_empty(&back, &[]).unwrap());
}
