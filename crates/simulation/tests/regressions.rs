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

/// A session's target has left the set in a reload, while it is down: it must still be down after an upgrade.
#[test]
fn seed_31106() {
    simulation::replay(
        "seed 31106 workers 1
         start f0 four:4 n1
         target 3 dead
         reload f0 four:1 six:2 t3 balance=source max=10 idle=1000 half=500 age=2000 keepalive=2000 user=30000 | f1 six:0 t2 balance=first passive=off none-up=refuse max=1 wait fin path=copy connect=1000 idle=37 half=off age=99 keepalive=60000 user=30000 | f2 four:4 t2,t3:max=1 balance=source passive=1/50/3000 max=10 fin half=10000 keepalive=60000
         92 connects four:4
         reload f1 any:4 n1:max=1 balance=first passive=off | f2 four:1 t3:max=4 balance=round_robin passive=off
         target 3 silent
         100 connects four:1
         reload f0 any:0 own0 balance=source passive=1/50/3000 max=3 wait idle=37 half=1 keepalive=60000 | f1 unix:3 six:1 u2 balance=source passive=off wait path=splice idle=37 half=10000 age=99 keepalive=60000 user=1500 | f2 six:4 unix:2 t2 balance=round_robin passive=off fin path=copy connect=50 idle=1000 half=500 age=2000
         upgrade",
    );
}

/// The target's host is silent when the client resets. The engine gives up what the target does not take.
#[test]
fn seed_32757() {
    simulation::replay(
        "seed 32757 workers 1
         start f2 six:3 n1
         50 connects six:3
         49 target sends 9
         50 client sends 446596
         53 client sends 1
         target 1 silent
         50 client resets
         pass 9780",
    );
}

/// The second of two targets is down when the first is silent, and comes back before the client's time is up.
#[test]
fn seed_37331() {
    simulation::replay(
        "seed 37331 workers 1
         start f2 unix:1 t1,n1 balance=round_robin passive=1/50/3000 none-up=refuse
         target 0 silent
         target 1 silent
         24 connects unix:1
         pass 6911
         28 connects unix:1
         31 connects unix:1
         pass 265
         target 0 up
         pass 6275",
    );
}

/// A restored session whose listener was removed has one target, whose trial is not counted.
#[test]
fn seed_37332() {
    simulation::replay(
        "seed 37332 workers 1
         start f1 four:1 t3
         resolver late 1800
         reload f0 any:0 n0,t2,u0:weight=2:max=4:backup,t1:weight=2 none-up=refuse max=1 fin connect=1000 idle=1000 half=off age=2000 | f1 four:1 own1,t3:weight=2 balance=source passive=1/50/3000 max=10 wait path=copy idle=off half=off keepalive=2000 user=30000
         54 connects four:1
         target 3 dead
         pass 54
         pass 996
         reload f0 any:0 n0,t2,u0:weight=2:max=4:backup,t1:weight=2 none-up=refuse max=1 fin connect=1000 idle=1000 half=off age=2000 | f1 six:1 own1,t3:weight=2 balance=first passive=1/50/3000 max=10 wait path=copy idle=off half=off keepalive=2000 user=30000
         upgrade",
    );
}

/// A target is connected in the turn in which the operator kills the session.
#[test]
fn seed_37911() {
    simulation::replay(
        "seed 37911 workers 2
         start f0 any:1 four:2 t3
         0 connects four:2
         conditions hostile
         reload f1 any:0 u0,t3 balance=source max=10 path=copy connect=1000 idle=1000 half=off user=1500
         target 3 closed
         76 connects four:0
         76 client fins
         76 target fins
         77 connects six:0
         78 connects four:0
         79 connects six:0
         79 client sends 6
         79 target sends 1
         79 client fins
         conditions mixed
         77 client marks
         kill 77
         pass 19",
    );
}

