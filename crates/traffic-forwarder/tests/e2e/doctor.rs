//! `doctor` on hosts whose limits are made small, and whether what it claims is true.

mod taken;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use control::doctor::Check;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, Forwarder, ForwarderBuilder, LIMIT, Peer, Place, Port, Script, Target, Tool,
    wait_until,
};

use crate::support::{
    BINARY, Config, Desk, forwarder, messages, on_an_island, served_client, with_hosts,
};

/// What it found, and its exit code.
struct Examined {
    report: Value,
    code: Option<i32>,
}

impl Examined {
    /// Examines with this program, for this configuration.
    #[track_caller]
    fn by(program: ForwarderBuilder, config: &Config) -> Self {
        Self::with(program.arg("doctor"), config)
    }

    /// The same, and nothing connects to a target: a connection leaves its port in `TIME_WAIT`.
    #[track_caller]
    fn by_looking(program: ForwarderBuilder, config: &Config) -> Self {
        Self::with(program.args(["doctor", "--no-connect"]), config)
    }

    #[track_caller]
    fn with(command: ForwarderBuilder, config: &Config) -> Self {
        let finished = command.arg("--json").config(config.text()).run();
        assert!(finished.stderr.is_empty(), "{finished}");
        let report = serde_json::from_slice(&finished.stdout);
        let report = report.unwrap_or_else(|error| panic!("{error}: {finished}"));
        Self { report, code: finished.status.code() }
    }

    #[track_caller]
    fn finding(&self, check: Check) -> &Value {
        let all = self.report["checks"].as_array().unwrap();
        all.iter().find(|it| it["check"] == check.as_str()).expect("every check is told")
    }

    #[track_caller]
    fn assert_verdict(&self, check: Check, verdict: &str) {
        let finding = self.finding(check);
        assert_eq!(finding["verdict"], verdict, "{finding:#}");
    }

    /// The verdict over all, and the exit code that follows.
    #[track_caller]
    fn assert_overall(&self, verdict: &str) {
        assert_eq!(self.report["verdict"], verdict, "{:#}", self.report);
        assert_eq!(self.code, Some(i32::from(verdict == "fail")));
    }
}

/// A forward to an address where nobody listens.
fn to_nobody() -> (Port, Config) {
    let nobody = Port::v4();
    let config = two_workers().forward(Port::v4().addr(), nobody.addr(), "");
    (nobody, config)
}

/// Workers take descriptors: as many on every machine.
fn two_workers() -> Config {
    Config::new().process("workers = 2")
}

/// The name of a test of this module, for [`on_an_island`].
macro_rules! name {
    ($test:ident) => {
        concat!(module_path!(), "::", stringify!($test))
    };
}

// === the report ===

#[test]
fn the_report_has_its_shape() {
    let (_nobody, config) = to_nobody();
    let Examined { report, .. } = Examined::by(forwarder(), &config);
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let set = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(keys(&report), set(&["verdict", "sessions", "first_limit", "wanted", "checks"]));
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        let expected = ["check", "verdict", "sessions", "found", "change", "details"];
        assert_eq!(keys(check), set(&expected));
        for detail in check["details"].as_array().unwrap() {
            assert_eq!(keys(detail), set(&["verdict", "of", "found", "seconds"]));
        }
    }
    let names: BTreeSet<_> = checks.iter().map(|it| it["check"].as_str().unwrap()).collect();
    assert_eq!(names, Check::ALL.iter().map(|check| check.as_str()).collect());
    let sessions = checks.iter().filter_map(|it| Some((it["sessions"].as_u64()?, &it["check"])));
    let (least, check) = sessions.min_by_key(|(sessions, _)| *sessions).unwrap();
    assert_eq!((&report["sessions"], &report["first_limit"]), (&least.into(), check));
}

#[test]
fn the_text_ends_with_the_summary_and_has_advice() {
    let (_nobody, config) = to_nobody();
    let program = forwarder().open_files(100).args(["doctor", "--no-connect"]);
    let finished = program.config(config.text()).run();
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let text = finished.text();
    assert!(text.starts_with("warn  open_files: "), "{text}");
    assert!(text.contains("\n        to change it: LimitNOFILE="), "{text}");
    let summary = text.lines().last().unwrap();
    assert!(summary.starts_with("this host can hold "), "{text}");
    assert!(summary.ends_with(" (1000 wanted); the first limit is open_files"), "{text}");
}

#[test]
fn a_wrong_configuration_is_told_as_check_tells_it() {
    let desk = Desk::new();
    let file = desk.file("forwarder.conf", "[[forward]]\nlisten = ':0'\n");
    let told = |command: &str| {
        let finished = forwarder().args([command, "-c", &file]).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.stdout.is_empty(), "{finished}");
        finished.stderr
    };
    assert_eq!(told("doctor"), told("check"));
}

#[test]
fn ten_thousand_forwards_are_examined_and_cut_in_the_text() {
    // Where nobody has one of their ports.
    on_an_island(name!(ten_thousand_forwards_are_examined_and_cut_in_the_text), "true", || {
        let mut config = String::new();
        for number in 0..10_000 {
            let (listen, to) = (20_000 + number, 1 + number);
            writeln!(config, "[[forward]]\nlisten = '127.0.0.1:{listen}'\nto = '127.9.9.9:{to}'")
                .unwrap();
        }
        let finished = forwarder().arg("doctor").config(config).run();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        let text = finished.text();
        // Whoever listens on all addresses of this machine answers.
        assert!(text.contains(" of 10000 targets are connected"), "{text}");
        assert_eq!(text.matches("        127.9.9.9:").count(), 10, "{text}");
        assert!(text.lines().any(|line| line.starts_with("        and 99")), "{text}");
        assert!(text.lines().count() < 80, "{text}");
    });
}

