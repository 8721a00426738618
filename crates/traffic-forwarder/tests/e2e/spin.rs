//! `spin`: a worker that has just had work polls before it sleeps.

use std::thread;
use std::time::Duration;

use testkit::{Behaviour, LIMIT, Port, Socket, Target, wait_until};

use crate::support::{Config, Operated, ping, served_client};

const HITS: &str = "traffic_forwarder_spins_total{result=\"hit\"}";
const MISSES: &str = "traffic_forwarder_spins_total{result=\"miss\"}";

fn config(port: &Port, target: &Target, spin: &str) -> Config {
    let config = Config::new().process(&format!("workers = 1\nspin = '{spin}'"));
    config.forward(port.addr(), target.addr(), "name = 'f'")
}

impl Operated {
    fn spins(&self, metric: &str) -> u64 {
        self.metric(metric).parse().unwrap()
    }

    /// Exchanges bytes until a poll has found some of them.
    #[track_caller]
    fn exchange_until_a_hit(&self, client: &Socket) {
        let hits = self.spins(HITS);
        wait_until("a hit", LIMIT, || {
            ping(client);
            self.spins(HITS) > hits
        });
    }

    #[track_caller]
    fn wait_for_sleep(&self) {
        wait_until("sleep of all threads", LIMIT, || self.is_asleep());
    }
}

#[test]
fn a_busy_worker_polls_and_an_idle_one_takes_no_cpu() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(config(&port, &target, "10ms"));
    let client = served_client(&port);
    operated.exchange_until_a_hit(&client);
    operated.wait_for_sleep();
    let (misses, cpu) = (operated.spins(MISSES), operated.cpu_time());
    assert!(misses > 0, "each pause of a client is one");
    thread::sleep(Duration::from_secs(1));
    let used = operated.cpu_time().saturating_sub(cpu);
    // A worker that polls all the time takes all of the second.
    assert!(used < Duration::from_millis(200), "{used:?} without work");
    ping(&client);
}

#[test]
fn a_reload_turns_it_on_and_off_and_an_upgrade_keeps_it() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(config(&port, &target, "off"));
    let client = served_client(&port);
    for _ in 0..100 {
        ping(&client);
    }
    assert_eq!([operated.spins(HITS), operated.spins(MISSES)], [0, 0]);
    operated.reload(config(&port, &target, "10ms"));
    operated.exchange_until_a_hit(&client);
    operated.upgrade();
    operated.exchange_until_a_hit(&client);
    operated.reload(config(&port, &target, "off"));
    operated.wait_for_sleep();
    let spins = [HITS, MISSES].map(|metric| operated.spins(metric));
    for _ in 0..100 {
        ping(&client);
    }
    assert_eq!([HITS, MISSES].map(|metric| operated.spins(metric)), spins);
}
