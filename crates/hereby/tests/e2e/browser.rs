//! A real browser: Debian's Chromium, driven by its chromedriver, one for each test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Place, Server};

/// What a browser is like.
#[derive(Clone, Copy)]
pub(crate) struct Like {
    pub(crate) javascript: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    pub(crate) language: &'static str,
}

impl Default for Like {
    fn default() -> Like {
        Like {
            javascript: true,
            width: 1280,
            height: 900,
            dark: false,
            language: "en",
        }
    }
}

/// A browser with one page.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    /// Where the driver listens, and its session.
    session: (u16, String),
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
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
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command of the browser's own protocol.
#[derive(Debug)]
struct Cdp(&'static str, Value);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        let body = json!({"cmd": self.0, "params": self.1});
        (hyper::Method::POST, Some(body.to_string()))
    }
}

/// Runs a test that drives browsers.
pub(crate) fn drive<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

impl Browser {
    pub(crate) async fn open(like: Like) -> Browser {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is there: ./dev test installs it (chromium-driver)");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let port = line.split("on port ").nth(1)?;
                let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<u16>().ok().filter(|port| *port > 0)
            })
            .expect("chromedriver says its port");
        std::thread::spawn(move || lines.count());
        let profile = tempfile::TempDir::new().unwrap();
        let mut preferences = json!({"intl.accept_languages": like.language});
        if !like.javascript {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let capabilities: Capabilities = serde_json::from_value(json!({
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                    "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--no-first-run",
                    // What fades in is looked at when it is there.
                    "--force-prefers-reduced-motion", "--hide-scrollbars",
                    format!("--user-data-dir={}", profile.path().display()),
                    format!("--window-size={},{}", like.width.max(500), like.height),
                ],
                "prefs": preferences,
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
        let browser = Browser {
            client,
            driver,
            session,
            _profile: profile,
        };
        browser.is_like(like).await;
        browser
    }

    /// Takes another size, or another theme.
    pub(crate) async fn is_like(&self, like: Like) {
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": like.width, "height": like.height, "deviceScaleFactor": 1,
                "mobile": like.width < 600,
            }),
        )
        .await;
        let scheme = if like.dark { "dark" } else { "light" };
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        )
        .await;
    }

    pub(crate) async fn cdp(&self, command: &'static str, parameters: Value) -> Value {
        let answer = self.client.issue_cmd(Cdp(command, parameters)).await;
        answer.unwrap()
    }

    /// Signs in by a link that the command line makes, as a person would.
    pub(crate) async fn sign_in(&self, place: &Place, server: &Server, person: &str) {
        let link = place.ok(&["login", "--for", person]);
        let link = link.trim();
        self.client.goto(link).await.unwrap();
        if self.runs_scripts().await {
            self.sees(".me a").await;
            return;
        }
        self.types("#code", link).await;
        self.presses("form.stack button").await;
        self.sees(".me a").await;
        let _ = server;
    }

    async fn runs_scripts(&self) -> bool {
        // What `execute` runs is the driver's; a page's own scripts are what counts.
        let state = self
            .client
            .execute(
                "return document.documentElement.dataset.scripts || ''",
                vec![],
            )
            .await;
        state.is_ok_and(|it| it == json!("run"))
    }

    pub(crate) async fn goes(&self, server: &Server, path: &str) {
        let url = format!("http://{}{path}", server.address);
        self.client.goto(&url).await.unwrap();
    }

    /// Waits until something is there.
    pub(crate) async fn sees(&self, css: &str) {
        let waited = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await;
        if let Err(error) = waited {
            panic!("{css}: {error}; the page: {}", self.text().await);
        }
    }

    /// Waits until the page says this.
    pub(crate) async fn reads(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.text().await;
            if page.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "`{text}` does not come: {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn text(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub(crate) async fn types(&self, css: &str, text: &str) {
        self.sees(css).await;
        let field = self.client.find(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn presses(&self, css: &str) {
        self.sees(css).await;
        let it = self.client.find(Locator::Css(css)).await.unwrap();
        it.click().await.unwrap();
    }

    /// Follows a link by what it says.
    pub(crate) async fn follows(&self, text: &str) {
        let it = self.client.find(Locator::LinkText(text)).await;
        it.unwrap_or_else(|error| panic!("no link `{text}`: {error}"))
            .click()
            .await
            .unwrap();
    }

    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.path().to_owned()
    }

    pub(crate) async fn run(&self, script: &str) -> Result<Value, CmdError> {
        self.client.execute(script, vec![]).await
    }

    /// The whole page as a picture.
    pub(crate) async fn picture(&self, path: &std::path::Path) {
        let shot = self
            .cdp(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true}),
            )
            .await;
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
