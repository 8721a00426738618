//! Commands without a usable running process: it is absent, denies access, or is another program.
//! The error names the address, the problem and the remedy.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use serde_json::{Value, json};
use testkit::{Forwarder, copy_program};

use crate::support::{BINARY, Console, close_listener, forwarder};

const COMMANDS: [&[&str]; 8] = [
    &["status"],
    &["sessions"],
    &["kill", "1"],
    &["drain", "web"],
    &["resume", "web"],
    &["reload"],
    &["plan"],
    &["confirm"],
];

#[test]
fn every_command_names_the_address_it_tried() {
    let console = Console::new();
    for command in COMMANDS {
        let refusal = console.refused(command, 1);
        for words in [&*console.admin(), "there is no such socket", "is it running?", "--admin"] {
            assert!(refusal.contains(words), "`{words}` is missing: {refusal}");
        }
    }
}

#[test]
fn a_watch_does_not_wait_for_a_process_that_never_ran() {
    assert!(Console::new().refused(&["status", "--watch"], 1).contains("no running"));
}

#[test]
fn a_stale_socket() {
    let console = Console::new();
    let socket = console.path("admin.sock");
    close_listener(UnixListener::bind(&socket).unwrap());
    assert!(console.refused(&["status"], 1).contains("left the socket file behind"));
}

/// As a user without privileges, whether the tests run as root or not.
#[test]
fn a_socket_of_another_user() {
    let console = Console::new();
    let socket = console.path("admin.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let owner = fs::metadata(&socket).unwrap().uid();
    let directory = console.path("");
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o000)).unwrap();
    let arguments = ["status".to_owned(), "--admin".to_owned(), console.admin()];
    let (builder, who) = if owner == 0 {
        let copy = console.path("traffic-forwarder");
        copy_program(BINARY, &copy);
        let unprivileged = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        (Forwarder::binary("setpriv").args(unprivileged).arg(copy), "only root may".to_owned())
    } else {
        (forwarder(), format!("the user with the id {owner} and root may"))
    };
    let finished = builder.args(arguments).run();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    assert!(finished.stderr.contains(&who), "{finished}");
}

/// A socket of `admin_group`, for a user that is not in the group: the kernel denies the connection or, with a mode
/// for all users, the process does.
#[test]
fn a_socket_of_a_group_names_the_group() {
    const JOIN: &str = "ask its administrator to add USER";
    let cases = [
        (0o660, format!("members of the group with the id 64998 may connect; {JOIN}")),
        (0o666, format!("is the group with the id 64998; {JOIN}")),
    ];
    for (mode, expected) in cases {
        let console = Console::new();
        let socket = console.path("admin.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        if fs::metadata(&socket).unwrap().uid() != 0 {
            // Only root gives a file to another group.
            return;
        }
        fs::set_permissions(console.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        fs::set_permissions(&socket, PermissionsExt::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&socket, None, Some(64_998)).unwrap();
        let copy = console.path("traffic-forwarder");
        copy_program(BINARY, &copy);
        let unprivileged = ["--reuid=64999", "--regid=64997", "--clear-groups"];
        let command = Forwarder::binary("setpriv").args(unprivileged).arg(copy);
        let command = command.args(["status", "--admin", &console.admin()]);
        let accepting = listener.try_clone().unwrap();
        let server = (mode == 0o666).then(|| thread::spawn(move || drop(accepting.accept())));
        let finished = command.run();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        assert!(finished.stderr.contains(&expected), "{finished}");
        if let Some(server) = server {
            server.join().unwrap();
        }
    }
}

/// Reads the head of a request, which is all of it.
fn read_request(stream: &mut UnixStream) -> String {
    let (mut question, mut chunk) = (Vec::new(), [0; 1024]);
    while !question.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut chunk).unwrap();
        question.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(question).unwrap()
}

/// Accepts one connection, reads the request, and sends these bytes.
fn serve_once(console: &Console, answer: &'static str) -> thread::JoinHandle<String> {
    let _ = fs::remove_file(console.path("admin.sock"));
    let listener = UnixListener::bind(console.path("admin.sock")).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let question = read_request(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        question
    })
}

