//! Delays, short counts and failures of the simulated kernel and network, within the limits of Linux.

use super::state::random::Random;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use sys::Errno;

/// The conditions of a simulation. The default is a friendly host: no delay, no fault.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Delay of each segment, in microseconds. Segments of one direction stay in order.
    pub delay: RangeInclusive<u64>,
    /// Size of receive buffers, in bytes.
    pub receive_buffer: RangeInclusive<usize>,
    /// Size of send buffers, in bytes.
    pub send_buffer: RangeInclusive<usize>,
    /// Largest fragment that takes one slot of a pipe, in bytes.
    pub fragment: RangeInclusive<usize>,
    /// Largest pipe that is granted (`fs.pipe-max-size`), in bytes. Below 65,536: the user's pipes exceed
    /// `fs.pipe-user-pages-soft`.
    pub pipe_size: RangeInclusive<usize>,
    /// Pages of all pipes of the user (`fs.pipe-user-pages-soft`). Beyond them, a pipe does not grow, and
    /// a new one has two pages (`too_many_pipe_buffers_soft`).
    pub pipe_pages: usize,
    /// Percentage of calls that move a part only:
    ///
    /// - recv(2): the rest of the queue arrives just after the call, with a new event. Never with a FIN,
    ///   an error or an urgent mark in the queue.
    /// - send(2): the kernel has no memory for more (`wait_for_space` in `tcp_sendmsg_locked`). An event
    ///   follows, with the acknowledgement of the part or, from a Unix socket, once it is read.
    /// - splice(2): a signal ends the call (`splice_to_socket`), or a page is missing
    ///   (`linear_to_page`).
    pub short_counts: u32,
    /// Percentage of sends of a TCP socket that return `EAGAIN` with room left in its buffer, for lack of
    /// memory. Only while bytes are unacknowledged: their acknowledgement raises an event. With an empty
    /// buffer, Linux always takes a segment (`tcp_stream_alloc_skb` with `force_schedule`).
    pub refused_sends: u32,
    /// Percentage of pauses between two sends of one splice(2) in which the next segment arrives: the
    /// socket is not locked there. An error of the second send is lost (`splice_to_socket`).
    pub arrivals_in_splices: u32,
    /// Percentage of segments with bytes that are acknowledged late, after up to 40 ms, unless another one
    /// follows or bytes are sent (`__tcp_ack_snd_check`). A FIN always is, if no FIN was sent before.
    pub delayed_acks: u32,
    /// Percentage of waits that report an event without a change.
    pub spurious_events: u32,
    /// Percentage of waits without an event that a signal interrupts.
    pub interrupted_waits: u32,
    /// Percentage of calls that fail, and with which errors, by kind of call.
    pub failures: BTreeMap<Call, (u32, Vec<Errno>)>,
    /// Ports for outgoing connections.
    pub ephemeral_ports: RangeInclusive<u16>,
    /// Open files of all processes together.
    pub open_files: usize,
    /// Length of accept queues.
    pub backlog: usize,
}

/// A kind of call that can be made to fail. Behind each, the errors that Linux may return; those that
/// follow from the state, such as `EMFILE`, need no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// accept(2), after its checks of descriptors. `ENFILE`, `ENOMEM`, `ENOBUFS` and `EPERM` leave the
    /// connection in the queue. `ECONNABORTED` and the errors of the network that accept(2) names close
    /// it; with an empty queue, they become `EAGAIN`.
    Accept,
    /// socket(2): `ENFILE`, `ENOMEM`, `ENOBUFS`, `EACCES`, `EPERM`.
    Socket,
    /// connect(2) of a TCP socket: `EADDRNOTAVAIL`, `ENETUNREACH`, `EHOSTUNREACH`, `EACCES`, `EPERM`
    /// (routes and filters of this host), `ENOBUFS`, `ENOMEM`.
    Connect,
    /// connect(2) of a Unix socket: `EACCES`, `EPERM`, `ENOMEM`.
    ConnectUnix,
    /// send(2) of a Unix socket: `ENOBUFS`, `ENOMEM`. TCP reports neither: see
    /// [`Conditions::refused_sends`].
    Send,
    /// splice(2) into a pipe: `ENOMEM`; `EINVAL`, `EACCES` or `EPERM` where a sandbox or a security module
    /// refuses it.
    Fill,
    /// splice(2) out of a pipe: the same errors.
    Drain,
    /// pipe2(2): `ENFILE`, `ENOMEM`.
    Pipe,
    /// `EPOLL_CTL_ADD` of epoll_ctl(2): `ENOMEM`, `ENOSPC`.
    Watch,
    /// epoll_create1(2): `ENFILE`, `ENOMEM`.
    Epoll,
    /// eventfd(2): `ENFILE`, `ENOMEM`, `ENODEV`.
    Waker,
    /// bind(2) and listen(2): `EADDRINUSE`, `EACCES`, `ENOMEM`, `ENOBUFS`.
    Listen,
    /// setsockopt(2): `EPERM`, `ENOPROTOOPT`, `ENOMEM`.
    Options,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: 0..=0,
            receive_buffer: 128 * 1024..=128 * 1024,
            send_buffer: 128 * 1024..=128 * 1024,
            fragment: 32 * 1024..=32 * 1024,
            pipe_size: 1024 * 1024..=1024 * 1024,
            pipe_pages: usize::MAX,
            short_counts: 0,
            refused_sends: 0,
            arrivals_in_splices: 0,
            delayed_acks: 0,
            spurious_events: 0,
            interrupted_waits: 0,
            failures: BTreeMap::new(),
            ephemeral_ports: 32768..=60999,
            open_files: usize::MAX,
            backlog: 4096,
        }
    }
}