/// A segment arrives within a splice(2): the clock moves in the middle of a turn.
#[test]
fn seed_41328() {
    simulation::replay(
        "seed 41328 workers 2
         start f2 four:3 t1
         target 3 not-accepting
         reload f1 four:3 t0,t3:weight=5,n2:weight=2:max=1 passive=2/700/5000 wait connect=50 idle=30000 half=1 keepalive=2000 user=30000
         13 connects four:3
         15 connects four:3
         15 client sends 3097
         16 connects four:3
         reload f1 four:1 t1:backup balance=round_robin none-up=refuse max=1 half=off age=2000 keepalive=60000 user=1500 | f2 any:3 u2:backup,n1:weight=2:max=4 balance=source passive=off none-up=refuse
         60 connects four:3
         target 1 silent
         conditions mixed
         reload f1 four:2 u3,n2,t0,t1:weight=2:max=4 passive=2/700/5000 path=splice connect=50 idle=37 keepalive=60000 user=30000 | f2 four:1 u0 balance=round_robin passive=off wait connect=1000 idle=30000 half=off age=2000 keepalive=60000
         117 client sends 1
         118 connects four:2
         reload f1 four:2 u3,n2,t0,t1:weight=2:max=4 passive=2/700/5000 path=splice connect=50 idle=37 keepalive=60000 user=30000
         120 client sends 5
         conditions rough
         121 connects four:2
         121 client sends 396",
    );
}

/// Both ends of a session have finished when its target connects: the connection lives for one turn. The host of an
/// earlier attempt accepts later.
#[test]
fn seed_42084() {
    simulation::replay(
        "seed 42084 workers 1
         start f1 six:4 n1,t3:max=4 balance=source passive=2/700/5000
         59 connects six:4
         upgrade
         65 connects six:4
         67 connects six:4
         68 connects six:4
         target 0 not-accepting
         target 1 closed
         89 connects six:4
         89 client sends 2
         159 connects six:4
         159 client fins
         159 target fins
         upgrade
         pass 1",
    );
}

/// A backup may not serve while another target is full, and may once that one is down.
#[test]
fn seed_45533() {
    simulation::replay(
        "seed 45533 workers 1
         start f1 six:4 n1,t0,t3:backup,t2:max=4
         target 2 silent
         4 client vanishes
         6 connects six:4
         resolver times-out
         target 0 silent
         22 connects six:4
         23 connects six:4
         24 connects six:4
         24 client fins
         27 connects six:4
         files 3
         pass 2244
         pass 623
         39 connects six:4
         kill 38
         37 target sends 1160",
    );
}

/// A connection of the process reaches one of its listeners that was bound after the SYN: two sessions of the engine
/// pass the bytes on.
#[test]
fn seed_61192() {
    simulation::replay(
        "seed 61192 workers 1
         start f0 four:1 t3
         conditions rough
         resolver no-answer
         reload f0 four:0 nowhere3 | f1 four:4 t1,own3:max=4 passive=2/700/5000 none-up=refuse max=1 path=splice connect=1000 half=10000 keepalive=2000 user=1500 | f2 six:2 u1,t1:weight=5:max=1 balance=round_robin passive=off max=3 path=copy connect=1000 idle=1000 half=500 age=99 keepalive=60000 user=30000 | f3 four:3 t0 balance=first passive=2/700/5000 max=10 wait path=copy idle=1000 half=off keepalive=60000
         51 connects four:4
         51 target sends 1
         54 connects four:3
         reload f0 six:3 t0,t2,t3:weight=5,n1 balance=source passive=off
         54 client sends 62
         resolver prompt
         upgrade
         reload f0 four:4 t1,t2:max=1 fin path=copy idle=37 half=10000 keepalive=60000 user=1500 | f1 six:1 n2 passive=2/700/5000 max=1 path=copy connect=1000 idle=1000 half=500 age=2000 | f2 four:0 t2 balance=source passive=2/700/5000 | f3 four:3 six:2 t3,t0,t2:weight=2:backup,u0:max=1 balance=source none-up=refuse wait path=copy idle=1000 age=60000 keepalive=2000 user=30000",
    );
}

