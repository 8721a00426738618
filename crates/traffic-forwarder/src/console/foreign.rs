//! Messages of the server that answers, for a terminal. It may be another program: a message can neither fill the
//! screen nor look like several lines of this command.

use crate::console::units;

/// Bytes of a message of one line.
const LINE_MAX: usize = 4 << 10;
/// Bytes of a message of several lines: 50 problems of a configuration with their excerpts.
const LINES_MAX: usize = 64 << 10;

/// A message of one line. Escapes its line breaks.
pub(crate) fn one_line(message: &str) -> String {
    let (shown, note) = cut(message.trim_end(), LINE_MAX);
    plan::escaped(shown) + &note
}

/// A message of several lines. Indents all but the first one.
pub(crate) fn several_lines(message: &str) -> String {
    indented(message, |number, _| number == 0)
}

/// Rendered problems of a configuration. Indents lines that are no part of a problem.
pub(crate) fn problems(message: &str) -> String {
    const HEADINGS: [&str; 4] = ["error: ", "warning: ", "help: ", "..."];
    let is_numbered = |line: &str| line.starts_with(|c: char| c.is_ascii_digit());
    indented(message, |_, line| {
        is_numbered(line.strip_prefix("and ").unwrap_or(line))
            || HEADINGS.iter().any(|heading| line.starts_with(heading))
    })
}

fn indented(message: &str, stays: impl Fn(usize, &str) -> bool) -> String {
    let (shown, note) = cut(message.trim_end(), LINES_MAX);
    let lines = shown.lines().enumerate().map(|(number, line)| {
        let indent =
            if line.is_empty() || line.starts_with(' ') || stays(number, line) { "" } else { "  " };
        format!("{indent}{}", plan::escaped(line))
    });
    lines.collect::<Vec<_>>().join("\n") + &note
}

/// The begin of a text of more than `limit` bytes, and a note that it is cut.
fn cut(text: &str, limit: usize) -> (&str, String) {
    if text.len() <= limit {
        return (text, String::new());
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let size = units::bytes(text.len() as u64);
    (&text[..end], format!("... (cut: the message has {size})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        assert_eq!(one_line("no\nerror: \u{1b}[2J\u{202e}\n"), r"no\nerror: \u{1b}[2J\u{202e}");
        let long = one_line(&"é".repeat(3_000_000));
        assert!(long.contains("éé... (cut: the message has "), "{long}");
        assert_eq!(long.chars().filter(|c| *c == 'é').count(), LINE_MAX / 2);
    }

    #[test]
    fn further_lines_do_not_begin_like_lines_of_this_command() {
        assert_eq!(several_lines("one\ntwo\r\n  three\n\n"), "one\n  two\n  three");
        let rendered = "error: no\n --> a:3:1\n  |\n3 | x\n  |\n\nand 4 more problems\n";
        assert_eq!(problems(rendered), rendered.trim_end());
        assert_eq!(problems("error: no\nreloaded"), "error: no\n  reloaded");
        let long = several_lines(&"line\n".repeat(100_000));
        assert!(long.len() < 2 * LINES_MAX && long.contains("... (cut: "), "{}", long.len());
    }
}