#[test]
fn answers_of_another_program() {
    let console = Console::new();
    let cases = [
        ("", "closed the connection without an answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "not one of traffic-forwarder"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "breaks off"),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            "is not the admin interface of a traffic-forwarder: it answers 502",
        ),
        ("SSH-2.0-OpenSSH\r\n", "is not the admin interface"),
    ];
    for (answer, expected) in cases {
        let serve_once = serve_once(&console, answer);
        let said = console.refused(&["reload", "--confirm", "90s"], 1);
        assert!(said.contains(expected) && said.contains(&console.admin()), "{answer:?}: {said}");
        let question = serve_once.join().unwrap();
        assert!(question.starts_with("POST /v1/reload?confirm=1m30s HTTP/1.1\r\n"), "{question}");
    }
}

/// The result of a command that another program answers with an error of this code and message.
fn error_of_another(code: &str, message: &str, arguments: &[&str]) -> String {
    let console = Console::new();
    let body = json!({ "error": { "code": code, "message": message } }).to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 409 Conflict\r\nContent-Length: {length}\r\n\r\n{body}");
    let server = serve_with(&console, move |mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
    });
    let said = console.refused(arguments, if code == "invalid_config" { 2 } else { 1 });
    server.join().unwrap();
    said
}

#[test]
fn a_message_of_another_program_forges_no_line() {
    let said = error_of_another("busy", "no\nreloaded: generation 9\n", &["reload"]);
    assert_eq!(said.lines().next(), Some("error: no\\nreloaded: generation 9"), "{said}");
    for code in ["invalid_config", "unfit", "refused_by_binary"] {
        let said = error_of_another(code, "error: no\nreloaded: generation 9\n", &["reload"]);
        assert!(said.contains("error: no\n  reloaded: generation 9\n"), "{code}: {said}");
    }
}

#[test]
fn a_message_of_another_program_is_cut() {
    for (code, limit) in [("busy", 5 << 10), ("unfit", 65 << 10), ("invalid_config", 65 << 10)] {
        let said = error_of_another(code, &"x".repeat(3_000_000), &["reload"]);
        assert!(said.len() < limit && said.contains("(cut: the message has "), "{}", said.len());
    }
}

#[test]
fn json_of_another_program_moves_no_cursor() {
    let message = "a\u{9b}2Jb\u{202e}c";
    let said = error_of_another("busy", message, &["status", "--json"]);
    assert!(said.contains(r"a\u009b2Jb\u202ec"), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["error"]["message"], message);
}

/// Accepts one connection, and serves it.
fn serve_with(
    console: &Console,
    serve: impl FnOnce(UnixStream) + Send + 'static,
) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(console.path("admin.sock")).unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0))
}

#[test]
fn a_connection_that_is_closed_before_the_request_is_read() {
    let console = Console::new();
    let server = serve_with(&console, drop);
    let said = console.refused(&["status"], 1);
    for words in ["closed the connection without an answer", "stopping", "admin request denied"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
    server.join().unwrap();
}

#[test]
fn an_endless_answer_ends_the_command() {
    let console = Console::new();
    let server = serve_with(&console, |mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (part, mut sent) = (vec![b' '; 1 << 20], 0);
        while sent < 512 && stream.write_all(&part).is_ok() {
            sent += 1;
        }
        assert!(sent < 512, "the command reads on");
    });
    let said = console.refused(&["status"], 1);
    for words in ["the answer has more than 256 MiB", "another program", "`status NAME`"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
    server.join().unwrap();
}

#[test]
fn an_endless_token_file_is_refused() {
    let arguments = ["status", "--admin", "127.0.0.1:1", "--token-file", "/dev/zero"];
    let finished = forwarder().args(arguments).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.stderr.contains("`/dev/zero` is longer than 64 KiB"), "{finished}");
}

#[test]
fn invalid_requests_are_not_sent() {
    let cases: [&[&str]; 7] = [
        &["kill", "one"],
        &["sessions", "--sort", "size"],
        &["sessions", "--client", "localhost"],
        &["reload", "--confirm", "5"],
        &["reload", "--confirm", "5s", "--dry-run"],
        &["status", "--watch", "0"],
        &["status", "--admin", "192.0.2.1:9180"],
    ];
    for arguments in cases {
        let finished = forwarder().args(arguments).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
    }
}
