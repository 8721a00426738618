//! Properties of reading that hold for any text.

mod rules;

use plan::Overrides;
use proptest::prelude::*;
use rules::check;

const VALID: [&str; 3] = [
    include_str!("samples/valid/every_key.toml"),
    include_str!("samples/valid/lines.conf"),
    include_str!("samples/invalid/everything_wrong.toml"),
];

/// Fragments that are meaningful to one of the parsers, so that random texts get past the first
/// check.
const PIECES: [&str; 33] = [
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
    "fd:a",
    "localhost",
    "[::1]",
    "off",
    "5s",
    "é\u{1b}\u{202e}",
    "\\u0000",
];

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
                            1 => ".{0,3}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "(?s).{0,200}", line in ".{0,40}", value in ".{0,10}") {
        let overrides = Overrides {
            timeout: Some(value.clone()),
            max_conns: Some(value.clone()),
            admin: Some(value.clone()),
            log_level: Some(value.clone()),
            log_format: Some(value),
        };
        check(text.as_bytes(), vec![line], overrides);
    }

    #[test]
    fn text_of_meaningful_pieces(text in pieces(), line in pieces()) {
        check(text.as_bytes(), vec![line], Overrides::default());
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
        check(chars.into_iter().collect::<String>().as_bytes(), Vec::new(), Overrides::default());
    }
}
