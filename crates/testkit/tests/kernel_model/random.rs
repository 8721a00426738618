//! Random programs, each decided by a seed.

mod choice;

use crate::op::{Connection, Listener, Op, Pipe, Place, Share, Slot, Waker};
use crate::program::Program;
use choice::Choice;

/// Subjects of a program: a program of one subject meets more of its states.
#[derive(Clone, Copy)]
enum Subject {
    Endings,
    Events,
    Splicing,
    Listeners,
    Upgrade,
    Buffers,
}

const SUBJECTS: [Subject; 6] = [
    Subject::Endings,
    Subject::Events,
    Subject::Splicing,
    Subject::Listeners,
    Subject::Upgrade,
    Subject::Buffers,
];

/// The capacity of pipes in bytes: more slots than a program has fragments.
const PIPE: u32 = 1 << 20;

/// The program of a seed.
pub(crate) fn program(seed: u64) -> Program {
    let mut choice = Choice::new(seed);
    let subject = choice.pick(&SUBJECTS);
    prelude(&mut choice, subject);
    let length = 5 + choice.below(36);
    // An operation may be a short sequence, so a program can be a little longer.
    while choice.ops().len() < length {
        operation(&mut choice, subject);
    }
    Program::new(choice.ops().to_vec())
}

/// Connections that exist already, so that most operations have something to act on.
fn prelude(choice: &mut Choice, subject: Subject) {
    let place = match subject {
        // Unix sockets have no ports to share.
        Subject::Listeners if !choice.one_in(5) => choice.pick(Place::ALL),
        _ => place(choice),
    };
    choice.push(Op::Listen(Listener(0), place));
    if !matches!(subject, Subject::Listeners) || choice.one_in(2) {
        for pair in 0..=choice.below(2) {
            choice.push(Op::Connect(Connection(2 * pair), Listener(0)));
            choice.push(Op::Accept(Listener(0), Connection(2 * pair + 1)));
        }
    }
    if matches!(subject, Subject::Splicing) {
        choice.push(Op::NewPipe(Pipe(0), PIPE));
    }
    if !matches!(subject, Subject::Splicing | Subject::Buffers) || choice.one_in(3) {
        let epoll = choice.free_epoll();
        choice.push(Op::NewEpoll(epoll));
        let connection = choice.connection();
        choice.push(match subject {
            Subject::Listeners => Op::AddListener(epoll, Listener(0)),
            _ => Op::Add(epoll, connection),
        });
        if matches!(subject, Subject::Events) && choice.one_in(4) {
            choice.push(Op::NewWaker(Waker(0)));
            choice.push(Op::AddWaker(epoll, Waker(0)));
        }
    }
}

fn place(choice: &mut Choice) -> Place {
    if choice.one_in(3) { choice.pick(Place::ALL) } else { choice.pick(&[Place::V4, Place::Unix]) }
}

fn operation(choice: &mut Choice, subject: Subject) {
    let special = choice.below(10) < 6;
    let group = match subject {
        Subject::Events if special => on_epoll,
        Subject::Splicing if special => on_pipe,
        Subject::Listeners if special => on_listener,
        Subject::Upgrade if special => on_process,
        Subject::Buffers if special => on_buffers,
        _ if choice.one_in(4) => choice.pick(&[on_epoll, on_pipe, on_listener, on_process]),
        _ if choice.one_in(3) => ending,
        _ => transfer,
    };
    let op = group(choice);
    choice.push(op);
}

fn count(choice: &mut Choice) -> u32 {
    choice.pick(&[1, 2, 10, 100, 1000])
}

fn share(choice: &mut Choice) -> Share {
    choice.pick(Share::ALL)
}

fn transfer(choice: &mut Choice) -> Op {
    let (slot, count) = (choice.connection(), count(choice));
    match choice.below(12) {
        0..=4 => Op::Send(slot, count),
        5..=8 => Op::Receive(slot, count),
        9 => Op::ReceiveAll(slot),
        10 => Op::Urgent(slot),
        _ => Op::Attach(slot, count),
    }
}

fn ending(choice: &mut Choice) -> Op {
    let slot = choice.connection();
    match choice.below(10) {
        0 | 1 => Op::ShutWrite(slot),
        2 => Op::Close(slot),
        3 => Op::Reset(slot),
        4 => Op::TakeError(slot),
        5 => Op::Unacked(slot),
        6 => Op::Sequence(slot),
        7 => Op::Poll(slot),
        8 if choice.one_in(5) => Op::ConnectToItself(choice.free_connection()),
        8 => Op::Connect(choice.free_connection(), choice.listener()),
        _ => Op::Accept(choice.listener(), choice.free_connection()),
    }
}

