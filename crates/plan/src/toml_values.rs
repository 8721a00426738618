//! Typed values from TOML: checks type and range, and reports errors with their locations.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::address::Target;
use crate::hints;
use crate::paths::RolePath;
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::{Kind, Role, Section, Setting};
use crate::settings::{find, settings};
use crate::table::Table;
use crate::target::{TargetOptions, TargetRange};
use crate::text::{Source, Span, nearest, quoted};
use crate::value::{self, ParsedValue, Value};
use crate::values_text::{describe, plural};

/// Entries of a TOML table, by key.
pub(crate) type Entries<'t, 'i> = &'t DeTable<'i>;

/// Reads the tables of one file and collects their problems.
pub(crate) struct Reader<'a, 'p> {
    pub(crate) source: &'a Source,
    pub(crate) problems: &'p mut Problems,
    /// Lines with a syntax error. Further errors on them are not reported.
    pub(crate) broken: HashSet<u32>,
    /// Paths in the tables read so far; each file of prefixes once.
    pub(crate) paths: Vec<RolePath<'a>>,
    /// The files of prefixes among them.
    pub(crate) prefix_files: HashSet<PathBuf>,
}

impl<'a> Reader<'a, '_> {
    /// Sets every key of the table that has a valid value, and reports the others.
    pub(crate) fn fill<T: Table>(&mut self, target: &mut T, table: Entries<'_, '_>) {
        for (setting, parsed) in self.entries(&[T::SETTINGS], table) {
            self.note_paths(setting, &parsed);
            target.set(setting, parsed.value);
        }
    }

    /// Notes the paths in a value, or in the values of a list.
    pub(crate) fn note_paths(&mut self, setting: &Setting, parsed: &ParsedValue) {
        let values = match &parsed.value {
            Value::List(list) => list.iter().flatten().collect(),
            _ => vec![parsed],
        };
        for ParsedValue { value, range } in values {
            let span = self.source.span(range.clone());
            let Some(path) = RolePath::of_value(setting.kind.role(), value, span) else { continue };
            // Thousands of forwards may name one file.
            if path.role != Role::Prefixes || self.prefix_files.insert(path.path.clone()) {
                self.paths.push(path);
            }
        }
    }

    /// The keys of the table with valid values; the others are reported.
    pub(crate) fn entries(
        &mut self,
        known: &[&'static [Setting]],
        table: Entries<'_, '_>,
    ) -> Vec<(&'static Setting, ParsedValue)> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            match find(known, key.get_ref()) {
                Some(setting) => {
                    let value = self.value(setting, value);
                    entries.extend(value.map(|value| (setting, value)));
                }
                None => self.unknown_key(known, key),
            }
        }
        entries
    }

    fn unknown_key(&mut self, known: &[&'static [Setting]], key: &Spanned<Cow<'_, str>>) {
        let name = key.get_ref().as_ref();
        let keys: Vec<_> = known.iter().copied().flatten().map(|setting| setting.key).collect();
        let elsewhere = settings().iter().find(|setting| setting.key == name);
        let section = known.iter().copied().flatten().map(|setting| setting.section).next();
        let error = ParseError::new(0..0, format!("unknown key {}", quoted(name)));
        if let Some(hint) = section.and_then(|section| hints::of_key(section, name)) {
            return self.report(&self.source.span(key.span()), &error.hint(hint));
        }
        let error = match (nearest(name, &keys), elsewhere) {
            (_, Some(Setting { section: Section::ForwardDefaults, .. }))
                if matches!(section, Some(Section::Inside("to" | "route"))) =>
            {
                error.hint(format!(
                    "`{name}` belongs in [[forward]] or [defaults]: all targets of a forward share it"
                ))
            }
            (_, Some(setting)) => {
                let place = match setting.section {
                    Section::Inside(key) => format!("the table of `{key}`"),
                    section => section.header().to_owned(),
                };
                error.hint(format!("`{name}` belongs in {place}"))
            }
            (Some(near), None) => error.hint(format!("did you mean `{near}`?")),
            (None, None) => error.hint(list_of_keys(&keys)),
        };
        self.report(&self.source.span(key.span()), &error);
    }

    /// Parses the value of a setting, which may be a list.
    fn value(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Option<ParsedValue> {
        let Kind::List(of) = setting.kind.without_word() else {
            return self.one(setting.kind, setting.kind, value);
        };
        let range = value.span();
        let list = match value.get_ref().as_array() {
            Some(values) => {
                if values.is_empty() && !matches!(of, Kind::Prefix | Kind::Source | Kind::Network) {
                    let message = format!("the list `{}` has no {}", setting.key, plural(*of));
                    self.report(&self.source.span(range.clone()), &ParseError::new(0..0, message));
                }
                values.iter().map(|value| self.one(*of, setting.kind, value)).collect()
            }
            None => vec![self.one(*of, setting.kind, value)],
        };
        Some(ParsedValue { value: Value::List(list), range })
    }

    /// Parses one value, not a list. `expected` is the kind to name if the type is wrong.
    fn one(
        &mut self,
        kind: Kind,
        expected: Kind,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<ParsedValue> {
        let span = self.source.span(value.span());
        let checked = match (value.get_ref(), kind.without_word()) {
            (DeValue::String(text), _) => {
                let span = inner(&span, text);
                return self.checked(value::from_text(kind, text), span);
            }
            (DeValue::Table(table), Kind::Table(settings) | Kind::KeyOrTable(_, settings)) => {
                let entries = self.entries(&[settings], table).into_iter();
                let given = entries.map(|(setting, parsed)| (setting, parsed.value)).collect();
                return Some(ParsedValue { value: Value::Table(given), range: value.span() });
            }
            (DeValue::Table(table), Kind::Target(known)) => {
                return self.target(known, table, &span);
            }
            (DeValue::Table(table), Kind::Route(known)) => return self.route(known, table, &span),
            (DeValue::Array(lengths), Kind::PrefixLengths) => {
                let lengths: Vec<_> = lengths.iter().map(number).collect();
                value::prefix_lengths(&lengths, span.text())
            }
            (DeValue::Float(_), Kind::Share) => value::share(kind, span.text()),
            _ if self.is_placeholder(value) => return None,
            (DeValue::Boolean(value), Kind::Bool) => Ok(Value::Bool(*value)),
            (DeValue::Integer(number), of) if !is_address(of) => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
                value::from_number(kind, number, span.text())
            }
            (found, _) => {
                let found = with_article(found.type_str());
                let message = format!("expected {}, found {found}", describe(expected));
                let error = ParseError::new(0..span.text().len(), message);
                Err(error.hint_if(hints::of_value(kind, span.text())))
            }
        };
        self.checked(checked, span)
    }

    /// Parses a target given as a table.
    fn target(
        &mut self,
        known: &[&'static [Setting]],
        table: Entries<'_, '_>,
        span: &Span<'a>,
    ) -> Option<ParsedValue> {
        let (mut address, mut options) = (None, TargetOptions::default());
        let mut shares = Vec::new();
        for (setting, parsed) in self.entries(known, table) {
            match parsed.value {
                Value::TargetAddress(value) => address = Some((value, parsed.range)),
                value => {
                    let is_share = matches!(setting.key, "weight" | "backup");
                    shares.extend(is_share.then_some((setting.key, parsed.range)));
                    options.set(setting, value);
                }
            }
        }
        if address.as_ref().is_some_and(|(address, _)| matches!(address.first, Target::Srv { .. }))
        {
            for (key, range) in shares {
                let message = format!("the records of a service have their own `{key}`");
                let error = ParseError::new(0..0, message).hint(format!("leave out `{key}`"));
                self.report(&self.source.span(range), &error);
            }
        }
        // After a syntax error, the key may be in a part that the parser skipped.
        if !table.contains_key("address") && self.broken.is_empty() {
            let error = ParseError::new(0..0, "this target has no `address`");
            self.report(span, &error.hint("add `address = \"host:port\"`"));
        }
        let (address, range) = address?;
        Some(ParsedValue { value: Value::Target(TargetRange { address, options }), range })
    }

    /// Whether this is the parser's placeholder for a missing value.
    fn is_placeholder(&self, value: &Spanned<DeValue<'_>>) -> bool {
        value.span().is_empty() && !self.broken.is_empty()
    }

    /// Returns the value with its range, or reports the error.
    fn checked(&mut self, value: Result<Value, ParseError>, span: Span<'a>) -> Option<ParsedValue> {
        match value {
            Ok(value) => Some(ParsedValue { value, range: span.range }),
            Err(error) => {
                self.report(&span.within(&error.range), &error);
                None
            }
        }
    }

    pub(crate) fn report(&mut self, span: &Span<'a>, error: &ParseError) {
        if !self.broken.contains(&self.source.line(span.range.start)) {
            self.problems.push(Severity::Error, span, error);
        }
    }
}

/// The keys of a table, in lines that fit a terminal.
fn list_of_keys(keys: &[&str]) -> String {
    const WIDTH: usize = 68;
    let mut lines = vec!["the keys here are".to_owned()];
    for (nth, key) in keys.iter().enumerate() {
        let end = if nth + 1 < keys.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.len() + key.len() < WIDTH => line.extend([" ", key, end]),
            _ => lines.push(format!("{key}{end}")),
        }
    }
    lines.join("\n")
}

/// The span of a string without its quotes.
fn inner<'a>(span: &Span<'a>, text: &str) -> Span<'a> {
    // A string with escapes differs from its source; the span is then the whole string.
    let found = span.text().find(text).filter(|_| !text.is_empty());
    found.map_or_else(|| span.clone(), |at| span.within(&(at..at + text.len())))
}

/// Whether the kind has its own syntax. For a number, the error then names the expected type,
/// not the range.
fn is_address(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Name
            | Kind::Listen
            | Kind::TargetAddress
            | Kind::Target(_)
            | Kind::Text(_)
            | Kind::Prefix
            | Kind::TrustedPeer
            | Kind::Source
            | Kind::ServerName
            | Kind::Route(_)
            | Kind::Network
            | Kind::PerTime
            | Kind::ByteRate { .. }
            | Kind::PrefixLengths
            | Kind::Mode
            | Kind::Admin
            | Kind::Metrics
            | Kind::StoreUrl
    )
}

/// A value as a number; `None` if it is none, or too large.
fn number(value: &Spanned<DeValue<'_>>) -> Option<u32> {
    let DeValue::Integer(number) = value.get_ref() else { return None };
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}
