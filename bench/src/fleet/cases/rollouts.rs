//! Texts that are good, taken back, refused, or fall back.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Case;
use crate::failure::{Context, Failure, Result};
use crate::fleet::scene::{HOLD, Scene, finish};
use crate::fleet::texts::{Extra, extra_listener};

pub(super) const CASES: [Case; 5] = [
    Case {
        key: "publish",
        title: "a text is published at all instances at once",
        is_quick: false,
        play: at_once,
    },
    Case {
        key: "canary",
        title: "a text is published at one instance, then at all",
        is_quick: true,
        play: canary,
    },
    Case {
        key: "back",
        title: "`rollout back` returns to the text before",
        is_quick: true,
        play: back,
    },
    Case {
        key: "refused",
        title: "a text is refused: a port is taken at one instance",
        is_quick: true,
        play: refused,
    },
    Case {
        key: "falls-back",
        title: "a text falls back: its new target refuses connections",
        is_quick: true,
        play: falls_back,
    },
];

/// Longer than any test waits.
const LONG_HOLD: &str = "60s";
/// Time between two clients of a forward that does not work.
const PACE: Duration = Duration::from_millis(20);

fn at_once(scene: &mut Scene) -> Result<String> {
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    scene.run(&["publish", &file, "--hold", HOLD], 0)?;
    scene.settle(version)?;
    Ok("all run it".to_owned())
}

fn canary(scene: &mut Scene) -> Result<String> {
    scene.publish(Extra::None)?;
    Ok("all run it".to_owned())
}

fn back(scene: &mut Scene) -> Result<String> {
    let before = scene.stable.clone();
    scene.publish(Extra::Serves)?;
    scene.run(&["rollout", "back"], 0)?;
    scene.settle(before)?;
    Ok("all run the text before".to_owned())
}

/// Takes the port of a further forward at an instance.
pub(in crate::fleet) fn take_port(instance: u16) -> Result<TcpListener> {
    TcpListener::bind(extra_listener(instance)).context("take a port")
}

fn refused(scene: &mut Scene) -> Result<String> {
    let taken = take_port(1)?;
    let before = scene.stable.clone();
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    let lines = scene.run(&["publish", &file, "--hold", LONG_HOLD], 1)?;
    expect(&lines, "edge-2 refused it")?;
    drop(taken);
    scene.settle(before)?;
    Ok("`publish` ended with 1, all run the text before".to_owned())
}

fn falls_back(scene: &mut Scene) -> Result<String> {
    let before = scene.stable.clone();
    let version = scene.next(Extra::Refuses);
    let file = scene.file(&version)?;
    let publisher = scene.begin(&["publish", &file, "--canary", "edge-2", "--hold", LONG_HOLD]);
    let lines = with_clients(extra_listener(1), || finish(&publisher, 1))?;
    expect(&lines, "connects to targets failed")?;
    scene.settle(before)?;
    Ok("`publish` ended with 1, all run the text before".to_owned())
}

/// Runs `act` while clients connect to a forward, one after the other.
pub(in crate::fleet) fn with_clients<T>(to: SocketAddr, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // Refused as long as no instance listens.
                drop(TcpStream::connect(to));
                thread::sleep(PACE);
            }
        });
        let result = act();
        is_over.store(true, Ordering::SeqCst);
        result
    })
}

/// An error unless a command has printed this.
pub(super) fn expect(lines: &str, part: &str) -> Result<()> {
    if lines.contains(part) {
        return Ok(());
    }
    Err(Failure::new(format!("no line says `{part}`: {lines}")))
}
