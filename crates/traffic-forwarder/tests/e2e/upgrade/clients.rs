//! Real clients and real servers across several upgrades: none notices.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::{
    Addr, Gate, LIMIT, Nginx, Port, Script, Server, Sshd, Tool, connect, run, wait_until,
};

use super::upgrading::start;
use crate::support::{Config, Operated, play};

const MIB: usize = 1024 * 1024;
/// For a transfer on a busy machine.
const LONG: Duration = Duration::from_secs(120);

struct Forward {
    operated: Operated,
    port: Port,
}

impl Forward {
    fn start(to: impl Into<Addr>) -> Self {
        let (port, to) = (Port::v4(), to.into());
        let config = Config::new().process("workers = 2").forward(port.addr(), to, "");
        Self { operated: start(config), port }
    }

    fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Runs a client to its end with one upgrade after the other, at least one.
    fn upgrades_while<T: Send>(&self, client: impl FnOnce() -> T + Send) -> T {
        const AT_LEAST: u32 = 3;
        let over = Gate::new();
        thread::scope(|scope| {
            let running = scope.spawn(|| {
                let result = client();
                over.open();
                result
            });
            wait_until("a session", LIMIT, || !self.operated.sessions().is_empty());
            let mut upgrades = 0;
            while !over.is_open() && !running.is_finished() {
                assert_eq!(self.operated.upgrade()["lost"], 0);
                upgrades += 1;
            }
            let result = running.join().unwrap();
            assert!(upgrades >= AT_LEAST, "{upgrades} upgrades");
            result
        })
    }
}

fn random_file(path: &Path, size: usize) {
    let script = format!(r#"head -c {size} /dev/urandom > "$0""#);
    run(Command::new("sh").args(["-c", &script]).arg(path), LONG).success();
}

fn are_equal(one: &Path, other: &Path) {
    run(Command::new("cmp").args([one, other]), LONG).success();
}

#[test]
fn scp_copies_a_file() {
    let sshd = Sshd::start();
    let forward = Forward::start(sshd.addr());
    let [file, there] = ["file", "there"].map(|name| sshd.dir().join(name));
    random_file(&file, 100 * MIB);
    let remote = sshd.remote(forward.addr(), &there);
    forward.upgrades_while(|| {
        // A bandwidth limit, so that the copy lasts for several upgrades.
        let mut scp = sshd.scp(forward.addr());
        run(scp.args(["-l", "600000"]).arg(&file).arg(remote), LONG).success();
    });
    are_equal(&file, &there);
}

/// A child process, killed on drop.
struct Typing(Child);

impl Drop for Typing {
    fn drop(&mut self) {
        // An error means that it has exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_ssh_session_stays_interactive() {
    let sshd = Sshd::start();
    let forward = Forward::start(sshd.addr());
    let mut ssh = sshd.ssh(forward.addr());
    let child = ssh.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Typing(child);
    let (mut keys, mut screen) = (child.0.stdin.take().unwrap(), child.0.stdout.take().unwrap());
    let mut echo = [0; 1];
    for key in b"uptime\n" {
        keys.write_all(&[*key]).unwrap();
        screen.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [*key]);
        forward.operated.upgrade();
    }
    drop(keys);
    assert_eq!(screen.read(&mut echo).unwrap(), 0);
    wait_until("its end", LIMIT, || child.0.try_wait().unwrap().is_some());
    assert!(child.0.wait().unwrap().success());
    let record = forward.operated.wait_for_records(1).remove(0);
    // The client sends SSH_MSG_DISCONNECT and exits, and the server closes when it reads that message:
    // either FIN may be the first.
    let reason = record.close_reason();
    assert!(["client/relay/fin", "target/relay/fin"].contains(&&*reason), "{}", record.json);
}

#[test]
fn a_redis_monitor_sees_all_commands() {
    const ROUNDS: usize = 10;
    let redis = Server::redis();
    let forward = Forward::start(&redis);
    let monitor = connect(forward.addr()).unwrap();
    play(&monitor, Script::new().write_bytes("MONITOR\r\n").read_exactly(5));
    let client = connect(redis.addr()).unwrap();
    for round in 0..ROUNDS {
        let set = format!("SET key {round}\r\n");
        play(&client, Script::new().write_bytes(set).read_exactly(5));
        forward.operated.upgrade();
    }
    // +1700000000.000000 [0 127.0.0.1:40000] "SET" "key" "9"\r\n
    let line = "+1700000000.000000 [0 ] \"SET\" \"key\" \"9\"\r\n".len();
    let line = line + client.local_addr().unwrap().as_socket().unwrap().to_string().len();
    let seen = play(&monitor, Script::new().read_exactly((line * ROUNDS) as u64)).bytes;
    let seen = String::from_utf8(seen).unwrap();
    for (round, line) in seen.lines().enumerate() {
        assert!(line.ends_with(&format!("\"SET\" \"key\" \"{round}\"")), "{line}");
    }
}

#[test]
fn curl_downloads_and_uploads() {
    let nginx = Nginx::start();
    let forward = Forward::start(nginx.addr());
    let (down, up, copy) =
        (nginx.root().join("down"), nginx.root().join("up"), nginx.dir().join("copy"));
    random_file(&down, 100 * MIB);
    let (curl, url) = (Tool::find("curl"), format!("http://{}", forward.addr()));
    let copy = copy.to_str().unwrap();
    let slowly = ["-sSf", "--limit-rate", "80M"];
    forward.upgrades_while(|| {
        let down = format!("{url}/down");
        curl.run(slowly.into_iter().chain(["-o", copy, &down]), LONG);
    });
    are_equal(&down, Path::new(copy));
    forward.upgrades_while(|| {
        let up = format!("{url}/up");
        curl.run(slowly.into_iter().chain(["-T", copy, &up]), LONG);
    });
    are_equal(&down, &up);
    assert_eq!(fs::metadata(&up).unwrap().len(), (100 * MIB) as u64);
}

#[test]
fn iperf3_keeps_measuring() {
    let iperf3 = Server::iperf3();
    let forward = Forward::start(&iperf3);
    let (host, port) = (forward.addr().ip().to_string(), forward.addr().port().to_string());
    let output = forward.upgrades_while(|| {
        let args = ["-c", &host, "-p", &port, "--bidir", "-t", "2", "-P", "2", "--json"];
        Tool::find("iperf3").run(args, LONG).text()
    });
    let json: Value = serde_json::from_str(&output).unwrap();
    assert!(json["error"].is_null(), "{output}");
    for sum in ["sum_sent", "sum_received", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"]
    {
        let bytes = json["end"][sum]["bytes"].as_u64().unwrap();
        assert!(bytes > MIB as u64, "{sum}: {bytes}");
    }
}
