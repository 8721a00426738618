//! The form of lines: format, reader and coloring.

use plan::LogFormat;
use std::fmt::{self, Write};
use tracing::Level;

/// Format, reader and coloring of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) format: LogFormat,
    pub(super) reader: Reader,
    pub(super) color: bool,
}

/// The reader of lines, as far as their form depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A file or a program.
    Any,
    /// A terminal: text lines are short, to fit into one row.
    Terminal,
    /// The journal of systemd, which notes the time and takes a priority in front of each line
    /// (sd-daemon(3)).
    Journal,
}

impl Form {
    /// Whether lines are text for a terminal.
    pub(super) fn is_short(self) -> bool {
        self.format == LogFormat::Text && self.reader == Reader::Terminal
    }

    /// Writes the part of a line that precedes its message.
    pub(super) fn begin(
        self,
        text: &mut String,
        time: impl fmt::Display,
        level: Level,
        paint: Paint,
    ) -> fmt::Result {
        let Paint { level: bright, dim, plain } = paint;
        if self.reader == Reader::Journal {
            write!(text, "<{}>", priority(level))?;
        }
        match (self.format, self.reader) {
            (LogFormat::Text, Reader::Any) => {
                write!(text, "{dim}{time}{plain} {bright}{level:>5}{plain} ")
            }
            (LogFormat::Text, Reader::Terminal) if level == Level::INFO => {
                write!(text, "{dim}{time}{plain} ")
            }
            (LogFormat::Text, Reader::Terminal) => {
                write!(text, "{dim}{time}{plain} {bright}{level}{plain} ")
            }
            (LogFormat::Text, Reader::Journal) => write!(text, "{level} "),
            (LogFormat::Json, _) => {
                let level = level_word(level);
                write!(text, r#"{{"time":"{time}","level":"{level}","message":""#)
            }
        }
    }

    pub(super) fn paint(self, level: Level) -> Paint {
        let level = match (self.color, level) {
            (false, _) => return Paint { level: "", dim: "", plain: "" },
            (true, Level::ERROR) => "\x1b[31m",
            (true, Level::WARN) => "\x1b[33m",
            (true, Level::INFO) => "\x1b[32m",
            (true, _) => "\x1b[34m",
        };
        Paint { level, dim: "\x1b[2m", plain: "\x1b[0m" }
    }
}

/// The priority of syslog(3) for a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Terminal sequences for colors; empty without a terminal.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub(super) level: &'static str,
    pub(super) dim: &'static str,
    pub(super) plain: &'static str,
}
