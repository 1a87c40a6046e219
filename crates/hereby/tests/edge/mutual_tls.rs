//! Who comes in with a client certificate, and who no longer: on every way in which TLS keeps or
//! resumes a connection, because a revocation counts from the next request on.

use std::fmt::Write as _;
use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::harness::{Edge, Place, curl, eventually, free_port};
use crate::tls_peers::{Age, Ca, Connection, Crl, Identity, Spoken, openssl, replace};

/// From a list that was replaced to the first request that is refused for it.
const COUNTS_WITHIN: Duration = Duration::from_secs(1);

/// Tenants a, b and c with hosts of these names below `.example`; who has a line has more settings.
fn write(place: &Place, port: u16, own: &[(&str, &str)]) {
    let servers = Ca::root(place, "servers");
    let names: Vec<String> = own
        .iter()
        .map(|(name, _)| format!("{name}.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = servers.server(place, "server", &names);
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n[overload]\nlag_ms_max = 60000\n\
         [access_log]\npath = {:?}\n\
         [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n",
        place.path("access.log"),
        server.chain,
        server.key,
    );
    for (name, more) in own {
        write!(
            text,
            "[[tenant]]\nname = \"{name}\"\nhosts = [\"{name}.example\"]\n{more}\
             [[route]]\nname = \"{name}\"\ntenant = \"{name}\"\n\
             respond = {{ status = 200, body = \"welcome {name}.\" }}\n"
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
}

fn clients(cas: &[&Ca], more: &str) -> String {
    let files: Vec<&str> = cas.iter().map(|ca| ca.file()).collect();
    format!("[tenant.client_certificates]\nca_files = {files:?}\n{more}\n")
}

fn edge_log(place: &Place) -> String {
    std::fs::read_to_string(place.path("edge.log")).unwrap()
}

/// How a connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Full,
    Ticket,
    SessionId,
}

/// One way in: a version of TLS, what is spoken in it, and how the session came about.
struct Way<'a> {
    edge: &'a Edge,
    place: &'a Place,
    version: &'static str,
    spoken: Spoken,
    how: How,
    /// Who has a session, and the file that it is in.
    client: Identity,
    session: String,
}

impl Way<'_> {
    /// A connection for that name with the session of an earlier one, and no certificate at all.
    fn with_session(&self, name: &str) -> Connection {
        let mut more = vec![self.version, "-sess_in", &self.session];
        if self.how == How::SessionId {
            more.push("-no_ticket");
        }
        Connection::open(self.edge.address, name, self.spoken, &more)
    }

    /// A full handshake with the certificate, that leaves its session behind.
    fn full(&self, name: &str) -> Connection {
        let mut more = vec![self.version, "-sess_out", &self.session];
        more.extend(self.client.shown());
        if self.how == How::SessionId {
            more.push("-no_ticket");
        }
        Connection::open(self.edge.address, name, self.spoken, &more)
    }

    fn again(&self) -> Connection {
        match self.how {
            How::Full => self.full("a.example"),
            How::Ticket | How::SessionId => self.with_session("a.example"),
        }
    }

    /// All that must hold on this way.
    fn hold(&self, revoked: &mut String) {
        let mut first = self.full("a.example");
        assert_eq!(first.ask("a.example"), "welcome a");
        assert!(!first.resumed());
        let session = std::fs::read_to_string(&self.session).unwrap();
        assert!(session.contains("BEGIN SSL SESSION"), "{session}");

        let mut kept = self.again();
        // What was shown is known again, though nothing is shown now.
        assert_eq!(kept.ask("a.example"), "welcome a", "{}", kept.said());
        assert_eq!(kept.resumed(), self.how != How::Full, "{}", kept.said());

        // Another tenant's host on the same connection is refused, and the connection is as before.
        assert_eq!(kept.ask("b.example"), "wrong_server_name");
        assert_eq!(kept.ask("c.example"), "wrong_server_name");
        assert_eq!(kept.ask("a.example"), "welcome a");

        // A session made for one name is none for another: nothing was shown there.
        let mut elsewhere = self.with_session("b.example");
        assert_eq!(elsewhere.ask("b.example"), "certificate_missing");
        assert_eq!(elsewhere.ask("a.example"), "wrong_server_name");
        assert!(!elsewhere.resumed(), "{}", elsewhere.said());
        let mut open = self.with_session("c.example");
        assert_eq!(open.ask("c.example"), "welcome c");
        assert_eq!(open.ask("a.example"), "wrong_server_name");
        assert!(!open.resumed(), "{}", open.said());

        // Revoked in the middle of a connection.
        writeln!(revoked, "{}", self.client.fingerprint()).unwrap();
        replace(self.place, "revoked", revoked);
        let took = kept.until("a.example", "certificate_revoked");
        assert!(took < COUNTS_WITHIN, "it took {took:?}");
        assert_eq!(first.ask("a.example"), "certificate_revoked");
        assert_eq!(kept.ask("a.example"), "certificate_revoked");

        // Revoked before the connection: the handshake goes well, and nothing comes of it.
        let mut late = self.again();
        assert_eq!(late.ask("a.example"), "certificate_revoked");
        assert_eq!(late.resumed(), self.how != How::Full, "{}", late.said());
        let mut again = self.full("a.example");
        assert_eq!(again.ask("a.example"), "certificate_revoked");
    }
}

/// Runs every way of one version of TLS and HTTP.
fn hold(version: &'static str, spoken: Spoken, hows: &[How]) {
    let place = Place::new();
    let port = free_port();
    let (ca_a, ca_b) = (Ca::root(&place, "ca-a"), Ca::root(&place, "ca-b"));
    let list = format!("revoked_files = [{:?}]", place.path("revoked"));
    place.write("revoked", "# nobody yet\n");
    let (a, b) = (clients(&[&ca_a], &list), clients(&[&ca_b], ""));
    write(&place, port, &[("a", &a), ("b", &b), ("c", "")]);
    let edge = Edge::start(&place, port);
    let mut revoked = String::new();
    for how in hows {
        let way = Way {
            edge: &edge,
            place: &place,
            version,
            spoken,
            how: *how,
            client: ca_a.client(&place, &format!("client-{how:?}")),
            session: place
                .path(&format!("session-{how:?}"))
                .display()
                .to_string(),
        };
        way.hold(&mut revoked);
    }
    // Who was not revoked was never in the way of it.
    let other = ca_a.client(&place, "other");
    let mut more = vec![version];
    more.extend(other.shown());
    let mut connection = Connection::open(edge.address, "a.example", spoken, &more);
    assert_eq!(connection.ask("a.example"), "welcome a");
}

#[test]
fn revoked_counts_from_the_next_request_tls_1_2_http_1() {
    hold(
        "-tls1_2",
        Spoken::Http1,
        &[How::Full, How::Ticket, How::SessionId],
    );
}

#[test]
fn revoked_counts_from_the_next_request_tls_1_2_http_2() {
    hold(
        "-tls1_2",
        Spoken::Http2,
        &[How::Full, How::Ticket, How::SessionId],
    );
}

#[test]
fn revoked_counts_from_the_next_request_tls_1_3_http_1() {
    hold("-tls1_3", Spoken::Http1, &[How::Full, How::Ticket]);
}

#[test]
fn revoked_counts_from_the_next_request_tls_1_3_http_2() {
    hold("-tls1_3", Spoken::Http2, &[How::Full, How::Ticket]);
}

/// What a client with that certificate gets at a.example.
fn shown(edge: &Edge, client: Option<&Identity>) -> String {
    shown_at(edge, "a.example", client)
}

fn shown_at(edge: &Edge, name: &str, client: Option<&Identity>) -> String {
    let more = client.map(Identity::shown);
    let more = more.as_ref().map_or(&[][..], |more| &more[..]);
    Connection::open(edge.address, name, Spoken::Http1, more).ask(name)
}

/// curl, for whom no certificate is an answer like any other, on both versions of both protocols.
#[test]
fn who_shows_none_is_told_so_by_an_answer() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    let (must, may) = (clients(&[&ca], ""), clients(&[&ca], "optional = true"));
    write(&place, port, &[("a", &must), ("b", &may)]);
    let _edge = Edge::start(&place, port);
    let client = ca.client(&place, "client");
    let trust = place.path("servers.pem").display().to_string();
    for version in [
        ["--tlsv1.2", "--tls-max", "1.2"],
        ["--tlsv1.3", "--tls-max", "1.3"],
    ] {
        for (http, wanted) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let ask = |name: &str, more: &[&str]| {
                let resolve = format!("{name}:{port}:127.0.0.1");
                let url = format!("https://{name}:{port}/");
                let format = "|%{http_code} %{http_version}";
                let own = [
                    "--cacert",
                    &trust,
                    "--resolve",
                    &resolve,
                    http,
                    "-w",
                    format,
                    &url,
                ];
                curl(&[&version[..], &own, more].concat())
            };
            let none = ask("a.example", &[]);
            assert!(
                none.contains("\"reason\":\"certificate_missing\""),
                "{none}"
            );
            assert!(none.ends_with(&format!("|403 {wanted}")), "{none}");
            let with = ["--cert", client.chain(), "--key", client.key()];
            let welcome = |name: &str| format!("welcome {name}.|200 {wanted}");
            assert_eq!(ask("a.example", &with), welcome("a"));
            assert_eq!(ask("b.example", &[]), welcome("b"));
            assert_eq!(ask("b.example", &with), welcome("b"));
            let wrong = ask(
                "a.example",
                &[&with[..], &["-H", "Host: b.example"]].concat(),
            );
            assert!(wrong.ends_with(&format!("|421 {wanted}")), "{wrong}");
        }
    }
    // Curl's own way of resuming: a second connection in one run.
    let url = format!("https://a.example:{port}/");
    let resolve = format!("a.example:{port}:127.0.0.1");
    let output = std::process::Command::new("curl")
        .args(["-v", "--max-time", "20", "--http1.1", "--cacert", &trust])
        .args(["--resolve", &resolve, "-H", "Connection: close"])
        .args(["--cert", client.chain(), "--key", client.key(), &url, &url])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.to_lowercase().contains("re-using session id"),
        "{said}"
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "welcome a.welcome a."
    );
}

