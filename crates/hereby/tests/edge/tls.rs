//! TLS in front and behind: which certificate is shown, when another takes its place, what isn't
//! spoken, and whom an upstream must be.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Edge, Nginx, Place, curl, eventually, free_port};
use crate::tls_peers::{Ca, Connection, Identity, Spoken, openssl, replace};

/// An edge that shows these, and answers every host.
fn start(place: &Place, certificates: &[&Identity], http2: bool) -> Edge {
    let port = free_port();
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\nhttp2 = {http2}\n\
         [overload]\nlag_ms_max = 60000\n\
         [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"welcome all.\" }}\n"
    );
    for one in certificates {
        let (chain, key) = (&one.chain, &one.key);
        write!(
            text,
            "[[certificate]]\nchain_file = {chain:?}\nkey_file = {key:?}\n"
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
    Edge::start(place, port)
}

/// Whose certificate is shown for that name; none: the handshake was refused.
fn shown(edge: &Edge, name: &str) -> Option<String> {
    let mut connection = Connection::open(edge.address, name, Spoken::Http1, &[]);
    let answer = connection.ask("shop.example");
    let said = connection.said();
    let subject = said
        .lines()
        .find_map(|line| line.strip_prefix("subject=CN = "));
    match subject {
        Some(subject) => {
            assert_eq!(answer, "welcome all", "{said}");
            Some(subject.to_owned())
        }
        None => {
            assert_eq!(answer, "ended", "{said}");
            assert!(said.contains("alert"), "the client isn't told why: {said}");
            None
        }
    }
}

#[test]
fn the_name_chooses_the_certificate_and_without_one_there_is_no_handshake() {
    let place = Place::new();
    let ca = Ca::root(&place, "ca");
    let exact = ca.server(&place, "exact", &["shop.example"]);
    let below = ca.server(&place, "below", &["*.shop.example"]);
    let own = ca.server(&place, "own", &["own.shop.example", "other.example"]);
    let edge = start(&place, &[&below, &exact, &own], false);
    for (name, file) in [
        ("shop.example", "exact"),
        ("SHOP.example", "exact"),
        ("www.shop.example", "below"),
        ("Www.Shop.Example", "below"),
        ("own.shop.example", "own"),
        ("other.example", "own"),
    ] {
        assert_eq!(shown(&edge, name).as_deref(), Some(file), "{name}");
    }
    let strangers = [
        "a.b.shop.example",
        "shopx.example",
        "example",
        "xshop.example",
    ];
    for name in strangers {
        assert_eq!(shown(&edge, name), None, "{name}");
    }
    let mut nameless = Connection::nameless(edge.address);
    assert_eq!(nameless.ask("shop.example"), "ended");
    assert!(
        nameless.said().contains("unrecognized name"),
        "{}",
        nameless.said()
    );
    // curl sends no name for an address.
    let output = std::process::Command::new("curl")
        .args(["-sSk", "--max-time", "20"])
        .arg(format!("https://{}/", edge.address))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(35));
    let refused = u64::try_from(strangers.len()).unwrap() + 2;
    eventually("each is counted", || {
        place.refused("server_name_unknown") == refused
    });
}

#[test]
fn a_certificate_that_is_replaced_is_shown_within_a_second_and_a_broken_one_never() {
    let place = Place::new();
    let ca = Ca::root(&place, "ca");
    let mut current = ca.server(&place, "first", &["shop.example"]);
    current.chain = place.write("shop.crt", &read(&current.chain));
    current.key = place.write("shop.key", &read(&current.key));
    let edge = start(&place, &[&current], false);
    let mut old = Connection::open(edge.address, "shop.example", Spoken::Http1, &[]);
    assert_eq!(old.ask("shop.example"), "welcome all");
    let log = || std::fs::read_to_string(place.path("edge.log")).unwrap();
    let next = ca.server(&place, "second", &["shop.example"]);
    replace(&place, "shop.key", &read(&next.key));
    replace(&place, "shop.crt", &read(&next.chain));
    let begun = Instant::now();
    while shown(&edge, "shop.example").as_deref() != Some("second") {
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    // Who came before it goes on.
    assert_eq!(old.ask("shop.example"), "welcome all");
    let other = ca.server(&place, "other", &["shop.example"]);
    let broken = [
        (
            "shop.crt",
            "nothing\n".to_owned(),
            "there is no certificate in it",
        ),
        ("shop.crt", read(&other.chain), "the key does not fit"),
        (
            "shop.key",
            "nothing\n".to_owned(),
            "that is no private key in PEM",
        ),
    ];
    for (file, text, said) in broken {
        replace(&place, file, &text);
        eventually(said, || log().contains(said));
        assert_eq!(shown(&edge, "shop.example").as_deref(), Some("second"));
    }
    std::fs::remove_file(&current.key).unwrap();
    eventually("it is said", || log().contains("No such file"));
    assert_eq!(shown(&edge, "shop.example").as_deref(), Some("second"));
    replace(&place, "shop.key", &read(&other.key));
    replace(&place, "shop.crt", &read(&other.chain));
    eventually("it is shown", || {
        shown(&edge, "shop.example").as_deref() == Some("other")
    });
    assert_eq!(old.ask("shop.example"), "welcome all");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn only_tls_1_2_and_1_3_are_spoken_and_nothing_is_sent_early() {
    let place = Place::new();
    let ca = Ca::root(&place, "ca");
    let edge = start(
        &place,
        &[&ca.server(&place, "shop", &["shop.example"])],
        true,
    );
    let name = "shop.example";
    for version in ["-tls1", "-tls1_1"] {
        let more = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let mut connection = Connection::open(edge.address, name, Spoken::Http1, &more);
        assert_eq!(connection.ask(name), "ended");
        let said = connection.said();
        let alert = said.contains("SSL alert number 70") || said.contains("SSL alert number 40");
        assert!(alert && said.contains("no peer certificate"), "{said}");
    }
    for (version, spoken, alpn) in [
        ("-tls1_2", Spoken::Http1, "http/1.1"),
        ("-tls1_2", Spoken::Http2, "h2"),
        ("-tls1_3", Spoken::Http1, "http/1.1"),
        ("-tls1_3", Spoken::Http2, "h2"),
    ] {
        let mut connection = Connection::open(edge.address, name, spoken, &[version]);
        assert_eq!(connection.ask(name), "welcome all");
        let said = connection.said();
        assert!(said.contains(&format!("ALPN protocol: {alpn}\n")), "{said}");
        assert!(
            said.contains("Secure Renegotiation IS") && said.contains("Compression: NONE"),
            "{said}"
        );
    }
    let session = place.path("session").display().to_string();
    let mut first = Connection::open(
        edge.address,
        name,
        Spoken::Http1,
        &["-tls1_3", "-sess_out", &session],
    );
    assert_eq!(first.ask(name), "welcome all");
    let early = place.write("early", "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    let more = [
        "-tls1_3",
        "-sess_in",
        &session,
        "-early_data",
        early.to_str().unwrap(),
    ];
    let mut second = Connection::open(edge.address, name, Spoken::Http1, &more);
    assert_eq!(second.ask(name), "welcome all");
    let said = second.said();
    assert!(
        second.resumed() && said.contains("Early data was not sent"),
        "{said}"
    );
    let said = openssl(&["sess_id", "-in", &session, "-text", "-noout"]);
    assert!(said.contains("Max Early Data: 0"), "{said}");
}

#[test]
fn the_edge_chooses_the_cipher_suite_and_hears_who_has_no_aes() {
    let place = Place::new();
    let ca = Ca::root(&place, "ca");
    let name = "shop.example";
    let edge = start(&place, &[&ca.server(&place, "shop", &[name])], true);
    let (aes_128, aes_256) = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384");
    let chacha = "TLS_CHACHA20_POLY1305_SHA256";
    let session = place.path("session").display().to_string();
    for (offered, chosen) in [
        (format!("{aes_256}:{chacha}:{aes_128}"), aes_128),
        (format!("{aes_256}:{chacha}"), aes_256),
        (format!("{chacha}:{aes_128}:{aes_256}"), chacha),
    ] {
        let more = ["-tls1_3", "-ciphersuites", &offered, "-sess_out", &session];
        let mut connection = Connection::open(edge.address, name, Spoken::Http1, &more);
        assert_eq!(connection.ask(name), "welcome all");
        let said = connection.said();
        assert!(said.contains(&format!("Cipher is {chosen}")), "{said}");
        let more = ["-tls1_3", "-ciphersuites", &offered, "-sess_in", &session];
        let mut again = Connection::open(edge.address, name, Spoken::Http1, &more);
        assert_eq!(again.ask(name), "welcome all");
        assert!(again.resumed(), "{offered}: {}", again.said());
    }
    for (offered, chosen) in [
        (
            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
            "AES128-GCM-SHA256",
        ),
        (
            "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
            "CHACHA20-POLY1305",
        ),
    ] {
        let more = ["-tls1_2", "-cipher", offered];
        let mut connection = Connection::open(edge.address, name, Spoken::Http1, &more);
        assert_eq!(connection.ask(name), "welcome all");
        let said = connection.said();
        assert!(
            said.contains(&format!("Cipher is ECDHE-ECDSA-{chosen}")),
            "{said}"
        );
    }
}

#[test]
fn a_listener_without_http_2_does_not_offer_it() {
    let place = Place::new();
    let ca = Ca::root(&place, "ca");
    let edge = start(
        &place,
        &[&ca.server(&place, "shop", &["shop.example"])],
        false,
    );
    let trust = ca.file();
    let resolve = format!("shop.example:{}:127.0.0.1", edge.address.port());
    let url = format!("https://shop.example:{}/", edge.address.port());
    let said = curl(&[
        "--http2",
        "--cacert",
        trust,
        "--resolve",
        &resolve,
        "-w",
        "%{http_version}",
        &url,
    ]);
    assert_eq!(said, "welcome all.1.1");
    let mut only = Connection::open(edge.address, "shop.example", Spoken::Http2, &[]);
    assert_eq!(only.ask("shop.example"), "ended");
    assert!(
        only.said().contains("no application protocol"),
        "{}",
        only.said()
    );
}

/// An upstream over TLS must be whom the configuration names, by a CA that it names.
#[test]
fn an_upstream_is_believed_only_with_its_name_and_its_ca() {
    let place = Place::new();
    let (ca, stranger) = (Ca::root(&place, "ca"), Ca::root(&place, "stranger"));
    let server = ca.server(&place, "site", &["site.internal"]);
    let (port, behind, behind_tls) = (free_port(), free_port(), free_port());
    let more = format!(
        "listen 127.0.0.1:{behind_tls} ssl http2; ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;\n\
         add_header Strict-Transport-Security \"max-age=7\" always;\n\
         location /who {{ return 200 \"$ssl_server_name $server_protocol $ssl_protocol\"; }}",
        server.chain(),
        server.key(),
    );
    let _nginx = Nginx::start(&place, behind, &more);
    let mut text =
        format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\n[overload]\nlag_ms_max = 60000\n");
    for (path, name, ca, protocol) in [
        ("good", "site.internal", &ca, "http1"),
        ("two", "site.internal", &ca, "http2"),
        ("name", "other.internal", &ca, "http1"),
        ("ca", "site.internal", &stranger, "http1"),
    ] {
        write!(
            text,
            "[[upstream]]\nname = \"{path}\"\nservers = [\"127.0.0.1:{behind_tls}\"]\n\
             protocol = \"{protocol}\"\ntls = {{ name = \"{name}\", ca_file = {:?} }}\n\
             [[route]]\nname = \"{path}\"\nhost = \"{path}.example\"\nto = \"{path}\"\n",
            ca.file,
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
    let edge = Edge::start(&place, port);
    let ask = |host: &str| {
        let url = format!("http://{}/who", edge.address);
        curl(&["-i", "-H", &format!("Host: {host}.example"), &url])
    };
    for (host, protocol) in [("good", "HTTP/1.1"), ("two", "HTTP/2.0")] {
        let said = ask(host);
        assert!(
            said.ends_with(&format!("site.internal {protocol} TLSv1.3")),
            "{said}"
        );
        // Who wants their site asked for by https alone says so; it is passed on as it came.
        assert_eq!(
            said.to_lowercase()
                .matches("strict-transport-security: max-age=7")
                .count(),
            1
        );
    }
    for host in ["name", "ca"] {
        let said = ask(host);
        assert!(said.starts_with("HTTP/1.1 502"), "{said}");
        assert!(said.contains("upstream_unreachable"), "{said}");
        assert!(
            !said.to_lowercase().contains("strict-transport-security"),
            "{said}"
        );
    }
    // Its CA is read again when it is another; one that is none leaves the one before.
    std::fs::copy(ca.file(), stranger.file()).unwrap();
    let begun = Instant::now();
    eventually("it is believed", || ask("ca").starts_with("HTTP/1.1 200"));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    std::fs::write(stranger.file(), "nothing").unwrap();
    eventually("that is said", || {
        let log = std::fs::read_to_string(place.path("edge.log")).unwrap();
        log.contains("its CA can't be read; the one before stays")
    });
    assert!(ask("ca").starts_with("HTTP/1.1 200"));
}
