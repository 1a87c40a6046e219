//! Certificates made for one test, and `openssl s_client` held open: a peer that can be told which
//! session to resume, and that asks again on the connection it has.

use std::io::{Read, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};

use crate::harness::{PATIENCE, Place, Process};

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A certificate, its key, and whoever signed for it.
pub(crate) struct Identity {
    /// The certificate, then the CAs that are sent with it.
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    pub(crate) fn chain(&self) -> &str {
        self.chain.to_str().unwrap()
    }

    pub(crate) fn key(&self) -> &str {
        self.key.to_str().unwrap()
    }

    /// What `s_client` needs to show it.
    pub(crate) fn shown(&self) -> [&str; 6] {
        let chain = self.chain();
        ["-cert", chain, "-key", self.key(), "-cert_chain", chain]
    }

    /// Its SHA-256, as openssl says it.
    pub(crate) fn fingerprint(&self) -> String {
        let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
        openssl(&[&args[..], &[self.chain()]].concat())
            .trim()
            .to_owned()
    }

    /// The same as 64 digits.
    pub(crate) fn digits(&self) -> String {
        let said = self.fingerprint();
        let digits = said.split_once('=').unwrap().1;
        digits.replace(':', "").to_ascii_lowercase()
    }
}

/// A CA.
pub(crate) struct Ca {
    pub(crate) file: PathBuf,
    pub(crate) key: PathBuf,
    pem: String,
    /// The intermediates from here to below the root, as they are sent.
    above: String,
    issuer: Issuer<'static, KeyPair>,
}

/// How a certificate differs from a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Good,
    Expired,
    NotYet,
}

