//! Each file in `examples` is valid, and the program runs with it.

use crate::repository::{BINARY, files, read};
use crate::stand::Stand;
use plan::{ForwardSettings, Input, Log, Process, settings};
use testkit::{Forwarder, LIMIT, Signal};

#[test]
fn each_example_runs_until_sigterm() {
    let mut examples = files("examples");
    examples.retain(|name| name != "examples/README.md");
    assert!(examples.len() >= 6, "{examples:?}");
    for name in examples.iter().map(String::as_str).chain(["etc/traffic-forwarder.conf.example"]) {
        let stand = Stand::new();
        let file = stand.dir().join(name);
        let check = Forwarder::binary(BINARY).arg("check").arg("-c").arg(&file).run();
        assert!(check.status.success(), "{name}: {check}");
        let forwarder = Forwarder::binary(BINARY).arg("-c").arg(&file).start();
        forwarder.ready().signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0), "{name}");
        // Other warnings may come from this host: a process that holds the default admin socket, or a client
        // of another test that had this port before.
        let skipped = forwarder.count_lines(|line| line.contains(" skipped: "));
        assert_eq!(skipped, 0, "{name}: a forward was skipped");
    }
}

#[test]
fn the_example_of_all_defaults_holds_every_key_and_changes_nothing() {
    let stand = Stand::new();
    let config = Some(stand.dir().join("examples/all-defaults.toml"));
    let plan = plan::read(&Input { config, ..Input::default() }).plan.expect("a valid example");
    assert_eq!(plan.process, Process::default());
    assert_eq!(plan.log, Log::default());
    assert_eq!(plan.forwards.len(), 1);
    assert_eq!(plan.forwards[0].settings, ForwardSettings::default());
    let text = read("examples/all-defaults.toml");
    for setting in settings() {
        let line = match setting.default() {
            Some(default) => format!("{} = {default}", setting.key),
            None => format!("{} = ", setting.key),
        };
        assert!(text.contains(&line), "{line}");
    }
}
