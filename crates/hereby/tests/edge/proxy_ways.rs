//! Whose a request is, how it came, and what is done with it without an upstream.

use std::process::Command;

use crate::harness::{
    Edge, Nginx, PATIENCE, Place, Process, curl, curl_status, eventually, free_port, raw,
    status_of, wait_for,
};
use crate::proxy::plain;

const ECHO: &str = "location / { return 200 \"$http_x_forwarded_for|$request_uri\"; }";

#[test]
fn a_real_haproxy_says_who_connected_in_both_versions_of_its_protocol() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let _nginx = Nginx::start(&place, behind, ECHO);
    place.write(
        "edge.toml",
        &format!(
            "trusted = [\"127.0.0.1/32\"]\n[[listen]]\naddress = \"127.0.0.1:{port}\"\nproxy_protocol = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let (first, second) = (free_port(), free_port());
    let mut config =
        "defaults\n mode tcp\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n"
            .to_owned();
    for (listen, word) in [(first, "send-proxy"), (second, "send-proxy-v2")] {
        config += &format!(
            "listen l{listen}\n bind 127.0.0.1:{listen}\n server e 127.0.0.1:{port} {word}\n"
        );
    }
    let file = place.write("haproxy.cfg", &config);
    let _haproxy = Process::start(
        Command::new("haproxy")
            .arg("-f")
            .arg(file)
            .stderr(std::process::Stdio::null()),
    );
    wait_for(first);
    for listen in [first, second] {
        let said = curl(&[
            "--interface",
            "127.0.0.9",
            &format!("http://127.0.0.1:{listen}/x"),
        ]);
        assert_eq!(said, "127.0.0.9|/x");
    }
    let before = place.refused("proxy_header_bad");
    let bare = raw(edge.address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", PATIENCE);
    assert_eq!(bare, b"", "who says nothing is not answered");
    assert_eq!(place.refused("proxy_header_bad"), before + 1);
}

#[test]
fn a_plain_port_can_send_everybody_to_https() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nredirect_to_https = true\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"never\" }}\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/a/b?c=d", edge.address);
    let answer = curl(&[
        "-i",
        "-H",
        "Host: shop.example:8080",
        "-X",
        "POST",
        "-d",
        "x",
        &url,
    ]);
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(
        answer.contains("location: https://shop.example/a/b?c=d\r\n"),
        "{answer}"
    );
}

#[test]
fn a_directory_is_served_and_nothing_beside_it() {
    let place = Place::new();
    let port = free_port();
    place.write("site/index.html", "<p>index");
    place.write("site/sub/index.html", "<p>sub");
    place.write("site/text.txt", "0123456789");
    place.write("site/.secret", "secret");
    place.write("site/.git/config", "secret");
    place.write("outside.txt", "secret");
    std::os::unix::fs::symlink("../outside.txt", place.path("site/link.txt")).unwrap();
    std::os::unix::fs::symlink("..", place.path("site/up")).unwrap();
    std::os::unix::fs::symlink("text.txt", place.path("site/same.txt")).unwrap();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[route]]\nname = \"all\"\nfiles = {{ directory = \"site\" }}\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let at = |path: &str| format!("http://{}{path}", edge.address);
    assert_eq!(curl(&[&at("/")]), "<p>index");
    assert_eq!(curl(&[&at("/sub/")]), "<p>sub");
    assert_eq!(curl_status(&[&at("/sub")]), 301);
    assert_eq!(curl(&[&at("/same.txt")]), "0123456789");
    let range = |range: &str| {
        curl(&[
            "-i",
            "-H",
            &format!("Range: bytes={range}"),
            &at("/text.txt"),
        ])
    };
    let part = range("2-4");
    assert!(
        part.starts_with("HTTP/1.1 206 ") && part.ends_with("234"),
        "{part}"
    );
    assert!(part.contains("content-range: bytes 2-4/10\r\n"), "{part}");
    assert!(
        range("-3").ends_with("789")
            && range("7-").ends_with("789")
            && range("7-99").ends_with("789")
    );
    let beyond = range("10-");
    assert!(
        beyond.starts_with("HTTP/1.1 416 ") && beyond.contains("bytes */10"),
        "{beyond}"
    );
    assert!(
        range("4-2").starts_with("HTTP/1.1 200 "),
        "a range that is none is not looked at"
    );
    let whole = curl(&["-i", &at("/text.txt")]);
    let tag = whole
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    assert_eq!(
        curl_status(&["-H", &format!("If-None-Match: {tag}"), &at("/text.txt")]),
        304
    );
    assert_eq!(
        curl_status(&["-H", "If-None-Match: \"else\"", &at("/text.txt")]),
        200
    );
    let head = curl(&["-I", &at("/text.txt")]);
    assert!(head.contains("content-length: 10\r\n"), "{head}");
    for path in [
        "/.secret",
        "/%2esecret",
        "/.git/config",
        "/link.txt",
        "/up/outside.txt",
        "/sub/../../outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/sub/..%5c..%5coutside.txt",
        "//etc/passwd",
        "/text.txt/",
        "/text.txt%00",
        "/nothing",
        "/sub%2findex.html",
    ] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let answer = curl(&["--path-as-is", "-w", "%{http_code}", version, &at(path)]);
            assert!(
                !answer.contains("secret\n") && !answer.contains("root:"),
                "{path}: {answer}"
            );
            assert!(
                answer.ends_with("404") || answer.ends_with("400") || answer.ends_with("000"),
                "{path}: {answer}"
            );
        }
    }
    assert_eq!(
        curl_status(&["-X", "PUT", "-d", "x", &at("/text.txt")]),
        405
    );
}

