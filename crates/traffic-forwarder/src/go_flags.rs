//! Flags of the older program, which was written in Go and takes one dash: `-conf FILE`,
//! `-conf=FILE`. They keep working, and so does `-config`, which would be `-c onfig`.

use std::ffi::OsString;

const FLAGS: [&str; 6] = ["conf", "config", "timeout", "max-conns", "help", "version"];

/// Adds the second dash to the older program's flags. All other arguments are unchanged.
pub(crate) fn translate(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut done = false;
    arguments
        .map(|argument| {
            done |= argument == "--";
            if done { argument } else { with_second_dash(argument) }
        })
        .collect()
}

fn with_second_dash(argument: OsString) -> OsString {
    let text = argument.as_encoded_bytes();
    let name = text.strip_prefix(b"-").map(|rest| rest.split(|byte| *byte == b'=').next());
    let ours = |name: &[u8]| FLAGS.iter().any(|flag| flag.as_bytes() == name);
    if !name.flatten().is_some_and(ours) {
        return argument;
    }
    let mut long = OsString::from("-");
    long.push(argument);
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_flags_are_translated_with_and_without_equals_sign() {
        let given = ["x", "-conf", "a", "-conf=b", "-timeout=3s", "--max-conns", "7", "-c", "-v"];
        let expected =
            ["x", "--conf", "a", "--conf=b", "--timeout=3s", "--max-conns", "7", "-c", "-v"];
        let translated = translate(given.iter().map(OsString::from));
        assert_eq!(translated, expected.map(OsString::from));
    }

    #[test]
    fn arguments_after_two_dashes_are_not_flags() {
        let given = ["x", "--", "-conf"].map(OsString::from);
        assert_eq!(translate(given.iter().cloned()), given);
    }
}
