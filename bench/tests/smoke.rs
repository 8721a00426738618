//! Every client against its own server, for a fraction of a second.

#![expect(clippy::unwrap_used, reason = "a helper of tests panics to fail its test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value;

const TF_LOAD: &str = env!("CARGO_BIN_EXE_tf-load");

/// A server, killed on `Drop`.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(kind: &str) -> Self {
        let mut command = Command::new(TF_LOAD);
        command.args(["serve", kind]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client(target: SocketAddr, words: &str) -> Output {
    let mut command = Command::new(TF_LOAD);
    command.args(words.split(' ')).args(["--target", &target.to_string()]).stdin(Stdio::null());
    command.output().unwrap()
}

/// A client that must succeed: its result.
fn result(server: &str, words: &str) -> Value {
    let server = Server::start(server);
    let output = client(server.address, &format!("{words} --json"));
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{words}: {text}{errors}");
    serde_json::from_str(&text).unwrap()
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {json}"))
}

#[test]
fn rr_exchanges_whole_messages() {
    for words in [
        "rr --sessions 4 --size 64 --seconds 0.2 --warmup 0.05",
        "rr --sessions 2 --size 3000000 --seconds 0.3 --warmup 0.05",
    ] {
        let json = result("echo", words);
        assert!(number(&json, "/rate") > 10.0, "{json}");
        let (p50, max) = (number(&json, "/latency_us/p50"), number(&json, "/latency_us/max"));
        assert!(p50 > 1.0 && p50 <= max, "{json}");
        assert_eq!(json["errors"], serde_json::json!({}));
    }
}

#[test]
fn crr_closes_in_either_way() {
    for close in ["fin", "rst"] {
        let words = format!("crr --parallel 4 --seconds 0.2 --warmup 0.05 --close {close}");
        assert!(number(&result("echo", &words), "/operations") > 10.0);
    }
}

#[test]
fn crr_counts_errors_by_name() {
    // A port without a listener.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = client(free, "crr --parallel 2 --seconds 0.1 --warmup 0 --json");
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(number(&json, "/errors/ECONNREFUSED") > 0.0, "{json}");
}

#[test]
fn bulk_goes_every_way() {
    for (server, direction) in
        [("sink", "up"), ("mixed", "up"), ("source", "down"), ("source", "both")]
    {
        let words = format!("bulk --streams 2 --seconds 0.2 --warmup 0 --direction {direction}");
        let json = result(server, &words);
        let (up, down) = (number(&json, "/bytes_up"), number(&json, "/bytes_down"));
        assert_eq!(up > 1e6, direction != "down", "{direction}: {json}");
        assert_eq!(down > 1e6, direction != "up", "{direction}: {json}");
    }
}

#[test]
fn latency_keeps_its_rate() {
    let words = "latency --rate 2000 --sessions 3 --seconds 0.5 --warmup 0.05";
    for server in ["echo", "mixed"] {
        let json = result(server, words);
        assert_eq!(json["unanswered"], 0);
        // Each request is counted, however late: the number depends on the rate alone.
        assert!((number(&json, "/rate") - 2000.0).abs() < 20.0, "{json}");
    }
    assert!((number(&result("echo", "probe --seconds 0.3"), "/rate_asked") - 100.0).abs() < 0.1);
}

#[test]
fn idle_tells_when_all_are_open() {
    let server = Server::start("echo");
    let output = client(server.address, "idle --sessions 20");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "open 20\n");
}

#[test]
fn verify_finds_no_difference_where_there_is_none() {
    let json = result("verify", "verify --sessions 8 --seconds 0.5 --seed 5");
    assert!(number(&json, "/complete") > 5.0 && number(&json, "/bytes_up") > 0.0, "{json}");
    // After a reset, sent bytes need not have arrived.
    let received = &json["server"]["bytes_received"];
    assert!(json["resets"] != 0 || json["bytes_up"] == *received, "{json}");
}

/// Forwards to `target`, and flips one bit of the byte at `offset` of what each client sends.
fn flipping_forwarder(target: SocketAddr, offset: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(target).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || relay(from, to, Some(offset)));
            thread::spawn(move || relay(server, client, None));
        }
    });
    address
}

fn relay(mut from: TcpStream, mut to: TcpStream, flip_at: Option<usize>) {
    let (mut buffer, mut at) = ([0; 4096], 0);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(index) = flip_at.and_then(|flip| flip.checked_sub(at)).filter(|i| *i < count) {
            buffer[index] ^= 0x10;
        }
        at += count;
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn verify_finds_a_flipped_byte() {
    // The introduction is 24 bytes: the flipped byte is the 100th of the stream.
    let server = Server::start("verify");
    let between = flipping_forwarder(server.address, 24 + 100);
    let words = "verify --sessions 4 --seconds 0.3 --endings orderly --json";
    let output = client(between, words);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = json["differences"].as_array().unwrap();
    let at_100 = |it: &Value| it.as_str().is_some_and(|it| it.contains("at offset 100: got 0x"));
    assert!(found.iter().any(at_100), "{json}");
}

#[test]
fn usage_errors_are_told() {
    let output = client("127.0.0.1:1".parse().unwrap(), "rr --size 0");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: --size"));
    assert_eq!(client("127.0.0.1:1".parse().unwrap(), "rr --colour").status.code(), Some(2));
}
