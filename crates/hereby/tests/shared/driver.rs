//! A browser's driver: Debian's chromedriver with one Chromium, for each test that has a browser.
//! Used by both test programs, each of which knows its pages itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Runs until it is dropped, and its browser with it.
pub(crate) struct Driver {
    child: Child,
    /// Where it listens, and its session.
    session: (u16, String),
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver ends the browser; killed first, it would leave that behind.
        let (port, session) = &self.session;
        let ask = format!("DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", *port)) {
            // It keeps the connection open, so the first line is all that is waited for.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(ask.as_bytes());
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    /// Starts it on a port that it chooses, and a browser with these arguments and preferences.
    pub(crate) async fn start(
        profile: &Path,
        arguments: &[String],
        preferences: Value,
    ) -> (Driver, Client) {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is there: ./dev test installs it (chromium-driver)");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.split("on port ").nth(1)?;
            let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u16>().ok().filter(|port| *port > 0)
        });
        let port = port.expect("chromedriver says its port");
        std::thread::spawn(move || lines.count());
        let usual = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
        ];
        let mut all: Vec<String> = usual.iter().map(ToString::to_string).collect();
        all.push(format!("--user-data-dir={}", profile.display()));
        all.extend_from_slice(arguments);
        let capabilities: Capabilities = serde_json::from_value(json!({
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium", "args": all, "prefs": preferences,
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }))
        .unwrap();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let id = client.session_id().await.unwrap();
        let session = (port, id.unwrap_or_default());
        (Driver { child, session }, client)
    }
}

/// A command to the driver that the client has no name for.
#[derive(Debug)]
struct Extra(&'static str, Value);

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.0
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(self.1.to_string()))
    }
}

/// Asks the driver for something of its own: what, below the session, and with which words.
pub(crate) async fn extra(client: &Client, what: &'static str, words: Value) -> Value {
    client.issue_cmd(Extra(what, words)).await.unwrap()
}

/// A command of the browser's own protocol.
pub(crate) async fn cdp(client: &Client, command: &str, parameters: Value) -> Value {
    let words = json!({"cmd": command, "params": parameters});
    extra(client, "goog/cdp/execute", words).await
}
