//! The real engine on the simulated kernel: the bytes choose a script (its seed, configuration and events),
//! and the simulation plays it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use simulation::{Script, attempt};

fuzz_target!(|bytes: &[u8]| {
    let script = Script::of_bytes(bytes);
    if let Err(failure) = attempt(&script) {
        panic!("{} ({})\n\n{script}", failure.message, failure.place);
    }
});
