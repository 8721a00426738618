//! The cost of calls.

use super::*;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time of this thread per unit of work.
fn cost(work: impl FnOnce() -> u64) -> u64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap()
    };
    let begin = now();
    let count = work();
    (now() - begin) / count
}

#[test]
#[ignore = "prints figures"]
fn speed() {
    let host = Host::friendly();
    let epoll = host.process.epoll().unwrap();
    let pairs: Vec<_> = (0..100).map(|_| host.pair()).collect();
    for (token, (_, server)) in (0..).zip(&pairs) {
        epoll.add_connection(server, token).unwrap();
    }
    let mut events = <SimEpoll as Epoll<Process>>::events(8);
    for size in [10, 1000, 60_000] {
        let (bytes, mut buffer) = (vec![7; size], vec![0; size]);
        let exchange = || {
            let calls = host.sim.calls();
            for (client, server) in (0..2000).flat_map(|_| &pairs) {
                client.send(&bytes).unwrap();
                Epoll::<Process>::wait(&epoll, &mut events, None).unwrap();
                server.receive(&mut buffer).unwrap();
                let _ = server.receive(&mut buffer);
            }
            host.sim.calls() - calls
        };
        println!("{size} bytes: {} ns a call", cost(exchange));
    }
    let connections = || {
        for _ in 0..20_000 {
            let client = host.connect();
            drop(host.listener.accept().unwrap());
            drop(client);
        }
        20_000
    };
    println!("connect, accept, close: {} ns", cost(connections));
}
