//! A command has one canonical form, whatever spelling it came in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::canonical;
use record::command::Command;

fuzz_target!(|data: &[u8]| {
    if let Ok(command) = Command::decode(data)
        && let Ok(bytes) = command.to_canonical()
    {
        canonical::check(&bytes).expect("the canonical form is canonical");
        assert_eq!(Command::decode(&bytes).expect("it reads back"), command);
    }
});
