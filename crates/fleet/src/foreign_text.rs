//! Texts from the store. Everything that may write there chooses them, so they are bounded before they are shown.

use plan::escaped;

/// The most characters of one text that is shown, logged or written back.
const LONGEST: usize = 500;

/// The beginning of a long text.
pub fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of a long text, with control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    escaped(&bounded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_with_a_mark_and_controls_are_escaped() {
        let longest = "é".repeat(LONGEST);
        assert_eq!(bounded(&longest), longest);
        assert_eq!(bounded(&(longest.clone() + "é")), longest.clone() + "…");
        assert_eq!(shown("a\x1b[2Jb"), escaped("a\x1b[2Jb"));
        assert!(!shown("\x1b".repeat(1000).as_str()).contains('\x1b'));
    }
}
