//! The public status page: it stands when control is gone, says until when it counts, and is
//! published from a laptop; what was said there is said again on the record, once.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::browser::{Browser, Like, drive};
use super::harness::{HEREBY, PATIENCE, Place, eventually, http};
use super::looks::Looks;

const HEADLINE: &str = "Some payments fail";
const SECRET: &str = "root shell on db-7";

/// A place whose page is published to two directories.
fn place() -> (Place, PathBuf, PathBuf) {
    place_at("http://status.example.org")
}

fn place_at(url: &str) -> (Place, PathBuf, PathBuf) {
    let place = Place::new();
    let (one, two) = (place.dir.path().join("one"), place.dir.path().join("two"));
    place.configure(&format!(
        "[status]\nname = \"Sample Shop\"\nurl = {url:?}\n\
         [[status.target]]\nname = \"one\"\ndirectory = {one:?}\n\
         [[status.target]]\nname = \"two\"\ndirectory = {two:?}\n"
    ));
    (place, one, two)
}

fn holds(directory: &Path, path: &str, text: &str) -> bool {
    std::fs::read_to_string(directory.join(path)).is_ok_and(|found| found.contains(text))
}

fn vkey(place: &Place) -> String {
    place.ok(&["page", "key"]).trim().to_owned()
}

#[test]
fn axe_finds_nothing_on_the_public_page() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (place, one, _) = place_at(&format!("http://{address}"));
    let server = place.serve();
    tell(&place);
    place.ok(&["component", "add", "search", "Search"]);
    place.ok(&["declare", "search is slow", "--severity", "3"]);
    for text in ["Searches take long.", "They are fast again."] {
        place.ok(&[
            "update",
            "INC-2",
            "--to",
            "public",
            "--headline",
            "Search is slow",
            "--impact",
            "minor",
            "--component",
            "search=operational",
            text,
        ]);
    }
    place.ok(&["resolve", "INC-2", "They are fast again."]);
    place.ok(&["service", "add", "db", "--tier", "2"]);
    place.ok(&[
        "maintenance",
        "schedule",
        "db",
        "swap the disk",
        "--from",
        "in 2d",
        "--for",
        "1h",
        "--headline",
        "We exchange a disk",
        "--text",
        "You can search and not index.",
        "--component",
        "search",
    ]);
    eventually("all of it is there", || {
        holds(&one, "index.html", HEADLINE) && holds(&one, "index.html", "We exchange a disk")
    });
    let mut site = Command::new(HEREBY)
        .args(["page", "serve", "--listen", &address, "--dir"])
        .arg(&one)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it is served", || {
        http(&address, "GET", "/", None, &[], "").is_ok_and(|it| it.0 == 200)
    });
    let mut pages = vec![
        ("public".to_owned(), "/".to_owned()),
        ("public-de".into(), "/de/".into()),
    ];
    let all = std::fs::read_to_string(one.join("files.txt")).unwrap();
    for path in all.lines().map(|line| line.split("  ").nth(1).unwrap()) {
        if path.ends_with(".html") && !path.starts_with("de/") && path != "index.html" {
            let name = path.trim_end_matches(".html").replace('/', "-");
            pages.push((format!("public-{name}"), format!("/{path}")));
        }
    }
    assert!(pages.len() >= 5, "{pages:?}");
    let mut looks = Looks::new();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        for (name, path) in &pages {
            let url = format!("http://{address}{path}");
            browser.client.goto(&url).await.unwrap();
            looks.at(name, &browser).await;
        }
    });
    site.kill().unwrap();
    site.wait().unwrap();
    server.stop();
    looks.are_right();
}

fn in_ms(ms: i64) -> base::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    base::Timestamp::from_ms(i64::try_from(now.as_millis()).unwrap() + ms)
}

/// The page, but true until another time.
fn true_until(page: &str, until: base::Timestamp) -> String {
    let (before, rest) = page.split_once("<time data-valid datetime=\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}<time data-valid datetime=\"{until}\"{after}")
}

