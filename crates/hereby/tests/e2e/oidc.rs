//! Signing in with a real identity provider, Canaille, in a real browser: there and back, and what
//! does not lead in.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Like, drive};
use crate::harness::{PATIENCE, Place, Server, eventually};

const SECRET: &str = "sample-client-secret";
const PASSWORD: &str = "sample-password-1";

/// Canaille with two accounts: `sam`, whom hereby knows, and `stranger`.
struct Provider {
    child: Option<Child>,
    dir: tempfile::TempDir,
    port: u16,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.end();
    }
}

fn canaille() -> PathBuf {
    let path = std::env::var_os("HEREBY_CANAILLE").map_or_else(
        || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../oidc/venv/bin/canaille"),
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{}: ./dev test installs Canaille there",
        path.display()
    );
    path
}

impl Provider {
    fn new() -> Provider {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Provider {
            child: None,
            dir: tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            port,
        }
    }

    fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(
            output.status.success(),
            "canaille {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(canaille());
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("CANAILLE_CONFIG", self.dir.path().join("canaille.toml"))
            .stdin(Stdio::null());
        command
    }

    /// Starts it, with a client that may come back to this address.
    fn start(&mut self, redirect: &str) {
        let config = self.dir.path().join("canaille.toml");
        let plain = format!(
            "SECRET_KEY = \"sample\"\nSERVER_NAME = \"127.0.0.1:{}\"\nPREFERRED_URL_SCHEME = \"http\"\n\
             [CANAILLE]\nDATABASE = \"sql\"\nLANGUAGE = \"en\"\nJAVASCRIPT = false\nHTMX = false\n\
             [CANAILLE_SQL]\nDATABASE_URI = \"sqlite:///{}/canaille.db\"\n\
             [CANAILLE_OIDC.USERINFO_MAPPING]\n\
             PREFERRED_USERNAME = \"{{{{ user.user_name }}}}\"\n\
             [CANAILLE_OIDC]\n",
            self.port,
            self.dir.path().display()
        );
        std::fs::write(&config, &plain).unwrap();
        // The key of a provider is its own: made here, for this run.
        let key: serde_json::Value =
            serde_json::from_str(&self.run(&["jwk", "create", "rsa"])).unwrap();
        let members = key.as_object().unwrap().iter();
        let members: Vec<String> = members
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let jwks = format!("ACTIVE_JWKS = [{{ {} }}]\n", members.join(", "));
        std::fs::write(&config, plain + &jwks).unwrap();
        self.run(&["install"]);
        for user in ["sam", "stranger"] {
            let mail = format!("{user}@example.org");
            self.run(&[
                "create",
                "user",
                "--user-name",
                user,
                "--password",
                PASSWORD,
                "--formatted-name",
                "Somebody Sample",
                "--family-name",
                "Sample",
                "--emails",
                &mail,
            ]);
        }
        let client = self.run(&[
            "create",
            "client",
            "--client-id",
            "hereby",
            "--client-secret",
            SECRET,
            "--client-name",
            "hereby",
            "--redirect-uris",
            redirect,
            "--grant-types",
            "authorization_code",
            "--response-types",
            "code",
            "--scope",
            "openid",
            "--scope",
            "profile",
            "--scope",
            "email",
            "--token-endpoint-auth-method",
            "client_secret_basic",
        ]);
        // Made so, tokens for it would be for nobody.
        let client: serde_json::Value = serde_json::from_str(&client).unwrap();
        let id = client["id"].as_str().unwrap();
        self.run(&["set", "client", id, "--audience", id]);
        let address = format!("127.0.0.1:{}", self.port);
        let child = self
            .command(&["run", "--bind", &address])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("Canaille listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Killed, it would leave its workers behind.
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// hereby and a provider that know each other.
fn acquainted() -> (Place, Server, Provider) {
    let place = Place::new();
    let mut provider = Provider::new();
    let secret = place.data().join("oidc.secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret, mode).unwrap();
    place.configure(&format!(
        "[oidc]\nissuer = {:?}\nclient_id = \"hereby\"\nclient_secret_file = {secret:?}\n\
         person_claim = \"preferred_username\"\nname = \"Sample ID\"\n",
        provider.issuer()
    ));
    let server = place.serve();
    place.ok(&["person", "add", "sam"]);
    place.ok(&["declare", "a miner runs", "--severity", "1", "--as", "sam"]);
    provider.start(&format!("http://{}/sign-in/return", server.address));
    (place, server, provider)
}

/// At the provider's: a name, a password, and that hereby may know.
async fn is_recognized(browser: &Browser, name: &str) {
    browser.types("input[name=login]", name).await;
    browser.presses("form button.primary[type=submit]").await;
    browser.types("input[name=password]", PASSWORD).await;
    browser.presses("form button.primary[type=submit]").await;
    browser.sees("button[name=answer][value=accept]").await;
}

/// Lets hereby know, and waits until the page of hereby says this.
async fn comes_back(browser: &Browser, place: &Place, says: &str) {
    browser.presses("button[name=answer][value=accept]").await;
    told(browser, place, says).await;
}

/// Waits until the page says this; otherwise hereby's log says why not.
async fn told(browser: &Browser, place: &Place, says: &str) {
    let until = Instant::now() + PATIENCE;
    while !browser.text().await.contains(says) {
        let late = Instant::now() > until;
        assert!(!late, "{}\n{}", browser.text().await, place.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn somebody_goes_to_the_provider_and_comes_back_to_the_page_they_asked_for() {
    drive(async {
        let (place, server, provider) = acquainted();
        let browser = Browser::open(Like::default()).await;
        browser.goes(&server, "/incidents/INC-1").await;
        assert_eq!(browser.path().await, "/sign-in");
        browser.follows("Sign in with Sample ID").await;
        is_recognized(&browser, "sam").await;
        comes_back(&browser, &place, "a miner runs").await;
        assert_eq!(browser.path().await, "/incidents/INC-1");
        browser.reads("a miner runs").await;

        // Whose word it was stands on the record, and nothing that could be used again does.
        let begun = place.acts_of("session.begun");
        assert_eq!(begun.len(), 1, "{begun:?}");
        assert_eq!(begun[0]["body"]["issuer"], json!(provider.issuer()));
        assert_eq!(begun[0]["body"]["person"], json!("sam"));
        assert!(!place.log().contains(SECRET), "{}", place.log());

        // In one second Canaille makes the same token twice, and fails over it.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        // Signed out, they are in again without a password: the provider still knows them.
        browser.presses("form[action='/sign-out'] button").await;
        browser.follows("Sign in with Sample ID").await;
        browser.sees(".me a").await;
        assert_eq!(place.acts_of("session.begun").len(), 2);

        // Ended from a terminal it ends at once.
        place.ok(&["sessions", "end", "--person", "sam"]);
        browser.goes(&server, "/incidents/INC-1").await;
        assert_eq!(browser.path().await, "/sign-in");
        server.stop();
    });
}

#[test]
fn nobody_else_gets_in_and_without_the_provider_a_link_does() {
    drive(async {
        let (place, server, mut provider) = acquainted();
        let browser = Browser::open(Like::default()).await;

        // The provider knows them, hereby does not.
        browser.goes(&server, "/").await;
        browser.follows("Sign in with Sample ID").await;
        is_recognized(&browser, "stranger").await;
        comes_back(&browser, &place, "hereby has nobody of that name").await;

        tokio::time::sleep(Duration::from_millis(1_100)).await;
        // What comes back without having left from this browser is nobody's.
        let lost = "/sign-in/return?code=sample&state=sample";
        browser.goes(&server, lost).await;
        browser.reads("belongs to no sign-in of this browser").await;
        browser
            .goes(&server, "/sign-in/provider?next=//elsewhere.example")
            .await;
        told(&browser, &place, "hereby has nobody of that name").await;

        // They say no.
        let other = Browser::open(Like::default()).await;
        other.goes(&server, "/").await;
        other.follows("Sign in with Sample ID").await;
        is_recognized(&other, "sam").await;
        other.presses("button[name=answer][value=deny]").await;
        other.reads("did not let you in").await;

        // The provider is gone: the page says so, and a link needs nobody but hereby.
        provider.end();
        assert_eq!(server.stop(), 0);
        let server = place.serve();
        let late = Browser::open(Like::default()).await;
        late.goes(&server, "/").await;
        late.follows("Sign in with Sample ID").await;
        late.reads("does not answer").await;
        late.sign_in(&place, &server, "sam").await;
        late.reads("a miner runs").await;
        let begun = place.acts_of("session.begun");
        assert_eq!(begun.len(), 1, "{begun:?}");
        assert!(begun[0]["body"]["login"].is_string(), "{begun:?}");
        server.stop();
    });
}
