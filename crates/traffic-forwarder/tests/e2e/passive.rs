//! Passive health: failed connects take one of several targets out of use, and a client brings it back.

use testkit::{
    Addr, Behaviour, LIMIT, Peer, Place, Port, Script, SessionRecord, Target, wait_until,
};

use crate::support::{BINARY, Config, Forward, Operated, messages, served_client};

/// The state of each target of the forward.
fn states(operated: &Operated, port: &Port) -> Vec<String> {
    let forward = operated.http.json(&format!("/v1/forwards/{}", port.addr()));
    let targets = forward["targets"].as_array().cloned().unwrap_or_default();
    targets.iter().map(|target| target["state"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_target_that_refuses_is_out_of_use_until_a_client_has_connected_to_it() {
    let (dead, echo, port) = (Port::v4(), Target::start(Behaviour::Echo), Port::v4());
    let settings =
        "balance = 'first'\npassive = { failures = 2, down = '50ms', down_max = '50ms' }";
    let targets: [Addr; 2] = [(&dead).into(), (&echo).into()];
    let config = Config::new().forward_to_several(port.addr(), &targets, settings);
    let operated = Operated::start(config);
    served_client(&port);
    wait_until("the probe", LIMIT, || states(&operated, &port) == ["unreachable", "up"]);
    served_client(&port);
    operated.wait_for_message("a target is down after failed connects");
    assert_eq!(states(&operated, &port), ["down", "up"]);
    let red = operated.http.json("/v1/forwards?trouble=true");
    let expected = format!("1 of 2 targets is down: {}, 2 failed connects in a row", dead.addr());
    let attention = &red["forwards"][0]["attention"][0];
    assert_eq!(attention["condition"], "target_down", "{red}");
    let text = attention["text"].as_str().unwrap();
    assert_eq!(text, expected + ", the last one: connection refused");
    let back = Target::start_at(Place::At(dead.addr()), Behaviour::Echo);
    wait_until("a client has tried the target", LIMIT, || {
        served_client(&port);
        back.accepted() > 0
    });
    operated.wait_for_message("a target is up again");
    assert_eq!(states(&operated, &port), ["up", "up"]);
    assert_eq!(operated.http.json("/v1/forwards?trouble=true")["total"], 0);
}

#[test]
fn while_no_target_is_up_clients_are_reset_if_so_configured() {
    let ports = [(); 2].map(|()| Port::v4());
    let passive = "none_up = 'refuse'\npassive = { failures = 1, down = '1h', down_max = '1h' }";
    let forward = Forward::to_several(&ports.each_ref().map(Into::into), passive);
    for _ in 0..2 {
        Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    }
    let _back =
        ports.each_ref().map(|port| Target::start_at(Place::At(port.addr()), Behaviour::Echo));
    Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    let mut records = forward.wait_for_records(3);
    // The client sees the reset before the record is written: another worker may write the next one first.
    records.sort_by_key(|record| record.json["id"].as_u64());
    let reasons: Vec<_> = records.iter().map(SessionRecord::close_reason).collect();
    assert_eq!(reasons[0], "target/connect/refused");
    assert_eq!(reasons[1..], ["target/connect/no_target"; 2]);
}

#[test]
fn a_forwards_only_target_is_never_out_of_use() {
    let port = Port::v4();
    let passive = "none_up = 'refuse'\npassive = { failures = 1, down = '1h', down_max = '1h' }";
    let forward = Forward::start(&port, passive);
    for _ in 0..3 {
        Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    }
    let _back = Target::start_at(Place::At(port.addr()), Behaviour::Echo);
    served_client(&forward);
}

#[test]
fn a_back_off_survives_an_upgrade() {
    let (dead, echo, port) = (Port::v4(), Target::start(Behaviour::Echo), Port::v4());
    let settings = "balance = 'first'\npassive = { failures = 1, down = '1h', down_max = '1h' }";
    let targets: [Addr; 2] = [(&dead).into(), (&echo).into()];
    let config = Config::new().forward_to_several(port.addr(), &targets, settings);
    let operated = Operated::start(config);
    served_client(&port);
    operated.wait_for_message("a target is down after failed connects");
    let path = format!("/v1/forwards/{}", port.addr());
    let shown = || operated.http.json(&path)["targets"].as_array().cloned().unwrap();
    let before = shown();
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    assert_eq!(states(&operated, &port), ["down", "up"]);
    let after = shown();
    let waits = [&before, &after].map(|targets| targets[0]["retry_in"].as_f64().unwrap());
    assert!(3600.0 >= waits[0] && waits[0] > waits[1] && waits[1] > 0.0, "{waits:?}");
    assert_eq!(after[1]["connect_time"], before[1]["connect_time"]);
    assert!(after[1]["connect_time"].is_number() && after[1]["retry_in"].is_null(), "{after:?}");
    let back = Target::start_at(Place::At(dead.addr()), Behaviour::Echo);
    for _ in 0..5 {
        served_client(&port);
    }
    assert_eq!((back.accepted(), echo.accepted()), (0, 6));
}

#[test]
fn without_passive_health_no_target_is_shown_as_down() {
    let (dead, echo, port) = (Port::v4(), Target::start(Behaviour::Echo), Port::v4());
    let targets: [Addr; 2] = [(&dead).into(), (&echo).into()];
    let config = |passive: &str| {
        let settings = format!("balance = 'first'\npassive = {passive}");
        Config::new().forward_to_several(port.addr(), &targets, settings)
    };
    let operated = Operated::start(config("{ failures = 1, down = '1h', down_max = '1h' }"));
    served_client(&port);
    wait_until("the target to be down", LIMIT, || states(&operated, &port) == ["down", "up"]);
    operated.reload(config("'off'"));
    wait_until("another state", LIMIT, || states(&operated, &port) == ["unreachable", "up"]);
}
