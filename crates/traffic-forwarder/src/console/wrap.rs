//! Text for a terminal of some width: lines are broken between words, and no address is cut.

use crate::console::screen::columns;
use std::borrow::Cow;

/// Parts of a list up to this width, which end with a comma, stay in one line.
const CLAUSE: usize = 28;
/// Further columns of a line that goes on, behind its own indentation.
const INDENT: usize = 2;

/// How a word is shown that is wider than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LongWord {
    /// Whole, alone on a line: the terminal breaks it without a gap, so that it can be copied.
    Whole,
    /// In lines that fit.
    Broken,
}

/// Breaks the lines that are wider than `width`. Each goes on below the text behind its name, or else a little
/// further to the right. Lines of quoted files stay as they are.
pub(crate) fn folded(text: &str, width: usize) -> Cow<'_, str> {
    if text.lines().all(|line| visible_columns(line) <= width) {
        return Cow::Borrowed(text);
    }
    text.split_inclusive('\n').map(|line| folded_line(line, width)).collect::<String>().into()
}

fn folded_line(line: &str, width: usize) -> Cow<'_, str> {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    if visible_columns(text) <= width || is_quoted(text) {
        return line.into();
    }
    let (head, rest) = text.split_at(start_of_text(text, width));
    let indent = match visible_columns(head) {
        own if head.trim().is_empty() => own + INDENT,
        behind_a_name => behind_a_name,
    };
    let own_width = width.saturating_sub(visible_columns(head));
    let pieces = wrapped(rest, own_width, width.saturating_sub(indent), LongWord::Whole);
    (head.to_owned() + &pieces.join(&format!("\n{}", " ".repeat(indent))) + end).into()
}

/// The index at which the text of a line begins: behind `help: `, or behind a name that a gap of two columns or
/// more separates, as in a table of facts; else behind the indentation.
fn start_of_text(line: &str, width: usize) -> usize {
    let own = line.len() - line.trim_start().len();
    let help = line.find("help: ").map(|at| at + "help: ".len());
    let gap = line[own..].find("  ").map(|at| {
        let gap = &line[own + at..];
        own + at + gap.len() - gap.trim_start().len()
    });
    let named = help.or(gap).filter(|at| visible_columns(&line[..*at]) <= width / 3);
    named.unwrap_or(own)
}

/// A line of a file with its number, or the mark below one: to break it would move the mark.
fn is_quoted(line: &str) -> bool {
    let plain = without_colours(line);
    plain.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|')
}

/// A text in lines of at most `width` columns, the first one of at most `first`, broken at spaces. Short parts of
/// a list and commands between backquotes stay whole where they fit.
pub(crate) fn wrapped(text: &str, first: usize, width: usize, long: LongWord) -> Vec<String> {
    let (first, width) = (first.max(1), width.max(1));
    let mut lines = vec![String::new()];
    for part in parts(text, width) {
        let limit = if lines.len() == 1 { first } else { width };
        let used = lines.last().map_or(0, |line| visible_columns(line));
        if used > 0 && used + visible_columns(part.trim_end()) > limit {
            lines.push(String::new());
        }
        match long {
            LongWord::Whole => push(&mut lines, part),
            LongWord::Broken => push_broken(&mut lines, part, first, width),
        }
    }
    // A space at the end of a line may be one column too many.
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

fn push(lines: &mut [String], part: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(part);
    }
}

fn push_broken(lines: &mut Vec<String>, part: &str, first: usize, width: usize) {
    for c in part.chars() {
        let limit = if lines.len() == 1 { first } else { width };
        let is_full = |line: &String| {
            c != ' ' && visible_columns(line) + columns(c.encode_utf8(&mut [0; 4])) > limit
        };
        if lines.last().is_some_and(is_full) {
            lines.push(String::new());
        }
        push(lines, c.encode_utf8(&mut [0; 4]));
    }
}

/// The parts of a text that are not broken if they fit, each with the space behind it.
fn parts(text: &str, width: usize) -> Vec<&str> {
    let short = CLAUSE.min(width);
    let clauses = text.split_inclusive(", ").flat_map(|clause| {
        let is_whole = visible_columns(clause.trim_end()) <= short;
        if is_whole { vec![clause] } else { words(clause, width) }
    });
    clauses.collect()
}

/// The words, of which a command between backquotes is one.
fn words(clause: &str, width: usize) -> Vec<&str> {
    let (mut words, mut start, mut is_command) = (Vec::new(), 0, false);
    for (at, c) in clause.char_indices() {
        let end = at + c.len_utf8();
        match c {
            '`' if is_command => is_command = false,
            '`' => {
                let command = clause[end..].find('`').map(|length| &clause[start..=end + length]);
                is_command = command.is_some_and(|it| visible_columns(it) <= width);
            }
            ' ' if !is_command => {
                words.push(&clause[start..end]);
                start = end;
            }
            _ => {}
        }
    }
    words.extend(Some(&clause[start..]).filter(|rest| !rest.is_empty()));
    words
}

/// The columns of a text without its colours.
fn visible_columns(text: &str) -> usize {
    columns(&without_colours(text))
}

fn without_colours(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default();
    let rest: Vec<_> = parts.map(|part| part.split_once('m').map_or("", |(_, it)| it)).collect();
    if rest.is_empty() { text.into() } else { (first.to_owned() + &rest.concat()).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_list_stay_together() {
        let lines =
            |width| wrapped("rtt 20us, 1 retransmit, 2 lost", width, width, LongWord::Broken);
        assert_eq!(lines(80), ["rtt 20us, 1 retransmit, 2 lost"]);
        assert_eq!(lines(24), ["rtt 20us, 1 retransmit,", "2 lost"]);
        assert_eq!(lines(14), ["rtt 20us,", "1 retransmit,", "2 lost"]);
        assert_eq!(lines(5), ["rtt", "20us,", "1", "retra", "nsmit", ", 2", "lost"]);
    }

    #[test]
    fn a_line_goes_on_below_its_text() {
        let cases = [
            ("name  aa bb cc dd ee\n", 18, "name  aa bb cc dd\n      ee\n"),
            ("    a bb cc dd ee ff", 12, "    a bb cc\n      dd ee\n      ff"),
            ("  help: one two three four", 16, "  help: one two\n    three four"),
            ("  help: one two three four", 24, "  help: one two three\n        four"),
            ("no name in here", 9, "no name\n  in here"),
            ("n  [2001:db8::1]:18080 is down", 12, "n  [2001:db8::1]:18080\n   is down"),
            (" 12 | a line of a file\n", 9, " 12 | a line of a file\n"),
            ("\x1b[31mr  aa bb cc\x1b[0m d", 9, "\x1b[31mr  aa bb\n   cc\x1b[0m d"),
        ];
        for (text, width, expected) in cases {
            assert_eq!(folded(text, width), expected, "{text}");
        }
    }

    #[test]
    fn a_command_is_broken_only_if_it_does_not_fit() {
        let folded = |width| folded("run `a b c` now", width).into_owned();
        assert_eq!(folded(10), "run\n  `a b c`\n  now");
        assert_eq!(folded(8), "run `a b\n  c` now");
    }
}
