//! Command-line options that override settings of every forward, of the process and of its log.

use crate::plan::{Log, Process};
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::{Kind, Setting};
use crate::settings::find;
use crate::table::Table;
use crate::text::Source;
use crate::value::{ParsedValue, Value, from_number, from_text};

/// A given override: its flag, its value and the settings it sets.
pub(crate) struct Override<'a> {
    flag: &'static str,
    value: &'a str,
    keys: &'static [&'static str],
}

/// Sets the options of the process and of its log, or reports their errors.
pub(crate) fn apply_to_process(
    given: &crate::Overrides,
    process: &mut Process,
    log: &mut Log,
    problems: &mut Problems,
) {
    let given_as =
        |flag, value: &Option<String>, keys| value.clone().map(|value| (flag, value, keys));
    if let Some((flag, value, keys)) = given_as("--admin ", &given.admin, &["admin"]) {
        let admin = Override { flag, value: &value, keys };
        let mut wanted = process.clone();
        admin.set([&mut wanted], problems);
        match value.as_str() {
            _ if wanted.admin.port.is_some() && wanted.admin_token_file.is_none() => {
                let error = ParseError::new(
                    0..value.len(),
                    "a port needs a token, which `admin_token_file` of a file names",
                );
                admin.report(&error.hint("give a Unix socket: `--admin unix:/PATH`"), problems);
            }
            "auto" => {
                let error = ParseError::new(
                    0..value.len(),
                    "`auto` is the default with a file, and without one there is no path for it",
                );
                admin.report(&error.hint("give a Unix socket: `--admin unix:/PATH`"), problems);
            }
            _ => *process = wanted,
        }
    }
    for (flag, value, keys) in [
        given_as("--log-level ", &given.log_level, &["level"]),
        given_as("--log-format ", &given.log_format, &["format"]),
    ]
    .into_iter()
    .flatten()
    {
        Override { flag, value: &value, keys }.set([&mut *log], problems);
    }
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

    /// Sets the value in all `tables`, or reports the error.
    pub(crate) fn set<'s, T: Table>(
        &self,
        tables: impl IntoIterator<Item = &'s mut T>,
        problems: &mut Problems,
    ) {
        match self.values::<T>() {
            Ok(values) => {
                for table in tables {
                    for (setting, value) in &values {
                        table.set(setting, value.clone());
                    }
                }
            }
            Err(error) => self.report(&error, problems),
        }
    }

    fn report(&self, error: &ParseError, problems: &mut Problems) {
        let source = Source::new(crate::COMMAND_LINE, format!("{}{}", self.flag, self.value));
        let range = error.range.clone();
        let span = source.span(self.flag.len() + range.start..self.flag.len() + range.end);
        problems.push(Severity::Error, &span, error);
    }

    fn values<T: Table>(&self) -> Result<Vec<(&'static Setting, Value)>, ParseError> {
        let settings = self.keys.iter().filter_map(|key| find(&[T::SETTINGS], key));
        settings.map(|setting| Ok((setting, self.value_of(setting.kind)?))).collect()
    }

    /// Parses the text by `kind`: the command line has no other distinction between numbers and
    /// words.
    fn value_of(&self, kind: Kind) -> Result<Value, ParseError> {
        match kind {
            Kind::Count { .. } => from_number(kind, self.value.parse().ok(), self.value),
            Kind::List(of) => {
                let value = from_text(*of, self.value)?;
                Ok(Value::List(vec![Some(ParsedValue { value, range: 0..self.value.len() })]))
            }
            _ => from_text(kind, self.value),
        }
    }
}
