//! Adds options to the commands that messages recommend, so that they reach the same process.

use crate::console::args::ConnectArgs;
use crate::console::endpoint::Endpoint;
use plan::shell_word;
use std::path::Path;

/// The start of every command in a message.
const COMMAND: &str = "`traffic-forwarder ";

/// The options, each with a leading space. Empty if the defaults reach the process.
#[derive(Debug, Default)]
pub(crate) struct ProcessOptions(String);

impl ProcessOptions {
    pub(crate) fn of(connect: &ConnectArgs) -> Self {
        let word = |path: &Path| shell_word(&path.to_string_lossy());
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
        Self(endpoint.into_iter().chain(token).collect())
    }

    /// Adds the options to each `` `traffic-forwarder COMMAND` `` in a text.
    pub(crate) fn complete(&self, text: &str) -> String {
        let (mut completed, mut rest) = (String::new(), text);
        while let Some((before, command)) = rest.split_once(COMMAND)
            && let Some((words, after)) = command.split_once('`')
        {
            completed.extend([before, COMMAND, words, &self.0, "`"]);
            rest = after;
        }
        completed + rest
    }
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
    fn other_text_is_unchanged() {
        let same = ProcessOptions::of(&connect(None, None, Some("b")));
        for text in ["", "`confirm 5`", "traffic-forwarder", "no end: `traffic-forwarder confirm"] {
            assert_eq!(same.complete(text), text);
        }
    }
}