#[test]
fn an_open_page_that_is_old_takes_the_newer_copy_and_warns_only_when_there_is_none() {
    let (place, one, _) = place();
    let server = place.serve();
    tell(&place);
    eventually("the news are there", || holds(&one, "index.html", HEADLINE));
    // Nobody renews it any more.
    server.kill();
    let mut site = Command::new(HEREBY)
        .args(["page", "serve", "--listen", "127.0.0.1:0", "--dir"])
        .arg(&one)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    let mut said = BufReader::new(site.stdout.take().unwrap());
    said.read_line(&mut url).unwrap();
    let index = one.join("index.html");
    let page = std::fs::read_to_string(&index).unwrap();
    let put = |until| std::fs::write(&index, true_until(&page, until)).unwrap();
    let shown = |until| format!("time[data-valid][datetime='{until}']");
    drive(async {
        let browser = Browser::open(Like::default()).await;
        let (old, fresh) = (in_ms(-1), in_ms(600_000));
        put(old);
        browser.client.goto(url.trim()).await.unwrap();
        browser.sees("#stale:not([hidden])").await;
        browser.sees(&shown(old)).await;
        put(fresh);
        browser.sees(&shown(fresh)).await;
        browser.sees("#stale[hidden]").await;

        // It gets old while it is open, twice, and there is a newer copy: nobody is warned.
        let (soon, later) = (in_ms(6_000), in_ms(12_000));
        put(soon);
        // At an address of which the browser keeps nothing yet.
        let elsewhere = format!("{}/index.html", url.trim());
        browser.client.goto(&elsewhere).await.unwrap();
        for (until, next) in [(soon, later), (later, fresh)] {
            browser.sees(&shown(until)).await;
            let watch = "const it = document.getElementById('stale'); window.name = 'calm'; \
                 new MutationObserver(() => { if (!it.hidden) window.name = 'warned'; }) \
                 .observe(it, { attributes: true });";
            browser.run(watch).await.unwrap();
            put(next);
            browser.sees(&shown(next)).await;
            assert_eq!(browser.run("return window.name").await.unwrap(), "calm");
        }
    });
    site.kill().unwrap();
    site.wait().unwrap();
}

/// The only incident page in a directory.
fn incident_page(directory: &Path) -> PathBuf {
    let mut pages = std::fs::read_dir(directory.join("incidents")).unwrap();
    pages.next().unwrap().unwrap().path()
}

fn tell(place: &Place) {
    place.ok(&[
        "component",
        "add",
        "checkout",
        "Checkout",
        "--in",
        "de:Kasse",
    ]);
    place.ok(&["declare", SECRET, "--severity", "1"]);
    place.ok(&["note", "INC-1", SECRET]);
    place.ok(&[
        "update",
        "INC-1",
        "--to",
        "public",
        "--headline",
        HEADLINE,
        "--impact",
        "major",
        "--component",
        "checkout=partial_outage",
        "--in",
        "de:Manche Zahlungen scheitern.",
        "We are looking for the cause.",
    ]);
}

