//! The log's two forms. Every value is escaped: nothing that a user or a peer controls can break a
//! line, or reach the terminal as a control sequence.

use plan::LogFormat;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Starts logging to standard error as the plan says. Only the first call has an effect.
pub fn start_log(log: &plan::Log) {
    set_level(log.level);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = !plain && std::io::stderr().is_terminal();
    let lines = Lines { format: log.format, color };
    // A second subscriber is refused: the first one stays.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
}

/// The least important level that is written; a reload may change it.
static LEVEL: AtomicU8 = AtomicU8::new(plan::Level::Info as u8);

/// Changes the level of what is written from now on.
pub(crate) fn set_level(level: plan::Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    // It is known by heart at every place that logs.
    tracing::callsite::rebuild_interest_cache();
}

fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        0 => Level::ERROR,
        1 => Level::WARN,
        2 => Level::INFO,
        3 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

struct Lines {
    format: LogFormat,
    color: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= level()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(level().into())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let line = match self.format {
            LogFormat::Text => text_line(&time, level, &fields, self.color),
            LogFormat::Json => json_line(&time, level, &fields),
        };
        // In one write, so that lines of several threads do not mix. With standard error gone
        // there is nobody left to tell.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Begins the file anew: somebody has moved it away.
pub(crate) fn reopen() {}

/// A field's value.
enum Value {
    Text(String),
    /// A number or a truth value: safe as it is, in both forms.
    Plain(String),
}

#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.fields.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.add(field, Value::Text(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        let text = if value.is_finite() { value.to_string() } else { "null".to_owned() };
        self.add(field, Value::Plain(text));
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
