//! A forward that has been read but not yet compared with the others.

use crate::address::{ListenAddress, Ranged, Target};
use crate::plan::ForwardSettings;
use crate::problem::Severity;
use crate::setting::Setting;
use crate::text::{Source, Span};
use crate::value::{ParsedValue, Value};

/// A value and where it is written.
#[derive(Clone)]
pub(crate) struct Located<'a, T> {
    pub(crate) value: T,
    pub(crate) span: Span<'a>,
}

/// A forward as it is written, with the places of its parts. What could not be read is absent: its
/// problem, an error, has been told, and the rest can still be compared.
pub(crate) struct Draft<'a> {
    pub(crate) name: Option<Located<'a, String>>,
    /// Whether the name is written, and not made from the first listen address.
    pub(crate) named: bool,
    pub(crate) listens: Vec<Listen<'a>>,
    pub(crate) target: Option<Located<'a, Ranged<Target>>>,
    pub(crate) settings: ForwardSettings,
    /// Where the forward starts.
    pub(crate) span: Span<'a>,
    /// How its problems are reported: as errors, or as warnings that skip it.
    pub(crate) severity: Severity,
}

/// One listen address of a forward, which may be a range of ports.
pub(crate) type Listen<'a> = Located<'a, Ranged<ListenAddress>>;

/// The name of a forward that was given none: its first listen address.
pub(crate) fn default_name<'a>(listen: &Listen<'a>) -> Located<'a, String> {
    // Only the path of a Unix socket can hold a blank, and a name must not.
    let name = listen.value.to_string().replace(char::is_whitespace, "_");
    Located { value: name, span: listen.span.clone() }
}

/// The settings that only a forward itself can have, with their places in the source.
#[derive(Default)]
pub(crate) struct ForwardOnly<'a> {
    name: Option<Located<'a, String>>,
    /// `None` for each address that could not be read.
    listens: Vec<Option<Listen<'a>>>,
    target: Option<Located<'a, Ranged<Target>>>,
}

impl<'a> ForwardOnly<'a> {
    /// Takes over the value of one of the rows in `settings::OWN`.
    pub(crate) fn set(&mut self, source: &'a Source, setting: &Setting, parsed: ParsedValue) {
        let ParsedValue { value, range } = parsed;
        match (setting.key, value) {
            ("name", Value::Text(value)) => {
                self.name = Some(Located { value, span: source.span(range) });
            }
            ("listen", Value::List(list)) => {
                self.listens = list.into_iter().map(|parsed| listen(source, parsed?)).collect();
            }
            ("to", Value::Target(value)) => {
                self.target = Some(Located { value, span: source.span(range) });
            }
            _ => {}
        }
    }

    /// Finishes the forward; `named` says whether it has a name, valid or not.
    pub(crate) fn into_draft(
        self,
        named: bool,
        settings: ForwardSettings,
        span: Span<'a>,
    ) -> Draft<'a> {
        let Self { name, listens, target } = self;
        let first = listens.first().and_then(Option::as_ref);
        let name = if named { name } else { first.map(default_name) };
        let listens = listens.into_iter().flatten().collect();
        Draft { name, named, listens, target, settings, span, severity: Severity::Error }
    }
}

fn listen(source: &Source, ParsedValue { value, range }: ParsedValue) -> Option<Listen<'_>> {
    let Value::Listen(value) = value else { return None };
    Some(Located { value, span: source.span(range) })
}
