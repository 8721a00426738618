//! Words as a shell takes them, in commands that are advised.

use crate::escaped;

/// One word of a command line, in quotes where the shell would see more in it than a word. What could
/// steer a terminal is escaped, as by [`escaped`].
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    let word = escaped(word);
    if !word.is_empty() && word.chars().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_take_apart_is_quoted() {
        for (word, expected) in [
            ("18080=[::1]:80", "'18080=[::1]:80'"),
            ("/var/log/a-b_c.log", "/var/log/a-b_c.log"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
