//! Publishers that are killed at each step: their instances end on one revision, and no session is cut.

use std::thread;
use std::time::Duration;

use fleet::{InstanceState, TextHash};
use testkit::{
    Behaviour, Etcd, Forwarder, HeldStore, Hold, Port, PublisherRequest as Request, Signal, Socket,
    Target, connect, wait_until,
};

use super::machines::{Machines, ROLLOUT, at, command, own_forward};
use crate::support::ping;

/// An instance falls back 10 s after the hold of 2 s; the rest is for a busy machine.
const BY_THEMSELVES: Duration = Duration::from_secs(20);

/// Where a publisher is killed.
#[derive(Clone, Copy, Debug)]
enum Step {
    Held(Hold),
    /// After this line.
    Line(&'static str),
}

/// How the rest is decided.
#[derive(Clone, Copy, Debug)]
enum Decision {
    Continue,
    Back,
}

/// Two instances with a stable text, and a session at each.
struct Scene<'a> {
    cluster: &'a Etcd,
    prefix: String,
    machines: Machines,
    new: Port,
    clients: Vec<Socket>,
    stable: String,
    more: String,
}

impl<'a> Scene<'a> {
    fn start(cluster: &'a Etcd, name: &str, target: &Target) -> Self {
        let prefix = format!("/{name}");
        let machines = Machines::start(cluster, &prefix, 2);
        let [old, new] = [Port::every_address(), Port::every_address()];
        let stable = own_forward("old", &old, target.addr());
        let more = stable.clone() + &own_forward("new", &new, target.addr());
        machines.publish(&stable);
        let clients = machines.clients(&old);
        Self { cluster, prefix, machines, new, clients, stable, more }
    }

    /// Publishes a text, first at `edge-1`, and kills the publisher.
    fn kill_at(&self, step: Step, text: &str) {
        let file = self.machines.file("killed.toml", text);
        let arguments = ["publish", &file, "--canary", "edge-1", "--hold", "2s"];
        let kill = |publisher: Forwarder| {
            publisher.signal(Signal::KILL);
            let exit = publisher.wait_exit(ROLLOUT);
            assert_eq!(exit.code(), None, "it ended before its step: {:?}", publisher.stdout());
        };
        match step {
            Step::Held(hold) => {
                let store = HeldStore::start(self.cluster, hold);
                let publisher = command(&store.url(&self.prefix), &arguments);
                store.wait_until_held();
                kill(publisher);
            }
            Step::Line(begin) => {
                let publisher = self.machines.begin(&arguments);
                wait_until(begin, ROLLOUT, || {
                    publisher.stdout().iter().any(|line| line.starts_with(begin))
                });
                kill(publisher);
            }
        }
    }

    /// All instances run one revision with this text, and no session was cut.
    #[track_caller]
    fn ends_with(&self, text: &str) {
        self.machines.wait_until_settled(text);
        self.clients.iter().for_each(ping);
        for number in self.machines.numbers() {
            let is_new = text == self.more;
            assert_eq!(connect(at(number, &self.new)).is_ok(), is_new, "edge-{number}");
        }
    }

    /// The instances end the trial of a killed publisher by themselves, and `rollout back` ends it for good.
    fn falls_back(&self, step: Step) {
        self.kill_at(step, &self.more);
        self.machines.wait_for(1, InstanceState::Trying);
        let stable = TextHash::of(&self.stable);
        self.machines.wait_for_each(BY_THEMSELVES, "the stable text", |it| it.runs == Some(stable));
        self.machines.wait_for(1, InstanceState::FellBack);
        assert!(connect(at(1, &self.new)).is_err());
        self.clients.iter().for_each(ping);
        self.machines.run(&["rollout", "back"], 0);
        self.ends_with(&self.stable);
    }

    /// Another command decides at once.
    fn is_decided(&self, step: Step, decision: Decision) {
        self.kill_at(step, &self.more);
        match decision {
            Decision::Continue => {
                self.machines.run(&["rollout", "continue"], 0);
                self.ends_with(&self.more);
            }
            Decision::Back => {
                self.machines.run(&["rollout", "back"], 0);
                self.ends_with(&self.stable);
            }
        }
    }
}

#[test]
fn a_trial_falls_back_or_is_decided_by_another_command() {
    let (cluster, target) = (Etcd::start(3), Target::start(Behaviour::Echo));
    let steps = [
        ("trial", Step::Held(Hold::After(Request::Current(1))), Decision::Continue),
        ("canary", Step::Line("edge-1 runs revision"), Decision::Back),
        ("before-all", Step::Held(Hold::Before(Request::Current(2))), Decision::Continue),
        ("all", Step::Line("edge-2 runs revision"), Decision::Back),
        ("before-stable", Step::Held(Hold::Before(Request::Current(3))), Decision::Continue),
    ];
    thread::scope(|scope| {
        for (name, step, decision) in steps {
            let (cluster, target) = (&cluster, &target);
            scope.spawn(move || {
                let scene = Scene::start(cluster, name, target);
                scene.falls_back(step);
                scene.is_decided(step, decision);
            });
        }
    });
}

#[test]
fn before_its_trial_and_after_its_decision_nothing_is_left_to_decide() {
    let (cluster, target) = (Etcd::start(3), Target::start(Behaviour::Echo));
    let scene = Scene::start(&cluster, "path", &target);
    let texts = || cluster.ctl(["get", "--prefix", "/path/text/", "--keys-only"]);
    // The texts are there, and nothing names them.
    let before = texts();
    let lost = scene.stable.clone() + "max_sessions = 100\n";
    scene.kill_at(Step::Held(Hold::Before(Request::Current(1))), &lost);
    let hash = TextHash::of(&lost).to_string();
    assert!(!before.contains(&hash) && texts().contains(&hash));
    scene.ends_with(&scene.stable);
    // Stable, and its answer was lost.
    scene.kill_at(Step::Held(Hold::After(Request::Current(3))), &scene.more);
    scene.ends_with(&scene.more);
    assert!(texts().contains(&hash));
    scene.machines.run(&["rollout", "back"], 0);
    scene.ends_with(&scene.stable);
    // Stable, and texts are left: the clean-up of a next command removes them.
    scene.kill_at(Step::Held(Hold::Before(Request::Current(1))), &lost);
    scene.kill_at(Step::Held(Hold::Before(Request::CleanUp)), &scene.more);
    scene.ends_with(&scene.more);
    assert!(texts().contains(&hash));
    scene.machines.run(&["rollout", "back"], 0);
    assert!(!texts().contains(&hash));
    scene.ends_with(&scene.stable);
}
