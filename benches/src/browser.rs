//! Debian's Chromium, without a window, as a reader who opens a page: how soon something is painted.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::rig::{Failed, failed};

/// Milliseconds from the navigation's start to the first content that is painted (Paint Timing, W3C).
const PAINTED: &str = "const it = performance.getEntriesByName('first-contentful-paint')[0]; \
                       return it ? it.startTime : null";

/// A browser that is signed in.
pub struct Browser {
    runtime: tokio::runtime::Runtime,
    client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser when its session is closed; killed first, it would not.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Starts one and follows a link to sign in with.
    ///
    /// # Errors
    /// When there is no Chromium, or it does not get in.
    pub fn signed_in(link: &str) -> Result<Browser, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("start a runtime"))?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("start chromedriver (package chromium-driver)"))?;
        let said = driver.stdout.take();
        let said = said.ok_or_else(|| Failed("chromedriver says nothing".to_owned()))?;
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split("on port ").nth(1)?;
            let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u16>().ok().filter(|port| *port > 0)
        });
        let port = port.ok_or_else(|| Failed("chromedriver has no port".to_owned()))?;
        std::thread::spawn(move || lines.count());
        let profile = tempfile::tempdir().map_err(failed("make a directory"))?;
        let capabilities: Capabilities = serde_json::from_value(json!({
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                    "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--no-first-run",
                    format!("--user-data-dir={}", profile.path().display()),
                    "--window-size=1280,900",
                ],
            },
        }))
        .map_err(failed("say what the browser is like"))?;
        let client = runtime.block_on(async {
            let client = ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .map_err(failed("start Chromium"))?;
            client.goto(link).await.map_err(failed("open the link"))?;
            let wait = client.wait().at_most(Duration::from_secs(30));
            let inside = wait.for_element(Locator::Css(".me a")).await;
            inside.map_err(failed("sign in"))?;
            Ok::<_, Failed>(client)
        })?;
        Ok(Browser {
            runtime,
            client,
            driver,
            _profile: profile,
        })
    }

    /// Milliseconds until the first content of a page is painted.
    ///
    /// # Errors
    /// When nothing is painted within 10 s.
    pub fn first_paint_ms(&self, url: &str) -> Result<f64, Failed> {
        self.runtime.block_on(async {
            self.client.goto(url).await.map_err(failed("open a page"))?;
            for _ in 0..200 {
                let answer = self.client.execute(PAINTED, vec![]).await;
                let answer = answer.map_err(failed("ask what was painted"))?;
                if let Some(ms) = answer.as_f64() {
                    return Ok(ms);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(Failed(format!("{url}: nothing was painted")))
        })
    }
}
