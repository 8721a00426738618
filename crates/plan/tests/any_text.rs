//! Whatever the text: `read` returns, every place lies inside the text, and nothing it prints can
//! reach the terminal's controls.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;

use plan::{Input, Overrides};
use proptest::prelude::*;

const VALID: [&str; 3] = [
    include_str!("samples/valid/every_key.toml"),
    include_str!("samples/valid/seed.conf"),
    include_str!("samples/invalid/everything_wrong.toml"),
];

/// Pieces that mean something to one of the parsers, so that random texts get past the first check.
const PIECES: [&str; 32] = [
    "[",
    "]",
    "[[forward]]",
    "\n",
    "\r\n",
    "=",
    " = ",
    "|",
    "#",
    "\"",
    "'",
    "\"\"\"",
    ":",
    ":80",
    "listen",
    "to",
    "name",
    "keepalive",
    "{",
    "}",
    ",",
    "1",
    "65536",
    "-",
    "8000-8010",
    "unix:/a",
    "localhost",
    "[::1]",
    "off",
    "5s",
    "é\u{1b}\u{202e}",
    "\\u0000",
];

fn check(text: &str, forwards: Vec<String>, overrides: Overrides) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let config = Some(file.path().to_owned());
    let reading = plan::read(&Input { config, forwards, overrides });
    assert_eq!(reading.plan.is_none(), reading.problems.has_errors());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> = text.split('\n').map(|line| line.chars().count()).collect();
    for problem in &reading.problems {
        let Some(place) = &problem.place else { continue };
        if place.is_command_line() {
            continue;
        }
        let line = usize::try_from(place.line).unwrap();
        let column = usize::try_from(place.column).unwrap();
        assert!((1..=lines.len()).contains(&line), "{problem}");
        assert!((1..=lines[line - 1] + 1).contains(&column), "{problem}");
    }
    let shown: String = reading.problems.iter().map(ToString::to_string).collect();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let rendered = reading.problems.render(false);
    assert!(!rendered.contains(|c: char| c.is_control() && c != '\n'), "{rendered:?}");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
                            1 => ".{0,3}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "(?s).{0,200}", line in ".{0,40}", value in ".{0,10}") {
        let overrides = Overrides { timeout: Some(value.clone()), max_conns: Some(value) };
        check(&text, vec![line], overrides);
    }

    #[test]
    fn text_of_meaningful_pieces(text in pieces(), line in pieces()) {
        check(&text, vec![line], Overrides::default());
    }

    #[test]
    fn mutated_samples(
        sample in 0..VALID.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..8usize, pieces()), 1..4),
    ) {
        let mut chars: Vec<char> = VALID[sample].chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + removed).min(chars.len());
            chars.splice(at..end, inserted.chars());
        }
        check(&chars.into_iter().collect::<String>(), Vec::new(), Overrides::default());
    }
}