#[test]
fn every_ca_of_a_tenant_counts_and_no_other() {
    let place = Place::new();
    let port = free_port();
    let (one, two) = (Ca::root(&place, "one"), Ca::root(&place, "two"));
    let stranger = Ca::root(&place, "stranger");
    let own = clients(&[&one, &two], "");
    let other = clients(&[&stranger], "optional = true");
    write(&place, port, &[("a", &own), ("b", &other)]);
    let edge = Edge::start(&place, port);
    let middle = two.below(&place, "middle");
    let deep = middle.below(&place, "deep");
    for (ca, name) in [
        (&one, "by-one"),
        (&two, "by-two"),
        (&middle, "by-middle"),
        (&deep, "by-deep"),
    ] {
        let client = ca.client(&place, name);
        assert_eq!(shown(&edge, Some(&client)), "welcome a", "{name}");
    }
    // An intermediate CA that isn't sent can't be guessed.
    let alone = deep.client(&place, "alone");
    let first = std::fs::read_to_string(&alone.chain).unwrap();
    let end = first.find("-----END CERTIFICATE-----\n").unwrap() + 26;
    std::fs::write(&alone.chain, &first[..end]).unwrap();
    let before = place.refused("handshake_failed");
    let refused = [
        alone,
        stranger.client(&place, "by-stranger"),
        one.client_of_age(&place, "expired", Age::Expired),
        one.client_of_age(&place, "not-yet", Age::NotYet),
        // Certificates of servers are not for clients.
        one.server(&place, "server-as-client", &["a.example"]),
    ];
    for client in &refused {
        let got = shown(&edge, Some(client));
        assert_eq!(got, "ended", "{:?}", client.chain);
    }
    let count = u64::try_from(refused.len()).unwrap();
    eventually("each is counted", || {
        place.refused("handshake_failed") == before + count
    });
    // Optional means to show none, not to show anything.
    assert_eq!(shown_at(&edge, "b.example", None), "welcome b");
    assert_eq!(shown_at(&edge, "b.example", Some(&refused[1])), "welcome b");
    let foreign = one.client(&place, "foreign");
    assert_eq!(shown_at(&edge, "b.example", Some(&foreign)), "ended");
    assert_eq!(shown_at(&edge, "b.example", Some(&refused[2])), "ended");
}

