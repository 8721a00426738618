//! Forwards that have been parsed but not yet checked against each other.

use flow::HelloRule;

use crate::address::{ListenAddress, Ranged, Target};
use crate::plan::ForwardSettings;
use crate::problem::Severity;
use crate::route_entry::{ParsedTarget, RouteEntry};
use crate::setting::Setting;
use crate::target::TargetRange;
use crate::text::{Source, Span};
use crate::value::{ParsedValue, Value};

/// A value with its span in the source.
#[derive(Clone)]
pub(crate) struct Located<'a, T> {
    pub(crate) value: T,
    pub(crate) span: Span<'a>,
}

/// A parsed forward. A part that is invalid is absent: an error has been reported, and the other
/// parts are still checked.
pub(crate) struct Draft<'a> {
    pub(crate) name: Option<Located<'a, String>>,
    /// Whether the name was given explicitly, not derived from the first listen address.
    pub(crate) named: bool,
    pub(crate) listens: Vec<Listen<'a>>,
    pub(crate) targets: Vec<Located<'a, TargetRange>>,
    pub(crate) routes: Vec<DraftRoute<'a>>,
    pub(crate) settings: ForwardSettings,
    /// Start of the forward in the source.
    pub(crate) span: Span<'a>,
    /// Severity of its problems: an error, or a warning that skips the forward.
    pub(crate) severity: Severity,
}

/// An entry of a forward's `route`.
pub(crate) struct DraftRoute<'a> {
    pub(crate) rule: HelloRule,
    pub(crate) targets: Vec<Located<'a, TargetRange>>,
    pub(crate) span: Span<'a>,
}

impl<'a> Draft<'a> {
    /// Whether a listener is a Unix socket that this process binds.
    pub(crate) fn has_unix_listener(&self) -> bool {
        self.listens.iter().any(|it| matches!(it.value.first, ListenAddress::Unix(_)))
    }

    /// The targets of its listeners, and those of each route.
    pub(crate) fn target_lists(&self) -> impl Iterator<Item = &[Located<'a, TargetRange>]> {
        let routes = self.routes.iter().map(|route| &route.targets[..]);
        std::iter::once(&self.targets[..]).chain(routes)
    }
}

/// A listen address or range of a forward.
pub(crate) type Listen<'a> = Located<'a, Ranged<ListenAddress>>;

/// Default name of a forward: its first listen address.
pub(crate) fn default_name<'a>(listen: &Listen<'a>) -> Located<'a, String> {
    // Only Unix socket paths can contain white space, which names must not.
    let name = listen.value.to_string().replace(char::is_whitespace, "_");
    Located { value: name, span: listen.span.clone() }
}

/// The settings without a value in `[defaults]`, as parsed.
#[derive(Default)]
pub(crate) struct ForwardOnly<'a> {
    name: Option<Located<'a, String>>,
    /// `None` for each invalid address.
    listens: Vec<Option<Listen<'a>>>,
    targets: Vec<Located<'a, TargetRange>>,
    routes: Vec<DraftRoute<'a>>,
}

impl<'a> ForwardOnly<'a> {
    /// Stores the value of a row in `settings::FORWARD_ONLY`.
    pub(crate) fn set(&mut self, source: &'a Source, setting: &Setting, parsed: ParsedValue) {
        let ParsedValue { value, range } = parsed;
        match (setting.key, value) {
            ("name", Value::Text(value)) => {
                self.name = Some(Located { value, span: source.span(range) });
            }
            ("listen", Value::List(list)) => {
                self.listens = list.into_iter().map(|parsed| listen(source, parsed?)).collect();
            }
            ("to", Value::List(list)) => {
                let targets = list.into_iter().filter_map(|parsed| target(source, parsed?));
                self.targets = targets.collect();
            }
            ("route", Value::List(list)) => {
                let routes = list.into_iter().filter_map(|parsed| route(source, parsed?));
                self.routes = routes.collect();
            }
            _ => {}
        }
    }

    /// Whether a listener is a Unix socket that this process binds, as far as all addresses are valid.
    pub(crate) fn may_have_unix_listener(&self) -> bool {
        let is_unix = |it: &Listen<'_>| matches!(it.value.first, ListenAddress::Unix(_));
        self.listens.is_empty() || self.listens.iter().any(|it| it.as_ref().is_none_or(is_unix))
    }

    /// Whether this process binds a TCP listener, as far as all addresses are valid.
    pub(crate) fn may_bind_tcp(&self) -> bool {
        let is_tcp = |it: &Listen<'_>| {
            !matches!(it.value.first, ListenAddress::Unix(_) | ListenAddress::Activated(_))
        };
        self.listens.is_empty() || self.listens.iter().any(|it| it.as_ref().is_none_or(is_tcp))
    }

    /// Whether this process binds a TCP listener or connects to a TCP target, as far as all addresses are valid.
    pub(crate) fn may_use_tcp(&self) -> bool {
        let routes = self.routes.iter().flat_map(|route| &route.targets);
        let mut targets = self.targets.iter().chain(routes).peekable();
        let is_valid = targets.peek().is_some() && !self.listens.is_empty();
        !is_valid
            || self.may_bind_tcp()
            || targets.any(|it| !matches!(it.value.address.first, Target::Unix(_)))
    }

    /// Finishes the draft. `named` says whether a name was given, valid or not.
    pub(crate) fn into_draft(
        self,
        named: bool,
        settings: ForwardSettings,
        span: Span<'a>,
    ) -> Draft<'a> {
        let Self { name, listens, targets, routes } = self;
        let first = listens.first().and_then(Option::as_ref);
        let name = if named { name } else { first.map(default_name) };
        let listens = listens.into_iter().flatten().collect();
        Draft { name, named, listens, targets, routes, settings, span, severity: Severity::Error }
    }
}

fn target(
    source: &Source,
    ParsedValue { value, range }: ParsedValue,
) -> Option<Located<'_, TargetRange>> {
    let Value::Target(value) = value else { return None };
    Some(Located { value, span: source.span(range) })
}

fn route(source: &Source, ParsedValue { value, range }: ParsedValue) -> Option<DraftRoute<'_>> {
    let Value::Route(RouteEntry { rule, targets }) = value else { return None };
    let targets = targets
        .into_iter()
        .map(|ParsedTarget { target, range }| Located { value: target, span: source.span(range) });
    Some(DraftRoute { rule, targets: targets.collect(), span: source.span(range) })
}

fn listen(source: &Source, ParsedValue { value, range }: ParsedValue) -> Option<Listen<'_>> {
    let Value::Listen(value) = value else { return None };
    Some(Located { value, span: source.span(range) })
}
