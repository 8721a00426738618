//! The metrics: they move during a session, they add up, and a reload leaves them alone.

use std::collections::BTreeMap;
use std::fs::{self, File};

use tempfile::TempDir;
use testkit::{
    Behaviour, Http, LIMIT, Port, Script, Target, Tool, connect, connect_and_close, run, wait_until,
};

use crate::support::{Config, Operated, forwarder, play, served_client};

/// The series of one scrape, by name and labels.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Panics on two series with equal labels.
    #[track_caller]
    fn of(http: &Http) -> Self {
        let mut series = BTreeMap::new();
        for line in
            http.get("/metrics").success().body.lines().filter(|line| !line.starts_with('#'))
        {
            let (name, number) = line.rsplit_once(' ').unwrap();
            let twice = series.insert(name.to_owned(), number.parse().unwrap());
            assert!(twice.is_none(), "twice: {line}");
        }
        Self(series)
    }

    /// A series, named without the common prefix; zero if it is missing.
    fn get(&self, name: &str) -> f64 {
        self.0.get(&format!("traffic_forwarder_{name}")).copied().unwrap_or_default()
    }

    /// The sum of all series of a forward under this name.
    fn sum(&self, name: &str, forward: &str) -> f64 {
        let start = format!("traffic_forwarder_{name}{{forward=\"{forward}\"");
        self.0.iter().filter(|(name, _)| name.starts_with(&start)).map(|(_, number)| number).sum()
    }

    fn mentions(&self, forward: &str) -> bool {
        self.0.keys().any(|name| name.contains(&format!("forward=\"{forward}\"")))
    }
}

/// Waits until a series has this value.
#[track_caller]
fn wait_for(operated: &Operated, name: &str, number: f64) {
    let equal = || (Scrape::of(&operated.http).get(name) - number).abs() < f64::EPSILON;
    wait_until(&format!("{name} {number}"), LIMIT, equal);
}

#[test]
fn the_build_is_a_label() {
    let operated = Operated::start(Config::new().forward(Port::v4().addr(), "127.0.0.1:9", ""));
    let (version, build) = (env!("CARGO_PKG_VERSION"), env!("BUILD_ID"));
    let name = format!("build_info{{version=\"{version}\",build=\"{build}\"}}");
    assert!(Scrape::of(&operated.http).get(&name) > 0.0, "{name}");
}

/// The first scrape follows the opening of the sessions: the process caches its reading for a
/// while.
#[test]
fn the_headroom_excludes_open_sessions() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), "");
    let operated = Operated::start(config);
    let _clients = [(); 7].map(|()| served_client(port.addr()));
    let scrape = Scrape::of(&operated.http);
    let room = |limit: &str| scrape.get(&format!("headroom_sessions{{limit=\"{limit}\"}}"));
    let left = scrape.get("max_sessions") - 7.0;
    assert!((room("open_files") - left).abs() < f64::EPSILON, "{left}: {:?}", scrape.0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let range: Vec<f64> = range.split_whitespace().map(|port| port.parse().unwrap()).collect();
    assert!(room("local_ports") <= range[1] - range[0] + 1.0 - 7.0, "{:?}", scrape.0);
    for limit in ["local_ports", "system_files", "memory"] {
        assert!(room(limit) > 0.0, "{limit}: {:?}", scrape.0);
    }
}

/// A line that names a forward.
fn named(name: &str) -> String {
    format!("name = '{name}'")
}

#[test]
fn they_move_during_a_session() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), named("db"));
    let operated = Operated::start(config);
    let idle = Scrape::of(&operated.http);
    assert_eq!(idle.0.keys().filter(|name| name.contains("\"db\"")).count(), 4, "{:?}", idle.0);

    let client = served_client(port.addr());
    wait_for(&operated, "sessions_active{forward=\"db\"}", 1.0);
    wait_for(&operated, "bytes_total{forward=\"db\",lane=\"up\",path=\"copy\"}", 1.0);
    play(&client, Script::new().write_bytes("hello").read_exactly(5));
    wait_for(&operated, "bytes_total{forward=\"db\",lane=\"up\",path=\"copy\"}", 6.0);
    wait_for(&operated, "bytes_total{forward=\"db\",lane=\"down\",path=\"copy\"}", 6.0);
    let living = Scrape::of(&operated.http);
    assert_eq!(living.get("connect_seconds_count{forward=\"db\"}").to_bits(), 1.0_f64.to_bits());
    assert_eq!(living.get("session_seconds_count{forward=\"db\"}").to_bits(), 0.0_f64.to_bits());

    drop(client);
    let fin = "sessions_closed_total{forward=\"db\",by=\"client\",phase=\"relay\",cause=\"fin\"}";
    wait_for(&operated, fin, 1.0);
    wait_for(&operated, "sessions_active{forward=\"db\"}", 0.0);
    wait_for(&operated, "session_seconds_count{forward=\"db\"}", 1.0);
}

#[test]
fn opened_equals_closed_plus_active() {
    let (target, port, gone) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), named("db")).forward(
        gone.addr(),
        Port::v4().addr(),
        named("gone"),
    );
    let operated = Operated::start(config);
    let _kept: Vec<_> = (0..5).map(|_| served_client(port.addr())).collect();
    for _ in 0..20 {
        drop(served_client(port.addr()));
        // Reset, perhaps before connect(2) returns.
        connect_and_close(&gone);
    }
    wait_until("the sessions that stay", LIMIT, || target.open() == 5);
    wait_for(&operated, "sessions_active{forward=\"db\"}", 5.0);
    wait_for(&operated, "session_seconds_count{forward=\"gone\"}", 20.0);
    let scrape = Scrape::of(&operated.http);
    for (forward, opened, active) in [("db", 25.0, 5.0), ("gone", 20.0, 0.0)] {
        let closed = scrape.sum("sessions_closed_total", forward);
        let found = (scrape.sum("sessions_opened_total", forward), closed);
        assert_eq!(found, (opened, opened - active), "{forward}");
    }
    let refused = "{forward=\"gone\",by=\"target\",phase=\"connect\",cause=\"refused\"}";
    assert!(scrape.get(&format!("sessions_closed_total{refused}")) > 0.0);
}

