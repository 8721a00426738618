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

/// A client whose hello was awaited lost the targets of its forward: the listener had had routes only, and both were
/// gone at the upgrade.
#[test]
fn seed_916() {
    simulation::replay(
        "seed 916 workers 2
         start f1 four:2 own1 each=20 new=50 burst=1
         reload f1 six:3 - balance=source passive=off max=10 path=splice half=10000 stall=20000 keepalive=60000 share=9000 prefix=24 route=1>u3,t1:max=1 route=2>n1
         99 connects six:3 hello=1:0:30000:2
         reload f0 four:2 t0,t2:weight=5:send=off balance=round_robin passive=1/50/3000 path=splice connect=50 idle=30000 age=2000 stall=100 user=30000 share=9000 new=50 burst=3 prefix=31 exempt allow=2001:db8::/32,10.9.0.1,10.9.7.0/24 accept=127.0.0.0/8,::1+unix header=500 send=v2 | f1 four:4 t1,t3:weight=5:max=1:send=off,t0:weight=2:max=1:send=v1 none-up=refuse max=3 fin idle=off half=500 age=2000 stall=100 keepalive=60000 user=1500 down=64 share=9000 prefix=31 allow=127.0.3.0/31,10.9.7.0/24,127.0.3.0 deny=2001:db8::/32 | f2 six:3 nowhere3 balance=source passive=2/700/5000 none-up=refuse path=copy connect=1000 idle=37 half=1 age=60000 keepalive=2000 down=1024 each=2 prefix=24 exempt accept=127.0.0.0/8,::1+unix header=3000
         upgrade",
    );
}
