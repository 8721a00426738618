//! `demo`: everything in one process, and a verdict.

use std::io::{Read, Write};

use testkit::{Finished, Forwarder, LIMIT, Listener, Place, Port, Signal, wait_for};

use crate::support::forwarder;

/// The forward's listen address, from the output.
fn listen_address(stdout: &[String]) -> Option<String> {
    let line = stdout.iter().find_map(|line| line.strip_prefix("forward  "))?;
    Some(line.split_once(" -> ")?.0.to_owned())
}

#[track_caller]
fn is_all_right(finished: &Finished) -> String {
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let stdout: Vec<_> = finished.text().lines().map(str::to_owned).collect();
    assert_eq!(stdout.iter().filter(|line| line.starts_with("ok ")).count(), 3, "{finished}");
    assert!(!finished.text().contains("WRONG"), "{finished}");
    assert_eq!(finished.stderr, "", "its result is all there is to read: {finished}");
    listen_address(&stdout).unwrap_or_else(|| panic!("no forward: {finished}"))
}

#[test]
fn once_checks_itself_and_exits() {
    let port = Port::v4();
    let finished = forwarder().args(["demo", "--once", "--port", &port.to_string()]).run();
    assert_eq!(is_all_right(&finished), port.addr().to_string());
}

#[test]
fn a_taken_port_is_no_obstacle() {
    let taken = Listener::bind(Place::V4);
    let port = taken.addr().tcp().port().to_string();
    let finished = forwarder().args(["demo", "--once", "--port", &port]).run();
    assert_ne!(is_all_right(&finished), taken.addr().to_string());
    assert!(finished.text().contains(&format!("(port {port} is in use)")), "{finished}");
}

#[test]
fn two_demos_run_at_once() {
    let first = forwarder().arg("demo").start();
    wait_for("its address", LIMIT, || listen_address(&first.stdout()));
    is_all_right(&forwarder().args(["demo", "--once"]).run());
}

#[test]
fn it_runs_until_interrupted() {
    let port = Port::v4();
    let demo: Forwarder = forwarder().args(["demo", "--port", &port.to_string()]).start();
    let url = wait_for("a URL to try", LIMIT, || {
        let stdout = demo.stdout();
        let line = stdout.iter().find(|line| line.contains("Try it:"))?;
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    });
    let page = testkit::Tool::find("curl").run(["-sSf", &url], LIMIT).text();
    assert!(page.contains("It works"), "{page}");
    demo.wait_for_line("the record of that session", LIMIT, |line| line.contains(" closed #4 "));
    let admin = wait_for("how to watch it", LIMIT, || {
        let stdout = demo.stdout();
        let line = stdout.iter().find(|line| line.contains("traffic-forwarder top --admin "))?;
        line.split_whitespace().last().map(str::to_owned)
    });
    let status = forwarder().args(["status", "--admin", &admin]).run().success();
    assert!(status.text().contains("4 since the start"), "{status}");
    let folder = admin.strip_prefix("unix:").unwrap().strip_suffix("/admin.sock").unwrap();
    assert!(std::path::Path::new(folder).exists());
    demo.signal(Signal::INT);
    assert_eq!(demo.wait_exit(LIMIT).code(), Some(0));
    assert!(!std::path::Path::new(folder).exists(), "it is removed");
}

/// The page is there as soon as the self-check has ended: a script may then end the demo.
#[test]
fn a_stop_after_the_first_page_is_a_success() {
    for _ in 0..4 {
        let port = Port::v4();
        let demo = forwarder().args(["demo", "--port", &port.to_string()]).start();
        wait_for("the page", LIMIT, || {
            let mut stream = std::net::TcpStream::connect(port.addr()).ok()?;
            let mut page = String::new();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
            stream.read_to_string(&mut page).ok()?;
            page.contains("It works").then_some(())
        });
        demo.signal(Signal::TERM);
        assert_eq!(demo.wait_exit(LIMIT).code(), Some(0), "{:?}", demo.stderr());
    }
}

/// The listener closes at once: the rest of the self-check fails, which is no fault of forwarding.
#[test]
fn a_stop_during_the_self_check_is_not_reported_as_a_wrong_result() {
    for _ in 0..8 {
        let port = Port::v4();
        let demo = forwarder().args(["demo", "--port", &port.to_string()]).start();
        wait_for("a result", LIMIT, || {
            demo.stdout().iter().any(|line| line.starts_with("ok ")).then_some(())
        });
        demo.signal(Signal::TERM);
        demo.wait_exit(LIMIT);
        let (stdout, stderr) = (demo.stdout(), demo.stderr());
        assert!(!stdout.iter().any(|line| line.starts_with("WRONG")), "{stdout:?}");
        let is_whole = stdout.iter().filter(|line| line.starts_with("ok ")).count() == 3;
        let is_stopped =
            stderr.iter().any(|line| line.contains("before the end of its self-check"));
        assert!(is_whole || is_stopped, "{stdout:?} {stderr:?}");
    }
}
