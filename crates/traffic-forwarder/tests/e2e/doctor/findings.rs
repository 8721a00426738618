//! Findings of single checks, on this host and on hosts with low limits.

use std::fs;

use doctor::Check;
use tempfile::TempDir;
use testkit::{Behaviour, Forwarder, LIMIT, Port, Target, Tool, wait_until};

use super::{Examined, to_closed_port};
use crate::support::{BINARY, Config, forwarder, in_network_namespace, test_name, with_hosts};

#[test]
fn too_few_files_for_the_configuration_are_fatal() {
    let (_nobody, config) = to_closed_port();
    let examined = Examined::by(forwarder().open_files(64), &config);
    examined.assert_verdict(Check::OpenFiles, "fail");
    examined.assert_overall("fail");
    assert_eq!(examined.report["sessions"], 0);
    let served = forwarder().open_files(64).config(config.text()).run();
    assert_eq!(served.status.code(), Some(2), "it is true: {served}");
}

#[test]
fn a_refusing_target_is_a_warning_and_can_be_excluded() {
    let (closed, config) = to_closed_port();
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Connections, "warn");
    examined.assert_overall("warn");
    let detail = &examined.finding(Check::Connections)["details"][0];
    assert_eq!(detail["of"], closed.addr().to_string());
    assert!(detail["found"].as_str().unwrap().contains("refused"), "{detail}");
    Examined::by_looking(forwarder(), &config).assert_verdict(Check::Connections, "ok");
}

#[test]
fn an_answering_target_passes() {
    let target = Target::start(Behaviour::Echo);
    let config = Config::new().forward(Port::v4().addr(), target.addr(), "");
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Connections, "ok");
    assert!(examined.finding(Check::Connections)["details"][0]["seconds"].as_f64() > Some(0.0));
    wait_until("its connection", LIMIT, || target.accepted() == 1);
}

#[test]
fn an_unresolvable_name_is_fatal() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("hosts"), "127.0.0.1 known.test\n").unwrap();
    let port = Port::v4();
    let config = |to: &str| Config::new().forward(port.addr(), format!("{to}:9"), "");
    let known = Examined::by(with_hosts(dir.path()), &config("known.test"));
    known.assert_verdict(Check::Names, "ok");
    let unknown = Examined::by(with_hosts(dir.path()), &config("unknown.test"));
    unknown.assert_verdict(Check::Names, "fail");
    unknown.assert_overall("fail");
    assert_eq!(unknown.finding(Check::Names)["details"][0]["of"], "unknown.test:9");
}

#[test]
fn unusable_directories_are_fatal() {
    let (_nobody, config) = to_closed_port();
    let config = config.log("file = '/no/such/directory/log'");
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Directories, "fail");
    let of = &examined.finding(Check::Directories)["details"][0]["of"];
    assert_eq!(of, "/no/such/directory");
}

#[test]
fn a_low_port_without_the_capability_is_fatal() {
    in_network_namespace(test_name!(a_low_port_without_the_capability_is_fatal), "true", || {
        let (_nobody, config) = to_closed_port();
        let config = config.forward("127.0.0.1:81", "127.0.0.1:9", "name = 'low'");
        let capable = Examined::by(forwarder(), &config);
        capable.assert_verdict(Check::LowPorts, "ok");
        let incapable = || {
            let without = ["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"];
            Forwarder::binary(Tool::find("setpriv").path()).args(without).arg(BINARY)
        };
        let examined = Examined::by(incapable(), &config);
        examined.assert_verdict(Check::LowPorts, "fail");
        examined.assert_overall("fail");
        assert_eq!(examined.finding(Check::LowPorts)["details"][0]["of"], "low");
        let served = incapable().config(config.text()).run();
        assert_eq!(served.status.code(), Some(2), "it is true: {served}");
    });
}

#[test]
fn without_ipv6_an_ipv6_listener_is_fatal() {
    let setup = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
    in_network_namespace(test_name!(without_ipv6_an_ipv6_listener_is_fatal), setup, || {
        let config = |listen: &str| Config::new().forward(listen, "127.0.0.1:9", "");
        Examined::by(forwarder(), &config(":7000")).assert_verdict(Check::Ipv6, "ok");
        let examined = Examined::by(forwarder(), &config("[::1]:7000"));
        examined.assert_overall("fail");
        examined.assert_verdict(Check::Ipv6, "fail");
        examined.assert_verdict(Check::ListenAddresses, "fail");
    });
}

#[test]
fn an_address_that_may_come_later_and_the_memory_of_a_namespace_are_named() {
    let name = test_name!(an_address_that_may_come_later_and_the_memory_of_a_namespace_are_named);
    in_network_namespace(name, "true", || {
        let config =
            Config::new().forward("192.0.2.7:7000", "127.0.0.1:9", "name = 'f'\nfreebind = true");
        let examined = Examined::by(forwarder(), &config);
        examined.assert_verdict(Check::ListenAddresses, "ok");
        let finding = examined.finding(Check::ListenAddresses);
        let found = finding["found"].as_str().unwrap();
        assert!(found.ends_with("except for some with `freebind`"), "{found}");
        assert_eq!(finding["details"][0]["of"], "f");
        let memory = examined.finding(Check::TcpMemory)["found"].as_str().unwrap();
        assert!(memory.contains("is not shown in this one"), "{memory}");
    });
}

#[test]
fn short_queues_and_listeners_in_the_local_port_range_are_warnings() {
    let setup = "echo 100 > /proc/sys/net/core/somaxconn";
    let name = test_name!(short_queues_and_listeners_in_the_local_port_range_are_warnings);
    in_network_namespace(name, setup, || {
        let config = Config::new().forward(":40000", "127.0.0.1:9", "");
        let examined = Examined::by(forwarder(), &config);
        examined.assert_verdict(Check::ListenQueue, "warn");
        examined.assert_verdict(Check::ListenerPorts, "warn");
        let reserve = "sysctl -w net.ipv4.ip_local_reserved_ports=40000";
        assert_eq!(examined.finding(Check::ListenerPorts)["change"][0], reserve);
        fs::write("/proc/sys/net/ipv4/ip_local_reserved_ports", "40000").unwrap();
        Examined::by(forwarder(), &config).assert_verdict(Check::ListenerPorts, "ok");
    });
}
