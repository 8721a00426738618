//! Adds options to the commands that messages recommend, so that they reach the same process and the same store.

use crate::console::args::ConnectArgs;
use crate::console::endpoint::Endpoint;
use plan::{StoreUrl, shell_word};
use std::path::Path;

/// The start of every command in a message.
const COMMAND: &str = "`traffic-forwarder ";

/// Commands that ask the store of a fleet, not the process.
const STORE_COMMANDS: [&str; 2] = ["publish", "rollout"];

/// The options, each with a leading space. Empty if the defaults reach the process and the store.
#[derive(Debug, Default)]
pub(crate) struct ProcessOptions {
    process: String,
    store: String,
}

impl ProcessOptions {
    pub(crate) fn of(connect: &ConnectArgs) -> Self {
        let endpoint = match (&connect.admin, &connect.conf) {
            (Some(Endpoint::Unix(path)), _) => Some(format!(
                " --admin {}",
                shell_word(&format!("unix:{}", path.to_string_lossy()))
            )),
            (Some(Endpoint::Tcp(address)), _) => {
                Some(format!(" --admin {}", shell_word(&address.to_string())))
            }
            (None, Some(file)) => Some(format!(" -c {}", word(file))),
            (None, None) => None,
        };
        let token =
            connect.token_file.as_deref().map(|file| format!(" --token-file {}", word(file)));
        let process = endpoint.into_iter().chain(token).collect();
        Self { process, ..Self::of_store(connect.conf.as_deref(), None) }
    }

    /// Of a command that has found the store by a local file or by its address.
    pub(crate) fn of_store(conf: Option<&Path>, from: Option<&StoreUrl>) -> Self {
        let conf = conf.map(|file| format!(" -c {}", word(file)));
        let from = from.map(|url| format!(" --from {}", shell_word(&url.to_string())));
        Self { process: String::new(), store: conf.or(from).unwrap_or_default() }
    }

    /// Adds the options to each `` `traffic-forwarder COMMAND` `` in a text.
    pub(crate) fn complete(&self, text: &str) -> String {
        let (mut completed, mut rest) = (String::new(), text);
        while let Some((before, command)) = rest.split_once(COMMAND)
            && let Some((words, after)) = command.split_once('`')
        {
            let of_store = words.split(' ').next().is_some_and(|it| STORE_COMMANDS.contains(&it));
            let options = if of_store { &self.store } else { &self.process };
            completed.extend([before, COMMAND, words, options, "`"]);
            rest = after;
        }
        completed + rest
    }
}

fn word(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(admin: Option<&str>, token_file: Option<&str>, conf: Option<&str>) -> ConnectArgs {
        ConnectArgs {
            admin: admin.map(|endpoint| endpoint.parse().unwrap()),
            token_file: token_file.map(Into::into),
            conf: conf.map(Into::into),
        }
    }

    #[test]
    fn each_recommended_command_gets_the_options() {
        let text = "unless `traffic-forwarder confirm 5` follows, or `traffic-forwarder status`";
        for (connect, options) in [
            (connect(None, None, None), ""),
            (connect(None, None, Some("good/tf.toml")), " -c good/tf.toml"),
            (connect(None, None, Some("my tf.toml")), " -c 'my tf.toml'"),
            (connect(Some("/run/a.sock"), None, None), " --admin unix:/run/a.sock"),
            // `--admin` takes precedence over `-c`.
            (connect(Some("/run/a.sock"), None, Some("b")), " --admin unix:/run/a.sock"),
            (
                connect(Some("[::1]:9180"), Some("it's"), None),
                r" --admin '[::1]:9180' --token-file 'it'\''s'",
            ),
        ] {
            let expected = format!(
                "unless `traffic-forwarder confirm 5{options}` follows, or \
                 `traffic-forwarder status{options}`"
            );
            assert_eq!(ProcessOptions::of(&connect).complete(text), expected);
        }
    }

    #[test]
    fn commands_of_the_store_get_options_that_they_know() {
        let text = "`traffic-forwarder rollout back` or `traffic-forwarder publish FILE`";
        let with = |options: &str| {
            format!(
                "`traffic-forwarder rollout back{options}` or `traffic-forwarder publish FILE{options}`"
            )
        };
        let of_process = |admin, conf| ProcessOptions::of(&connect(admin, None, conf));
        assert_eq!(of_process(Some("/run/a.sock"), None).complete(text), text);
        assert_eq!(of_process(None, Some("tf.toml")).complete(text), with(" -c tf.toml"));
        let url: StoreUrl = "etcd://[::1]:2379/edge".parse().unwrap();
        let of_store = |conf: Option<&str>, from| {
            ProcessOptions::of_store(conf.map(Path::new), from).complete(text)
        };
        assert_eq!(of_store(None, Some(&url)), with(" --from 'etcd://[::1]:2379/edge'"));
        assert_eq!(of_store(Some("my tf.toml"), None), with(" -c 'my tf.toml'"));
        assert_eq!(of_store(None, None), text);
    }

    #[test]
    fn other_text_is_unchanged() {
        let same = ProcessOptions::of(&connect(None, None, Some("b")));
        for text in ["", "`confirm 5`", "traffic-forwarder", "no end: `traffic-forwarder confirm"] {
            assert_eq!(same.complete(text), text);
        }
    }
}
