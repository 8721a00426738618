//! Targets of routes: health, limits, drain, and what is shown of them.

use testkit::{Behaviour, LIMIT, Port, Script, Target, connect, wait_until};

use super::{Scene, comes_back, hello, targets};
use crate::support::{Config, forwarder, play};

#[test]
fn the_targets_of_each_route_have_their_own_balance_and_health() {
    let scene = Scene::start("");
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let dead = Port::v4();
    let routes = format!(
        "route = [{{ sni = 'a.test', to = ['{}', '{a}'] }}, {{ sni = 'b.test', to = ['{a}', '{b}'] }}]",
        dead.addr()
    );
    let settings = format!(
        "name = 'f'\nto = '{other}'\n{routes}\nbalance = 'first'\npassive = {{ failures = 2 }}"
    );
    scene.operated.reload(Config::new().forward_with(scene.port.addr(), settings));
    for _ in 0..3 {
        drop(scene.is_served(&hello("a.test", &[]), 0));
    }
    drop(scene.is_served(&hello("b.test", &[]), 0));
    // Two workers write them in any order.
    let mut records = scene.operated.wait_for_records(4);
    records.sort_by_key(|it| it.json["id"].as_u64());
    let attempts: Vec<_> = records.iter().map(|it| it.json["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [2, 2, 1, 1], "the dead one is out of use");
    let shown: Vec<_> = targets(&scene.operated)
        .iter()
        .map(|it| (it["address"].clone(), it["state"].clone(), it["routes"].clone()))
        .collect();
    let expected = [
        (other, "up", serde_json::json!([])),
        (dead.addr().to_string(), "down", serde_json::json!(["sni=a.test"])),
        (a.clone(), "up", serde_json::json!(["sni=a.test", "sni=b.test"])),
        (b, "up", serde_json::json!(["sni=b.test"])),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(address, state, routes)| (address.into(), state.into(), routes))
        .collect();
    assert_eq!(shown, expected);
    let metrics = scene.operated.http.get("/metrics").body;
    let connects = format!("target=\"{a}\",result=\"connected\"}} 4");
    assert!(metrics.contains(&connects), "{metrics}");
    scene.operated.http.post(&format!("/v1/forwards/f/drain?target={a}")).success();
    drop(scene.is_served(&hello("b.test", &[]), 1));
    scene.operated.http.post(&format!("/v1/forwards/f/resume?target={a}")).success();
    drop(scene.is_served(&hello("b.test", &[]), 0));
}

#[test]
fn a_full_route_refuses_its_own_clients_only() {
    let scene = Scene::start("");
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let routes = format!(
        "route = [{{ sni = 'a.test', to = {{ address = '{a}', max_sessions = 1 }} }}, {{ sni = 'b.test', to = '{b}' }}]"
    );
    let settings = format!("name = 'f'\nto = '{other}'\n{routes}");
    scene.operated.reload(Config::new().forward_with(scene.port.addr(), settings));
    let hello_a = hello("a.test", &[]);
    let first = scene.is_served(&hello_a, 0);
    let second = connect(&scene.port).unwrap();
    play(&second, Script::new().write_bytes(&hello_a[..]).read_to_reset());
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/connect/over_limit", "{}", record.json);
    drop(scene.is_served(&hello("b.test", &[]), 1));
    drop(first);
    scene.operated.wait_for_sessions(0);
    drop(scene.is_served(&hello_a, 0));
}

#[test]
fn checks_and_commands_know_the_targets_of_routes() {
    let scene = Scene::start("");
    let target = Target::start(Behaviour::Echo);
    let (a, dead) = (target.addr(), Port::v4());
    let routes = format!("route = [{{ sni = '*.a.test', to = ['{a}', '{}'] }}]", dead.addr());
    let settings = format!(
        "name = 'f'\n{routes}\ncheck = {{ connect = true, every = '100ms', fall = 1, rise = 1 }}"
    );
    scene.operated.reload(Config::new().forward_with(scene.port.addr(), settings));
    wait_until("the checks", LIMIT, || {
        let states: Vec<_> =
            targets(&scene.operated).iter().map(|it| it["state"].clone()).collect();
        states == ["up", "down"]
    });
    let hello = hello("x.a.test", &[]);
    let client = connect(&scene.port).unwrap();
    play(&client, Script::new().write_bytes(&hello[..]));
    comes_back(&client, &hello);
    let socket = scene.operated.socket().to_string();
    let said = |arguments: &[&str]| {
        forwarder().args(arguments).args(["--admin", &socket]).run().success().text()
    };
    let table = said(&["targets"]);
    assert!(table.contains("ROUTE") && table.contains("sni=*.a.test"), "{table}");
    let session = said(&["sessions", "1"]);
    assert!(session.contains("for x.a.test"), "{session}");
    let status = scene.operated.http.json("/v1/forwards/f");
    assert_eq!(status["to"][0], "1 route");
    assert!(status["settings"]["hello_timeout"] == "\"5s\"", "{status}");
}
