//! The admin interface keeps its address over a reload that names another one and an upgrade: the
//! change takes a restart. A file of another process is never removed.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use tempfile::TempDir;
use testkit::{Behaviour, Forwarder, Http, LIMIT, Port, Signal, Target, wait_until};

use crate::support::{forwarder, messages, ping, served_client};

const TOKEN: &str = "0123456789abcdef";

struct Scene {
    dir: TempDir,
    _echo: Target,
    forward: String,
    listen: Port,
    /// Possible ports of the admin interface.
    ports: [Port; 2],
}

impl Scene {
    fn new() -> Self {
        let (dir, echo, listen) =
            (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
        write_token(&dir.path().join("token"), TOKEN);
        let forward =
            format!("[[forward]]\nlisten = '{}'\nto = '{}'\n", listen.addr(), echo.addr());
        Self { dir, _echo: echo, forward, listen, ports: [Port::v4(), Port::v4()] }
    }

    /// A configuration with the admin interface at `place`.
    fn config(&self, place: &str) -> String {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let port = |at: usize, token: &str| {
            let address = self.ports[at].addr();
            let token = self.dir.path().join(token).display().to_string();
            format!("admin = '{address}'\nadmin_token_file = '{token}'")
        };
        let admin = match place {
            "port" => port(0, "token"),
            "another port" => port(1, "token"),
            "no token" => port(0, "nothing"),
            "socket" => format!("admin = 'unix:{}'", at("a.sock")),
            "another socket" => format!("admin = 'unix:{}'", at("b.sock")),
            other => format!("admin = '{other}'"),
        };
        format!("[process]\n{admin}\n[log]\nformat = 'json'\n{}", self.forward)
    }

    fn http(&self, place: &str) -> Http {
        match place {
            "port" => {
                let http = Http::new(self.ports[0].addr());
                http.header("Authorization", &format!("Bearer {TOKEN}"))
            }
            _ => Http::new(self.dir.path().join("a.sock")),
        }
    }
}

fn write_token(path: &Path, token: &str) {
    fs::write(path, token).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Reloads, upgrades, and waits for both.
#[track_caller]
fn reload_and_upgrade(forwarder: &Forwarder, config: &str) {
    let wait = |message: &str, signal| {
        let before = messages(forwarder, message).len();
        forwarder.signal(signal);
        wait_until(message, LIMIT, || messages(forwarder, message).len() > before);
    };
    forwarder.write_config(config);
    wait("configuration reloaded", Signal::HUP);
    wait("upgraded", Signal::USR2);
}

#[test]
fn it_keeps_its_address() {
    let changes = [
        ("port", "socket"),
        ("port", "another port"),
        ("port", "no token"),
        ("port", "off"),
        ("socket", "port"),
        ("socket", "another socket"),
        ("socket", "off"),
        ("socket", "auto"),
    ];
    for (before, after) in changes {
        let scene = Scene::new();
        let forwarder = forwarder().config(scene.config(before)).start();
        forwarder.ready();
        let client = served_client(&scene.listen);
        for upgrades in 1..3 {
            reload_and_upgrade(&forwarder, &scene.config(after));
            let status = scene.http(before).json("/v1/status");
            assert_eq!(status["upgrades"], upgrades, "{before} -> {after}");
            assert_eq!(status["last_upgrade"]["warnings"], serde_json::json!([]));
        }
        assert!(!scene.dir.path().join("b.sock").exists(), "{before} -> {after}");
        ping(&client);
        if before == "port" {
            let wrong = Http::new(scene.ports[0].addr()).header("Authorization", "Bearer wrong");
            assert_eq!(wrong.get("/v1/status").status, 401, "{before} -> {after}");
        }
        drop(client);
        forwarder.signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
        assert!(!scene.dir.path().join("a.sock").exists(), "it is removed by its maker");
    }
}

#[test]
fn a_live_socket_of_another_process_is_left_alone() {
    for place in ["a.sock", "b.sock"] {
        let scene = Scene::new();
        let forwarder = forwarder().config(scene.config("socket")).start();
        forwarder.ready();
        // At the new path, or at the old one after our own file was removed.
        let path = scene.dir.path().join(place);
        let _ = fs::remove_file(&path);
        let _other = UnixListener::bind(&path).unwrap();
        reload_and_upgrade(&forwarder, &scene.config("another socket"));
        forwarder.signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
        assert!(fs::metadata(&path).unwrap().file_type().is_socket(), "{place}");
    }
}
