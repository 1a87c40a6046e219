//! Which addresses are public, and that the one that was looked at is the one that is spoken to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const SPECIAL: &[(&str, &str)] = &[
    ("0.0.0.0", "this network"),
    ("0.1.2.3", "this network"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "shared by a carrier"),
    ("100.127.255.255", "shared by a carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.8", "for protocols"),
    ("192.0.2.1", "for documents"),
    ("192.88.99.1", "a relay"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "for benchmarks"),
    ("198.19.255.255", "for benchmarks"),
    ("198.51.100.1", "for documents"),
    ("203.0.113.1", "for documents"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "reserved"),
    ("::1", "loopback"),
    ("::ffff:8.8.8.8", "IPv4 written as IPv6"),
    ("::ffff:127.0.0.1", "IPv4 written as IPv6"),
    ("::127.0.0.1", "reserved"),
    ("64:ff9b::7f00:1", "reserved"),
    ("100::1", "reserved"),
    ("2001::1", "for protocols"),
    ("2001:10::1", "for protocols"),
    ("2001:db8::1", "for documents"),
    ("2002:7f00:1::1", "a relay"),
    ("3fff::1", "for documents"),
    ("3fff:fff:ffff::1", "for documents"),
    ("4000::1", "reserved"),
    ("fc00::1", "private"),
    ("fd12:3456::1", "private"),
    ("fe80::1", "link-local"),
    ("fec0::1", "reserved"),
    ("ff02::1", "multicast"),
];

#[test]
fn every_special_address_is_known() {
    for (address, what) in SPECIAL {
        let found = not_public(address.parse().unwrap());
        assert_eq!(found, Some(*what), "{address}");
    }
}

#[test]
fn what_lies_beside_them_is_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "3ffe::1",
        "3fff:1000::1",
    ] {
        assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
    }
}

#[test]
fn a_webhook_is_an_https_url_without_a_secret_in_it() {
    for good in [
        "https://example.org",
        "https://example.org/status?team=1",
        "https://EXAMPLE.org:8443/x",
        "https://[2606:4700::1111]/x",
        "https://127.0.0.1/x",
    ] {
        let url: HookUrl = good.parse().unwrap();
        assert_eq!(url.as_str(), good);
        assert_eq!(url.host(), url.host().to_ascii_lowercase());
    }
    let long = format!("https://example.org/{}", "a".repeat(200));
    for bad in [
        "http://example.org/x",
        "https://sam:secret@example.org/x",
        "https://example.org/x#y",
        "https://example.org:0/x",
        "https://example.org:99999/x",
        "https:///x",
        "https://exa mple.org/",
        "https://example.org/\u{e4}",
        "file:///etc/passwd",
        "example.org",
        long.as_str(),
    ] {
        assert!(bad.parse::<HookUrl>().is_err(), "{bad}");
    }
}

