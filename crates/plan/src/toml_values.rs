//! Values in TOML: of the right type, in range, and with a place for whatever is wrong with them.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::DeValue;

use crate::draft::Written;
use crate::problem::{Fault, Severity};
use crate::settings::{Kind, Section, Setting, find, settings};
use crate::text::{Spot, quoted};
use crate::toml_format::{Entries, Reader};
use crate::value::{self, Value, describe, nearest};

impl<'a> Reader<'a, '_> {
    /// Every key of a table: `set` gets those whose value is right, the others become problems.
    pub(crate) fn entries(
        &mut self,
        sections: &[Section],
        table: Entries<'_, '_>,
        mut set: impl FnMut(&'static str, Value),
    ) {
        for (key, value) in table {
            match find(sections, key.get_ref()) {
                Some(setting) => {
                    if let Some(value) = self.value(setting.kind, value) {
                        set(setting.key, value);
                    }
                }
                None => self.unknown_key(sections, key),
            }
        }
    }

    fn unknown_key(&mut self, sections: &[Section], key: &Spanned<Cow<'_, str>>) {
        let name = key.get_ref().as_ref();
        let known = |setting: &&Setting| sections.contains(&setting.section);
        let keys: Vec<_> = settings().iter().filter(known).map(|setting| setting.key).collect();
        let elsewhere = settings().iter().find(|setting| setting.key == name);
        let fault = Fault::new(0..0, format!("unknown key {}", quoted(name)));
        let fault = match (nearest(name, &keys), elsewhere) {
            (_, Some(setting)) => {
                fault.hint(format!("`{name}` belongs in {}", setting.section.header()))
            }
            (Some(near), None) => fault.hint(format!("did you mean `{near}`?")),
            (None, None) => fault.hint(format!("the keys here are {}", keys.join(", "))),
        };
        self.fault(&self.source.spot(key.span()), &fault);
    }

    /// The value of a setting; addresses and names, which keep their places, are read elsewhere.
    pub(crate) fn value(&mut self, kind: Kind, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let spot = self.source.spot(value.span());
        let checked = match (value.get_ref(), kind) {
            (_, Kind::Name | Kind::Listen | Kind::Target) => return None,
            (DeValue::Boolean(value), Kind::Bool) => Ok(Value::Bool(*value)),
            (DeValue::Integer(number), _) => {
                let value = i128::from_str_radix(number.as_str(), number.radix()).ok();
                value::from_number(kind, value, spot.text())
            }
            (DeValue::Table(table), Kind::Keepalive) => {
                let mut given = Vec::new();
                self.entries(&[Section::Keepalive], table, |key, value| given.push((key, value)));
                return Some(Value::Keepalive(given));
            }
            _ => {
                let (text, spot) = self.string(value, kind)?;
                let checked = value::from_text(kind, text);
                return self.written(checked, spot).map(|written| written.value);
            }
        };
        if self.is_placeholder(value) {
            return None;
        }
        self.written(checked, spot).map(|written| written.value)
    }

    /// A string's text, and its place without the quotes.
    pub(crate) fn string<'t>(
        &mut self,
        value: &'t Spanned<DeValue<'_>>,
        kind: Kind,
    ) -> Option<(&'t str, Spot<'a>)> {
        let spot = self.source.spot(value.span());
        let DeValue::String(text) = value.get_ref() else {
            if !self.is_placeholder(value) {
                let found = value.get_ref().type_str();
                let message = format!("expected {}, found {}", describe(kind), with_article(found));
                self.fault(&spot, &Fault::new(0..0, message));
            }
            return None;
        };
        // With escapes in it the text is not in the source as it is: then the whole string is meant.
        let inner = spot.text().find(text.as_ref()).filter(|_| !text.is_empty());
        let inner = inner.map(|at| spot.within(&(at..at + text.len())));
        Some((text, inner.unwrap_or(spot)))
    }

    /// What the parser puts where it found no value.
    fn is_placeholder(&self, value: &Spanned<DeValue<'_>>) -> bool {
        value.span().is_empty() && !self.broken.is_empty()
    }

    /// The value with its place, or its fault reported.
    pub(crate) fn written<T>(
        &mut self,
        value: Result<T, Fault>,
        spot: Spot<'a>,
    ) -> Option<Written<'a, T>> {
        match value {
            Ok(value) => Some(Written { value, spot }),
            Err(fault) => {
                self.fault(&spot.within(&fault.span), &fault);
                None
            }
        }
    }

    pub(crate) fn fault(&mut self, spot: &Spot<'a>, fault: &Fault) {
        if !self.broken.contains(&self.source.line(spot.span.start)) {
            self.problems.push(Severity::Error, spot, fault);
        }
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}