fn base(name: &str, age: Age) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let number = NUMBER.fetch_add(1, Relaxed);
    params.serial_number = Some(SerialNumber::from(u64::from(number) + 0x1000));
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let (from, to) = match age {
        Age::Good => (now - day, now + 30 * day),
        Age::Expired => (now - 30 * day, now - day),
        Age::NotYet => (now + day, now + 30 * day),
    };
    (params.not_before, params.not_after) = (from.into(), to.into());
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = base(name, Age::Good);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Ca {
    /// A root.
    pub(crate) fn root(place: &Place, name: &str) -> Ca {
        let params = authority(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Ca {
            file: place.write(&format!("{name}.pem"), &certificate.pem()),
            key: place.write(&format!("{name}.key"), &key.serialize_pem()),
            pem: certificate.pem(),
            above: String::new(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A CA below this one.
    pub(crate) fn below(&self, place: &Place, name: &str) -> Ca {
        let params = authority(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Ca {
            file: place.write(&format!("{name}.pem"), &certificate.pem()),
            key: place.write(&format!("{name}.key"), &key.serialize_pem()),
            pem: certificate.pem(),
            above: format!("{}{}", certificate.pem(), self.above),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// A certificate for a client.
    pub(crate) fn client(&self, place: &Place, name: &str) -> Identity {
        self.client_of_age(place, name, Age::Good)
    }

    pub(crate) fn client_of_age(&self, place: &Place, name: &str, age: Age) -> Identity {
        let mut params = base(name, age);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(place, name, params)
    }

    /// A certificate for a server of these names.
    pub(crate) fn server(&self, place: &Place, file: &str, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = base(file, Age::Good);
        params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(place, file, params)
    }

    fn issue(&self, place: &Place, file: &str, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = format!("{}{}", certificate.pem(), self.above);
        Identity {
            chain: place.write(&format!("{file}.crt"), &chain),
            key: place.write(&format!("{file}.key"), &key.serialize_pem()),
        }
    }
}

/// A CA's own list of what it revoked, as `openssl ca` makes it.
pub(crate) struct Crl<'a> {
    place: &'a Place,
    name: String,
}

impl<'a> Crl<'a> {
    pub(crate) fn new(place: &'a Place, ca: &Ca, name: &str) -> Crl<'a> {
        let at = place.path(&format!("{name}.ca"));
        let own = |file: &str| at.join(file).display().to_string();
        place.write(&format!("{name}.ca/index"), "");
        place.write(&format!("{name}.ca/number"), "01\n");
        let text = format!(
            "[ca]\ndefault_ca = own\n[own]\ndatabase = {}\ncrlnumber = {}\ndefault_md = sha256\n\
             certificate = {}\nprivate_key = {}\n\
             [part]\nissuingDistributionPoint = critical, @point\n\
             [point]\nonlyuser = TRUE\n",
            own("index"),
            own("number"),
            ca.file.display(),
            ca.key.display(),
        );
        place.write(&format!("{name}.ca/cnf"), &text);
        Crl {
            place,
            name: name.to_owned(),
        }
    }

    pub(crate) fn file(&self) -> String {
        self.place
            .path(&format!("{}.crl", self.name))
            .display()
            .to_string()
    }

    fn run(&self, more: &[&str]) {
        let file = self.place.path(&format!("{}.ca/cnf", self.name));
        openssl(&[&["ca", "-config", file.to_str().unwrap()], more].concat());
    }

    pub(crate) fn revoke(&self, certificate: &str) {
        self.run(&["-revoke", certificate]);
    }

    /// Writes it, and puts it in its place.
    pub(crate) fn publish(&self, more: &[&str]) {
        let fresh = format!("{}.fresh", self.file());
        self.run(&[&["-gencrl", "-out", &fresh], more].concat());
        std::fs::rename(&fresh, self.file()).unwrap();
    }
}

/// Runs openssl; panics unless it succeeds, and returns what it printed.
pub(crate) fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Puts another file in the place of this one, at once.
pub(crate) fn replace(place: &Place, name: &str, text: &str) {
    let fresh = place.write(&format!("{name}.fresh"), text);
    std::fs::rename(fresh, place.path(name)).unwrap();
}

/// What is spoken within TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Http1,
    Http2,
}

/// One TLS connection.
pub(crate) struct Connection {
    process: Process,
    input: ChildStdin,
    seen: Arc<Mutex<Vec<u8>>>,
    /// Who collects that, until openssl ends.
    readers: Vec<JoinHandle<()>>,
    /// How much of it belongs to answers that were looked at.
    read: usize,
    spoken: Spoken,
    /// HTTP/2's stream of the next request.
    stream: u32,
}

impl Connection {
    /// Connects and asks for that name; `more` are arguments of `openssl s_client`.
    pub(crate) fn open(
        address: SocketAddr,
        name: &str,
        spoken: Spoken,
        more: &[&str],
    ) -> Connection {
        let alpn = match spoken {
            Spoken::Http1 => "http/1.1",
            Spoken::Http2 => "h2",
        };
        let own = ["-alpn", alpn, "-servername", name];
        Connection::with(address, spoken, &[&own[..], more].concat())
    }

    /// Connects and asks for no name.
    pub(crate) fn nameless(address: SocketAddr) -> Connection {
        Connection::with(address, Spoken::Http1, &["-noservername"])
    }

    fn with(address: SocketAddr, spoken: Spoken, more: &[&str]) -> Connection {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-ign_eof"])
            .args(["-connect", &address.to_string()])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::start(&mut command);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![
            collect(process.child.stdout.take().unwrap(), seen.clone()),
            collect(process.child.stderr.take().unwrap(), seen.clone()),
        ];
        let mut input = process.child.stdin.take().unwrap();
        if spoken == Spoken::Http2 {
            // The preface and settings that say nothing (RFC 9113, 3.4).
            let _ = input.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        }
        Connection {
            process,
            input,
            seen,
            readers,
            read: 0,
            spoken,
            stream: 1,
        }
    }

    /// Everything that openssl and the server said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Asks for `/` of a host: "welcome X" from whoever is reached, the reason of a refusal, or
    /// "ended" if the connection was.
    pub(crate) fn ask(&mut self, host: &str) -> String {
        let request = match self.spoken {
            Spoken::Http1 => format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(),
            Spoken::Http2 => self.headers(host),
        };
        if self.input.write_all(&request).is_err() {
            return self.ended();
        }
        let begun = Instant::now();
        loop {
            // What was written before the end is read before the end is believed.
            let ended = self.process.child.try_wait().unwrap().is_some();
            let answer = self.answer();
            if let Some((answer, read)) = answer {
                self.read = read;
                return answer;
            }
            if ended {
                return self.ended();
            }
            assert!(begun.elapsed() < PATIENCE, "no answer: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the last that openssl said.
    fn ended(&mut self) -> String {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        "ended".to_owned()
    }

    /// The first answer after those that were read, and where it ends.
    fn answer(&self) -> Option<(String, usize)> {
        let seen = self.seen.lock().unwrap();
        let text: String = seen[self.read..]
            .iter()
            .map(|byte| char::from(*byte))
            .collect();
        let found = |before: &str, after: char| {
            let start = text.find(before)? + before.len();
            let length = text[start..].find(after)?;
            Some((start, start + length))
        };
        let welcome = found("welcome ", '.');
        let refused = found("\"reason\":\"", '"');
        let (words, (start, end)) = match (welcome, refused) {
            (Some(one), Some(other)) if other.0 < one.0 => ("", other),
            (Some(one), _) => ("welcome ", one),
            (None, Some(other)) => ("", other),
            (None, None) => return None,
        };
        let before: usize = text[..end].chars().count();
        Some((format!("{words}{}", &text[start..end]), self.read + before))
    }

    /// One request as one HEADERS frame; its fields are not compressed (RFC 7541, 6.2.2).
    fn headers(&mut self, host: &str) -> Vec<u8> {
        let mut block = vec![0x82, 0x87, 0x84, 0x01, u8::try_from(host.len()).unwrap()];
        block.extend_from_slice(host.as_bytes());
        let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 0x01, 0x05];
        frame.extend_from_slice(&self.stream.to_be_bytes());
        frame.extend_from_slice(&block);
        self.stream += 2;
        frame
    }

    /// Whether the session of an earlier connection was resumed, as openssl says it.
    pub(crate) fn resumed(&self) -> bool {
        let said = self.said();
        assert!(
            said.contains("Reused, TLS") || said.contains("New, TLS"),
            "{said}"
        );
        said.contains("Reused, TLS")
    }

    /// Asks again and again on this connection until that is the answer; how long it took.
    pub(crate) fn until(&mut self, host: &str, answer: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let said = self.ask(host);
            if said == answer {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{said}, and not {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(size @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().extend_from_slice(&buffer[..size]);
        }
    })
}
