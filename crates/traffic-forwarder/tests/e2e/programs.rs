//! Real servers and clients from Debian, with the forwarder between them.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Finished, LIMIT, Nginx, Server, Sshd, Tool, run};

use crate::support::Forward;

const MIB: usize = 1024 * 1024;
/// For transfers of hundreds of MiB on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// A file of random bytes.
fn random_file(path: &Path, size: usize) {
    let script = format!(r#"head -c {size} /dev/urandom > "$0""#);
    shell(&script, &[path.to_str().unwrap()]);
    assert_eq!(fs::metadata(path).unwrap().len(), size as u64);
}

#[track_caller]
fn shell(script: &str, args: &[&str]) -> Finished {
    let script = format!("set -o pipefail; {script}");
    run(Command::new("bash").args(["-c", &script]).args(args), LONG).success()
}

fn sha256(path: &Path) -> String {
    let digest = Tool::find("sha256sum").run([path], LONG).text();
    digest.split(' ').next().unwrap().to_owned()
}

/// The arguments by which most clients address a server.
fn host_and_port(addr: SocketAddr) -> [String; 4] {
    ["-h".into(), addr.ip().to_string(), "-p".into(), addr.port().to_string()]
}

#[test]
fn redis_stores_and_returns_a_value_of_512_mib() {
    let redis = Server::redis();
    let forward = Forward::start(&redis, "");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("value");
    random_file(&file, 512 * MIB);
    let cli = Tool::find("redis-cli");
    let through = host_and_port(forward.addr());
    let mut set = cli.command();
    set.args(&through).args(["-x", "SET", "value"]).stdin(File::open(&file).unwrap());
    assert_eq!(run(&mut set, LONG).success().text(), "OK\n");
    let direct = host_and_port(redis.addr());
    let length = cli.run(direct.iter().map(String::as_str).chain(["STRLEN", "value"]), LIMIT);
    assert_eq!(length.text().trim(), (512 * MIB).to_string());
    // redis-cli adds a line end to the value.
    let get = r#""$0" -h "$1" -p "$2" --raw GET value | head -c -1 | sha256sum"#;
    let program = cli.path().to_str().unwrap();
    let got = shell(get, &[program, &through[1], &through[3]]).text();
    assert_eq!(got.split(' ').next().unwrap(), sha256(&file));
    for record in forward.wait_for_records(2) {
        assert_eq!(record.close_reason(), "client/relay/fin", "{}", record.json);
    }
}

#[test]
fn redis_benchmark_runs_with_and_without_pipelining() {
    let redis = Server::redis();
    let forward = Forward::start(&redis, "");
    for pipeline in ["1", "16", "100"] {
        let through = host_and_port(forward.addr());
        let load = ["-n", "20000", "-c", "50", "-t", "ping,set,get,lpush", "-q", "-P", pipeline];
        let args = through.iter().map(String::as_str).chain(load);
        let output = Tool::find("redis-benchmark").run(args, LONG);
        let rates = output.text().matches("requests per second").count();
        assert!(rates >= 4, "{output}");
        assert!(!output.text().contains("Error") && !output.stderr.contains("Error"), "{output}");
    }
}

#[test]
fn nginx_serves_and_receives_100_mib() {
    let nginx = Nginx::start();
    let forward = Forward::start(nginx.addr(), "");
    let (down, up) = (nginx.root().join("down"), nginx.root().join("up"));
    random_file(&down, 100 * MIB);
    let (curl, url) = (Tool::find("curl"), format!("http://{}", forward.addr()));
    let copy = nginx.dir().join("copy");
    curl.run(["-sSf", "-o", copy.to_str().unwrap(), &format!("{url}/down")], LONG);
    curl.run(["-sSf", "-T", copy.to_str().unwrap(), &format!("{url}/up")], LONG);
    assert_eq!(sha256(&copy), sha256(&down), "downloaded");
    assert_eq!(sha256(&up), sha256(&down), "uploaded");
    let records = forward.wait_for_records(2);
    let bytes = 100 * MIB as u64;
    let carried = |count: &dyn Fn(u64, u64) -> u64| {
        records.iter().map(|record| count(record.bytes_up, record.bytes_down)).max().unwrap()
    };
    assert!(carried(&|up, _| up) > bytes && carried(&|_, down| down) > bytes);
}

#[test]
fn http_keeps_its_connection() {
    const REQUESTS: usize = 50;
    let nginx = Nginx::start();
    let forward = Forward::start(nginx.addr(), "");
    fs::write(nginx.root().join("page"), "a page").unwrap();
    let url = format!("http://{}/page?[1-{REQUESTS}]", forward.addr());
    let counting = ["-sSf", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", &url];
    let output = Tool::find("curl").run(counting, LONG).text();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!((lines.len(), lines[0]), (REQUESTS, "200 1"));
    assert!(lines[1..].iter().all(|line| *line == "200 0"), "{output}");
    forward.wait_for_records(1);
}

#[test]
fn scp_copies_both_ways() {
    let sshd = Sshd::start();
    let forward = Forward::start(sshd.addr(), "");
    let [file, there, back] = ["file", "there", "back"].map(|name| sshd.dir().join(name));
    random_file(&file, 20 * MIB);
    let remote = |path| sshd.remote(forward.addr(), path);
    run(sshd.scp(forward.addr()).arg(&file).arg(remote(&there)), LONG).success();
    run(sshd.scp(forward.addr()).arg(remote(&there)).arg(&back), LONG).success();
    assert_eq!(sha256(&there), sha256(&file));
    assert_eq!(sha256(&back), sha256(&file));
    let output = run(sshd.ssh(forward.addr()).arg("echo $((6 * 7))"), LONG).success();
    assert_eq!(output.text(), "42\n");
    forward.wait_for_records(3);
}

#[test]
fn iperf3_measures_both_directions_at_once() {
    let iperf3 = Server::iperf3();
    let forward = Forward::start(&iperf3, "");
    let (host, port) = (forward.addr().ip().to_string(), forward.addr().port().to_string());
    let args = ["-c", &host, "-p", &port, "--bidir", "-t", "2", "-P", "2", "--json"];
    let output = Tool::find("iperf3").run(args, LONG).text();
    let json: Value = serde_json::from_str(&output).unwrap();
    assert!(json["error"].is_null(), "{output}");
    for sum in ["sum_sent", "sum_received", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"]
    {
        let bytes = json["end"][sum]["bytes"].as_u64().unwrap();
        assert!(bytes > MIB as u64, "{sum}: {bytes}");
    }
    let megabits = |sum: &str| json["end"][sum]["bits_per_second"].as_f64().unwrap() / 1e6;
    let (up, down) = (megabits("sum_received"), megabits("sum_received_bidir_reverse"));
    println!("iperf3 --bidir through the forwarder: {up:.0} Mbit/s up, {down:.0} Mbit/s down");
}