/// Two tenants below one name, told apart by the path: each asks for certificates of its own CA.
#[test]
fn tenants_of_one_name_each_have_their_own_cas() {
    let place = Place::new();
    let port = free_port();
    let (one, two) = (Ca::root(&place, "one"), Ca::root(&place, "two"));
    write(&place, port, &[("a", &clients(&[&one], ""))]);
    let text = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    let more = format!(
        "[[tenant]]\nname = \"below\"\nhosts = [\"a.example\"]\npaths = [\"/below\"]\n{}\
         [[route]]\nname = \"below\"\ntenant = \"below\"\n\
         respond = {{ status = 200, body = \"welcome below.\" }}\n",
        clients(&[&two], "")
    );
    place.write("edge.toml", &format!("{text}{more}"));
    let _edge = Edge::start(&place, port);
    let trust = place.path("servers.pem").display().to_string();
    let resolve = format!("a.example:{port}:127.0.0.1");
    let ask = |client: &Identity, path: &str| {
        let url = format!("https://a.example:{port}{path}");
        let own = [
            "--cacert",
            &trust,
            "--resolve",
            &resolve,
            "--cert",
            client.chain(),
        ];
        curl(&[&own[..], &["--key", client.key(), &url]].concat())
    };
    let (of_one, of_two) = (one.client(&place, "of-one"), two.client(&place, "of-two"));
    assert_eq!(ask(&of_one, "/"), "welcome a.");
    assert_eq!(ask(&of_two, "/below/it"), "welcome below.");
    for (client, path) in [(&of_two, "/"), (&of_one, "/below/it")] {
        let said = ask(client, path);
        assert!(
            said.contains("\"reason\":\"certificate_refused\""),
            "{said}"
        );
    }
}

