//! Escaping of foreign text for terminals and logs.

use std::fmt;

/// Escapes characters that move the cursor or hide other text. A tab becomes a space.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    push_escaped(&mut escaped, text);
    escaped
}

/// Like [`escaped`], but keeps newlines.
pub fn escaped_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// Like [`escaped`], into a formatter.
pub(crate) fn write_escaped(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\t' => out.write_char(' ')?,
            c if is_unsafe(c) => write!(out, "{}", c.escape_debug())?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Like [`escaped`], appending to a string.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = write_escaped(out, text);
}

/// Control characters, and invisible ones that reorder or hide their surroundings.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}
