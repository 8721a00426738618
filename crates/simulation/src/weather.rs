//! The conditions of the simulated kernel for each word of a script.

use crate::script::Weather;
use std::collections::BTreeMap;
use sys::Errno;
use testkit::sim::{Call, Conditions};

pub(crate) fn conditions(weather: Weather) -> Conditions {
    match weather {
        Weather::Calm => Conditions::default(),
        Weather::Rough => rough(),
        Weather::Poor => Conditions { failures: failures(), ..rough() },
    }
}

fn rough() -> Conditions {
    Conditions {
        delay: 0..=3000,
        receive_buffer: 3_000..=200_000,
        send_buffer: 3_000..=200_000,
        fragment: 1..=32_768,
        pipe_size: 65_536..=1_048_576,
        short_counts: 10,
        spurious_events: 5,
        ..Conditions::default()
    }
}

/// Calls that may fail, with the percentage and the errors.
fn failures() -> BTreeMap<Call, (u32, Vec<Errno>)> {
    let short = vec![Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    BTreeMap::from([
        (
            Call::Accept,
            (10, [&short[..], &[Errno::CONNABORTED, Errno::INTR, Errno::PERM]].concat()),
        ),
        (Call::Socket, (5, short)),
        (Call::Connect, (5, vec![Errno::ADDRNOTAVAIL, Errno::NETUNREACH, Errno::ACCESS])),
        (Call::Fill, (3, vec![Errno::NOMEM])),
        (Call::Pipe, (20, vec![Errno::MFILE, Errno::NFILE])),
        (Call::Watch, (3, vec![Errno::NOMEM, Errno::NOSPC])),
        (Call::Listen, (20, vec![Errno::ADDRINUSE, Errno::ACCESS])),
    ])
}