#[test]
fn clients_refused_by_a_limit_are_counted() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = "name = 'db'\nmax_sessions = 1";
    let operated = Operated::start(Config::new().forward(port.addr(), target.addr(), settings));
    let _client = served_client(port.addr());
    let refused = "refused_total{forward=\"db\",cause=\"over_limit\"}";
    for count in [1.0, 2.0] {
        connect_and_close(&port);
        wait_for(&operated, refused, count);
    }
    wait_for(&operated, "sessions_opened_total{forward=\"db\"}", 1.0);
}

#[test]
fn a_reload_keeps_them() {
    let (target, port, other) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let without = Config::new().forward(other.addr(), target.addr(), named("web"));
    let with = without.clone().forward(port.addr(), target.addr(), named("db"));
    let operated = Operated::start(with.clone());
    drop(served_client(port.addr()));
    let client = served_client(port.addr());
    wait_for(&operated, "sessions_active{forward=\"db\"}", 1.0);
    wait_for(&operated, "config_generation", 1.0);

    // The forward is removed; its session and its counters continue.
    operated.reload(without.clone());
    play(&client, Script::new().write_bytes("x").read_exactly(1));
    wait_for(&operated, "bytes_total{forward=\"db\",lane=\"up\",path=\"copy\"}", 3.0);
    // The forward returns, with the same counters, as one series.
    operated.reload(with);
    drop(served_client(port.addr()));
    wait_for(&operated, "sessions_opened_total{forward=\"db\"}", 3.0);
    wait_for(&operated, "config_generation", 3.0);
    // When its last session has ended, a removed forward has no series any more.
    operated.reload(without);
    drop(client);
    wait_until("its end", LIMIT, || !Scrape::of(&operated.http).mentions("db"));
}

#[test]
fn a_failed_reload_is_reported() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), named("db"));
    let operated = Operated::start(config.clone());
    wait_for(&operated, "config_last_reload_success", 1.0);
    let before = Scrape::of(&operated.http).get("config_last_reload_timestamp_seconds");
    operated.write(Config::new().forward(port.addr(), "nonsense", ""));
    operated.http.post("/v1/reload");
    wait_for(&operated, "config_last_reload_success", 0.0);
    wait_for(&operated, "config_generation", 1.0);
    operated.reload(config);
    wait_for(&operated, "config_last_reload_success", 1.0);
    let after = Scrape::of(&operated.http).get("config_last_reload_timestamp_seconds");
    assert!(after > before && before > 1.7e9, "{before} {after}");
}

#[test]
fn lost_log_lines_are_counted() {
    let (target, port, dir) = (Target::start(Behaviour::Echo), Port::v4(), TempDir::new().unwrap());
    let socket = dir.path().join("admin.sock");
    let config = Config::new()
        .admin(&format!("unix:{}", socket.display()))
        .log("file = '/dev/full'")
        .forward(port.addr(), target.addr(), "");
    let _forwarder = forwarder().config(config.text()).start();
    wait_until("the admin interface", LIMIT, || connect(socket.clone()).is_ok());
    wait_until("a listener", LIMIT, || connect(&port).is_ok());
    let http = Http::new(socket);
    let lost = || Scrape::of(&http).get("log_dropped_total{cause=\"write_failed\"}");
    let before = lost();
    assert!(before >= 1.0, "{before}: nothing was written so far");
    (0..10).for_each(|_| drop(served_client(port.addr())));
    wait_until("ten more lines lost", LIMIT, || lost() >= before + 10.0);
}

#[test]
fn promtool_finds_no_fault() {
    let (target, port, dir) = (Target::start(Behaviour::Echo), Port::v4(), TempDir::new().unwrap());
    // A name that needs escaping, too.
    let settings = "name = '\"a\\b{},='\nmax_sessions = 1";
    let operated = Operated::start(Config::new().forward(port.addr(), target.addr(), settings));
    let client = served_client(port.addr());
    connect_and_close(&port);
    drop(client);
    wait_until("the end of the session", LIMIT, || target.open() == 0);
    let file = dir.path().join("metrics");
    let answer = operated.http.get("/metrics").success();
    assert!(answer.headers.iter().any(|line| line.contains("text/plain; version=0.0.4")));
    fs::write(&file, answer.body).unwrap();
    let mut promtool = Tool::find("promtool").command();
    promtool.args(["check", "metrics"]).stdin(File::open(&file).unwrap());
    let finished = run(&mut promtool, LIMIT).success();
    assert!(finished.text().is_empty() && finished.stderr.is_empty(), "{finished}");
}

#[test]
fn openmetrics_is_served_to_clients_that_accept_it() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(Config::new().forward(port.addr(), target.addr(), named("db")));
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = operated.http.clone().header("Accept", accept).get("/metrics").success();
    assert!(answer.headers.iter().any(|line| line.contains("application/openmetrics-text")));
    assert!(answer.body.ends_with("\n# EOF\n"), "{}", answer.body);
    assert!(answer.body.contains("\n# TYPE traffic_forwarder_sessions_opened counter\n"));
}
