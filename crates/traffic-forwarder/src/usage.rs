//! Hints for common mistakes on the command line, and the hidden `help` command.

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::{warn, written};
use clap::error::{ContextKind, ContextValue, Error};
use clap::{CommandFactory, Parser};
use std::path::Path;

const STANDARD_INPUT: &str = "\
error: a forwarding process reads its file again at each reload, and standard
  input can be read only once

  help: write it to a file; `traffic-forwarder check -` checks it
";

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// The reason why these arguments of a forwarding process cannot be meant. `arguments` are all of them.
pub(crate) fn complaint(input: &plan::Input, arguments: &[String]) -> Option<String> {
    if input.config.as_deref() == Some(Path::new("-")) {
        return Some(STANDARD_INPUT.to_owned());
    }
    command_among(&input.forwards, arguments)
}

/// An error for a command name in the position of a forward, or for a misspelt one. `arguments` are
/// all arguments of the process.
fn command_among(forwards: &[String], arguments: &[String]) -> Option<String> {
    forwards.iter().find_map(|word| misplaced(word, arguments).or_else(|| misspelt(word)))
}

/// Prints the help of the program or of one command.
pub(crate) fn help(name: Option<&str>) -> Exit {
    let unknown = name.filter(|name| Cli::command().find_subcommand(name).is_none());
    let Some(name) = unknown else {
        let words = [PROGRAM].into_iter().chain(name).chain(["--help"]);
        let help = Cli::try_parse_from(words).err();
        return help.map_or(Exit::Done, |help| written(help.print()));
    };
    let meant = nearest(name).map(|nearest| format!("\n  help: did you mean `{nearest}`?\n"));
    let meant = meant.unwrap_or_default();
    warn(&format!("error: `{}` is not a command\n{meant}", name.escape_debug()));
    Exit::Usage
}

/// Hints for the first run, when the default file does not exist and no other was named.
pub(crate) fn first_steps(input: &plan::Input) -> &'static str {
    let default = Path::new(plan::DEFAULT_CONFIG);
    if input.config.as_deref() != Some(default) || default.exists() {
        return "";
    }
    "\n  help: create it, or forward one port without a file: \
     traffic-forwarder 18080=127.0.0.1:8080\n        \
     or see it work: traffic-forwarder demo\n"
}

/// `-v` prints the version in many programs. clap would suggest to pass it as a value, which makes
/// no sense here.
pub(crate) fn explain(error: &mut Error) {
    if error.get(ContextKind::InvalidArg) == Some(&ContextValue::String("-v".to_owned())) {
        let tip = format!("{PROGRAM} -V prints the version");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

fn misplaced(word: &str, arguments: &[String]) -> Option<String> {
    Cli::command().find_subcommand(word)?;
    let at = arguments.iter().rposition(|argument| argument == word)?;
    // The corrected line must have only one command.
    let is_kept = |index: usize| index != at && (index > 0 || arguments[index] != "run");
    let others = (0..arguments.len()).filter(|index| is_kept(*index));
    let others = others.map(|index| plan::shell_word(&arguments[index]));
    let line: Vec<_> = [PROGRAM, word].map(str::to_owned).into_iter().chain(others).collect();
    let line = line.join(" ");
    Some(format!("error: the command `{word}` must come first\n\n  help: {line}\n"))
}

fn misspelt(word: &str) -> Option<String> {
    // Every forward contains one of these.
    if word.contains(['=', ':', '|']) {
        return None;
    }
    nearest(word).map(|nearest| {
        format!(
            "error: `{}` is neither a command nor a forward\n\n  help: did you mean `{nearest}`?\n",
            word.escape_debug()
        )
    })
}

fn nearest(word: &str) -> Option<String> {
    let likeness = |name: &str| strsim::jaro_winkler(name, word);
    let commands = Cli::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) > 0.75).then(|| nearest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(arguments: &[&str], forward: &str) -> Option<String> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        command_among(&[forward.to_owned()], &arguments)
    }

    #[test]
    fn misspelt_commands_and_forwards_are_distinguished() {
        for (word, meant) in [("chekc", "check"), ("stauts", "status"), ("relaod", "reload")] {
            let complaint = complaint(&[word], word).unwrap_or_default();
            assert!(complaint.contains(&format!("`{meant}`")), "{complaint}");
        }
        for forward in ["18080=check:80", "check:80", "18080"] {
            assert_eq!(complaint(&[forward], forward), None);
        }
    }

    #[test]
    fn a_misplaced_command_is_moved_to_the_front() {
        let cases: [(&[&str], &str); 4] = [
            (&["-conf", "a.conf", "check"], "check -conf a.conf"),
            (&["run", "check"], "check"),
            (&["-c", "check", "check"], "check -c check"),
            (&["-c", "it's mine", "check"], r"check -c 'it'\''s mine'"),
        ];
        for (arguments, corrected) in cases {
            let complaint = complaint(arguments, "check").unwrap_or_default();
            let line = format!("help: traffic-forwarder {corrected}\n");
            assert!(complaint.ends_with(&line), "{complaint}");
        }
    }
}
