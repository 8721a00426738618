//! The markers around generated parts.

use std::fmt;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- /generated -->";

/// A marker that cannot be filled, with its line.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// No part has this name.
    Unknown(usize, String),
    /// The part begins here and does not end.
    Open(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(line, name) => write!(f, "line {line}: no part is called `{name}`"),
            Self::Open(line) => write!(f, "line {line}: no `{END}` follows"),
        }
    }
}

/// The text with every part replaced by what `part` has under its name.
pub(super) fn fill<'p>(
    text: &str,
    mut part: impl FnMut(&str) -> Option<&'p str>,
) -> Result<String, Fault> {
    let mut filled = String::new();
    let mut lines = text.split_inclusive('\n').zip(1..);
    while let Some((line, number)) = lines.next() {
        filled.push_str(line);
        let name = line.trim_end().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        let text = part(name).ok_or_else(|| Fault::Unknown(number, name.to_owned()))?;
        let end = lines.find(|(line, _)| line.trim_end() == END).ok_or(Fault::Open(number))?.0;
        // Markdown takes a table for one only behind an empty line.
        filled.extend(["\n", text, "\n", end]);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "before\n<!-- generated: a -->\nold\n<!-- /generated -->\nafter\n";

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let new = fill(OLD, |name| (name == "a").then_some("new\n")).unwrap();
        assert_eq!(new, "before\n<!-- generated: a -->\n\nnew\n\n<!-- /generated -->\nafter\n");
        assert_eq!(fill(&new, |_| Some("new\n")).unwrap(), new);
    }

    #[test]
    fn a_wrong_marker_is_named_with_its_line() {
        assert_eq!(fill(OLD, |_| None), Err(Fault::Unknown(2, "a".to_owned())));
        let open = "<!-- generated: a -->\nold\n";
        assert_eq!(fill(open, |_| Some("new\n")), Err(Fault::Open(1)));
    }
}
