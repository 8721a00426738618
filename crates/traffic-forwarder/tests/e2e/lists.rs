//! Pages of the admin interface's lists, and the rates in their rows: the basis of views of
//! thousands of forwards and sessions.

use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Behaviour, LIMIT, Listener, Peer, Place, Port, Script, Target, connect, wait_until};

use crate::support::{Config, Operated, play, served_client};

/// Forwards `f0`, `f1`, ... to an echo, each with its own port.
struct Many {
    operated: Operated,
    ports: Vec<Port>,
    _target: Target,
}

impl Many {
    #[track_caller]
    fn start(count: usize, settings: &str) -> Self {
        let target = Target::start(Behaviour::Echo);
        let ports: Vec<_> = (0..count).map(|_| Port::v4()).collect();
        let config = ports.iter().enumerate().fold(Config::new(), |config, (index, port)| {
            config.forward(port.addr(), target.addr(), format!("name = 'f{index}'\n{settings}"))
        });
        Self { operated: Operated::start(config), ports, _target: target }
    }

    /// The names of the matching forwards, and their total number.
    fn names(&self, query: &str) -> (u64, Vec<String>) {
        let found = self.operated.http.json(&format!("/v1/forwards?{query}"));
        let forwards = found["forwards"].as_array().unwrap().iter();
        let names = forwards.map(|forward| forward["name"].as_str().unwrap().to_owned());
        (found["total"].as_u64().unwrap(), names.collect())
    }
}

#[test]
fn forwards_are_filtered_sorted_and_paged() {
    let many = Many::start(12, "max_sessions = 2");
    let _clients = [7, 3, 7].map(|index| served_client(&many.ports[index]));
    Peer::connect("one too many", &many.ports[7], Script::new().expect_reset()).finish();
    let expected = |total, names: &[&str]| (total, names.iter().map(ToString::to_string).collect());
    assert_eq!(many.names("sort=sessions&limit=3"), expected(12, &["f7", "f3", "f0"]));
    assert_eq!(many.names("sort=sessions&limit=2&offset=1"), expected(12, &["f3", "f0"]));
    assert_eq!(many.names("sort=bytes&limit=2"), expected(12, &["f7", "f3"]));
    assert_eq!(many.names("sort=errors&limit=1"), expected(12, &["f7"]));
    assert_eq!(many.names("sort=name&limit=3"), expected(12, &["f0", "f1", "f10"]));
    assert_eq!(many.names("limit=3&offset=9"), expected(12, &["f9", "f10", "f11"]));
    assert_eq!(many.names("name=1"), expected(3, &["f1", "f10", "f11"]));
    assert_eq!(many.names("offset=12"), expected(12, &[]));
}

