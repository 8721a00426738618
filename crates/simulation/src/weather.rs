//! The conditions of the simulated kernel for each word of a script.

use crate::script::{EPHEMERAL_PORTS, Weather};
use std::collections::BTreeMap;
use sys::Errno;
use testkit::sim::{Call, Conditions};

pub(crate) fn conditions(weather: Weather) -> Conditions {
    match weather {
        Weather::Calm => calm(),
        Weather::Rough => rough(),
        Weather::Poor => Conditions { failures: failures(), ..rough() },
    }
}

fn calm() -> Conditions {
    Conditions { ephemeral_ports: EPHEMERAL_PORTS, ..Conditions::default() }
}

fn rough() -> Conditions {
    Conditions {
        delay: 0..=3000,
        receive_buffer: 3_000..=200_000,
        send_buffer: 3_000..=200_000,
        fragment: 1..=32_768,
        pipe_size: 65_536..=1_048_576,
        pipe_pages: 1024,
        short_counts: 10,
        refused_sends: 5,
        arrivals_in_splices: 20,
        delayed_acks: 30,
        spurious_events: 5,
        interrupted_waits: 2,
        ..calm()
    }
}

/// Calls that may fail, with the percentage and the errors.
fn failures() -> BTreeMap<Call, (u32, Vec<Errno>)> {
    let short = [Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    let of_network = [Errno::ADDRNOTAVAIL, Errno::NETUNREACH, Errno::HOSTUNREACH, Errno::ACCESS];
    let memory = [Errno::NOMEM];
    let files = [Errno::NFILE, Errno::NOMEM];
    let calls: [(Call, u32, &[Errno]); 13] = [
        (Call::Accept, 10, &[Errno::NFILE, Errno::NOBUFS, Errno::CONNABORTED, Errno::PERM]),
        (Call::Socket, 5, &short),
        (Call::Connect, 5, &of_network),
        (Call::ConnectUnix, 5, &memory),
        (Call::Send, 3, &memory),
        (Call::Fill, 3, &memory),
        (Call::Drain, 3, &memory),
        (Call::Pipe, 20, &files),
        (Call::Watch, 3, &[Errno::NOMEM, Errno::NOSPC]),
        (Call::Epoll, 10, &files),
        (Call::Waker, 10, &files),
        (Call::Listen, 20, &[Errno::ADDRINUSE, Errno::ACCESS]),
        (Call::Options, 10, &[Errno::PERM, Errno::NOMEM]),
    ];
    calls.into_iter().map(|(call, percent, errnos)| (call, (percent, errnos.to_vec()))).collect()
}
