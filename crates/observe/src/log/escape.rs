//! Values are escaped: nothing that a user or a peer controls can break a line, or reach the
//! terminal as a control sequence.
//!
//! These functions look at the end of a text, where a value was just written as it is. Nearly all
//! values are fine like that, and stay.

/// Control characters, and those that turn the writing direction, become `\u{…}`.
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

/// A value that is no single plain word is put in quotes, and escaped.
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

/// What may not stand in a JSON text becomes what may.
pub(super) fn escape_json(text: &mut String, from: usize) {
    if text[from..].bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
        return;
    }
    let quoted = serde_json::Value::from(text.split_off(from)).to_string();
    text.push_str(&quoted[1..quoted.len() - 1]);
}
