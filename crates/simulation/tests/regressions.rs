//! Histories that once broke a rule, as short as they could be made.

/// The next process image fails to watch the first worker's waker, tries again, and must not take the epoll
/// instance of the second worker.
#[test]
fn seed_435() {
    simulation::replay(
        "seed 435 workers 2
         start f1 four:4 u2
         1 target sends 1
         2 connects four:4
         2 target marks
         conditions hostile
         upgrade",
    );
}

/// A client is between SYN-ACK and the end of the handshake when its listener is removed.
#[test]
fn seed_26() {
    simulation::replay(
        "seed 26 workers 1
         start f0 four:3 t1
         reload f0 six:2 t1 max=3 wait path=splice idle=off half=off age=99
         conditions rough
         40 connects six:2
         reload f1 any:2 t2 max=10 path=copy connect=50 idle=37 age=60000 keepalive=2000",
    );
}

/// A target's host crashes with the second connection of a session in its accept queue: an upgrade had cut
/// off the first attempt.
#[test]
fn seed_15751() {
    simulation::replay(
        "seed 15751 workers 2
         start f0 six:4 n2
         reload f0 any:4 six:0 t2 wait path=splice half=500 age=2000 keepalive=60000
         126 connects six:0
         126 target sends 2
         128 connects six:4
         upgrade
         target 2 crashed",
    );
}

/// The set has no target for a client of a silent one: the last one is full. When the silent one has failed, that
/// one has room, and must be tried.
#[test]
fn seed_1656() {
    simulation::replay(
        "seed 1656 workers 2
         start f0 four:2 t2 | f1 four:3 any:4 own2,t2:max=1:backup,u0:backup fin connect=1000 idle=off age=60000 keepalive=2000 | f2 four:1 n2,t3,t1 max=3 path=splice connect=1000 idle=1000 half=1 age=2000 keepalive=2000
         1 connects four:1
         1 target fins
         pass 235
         resolver no-answer
         pass 334
         pass 1016
         pass 17630
         files 1
         19 connects four:4
         22 connects four:4
         22 client fins
         23 connects four:2
         24 connects four:1",
    );
}
