//! A documentation site of five hundred pages behind the edge, read in a real browser over HTTP/2:
//! all of each page comes, and goes on coming when the server behind is killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Loaded};
use crate::failover_peers::nginx_alone;
use crate::harness::{Edge, Place, Process, eventually, free_port};
use crate::tls_peers::Ca;

/// What Debian's `python3-doc` brings: pages, scripts, styles, pictures, and a search in the browser.
const SITE: &str = "/usr/share/doc/python3/html";
/// Pages with something on them, and what is loaded for them at least.
const PAGES: [(&str, &str); 5] = [
    ("/index.html", "Python 3.11"),
    ("/library/turtle.html", "turtle-star.png"),
    ("/howto/logging.html", "logging_flow.png"),
    ("/library/pathlib.html", "pathlib-inheritance.png"),
    ("/tutorial/index.html", "Whetting Your Appetite"),
];
const WAIT_MS: u64 = 700;
const HOLD_MS: u64 = 500;

/// nginx in one process, so that killing it leaves nobody, in front of what Debian installed.
fn documentation(place: &Place, port: u16) -> Process {
    assert!(
        Path::new(SITE).join("index.html").exists(),
        "{SITE} is there: ./dev test installs it (python3-doc)"
    );
    let http = "include /etc/nginx/mime.types; gzip on;";
    let server = format!("root {SITE}; add_header Served-By primary always;");
    nginx_alone(place, "site", port, http, &server)
}

/// What the site was once: a copy, with the scripts that Debian shares among packages in it.
fn mirror(place: &Place) {
    let copied = Command::new("cp")
        .args(["-rL", SITE])
        .arg(place.path("mirror"))
        .status()
        .unwrap();
    assert!(copied.success());
}

struct Site {
    place: Place,
    url: String,
    primary: u16,
    _edge: Edge,
}

impl Site {
    fn start(place: Place, primary: u16, chain: &str, key: &str) -> Site {
        let port = free_port();
        place.write(
            "edge.toml",
            &format!(
                "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\nhttp2 = true\n\
                 [overload]\nlag_ms_max = 60000\n\
                 [[certificate]]\nchain_file = {chain:?}\nkey_file = {key:?}\n\
                 [[tenant]]\nname = \"docs\"\nhosts = [\"docs.example\"]\n\
                 [[upstream]]\nname = \"nginx\"\nservers = [\"127.0.0.1:{primary}\"]\n\
                 [upstream.health]\npath = \"/about.html\"\nevery_ms = 300\ntimeout_ms = 300\n\
                 healthy_after = 1\nunhealthy_after = 3\n\
                 [[route]]\nname = \"docs\"\ntenant = \"docs\"\nto = [\"nginx\"]\n\
                 mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
                 [route.failover]\nwait_ms = {WAIT_MS}\nhold_ms = {HOLD_MS}\n"
            ),
        );
        let edge = Edge::start(&place, port);
        Site {
            place,
            url: format!("https://docs.example:{port}"),
            primary,
            _edge: edge,
        }
    }

