//! The cost of calls.

use super::*;
use std::time::Instant;

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
        let (begin, calls) = (Instant::now(), host.sim.calls());
        for (client, server) in (0..2000).flat_map(|_| &pairs) {
            client.send(&bytes).unwrap();
            Epoll::<Process>::wait(&epoll, &mut events, None).unwrap();
            server.receive(&mut buffer).unwrap();
            let _ = server.receive(&mut buffer);
        }
        let calls = host.sim.calls() - calls;
        let each = begin.elapsed().as_nanos() / u128::from(calls);
        println!("{size} bytes: {each} ns a call");
    }
    let begin = Instant::now();
    for _ in 0..20_000 {
        let client = host.connect();
        drop(host.listener.accept().unwrap());
        drop(client);
    }
    println!("connect, accept, close: {} ns", begin.elapsed().as_nanos() / 20_000);
}
