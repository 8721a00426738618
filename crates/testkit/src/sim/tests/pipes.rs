//! Pipes and splicing.

use super::*;
use sys::PipeError;
use sys::kernel::Pipe;

#[test]
fn splicing_stops_at_an_urgent_byte() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let pipe = host.process.pipe(&[1 << 20]).unwrap();
    client.send(b"abc").unwrap();
    client.send_urgent(b'!').unwrap();
    assert_eq!(pipe.fill(&server), Ok(3));
    assert_eq!(pipe.read(&mut [0; 8]), Ok(3));
    assert_eq!(pipe.fill(&server), Err(Errno::AGAIN));
    client.shut_write().unwrap();
    assert_eq!(pipe.fill(&server), Ok(0), "as at the end");
    assert_eq!(server.receive(&mut [0; 8]), Ok(1));
    assert_eq!(pipe.read(&mut [0; 8]), Err(Errno::AGAIN));
}

#[test]
fn a_pipe_is_full_when_its_slots_are() {
    let host = Host::new(Conditions { fragment: 10..=10, ..Conditions::default() });
    let (client, server) = host.pair();
    let pipe = host.process.pipe(&[65_536]).unwrap();
    client.send(&[7; 1000]).unwrap();
    assert_eq!(pipe.fill(&server), Ok(160));
    assert_eq!(pipe.fill(&server), Err(Errno::AGAIN));
    assert_eq!(host.process.bytes_in_pipe(pipe.numbers()[0]), 160);
    assert_eq!(pipe.drain(&client, 15), Ok(15));
    assert_eq!(pipe.fill(&server), Ok(10), "a slot that holds a byte is not free");
}

#[test]
fn an_error_behind_the_first_send_of_a_splice_is_lost() {
    let conditions = Conditions {
        fragment: 1000..=1000,
        delay: 100..=100,
        arrivals_in_splices: 100,
        ..Conditions::default()
    };
    let host = Host::new(conditions);
    let (source, sink) = host.pair();
    let pipe = host.process.pipe(&[1 << 20]).unwrap();
    source.send(&vec![7; 100_000]).unwrap();
    host.pass(MILLI);
    assert_eq!(pipe.fill(&sink), Ok(100_000));
    let (client, server) = host.pair();
    client.reset();
    assert_eq!(pipe.drain(&server, 100_000), Ok(16_000), "16 slots a send");
    assert_eq!(server.take_error(), Ok(()));
    assert_eq!(server.receive(&mut [0; 9]), Ok(0));
    assert_eq!(pipe.drain(&server, 100_000), Err(Errno::PIPE));
}

#[test]
fn an_error_behind_spliced_bytes_is_left() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let pipe = host.process.pipe(&[1 << 20]).unwrap();
    client.send(b"abc").unwrap();
    client.reset();
    assert_eq!(pipe.fill(&server), Ok(3));
    assert_eq!(pipe.drain(&server, 3), Err(Errno::CONNRESET));
    assert_eq!(pipe.read(&mut [0; 8]), Ok(3));
}

/// `too_many_pipe_buffers_soft`
#[test]
fn pipes_beyond_the_limit_of_the_user_do_not_grow() {
    let host = Host::new(Conditions { pipe_pages: 300, ..Conditions::default() });
    let pipe = |sizes: &[usize]| host.process.pipe(sizes);
    let large = pipe(&[1 << 20, 65_536]).unwrap();
    let usual = pipe(&[1 << 20, 65_536]).unwrap();
    let other = pipe(&[1 << 20, 65_536]).unwrap();
    assert_eq!(pipe(&[1 << 20, 65_536]).unwrap_err(), PipeError::TooSmall);
    drop(other);
    let other = pipe(&[1 << 20, 65_536]).unwrap();
    drop((large, usual, other));
    assert_eq!(host.process.descriptors().len(), 1);
    let pipes: Vec<_> = (0..).map_while(|_| pipe(&[4096]).ok()).take(400).collect();
    assert_eq!(pipes.len(), 400, "two pages are always granted");
}

#[test]
fn a_refused_pipe_leaves_no_descriptor() {
    let host = Host::friendly();
    host.process.set_open_files(5);
    let error = host.process.pipe(&[65_536]).unwrap_err();
    assert_eq!(error, PipeError::Refused(Errno::MFILE));
    assert_eq!(host.process.descriptors(), [(3, "listener")]);
}
