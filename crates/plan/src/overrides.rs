//! Command-line options that override settings of every forward.

use crate::plan::ForwardSettings;
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::{Kind, Setting};
use crate::settings::find;
use crate::table::Table;
use crate::text::Source;
use crate::value::{Value, from_number, from_text};

/// A given override: its flag, its value and the settings it sets.
pub(crate) struct Override<'a> {
    flag: &'static str,
    value: &'a str,
    keys: &'static [&'static str],
}

impl<'a> Override<'a> {
    pub(crate) fn all(given: &'a crate::Overrides) -> Vec<Self> {
        let timeout = given.timeout.as_deref().map(|value| Self {
            flag: "--timeout ",
            value,
            keys: &["connect_timeout", "idle_timeout"],
        });
        let max_conns = given.max_conns.as_deref().map(|value| Self {
            flag: "--max-conns ",
            value,
            keys: &["max_sessions"],
        });
        timeout.into_iter().chain(max_conns).collect()
    }

    /// Sets the value in all `forwards`, or reports the error.
    pub(crate) fn apply<'s>(
        &self,
        forwards: impl Iterator<Item = &'s mut ForwardSettings>,
        problems: &mut Problems,
    ) {
        match self.values() {
            Ok(values) => {
                for settings in forwards {
                    for (setting, value) in &values {
                        settings.set(setting, value.clone());
                    }
                }
            }
            Err(error) => {
                let source =
                    Source::new(crate::COMMAND_LINE, format!("{}{}", self.flag, self.value));
                let range = error.range.clone();
                let span = source.span(self.flag.len() + range.start..self.flag.len() + range.end);
                problems.push(Severity::Error, &span, &error);
            }
        }
    }

    fn values(&self) -> Result<Vec<(&'static Setting, Value)>, ParseError> {
        let settings = self.keys.iter().filter_map(|key| find(&[ForwardSettings::SETTINGS], key));
        settings.map(|setting| Ok((setting, self.value_of(setting.kind)?))).collect()
    }

    /// Parses the text by `kind`: the command line has no other distinction between numbers and
    /// words.
    fn value_of(&self, kind: Kind) -> Result<Value, ParseError> {
        match kind {
            Kind::Count { .. } => from_number(kind, self.value.parse().ok(), self.value),
            _ => from_text(kind, self.value),
        }
    }
}
