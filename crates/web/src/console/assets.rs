//! The stylesheet, the script and the icon: part of the binary, named by their content, so that a
//! browser keeps them until they change.

use std::sync::LazyLock;

use super::visit::Visit;
use super::{Page, open, page};
use crate::problem::Problem;
use crate::reply::{Answer, Keep, SVG, with_type};

const CSS: &str = include_str!("../../assets/console.css");
const JS: &str = include_str!("../../assets/console.js");
const ICON: &str = include_str!("../../assets/icon.svg");

static CSS_PATH: LazyLock<String> = LazyLock::new(|| named("css", CSS));
static JS_PATH: LazyLock<String> = LazyLock::new(|| named("js", JS));

fn named(ending: &str, content: &str) -> String {
    let hash = record::hash::sha256(&[content.as_bytes()]);
    let digits: String = hash
        .0
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/assets/{digits}.{ending}")
}

pub(super) fn css_path() -> &'static str {
    &CSS_PATH
}

pub(super) fn js_path() -> &'static str {
    &JS_PATH
}

pub(super) fn pages() -> Vec<Page> {
    vec![
        open(page("/assets/{name}", |visit| Box::pin(asset(visit)))),
        open(page("/favicon.ico", |visit| Box::pin(asset(visit)))),
    ]
}

async fn asset(visit: Visit) -> Answer {
    let path = visit.here.as_str();
    if path == css_path() {
        return Ok(with_type(
            CSS,
            "text/css; charset=utf-8",
            Keep::ForEverPublic,
        ));
    }
    if path == js_path() {
        return Ok(with_type(
            JS,
            "text/javascript; charset=utf-8",
            Keep::ForEverPublic,
        ));
    }
    if path == "/assets/icon.svg" || path == "/favicon.ico" {
        return Ok(with_type(ICON, SVG, Keep::Never));
    }
    Err(Problem::not_found("there is no such file"))
}

#[cfg(test)]
mod tests {
    //! The bounds of what a browser loads.

    use super::JS;

    #[test]
    fn the_script_is_small() {
        assert!(JS.len() <= 6 << 10, "{} bytes", JS.len());
    }
}
