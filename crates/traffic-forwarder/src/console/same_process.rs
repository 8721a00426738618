//! Commands that a message advises, with the options that reach the same process.

use crate::console::place::Place;
use crate::console::reach::Whom;
use plan::shell_word;
use std::path::Path;

/// The start of each command that a message advises.
const COMMAND: &str = "`traffic-forwarder ";

/// The options by which another command asks the same process, each with a space before it. Empty
/// where a command without options asks it, too.
#[derive(Debug, Default)]
pub(crate) struct SameProcess(String);

impl SameProcess {
    pub(crate) fn of(whom: &Whom) -> Self {
        let word = |path: &Path| shell_word(&path.to_string_lossy());
        let place = match (&whom.admin, &whom.conf) {
            (Some(Place::Unix(path)), _) => Some(format!(
                " --admin {}",
                shell_word(&format!("unix:{}", path.to_string_lossy()))
            )),
            (Some(Place::Tcp(address)), _) => {
                Some(format!(" --admin {}", shell_word(&address.to_string())))
            }
            (None, Some(file)) => Some(format!(" -c {}", word(file))),
            (None, None) => None,
        };
        let token = whom.token_file.as_deref().map(|file| format!(" --token-file {}", word(file)));
        Self(place.into_iter().chain(token).collect())
    }

    /// Adds the options to each `` `traffic-forwarder COMMAND` `` of a text.
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

    fn whom(admin: Option<&str>, token_file: Option<&str>, conf: Option<&str>) -> Whom {
        Whom {
            admin: admin.map(|place| place.parse().unwrap()),
            token_file: token_file.map(Into::into),
            conf: conf.map(Into::into),
        }
    }

    #[test]
    fn each_command_gets_the_options_that_found_the_process() {
        let text = "unless `traffic-forwarder confirm 5` follows, or `traffic-forwarder status`";
        for (whom, options) in [
            (whom(None, None, None), ""),
            (whom(None, None, Some("good/tf.toml")), " -c good/tf.toml"),
            (whom(None, None, Some("my tf.toml")), " -c 'my tf.toml'"),
            (whom(Some("/run/a.sock"), None, None), " --admin unix:/run/a.sock"),
            // The configuration is not asked then.
            (whom(Some("/run/a.sock"), None, Some("b")), " --admin unix:/run/a.sock"),
            (
                whom(Some("[::1]:9180"), Some("it's"), None),
                r" --admin '[::1]:9180' --token-file 'it'\''s'",
            ),
        ] {
            let expected = format!(
                "unless `traffic-forwarder confirm 5{options}` follows, or \
                 `traffic-forwarder status{options}`"
            );
            assert_eq!(SameProcess::of(&whom).complete(text), expected);
        }
    }

    #[test]
    fn other_text_stays() {
        let same = SameProcess::of(&whom(None, None, Some("b")));
        for text in ["", "`confirm 5`", "traffic-forwarder", "no end: `traffic-forwarder confirm"] {
            assert_eq!(same.complete(text), text);
        }
    }
}
