//! The documents' jq queries return results for a real log.

use crate::blocks::blocks;
use crate::repository::BINARY;
use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, LIMIT, Port, Signal, Target, Tool, connect, connect_and_close, run,
    wait_until,
};

/// Name of the log file in the documents.
const FILE: &str = "traffic-forwarder.log";

/// Writes a log with orderly sessions, a refused connect, and a client above the session limit.
fn write_log(dir: &TempDir) {
    let (echo, web, gone) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let file = dir.path().join(FILE);
    let config = format!(
        "[process]\nadmin = 'off'\n[log]\nformat = 'json'\nfile = '{}'\n\
         [[forward]]\nname = 'web'\nlisten = '{}'\nto = '{}'\nmax_sessions = 1\n\
         [[forward]]\nname = 'gone'\nlisten = '{}'\nto = '{}'\n",
        file.display(),
        web.addr(),
        echo.addr(),
        gone.addr(),
        Port::v4().addr(),
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    let has = |words: &str, times: usize| {
        let log = std::fs::read_to_string(&file).unwrap_or_default();
        log.matches(words).count() == times
    };
    wait_until("ready", LIMIT, || has("\"ready\"", 1));
    let client = connect(&web).expect("a listener");
    wait_until("the target's connection", LIMIT, || echo.open() == 1);
    // The forwarder resets each of these, possibly before connect(2) returns.
    connect_and_close(&web);
    wait_until("a refusal", LIMIT, || has("connections refused", 1));
    connect_and_close(&gone);
    drop(client);
    wait_until("the records", LIMIT, || has("\"session ended\"", 2));
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn every_query_returns_results() {
    let dir = TempDir::new().expect("a temporary directory");
    write_log(&dir);
    let mut asked = 0;
    Tool::find("jq");
    for block in blocks("sh jq") {
        // A command extends to the next comment.
        for command in block.text.split("# ").skip(1) {
            let (question, command) = command.split_once('\n').expect("a command below a comment");
            let mut shell = Tool::find("sh").command();
            let answer =
                run(shell.args(["-euc", command]).current_dir(dir.path()), LIMIT).success();
            assert!(!answer.text().trim().is_empty(), "{}: {question}: {answer}", block.place);
            assert!(answer.stderr.is_empty(), "{}: {question}: {answer}", block.place);
            asked += 1;
        }
    }
    assert!(asked >= 5, "only {asked} questions");
}
