//! Histories with lists, PROXY headers and routes that once broke a rule.

/// A target that moves from `to` to a route in one reload keeps its state.
#[test]
fn seed_241() {
    simulation::replay(
        "seed 241 workers 1
         start f1 any:0 t0 path=copy connect=1000 idle=off half=500 age=99 keepalive=2000 share=9000 new=50
         4 connects four:0
         86 target closes
         reload f0 any:1 four:4 n1:max=4 balance=source passive=1/50/3000 new=2 prefix=24 allow=10.9.0.1,10.9.0.0/16,2001:db8::1 deny=2001:db8::/32,127.0.3.2,::/0,::1 | f1 any:0 t3 balance=first passive=1/50/3000 none-up=refuse path=copy connect=1000 idle=off half=500 age=99 keepalive=2000 share=9000 new=50 allow=0.0.0.0/0 deny=10.9.0.1,::1 send=v1 route=0>n2 route=1>t0,own2,t2",
    );
}

/// An upgrade meets a session that awaits a header, and has a claim to a place in a target.
#[test]
fn seed_96() {
    simulation::replay(
        "seed 96 workers 1
         start f1 four:2 n1:weight=2:max=1 max=10 wait path=splice connect=1000 idle=off half=off keepalive=2000 user=30000 share=9000 prefix=31 accept=127.0.0.0/8,::1+unix header=3000
         0 connects four:2
         upgrade",
    );
}

/// A session that awaits its header is restored before one that holds the only place of the target.
#[test]
fn seed_892() {
    simulation::replay(
        "seed 892 workers 2
         start f0 any:2 t2:weight=5:max=1 share=1000 new=50 burst=3 accept=127.0.0.0/8,::1+unix header=500
         40 connects four:2 header=unix:4:fine:20
         40 client opens
         55 connects four:2 header=v1:4:fine:0
         55 client opens
         upgrade",
    );
}
