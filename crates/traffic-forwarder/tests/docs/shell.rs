//! The shell commands in the documents: ours run, Make targets pass a dry run.

use crate::blocks::blocks;
use crate::repository::{BINARY, root};
use crate::stand::Stand;
use std::path::Path;
use testkit::{Finished, Forwarder, LIMIT, Signal, Tool, wait_until};

/// Programs of others, not checked here.
const NOT_OURS: [&str; 4] = ["ip", "tail", "rustup", "systemctl"];

/// Commands that exit without a signal.
const ENDING: [&str; 7] =
    ["check", "completions", "doctor", "man", "--once", "--version", "--help"];

/// Runs a script in a directory, with the binary under test in `PATH`.
pub(crate) fn run_in_shell(script: &str, dir: &Path) -> Finished {
    run_in("sh", script, dir)
}

fn run_in(shell: &str, script: &str, dir: &Path) -> Finished {
    let ours = Path::new(BINARY).parent().expect("a file is in a directory");
    let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Tool::find(shell).command();
    testkit::run(command.args(["-euc", script]).current_dir(dir).env("PATH", path), LIMIT)
}

/// Commands of all `sh` blocks, with file and line.
fn commands() -> Vec<(String, Vec<String>)> {
    let lines = |block: crate::markdown::Block| {
        let lines: Vec<_> = block.text.lines().map(words).collect();
        lines.into_iter().map(move |words| (block.place.clone(), words))
    };
    let commands = blocks("sh").into_iter().flat_map(lines);
    commands.filter(|(_, words)| !words.is_empty()).collect()
}

/// Words of a command, without comment and quotes.
fn words(line: &str) -> Vec<String> {
    let code = line.split('#').next().unwrap_or_default();
    code.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn every_command_is_of_a_known_program() {
    for (place, words) in commands() {
        let known = ["make", "traffic-forwarder", "./traffic-forwarder"];
        let known = known.iter().chain(&NOT_OURS).any(|program| *program == words[0]);
        assert!(known, "{place}: {} is not a checked program", words[0]);
    }
}

#[test]
fn every_command_of_ours_runs() {
    let stand = Stand::new();
    let mut ran = 0;
    for (place, words) in commands() {
        if words[0].trim_start_matches("./") != "traffic-forwarder" {
            continue;
        }
        let arguments: Vec<String> = words[1..].iter().map(|word| in_stand(&stand, word)).collect();
        run(&place, &arguments);
        ran += 1;
    }
    assert!(ran >= 20, "only {ran} commands");
}

/// The word with the stand's ports; a file name becomes its path in the stand.
fn in_stand(stand: &Stand, word: &str) -> String {
    let file = stand.dir().join(word);
    if !word.starts_with('-') && file.is_file() {
        return file.to_str().expect("a path of text").to_owned();
    }
    stand.with_free_ports(word)
}

fn run(place: &str, arguments: &[String]) {
    let command = Forwarder::binary(BINARY).args(arguments);
    if arguments.iter().any(|argument| ENDING.contains(&argument.as_str())) {
        let finished = command.run();
        assert!(finished.status.success(), "{place}: {finished}");
        return;
    }
    let forwarder = command.start();
    if arguments.first().is_some_and(|argument| argument == "demo") {
        let says = || forwarder.stdout().iter().any(|line| line.contains("Try it"));
        wait_until("the demo's last line", LIMIT, says);
    } else {
        forwarder.ready();
    }
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0), "{place}: {arguments:?}");
}

#[test]
fn the_first_example_gets_an_answer_through_a_forward() {
    Tool::find("curl");
    for block in blocks("sh first") {
        let stand = Stand::new();
        // The documents' `%1` needs job control: dash has none in a script.
        let script = block.text.clone() + "\nwait\n";
        let finished = run_in("bash", &stand.with_free_ports(&script), stand.dir());
        assert!(finished.status.success(), "{}: {finished}", block.place);
        assert!(!finished.stderr.contains("error"), "{}: {finished}", block.place);
        let pages = finished.text().matches("It works").count();
        assert_eq!(
            pages, 2,
            "{}: from the target, and through the forward: {finished}",
            block.place
        );
    }
}

#[test]
fn every_make_command_passes_a_dry_run() {
    let make = Tool::find("make");
    let mut found = 0;
    for (place, words) in commands().into_iter().filter(|(_, words)| words[0] == "make") {
        let mut command = make.command();
        command.arg("-n").args(&words[1..]).current_dir(root());
        let finished = testkit::run(crate::makefile::by_itself(&mut command), LIMIT);
        assert!(finished.status.success(), "{place}: {finished}");
        found += 1;
    }
    assert!(found >= 8, "only {found} commands");
}