fn on_epoll(choice: &mut Choice) -> Op {
    let slot = choice.epoll();
    match choice.below(24) {
        22 | 23 => Op::Block(slot, choice.pick(&[1, 8])),
        0..=8 => Op::Wait(slot, choice.pick(&[1, 8, 8, 8])),
        9..=11 => Op::Add(slot, choice.connection()),
        12 => Op::AddListener(slot, choice.listener()),
        13 => Op::AddWaker(slot, choice.waker()),
        14 => Op::Remove(slot, choice.connection()),
        15 => Op::RemoveListener(slot, choice.listener()),
        16 => Op::NewEpoll(choice.free_epoll()),
        17 => Op::NewWaker(Waker(choice.below(Waker::COUNT))),
        18 | 19 => Op::Wake(choice.waker()),
        20 => Op::Consume(choice.waker()),
        _ if choice.one_in(2) => Op::CloseEpoll(slot),
        _ => Op::CloseWaker(choice.waker()),
    }
}

fn on_pipe(choice: &mut Choice) -> Op {
    let slot = choice.pipe();
    match choice.below(14) {
        0..=5 => {
            // From a peer through the pipe, which is empty afterwards in most cases.
            let (source, sink) = (choice.connection(), choice.connection());
            if let Some(peer) = choice.peer(source) {
                let count = count(choice);
                choice.push(Op::Send(peer, count));
            }
            if choice.one_in(4) {
                let ending = ending(choice);
                choice.push(ending);
            }
            let fill = fill(choice, slot, source);
            choice.push(fill);
            if choice.one_in(4) {
                let ending = ending(choice);
                choice.push(ending);
            }
            Op::Drain(slot, sink, choice.pick(&[1, 10, PIPE, PIPE]))
        }
        6 | 7 => {
            let source = choice.connection();
            fill(choice, slot, source)
        }
        8 => Op::Drain(slot, choice.connection(), PIPE),
        9 => Op::ReadPipe(slot, choice.pick(&[1, PIPE])),
        10 => Op::NewPipe(Pipe(choice.below(Pipe::COUNT)), PIPE),
        11 => Op::Urgent(choice.connection()),
        12 => Op::Send(choice.connection(), count(choice)),
        _ => Op::ClosePipe(slot),
    }
}

fn fill(choice: &Choice, slot: Pipe, source: Connection) -> Op {
    if choice.has_many(source) { Op::ReceiveAll(source) } else { Op::Fill(slot, source) }
}

fn on_listener(choice: &mut Choice) -> Op {
    let slot = choice.listener();
    match choice.below(28) {
        0 | 1 => Op::Listen(choice.free_listener(), place(choice)),
        2 => Op::Bind(choice.free_listener(), place(choice), share(choice)),
        3..=8 => {
            let beside = choice.free_listener();
            let (place, share) = (choice.other_place(), share(choice));
            choice.push(Op::BindBeside(beside, slot, place, share));
            Op::Start(beside)
        }
        9 => Op::Start(slot),
        10..=12 => Op::SetSharing(slot, share(choice)),
        13 => Op::StopListening(slot),
        14 => Op::IgnoreHandshakes(slot),
        15 => Op::Backlog(slot, choice.pick(&[1, 2, 100])),
        16 => Op::CloseListener(slot),
        17 => {
            let file = [Op::Unlink(slot), Op::TryUnix(slot), Op::File(slot)];
            choice.pick(&[&file[..], &[Op::ListensAt(slot), Op::Activate(slot)]].concat())
        }
        18 | 19 => Op::Pending(slot),
        20 => Op::ConnectV6(choice.free_connection(), slot),
        21..=24 => Op::Connect(choice.free_connection(), slot),
        _ => Op::Accept(slot, choice.free_connection()),
    }
}

fn on_process(choice: &mut Choice) -> Op {
    let slot = match choice.below(6) {
        0 => Slot::Listener(choice.listener()),
        1 => Slot::Pipe(choice.pipe()),
        2 => Slot::Epoll(choice.epoll()),
        _ => Slot::Connection(choice.connection()),
    };
    match choice.below(14) {
        0..=6 => Op::Keep(slot),
        7 => Op::Unkeep(slot),
        8 => Op::Descriptors(),
        9 => Op::Limit(choice.pick(&[0, 1, 2, 3, 100])),
        10 => Op::Exec(),
        11 => Op::Wait(choice.epoll(), 8),
        12 => Op::NewPipe(Pipe(choice.below(Pipe::COUNT)), PIPE),
        _ => Op::NewEpoll(choice.free_epoll()),
    }
}

fn on_buffers(choice: &mut Choice) -> Op {
    let slot = choice.connection();
    match choice.below(8) {
        0 | 1 => Op::SendUntilFull(slot),
        2 | 3 => Op::ReceiveAll(slot),
        4 => Op::Unacked(slot),
        5 => Op::ShutWrite(slot),
        6 => Op::Poll(slot),
        _ => Op::Wait(choice.epoll(), 8),
    }
}
