//! Processes and descriptors.

use super::*;
use flow::SocketRights;
use std::path::Path;
use sys::kernel::{Descriptor, Pipe};

#[test]
fn an_exec_keeps_marked_descriptors_and_closes_the_others() {
    let process = Sim::new(1, Conditions::default()).process(100);
    let kept = process.epoll().unwrap();
    let closed = process.waker().unwrap();
    kept.keep_over_exec().unwrap();
    let number = kept.number();
    let image = process.exec();
    assert_eq!(kept.keep_over_exec(), Err(Errno::BADF), "a handle of the former image");
    drop((kept, closed));
    assert_eq!(image.descriptors(), [(number, "epoll")]);
    let claimed = image.claim_epoll(number).unwrap();
    assert_eq!(image.claim_epoll(number).unwrap_err(), Errno::BADF);
    drop(claimed);
    assert_eq!(image.descriptors(), []);
}

#[test]
fn a_connection_survives_an_exec_with_its_bytes_and_registration() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let other = host.sim.process(100);
    let (socket, _) = other.connect_tcp(host.address).unwrap();
    let accepted = host.listener.accept().unwrap().0;
    let epoll = other.epoll().unwrap();
    epoll.add_connection(&socket, 4).unwrap();
    let pipe = other.pipe(&[65_536]).unwrap();
    accepted.send(b"abc").unwrap();
    assert_eq!(pipe.fill(&socket), Ok(3));
    accepted.send(b"de").unwrap();
    socket.keep_over_exec().unwrap();
    epoll.keep_over_exec().unwrap();
    pipe.keep_over_exec().unwrap();
    let (socket, epoll, [read, write]) = (socket.number(), epoll.number(), pipe.numbers());
    let image = other.exec();
    let epoll = Poller { epoll: image.claim_epoll(epoll).unwrap(), process: &image };
    assert_eq!(epoll.wait(), [4]);
    assert_eq!(image.claim_socket(socket).unwrap().receive(&mut [0; 9]), Ok(2));
    let pipe = image.claim_pipe(read, write).unwrap();
    assert_eq!(pipe.read(&mut [0; 9]), Ok(3));
    drop((client, server));
}

#[test]
fn numbers_are_the_lowest_free_ones_below_the_limit() {
    let process = Sim::new(1, Conditions::default()).process(6);
    let [first, second, third] = [(); 3].map(|()| process.waker().unwrap());
    assert_eq!(process.waker().unwrap_err(), Errno::MFILE);
    drop(second);
    let pipe = process.pipe(&[65_536]).unwrap_err();
    assert_eq!(pipe, sys::PipeError::Refused(Errno::MFILE));
    process.set_open_files(5);
    assert_eq!(process.epoll().unwrap().number(), 4);
    process.set_open_files(3);
    assert_eq!(process.waker().unwrap_err(), Errno::MFILE);
    drop((first, third));
    assert_eq!(process.descriptors(), []);
}

#[test]
fn the_files_of_all_processes_are_limited() {
    let sim = Sim::new(1, Conditions { open_files: 3, ..Conditions::default() });
    let [one, other] = [(); 2].map(|()| sim.process(100));
    let _pipe = one.pipe(&[65_536]).unwrap();
    let waker = other.waker().unwrap();
    assert_eq!(one.waker().unwrap_err(), Errno::NFILE);
    drop(waker);
    assert!(one.waker().is_ok());
}

/// accept(2) needs a number before it looks at the queue.
#[test]
fn accept_without_a_free_number_leaves_the_connection() {
    let host = Host::friendly();
    host.process.set_open_files(4);
    assert_eq!(host.listener.accept().unwrap_err(), Errno::MFILE);
    host.process.set_open_files(100);
    let _client = host.connect();
    host.process.set_open_files(5);
    assert_eq!(host.listener.accept().unwrap_err(), Errno::MFILE);
    host.process.set_open_files(100);
    assert!(host.listener.accept().is_ok());
}

#[test]
fn the_former_image_removes_no_file() {
    let process = Sim::new(1, Conditions::default()).process(100);
    let path = Path::new("/socket");
    let listener = process.listen_unix(path, &SocketRights::AUTO).unwrap();
    let file = process.file_at(path);
    assert!(file.is_some() && process.is_socket_file(path));
    listener.keep_over_exec().unwrap();
    let image = process.exec();
    process.remove_file(path);
    assert_eq!(image.file_at(path), file);
    image.remove_file(path);
    assert_eq!(image.file_at(path), None);
}

#[test]
fn a_wait_for_a_message_runs_the_others() {
    let process = Sim::new(1, Conditions::default()).process(100);
    let (sender, messages) = std::sync::mpsc::channel();
    let mut steps = 0;
    process.on_wait(move || {
        steps += 1;
        if steps == 3 {
            sender.send(steps).unwrap();
        }
        steps < 5
    });
    assert_eq!(process.wait_for(&messages, SECOND), Some(3));
    assert_eq!(process.wait_for(&messages, SECOND), None, "nothing can happen any more");
}
