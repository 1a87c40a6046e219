//! An edge's configuration from anybody: each mistake has a place in the text, and what is right can
//! be looked up in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::config::Config;
use policy::table::Table;

fuzz_target!(|text: &str| {
    match Config::parse(text) {
        Ok(config) => {
            let table = Table::new(&config);
            if let Some(tenant) = table.tenant("a.example", "/", |_| None) {
                let _ = table.route(tenant, "a.example", "/", "GET", |_| None);
            }
        }
        Err(wrong) => {
            assert!(!wrong.is_empty());
            let lines = text.split('\n').count();
            for one in wrong {
                let at = one.at("edge.toml");
                let line = at.split(':').nth(1).and_then(|line| line.parse::<usize>().ok());
                assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{at}");
            }
        }
    }
});
