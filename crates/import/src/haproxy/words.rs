//! HAProxy's grammar: lines of words, with quotes, escapes and comments.

use std::str::Chars;
use std::sync::Arc;

use crate::Source;
use crate::note::SourcePlace;

/// A non-empty line.
pub(super) struct Line {
    pub(super) place: SourcePlace,
    pub(super) words: Vec<String>,
    /// Whether a word depends on the environment.
    pub(super) has_variable: bool,
}

impl Line {
    /// A word by its number, or nothing.
    pub(super) fn word(&self, nth: usize) -> &str {
        self.words.get(nth).map_or("", String::as_str)
    }

    /// The words from here on.
    pub(super) fn from(&self, nth: usize) -> &[String] {
        self.words.get(nth..).unwrap_or_default()
    }
}

/// Whether a word at the start of a line begins a section.
pub(super) fn is_section(word: &str) -> bool {
    matches!(word, "global" | "defaults" | "log-forward" | "log-profile")
        || super::HELPERS.contains(&word)
}

/// Splits the text into lines of words. Of a conditional, only the `.if` is kept, because its body
/// may not apply.
pub(super) fn lines(source: &Source) -> Vec<Line> {
    let file: Arc<str> = source.name.as_str().into();
    let (mut lines, mut depth) = (Vec::new(), 0usize);
    for (index, text) in source.text.lines().enumerate() {
        let line = line(SourcePlace::nth(&file, index), text);
        match line.word(0) {
            "" => {}
            ".if" => {
                depth += 1;
                if depth == 1 {
                    lines.push(line);
                }
            }
            ".endif" => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ => lines.push(line),
        }
    }
    lines
}

fn line(place: SourcePlace, text: &str) -> Line {
    let (mut words, mut word, mut has_variable) = (Vec::new(), None::<String>, false);
    let (mut quote, mut chars) = (None, text.chars());
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('#', None) => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().push(escaped(&mut chars)),
            (c, _) => {
                has_variable |= c == '$' && quote == Some('"');
                word.get_or_insert_default().push(c);
            }
        }
    }
    words.extend(word);
    Line { place, words, has_variable }
}

/// The character behind a backslash. Before any other one than these, HAProxy keeps the backslash. A byte
/// that is no ASCII becomes the replacement character.
fn escaped(chars: &mut Chars<'_>) -> char {
    let mut behind = chars.clone();
    let c = match behind.next() {
        Some('r') => '\r',
        Some('n') => '\n',
        Some('t') => '\t',
        Some(c @ (' ' | '\\' | '#' | '\'' | '"' | '$')) => c,
        Some('x') => {
            let digits = [behind.next(), behind.next()].map(|c| c.and_then(|c| c.to_digit(16)));
            let [Some(high), Some(low)] = digits else { return '\\' };
            let byte = u8::try_from(high * 16 + low).ok().filter(u8::is_ascii);
            byte.map_or(char::REPLACEMENT_CHARACTER, char::from)
        }
        _ => return '\\',
    };
    *chars = behind;
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_haproxy_does() {
        let place = SourcePlace { file: "f".into(), line: 1 };
        let of = |text: &str| line(place.clone(), text);
        assert_eq!(of("  a b\\ c 'd \"e' \"f\\\"g\" # h").words, ["a", "b c", "d \"e", "f\"g"]);
        assert_eq!(
            of(r#"\r\n "\x41" \xff '\r' ^2\.0 \#"#).words[..4],
            ["\r\n", "A", "\u{fffd}", r"\r"]
        );
        assert_eq!(of(r"^2\.0 \# \xg0 \").words, [r"^2\.0", "#", r"\xg0", r"\"]);
        assert_eq!(of("a '' b").words, ["a", "", "b"]);
        assert!(of("bind \"${ADDR}:80\"").has_variable);
        assert!(!of("log-format '%T $x'").has_variable);
        assert!(of("# nothing").words.is_empty());
    }

    #[test]
    fn conditionals_are_not_looked_into() {
        let text = "a\n.if x\nb\n.if y\nc\n.endif\nd\n.endif\ne\n".to_owned();
        let lines = lines(&Source { name: "f".to_owned(), text });
        let names: Vec<_> = lines.iter().map(|line| line.word(0)).collect();
        assert_eq!(names, ["a", ".if", "e"]);
    }
}
