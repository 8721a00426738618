//! Slow start: a target that joins others begins with a small share of the sessions.

use testkit::{Addr, Behaviour, Port, Target};

use crate::support::{Config, Operated, served_client};

#[test]
fn a_target_that_a_reload_adds_begins_with_a_small_share() {
    let (targets, port) = ([(); 2].map(|()| Target::start(Behaviour::Echo)), Port::v4());
    let addresses: [Addr; 2] = targets.each_ref().map(Into::into);
    let config = |count: usize, slow_start: &str| {
        let settings = format!("balance = 'round_robin'\nslow_start = '{slow_start}'");
        Config::new().forward_to_several(port.addr(), &addresses[..count], settings)
    };
    let operated = Operated::start(config(1, "1h"));
    operated.reload(config(2, "1h"));
    for _ in 0..44 {
        served_client(&port);
    }
    // A tenth of the weight of the other one: 4 of 44.
    let added = targets[1].accepted();
    assert!((1..=8).contains(&added), "{added}");
    operated.reload(config(2, "off"));
    for _ in 0..44 {
        served_client(&port);
    }
    let more = targets[1].accepted() - added;
    assert!((18..=26).contains(&more), "{more}");
}
