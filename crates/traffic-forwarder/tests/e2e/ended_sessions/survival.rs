//! Kept records over reloads, trials, upgrades and the shutdown.

use testkit::{Behaviour, LIMIT, Port, Signal, Target, wait_until};

use super::{end, ended, ids, wait_for_ended};
use crate::support::{Config, Operated, forwarder, served_client};

fn named(port: &Port, target: &Target, name: &str) -> Config {
    Config::new().forward(port.addr(), target.addr(), format!("name = '{name}'"))
}

#[test]
fn records_stay_when_their_forward_is_renamed_and_forgotten() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(named(&port, &target, "web"));
    end(&served_client(&port));
    wait_for_ended(&operated, 1);
    operated.reload(named(&port, &target, "shop"));
    let is_forgotten = || operated.http.ask("GET", "/v1/forwards/web").status == 404;
    wait_until("the old name to be forgotten", LIMIT, is_forgotten);
    end(&served_client(&port));
    wait_for_ended(&operated, 2);
    assert_eq!(ids(&operated, "forward=web"), [1]);
    assert_eq!(ids(&operated, "text=we"), [1]);
    assert_eq!(ids(&operated, "forward=shop"), [2]);
    assert_eq!(ended(&operated, "forward=web")["sessions"][0]["forward"], "web");
}

#[test]
fn a_fall_back_keeps_the_records_of_the_trial() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(named(&port, &target, "web"));
    let since = ended(&operated, "")["since"].clone();
    operated.write(named(&port, &target, "trial"));
    operated.http.post("/v1/reload?confirm=1s").success();
    end(&served_client(&port));
    wait_for_ended(&operated, 1);
    wait_until("the fall-back", LIMIT, || {
        operated.http.ask("GET", "/v1/forwards/web").status == 200
    });
    assert_eq!(ids(&operated, "forward=trial"), [1]);
    assert_eq!(ended(&operated, "")["since"], since);
}

#[test]
fn an_upgrade_begins_anew_and_says_since_when() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = Operated::start(named(&port, &target, "web"));
    end(&served_client(&port));
    wait_for_ended(&operated, 1);
    let (open, before) = (served_client(&port), ended(&operated, ""));
    let admin = operated.socket().to_string();
    forwarder().args(["upgrade", "--admin", &admin]).run().success();
    let after = ended(&operated, "");
    assert_eq!(after["total"], 0);
    assert!(after["since"].as_str() > before["sessions"][0]["ended"].as_str(), "{after}");
    // The session that was taken over has a whole record.
    end(&open);
    wait_for_ended(&operated, 1);
    let session = &ended(&operated, "")["sessions"][0];
    assert_eq!((&session["id"], &session["bytes_up"]), (&2.into(), &1.into()), "{session}");
}

#[test]
fn sessions_that_end_in_a_drain_and_in_the_shutdown_are_listed() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = named(&port, &target, "web").process("shutdown_timeout = '1m'");
    let operated = Operated::start(config);
    let [drained, stopped, _open] = [(); 3].map(|()| served_client(&port));
    operated.http.post("/v1/forwards/web/drain").success();
    end(&drained);
    wait_for_ended(&operated, 1);
    operated.signal(Signal::TERM);
    wait_until("the shutdown", LIMIT, || operated.http.ask("GET", "/readyz").status == 503);
    end(&stopped);
    wait_for_ended(&operated, 2);
    for session in ended(&operated, "")["sessions"].as_array().unwrap() {
        let close = &session["close"];
        assert_eq!((&close["by"], &close["phase"]), (&"client".into(), &"drain".into()));
    }
}