/// The SHA-256 of a CA's name, as openssl says it.
pub(crate) fn issuer(ca: &Ca) -> String {
    let args = [
        "ocsp",
        "-sha256",
        "-issuer",
        ca.file(),
        "-serial",
        "1",
        "-req_text",
    ];
    let said = openssl(&args);
    let line = said.lines().find(|line| line.contains("Issuer Name Hash"));
    line.unwrap().split(": ").nth(1).unwrap().trim().to_owned()
}

#[test]
fn a_list_names_fingerprints_or_issuer_and_serial_of_any_in_the_chain() {
    let place = Place::new();
    let port = free_port();
    let root = Ca::root(&place, "root");
    let middle = root.below(&place, "middle");
    let list = format!(
        "optional = true\nrevoked_files = [{:?}]",
        place.path("revoked")
    );
    place.write("revoked", "");
    write(&place, port, &[("a", &clients(&[&root], &list))]);
    let edge = Edge::start(&place, port);
    let (lost, found) = (
        middle.client(&place, "lost"),
        middle.client(&place, "found"),
    );
    let mut of_lost = connected(&edge, &lost);
    let mut of_found = connected(&edge, &found);
    let serial = openssl(&["x509", "-noout", "-serial", "-in", lost.chain()]);
    let by_serial = format!("issuer={} {serial} # left on a train", issuer(&middle));
    let fingerprint =
        |file: &str| openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in", file]);
    let steps = [
        (by_serial.clone(), "certificate_revoked", "welcome a"),
        // The same number of another issuer is another certificate.
        (
            by_serial.replace(&issuer(&middle), &issuer(&root)),
            "welcome a",
            "welcome a",
        ),
        (found.fingerprint(), "welcome a", "certificate_revoked"),
        (String::new(), "welcome a", "welcome a"),
        (
            fingerprint(middle.file()),
            "certificate_revoked",
            "certificate_revoked",
        ),
        (String::new(), "welcome a", "welcome a"),
        (
            fingerprint(root.file()),
            "certificate_revoked",
            "certificate_revoked",
        ),
    ];
    for (text, first, second) in steps {
        replace(&place, "revoked", &format!("{text}\n"));
        of_lost.until("a.example", first);
        of_found.until("a.example", second);
        // Whether certificates are optional is no question for who shows one.
        assert_eq!(shown(&edge, Some(&lost)), first, "{text}");
        assert_eq!(shown(&edge, None), "welcome a");
    }
}

fn connected(edge: &Edge, client: &Identity) -> Connection {
    let mut connection =
        Connection::open(edge.address, "a.example", Spoken::Http1, &client.shown());
    assert_eq!(connection.ask("a.example"), "welcome a");
    connection
}