#[test]
fn tenants_are_told_apart_by_host_header_and_path() {
    let place = Place::new();
    let port = free_port();
    let mut config = format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n");
    for (name, rule) in [
        (
            "stage",
            "hosts = [\"shop.example\"]\nheader = { name = \"x-stage\", value = \"test\" }",
        ),
        ("cart", "hosts = [\"shop.example\"]\npaths = [\"/cart\"]"),
        ("shop", "hosts = [\"shop.example\", \"*.shop.example\"]"),
    ] {
        config += &format!(
            "[[tenant]]\nname = \"{name}\"\n{rule}\n[[route]]\nname = \"{name}\"\ntenant = \"{name}\"\n\
             respond = {{ status = 200, body = \"{name}\" }}\n"
        );
    }
    place.write("edge.toml", &config);
    let edge = Edge::start(&place, port);
    let ask = |version: &str, host: &str, path: &str, more: &str| {
        let url = format!("http://{}{path}", edge.address);
        curl(&[version, "-H", &format!("Host: {host}"), "-H", more, &url])
    };
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(ask(version, "shop.example", "/", "x-y: z"), "shop");
        assert_eq!(
            ask(version, "SHOP.Example.:8080", "/carts", "x-y: z"),
            "shop"
        );
        assert_eq!(ask(version, "a.b.shop.example", "/cart", "x-y: z"), "shop");
        assert_eq!(ask(version, "shop.example", "/cart", "x-y: z"), "cart");
        assert_eq!(ask(version, "shop.example", "/cart/1", "x-y: z"), "cart");
        assert_eq!(ask(version, "shop.example", "/", "x-stage: test"), "stage");
        let unknown = ask(version, "other.example", "/", "x-y: z");
        assert!(
            unknown.contains("\"status\":421,\"reason\":\"tenant_unknown\""),
            "{unknown}"
        );
    }
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[limit]]\nname = \"each\"\nkey = \"address\"\nrate = {{ requests = 3, per_ms = 60000, burst = 3 }}\n\
             [[route]]\nname = \"all\"\nlimits = [\"each\"]\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    for _ in 0..3 {
        assert_eq!(curl(&[&url]), "ok");
    }
    let refused = curl(&["-i", &url]);
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    let field = |name: &str| {
        let mut lines = refused.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .unwrap_or_default()
    };
    let wait: u64 = field("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{refused}");
    assert!(
        field("ratelimit-policy").starts_with("\"each\";q=3;w=60"),
        "{refused}"
    );
    assert!(
        field("ratelimit").starts_with("\"each\";r=0;t="),
        "{refused}"
    );
    assert_eq!(field("content-type"), "application/problem+json");
    let problem: serde_json::Value =
        serde_json::from_str(refused.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(problem["reason"], "limit");
    // Somebody else isn't held up.
    assert_eq!(curl(&["--interface", "127.0.0.8", &url]), "ok");
}

#[test]
fn bans_hold_within_a_second_of_their_file_and_a_million_take_little_memory() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let _nginx = Nginx::start(&place, behind, ECHO);
    place.write("bans", "");
    plain(&place, port, behind, "");
    let config = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    place.write("edge.toml", &format!("bans = [\"bans\"]\n{config}"));
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    let comes_in = |from: &str| {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "10", "--interface", from, &url])
            .output()
            .unwrap();
        output.status.success()
    };
    assert!(comes_in("127.0.0.7"));
    let resident = || {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", edge.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = resident();
    let mut list = String::from("127.0.0.7\n");
    for number in 0..1_000_000u32 {
        let address = std::net::Ipv4Addr::from(0x2000_0000 + number * 7);
        list.push_str(&format!("{address}\n"));
    }
    place.write("bans.new", &list);
    std::fs::rename(place.path("bans.new"), place.path("bans")).unwrap();
    eventually("the ban holds", || !comes_in("127.0.0.7"));
    assert!(comes_in("127.0.0.6"));
    let growth = resident().saturating_sub(before);
    println!("a million bans: {growth} kB more resident");
    assert!(growth < 64 << 10, "{growth} kB");
    let begun = std::time::Instant::now();
    place.write("bans.new", "127.0.0.6\n");
    std::fs::rename(place.path("bans.new"), place.path("bans")).unwrap();
    eventually("the other ban holds", || !comes_in("127.0.0.6"));
    let took = begun.elapsed();
    assert!(took.as_millis() < 2_000, "{took:?}");
    assert!(comes_in("127.0.0.7"));
    assert!(place.refused("address_banned") >= 2);
    assert_eq!(
        status_of(&raw(
            edge.address,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            PATIENCE
        )),
        200
    );
}
