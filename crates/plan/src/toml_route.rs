//! Parser for the tables of `route`.

use flow::HelloRule;

use crate::problem::ParseError;
use crate::route_entry::{ParsedTarget, RouteEntry};
use crate::setting::Setting;
use crate::text::Span;
use crate::toml_values::{Entries, Reader};
use crate::value::{ParsedValue, Value};

impl<'a> Reader<'a, '_> {
    /// Parses a route. `None` if a part of it is invalid, which has been reported.
    pub(crate) fn route(
        &mut self,
        known: &'static [Setting],
        table: Entries<'_, '_>,
        span: &Span<'a>,
    ) -> Option<ParsedValue> {
        let (mut rule, mut targets) = (HelloRule::default(), Vec::new());
        let entries = self.entries(&[known], table);
        let all_known = entries.len() == table.len();
        let mut is_whole = all_known;
        for (_, parsed) in entries {
            let Value::List(list) = parsed.value else { continue };
            is_whole &= list.iter().all(Option::is_some);
            for ParsedValue { value, range } in list.into_iter().flatten() {
                match value {
                    Value::ServerName(name) => rule.names.push(name),
                    Value::Text(protocol) => rule.protocols.push(protocol),
                    Value::Target(target) => targets.push(ParsedTarget { target, range }),
                    _ => {}
                }
            }
        }
        // After a syntax error, a key may be in a part that the parser skipped.
        // A key that was reported may be the one that seems to be missing, too.
        let is_missing = |keys: &[&str]| {
            all_known && self.broken.is_empty() && !keys.iter().any(|key| table.contains_key(*key))
        };
        let missing = [
            (is_missing(&["sni", "alpn"]), NO_NAMES, NAMES_HINT),
            (is_missing(&["to"]), "this route has no `to`", "add `to = \"host:port\"`"),
        ];
        for (_, message, hint) in missing.iter().filter(|(is_missing, ..)| *is_missing) {
            self.report(span, &ParseError::new(0..0, *message).hint(*hint));
            is_whole = false;
        }
        let value = Value::Route(RouteEntry { rule, targets });
        is_whole.then(|| ParsedValue { value, range: span.range.clone() })
    }
}

const NO_NAMES: &str = "this route has neither `sni` nor `alpn`";
const NAMES_HINT: &str =
    "add `sni = \"db.example.com\"`; clients that no route takes go to the forward's own `to`";