    /// How many were refused, for whatever reason, and how many were answered with 5xx.
    fn troubles(&self) -> (u64, u64) {
        let output = self.place.ask(&["metrics"]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let sum = |start: &str| {
            let lines = text.lines().filter(|line| line.starts_with(start));
            let counts = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
            counts.sum()
        };
        assert!(
            text.contains("edge_requests_total{status=\"5xx\"}"),
            "{text}"
        );
        (
            sum("edge_refusals_total{"),
            sum("edge_requests_total{status=\"5xx\"}"),
        )
    }

    /// How many requests were answered well.
    fn answered(&self) -> u64 {
        let status = self.place.status();
        let statuses = status["statuses"].as_array().unwrap();
        let good = statuses.iter().find(|pair| pair[0] == "2xx").unwrap();
        good[1].as_u64().unwrap()
    }

    /// All of a page came, over HTTP/2, and the browser has nothing to say about it. Gives what came.
    async fn came(&self, browser: &Browser, page: &str) -> BTreeSet<String> {
        let loaded = browser.loaded().await;
        assert!(loaded.len() > 5, "{page}: {loaded:?}");
        let good = |one: &Loaded| {
            one.status == 200
                && one.protocol == "h2"
                && one.bytes > 0
                && one.name.starts_with(&self.url)
        };
        let bad: Vec<&Loaded> = loaded.iter().filter(|one| !good(one)).collect();
        assert!(bad.is_empty(), "{page}: {bad:?}");
        assert_eq!(browser.broken().await, json!([]), "{page}");
        assert_eq!(browser.complaints().await, Vec::<serde_json::Value>::new());
        loaded.into_iter().map(|one| one.name).collect()
    }

    /// Goes through pages of every kind, searches, and follows what is found. Gives all that came.
    async fn read(&self, browser: &Browser) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (path, word) in PAGES {
            browser.goes(&format!("{}{path}", self.url)).await;
            let has = format!("return document.documentElement.innerHTML.includes({word:?})");
            assert_eq!(browser.run(&has).await, true, "{path}");
            all.extend(self.came(browser, path).await);
        }
        // The index of the search is a script of three megabytes; what is found is fetched for a
        // summary.
        browser
            .goes(&format!("{}/search.html?q=fortran", self.url))
            .await;
        let found = "const all = [...document.querySelectorAll('#search-results ul.search li')];
            const said = document.querySelector('#search-results').innerText;
            const done = said.includes('Search finished') && all.every(it => it.children.length > 1);
            return done && all.length ? all.length : null";
        let results = browser.until("search results", found).await;
        assert!(results.as_u64().unwrap() >= 3, "{results}");
        let follow = "const all = [...document.querySelectorAll('#search-results ul.search li a')];
            const one = all.find(it => it.href.includes('faq/design.html'));
            one.click(); return true";
        all.extend(self.came(browser, "search").await);
        browser.run(follow).await;
        let there = "return document.readyState === 'complete' &&
            location.pathname === '/faq/design.html' ? document.title : null";
        let title = browser.until("the page that was found", there).await;
        assert!(
            title.as_str().unwrap().contains("Design and History"),
            "{title}"
        );
        all.extend(self.came(browser, "found").await);
        all
    }
}

#[test]
fn a_browser_reads_a_whole_site_over_http_2_and_reads_on_when_its_server_is_killed() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(story());
}

async fn story() {
    let place = Place::new();
    let primary = free_port();
    let mut nginx = documentation(&place, primary);
    mirror(&place);
    let ca = Ca::root(&place, "ca");
    let server = ca.server(&place, "docs", &["docs.example"]);
    let site = Site::start(place, primary, server.chain(), server.key());
    let browser = Browser::open(&site.place, &server).await;
    // Who only looked whether it listens shook no hands.
    let (refused, failed) = site.troubles();
    assert_eq!(
        (refused, failed),
        (site.place.refused("handshake_failed"), 0)
    );

    let resources = site.read(&browser).await;
    assert!(resources.len() > 30, "{resources:?}");
    assert!(site.answered() > 100);
    assert_eq!(site.troubles(), (refused, 0));
    assert_eq!(browser.posture().await, (200, None));

    // Killed between two pages; the reader goes on.
    nginx.kill();
    let killed = Instant::now();
    let mut seen = Vec::new();
    loop {
        browser
            .goes(&format!("{}/library/turtle.html", site.url))
            .await;
        let (status, posture) = browser.posture().await;
        if posture.as_deref() == Some("degraded") {
            assert_eq!(status, 200);
            break;
        }
        seen.push(status);
        assert!(
            matches!(status, 502 | 503),
            "{seen:?}: an answer is made up"
        );
        assert!(killed.elapsed() < Duration::from_secs(10), "{seen:?}");
    }
    assert!(killed.elapsed() >= Duration::from_millis(WAIT_MS - 250));
    // What went wrong meanwhile was said: it is not said again.
    browser.complaints().await;
    let before = site.troubles();
    let again = site.read(&browser).await;
    assert_eq!(again, resources, "the mirror has all of it");
    assert_eq!(site.troubles(), before);
    assert_eq!(browser.posture().await, (200, Some("degraded".to_owned())));

    // And back.
    let _nginx = documentation(&site.place, site.primary);
    eventually("the primary serves again", || {
        site.place.status()["routes"][0]["serving"] == 0
    });
    assert_eq!(browser.posture().await, (200, None));
    browser.goes(&format!("{}/index.html", site.url)).await;
    site.came(&browser, "the first page again").await;
    assert_eq!(site.troubles(), before);
}
