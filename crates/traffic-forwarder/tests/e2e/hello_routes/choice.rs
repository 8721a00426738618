//! Which route serves a client.

use std::io::Write as _;
use std::path::PathBuf;

use testkit::{Port, Script, connect};

use super::{Scene, comes_back, config, hello, in_records, message, without_default};
use crate::support::{Config, ping, play};

const NOT_TLS: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

#[test]
fn the_name_in_the_hello_chooses_the_target() {
    let scene = Scene::start("");
    let cases = [
        ("a.test", 0),
        ("A.Test", 0),
        ("x.b.test", 1),
        ("x.y.b.test", 2),
        ("b.test", 2),
        ("other", 2),
    ];
    for (count, (name, target)) in cases.into_iter().enumerate() {
        let client = scene.is_served(&hello(name, &["h2"]), target);
        ping(&client);
        let session = scene.operated.wait_for_sessions(1).remove(0);
        assert_eq!(session["sni"], name.to_lowercase());
        assert_eq!(session["target"], scene.address(target));
        play(&client, Script::new().shutdown_write().read_to_end());
        let record = scene.operated.wait_for_records(count + 1).pop().unwrap();
        assert_eq!(record.close_reason(), "client/relay/fin", "{}", record.json);
        assert_eq!(record.json["sni"], name.to_lowercase());
        let bytes = hello(name, &["h2"]).len() + 1;
        assert_eq!(
            (&record.json["bytes_up"], &record.json["bytes_down"]),
            (&bytes.into(), &bytes.into())
        );
        scene.operated.wait_for_sessions(0);
    }
}

#[test]
fn clients_without_a_name_go_to_the_default() {
    let scene = Scene::start("");
    for bytes in [&hello("", &["h2"])[..], NOT_TLS, b"\x16", b"\x16\x03\x01\x00\x00", b"."] {
        // One byte of a record may be the beginning of a hello: only its end shows that it is none.
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(bytes).shutdown_write());
        comes_back(&client, bytes);
        play(&client, Script::new().read_to_end());
    }
    let records = scene.operated.wait_for_records(5);
    assert!(records.iter().all(|it| it.json["target"] == scene.address(2)));
    assert!(records.iter().all(|it| it.json.get("sni").is_none()));
}

#[test]
fn protocols_choose_too_and_the_first_match_serves() {
    let scene = Scene::start("");
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let routes = format!(
        "route = [{{ sni = ['a.test', '*.test'], alpn = ['postgresql', 'h2'], to = '{a}' }}, \
         {{ alpn = 'h2', to = ['{b}'] }}, {{ sni = 'a.test', to = '{other}' }}]"
    );
    let settings = format!("name = 'f'\nto = '{other}'\n{routes}");
    let listen = scene.port.addr();
    scene.operated.reload(Config::new().forward_with(listen, settings));
    for (name, protocols, target) in [
        ("a.test", &["postgresql"][..], 0),
        ("b.test", &["http/1.1", "h2"], 0),
        ("other", &["h2"], 1),
        ("", &["h2"], 1),
        ("a.test", &["http/1.1"], 2),
        ("a.test", &[], 2),
    ] {
        drop(scene.is_served(&hello(name, protocols), target));
    }
}

#[test]
fn a_hello_may_be_divided_in_any_way() {
    let scene = Scene::start("hello_timeout = '60s'");
    let message = message("x.b.test", &["h2"], 0);
    for size in [message.len(), 7, 1] {
        let bytes = in_records(&message, size);
        let mut client = connect(&scene.port).unwrap();
        client.set_tcp_nodelay(true).unwrap();
        for byte in &bytes {
            client.write_all(&[*byte]).unwrap();
        }
        comes_back(&client, &bytes);
        ping(&client);
    }
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [0, 3, 0]);
}

/// Data stand behind the hello in the same segment.
#[test]
fn hellos_of_up_to_64_kib_are_read() {
    let scene = Scene::start("hello_timeout = '60s'");
    for (padding, size) in [(1_800, 1 << 14), (60_000, 1 << 14), (9_000, 1)] {
        let hello = in_records(&message("x.b.test", &[], padding), size);
        drop(scene.is_served(&[&hello[..], b"early data"].concat(), 1));
    }
    // The length of a longer one says at once that it counts as none.
    let longer = in_records(&message("x.b.test", &[], 65_500), 100);
    drop(scene.is_served(&longer[..105], 2));
}

#[test]
fn without_a_default_other_clients_are_reset() {
    let scene = Scene::start("");
    let config = without_default(&scene.port, &scene.targets, "hello_timeout = '300ms'");
    scene.operated.reload(config);
    drop(scene.is_served(&hello("a.test", &[]), 0));
    scene.operated.wait_for_records(1);
    for (count, bytes) in [NOT_TLS, &hello("other", &[]), b""].into_iter().enumerate() {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(bytes).read_to_reset());
        let record = scene.operated.wait_for_records(count + 2).pop().unwrap();
        assert_eq!(record.close_reason(), "limit/greet/no_route", "{}", record.json);
        let name = (count == 1).then_some("other");
        assert_eq!(record.json.get("sni").and_then(|it| it.as_str()), name);
        assert!(record.json["target"].is_null());
    }
    assert_eq!(scene.targets[2].accepted(), 0);
}

#[test]
fn listeners_of_every_family_read_hellos() {
    let scene = Scene::start("");
    let (v6, dir) = (Port::v6(), tempfile::TempDir::new().unwrap());
    let path = dir.path().join("socket");
    let [a, b] = [0, 1].map(|target| scene.address(target));
    let routes =
        format!("route = [{{ sni = 'a.test', to = '{a}' }}, {{ sni = '*.b.test', to = '{b}' }}]");
    let config = config(scene.port.addr(), &scene.targets, "");
    let config = config.forward_with(v6.addr(), &routes);
    scene.operated.reload(config.forward_with(format!("unix:{}", path.display()), &routes));
    for target in [0, 1] {
        let hello = hello(["a.test", "x.b.test"][target], &[]);
        let clients = [
            connect(&scene.port).unwrap(),
            connect(&v6).unwrap(),
            connect(PathBuf::from(&path)).unwrap(),
        ];
        for mut client in clients {
            client.write_all(&hello[..20]).unwrap();
            client.write_all(&hello[20..]).unwrap();
            comes_back(&client, &hello);
        }
        assert_eq!(scene.targets[target].accepted(), 3);
    }
}
