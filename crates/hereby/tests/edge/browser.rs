//! Debian's Chromium as a reader of a site behind the edge: which resources came, how, and what the
//! browser had to say of them.

use std::time::{Duration, Instant};

use base64::Engine as _;
use fantoccini::Client;
use serde_json::{Value, json};

use crate::driver::{Driver, cdp, extra};
use crate::harness::{PATIENCE, Place};
use crate::tls_peers::{Identity, openssl};

/// A page and all that it loaded: name, status, protocol.
const LOADED: &str = "
    const all = performance.getEntriesByType('navigation')
        .concat(performance.getEntriesByType('resource'));
    return all.map(one => ({
        name: one.name, status: one.responseStatus, protocol: one.nextHopProtocol,
        bytes: one.encodedBodySize}));";

/// What a page was to show and could not: pictures that did not come, styles that are not there.
const BROKEN: &str = "
    const pictures = [...document.images]
        .filter(one => !one.complete || one.naturalWidth === 0).map(one => one.src);
    const there = [...document.styleSheets].map(one => one.href);
    const styles = [...document.querySelectorAll('link[rel=stylesheet]')]
        .map(one => one.href).filter(href => !there.includes(href));
    return pictures.concat(styles);";

/// One resource, as the browser's own timings say it.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) status: u16,
    pub(crate) protocol: String,
    pub(crate) bytes: u64,
}

/// A browser with one page.
pub(crate) struct Browser {
    client: Client,
    _driver: Driver,
}

impl Browser {
    /// A browser for which every name is this machine, and which believes the holder of this key.
    pub(crate) async fn open(place: &Place, trusted: &Identity) -> Browser {
        let arguments = [
            "--host-resolver-rules=MAP *.example 127.0.0.1".to_owned(),
            format!(
                "--ignore-certificate-errors-spki-list={}",
                key_pin(place, trusted)
            ),
        ];
        let profile = place.path("browser");
        let (driver, client) = Driver::start(&profile, &arguments, json!({})).await;
        // What a page needs is asked for by each page, so that the site has to answer it each time.
        cdp(&client, "Network.enable", json!({})).await;
        let disabled = json!({"cacheDisabled": true});
        cdp(&client, "Network.setCacheDisabled", disabled).await;
        Browser {
            client,
            _driver: driver,
        }
    }

    /// Goes there, and waits until the page and what it names is there.
    pub(crate) async fn goes(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until a script says something other than null.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        let begun = Instant::now();
        loop {
            let said = self.run(script).await;
            if !said.is_null() {
                return said;
            }
            if begun.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                panic!("{what}: not within {PATIENCE:?}: {page}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// The page and each resource that it loaded.
    pub(crate) async fn loaded(&self) -> Vec<Loaded> {
        serde_json::from_value(self.run(LOADED).await).unwrap()
    }

    /// Pictures and styles of the page that are not there.
    pub(crate) async fn broken(&self) -> Value {
        self.run(BROKEN).await
    }

    /// What the console got since it was last asked, but for what is only told.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let lines = extra(&self.client, "se/log", json!({"type": "browser"})).await;
        let lines = lines.as_array().unwrap().iter();
        lines
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .cloned()
            .collect()
    }

    /// Asks for the page itself once more, as a script of it would: status, and whether it is said
    /// that another than the usual one answers.
    pub(crate) async fn posture(&self) -> (u16, Option<String>) {
        let script = "const done = arguments[0];
            fetch(location.href, {method: 'HEAD'}).then(
                it => done([it.status, it.headers.get('hereby-posture')]),
                () => done([0, null]));";
        let said = self.client.execute_async(script, vec![]).await.unwrap();
        serde_json::from_value(said).unwrap()
    }
}

/// A public key as the browser's list has it: the SHA-256 of its SPKI in base64.
fn key_pin(place: &Place, identity: &Identity) -> String {
    let der = place.path("pin.der");
    let to = der.to_str().unwrap();
    openssl(&[
        "pkey",
        "-in",
        identity.key(),
        "-pubout",
        "-outform",
        "DER",
        "-out",
        to,
    ]);
    let key = std::fs::read(der).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key);
    base64::engine::general_purpose::STANDARD.encode(digest)
}
