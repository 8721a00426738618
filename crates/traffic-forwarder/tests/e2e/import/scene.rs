//! What a case is played on: targets that say which they are, and clients that note who serves them.
//!
//! Observations are text: a digit for the target that greeted a client, `-` for a client whose connection
//! ended without a byte (FIN or RST), `.` for one that waits, `x` for one that could not connect.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use testkit::{
    Behaviour, BlackHole, LIMIT, Place, Port, Socket, Target, connect_from, uninterrupted,
    wait_until,
};

use crate::support::tcp_row;

/// How long a client is left alone that is expected to wait.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What stands at a target's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Greets with its number and echoes.
    Serves,
    /// Refuses, until it is started.
    Down,
    /// Answers no SYN.
    Silent,
    /// Accepts, and does only this.
    Does(Behaviour),
}

/// A target, which can be started.
struct Slot {
    /// The digit that it greets with.
    digit: u8,
    port: Port,
    kind: Kind,
    target: Option<Target>,
    hole: Option<BlackHole>,
}

impl Slot {
    fn open(digit: u8, kind: Kind) -> Self {
        let hole = (kind == Kind::Silent).then(BlackHole::open);
        let mut slot = Self { digit, port: Port::v4(), kind, target: None, hole };
        if matches!(kind, Kind::Serves | Kind::Does(_)) {
            slot.start();
        }
        slot
    }

    fn start(&mut self) {
        let behaviour = match self.kind {
            Kind::Does(behaviour) => behaviour,
            _ => Behaviour::Greet(self.digit),
        };
        self.target = Some(Target::start_at(Place::At(self.port.addr()), behaviour));
    }

    fn addr(&self) -> SocketAddr {
        self.hole.as_ref().map_or(self.port.addr(), BlackHole::addr)
    }

    fn open_sessions(&self) -> u64 {
        self.target.as_ref().map_or(0, Target::open)
    }
}

/// The targets of one program.
pub(super) struct Targets(Vec<Slot>);

impl Targets {
    pub(super) fn start(kinds: &[Kind]) -> Self {
        let digits = b'1'..=b'9';
        Self(digits.zip(kinds).map(|(digit, kind)| Slot::open(digit, *kind)).collect())
    }

    /// The configuration with their addresses in place of `T1`, their ports in place of `T1_PORT`, and how
    /// much higher these are than that of the listener in place of `T1_SHIFT`.
    pub(super) fn written_into(&self, template: &str, listener: u16) -> String {
        self.0.iter().fold(template.to_owned(), |text, slot| {
            let (name, addr) = (format!("T{}", char::from(slot.digit)), slot.addr());
            let shift = i32::from(addr.port()) - i32::from(listener);
            let text = text.replace(&format!("{name}_SHIFT"), &format!("{shift:+}"));
            let text = text.replace(&format!("{name}_PORT"), &addr.port().to_string());
            text.replace(&name, &addr.to_string())
        })
    }

    fn open_sessions(&self) -> u64 {
        self.0.iter().map(Slot::open_sessions).sum()
    }
}

/// A running program between its targets and the clients of a scenario.
pub(super) struct Scene {
    listener: SocketAddr,
    targets: Targets,
    /// Clients that stay.
    held: Vec<Socket>,
}

impl Scene {
    pub(super) fn new(listener: SocketAddr, targets: Targets) -> Self {
        Self { listener, targets, held: Vec::new() }
    }

    /// Clients one after the other, each of which leaves at once.
    pub(super) fn clients(&self, n: usize) -> String {
        self.clients_from(Ipv4Addr::LOCALHOST, n)
    }

    /// A client that writes these bytes at once, and leaves when it has seen something.
    pub(super) fn writing(&self, bytes: impl AsRef<[u8]>) -> char {
        let socket = match connected(Ipv4Addr::LOCALHOST.into(), self.listener) {
            Ok(socket) => socket,
            Err(mark) => return mark,
        };
        // An error shows as an end.
        let _ = (&socket).write_all(bytes.as_ref());
        seen(&socket, LIMIT)
    }

    /// How long a client reads until the end of the stream, in whole seconds.
    pub(super) fn reads_all(&self) -> String {
        let begin = Instant::now();
        let mut client = connected(Ipv4Addr::LOCALHOST.into(), self.listener).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        std::io::copy(&mut client, &mut std::io::sink()).unwrap();
        seconds(begin.elapsed())
    }

    /// The same from another address of this host.
    pub(super) fn clients_from(&self, source: Ipv4Addr, n: usize) -> String {
        (0..n).map(|_| self.passing(source.into(), self.listener, LIMIT)).collect()
    }

