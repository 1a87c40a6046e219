//! An entry that is accepted is canonical and is written back byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::act::Act;

fuzz_target!(|data: &[u8]| {
    if let Ok(act) = Act::decode_strict(data) {
        let again = act.encode().expect("what was an entry is one");
        // Defaults may be left out on writing, so a body may shrink; it must then be stable.
        let back = Act::decode_strict(&again).expect("what was written is an entry");
        assert_eq!(back, act);
        assert_eq!(back.encode().expect("it is one"), again);
    }
});
