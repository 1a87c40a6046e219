//! PROXY headers: once there are bytes enough to know, more of them change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::wire::proxy;

fuzz_target!(|data: &[u8]| {
    let whole = proxy::read(data);
    let first = (0..=data.len())
        .map(|end| proxy::read(&data[..end]))
        .find(|it| *it != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(first, whole);
    match whole {
        Ok(Some((length, _))) => assert!(length <= data.len().min(528)),
        Ok(None) => assert!(data.len() < 528),
        Err(_) => {}
    }
});