/// Says one thing after the other, and how often it was asked.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn of(answers: &[&[&str]]) -> Arc<Scripted> {
        let parsed = |all: &&[&str]| all.iter().map(|it| it.parse().unwrap()).collect();
        Arc::new(Scripted {
            answers: answers.iter().map(parsed).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[at.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn client(roots: rustls::RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn outside(resolver: Arc<dyn Resolver>, allow_private: bool) -> Outside {
    Outside {
        resolver,
        tls: client(rustls::RootCertStore::empty()),
        allow_private,
        connect_max: Duration::from_secs(5),
        answer_max: Duration::from_millis(500),
    }
}

async fn refused(outside: &Outside, url: &str) -> Unsent {
    match outside.connect(&url.parse().unwrap()).await {
        Ok(line) => panic!("{url} led to {}", line.address()),
        Err(unsent) => unsent,
    }
}

#[tokio::test]
async fn a_name_with_any_private_address_is_refused_for_good() {
    for answer in [
        &["127.0.0.1"][..],
        &["1.1.1.1", "10.0.0.1"],
        &["::ffff:127.0.0.1"],
        &["fd00::1", "1.1.1.1"],
    ] {
        let outside = outside(Scripted::of(&[answer]), false);
        let unsent = refused(&outside, "https://hook.example/x").await;
        assert_eq!(unsent.why, "private_address", "{answer:?}");
        assert!(!unsent.passing);
    }
    // An address needs no resolver.
    let resolver = Scripted::of(&[&[]]);
    for url in [
        "https://127.0.0.1/",
        "https://[::1]:443/",
        "https://169.254.169.254/latest",
    ] {
        let outside = outside(resolver.clone(), false);
        assert_eq!(refused(&outside, url).await.why, "private_address", "{url}");
    }
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 0);
    // Numbers that only some programs take for addresses are names here, and go to the resolver.
    for url in [
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
    ] {
        let outside = outside(Scripted::of(&[&["127.0.0.1"]]), false);
        let Ok(url) = url.parse::<HookUrl>() else {
            continue;
        };
        let connected = outside.connect(&url).await;
        let why = connected.map(|_| ()).unwrap_err().why;
        assert_eq!(why, "private_address", "{url}");
    }
}

#[tokio::test]
async fn a_name_that_turns_private_after_it_was_looked_at_changes_nothing() {
    // DNS rebinding: public when looked at, loopback a moment later. The address that was looked at
    // is the one that is connected to, and the next delivery looks anew.
    let resolver = Scripted::of(&[&["1.1.1.1"], &["127.0.0.1"]]);
    let looking = outside(resolver.clone(), false);
    let url: HookUrl = "https://hook.example/".parse().unwrap();
    assert_eq!(looking.look(&url).await, Ok("1.1.1.1".parse().unwrap()));
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "one look a try");
    let second = looking.connect(&url).await.map(|_| ()).unwrap_err();
    assert_eq!(second.why, "private_address");
    // Two servers of one name: who was looked at is visited, whoever the name means by then.
    let (port, tls, _) = house(b"").await;
    let resolver = Scripted::of(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let outside = Outside {
        tls,
        ..outside(resolver.clone(), true)
    };
    let url: HookUrl = format!("https://hook.example:{port}/").parse().unwrap();
    let line = outside.connect(&url).await.unwrap();
    assert_eq!(line.address().ip(), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
}

/// A TLS server that answers each request with these bytes, and keeps what it was sent.
async fn house(answer: &'static [u8]) -> (u16, Arc<ClientConfig>, Arc<Mutex<Vec<String>>>) {
    let made = rcgen::generate_simple_self_signed(["hook.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = vec![0; 16_384];
            let mut filled = 0;
            // Head and body may come apart.
            while let Ok(read) = stream.read(&mut request[filled..]).await
                && read > 0
            {
                filled += read;
                if request[..filled].ends_with(b"}") {
                    break;
                }
            }
            let request = String::from_utf8_lossy(&request[..filled]).into_owned();
            kept.lock().unwrap().push(request);
            if !answer.is_empty() {
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (port, client(roots), asked)
}

fn signed() -> Signed {
    Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
        timestamp_s: 1_614_265_330,
        body: r#"{"test": 2432232314}"#.to_owned(),
        secret: HookSecret::from_bytes([5; 32]),
    }
}

async fn answered(answer: &'static [u8]) -> (Answered, Vec<String>) {
    let (port, tls, asked) = house(answer).await;
    let outside = Outside {
        tls,
        ..outside(Scripted::of(&[&["127.0.0.1"]]), true)
    };
    let url: HookUrl = format!("https://hook.example:{port}/in?a=1")
        .parse()
        .unwrap();
    let line = outside.connect(&url).await.unwrap();
    assert_eq!(line.address(), SocketAddr::from(([127, 0, 0, 1], port)));
    let answered = outside.post(line, &url, &signed()).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    (answered, asked)
}

#[tokio::test]
async fn what_is_sent_is_signed_and_a_redirect_is_an_answer_and_no_way() {
    let redirect =
        b"HTTP/1.1 302 Found\r\nlocation: https://hook.example/other\r\ncontent-length: 0\r\n\r\n";
    let (answer, asked) = answered(redirect).await;
    assert!(matches!(answer, Answered::Status(status, _) if status.as_u16() == 302));
    let [request] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    for part in [
        "POST /in?a=1 HTTP/1.1\r\n",
        "host: hook.example:",
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\n",
        "webhook-timestamp: 1614265330\r\n",
        "webhook-signature: v1,",
        "content-type: application/cloudevents+json\r\n",
        "\r\n\r\n{\"test\": 2432232314}",
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_leaves_it_open() {
    for answer in [&b""[..], b"HTTP/1.1 20"] {
        let (answer, asked) = answered(answer).await;
        assert_eq!(answer, Answered::Lost);
        assert_eq!(asked.len(), 1, "it may have arrived, and is sent once");
    }
    // The status is what counts: a body that does not end takes nothing back.
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let (answer, _) = answered(endless).await;
    assert!(matches!(answer, Answered::Status(status, _) if status.is_success()));
}

#[test]
fn the_signature_is_the_one_of_standard_webhooks() {
    // Computed with Python's hmac and base64 over `ID.TIMESTAMP.BODY`.
    let signed = signed();
    assert_eq!(
        signed.signature(),
        "v1,FW3I+fA1sFEdFRFAyf5PQckNtlxzFwovoac/QMDZvuM="
    );
    assert!(signed.secret.expose().starts_with("whsec_BQUF"));
    assert_eq!(format!("{:?}", signed.secret), "HookSecret(…)");
}
