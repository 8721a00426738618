//! `completions`: each shell accepts the script, and offers our commands.

use testkit::{Finished, Forwarder, LIMIT, Tool, run};

use crate::made::BINARY;

/// Runs a shell script with the completions file as `$0`.
fn shell(name: &str, flag: &str, script: &str) -> Finished {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("_traffic-forwarder");
    let printed = Forwarder::binary(BINARY).args(["completions", name]).run().success();
    std::fs::write(&file, printed.stdout).unwrap();
    run(Tool::find(name).command().args([flag, script]).arg(file), LIMIT).success()
}

#[test]
fn bash_completes_a_command_and_an_option() {
    let ask = r#"source "$0"
        function=$(complete -p traffic-forwarder | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_WORDS=(traffic-forwarder dra); COMP_CWORD=1
        "$function" traffic-forwarder dra traffic-forwarder; echo "${COMPREPLY[@]}"
        COMP_WORDS=(traffic-forwarder sessions --so); COMP_CWORD=2
        "$function" traffic-forwarder --so sessions; echo "${COMPREPLY[@]}""#;
    assert_eq!(shell("bash", "-c", ask).text(), "drain\n--sort\n");
}

#[test]
fn fish_completes_a_command_and_a_value() {
    // Fish has no `$0`: the file is the first argument.
    let ask = "source $argv[1]
        complete -C 'traffic-forwarder dra'
        complete -C 'traffic-forwarder sessions --sort r'";
    let text = shell("fish", "-c", ask).text();
    assert!(text.starts_with("drain\t"), "{text}");
    assert!(text.ends_with("\nrate\n"), "{text}");
}

#[test]
fn zsh_accepts_the_file() {
    shell("zsh", "-c", r#"zsh -n "$0" && grep -q '^#compdef traffic-forwarder' "$0""#);
}

#[test]
fn an_unknown_shell_is_named() {
    let finished = Forwarder::binary(BINARY).args(["completions", "dos"]).run();
    assert_eq!(finished.status.code(), Some(2));
    assert!(finished.stderr.contains("bash, fish, zsh"), "{finished}");
}