#[test]
fn the_pages_of_sessions_are_contiguous() {
    let many = Many::start(1, "");
    let _clients: Vec<_> = (0..5).map(|_| served_client(&many.ports[0])).collect();
    let ids = |query: &str| {
        let found = many.operated.http.json(&format!("/v1/sessions?{query}"));
        let sessions = found["sessions"].as_array().unwrap().clone();
        sessions.iter().map(|session| session["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids("limit=2"), [1, 2]);
    assert_eq!(ids("limit=2&offset=2"), [3, 4]);
    assert_eq!(ids("limit=2&offset=4"), [5]);
    assert_eq!(ids("limit=2&offset=5"), [] as [u64; 0]);
}

#[test]
fn the_process_and_its_forwards_have_rates() {
    let many = Many::start(2, "");
    let rates = |path: &str| -> [Value; 2] {
        let (status, forwards) = (
            many.operated.http.json(&format!("/v1/status{path}")),
            many.operated.http.json(&format!("/v1/forwards{path}")),
        );
        [status["rates"].clone(), forwards["forwards"][1]["rates"].clone()]
    };
    assert_eq!(rates(""), [Value::Null, Value::Null]);
    wait_until("rates", LIMIT, || {
        drop(served_client(&many.ports[1]));
        rates("?rates=true").iter().all(|rates| {
            let above = |key: &str| rates[key].as_f64().unwrap() > 0.0;
            above("bytes_up") && above("bytes_down") && above("opened")
        })
    });
    drop(served_client(&many.ports[1]));
    assert_eq!(many.names("sort=rate&limit=1").1, ["f1"]);
    let one = |query: &str| many.operated.http.json(&format!("/v1/forwards/f1{query}"));
    assert!(one("?rates=true")["rates"]["bytes_up"].is_number() && one("")["rates"].is_null());
}

#[test]
fn the_last_failures_are_listed() {
    let (full, dead) = (Port::v4(), Port::v4());
    let (listener, gone) = (Listener::bind(Place::V4), Port::v4());
    let config = Config::new()
        .forward(full.addr(), listener.addr(), "name = 'full'\nmax_sessions = 1")
        .forward(Port::v4().addr(), listener.addr(), "name = 'calm'")
        .forward(dead.addr(), gone.addr(), "name = 'dead'");
    let operated = Operated::start(config);
    let forward = |name: &str| operated.http.json(&format!("/v1/forwards/{name}"));
    let words = ["refused", "last_refused", "failed", "last_failed"];
    for name in ["full", "dead"] {
        let forward = forward(name);
        assert_eq!(words.map(|word| forward[word].clone().to_string()), ["0", "null", "0", "null"]);
    }
    let _held = connect(&full).unwrap();
    listener.accept();
    Peer::connect("one too many", &full, Script::new().expect_reset()).finish();
    Peer::connect("no target", &dead, Script::new().expect_reset()).finish();
    operated.wait_for_records(1);
    let (full, dead) = (forward("full"), forward("dead"));
    assert_eq!((&full["refused"], &full["failed"]), (&1.into(), &0.into()));
    assert_eq!((&dead["refused"], &dead["failed"]), (&0.into(), &1.into()));
    assert!(full["last_refused"].as_f64().is_some_and(|ago| ago < 60.0), "{full}");
    assert!(dead["last_failed"].as_f64().is_some_and(|ago| ago < 60.0), "{dead}");
    assert_eq!([&full["last_failed"], &dead["last_refused"]], [&Value::Null; 2]);
    let found = operated.http.json("/v1/forwards?trouble=true&limit=1");
    assert_eq!((&found["total"], &found["forwards"][0]["name"]), (&2.into(), &"full".into()));
}

/// A viewer of one forward's sessions, with the time of its last query.
struct Viewer {
    query: String,
    looked: Option<RangeInclusive<Instant>>,
}

impl Viewer {
    fn new(forward: &str) -> Self {
        Self { query: format!("/v1/sessions?forward={forward}&rates=true"), looked: None }
    }

    /// Queries the only session, which has moved `moved` bytes up since the last query.
    #[track_caller]
    fn look(&mut self, many: &Many, moved: f64) {
        let began = Instant::now();
        let found = many.operated.http.json(&self.query);
        let looked = began..=Instant::now();
        let rate = found["sessions"][0]["up"]["rate"].as_f64().expect("a rate");
        if let Some(last) = self.looked.replace(looked.clone()) {
            let seconds = |to: &Instant, from: &Instant| to.duration_since(*from).as_secs_f64();
            let least = moved / seconds(looked.end(), last.start());
            let most = moved / seconds(looked.start(), last.end());
            assert!((least..=most).contains(&rate), "{}: {rate} of {least}..{most}", self.query);
        }
    }
}

#[test]
fn viewers_with_different_filters_all_see_correct_rates() {
    let many = Many::start(8, "");
    let clients: Vec<_> = many.ports.iter().map(served_client).collect();
    let mut viewers: Vec<_> = (0..8).map(|index| Viewer::new(&format!("f{index}"))).collect();
    for round in 0..3 {
        for (index, (viewer, client)) in viewers.iter_mut().zip(&clients).enumerate() {
            let bytes = 1000 * (1 + index);
            play(client, Script::new().write_bytes(vec![b'.'; bytes]).read_exactly(bytes as u64));
            #[expect(clippy::cast_precision_loss, reason = "they are few")]
            viewer.look(&many, bytes as f64);
        }
        if round < 2 {
            // A rate needs samples at least 0.3 s apart.
            thread::sleep(Duration::from_millis(350));
        }
    }
}
