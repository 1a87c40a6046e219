//! A status page that somebody else shows: its manifest, its list of files, its address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use status::manifest::{Manifest, is_path, read_list};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(manifest) = Manifest::parse_text(text) {
        assert_eq!(Manifest::parse_text(&manifest.to_text()), Ok(manifest));
    }
    if let Ok(files) = read_list(text) {
        for path in files.keys() {
            // Whatever is read or served by such a path lies below the site's root.
            assert!(is_path(path) && path.split('/').all(|part| !part.is_empty() && part != ".."));
        }
    }
});