#[test]
fn a_list_that_cannot_be_read_lets_nobody_in_says_so_and_works_again_when_mended() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    let list = format!("revoked_files = [{:?}]", place.path("revoked"));
    write(&place, port, &[("a", &clients(&[&ca], &list)), ("c", "")]);
    // There is none yet: the edge serves all the same, and says what is missing.
    let edge = Edge::start(&place, port);
    let client = ca.client(&place, "client");
    assert_eq!(shown(&edge, Some(&client)), "revocation_unknown");
    assert_eq!(shown_at(&edge, "c.example", None), "welcome c");
    assert!(
        edge_log(&place).contains("nobody comes in with a certificate"),
        "{}",
        edge_log(&place)
    );
    replace(&place, "revoked", "# nobody\n");
    let mut connection =
        Connection::open(edge.address, "a.example", Spoken::Http1, &client.shown());
    connection.until("a.example", "welcome a");
    replace(&place, "revoked", "# fine\nsha256:no\n");
    connection.until("a.example", "revocation_unknown");
    let log = edge_log(&place);
    assert!(
        log.contains("line 2: those are not hexadecimal digits"),
        "{log}"
    );
    replace(&place, "revoked", "");
    connection.until("a.example", "welcome a");
    std::fs::remove_file(place.path("revoked")).unwrap();
    connection.until("a.example", "revocation_unknown");
    // What isn't text, or can't be opened, is no list either.
    std::fs::write(place.path("revoked"), [0xff, 0xfe]).unwrap();
    eventually("it is looked at", || {
        edge_log(&place).contains("valid UTF-8")
    });
    assert_eq!(connection.ask("a.example"), "revocation_unknown");
    replace(&place, "revoked", &format!("{}\n", client.fingerprint()));
    connection.until("a.example", "certificate_revoked");
    replace(&place, "revoked", "");
    connection.until("a.example", "welcome a");
}

/// Between the first reading and the first look a list may have changed: whatever is no older than
/// the process is read once more.
#[test]
fn a_list_that_changes_while_the_edge_begins_is_read_again() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    let list = format!("revoked_files = [{:?}]", place.write("revoked", ""));
    write(&place, port, &[("a", &clients(&[&ca], &list))]);
    let later = SystemTime::now() + Duration::from_secs(60);
    let file = File::options().write(true).open(place.path("revoked"));
    file.unwrap().set_modified(later).unwrap();
    let _edge = Edge::start(&place, port);
    eventually("it was read again", || {
        edge_log(&place).contains("were read again")
    });
}

#[test]
fn what_a_ca_revoked_by_crl_is_refused_and_a_crl_past_its_time_says_nothing() {
    let place = Place::new();
    let port = free_port();
    let (root, stranger) = (Ca::root(&place, "root"), Ca::root(&place, "stranger"));
    let crl = Crl::new(&place, &root, "root");
    crl.publish(&["-crlsec", "3600"]);
    let list = format!("crl_files = [{:?}]", crl.file());
    write(&place, port, &[("a", &clients(&[&root], &list))]);
    let edge = Edge::start(&place, port);
    let (lost, found) = (root.client(&place, "lost"), root.client(&place, "found"));
    let mut of_lost = connected(&edge, &lost);
    let mut of_found = connected(&edge, &found);
    crl.revoke(lost.chain());
    crl.publish(&["-crlsec", "3600"]);
    let took = of_lost.until("a.example", "certificate_revoked");
    assert!(took < COUNTS_WITHIN, "it took {took:?}");
    assert_eq!(of_found.ask("a.example"), "welcome a");
    // As DER it says the same.
    let (der, pem) = (place.path("der").display().to_string(), crl.file());
    openssl(&["crl", "-in", &pem, "-outform", "DER", "-out", &der]);
    std::fs::rename(&der, &pem).unwrap();
    eventually("it was read again", || {
        edge_log(&place).matches("were read again").count() >= 2
    });
    assert_eq!(of_found.ask("a.example"), "welcome a");
    assert_eq!(of_lost.ask("a.example"), "certificate_revoked");
    // One whose time passes while it is in use: nothing is read, and it counts no more.
    crl.publish(&["-crlsec", "3"]);
    of_found.until("a.example", "welcome a");
    of_found.until("a.example", "revocation_unknown");
    assert_eq!(of_lost.ask("a.example"), "certificate_revoked");
    crl.publish(&[
        "-crl_lastupdate",
        "20200101000000Z",
        "-crl_nextupdate",
        "20200201000000Z",
    ]);
    assert_eq!(of_found.ask("a.example"), "revocation_unknown");
    crl.publish(&["-crlsec", "3600"]);
    of_found.until("a.example", "welcome a");
    // What another CA signed says nothing, nor does a list of a part only.
    let foreign = Crl::new(&place, &stranger, "foreign");
    foreign.publish(&["-crlsec", "3600"]);
    std::fs::rename(foreign.file(), crl.file()).unwrap();
    of_found.until("a.example", "revocation_unknown");
    let log = edge_log(&place);
    assert!(
        log.contains("no CA of the tenant signed the CRL of CN=stranger"),
        "{log}"
    );
    crl.publish(&["-crlsec", "3600"]);
    of_found.until("a.example", "welcome a");
    crl.publish(&["-crlsec", "3600", "-crlexts", "part"]);
    of_found.until("a.example", "revocation_unknown");
    assert!(
        edge_log(&place).contains("a part only"),
        "{}",
        edge_log(&place)
    );
}

