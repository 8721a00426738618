//! The figures on the screen: they are true, they move, and critical ones are red.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;

use testkit::{Http, LIMIT, wait_until};

use super::{Stage, send};
use crate::support::served_client;

#[test]
fn figures_at_rest_equal_the_metrics_to_the_byte() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    send(&client, 123_456);
    let http = Http::new(PathBuf::from(stage.console.path("admin.sock")));
    let sum = |lane: &str| -> u64 {
        let metrics = http.get("/metrics").success().body;
        let name = "traffic_forwarder_bytes_total";
        let of_lane = |line: &&str| line.starts_with(name) && line.contains(&format!("\"{lane}\""));
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        metrics.lines().filter(of_lane).filter_map(number).sum()
    };
    // The last byte may arrive before it is counted.
    wait_until("all bytes", LIMIT, || (sum("up"), sum("down")) == (123_457, 123_457));
    stage.open();
    stage.terminal.wait_for("the totals", |_| {
        let total = |lane: &str| stage.row(lane).windows(2).any(|pair| pair == ["121", "KiB"]);
        total("up") && total("down")
    });
    stage.terminal.press(["Tab"]);
    stage.wait_for_ids(&[1]);
    stage.terminal.press(["Enter"]);
    stage.terminal.shows(&format!("bytes       {} B up, {} B down", sum("up"), sum("down")));
}

#[test]
fn figures_move_under_load() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    let (stop, stopped) = channel::<()>();
    let load = thread::spawn(move || {
        while stopped.try_recv().is_err() {
            send(&client, 1000);
        }
    });
    let rate = || {
        let row = stage.row("db");
        let sessions = row.iter().position(|cell| cell.ends_with("/1000"))?;
        row.get(sessions + 1..sessions + 3).map(|rate| rate.join(" "))
    };
    let moves = |rate: Option<String>| rate.is_some_and(|rate| !rate.starts_with("0 "));
    stage.terminal.wait_for("a rate", |_| moves(rate()));
    let mut seen = HashSet::new();
    wait_until("three totals", LIMIT, || {
        seen.insert(stage.row("up"));
        seen.len() >= 3
    });
    assert!(stage.terminal.screen().contains('█'), "the trend is drawn");
    stop.send(()).unwrap();
    load.join().unwrap();
    stage.terminal.wait_for("rest", |_| rate().is_some_and(|rate| rate.starts_with("0 ")));
}

#[test]
fn conditions_that_need_action_are_red() {
    let stage = Stage::new();
    let _clients = [(); 3].map(|()| served_client(&stage.web));
    stage.open();
    // In the second colour of the terminal's palette.
    let limit = "\x1b[38;5;1m3/3";
    wait_until("the limit in red", LIMIT, || stage.terminal.coloured_screen().contains(limit));
}
