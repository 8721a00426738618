//! The command line, as clap derives it.

use crate::arguments::number;
use crate::console::Operation;
use crate::import::Import;
use crate::rollout::{Publish, RolloutArgs};
use clap::{Args, Parser, Subcommand, ValueEnum};
use observe::Version;
use plan::{Input, Overrides};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static VERSION: LazyLock<String> = LazyLock::new(|| Version::of_program().to_string());

const EXAMPLES: &str = "\
Examples:
  traffic-forwarder 18080=127.0.0.1:8080      one forward, no file
  traffic-forwarder 80=10.0.0.5:80,10.0.0.6:80    several targets
  traffic-forwarder 5432:db.internal:5432     the same as ssh -L writes it
  traffic-forwarder -c /etc/traffic-forwarder.conf
  traffic-forwarder check FILE                every problem of a file at once
  traffic-forwarder doctor -c FILE            how many sessions this host can hold
  traffic-forwarder import --from nginx FILE  another forwarder's configuration
  traffic-forwarder demo                      see it work, nothing else installed
  traffic-forwarder status                    the running process, its forwards
  traffic-forwarder plan                      what a reload would change
  traffic-forwarder upgrade                   switch to the new version in place
  traffic-forwarder top                       watch it on the whole terminal
  traffic-forwarder web                       the same in a browser

Exit status: 0 done, 1 failed at run time, 2 wrong usage or configuration.
Signals: TERM and INT drain up to shutdown_timeout, a second one ends at once. HUP reloads,
USR2 upgrades.";

/// Listens on local TCP ports and forwards every connection to a remote host and port.
#[derive(Parser, Debug)]
#[command(
    version = VERSION.as_str(),
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) source: Source,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Forward until stopped (the default).
    Run(Source),
    /// Report every problem of the configuration at once. It checks only the file, and that its
    /// users exist; use `doctor` for ports, directories, the token file and targets.
    Check(Check),
    /// Report how many sessions this host can hold under the configuration, and which limits to raise.
    Doctor(Doctor),
    /// Run a target, a forward and a client in one process, to see forwarding work.
    Demo(Demo),
    /// Convert another forwarder's configuration.
    Import(Import),
    #[command(flatten)]
    Operate(Operation),
    /// Bring a configuration to all machines of a fleet, on trial first.
    Publish(Publish),
    /// Show where the machines of a fleet stand, decide a trial, or print a published configuration.
    Rollout(RolloutArgs),
    /// Print the completion script of a shell.
    Completions(Completions),
    /// Print the manual page, or write all manual pages into a directory.
    Man(Man),
    /// Print the help of the program or of one command, as --help does.
    #[command(hide = true)]
    Help(Help),
}

/// Arguments that select the configuration.
#[derive(Args, Debug, Default)]
pub(crate) struct Source {
    /// The configuration file: lines `local_port | remote_host | remote_port`, or TOML. The
    /// default, if no FORWARD is given: ./etc/traffic-forwarder.conf.
    #[arg(short, long, alias = "config", value_name = "FILE")]
    conf: Option<PathBuf>,
    /// For every forward: the connect timeout, and how long a session may be idle in both
    /// directions before it ends (30s, 5m, 1h30m).
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    timeout: Option<String>,
    /// For every forward: the maximum number of open sessions.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    max_conns: Option<String>,
    /// The address of the admin interface, in place of `admin` in [process]: unix:/PATH, or
    /// 127.0.0.1:PORT if the file has `admin_token_file`. Without it, a process without a file has
    /// none, and `status` and the like cannot reach it.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// The log level, in place of `level` in [log]: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// The log format, in place of `format` in [log]: text or json.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// A forward: LISTEN=TARGET (18080=127.0.0.1:8080, 127.0.0.1:5432=db:5432),
    /// LISTEN=TARGET,TARGET (18080=10.0.0.5:80,10.0.0.6:80) or PORT:HOST:PORT. `check` also takes
    /// the configuration file here, and - for standard input.
    #[arg(value_name = "FORWARD")]
    forwards: Vec<String>,
}

impl Source {
    /// Builds the input of `plan`. With forwards on the command line, a file is read only if
    /// `--conf` names one.
    pub(crate) fn input(self) -> Input {
        let default = || self.forwards.is_empty().then(|| PathBuf::from(plan::DEFAULT_CONFIG));
        Input {
            config: self.conf.or_else(default),
            forwards: self.forwards,
            overrides: Overrides {
                timeout: self.timeout,
                max_conns: self.max_conns,
                admin: self.admin,
                log_level: self.log_level,
                log_format: self.log_format,
            },
            published: None,
        }
    }

    /// Like [`Self::input`], for a command that reads a file once: an argument that is no forward may name it.
    pub(crate) fn input_to_read_once(mut self) -> Input {
        if self.conf.is_none()
            && let Some(at) = self.forwards.iter().position(|text| is_file(text))
        {
            self.conf = Some(self.forwards.remove(at).into());
        }
        self.input()
    }
}

/// Endings of names of configuration files.
const ENDINGS: [&str; 6] = ["toml", "conf", "cfg", "json", "yaml", "yml"];

/// Whether an argument is meant as a file, which need not exist. A forward has a `=` or `|`, or a `:` before any
/// slash.
fn is_file(text: &str) -> bool {
    let path = Path::new(text);
    let ending = path.extension().and_then(|it| it.to_str());
    let has_ending = ending.is_some_and(|it| ENDINGS.contains(&it.to_ascii_lowercase().as_str()));
    let is_path = text.split_once('/').is_some_and(|(first, _)| !first.contains(':'));
    text == "-" || !text.contains(['=', '|']) && (is_path || has_ending || path.exists())
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print the result as JSON: each problem with its file, line and column.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Do not connect to the targets; names are still resolved.
    #[arg(long)]
    pub(crate) no_connect: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// The port to listen on; if it is in use, a free one is chosen.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 18080,
        value_parser = number::<u16>("expected a port from 1 to 65535, or 0 for any free port")
    )]
    pub(crate) port: u16,
    /// Exit after the self-check instead of running until Ctrl-C, with status 0 if every byte was
    /// right.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell to complete for.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Help {
    /// The command to describe.
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// An existing directory, such as /usr/local/share/man; pages go to its man1 and man5, which
    /// are created if missing.
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_file_need_not_exist_to_be_taken_for_one() {
        let files = ["-", "/etc/a", "./a", "a/b", "a.toml", "no.such.CONF", "a.yml", "src"];
        assert_eq!(files.into_iter().find(|text| !is_file(text)), None);
        let forwards = [
            "18080",
            "18080:host:80",
            "18080=host.conf",
            "1:unix:/run/a.sock",
            "unix:/a=h:1",
            "1 | a.conf | 2",
            "tcp://a",
            "stauts",
        ];
        assert_eq!(forwards.into_iter().find(|text| is_file(text)), None);
    }

    #[test]
    fn forwards_replace_the_default_file_but_not_a_named_one() {
        let input = |arguments: &[&str]| {
            let arguments = std::iter::once(&"traffic-forwarder").chain(arguments);
            Cli::try_parse_from(arguments).unwrap().source.input()
        };
        assert_eq!(input(&[]).config, Some(PathBuf::from(plan::DEFAULT_CONFIG)));
        assert_eq!(input(&["1=h:2"]).config, None);
        let both = input(&["-c", "file", "1=h:2", "--timeout", "-3s"]);
        assert_eq!(both.config, Some(PathBuf::from("file")));
        assert_eq!(both.overrides.timeout.as_deref(), Some("-3s"));
    }
}
