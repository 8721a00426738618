//! Roll-outs over several instances.

use std::net::TcpListener;

use fleet::InstanceState;
use testkit::{Behaviour, Etcd, Port, Signal, Target, connect, wait_for, wait_until};

use super::machines::{Machines, ROLLOUT, at, name, own_forward};
use crate::support::{ping, served_client};

/// Three instances with a stable text and a session at each.
struct Stable {
    machines: Machines,
    target: Target,
    old: Port,
    text: String,
    clients: Vec<testkit::Socket>,
    _cluster: Etcd,
}

impl Stable {
    fn start() -> Self {
        let cluster = Etcd::start(3);
        let machines = Machines::start(&cluster, "/several", 3);
        let (old, target) = (Port::every_address(), Target::start(Behaviour::Echo));
        let text = own_forward("old", &old, target.addr());
        machines.publish(&text);
        let clients = machines.clients(&old);
        Self { machines, target, old, text, clients, _cluster: cluster }
    }

    /// The stable text and one forward more.
    fn more(&self, port: &Port) -> String {
        self.text.clone() + &own_forward("new", port, self.target.addr())
    }

    /// All instances run one revision with this text, and no session was cut.
    #[track_caller]
    fn ends_with(&self, text: &str) {
        self.machines.wait_until_settled(text);
        self.clients.iter().for_each(ping);
        self.machines.clients(&self.old);
        for number in self.machines.numbers() {
            self.machines.instance(number).http.get("/readyz").status(200);
        }
    }
}

#[test]
fn a_canary_is_followed_by_all_and_ends_stable_on_one_revision() {
    let stable = Stable::start();
    let (machines, new) = (&stable.machines, Port::every_address());
    let more = stable.more(&new);
    let file = machines.file("more.toml", &more);
    let publisher = machines.begin(&["publish", &file, "--canary", "edge-2", "--hold", "2s"]);
    machines.wait_for(2, InstanceState::Trying);
    served_client(at(2, &new));
    for number in [1, 3] {
        assert!(connect(at(number, &new)).is_err(), "{} tries it, too", name(number));
    }
    assert_eq!(publisher.wait_exit(ROLLOUT).code(), Some(0), "{:?}", publisher.stderr());
    let lines = publisher.stdout();
    let index = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{lines:?}"))
    };
    let steps = ["on edge-2 (1 of 3 instances)", "edge-2 runs revision", "1 instance has run"];
    let steps = [&steps[..], &["on all 3 live instances", "3 instances have run", "is stable"]];
    let steps: Vec<_> = steps.concat().into_iter().map(index).collect();
    assert!(steps.is_sorted(), "{lines:?}");
    stable.ends_with(&more);
    machines.clients(&new);
}

#[test]
fn a_port_that_is_taken_at_one_instance_takes_the_text_back_at_all() {
    let stable = Stable::start();
    let (machines, new) = (&stable.machines, Port::every_address());
    let _taken = TcpListener::bind(at(3, &new)).unwrap();
    let file = machines.file("more.toml", &stable.more(&new));
    let lines = machines.run(&["publish", &file, "--hold", "20s"], 1);
    assert!(lines.contains("goes back: edge-3 refused it: "), "{lines}");
    assert!(lines.contains(&at(3, &new).to_string()), "{lines}");
    stable.ends_with(&stable.text);
    assert!(connect(at(1, &new)).is_err() && connect(at(2, &new)).is_err());
}

#[test]
fn an_instance_that_is_killed_during_a_trial_takes_the_text_back_at_all() {
    let mut stable = Stable::start();
    let new = Port::every_address();
    let file = stable.machines.file("more.toml", &stable.more(&new));
    let publisher = stable.machines.begin(&["publish", &file, "--hold", "40s"]);
    stable.machines.numbers().for_each(|number| {
        stable.machines.wait_for(number, InstanceState::Trying);
    });
    stable.machines.kill(2);
    drop(stable.clients.remove(1));
    stable.machines.start_again(2);
    assert_eq!(publisher.wait_exit(ROLLOUT).code(), Some(1), "{:?}", publisher.stdout());
    let lines = publisher.stderr().join("\n");
    assert!(lines.contains("edge-2") && lines.contains("restarted during the trial"), "{lines}");
    stable.ends_with(&stable.text);
}

#[test]
fn one_of_two_publishers_at_once_wins_and_the_other_one_names_it() {
    let stable = Stable::start();
    let machines = &stable.machines;
    let texts = [100, 200].map(|it| format!("{}max_sessions = {it}\n", stable.text));
    let publishers: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let file = machines.file(&format!("{number}.toml"), text);
            machines.begin(&["publish", &file, "--hold", "1h", "--note", &format!("n{number}")])
        })
        .collect();
    let has_lost =
        |it: &testkit::Forwarder| it.stderr().iter().any(|line| line.starts_with("error: "));
    let loser = wait_for("one to lose", ROLLOUT, || publishers.iter().position(has_lost));
    assert_eq!(publishers[loser].wait_exit(ROLLOUT).code(), Some(1));
    let current = machines.records.current().unwrap();
    assert_eq!(current.note, format!("n{}", 1 - loser));
    let lines = publishers[loser].stderr().join("\n");
    assert!(lines.contains(&format!("revision {}", current.revision)), "{lines}");
    // The winner's trial goes on, and is decided as any other.
    let winner = &publishers[1 - loser];
    wait_until("the winner's trial", ROLLOUT, || {
        winner.stdout().iter().any(|line| line.contains("is on trial on all 3"))
    });
    winner.signal(Signal::INT);
    assert_eq!(winner.wait_exit(ROLLOUT).code(), Some(1), "{:?}", winner.stderr());
    machines.run(&["rollout", "back"], 0);
    stable.ends_with(&stable.text);
}
