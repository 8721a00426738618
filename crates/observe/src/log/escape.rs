//! Escaping of values, so that no text controlled by a user or a peer can break a line or send a
//! control sequence to the terminal.
//!
//! Each function works on the end of a text, starting at `from`, where the caller has just written a
//! raw value. Nearly all values need no escaping and are left in place.

/// Escapes control characters, and those that change the writing direction, as `\u{…}`.
pub(super) fn escape_text(text: &mut String, from: usize) {
    if text[from..].bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
        return;
    }
    for c in text.split_off(from).chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || matches!(c, '\\' | '\u{2028}' | '\u{2029}') {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
}

/// Quotes and escapes a value, unless it is one plain word.
pub(super) fn quote_if_needed(text: &mut String, from: usize) {
    let simple = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
    if text.len() > from && text[from..].bytes().all(simple) {
        return;
    }
    let mut value = text.split_off(from);
    escape_text(&mut value, 0);
    text.push('"');
    text.push_str(&value.replace('"', "\\\""));
    text.push('"');
}

/// Escapes the characters that a JSON string must not contain.
pub(super) fn escape_json(text: &mut String, from: usize) {
    if text[from..].bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
        return;
    }
    let quoted = serde_json::Value::from(text.split_off(from)).to_string();
    text.push_str(&quoted[1..quoted.len() - 1]);
}
