//! The status of an instance in the store, when its lease or its key is lost.

use fleet::InstanceState;
use tempfile::TempDir;
use testkit::{Behaviour, Port, Target, wait_until};

use super::fixture::{Fleet, NAME, PREFIX, READ, forward};

#[test]
fn a_status_whose_lease_or_key_is_gone_is_written_again() {
    let fleet = Fleet::start();
    let instance = fleet.instance();
    let text = forward("web", &Port::v4(), Port::v4().addr());
    fleet.records.publish(1, Some(&text), None);
    fleet.wait_for(1, InstanceState::Stable);
    let leases = fleet.cluster.ctl(["lease", "list"]);
    let lease = leases.lines().last().expect("the lease of the instance").trim();
    fleet.cluster.ctl(["lease", "revoke", lease]);
    fleet.records.publish(2, Some(&text), None);
    fleet.wait_for(2, InstanceState::Stable);
    let key = format!("{PREFIX}/instances/{NAME}");
    assert_eq!(fleet.cluster.ctl(["del", &key]).trim(), "1");
    fleet.wait_for(2, InstanceState::Stable);
    assert_eq!(instance.forwarder.count_lines(|line| line.contains("has the name of this one")), 0);
}

#[test]
fn two_instances_with_one_name_both_say_so() {
    let (fleet, listen) = (Fleet::start(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let first = fleet.instance();
    fleet.records.publish(1, Some(&forward("web", &listen, target.addr().tcp())), None);
    fleet.wait_for(1, InstanceState::Stable);
    let other = TempDir::new().unwrap();
    // It is refused the port of the first.
    let second = fleet.instance_in(other.path());
    for (instance, which) in [(&first, "first"), (&second, "second")] {
        wait_until(&format!("the {which} one to say so"), 2 * READ, || {
            let lines = instance.forwarder.count_lines(|line| {
                line.contains("another instance of the fleet has the name of this one")
            });
            assert!(lines <= 1);
            lines == 1
                && attention(instance).contains("another instance of the fleet has this name")
        });
    }
}

fn attention(instance: &super::fixture::Running) -> String {
    instance.http.get("/v1/status").status(200).json()["attention"].to_string()
}
