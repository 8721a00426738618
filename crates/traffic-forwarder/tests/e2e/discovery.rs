//! How the commands locate the process, and their errors if it is absent or another program
//! answers.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use testkit::{Finished, Port};

use crate::support::{Config, Console, Forward, forwarder};

const VARIABLE: &str = "TRAFFIC_FORWARDER_ADMIN";

fn served(config: Config) -> Forward {
    Forward::start_with(config, Port::v4().addr(), "name = 'web'")
}

#[track_caller]
fn refuses(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.status.code(), Some(code), "{finished}");
    for word in words {
        assert!(finished.stderr.contains(word), "`{word}` is missing: {finished}");
    }
}

#[test]
fn a_path_is_a_socket() {
    let console = Console::new();
    let _forward = served(Config::new().admin(&console.admin()));
    forwarder().args(["status", "--admin", &console.path("admin.sock")]).run().success();
}

#[test]
fn the_configuration_of_the_process_gives_the_address() {
    let (console, port) = (Console::new(), Port::v4());
    let token = console.file("token", "the-one-that-opens-the-door\n");
    let token = format!("admin_token_file = '{token}'");
    for admin in [console.admin(), port.addr().to_string()] {
        let config = Config::new().admin(&admin);
        let config = if admin == console.admin() { config } else { config.process(&token) };
        let forward = served(config);
        let file = forward.config_path();
        let shown = forwarder().args(["status", "-c"]).arg(&file).run().success();
        assert!(shown.text().contains("web"), "{shown}");
        // An explicit option takes precedence.
        let elsewhere = ["--admin", "unix:/no/such/socket"];
        let other = forwarder().arg("status").arg("-c").arg(&file).args(elsewhere).run();
        refuses(&other, 1, &["unix:/no/such/socket: there is no such socket"]);
    }
}

#[test]
fn an_invalid_configuration_or_one_without_an_address_is_reported() {
    let console = Console::new();
    let off = console.file("off.toml", &Config::new().forward(":1", "h:1", "").text());
    let finished = forwarder().args(["status", "-c", &off]).run();
    refuses(&finished, 2, &["off.toml` has `admin = \"off\"`: its process has no admin interface"]);
    let wrong = console.file("wrong.toml", "[process]\nworkrs = 2\n");
    let finished = forwarder().args(["drain", "web", "-c", &wrong]).run();
    refuses(&finished, 2, &["did you mean `workers`?", "with --admin, no file is needed"]);
}

#[test]
fn the_environment_gives_the_address_last() {
    let console = Console::new();
    let forward = served(Config::new().admin(&console.admin()));
    let status = |place: &str| forwarder().env(VARIABLE, place).arg("status");
    let shown = status(&console.admin()).run().success();
    assert!(shown.text().contains("web"), "{shown}");
    status("unix:/no/such/socket").args(["--admin", &console.admin()]).run().success();
    status("unix:/no/such/socket").arg("-c").arg(forward.config_path()).run().success();
    refuses(&status("unix:/no/such/socket").run(), 1, &["/no/such/socket: there is no such"]);
    refuses(&status("nowhere").run(), 2, &["TRAFFIC_FORWARDER_ADMIN=nowhere: write unix:/PATH"]);
}

#[test]
fn a_wrong_token_and_a_file_without_one_get_different_errors() {
    let (console, port) = (Console::new(), Port::v4());
    let admin = port.addr().to_string();
    let token = console.file("token", "the-one-that-opens-the-door\n");
    let wrong = console.file("wrong", "another-one-that-does-not");
    let empty = console.file("empty", "\n");
    let config = Config::new().admin(&admin);
    let _forward = served(config.process(&format!("admin_token_file = '{token}'")));
    let ask =
        |file: &str| forwarder().args(["status", "--admin", &admin, "--token-file", file]).run();
    let not_his = format!("the process at {admin} rejects the token in `{wrong}`");
    refuses(&ask(&wrong), 1, &[&not_his]);
    let missing = ["the token file `nope` cannot be read: no such file"];
    refuses(&ask("nope"), 2, &missing);
    refuses(&ask(&empty), 2, &["empty` contains no token"]);
    let upgrade = ["upgrade", "--binary", "/bin/true", "--admin", &admin, "--token-file", &token];
    refuses(&forwarder().args(upgrade).run(), 1, &["only for callers on the Unix socket"]);
}

/// Any other server listens on the port.
#[test]
fn another_server_on_the_port_is_recognized() {
    let console = Console::new();
    let token = console.file("token", "the-one-that-opens-the-door\n");
    let answers: [&[u8]; 2] =
        [b"SSH-2.0-serve_once\r\n", b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope"];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = listener.local_addr().unwrap().to_string();
        let serve_once = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer).unwrap();
            // Until the request has arrived and the client has disconnected.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let finished =
            forwarder().args(["status", "--admin", &admin, "--token-file", &token]).run();
        let what = "this is not the admin interface of a traffic-forwarder";
        refuses(&finished, 1, &[&format!("{admin}: {what}")]);
        serve_once.join().unwrap();
    }
}
