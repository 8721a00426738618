//! Escaping of foreign text for terminals and logs.

use std::fmt::{self, Write as _};

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

/// JSON with the same value, without characters that move the cursor or hide other text. Line breaks between the values
/// stay.
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // The others are escaped already, or stand between values.
        if c >= '\u{7f}' && is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_value() {
        let json = "[\n  \"a\u{7f}\u{9b}\u{202e}\u{e0041}\\n\\\"é\"\n]";
        let expected = "[\n  \"a\\u007f\\u009b\\u202e\\udb40\\udc41\\n\\\"é\"\n]";
        assert_eq!(escaped_json(json), expected);
    }
}
