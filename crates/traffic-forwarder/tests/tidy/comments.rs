//! Extracts the comments of a Rust source.

/// A block of comment lines of one kind, or a comment at the end of a line of code.
#[derive(Default)]
pub(crate) struct Comment {
    pub(crate) is_doc: bool,
    /// Lines with their numbers, without code blocks.
    pub(crate) lines: Vec<(usize, String)>,
}

impl Comment {
    /// The lines joined into one text.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(|(_, line)| line.as_str()).collect();
        lines.join("\n")
    }
}

/// The comments of a source, in order.
pub(crate) fn comments(source: &str) -> Vec<Comment> {
    let mut found = Vec::new();
    let (mut block, mut block_mark, mut in_code) = (Comment::default(), None, false);
    for (line, number) in source.lines().zip(1..) {
        let begun = marked(line);
        let mark = begun.map(|(mark, _)| mark);
        if mark != block_mark {
            found.push(std::mem::take(&mut block));
            (block_mark, in_code) = (mark, false);
        }
        match begun {
            Some((_, text)) if text.trim_start().starts_with("```") => in_code = !in_code,
            Some((mark, text)) if !in_code => {
                block.is_doc = mark != "//";
                block.lines.push((number, text.to_owned()));
            }
            Some(_) => {}
            None => found.extend(
                trailing(line)
                    .map(|text| Comment { is_doc: false, lines: vec![(number, text.to_owned())] }),
            ),
        }
    }
    found.push(block);
    found.retain(|comment| !comment.lines.is_empty());
    found
}

/// Marker and text of a comment line.
fn marked(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim_start();
    let mark = ["///", "//!", "//"]
        .into_iter()
        .find(|mark| line.strip_prefix(mark).is_some_and(|rest| !rest.starts_with('/')))?;
    let text = &line[mark.len()..];
    Some((mark, text.strip_prefix(char::is_whitespace).unwrap_or(text)))
}

/// Text of a comment behind code, unless its marker is within a string.
fn trailing(line: &str) -> Option<&str> {
    let begins = |&(at, _): &(usize, &str)| {
        let before = line[..at].chars().next_back();
        let is_free = before.is_none_or(|c| !(":\"'/_".contains(c) || c.is_alphanumeric()));
        is_free && line[at + 2..].starts_with(char::is_whitespace)
    };
    let (at, _) = line.match_indices("//").find(begins)?;
    line[..at].matches('"').count().is_multiple_of(2).then(|| &line[at + 3..])
}

#[test]
fn comments_are_found_by_kind() {
    let source =
        "//! a\n//! b\n\n/// c\n/// ```\n/// code\n/// ```\n// d\nlet e = \"// f\"; // g\n";
    let texts: Vec<_> = comments(source).iter().map(|it| (it.is_doc, it.text())).collect();
    let expected = [(true, "a\nb"), (true, "c"), (false, "d"), (false, "g")];
    assert_eq!(texts, expected.map(|(is_doc, text)| (is_doc, text.to_owned())));
    assert_eq!(comments(source)[1].lines, [(4, "c".to_owned())]);
}
