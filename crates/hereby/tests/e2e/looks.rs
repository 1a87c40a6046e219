//! How pages look to whoever judges them: axe-core in both themes and two sizes, nothing that
//! scrolls sideways, no message that lacks a value; and a picture of each where pictures are wanted
//! (`HEREBY_PICTURES=DIR`).

use std::path::PathBuf;

use crate::browser::{Browser, Like};

/// What was found on pages.
pub(crate) struct Looks {
    axe: String,
    pictures: Option<PathBuf>,
    wrong: Vec<String>,
}

impl Looks {
    pub(crate) fn new() -> Looks {
        let path = std::env::var_os("HEREBY_AXE").map_or_else(
            || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../axe/axe.min.js"),
            PathBuf::from,
        );
        let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}: ./dev test fetches axe-core", path.display())
        });
        Looks {
            axe,
            pictures: std::env::var_os("HEREBY_PICTURES").map(PathBuf::from),
            wrong: Vec::new(),
        }
    }

    /// Looks at the page that is open.
    pub(crate) async fn at(&mut self, name: &str, browser: &Browser) {
        for (dark, width) in [(false, 1280), (true, 1280), (false, 320), (true, 320)] {
            let like = Like {
                dark,
                width,
                ..Like::default()
            };
            browser.is_like(like).await;
            let theme = if dark { "dark" } else { "light" };
            for it in violations(browser, &self.axe).await {
                self.wrong.push(format!("{name} {theme} {width}: {it}"));
            }
            let wide = browser
                .run("return document.documentElement.scrollWidth")
                .await;
            if wide.unwrap().as_u64().unwrap_or(0) > u64::from(width) {
                let what = format!("{name} {theme} {width}: the page scrolls sideways");
                self.wrong.push(what);
            }
            let text = browser.text().await;
            if text.contains("{$") {
                self.wrong
                    .push(format!("{name}: a message lacks a value: {text}"));
            }
            if let Some(dir) = &self.pictures {
                std::fs::create_dir_all(dir).unwrap();
                browser
                    .picture(&dir.join(format!("{name}-{theme}-{width}.png")))
                    .await;
            }
        }
    }

    /// That nothing was found.
    pub(crate) fn are_right(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

/// What axe-core finds on the page that is open.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.run(axe).await.unwrap();
    let script = "const done = arguments[arguments.length - 1];
        axe.run(document, {iframes: false}).then(
          (found) => done(found.violations.map((it) => it.id + ': ' + it.help + ': ' +
            it.nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + ' ' + (node.any[0]?.message ?? '')).join(' | '))),
          (error) => done(['axe failed: ' + error]))";
    let found = browser.client.execute_async(script, vec![]).await.unwrap();
    let found = found.as_array().cloned().unwrap_or_default();
    found
        .iter()
        .map(|it| it.as_str().unwrap_or_default().to_owned())
        .collect()
}
