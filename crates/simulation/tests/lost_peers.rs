//! Scripts in which the network or a host takes a peer away unnoticed, each of which once broke a rule.

/// The reset of a silent host is lost, and a session without time limits waits for its target for ever.
#[test]
fn seed_321684() {
    simulation::replay(
        "seed 321684 workers 1
         start f1 four:3 t0
         target 1 not-accepting
         reload f0 four:3 any:2 n1,t0 balance=round_robin passive=2/700/5000 max=3 connect=1000 idle=37 half=1 age=2000 user=30000 | f1 unix:0 n1 balance=round_robin passive=off
         166 connects unix:0
         166 client fins
         166 target resets
         target 1 silent
         reload f0 four:3 any:2 t0,n1 passive=1/50/3000 none-up=refuse | f1 unix:0 n1:max=4 balance=round_robin passive=off max=3 path=splice half=off user=1500",
    );
}

/// The FIN of a silent host is lost, and no segment shows that its kernel has given the connection up.
#[test]
fn seed_469258() {
    simulation::replay(
        "\
         seed 469258 workers 1\n\
         start f1 four:2 t3\n\
         reload f1 six:0 unix:1 t3 balance=round_robin none-up=refuse\n\
         13 connects six:0\n\
         16 connects unix:1\n\
         16 target fins\n\
         target 3 silent\n\
         conditions hostile\n\
         upgrade",
    );
}

/// The reset of a host that was unreachable before is lost when the host crashes.
#[test]
fn seed_552544() {
    simulation::replay(
        "\
         seed 552544 workers 1\n\
         start f2 unix:2 n0 path=copy half=off\n\
         8 connects unix:2\n\
         8 client sends 1\n\
         8 client closes\n\
         target 0 unreachable\n\
         8 target sends 1\n\
         target 0 dead\n\
         target 0 crashed",
    );
}

/// A target that is not accepted for five seconds loses what its client sent before a reset.
#[test]
fn seed_629789() {
    simulation::replay(
        "\
         seed 629789 workers 1\n\
         start f1 unix:0 t2\n\
         reload f0 four:0 four:2 t0,t1:weight=5 balance=first passive=off\n\
         target 0 not-accepting\n\
         129 connects four:2\n\
         129 client sends 253352\n\
         129 target sends 48084\n\
         129 client resets\n\
         pass 6298",
    );
}

/// A peer whose application pauses does not see that its kernel gives the connection up.
#[test]
fn seed_792634() {
    simulation::replay(
        "\
         seed 792634 workers 1\n\
         start f0 four:3 n0\n\
         reload f0 six:4 t3,n2 balance=first passive=1/50/3000\n\
         133 connects six:4\n\
         target 3 silent\n\
         133 target sends 1\n\
         133 target pauses\n\
         pass 1126012",
    );
}

/// The connection to an own listener is lost by a failed accept(2), and its end is taken for a FIN.
#[test]
fn seed_582379() {
    simulation::replay(
        "\
         seed 582379 workers 3\n\
         start f0 unix:2 u3\n\
         reload f0 any:4 n0 balance=round_robin passive=2/700/5000 none-up=refuse max=10 wait path=copy connect=50 idle=37 half=500 age=99 keepalive=60000 user=30000\n\
         resolver no-answer\n\
         33 connects four:4\n\
         34 connects six:4\n\
         35 connects six:4\n\
         reload f1 any:2 own1 balance=round_robin idle=37 half=1 keepalive=2000 user=30000\n\
         38 connects four:2\n\
         40 connects four:2\n\
         41 connects four:2\n\
         reload f1 four:4 unix:1 t1,u3,n2:max=1:backup passive=off\n\
         72 target fins\n\
         resolver late 16\n\
         files 1\n\
         72 target fins\n\
         conditions hostile\n\
         reload f0 any:1 u2,own1 balance=first passive=2/700/5000 none-up=refuse max=3 fin path=copy connect=50 idle=off half=500 keepalive=2000 user=1500",
    );
}

/// A session whose target has reset is in the run queue, and its timer is set at its next turn.
#[test]
fn seed_922097() {
    simulation::replay(
        "\
         seed 922097 workers 1\n\
         start f1 six:2 t3\n\
         reload f0 four:2 four:1 u1 balance=first passive=off | f1 any:0 u3,t3:max=4:backup balance=round_robin none-up=refuse max=3 path=copy connect=1000 idle=off age=2000 keepalive=2000 user=1500\n\
         target 1 not-accepting\n\
         67 connects four:1\n\
         67 client sends 1\n\
         67 target sends 2\n\
         67 target fins\n\
         67 client fins\n\
         68 connects four:1\n\
         69 connects four:0\n\
         68 client sends 245375\n\
         70 connects four:1\n\
         70 target fins\n\
         68 target sends 24930\n\
         70 client sends 263532\n\
         69 target sends 2\n\
         72 connects four:2\n\
         73 connects four:1\n\
         78 connects four:2\n\
         76 client sends 7895\n\
         78 client sends 49271\n\
         78 target vanishes\n\
         target 1 silent",
    );
}
