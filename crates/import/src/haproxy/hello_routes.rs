//! `use_backend` by the names in TLS ClientHellos, as routes.

use super::acl::{Acls, Test};
use super::patterns::Files;
use super::words::Line;
use crate::grouped_notes::GroupedNotes;
use crate::note::SourcePlace;
use crate::section::{Noted, Section};

const WRITE: &str = "write a forward for each target, or a `route`";

/// A backend with the hellos that choose it.
pub(super) struct HelloRoute<'a> {
    pub(super) backend: &'a str,
    pub(super) place: &'a SourcePlace,
    names: Vec<String>,
    protocols: Vec<String>,
}

impl HelloRoute<'_> {
    /// The conditions, as the beginning of a table of TOML.
    pub(super) fn condition(&self) -> String {
        let list = |key: &str, values: &[String]| {
            let values: Vec<_> = values.iter().map(|value| plan::basic_string(value)).collect();
            match &values[..] {
                [] => None,
                [one] => Some(format!("{key} = {one}")),
                several => Some(format!("{key} = [{}]", several.join(", "))),
            }
        };
        let conditions = [list("sni", &self.names), list("alpn", &self.protocols)];
        conditions.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The routes of these `use_backend` lines with a condition. Notes those that no route can stand for.
pub(super) fn of<'a>(
    rules: impl Iterator<Item = &'a Line>,
    (acls, files): (&Acls, &mut Files<'_, '_>),
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Vec<HelloRoute<'a>> {
    let mut routes = Vec::new();
    for rule in rules {
        let of_rule = of_rule(rule, (acls, files), section, grouped);
        if let Some(of_rule) = of_rule {
            routes.extend(of_rule);
        } else {
            let message = format!("`{}`: rules decide about the target", rule.words.join(" "));
            section.comment_out(&rule.place, message, WRITE);
        }
    }
    routes
}

/// One route for each alternative.
fn of_rule<'a>(
    rule: &'a Line,
    (acls, files): (&Acls, &mut Files<'_, '_>),
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Option<Vec<HelloRoute<'a>>> {
    if rule.word(1).contains("%[") {
        return None;
    }
    let mut routes = Vec::new();
    for group in acls.condition(rule.from(2), files.at(&rule.place))? {
        let (place, backend) = (&rule.place, rule.word(1));
        let mut route = HelloRoute { backend, place, names: Vec::new(), protocols: Vec::new() };
        for literal in group {
            match literal.test {
                _ if literal.is_not => return None,
                Test::Names(names) if route.names.is_empty() => {
                    if names.are_ends {
                        let message =
                            "`-m end`: `*.` stands for one label, and in HAProxy for any text";
                        section.differs(place, message, "add routes for names with more labels");
                    }
                    if names.has_case {
                        let message = "names are compared without case, as with `-i`";
                        grouped.because(message, "", place, "req.ssl_sni");
                    }
                    route.names = names.patterns;
                }
                Test::Protocols(protocols) if route.protocols.is_empty() => {
                    route.protocols = protocols;
                }
                // A hello is what routes are about.
                Test::Hello | Test::Always => {}
                _ => return None,
            }
        }
        if route.names.is_empty() && route.protocols.is_empty() {
            return None;
        }
        routes.push(route);
    }
    Some(routes)
}
