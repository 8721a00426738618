//! The command line, one argument per line: a time-out, a limit of sessions, and forwards.

#![no_main]

#[path = "../../crates/plan/tests/rules/mod.rs"]
mod rules;

use libfuzzer_sys::fuzz_target;
use plan::Overrides;

fuzz_target!(|arguments: &str| {
    let mut arguments = arguments.split('\n').map(str::to_owned);
    let mut given = || arguments.next().filter(|argument| !argument.is_empty());
    let overrides = Overrides { timeout: given(), max_conns: given() };
    rules::check(b"", arguments.collect(), overrides);
});