/// The CAs of a chain stand in `ca_files`, and each has its CRL.
#[test]
fn a_ca_that_the_one_above_revoked_lets_nobody_in() {
    let place = Place::new();
    let port = free_port();
    let root = Ca::root(&place, "root");
    let middle = root.below(&place, "middle");
    let (of_root, of_middle) = (
        Crl::new(&place, &root, "root"),
        Crl::new(&place, &middle, "middle"),
    );
    of_root.publish(&["-crlsec", "3600"]);
    of_middle.publish(&["-crlsec", "3600"]);
    let list = format!("crl_files = [{:?}, {:?}]", of_root.file(), of_middle.file());
    write(&place, port, &[("a", &clients(&[&root, &middle], &list))]);
    let edge = Edge::start(&place, port);
    let mut of_client = connected(&edge, &middle.client(&place, "client"));
    let mut direct = connected(&edge, &root.client(&place, "direct"));
    of_root.revoke(middle.file());
    of_root.publish(&["-crlsec", "3600"]);
    of_client.until("a.example", "certificate_revoked");
    assert_eq!(direct.ask("a.example"), "welcome a");
}

#[test]
fn a_ca_that_is_taken_out_counts_from_the_next_request_on() {
    let place = Place::new();
    let port = free_port();
    let (one, two) = (Ca::root(&place, "one"), Ca::root(&place, "two"));
    let file = place.write("cas.pem", &format!("{}{}", one.pem(), two.pem()));
    let own = format!("[tenant.client_certificates]\nca_files = [{file:?}]\n");
    write(&place, port, &[("a", &own)]);
    let edge = Edge::start(&place, port);
    let (of_one, of_two) = (one.client(&place, "of-one"), two.client(&place, "of-two"));
    let mut first = connected(&edge, &of_one);
    let mut second = connected(&edge, &of_two);
    replace(&place, "cas.pem", two.pem());
    let took = first.until("a.example", "certificate_refused");
    assert!(took < COUNTS_WITHIN, "it took {took:?}");
    assert_eq!(second.ask("a.example"), "welcome a");
    eventually("handshakes follow", || {
        shown(&edge, Some(&of_one)) == "ended"
    });
    // What is no CA changes nothing.
    replace(&place, "cas.pem", "nothing\n");
    eventually("it is said", || {
        edge_log(&place).contains("its CAs stay as they were")
    });
    assert_eq!(second.ask("a.example"), "welcome a");
    assert_eq!(first.ask("a.example"), "certificate_refused");
    replace(&place, "cas.pem", &format!("{}{}", one.pem(), two.pem()));
    first.until("a.example", "welcome a");
}

#[test]
fn the_access_log_says_whose_certificate_it_was() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    let file = place.write("cas.pem", ca.pem());
    let own = format!(
        "[tenant.client_certificates]\nca_files = [{file:?}]\noptional = true\nrevoked_files = [{:?}]\n",
        place.write("revoked", "")
    );
    write(&place, port, &[("a", &own)]);
    let edge = Edge::start(&place, port);
    let client = ca.client(&place, "client");
    assert_eq!(shown(&edge, None), "welcome a");
    let mut connection = connected(&edge, &client);
    replace(&place, "revoked", &format!("{}\n", client.fingerprint()));
    connection.until("a.example", "certificate_revoked");
    replace(&place, "cas.pem", Ca::root(&place, "stranger").pem());
    connection.until("a.example", "certificate_refused");
    let lines = || {
        let text = std::fs::read_to_string(place.path("access.log")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines.collect::<Vec<serde_json::Value>>()
    };
    eventually("it is written", || {
        lines()
            .last()
            .is_some_and(|line| line["reason"] == "certificate_refused")
    });
    let digits = client.digits();
    let lines = lines();
    assert_eq!(
        lines[0]["certificate"],
        serde_json::Value::Null,
        "{lines:?}"
    );
    for line in &lines[1..] {
        assert_eq!(line["certificate"], *digits, "{line}");
    }
    let revoked = lines
        .iter()
        .find(|line| line["reason"] == "certificate_revoked");
    assert_eq!(revoked.unwrap()["status"], 403);
}
