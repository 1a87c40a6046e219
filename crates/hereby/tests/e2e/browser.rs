//! A real browser: Debian's Chromium, driven by its chromedriver, one for each test.

use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::driver::{Driver, cdp};
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
    _driver: Driver,
    _profile: tempfile::TempDir,
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
        let profile = tempfile::TempDir::new().unwrap();
        let mut preferences = json!({"intl.accept_languages": like.language});
        if !like.javascript {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let arguments = [
            // What fades in is looked at when it is there.
            "--force-prefers-reduced-motion".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={},{}", like.width.max(500), like.height),
        ];
        let (driver, client) = Driver::start(profile.path(), &arguments, preferences).await;
        let browser = Browser {
            client,
            _driver: driver,
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
        cdp(&self.client, command, parameters).await
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
        self.with(css, async |it| {
            it.clear().await?;
            it.send_keys(text).await
        })
        .await;
    }

    pub(crate) async fn presses(&self, css: &str) {
        self.with(css, async |it| it.click().await).await;
    }

    /// Does this with an element as soon as it is there. A page that is drawn anew in between, or
    /// gives way to the next, has it looked for again.
    async fn with(&self, css: &str, act: impl AsyncFn(&Element) -> Result<(), CmdError>) {
        let until = Instant::now() + PATIENCE;
        loop {
            let done = match self.client.find(Locator::Css(css)).await {
                Ok(it) => act(&it).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => return,
                Err(error) if error.is_no_such_element() || error.is_stale_element_reference() => {
                    if Instant::now() > until {
                        panic!("{css}: {error}; the page: {}", self.text().await);
                    }
                }
                Err(error) => panic!("{css}: {error}; the page: {}", self.text().await),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Follows a link by what it says.
    pub(crate) async fn follows(&self, text: &str) {
        let link = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::LinkText(text))
            .await;
        link.unwrap_or_else(|error| panic!("no link `{text}`: {error}"))
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
