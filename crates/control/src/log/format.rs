//! The log's two forms. Every value is escaped: nothing that a user or a peer controls can break a
//! line, or reach the terminal as a control sequence.

use super::event::{Fields, Value};
use plan::LogFormat;
use std::fmt::Write as _;
use std::time::SystemTime;
use tracing::Level;

/// How lines look.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) format: LogFormat,
    pub(super) color: bool,
}

impl Form {
    /// A line of now, with its end.
    pub(super) fn line(self, level: Level, fields: &Fields) -> String {
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        match self.format {
            LogFormat::Text => text_line(&time, level, fields, self.color),
            LogFormat::Json => json_line(&time, level, fields),
        }
    }
}

// === text ===

fn text_line(time: &str, level: Level, fields: &Fields, color: bool) -> String {
    let (paint, dim, plain) = match (color, level) {
        (false, _) => ("", "", ""),
        (true, Level::ERROR) => ("\x1b[31m", "\x1b[2m", "\x1b[0m"),
        (true, Level::WARN) => ("\x1b[33m", "\x1b[2m", "\x1b[0m"),
        (true, Level::INFO) => ("\x1b[32m", "\x1b[2m", "\x1b[0m"),
        (true, _) => ("\x1b[34m", "\x1b[2m", "\x1b[0m"),
    };
    let message = escaped(&fields.message);
    let mut line = format!("{dim}{time}{plain} {paint}{level:>5}{plain} {message}");
    for (name, value) in &fields.fields {
        let shown = match value {
            Value::Plain(text) => text.clone(),
            Value::Text(text) => quoted_if_needed(text),
        };
        // Writing to a String cannot fail.
        let _ = write!(line, " {dim}{name}={plain}{shown}");
    }
    line.push('\n');
    line
}

fn quoted_if_needed(text: &str) -> String {
    let simple = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(simple) {
        return text.to_owned();
    }
    format!("\"{}\"", escaped(text).replace('"', "\\\""))
}

/// Control characters, and those that turn the writing direction, as `\u{…}`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || matches!(c, '\\' | '\u{2028}' | '\u{2029}') {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

// === JSON ===

/// One object. Fields named `a.b` and `a.c` that follow each other become `"a": {"b": …, "c": …}`.
fn json_line(time: &str, level: Level, fields: &Fields) -> String {
    let level = level.as_str().to_ascii_lowercase();
    let mut line = format!(
        r#"{{"time":{},"level":{},"message":{}"#,
        json_text(time),
        json_text(&level),
        json_text(&fields.message)
    );
    let mut open = None;
    for (name, value) in &fields.fields {
        let (group, key) = match name.split_once('.') {
            Some((group, key)) => (Some(group), key),
            None => (None, *name),
        };
        let closes = open.is_some() && open != group;
        line.push_str(if closes { "}," } else { "," });
        if let Some(group) = group.filter(|_| open != group) {
            let _ = write!(line, "{}:{{", json_text(group));
        }
        open = group;
        let shown = match value {
            Value::Plain(text) => text.clone(),
            Value::Text(text) => json_text(text),
        };
        let _ = write!(line, "{}:{shown}", json_text(key));
    }
    line.push_str(if open.is_some() { "}}\n" } else { "}\n" });
    line
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: Vec<(&'static str, Value)>) -> Fields {
        Fields { message: "line one\nline two".into(), fields }
    }

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    #[test]
    fn nothing_breaks_a_text_line() {
        let fields = fields(vec![
            ("name", text("a b=\"c\"\r\n\x1b[31m\u{202e}\\")),
            ("plain", text("127.0.0.1:80")),
            ("empty", text("")),
            ("count", Value::Plain("7".into())),
        ]);
        let line = text_line("now", Level::INFO, &fields, false);
        assert_eq!(
            line,
            "now  INFO line one\\nline two name=\"a b=\\\"c\\\"\\r\\n\\u{1b}[31m\\u{202e}\\\\\" \
             plain=127.0.0.1:80 empty=\"\" count=7\n"
        );
    }

    #[test]
    fn a_json_line_groups_its_fields_and_is_json() {
        let fields = fields(vec![
            ("id", Value::Plain("1".into())),
            ("close.by", text("cli\"ent")),
            ("close.errno", text("E\n")),
            ("tcp.rtt", Value::Plain("0.5".into())),
            ("last", text("\u{1}")),
        ]);
        let line = json_line("now", Level::WARN, &fields);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["message"], "line one\nline two");
        assert_eq!(value["close"]["by"], "cli\"ent");
        assert_eq!(value["close"]["errno"], "E\n");
        assert_eq!(value["tcp"]["rtt"], 0.5);
        assert_eq!(value["last"], "\u{1}");
    }

    #[test]
    fn a_json_line_may_end_in_a_group() {
        let fields = fields(vec![("a.b", Value::Plain("1".into()))]);
        let line = json_line("now", Level::INFO, &fields);
        assert!(line.ends_with("\"a\":{\"b\":1}}\n"), "{line}");
    }
}