    /// Clients as in [`Self::clients`], in no order: how many each target served.
    pub(super) fn shares(&self, n: usize) -> String {
        sorted(&self.clients(n))
    }

    /// Clients that stay.
    pub(super) fn held(&mut self, n: usize) -> String {
        (0..n).map(|_| self.stays(LIMIT)).collect()
    }

    /// A client that stays, once one is served: a program may return a place after the target has seen the end.
    pub(super) fn held_again(&mut self) -> String {
        let held = self.held.len();
        let mut seen = '-';
        wait_until("a client that is served", LIMIT, || {
            self.held.truncate(held);
            seen = self.stays(LIMIT);
            seen.is_ascii_digit()
        });
        seen.to_string()
    }

    /// Three clients of one address that stay, one of another, and one more of the first after one has left.
    pub(super) fn held_of_two_addresses(&mut self) -> String {
        let held = self.held(3);
        let other = self.clients_from([127, 0, 0, 9].into(), 1);
        self.release(0);
        held + &other + &self.held_again()
    }

    /// A client that stays, and may have to wait.
    pub(super) fn held_or_waits(&mut self) -> char {
        self.stays(PATIENCE)
    }

    /// The end of the nth client that stays.
    pub(super) fn release(&mut self, nth: usize) {
        drop(self.held.remove(nth));
    }

    /// What the nth client that stays sees next.
    pub(super) fn sees(&self, nth: usize) -> char {
        seen(&self.held[nth], LIMIT)
    }

    /// The same, with `.` if nothing comes for a while.
    pub(super) fn sees_soon(&self, nth: usize) -> char {
        seen(&self.held[nth], PATIENCE)
    }

    /// The same, with the time until then, as `-1s` for about one second.
    pub(super) fn sees_in_time(&self, nth: usize, within: Duration) -> String {
        let begin = Instant::now();
        let seen = seen(&self.held[nth], within);
        written(seen, begin.elapsed())
    }

    /// One client, and when it was served or ended.
    pub(super) fn client_in_time(&self, within: Duration) -> String {
        let begin = Instant::now();
        let seen = self.passing(Ipv4Addr::LOCALHOST.into(), self.listener, within);
        written(seen, begin.elapsed())
    }

    /// Sends the FIN of the nth client that stays.
    pub(super) fn half_close(&self, nth: usize) {
        self.held[nth].shutdown(Shutdown::Write).unwrap();
    }

    /// A client that stays, of a target that need not say anything.
    pub(super) fn opens(&mut self) {
        let before = self.targets.open_sessions();
        self.held.push(connected(Ipv4Addr::LOCALHOST.into(), self.listener).unwrap());
        wait_until("the session", LIMIT, || self.targets.open_sessions() > before);
    }

    /// The nth client that stays writes now and then for two seconds; what it sees last.
    pub(super) fn writes_for_a_while(&self, nth: usize) -> char {
        const PAUSE: Duration = Duration::from_millis(250);
        let mut client = &self.held[nth];
        let sees = (0..8).map(|_| {
            // An error shows as an end.
            let _ = client.write(b".");
            seen(client, PAUSE)
        });
        sees.last().unwrap_or('.')
    }

    /// Whether the program has the kernel probe the nth client that stays.
    pub(super) fn has_keepalive(&self, nth: usize) -> bool {
        let client = self.held[nth].local_addr().unwrap().as_socket().unwrap();
        tcp_row(self.listener, client).unwrap().keepalive
    }

    /// When the targets' last session ends.
    pub(super) fn targets_are_left(&self, within: Duration) -> String {
        let (begin, mut is_late) = (Instant::now(), false);
        wait_until("the end of the sessions", within + LIMIT, || {
            is_late = begin.elapsed() > within;
            is_late || self.targets.open_sessions() == 0
        });
        if is_late { "kept".to_owned() } else { seconds(begin.elapsed()) }
    }

    /// The target with this number serves again.
    pub(super) fn start(&mut self, number: usize) {
        self.targets.0[number - 1].start();
    }

    /// The target with this number refuses from now on.
    pub(super) fn stop(&mut self, number: usize) {
        self.targets.0[number - 1].target = None;
    }

    /// Waits until so many clients in a row are served like this.
    pub(super) fn wait_for_clients(&self, marks: &str) {
        wait_until("the state of the targets", LIMIT, || self.clients(marks.len()) == marks);
    }

    /// Waits until so many clients are served like this, in any order.
    pub(super) fn wait_for_share(&self, marks: &str) {
        wait_until("the state of the targets", LIMIT, || self.shares(marks.len()) == marks);
    }