// === single limits ===

#[test]
fn too_few_files_for_the_configuration_are_fatal() {
    let (_nobody, config) = to_nobody();
    let examined = Examined::by(forwarder().open_files(64), &config);
    examined.assert_verdict(Check::OpenFiles, "fail");
    examined.assert_overall("fail");
    assert_eq!(examined.report["sessions"], 0);
    let served = forwarder().open_files(64).config(config.text()).run();
    assert_eq!(served.status.code(), Some(2), "it is true: {served}");
}

#[test]
fn a_target_that_refuses_is_a_warning_and_may_be_left_out() {
    let (nobody, config) = to_nobody();
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Connections, "warn");
    examined.assert_overall("warn");
    let detail = &examined.finding(Check::Connections)["details"][0];
    assert_eq!(detail["of"], nobody.addr().to_string());
    assert!(detail["found"].as_str().unwrap().contains("refused"), "{detail}");
    Examined::by_looking(forwarder(), &config).assert_verdict(Check::Connections, "ok");
}

#[test]
fn a_target_that_answers_is_in_order() {
    let target = Target::start(Behaviour::Echo);
    let config = Config::new().forward(Port::v4().addr(), target.addr(), "");
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Connections, "ok");
    assert!(examined.finding(Check::Connections)["details"][0]["seconds"].as_f64() > Some(0.0));
    wait_until("its connection", LIMIT, || target.accepted() == 1);
}

#[test]
fn a_name_that_does_not_resolve_is_fatal() {
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
fn directories_that_cannot_be_used_are_fatal() {
    let (_nobody, config) = to_nobody();
    let config = config.log("file = '/no/such/directory/log'");
    let examined = Examined::by(forwarder(), &config);
    examined.assert_verdict(Check::Directories, "fail");
    let of = &examined.finding(Check::Directories)["details"][0]["of"];
    assert_eq!(of, "/no/such/directory");
}

// === hosts of their own ===

#[test]
fn a_low_port_without_the_capability_is_fatal() {
    on_an_island(name!(a_low_port_without_the_capability_is_fatal), "true", || {
        let (_nobody, config) = to_nobody();
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
    on_an_island(name!(without_ipv6_an_ipv6_listener_is_fatal), setup, || {
        let config = |listen: &str| Config::new().forward(listen, "127.0.0.1:9", "");
        Examined::by(forwarder(), &config(":7000")).assert_verdict(Check::Ipv6, "ok");
        let examined = Examined::by(forwarder(), &config("[::1]:7000"));
        examined.assert_overall("fail");
        examined.assert_verdict(Check::Ipv6, "fail");
        examined.assert_verdict(Check::ListenAddresses, "fail");
    });
}

#[test]
fn short_queues_and_listeners_among_local_ports_are_warned_of() {
    let setup = "echo 100 > /proc/sys/net/core/somaxconn";
    let name = name!(short_queues_and_listeners_among_local_ports_are_warned_of);
    on_an_island(name, setup, || {
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

// === claims ===

/// Opens so many sessions, one after the other.
#[track_caller]
fn holds(sessions: u64, listener: impl Into<Addr>) -> Vec<testkit::Socket> {
    let listener = listener.into();
    (0..sessions).map(|_| served_client(listener.clone())).collect()
}

#[test]
fn the_sessions_that_files_allow_are_held() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    for files in [200, 700] {
        let config = two_workers().forward(port.addr(), target.addr(), "");
        let examined = Examined::by(forwarder().open_files(files), &config);
        assert_eq!(examined.report["first_limit"], "open_files");
        let claimed = examined.report["sessions"].as_u64().unwrap();
        let running = forwarder().open_files(files).config(config.text()).start();
        running.ready();
        let possible = messages(&running, "ready").remove(0)["max_sessions"].as_u64().unwrap();
        assert!(possible.abs_diff(claimed) <= 2, "{claimed} claimed, {possible} possible");
        let clients = holds(claimed.min(possible), &port);
        assert_eq!(running.records().len(), 0, "nobody was cut");
        drop(clients);
    }
}

#[test]
fn the_sessions_that_local_ports_allow_are_held() {
    const PORTS: u64 = 20;
    let setup = "echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range";
    on_an_island(name!(the_sessions_that_local_ports_allow_are_held), setup, || {
        let at: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        let target = Target::start_at(Place::At(at), Behaviour::Echo);
        let dir = TempDir::new().unwrap();
        // Clients of a Unix socket take no port themselves.
        let listener = dir.path().join("listener");
        let config = two_workers().forward(unix(&listener), target.addr(), "");
        let examined = Examined::by_looking(forwarder(), &config);
        examined.assert_verdict(Check::LocalPorts, "warn");
        assert_eq!(examined.report["first_limit"], "local_ports");
        assert_eq!(examined.report["sessions"], PORTS);
        let running = config.start();
        let clients = holds(PORTS, Addr::Unix(listener.clone()));
        Peer::connect("one too many", Addr::Unix(listener), Script::new().expect_eof()).finish();
        assert_eq!(running.wait_for_records(1)[0].close_reason(), "resource/connect/no_ports");
        drop(clients);
        running.wait_for_records(1 + usize::try_from(PORTS).unwrap());
    });
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}
