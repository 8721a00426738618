//! Hints for common mistakes on the command line, and the hidden `help` command.

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::{warn, written};
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
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

/// Options of other programs, and what to write here.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["-v"], "traffic-forwarder -V prints the version; --log-level debug logs more"),
    (&["--verbose", "--debug", "-d"], "--log-level debug logs more"),
    (&["-q", "--quiet", "--silent"], "--log-level warn logs less"),
    (&["-L"], "write the forward without -L: traffic-forwarder 18080:127.0.0.1:8080"),
    (
        &["-l", "--listen", "-p", "--port", "-t", "--to", "--target", "-r", "--remote"],
        "write LISTEN=TARGET, for example 18080=127.0.0.1:8080",
    ),
    (&["-f", "--file"], "a configuration file is given with -c FILE"),
    (
        &["--daemon", "-D", "--background"],
        "it stays in the foreground: let a service manager start it",
    ),
];

/// Replaces clap's tip for options of other programs, which is to pass them as a value, or a similar option. Gives one
/// for options ahead of a command.
pub(crate) fn explain(error: &mut Error) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let tip = match error.kind() {
        ErrorKind::ArgumentConflict => text(ContextKind::InvalidSubcommand)
            .map(|command| format!("write the options after `{command}`")),
        _ => text(ContextKind::InvalidArg).and_then(|option| {
            let of_others = OPTIONS.iter().find(|(options, _)| options.contains(&option));
            of_others.map(|(_, tip)| (*tip).to_owned())
        }),
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

/// Commands of other programs, and what to do here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["stop", "quit", "exit", "shutdown", "term"],
        "a process is stopped by a signal: Ctrl-C, `kill PID`, or\n        \
         `systemctl stop traffic-forwarder`; open sessions may end first",
    ),
    (
        &["start", "serve", "forward", "daemon"],
        "`traffic-forwarder run -c FILE` forwards until it is stopped",
    ),
    (
        &["restart"],
        "`traffic-forwarder reload` reads the file again, `upgrade` switches to a new\n        \
         version; `systemctl restart traffic-forwarder` cuts sessions",
    ),
    (&["test", "validate", "verify", "lint", "-t"], "`traffic-forwarder check FILE` checks a file"),
    (&["ls", "list", "ps", "show", "info"], "`traffic-forwarder status` lists the forwards"),
    (
        &["log", "logs"],
        "the log is on standard error, or in the `file` of [log]:\n        \
         `journalctl -u traffic-forwarder`",
    ),
    (&["version"], "`traffic-forwarder --version` prints the version"),
    (&["diff"], "`traffic-forwarder plan -c FILE` compares a file with the running one"),
];

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
    let of_others = COMMANDS.iter().find(|(words, _)| words.contains(&word));
    if let Some((_, help)) = of_others {
        return Some(format!("error: there is no command `{word}`\n\n  help: {help}\n"));
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
    fn commands_of_other_programs_are_explained() {
        for (word, help) in [("stop", "Ctrl-C"), ("validate", "check FILE"), ("ps", "status")] {
            let complaint = complaint(&[word], word).unwrap_or_default();
            assert!(complaint.contains(help) && !complaint.contains("did you mean"), "{complaint}");
            assert!(complaint.lines().all(|line| line.len() <= 80), "{complaint}");
        }
    }

    #[test]
    fn no_command_or_option_of_ours_is_taken_for_one_of_another_program() {
        let command = Cli::command();
        for (words, _) in COMMANDS {
            assert!(words.iter().all(|word| command.find_subcommand(word).is_none()), "{words:?}");
        }
        let is_ours = |option: &str| {
            let name = option.trim_start_matches('-');
            command.get_arguments().any(|it| {
                it.get_long() == Some(name)
                    || it.get_short().is_some_and(|short| short.to_string() == name)
            })
        };
        let options = OPTIONS.iter().flat_map(|(options, _)| options.iter());
        assert_eq!(options.copied().find(|option| is_ours(option)), None);
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