    /// How long clients come until the target with this number serves one, in whole seconds.
    pub(super) fn returns_after(&self, number: usize) -> String {
        let (begin, wanted) =
            (Instant::now(), char::from_digit(u32::try_from(number).unwrap(), 10));
        wait_until("a client of the target that is back", LIMIT, || {
            Some(self.passing(Ipv4Addr::LOCALHOST.into(), self.listener, LIMIT)) == wanted
        });
        seconds(begin.elapsed())
    }

    /// Clients over IPv4 and over IPv6.
    pub(super) fn families(&self) -> String {
        let port = self.listener.port();
        let ips = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        ips.into_iter().map(|ip| self.passing(ip, (ip, port).into(), LIMIT)).collect()
    }

    /// Clients of many addresses: whether each keeps its target, and whether all together have several.
    pub(super) fn sticks(&self) -> (bool, bool) {
        let of_each = (2..=21).map(|last| self.clients_from(Ipv4Addr::new(127, 0, 0, last), 2));
        let of_each: Vec<_> = of_each.collect();
        let keeps = of_each.iter().all(|two| two.chars().min() == two.chars().max());
        (keeps, of_each.iter().any(|two| *two != of_each[0]))
    }

    /// One client from this address, which leaves at once. Ends when its session has ended.
    fn passing(&self, source: IpAddr, addr: SocketAddr, within: Duration) -> char {
        let before = self.targets.open_sessions();
        let socket = match connected(source, addr) {
            Ok(socket) => socket,
            Err(mark) => return mark,
        };
        let seen = seen(&socket, within);
        drop(socket);
        if seen.is_ascii_digit() {
            wait_until("the end of the session", LIMIT, || self.targets.open_sessions() <= before);
        }
        seen
    }

    fn stays(&mut self, within: Duration) -> char {
        let ip = Ipv4Addr::LOCALHOST.into();
        match connected(ip, self.listener) {
            Ok(socket) => {
                let seen = seen(&socket, within);
                self.held.push(socket);
                seen
            }
            Err(mark) => mark,
        }
    }
}

/// A client's socket, or the mark of one that has none. A reset may come with the handshake.
fn connected(source: IpAddr, addr: SocketAddr) -> Result<Socket, char> {
    connect_from(source, addr).map_err(|error| match error.kind() {
        ErrorKind::ConnectionReset => '-',
        ErrorKind::ConnectionRefused => 'x',
        kind => panic!("connecting to {addr}: {kind}"),
    })
}

/// What a client sees next.
fn seen(mut socket: &Socket, within: Duration) -> char {
    let mut byte = [0];
    socket.set_read_timeout(Some(within)).unwrap();
    match uninterrupted(|| socket.read(&mut byte)) {
        Ok(0) => '-',
        Ok(_) => char::from(byte[0]),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => '.',
            ErrorKind::ConnectionReset => '-',
            kind => panic!("reading as a client: {kind}"),
        },
    }
}

/// The observation with the time of what happened, in whole seconds.
fn written(seen: char, time: Duration) -> String {
    match seen {
        '.' => "kept".to_owned(),
        seen => format!("{seen} after {}", seconds(time)),
    }
}

/// A time of a configuration in whole seconds: from 30 % below to 60 % above it, but half a second at least
/// for a busy machine.
fn seconds(time: Duration) -> String {
    let time = time.as_secs_f64();
    let fits = |whole: u32| {
        let whole = f64::from(whole);
        (whole * 0.7..(whole * 1.6).max(whole + 0.5)).contains(&time)
    };
    // The times that cases use: their ranges do not overlap.
    let class = [0, 1, 4].into_iter().find(|whole| fits(*whole));
    class.map_or_else(|| format!("{time:.1} s"), |whole| format!("{whole} s"))
}

/// Marks in no order.
pub(super) fn sorted(text: &str) -> String {
    let mut chars: Vec<_> = text.chars().collect();
    chars.sort_unstable();
    chars.into_iter().collect()
}

/// Whether each of these targets served its part, give or take much: what chance allows in one run of a
/// million.
pub(super) fn is_even(marks: &str, targets: u32) -> bool {
    let part = |number| {
        let digit = char::from_digit(number, 10);
        marks.chars().filter(|mark| Some(*mark) == digit).count()
    };
    let mean = marks.len() / usize::try_from(targets).unwrap();
    let served: usize = (1..=targets).map(part).sum();
    served == marks.len()
        && (1..=targets).all(|number| (mean / 3..mean * 2).contains(&part(number)))
}
