//! Bugs that can be met on purpose, in rehearsals alone: compiled in with the feature `faults`, and in
//! nothing that is released.

use policy::config::Config;

/// As many headers as the bug of `fastly-2021` takes.
const HEADERS: usize = 3;

/// The bug of `fastly-2021`: dormant until some tenant has a route that asks for three headers, which is
/// valid; then the process answers nobody.
#[expect(clippy::panic, reason = "it is a bug")]
pub(crate) fn reached(config: &Config) {
    let mut routes = config.routes.iter();
    if routes.any(|route| route.when.headers.len() >= HEADERS) {
        panic!("a dormant bug was met");
    }
}