impl Conditions {
    /// A host on which everything but failures of calls happens often.
    pub fn rough() -> Self {
        Self {
            delay: 0..=3000,
            receive_buffer: 3_000..=200_000,
            send_buffer: 3_000..=200_000,
            fragment: 1..=32_768,
            pipe_size: 65_536..=1_048_576,
            short_counts: 10,
            refused_sends: 5,
            arrivals_in_splices: 20,
            delayed_acks: 20,
            spurious_events: 5,
            interrupted_waits: 5,
            ..Self::default()
        }
    }

    /// A rough host on which calls fail, too.
    pub fn hostile() -> Self {
        Self { pipe_pages: 256, failures: failures(), ..Self::rough() }
    }

    /// The conditions chosen by a seed: each of them friendly or hostile. Histories with few kinds of
    /// faults often find more than those with all.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (friendly, hostile) = (Self::default(), Self::hostile());
        let mut is_rough = || random.happens(40);
        let pick = |rough: bool, percent: u32| if rough { percent } else { 0 };
        let mut chosen = Self {
            delay: if is_rough() { hostile.delay } else { friendly.delay },
            receive_buffer: if is_rough() {
                hostile.receive_buffer
            } else {
                friendly.receive_buffer
            },
            send_buffer: if is_rough() { hostile.send_buffer } else { friendly.send_buffer },
            fragment: if is_rough() { hostile.fragment } else { friendly.fragment },
            pipe_size: if is_rough() { hostile.pipe_size } else { friendly.pipe_size },
            pipe_pages: if is_rough() { hostile.pipe_pages } else { friendly.pipe_pages },
            short_counts: pick(is_rough(), hostile.short_counts),
            refused_sends: pick(is_rough(), hostile.refused_sends),
            arrivals_in_splices: pick(is_rough(), hostile.arrivals_in_splices),
            delayed_acks: pick(is_rough(), hostile.delayed_acks),
            spurious_events: pick(is_rough(), hostile.spurious_events),
            interrupted_waits: pick(is_rough(), hostile.interrupted_waits),
            failures: BTreeMap::new(),
            ..friendly
        };
        chosen.failures = hostile.failures.into_iter().filter(|_| random.happens(40)).collect();
        chosen
    }
}

/// Calls that may fail, with the percentage and the errors.
fn failures() -> BTreeMap<Call, (u32, Vec<Errno>)> {
    use Errno as E;
    let short = [E::NFILE, E::NOMEM, E::NOBUFS];
    let of_accept = [
        &short[..],
        &[E::PERM, E::CONNABORTED, E::NETDOWN, E::PROTO, E::NOPROTOOPT, E::HOSTDOWN],
        &[E::HOSTUNREACH, E::NETUNREACH, E::OPNOTSUPP],
    ];
    let of_connect =
        [E::ADDRNOTAVAIL, E::NETUNREACH, E::HOSTUNREACH, E::ACCESS, E::PERM, E::NOBUFS];
    BTreeMap::from([
        (Call::Accept, (10, of_accept.concat())),
        (Call::Socket, (5, short.to_vec())),
        (Call::Connect, (5, of_connect.to_vec())),
        (Call::ConnectUnix, (5, vec![E::ACCESS, E::PERM, E::NOMEM])),
        (Call::Send, (2, vec![E::NOBUFS, E::NOMEM])),
        (Call::Fill, (3, vec![E::NOMEM, E::INVAL, E::PERM])),
        (Call::Drain, (3, vec![E::NOMEM, E::INVAL, E::PERM])),
        (Call::Pipe, (20, vec![E::NFILE, E::NOMEM])),
        (Call::Watch, (3, vec![E::NOMEM, E::NOSPC])),
        (Call::Epoll, (10, vec![E::NFILE, E::NOMEM])),
        (Call::Waker, (10, vec![E::NFILE, E::NOMEM])),
        (Call::Listen, (20, vec![E::ADDRINUSE, E::ACCESS, E::NOBUFS])),
        (Call::Options, (3, vec![E::PERM, E::NOMEM])),
    ])
}
