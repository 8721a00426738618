//! Upgrades while a resource of the process is missing, unwritable or slow: the command's answer,
//! and sessions that lose no byte. docs/upgrade.md has the same table.

mod scene;

use std::fs;
use std::path::Path;

use scene::Scene;

/// The expected result of the command.
enum Answer {
    /// The upgrade succeeds without a warning; the text is for the document.
    GoesOn(&'static str),
    /// The upgrade succeeds with a warning that contains both texts.
    Warns(&'static str, &'static str),
    /// The upgrade fails with this error.
    Refuses(&'static str),
    /// The cell has no test, for this reason.
    None(&'static str),
}
use Answer::{GoesOn, None, Refuses, Warns};

/// A cell: the resource, its state, the expected answer, and the setup.
struct Cell(&'static str, &'static str, Answer, fn(&Scene));

const MOVED: &str = "the log file is no longer at";
const OPEN_FILE: &str = "lines still go to the open file";
const NOT_READ: &str = "it is not read: the value in force stays";
const KERNEL: &str = "the kernel has no such state";
const AS_GONE: &str = "as gone";

fn nothing(_: &Scene) {}

const CELLS: &[Cell] = &[
    Cell("log file", "gone", Warns(MOVED, OPEN_FILE), |it| fs::remove_file(it.log()).unwrap()),
    Cell("log file", "unwritable", Warns(MOVED, OPEN_FILE), |it| {
        fs::remove_file(it.log()).unwrap();
        fs::create_dir(it.log()).unwrap();
    }),
    Cell("log file", "slow", Warns(MOVED, OPEN_FILE), |it| Scene::put_fifo(&it.log())),
    Cell("log directory", "gone", Warns(MOVED, OPEN_FILE), |it| it.move_away("logs")),
    Cell("log directory", "unwritable", Warns(MOVED, OPEN_FILE), |it| {
        it.move_away("logs");
        fs::write(it.path("logs"), "no directory").unwrap();
    }),
    Cell("log directory", "slow", None("as a log file on a disk that does not answer"), nothing),
    Cell("log pipe", "gone", GoesOn("lines are lost and counted"), Scene::close_stderr),
    Cell("log pipe", "unwritable", None(AS_GONE), nothing),
    Cell(
        "log pipe",
        "slow",
        GoesOn("it is waited for 2 s before anything stops; lines are lost and counted"),
        Scene::fill_stderr,
    ),
    Cell("admin socket", "gone", GoesOn("its file is not made again"), |it| {
        fs::remove_file(it.admin()).unwrap();
    }),
    Cell("admin socket", "unwritable", GoesOn("it is not opened again"), |it| {
        Scene::lock(&it.admin());
    }),
    Cell("admin socket", "slow", None(KERNEL), nothing),
    Cell("token file", "gone", GoesOn(NOT_READ), |it| fs::remove_file(it.path("token")).unwrap()),
    Cell("token file", "unwritable", GoesOn(NOT_READ), |it| Scene::lock(&it.path("token"))),
    Cell("token file", "slow", GoesOn(NOT_READ), |it| Scene::put_fifo(&it.path("token"))),
    Cell("configuration file", "gone", GoesOn(NOT_READ), |it| {
        fs::remove_file(it.forwarder.config_path()).unwrap();
    }),
    Cell("configuration file", "unwritable", GoesOn(NOT_READ), |it| {
        Scene::lock(&it.forwarder.config_path());
    }),
    Cell("configuration file", "slow", GoesOn(NOT_READ), |it| {
        Scene::put_fifo(&it.forwarder.config_path());
    }),
    Cell("working directory", "gone", GoesOn("nothing is opened in it"), |it| {
        fs::rename(it.forwarder.dir(), it.path("moved")).unwrap();
        fs::remove_dir_all(it.path("moved")).unwrap();
    }),
    Cell("working directory", "unwritable", GoesOn("nothing is opened in it"), |it| {
        Scene::lock(it.forwarder.dir());
    }),
    Cell("working directory", "slow", None("nothing is opened in it"), nothing),
    Cell("sandbox directory", "gone", Warns(MOVED, OPEN_FILE), |it| it.move_away("logs")),
    Cell("sandbox directory", "unwritable", Warns(MOVED, OPEN_FILE), |it| {
        // Another directory of the same name, unknown to the sandbox.
        it.move_away("logs");
        fs::create_dir(it.path("logs")).unwrap();
    }),
    Cell(
        "sandbox directory",
        "slow",
        None("as a log file on a disk that does not answer"),
        nothing,
    ),
    Cell("disk", "gone", None("as the log directory"), nothing),
    Cell("disk", "unwritable", GoesOn("it is full: lines are lost and counted"), nothing),
    Cell("disk", "slow", None("`end the log: …` refuses, if it does not answer at all"), nothing),
    Cell("descriptors", "gone", Refuses("too many open files"), |it| {
        it.lower("nofile", "3", "4096");
    }),
    Cell("descriptors", "unwritable", None(KERNEL), nothing),
    Cell("descriptors", "slow", None(KERNEL), nothing),
    Cell("threads", "gone", Refuses("start a thread"), |it| {
        it.lower("nproc", "1", "500");
    }),
    Cell("threads", "unwritable", None(KERNEL), nothing),
    Cell(
        "threads",
        "slow",
        None("gone during the change: it is tried for 30 s, and sessions wait"),
        nothing,
    ),
    Cell("memory", "gone", Refuses("start a thread"), Scene::limit_memory),
    Cell("memory", "unwritable", None(KERNEL), nothing),
    Cell("memory", "slow", None(KERNEL), nothing),
];

/// Plays all cells of a resource, each with a fresh process.
fn play(thing: &str) {
    let cells = CELLS.iter().filter(|Cell(of, ..)| *of == thing);
    for Cell(_, state, answer, spoil) in cells {
        let scene = match answer {
            None(_) => continue,
            _ => Scene::start(thing),
        };
        spoil(&scene);
        // Without an admin socket, or where its connections are not accepted, a signal requests the
        // upgrade.
        let by_signal = ["descriptors", "memory"].contains(&thing)
            || *thing == *"admin socket" && !scene.admin().exists();
        let said = scene.upgrade(by_signal);
        let place = format!("{thing} {state}: {said}");
        match answer {
            GoesOn(_) => assert!(
                said.starts_with("0 upgraded from ") && !said.contains("warning"),
                "{place}"
            ),
            Warns(words, more) => {
                assert!(said.starts_with("0 upgraded from "), "{place}");
                assert!(said.contains(words) && said.contains(more), "{place}");
            }
            Refuses(words) => {
                let said = said.to_lowercase();
                assert!(said.starts_with('1') && said.contains(&words.to_lowercase()), "{place}");
            }
            None(_) => {}
        }
        scene.continues(matches!(answer, Refuses(_)), by_signal);
    }
}

macro_rules! things {
    ($($name:ident $thing:literal)*) => {
        $(#[test] fn $name() { play($thing); })*
        const THINGS: &[&str] = &[$($thing),*];
    };
}

things! {
    log_file "log file"
    log_directory "log directory"
    log_pipe "log pipe"
    admin_socket "admin socket"
    token_file "token file"
    configuration_file "configuration file"
    working_directory "working directory"
    sandbox_directory "sandbox directory"
    disk "disk"
    descriptors "descriptors"
    threads "threads"
    memory "memory"
}

/// The text of a cell in the document.
fn text(answer: &Answer) -> String {
    match answer {
        GoesOn(how) => format!("goes on: {how}"),
        Warns(words, more) => format!("goes on, and says `{words} …`: {more}"),
        Refuses(words) => format!("refused: `{words}`"),
        None(why) => format!("– ({why})"),
    }
}

#[test]
fn the_document_has_this_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/upgrade.md");
    let document = fs::read_to_string(root).unwrap();
    let head = "| What | Gone | Unwritable | Slow |\n|---|---|---|---|\n".to_owned();
    let rows = THINGS.iter().map(|thing| {
        let row: Vec<_> = CELLS.iter().filter(|Cell(of, ..)| of == thing).collect();
        assert_eq!(row.iter().map(|it| it.1).collect::<Vec<_>>(), ["gone", "unwritable", "slow"]);
        let texts: Vec<_> = row.iter().map(|Cell(_, _, answer, _)| text(answer)).collect();
        format!("| {thing} | {} |\n", texts.join(" | "))
    });
    let table: String = std::iter::once(head).chain(rows).collect();
    assert!(document.contains(&table), "docs/upgrade.md should have\n{table}");
}
