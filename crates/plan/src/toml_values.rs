//! Values in TOML: of the right type, in range, and with a place for whatever is wrong with them.

use std::borrow::Cow;
use std::collections::HashSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::paths::RolePath;
use crate::problem::{ParseError, Problems, Severity};
use crate::setting::{Kind, Setting};
use crate::settings::{find, settings};
use crate::table::Table;
use crate::text::{Source, Span, nearest, quoted};
use crate::value::{self, ParsedValue, Value};
use crate::values_text::{describe, plural};

/// A table's entries, by key.
pub(crate) type Entries<'t, 'i> = &'t DeTable<'i>;

/// Reads the tables of one file, and collects their problems.
pub(crate) struct Reader<'a, 'p> {
    pub(crate) source: &'a Source,
    pub(crate) problems: &'p mut Problems,
    /// Lines with a syntax error: values parsed from them are not reported a second time.
    pub(crate) broken: HashSet<u32>,
    /// The files that the settings of the tables so far name.
    pub(crate) paths: Vec<RolePath<'a>>,
}

impl<'a> Reader<'a, '_> {
    /// Sets every key of a table that has a valid value; the others become problems.
    pub(crate) fn fill<T: Table>(&mut self, target: &mut T, table: Entries<'_, '_>) {
        for (setting, parsed) in self.entries(&[T::SETTINGS], table) {
            let span = self.source.span(parsed.range);
            self.paths.extend(RolePath::of_value(setting.kind.role(), &parsed.value, span));
            target.set(setting, parsed.value);
        }
    }

    /// The keys of a table that have valid values; the others become problems.
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
        let fault = ParseError::new(0..0, format!("unknown key {}", quoted(name)));
        let fault = match (nearest(name, &keys), elsewhere) {
            (_, Some(setting)) => {
                fault.hint(format!("`{name}` belongs in {}", setting.section.header()))
            }
            (Some(near), None) => fault.hint(format!("did you mean `{near}`?")),
            (None, None) => fault.hint(format!("the keys here are {}", keys.join(", "))),
        };
        self.fault(&self.source.span(key.span()), &fault);
    }

    /// The value of a setting, which may be a list.
    fn value(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Option<ParsedValue> {
        let Kind::List(of) = setting.kind.without_word() else {
            return self.one(setting.kind, setting.kind, value);
        };
        let range = value.span();
        let list = match value.get_ref().as_array() {
            Some(values) => {
                if values.is_empty() {
                    let message = format!("the list of {} {} is empty", setting.key, plural(*of));
                    self.fault(&self.source.span(range.clone()), &ParseError::new(0..0, message));
                }
                values.iter().map(|value| self.one(*of, setting.kind, value)).collect()
            }
            None => vec![self.one(*of, setting.kind, value)],
        };
        Some(ParsedValue { value: Value::List(list), range })
    }

    /// Reads one value that is not a list. `expected` is the kind named if the type is wrong.
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
            (DeValue::Table(table), Kind::Table(settings)) => {
                let entries = self.entries(&[settings], table).into_iter();
                let given = entries.map(|(setting, parsed)| (setting, parsed.value)).collect();
                return Some(ParsedValue { value: Value::Table(given), range: value.span() });
            }
            _ if self.is_placeholder(value) => return None,
            (DeValue::Boolean(value), Kind::Bool) => Ok(Value::Bool(*value)),
            (DeValue::Integer(number), of) if !is_address(of) => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
                value::from_number(kind, number, span.text())
            }
            (found, _) => {
                let found = with_article(found.type_str());
                let message = format!("expected {}, found {found}", describe(expected));
                Err(ParseError::new(0..span.text().len(), message))
            }
        };
        self.checked(checked, span)
    }

    /// What the parser puts where it found no value.
    fn is_placeholder(&self, value: &Spanned<DeValue<'_>>) -> bool {
        value.span().is_empty() && !self.broken.is_empty()
    }

    /// The value with its place, or its fault reported.
    fn checked(&mut self, value: Result<Value, ParseError>, span: Span<'a>) -> Option<ParsedValue> {
        match value {
            Ok(value) => Some(ParsedValue { value, range: span.range }),
            Err(fault) => {
                self.fault(&span.within(&fault.range), &fault);
                None
            }
        }
    }

    pub(crate) fn fault(&mut self, span: &Span<'a>, fault: &ParseError) {
        if !self.broken.contains(&self.source.line(span.range.start)) {
            self.problems.push(Severity::Error, span, fault);
        }
    }
}

/// A string's place without the quotes.
fn inner<'a>(span: &Span<'a>, text: &str) -> Span<'a> {
    // A text with escapes differs from the source: then the place is the whole string.
    let found = span.text().find(text).filter(|_| !text.is_empty());
    found.map_or_else(|| span.clone(), |at| span.within(&(at..at + text.len())))
}

/// Whether the kind is a text with its own syntax. A number there is reported as the wrong type, not
/// as out of range.
fn is_address(kind: Kind) -> bool {
    matches!(kind, Kind::Name | Kind::Listen | Kind::Target)
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}
