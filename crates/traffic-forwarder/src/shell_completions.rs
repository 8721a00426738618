//! `completions`: shell completion scripts, generated from the command-line definition.

use crate::cli::{Cli, Shell};
use crate::exit::Exit;
use crate::output::say_as_is;
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
    say_as_is(&with_one_name(&String::from_utf8_lossy(&script)))
}

/// Works around clap_complete 4.6: in its bash script, a program name with a hyphen is spelt in two
/// ways, and the options of subcommands are not found.
fn with_one_name(script: &str) -> String {
    script.replace("traffic__subcmd__forwarder", "traffic__forwarder")
}
