//! Detection of the file format by its lines; the file name does not matter.

use std::ops::Range;

use crate::line_format::without_comment;

/// First line of each kind in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// First line that is not blank or a comment.
    pub(crate) first: Option<Range<usize>>,
    /// First line such as `18080 | host | 80`.
    pub(crate) lines: Option<Range<usize>>,
    /// First line such as `key = value` or `[table]`.
    pub(crate) toml: Option<Range<usize>>,
    /// Whether some line looks like `[table]`.
    pub(crate) header: bool,
}

/// Format of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Only blank lines and comments.
    Empty,
    Lines,
    Toml,
    /// TOML if it parses as such; otherwise an error, reported at the later of the two lines.
    Mixed {
        lines: Range<usize>,
        toml: Range<usize>,
    },
}

pub(crate) fn detect(text: &str) -> Format {
    let traces = traces(text);
    match (traces.first, traces.lines, traces.toml) {
        (None, _, _) => Format::Empty,
        (_, None, Some(_)) => Format::Toml,
        // With no `[table]`, a stray `=` is one invalid line among others, and is skipped.
        (_, Some(lines), Some(toml)) if lines.start < toml.start && !traces.header => Format::Lines,
        (_, Some(lines), Some(toml)) => Format::Mixed { lines, toml },
        // Unrecognized lines get the line format's warnings, which show the syntax.
        (_, _, None) => Format::Lines,
    }
}

fn traces(text: &str) -> Traces {
    let mut traces = Traces::default();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = without_comment(line);
        let indent = content.len() - content.trim_start().len();
        let content = content.trim();
        let span = start + indent..start + indent + content.len();
        start += line.len();
        if content.is_empty() {
            continue;
        }
        let header = content.starts_with('[') && !content.contains('|');
        if header || is_assignment(content) {
            traces.toml.get_or_insert(span.clone());
        } else if content.contains('|') {
            traces.lines.get_or_insert(span.clone());
        }
        traces.header |= header;
        traces.first.get_or_insert(span);
    }
    traces
}

/// Whether the line starts with a key and `=`.
fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| {
        !key.trim().is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"' \t".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_detected_by_the_lines() {
        let cases = [
            ("", Format::Empty),
            ("\n \r\n# a = b\n#[x]\n# 1|2|3", Format::Empty),
            ("1 | h | 2", Format::Lines),
            ("# x\n1|h|2\n", Format::Lines),
            ("garbage", Format::Lines),
            ("1 | h | 2\nfoo = bar\n", Format::Lines),
            ("[::]:80 | h | 80\n", Format::Lines),
            ("[process]", Format::Toml),
            ("[[forward]] # a | b\n", Format::Toml),
            ("name = \"a|b\"", Format::Toml),
            ("listen = [\n\":80\",\n]\n", Format::Toml),
            ("1|h|2\n[[forward]]\n", Format::Mixed { lines: 0..5, toml: 6..17 }),
            ("a = 1\n1|h|2\n", Format::Mixed { lines: 6..11, toml: 0..5 }),
        ];
        for (text, expected) in cases {
            assert_eq!(detect(text), expected, "{text:?}");
        }
    }
}