/// Of two sessions of the engine in a row, only that with the client is the one of the script: the idle time of the
/// other one is its own.
#[test]
fn seed_512478() {
    simulation::replay(
        "seed 512478 workers 1
         start f1 four:1 u0
         conditions mixed
         reload f0 four:0 own1 balance=source none-up=refuse
         134 connects four:0
         135 connects four:0
         130 target fins
         reload f0 four:4 n1 balance=first passive=1/50/3000 max=10 fin connect=50 idle=37 half=10000 keepalive=2000 | f1 any:3 four:1 t3,n2:weight=5:backup balance=round_robin max=10 path=splice connect=1000 idle=30000 half=1 age=99 keepalive=60000 user=30000",
    );
}

/// The time for which a client waits for a place is not one in which it would try further targets.
#[test]
fn seed_76216() {
    simulation::replay(
        "seed 76216 workers 1
         start f1 any:4 four:2 n2:max=1,t0:weight=2:backup,t2 wait fin path=copy idle=30000 half=500 keepalive=60000 user=1500
         resolver no-answer
         pass 3205
         6 connects four:2
         6 target sends 3906
         conditions hostile
         files 1
         11 connects four:4
         12 connects four:2
         pass 834
         pass 1789",
    );
}

/// A client whose first question is for the error of its socket learns of the reset, and reads nothing.
#[test]
fn seed_89421() {
    simulation::replay(
        "seed 89421 workers 1
         start f1 four:2 t1
         40 connects four:2
         40 target sends 31
         40 client fins
         40 target resets",
    );
}

/// A target whose kernel gave its FIN up, while no segment passed, is lost to a session without time limits.
#[test]
fn seed_86325() {
    simulation::replay(
        "seed 86325 workers 1
         start f1 any:1 u1
         target 3 not-accepting
         reload f1 unix:1 any:4 n0:weight=2 passive=1/50/3000 max=1 path=copy connect=50 half=1 age=2000 keepalive=2000 user=30000 | f2 four:3 any:0 t3,t1:max=1 balance=round_robin passive=1/50/3000 none-up=refuse fin path=splice idle=off half=off user=30000
         27 connects four:3
         27 client fins
         27 target fins
         target 3 silent
         pass 1595008",
    );
}

/// A failed send(2) to a Unix client loses what a broken target has sent before.
#[test]
fn seed_194148() {
    simulation::replay(
        "seed 194148 workers 1
         start f1 unix:1 t0,u3 balance=first passive=2/700/5000 none-up=refuse
         conditions hostile
         8 connects unix:1
         8 client sends 72130
         8 target sends 466192
         target 0 closed
         4 client sends 7
         9 connects unix:1
         9 client sends 28830
         9 target fins
         8 target resets
         11 client sends 19499
         11 client fins
         pass 4",
    );
}

/// A removed forward was forgotten while a worker still took its clients: an upgrade lost them.
#[test]
fn seed_210967() {
    simulation::replay(
        "seed 210967 workers 1
         start f0 four:3 t1
         reload f0 any:1 n0 balance=round_robin passive=off | f1 four:2 unix:3 t0 max=3 path=splice connect=1000 half=off keepalive=2000 user=1500 | f2 any:0 any:4 t2,u2 passive=1/50/3000 max=1 wait path=splice connect=1000 idle=1000 half=500 user=1500
         8 connects four:2
         reload f0 any:1 n0 balance=round_robin passive=off | f2 any:0 any:4 t2,u2:backup passive=1/50/3000 max=1 wait path=splice connect=1000 idle=1000 half=500 user=1500
         tidy 3185
         upgrade",
    );
}

/// A client that waited in the queue of a listener keeps the user timeout of the forward that had it then.
#[test]
fn seed_861098() {
    simulation::replay(
        "\
         seed 861098 workers 1\n\
         start f2 six:3 t2 max=1 wait connect=1000 idle=1000 half=off age=2000 keepalive=2000 user=1500\n\
         0 connects six:3\n\
         5 connects six:3\n\
         5 target sends 235319\n\
         5 client pauses\n\
         reload f1 six:3 t1,n0:weight=2:max=4,t2:weight=2,t3:weight=5 balance=round_robin passive=off none-up=refuse half=500 age=2000\n\
         pass 1768",
    );
}
