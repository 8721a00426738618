//! Cost of parts of the data plane, compared with the bare system calls around them. A part is cheap
//! enough if its cost is below the noise of the system calls.

use criterion::{Criterion, criterion_group, criterion_main};
use engine::parts::{Mailbox, Slots, Wheel};
use flow::{AccessList, Candidate, Candidates, Choice, NoneUp, Prefix, Turns};
use flow::{Direction, PathChoice, Peer, Readiness, Session, Step, Time};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const MESSAGE: usize = 64;
const SESSIONS: u32 = 9_000;

/// Decisions for one message in one direction: an event, a copy, and the wait.
fn lane_step(criterion: &mut Criterion) {
    let now = Time::from_micros(1);
    let mut session = Session::new(now, PathChoice::Auto, now);
    session.connected(now);
    let event = Readiness { readable: true, writable: true, mark: false };
    criterion.bench_function("decisions for one 64-byte message", |bencher| {
        bencher.iter(|| {
            session.on_ready(Peer::Client, black_box(event), now);
            let action = session.next(now);
            assert_eq!(action, flow::Action::Step(Direction::Up, Step::Copy));
            session.copied(Direction::Up, MESSAGE, 65_536, now);
            session.sent(Direction::Up, MESSAGE, MESSAGE, now);
            black_box(session.next(now))
        });
    });
}

/// The minimum for a message through a copying relay: recv(2) and send(2).
fn bare_message(criterion: &mut Criterion) {
    let (mut client, mut near_client) = pair();
    let (mut near_target, mut target) = pair();
    let mut buffer = [0; MESSAGE];
    criterion.bench_function("bare: send, recv + send (the relay), recv", |bencher| {
        bencher.iter(|| {
            client.write_all(&buffer).expect("loopback");
            near_client.read_exact(&mut buffer).expect("loopback");
            near_target.write_all(&buffer).expect("loopback");
            target.read_exact(&mut buffer).expect("loopback");
        });
    });
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
    let (server, _) = listener.accept().expect("loopback");
    client.set_nodelay(true).expect("a TCP socket");
    server.set_nodelay(true).expect("a TCP socket");
    (client, server)
}

/// One timer among 9,000: schedules it, advances the wheel, and cancels it.
fn wheel(criterion: &mut Criterion) {
    let mut now = Time::from_micros(1_000_000);
    let mut wheel = Wheel::new(now);
    for index in 0..SESSIONS {
        wheel.schedule(index, now.after(Duration::from_millis(3_600_000 + u64::from(index))));
    }
    criterion.bench_function("wheel: schedule, turn, cancel", |bencher| {
        bencher.iter(|| {
            wheel.schedule(SESSIONS, now.after(Duration::from_secs(5)));
            now = now.after(Duration::from_micros(10));
            while let Some(index) = wheel.pop(now) {
                wheel.schedule(index, now.after(Duration::from_secs(3600)));
            }
            wheel.cancel(SESSIONS);
        });
    });
}

/// One record among 9,000: inserts it, finds it, and removes it.
fn slots(criterion: &mut Criterion) {
    let mut slots = Slots::new();
    for _ in 0..SESSIONS {
        slots.insert(|_| [0u8; 248]);
    }
    criterion.bench_function("slots: insert, find, remove", |bencher| {
        bencher.iter(|| {
            let key = slots.insert(|_| [0u8; 248]);
            black_box(slots.get_mut(key));
            black_box(slots.remove(key))
        });
    });
}

/// A message with its wake-up, and the bare wake-up.
fn mailbox(criterion: &mut Criterion) {
    let waker = || sys::Waker::new().expect("a descriptor");
    let mailbox = Mailbox::new(waker());
    criterion.bench_function("mailbox: send, wake, take", |bencher| {
        bencher.iter(|| {
            mailbox.send(black_box(7u64));
            mailbox.waker().wait();
            mailbox.take()
        });
    });
    let bare = waker();
    criterion.bench_function("bare: wake and wait", |bencher| {
        bencher.iter(|| {
            bare.wake();
            bare.wait();
        });
    });
}

/// The choice among 100 targets with different loads, by each balance. It is cheap enough with 200 ns.
fn selection(criterion: &mut Criterion) {
    let targets: Vec<Candidate> = (0..100)
        .map(|number: u32| Candidate {
            is_up: true,
            free: 1,
            is_tried: false,
            level: 0,
            weight: 100,
            sessions: number * 7 % 50,
        })
        .collect();
    let numbers: Vec<u64> =
        (0..100).map(|number| flow::target_number(&format!("10.0.0.{number}:80"))).collect();
    let at = |position: usize| targets[position];
    let levels = flow::levels(targets.iter().map(|target| target.level));
    let set = Candidates { numbers: &numbers, levels: &levels, at, heaviest: 100 };
    let mut random = 0u64;
    let mut turns = Turns::default();
    for name in ["least", "round_robin", "source", "first"] {
        criterion.bench_function(&format!("select, 100 targets, {name}"), |bencher| {
            bencher.iter(|| {
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let choice = match name {
                    "least" => Choice::Least(random),
                    "round_robin" => Choice::RoundRobin(&mut turns),
                    "source" => Choice::Source(random),
                    _ => Choice::First,
                };
                flow::select(black_box(&set), choice, NoneUp::Try)
            });
        });
    }
}

/// One client against lists of 100,000 prefixes of each family, and the time to resolve the lists. A look-up
/// is cheap enough with 25 ns: accept(2) takes some microseconds.
fn access_list(criterion: &mut Criterion) {
    const PREFIXES: u64 = 100_000;
    let v4 = |number| {
        let bits = u32::try_from(mixed(number) >> 40).expect("24 bits") << 8;
        let network = std::net::Ipv4Addr::from(bits);
        format!("{network}/24").parse::<Prefix>().expect("a prefix")
    };
    // All in 2000::/4, as the networks of today.
    let v6 = |number| {
        let bits = 0x2 << 124 | u128::from(mixed(number) >> 20) << 80;
        let network = std::net::Ipv6Addr::from(bits);
        format!("{network}/48").parse::<Prefix>().expect("a prefix")
    };
    let deny: Vec<Prefix> = (0..PREFIXES).flat_map(|number| [v4(number), v6(number)]).collect();
    criterion.bench_function("resolve 2 x 100,000 prefixes", |bencher| {
        bencher.iter(|| AccessList::new([], black_box(&deny).iter().copied(), true));
    });
    let list = AccessList::new([], deny, true);
    let mut number = 0u64;
    criterion.bench_function("a client of IPv4, 100,000 prefixes", |bencher| {
        bencher.iter(|| {
            number += 1;
            let bits = u32::try_from(mixed(number) >> 32).expect("32 bits");
            list.allows(std::net::Ipv4Addr::from(bits).into())
        });
    });
    criterion.bench_function("a client of IPv6, 100,000 prefixes", |bencher| {
        bencher.iter(|| {
            number += 1;
            let bits = 0x2 << 124 | u128::from(mixed(number)) << 60;
            list.allows(std::net::Ipv6Addr::from(bits).into())
        });
    });
    criterion.bench_function("bare: an address without a look-up", |bencher| {
        bencher.iter(|| {
            number += 1;
            mixed(number)
        });
    });
}

/// The random number of a counter.
fn mixed(number: u64) -> u64 {
    flow::mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

criterion_group!(parts, lane_step, bare_message, wheel, slots, mailbox, selection, access_list);
criterion_main!(parts);
