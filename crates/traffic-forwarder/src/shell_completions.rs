//! `completions`: what makes a shell complete our commands, from their definition.

use crate::cli::{Cli, Shell};
use crate::exit::Exit;
use crate::say;
use clap::CommandFactory;
use clap_complete::Shell as Generator;

pub(crate) fn run(shell: Shell) -> Exit {
    let generator = match shell {
        Shell::Bash => Generator::Bash,
        Shell::Fish => Generator::Fish,
        Shell::Zsh => Generator::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    say(&with_one_name(&String::from_utf8_lossy(&script)))
}

/// In its script for bash, clap_complete 4.6 calls a program with a hyphen in its name once so and once
/// otherwise, and then no command's options are found.
fn with_one_name(script: &str) -> String {
    script.replace("traffic__subcmd__forwarder", "traffic__forwarder")
}