#[test]
fn the_page_is_published_and_stands_when_control_and_a_target_are_gone() {
    let (place, one, two) = place();
    let server = place.serve();
    let told = Instant::now();
    tell(&place);
    for directory in [&one, &two] {
        eventually("the news are there", || {
            holds(directory, "index.html", HEADLINE)
                && holds(directory, "de/index.html", "Manche Zahlungen")
                && holds(directory, "api/v2/summary.json", "partial_outage")
        });
    }
    assert!(told.elapsed() < PATIENCE);
    eventually("the targets are up to date", || {
        let targets = place.json(&["page", "targets"]);
        let items = targets["items"].as_array().unwrap().clone();
        let fine = |it: &Value| it["behind"] == false && it["waiting_since"].is_null();
        items.len() == 2
            && items
                .iter()
                .all(|it| fine(it) && it["rounds"].as_u64() > Some(0))
    });
    let metrics = place.token("prometheus", "read");
    let (status, text) = server.http("GET", "/metrics", Some(&metrics), "").unwrap();
    assert_eq!(status, 200);
    assert!(
        text.contains("hereby_page_target_behind{target=\"one\"} 0"),
        "{text}"
    );

    let vkey = vkey(&place);
    server.kill();
    // One target is lost with control; the other reads right, and says until when it counts.
    std::fs::remove_dir_all(&one).unwrap();
    let verify = |directory: &Path| {
        let directory = directory.display().to_string();
        place.hereby(&["page", "verify", &directory, "--vkey", &vkey])
    };
    let said = verify(&two);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(verify(&one).code, 5);
    for (path, text) in [
        ("index.html", "True until"),
        ("de/index.html", "Gültig bis"),
    ] {
        assert!(holds(&two, path, text), "{path}");
        assert!(holds(&two, path, "<time data-valid datetime="), "{path}");
    }
    let all = std::fs::read_to_string(two.join("files.txt")).unwrap();
    for path in all.lines().map(|line| line.split("  ").nth(1).unwrap()) {
        let text = std::fs::read_to_string(two.join(path)).unwrap();
        assert!(!text.contains("root shell"), "{path}");
    }
    // A tool that nobody here wrote reads the list.
    let sums = Command::new("sha256sum")
        .args(["--quiet", "--strict", "-c", "files.txt"])
        .current_dir(&two)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");

    // Somebody changes one word of one page.
    let page = incident_page(&two);
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replace("Some payments", "All payments")).unwrap();
    let said = verify(&two);
    assert_eq!(said.code, 5, "{}", said.stdout);
    assert!(
        said.stdout.contains("changed: incidents/"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_changed_file_is_put_right_and_a_target_that_comes_back_catches_up() {
    let (place, one, two) = place();
    // Where the second target is to be, something lies that is no directory.
    std::fs::write(&two, "in the way").unwrap();
    let _server = place.serve();
    tell(&place);
    eventually("the first has the news", || {
        holds(&one, "index.html", HEADLINE)
    });
    let standing = |name: &str| -> Value {
        let targets = place.json(&["page", "targets"]);
        let items = targets["items"].as_array().unwrap().clone();
        items.into_iter().find(|it| it["target"] == name).unwrap()
    };
    eventually("the second can't be reached", || {
        let two = standing("two");
        two["failures"].as_u64() > Some(0) && two["trouble"].is_string()
    });
    std::fs::remove_file(&two).unwrap();
    eventually("it catches up", || {
        holds(&two, "index.html", HEADLINE) && standing("two")["trouble"].is_null()
    });

    // The front page is looked at with each edition: what somebody wrote there does not last.
    eventually("both rest", || standing("one")["waiting_since"].is_null());
    std::fs::write(one.join("style.css"), "body{}").unwrap();
    std::fs::write(one.join("index.html"), "defaced").unwrap();
    place.ok(&["update", "INC-1", "--to", "public", "More is known."]);
    eventually("it is put right", || {
        holds(&one, "index.html", "More is known.") && !holds(&one, "style.css", "body{}")
    });
}

#[test]
fn what_is_published_from_a_bundle_stands_until_it_is_said_on_the_record() {
    let (place, one, two) = place();
    let server = place.serve();
    tell(&place);
    eventually("the news are there", || {
        holds(&one, "index.html", HEADLINE) && holds(&two, "index.html", HEADLINE)
    });
    eventually("they are kept", || {
        holds(&place.data(), "status/page.json", HEADLINE)
    });
    let path = |name: &str| place.dir.path().join(name).display().to_string();
    let (bundle, key) = (path("page.bundle"), path("page.key"));
    place.ok(&["page", "bundle", "-o", &bundle, "--key-file", &key]);
    let text = std::fs::read_to_string(&bundle).unwrap();
    assert!(
        !text.contains("PRIVATE+KEY"),
        "the status key is not readable"
    );
    let vkey = vkey(&place);
    server.kill();

    let publish = |more: &[&str]| {
        let mut args = vec!["page", "publish", "--offline", &bundle, "--key-file", &key];
        args.extend(more);
        place.hereby(&args)
    };
    let other_key = path("other.key");
    std::fs::write(&other_key, format!("{}=\n", "A".repeat(43))).unwrap();
    std::fs::set_permissions(
        &other_key,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let wrong = place.hereby(&[
        "page",
        "publish",
        "--offline",
        &bundle,
        "--key-file",
        &other_key,
    ]);
    assert_eq!(wrong.code, 9, "{}", wrong.stderr);

    let said = publish(&[
        "--incident",
        "INC-1",
        "--update",
        "It works again.",
        "--public-status",
        "resolved",
    ]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    // One target can't be reached. Published again, without the words, it gets them, once.
    let away = place.dir.path().join("away");
    std::fs::rename(&two, &away).unwrap();
    std::fs::write(&two, "in the way").unwrap();
    let said = publish(&[
        "--headline",
        "Mail is slow",
        "--impact",
        "minor",
        "--update",
        "We see it.",
    ]);
    assert_eq!(said.code, 4, "{}{}", said.stdout, said.stderr);
    for words in ["without --update", "hereby page said"] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert!(holds(&one, "index.html", "Mail is slow"));
    std::fs::remove_file(&two).unwrap();
    std::fs::rename(&away, &two).unwrap();
    let again = publish(&[]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(
        again.stderr.contains("hereby page said"),
        "{}",
        again.stderr
    );
    assert!(holds(&two, "index.html", "Mail is slow"));
    let verified = place.hereby(&[
        "page",
        "verify",
        &one.display().to_string(),
        "--vkey",
        &vkey,
    ]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let pages = |directory: &Path| {
        let all = std::fs::read_dir(directory.join("incidents")).unwrap();
        let mut all: Vec<_> = all.map(|it| it.unwrap().file_name()).collect();
        all.sort();
        all
    };
    let before = pages(&one);
    assert_eq!(before.len(), 2);
    assert_eq!(pages(&two), before);

    // hereby comes back and knows nothing of it: it takes nothing away from readers.
    let _server = place.serve();
    eventually("it says what it found", || {
        let targets = place.json(&["page", "targets"]);
        targets.to_string().contains("words were said there")
    });
    assert!(holds(&one, "index.html", "Mail is slow"));
    // Said on the record, twice: it happens once, and the pages keep their addresses.
    place.ok(&["page", "said", &bundle]);
    place.ok(&["page", "said", &bundle]);
    assert_eq!(place.acts_of("incident.declared").len(), 2);
    assert_eq!(place.acts_of("incident.updated").len(), 3);
    eventually("the page is hereby's again", || {
        let targets = place.json(&["page", "targets"]);
        let items = targets["items"].as_array().unwrap().clone();
        items
            .iter()
            .all(|it| it["trouble"].is_null() && it["waiting_since"].is_null())
    });
    assert_eq!(pages(&one), before);
    assert!(holds(&one, "index.html", "Mail is slow"));
}

#[test]
fn what_serves_the_page_survives_the_death_of_up() {
    let place = Place::new();
    place.configure("[status]\nlisten = \"127.0.0.1:0\"\n[edge]\nstart = false\n");
    let log = std::fs::File::create(place.dir.path().join("up.log")).unwrap();
    let mut up = Command::new(HEREBY)
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(place.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut address = String::new();
    eventually("the page is served", || {
        let text = std::fs::read_to_string(place.dir.path().join("up.log")).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("status "));
        address = line.unwrap_or_default().trim().replace("http://", "");
        // All of it: what was not published yet is not there when `up` dies.
        let is_there = |path: &str| {
            let found = http(&address, "GET", path, None, &[], "");
            found.is_ok_and(|it| it.0 == 200)
        };
        let pages = ["/", "/de/", "/404.html", "/api/v2/summary.json"];
        !address.is_empty() && pages.into_iter().all(is_there)
    });
    up.kill().unwrap();
    up.wait().unwrap();
    let get = |method: &str, path: &str, headers: &[(&str, &str)]| {
        http(&address, method, path, None, headers, "").unwrap()
    };
    let (status, page) = get("GET", "/", &[]);
    assert_eq!(status, 200);
    assert!(page.contains("True until"), "{page}");
    assert_eq!(get("GET", "/de/", &[]).0, 200);
    let (status, missing) = get("GET", "/nothing", &[]);
    assert!(status == 404 && missing.contains("There is no such page here"));
    for (method, path, wanted) in [
        ("POST", "/", 405),
        ("DELETE", "/index.html", 405),
        ("HEAD", "/api/v2/summary.json", 200),
        ("GET", "/../keys/status.key", 404),
        ("GET", "/%2e%2e/keys/status.key", 404),
        ("GET", "/.index.html.new", 404),
    ] {
        assert_eq!(get(method, path, &[]).0, wanted, "{method} {path}");
    }
    let serving = serving(&place);
    assert_eq!(serving.len(), 1, "one process serves it");
    for pid in serving {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
    eventually("it ends when it is told to", || {
        http(&address, "GET", "/", None, &[], "").is_err()
    });
}

/// Processes that serve this place's page.
fn serving(place: &Place) -> Vec<i32> {
    let site = place
        .data()
        .join("status")
        .join("site")
        .display()
        .to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        (line.contains("serve") && line.contains(&site)).then_some(pid)
    });
    pids.collect()
}
