//! Rules that choose a route by the names in a hello.

use super::{ClientHello, NamePattern};
use std::fmt;

/// Which hellos a route takes. With names and protocols, a hello must have one of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HelloRule {
    /// Server names; empty for any, or none.
    pub names: Vec<NamePattern>,
    /// Protocols, of which the client offers one; empty for any, or none.
    pub protocols: Vec<String>,
}

impl HelloRule {
    /// Whether the rule takes this hello.
    pub fn takes(&self, hello: &ClientHello) -> bool {
        let name = hello.server_name.as_deref();
        let is_named = |name: &str| self.names.iter().any(|pattern| pattern.matches(name));
        let is_offered = |protocol: &String| {
            hello.protocols.iter().any(|offered| *offered == *protocol.as_bytes())
        };
        (self.names.is_empty() || name.is_some_and(is_named))
            && (self.protocols.is_empty() || self.protocols.iter().any(is_offered))
    }

    /// Whether rules before this one take every hello that it takes.
    pub fn is_hidden_by(&self, earlier: &[Self]) -> bool {
        let covers = |earlier: &Self, name: Option<&NamePattern>, protocol: Option<&String>| {
            let has_name = |name| earlier.names.iter().any(|pattern| pattern.covers(name));
            (earlier.names.is_empty() || name.is_some_and(has_name))
                && (earlier.protocols.is_empty()
                    || protocol.is_some_and(|protocol| earlier.protocols.contains(protocol)))
        };
        let is_hidden = |name, protocol| earlier.iter().any(|it| covers(it, name, protocol));
        options(&self.names)
            .all(|name| options(&self.protocols).all(|protocol| is_hidden(name, protocol)))
    }

    /// The name of its route, with the first server name and the first protocol: `sni=db.example`,
    /// `alpn=postgresql`, `sni=db.example alpn=postgresql`.
    pub fn name(&self) -> String {
        let name = self.names.first().map(|name| format!("sni={}", name.as_str()));
        let protocol = self.protocols.first().map(|protocol| format!("alpn={protocol}"));
        name.into_iter().chain(protocol).collect::<Vec<_>>().join(" ")
    }
}

/// Each element, or `None` once if there is none.
fn options<T>(list: &[T]) -> impl Iterator<Item = Option<&T>> {
    let none = list.is_empty().then_some(None);
    list.iter().map(Some).chain(none)
}

impl fmt::Display for HelloRule {
    /// All names and protocols. Two rules of a forward have different ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names.iter().map(NamePattern::as_str).collect();
        write!(f, "sni={} alpn={}", names.join(","), self.protocols.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(names: &[&str], protocols: &[&str]) -> HelloRule {
        HelloRule {
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            protocols: protocols.iter().map(|&protocol| protocol.to_owned()).collect(),
        }
    }

    fn hello(name: Option<&str>, protocols: &[&str]) -> ClientHello {
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        ClientHello { server_name: name.map(str::to_owned), protocols }
    }

    #[test]
    fn a_rule_with_both_needs_both() {
        let both = rule(&["a.test", "*.b.test"], &["h2", "postgresql"]);
        assert!(both.takes(&hello(Some("x.b.test"), &["http/1.1", "h2"])));
        assert!(!both.takes(&hello(Some("x.b.test"), &["http/1.1"])));
        assert!(!both.takes(&hello(Some("c.test"), &["h2"])));
        assert!(!both.takes(&hello(None, &["h2"])));
        assert!(rule(&[], &["h2"]).takes(&hello(None, &["h2"])));
        assert!(rule(&["a.test"], &[]).takes(&hello(Some("a.test"), &[])));
        assert_eq!(both.to_string(), "sni=a.test,*.b.test alpn=h2,postgresql");
        let names = [both, rule(&["a.test"], &[]), rule(&[], &["h2"])].map(|it| it.name());
        assert_eq!(names, ["sni=a.test alpn=h2", "sni=a.test", "alpn=h2"]);
    }

    #[test]
    fn a_rule_is_hidden_only_if_nothing_is_left_for_it() {
        let hidden = |earlier: &[HelloRule], rule: &HelloRule| rule.is_hidden_by(earlier);
        let (a, any_b) = (rule(&["a.test"], &[]), rule(&["*.b.test"], &[]));
        assert!(hidden(std::slice::from_ref(&a), &rule(&["a.test"], &["h2"])));
        assert!(hidden(&[a.clone(), any_b.clone()], &rule(&["a.test", "x.b.test"], &[])));
        assert!(!hidden(std::slice::from_ref(&a), &rule(&["a.test", "b.test"], &[])));
        assert!(!hidden(&[rule(&["a.test"], &["h2"])], &a));
        assert!(!hidden(&[rule(&["x.b.test"], &[])], &any_b));
        let h2 = rule(&[], &["h2"]);
        assert!(hidden(std::slice::from_ref(&h2), &rule(&["a.test"], &["h2"])));
        assert!(!hidden(&[h2], &rule(&["a.test"], &["h2", "h3"])));
        assert!(!hidden(&[], &a));
    }
}
