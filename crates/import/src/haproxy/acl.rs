//! Conditions of HAProxy's rules, as far as our settings can say the same.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use plan::{NotAPrefix, Prefix};

use super::patterns::Files;
use super::words::Line;

/// What a condition tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The client's address is in one of these prefixes.
    Source(Vec<Prefix>),
    /// The name in the hello is one of these, which may begin with `*.`.
    Names(Names),
    /// The first protocol in the hello is one of these.
    Protocols(Vec<String>),
    /// The client has sent a hello.
    Hello,
    /// The client has at least so many sessions in the table.
    Sessions {
        at_least: u32,
        of_tracked: bool,
    },
    /// The client has come at least so often in the period of the table.
    Rate {
        at_least: u32,
        of_tracked: bool,
    },
    Always,
    /// Something that is not understood.
    Other,
}

/// Names in hellos.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) patterns: Vec<String>,
    /// Whether their end decides: in HAProxy with any number of labels in front.
    pub(super) are_ends: bool,
    pub(super) has_case: bool,
}

/// A test, or its opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) is_not: bool,
    pub(super) test: Test,
}

/// Groups of which one must hold: each of its literals.
pub(super) type Groups = Vec<Vec<Literal>>;

/// The `acl` lines of a proxy.
pub(super) struct Acls {
    named: HashMap<String, Test>,
}

impl Acls {
    /// Reads `acl NAME TEST`. Lines with one name are alternatives.
    pub(super) fn new<'a>(
        lines: impl Iterator<Item = &'a Line>,
        files: &mut Files<'_, '_>,
    ) -> Self {
        let mut named: HashMap<String, Test> = HashMap::new();
        for line in lines {
            let test = test(line.from(2), files.at(&line.place));
            match named.get_mut(line.word(1)) {
                None => {
                    named.insert(line.word(1).to_owned(), test);
                }
                Some(present) => present.or(test),
            }
        }
        Self { named }
    }

    /// Reads the words behind a rule: nothing, or `if` or `unless` and a condition. `None` if it has another form.
    pub(super) fn condition(&self, words: &[String], files: &mut Files<'_, '_>) -> Option<Groups> {
        let (is_unless, words) = match words.split_first() {
            None => return Some(vec![Vec::new()]),
            Some((word, rest)) if word == "if" => (false, rest),
            Some((word, rest)) if word == "unless" => (true, rest),
            Some(_) => return None,
        };
        let mut groups = self.groups(words, files)?;
        if is_unless {
            let [group] = &mut groups[..] else { return None };
            let [literal] = &mut group[..] else { return None };
            literal.is_not = !literal.is_not;
        }
        Some(groups)
    }

    fn groups(&self, words: &[String], files: &mut Files<'_, '_>) -> Option<Groups> {
        let mut groups = vec![Vec::new()];
        let (mut rest, mut is_not) = (words, false);
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            let (marks, word) = split_marks(word);
            is_not ^= marks % 2 == 1;
            let test = match word {
                "" => continue,
                "or" | "||" => {
                    groups.push(Vec::new());
                    continue;
                }
                "{" => {
                    let end = rest.iter().position(|word| word == "}")?;
                    let (inside, behind) = rest.split_at(end);
                    rest = behind.get(1..)?;
                    test(inside, files)
                }
                name => self.test_of(name, files),
            };
            groups.last_mut()?.push(Literal { is_not, test });
            is_not = false;
        }
        (!groups.iter().any(Vec::is_empty)).then_some(groups)
    }

    fn test_of(&self, name: &str, files: &mut Files<'_, '_>) -> Test {
        match (self.named.get(name), name) {
            (Some(test), _) if files.admit(test.patterns()) => test.clone(),
            (None, "TRUE" | "WAIT_END") => Test::Always,
            _ => Test::Other,
        }
    }
}

/// The number of `!` in front of a word, and the word.
fn split_marks(word: &str) -> (usize, &str) {
    let name = word.trim_start_matches('!');
    (word.len() - name.len(), name)
}

impl Test {
    fn patterns(&self) -> usize {
        match self {
            Self::Source(prefixes) => prefixes.len(),
            Self::Names(names) => names.patterns.len(),
            Self::Protocols(protocols) => protocols.len(),
            _ => 0,
        }
    }

    /// Adds an alternative.
    fn or(&mut self, other: Self) {
        match (self, other) {
            (Self::Source(own), Self::Source(others)) => own.extend(others),
            (Self::Protocols(own), Self::Protocols(others)) => own.extend(others),
            (Self::Names(own), Self::Names(others)) => {
                own.patterns.extend(others.patterns);
                own.are_ends |= others.are_ends;
                own.has_case |= others.has_case;
            }
            (own, other) if *own == other => {}
            (own, _) => *own = Self::Other,
        }
    }
}

/// Flags in front of patterns.
#[derive(Default)]
struct Flags<'a> {
    ignores_case: bool,
    method: Option<&'a str>,
    patterns: Vec<String>,
}

/// Reads `SAMPLE FLAGS PATTERNS`.
fn test(words: &[String], files: &mut Files<'_, '_>) -> Test {
    let Some((sample, arguments)) = words.split_first() else { return Test::Other };
    let Some(mut flags) = flags(arguments, files) else { return Test::Other };
    let mut parts = sample.split(',');
    let sample = parts.next().unwrap_or_default();
    match parts.next() {
        None => {}
        Some("lower") if parts.next().is_none() => flags.ignores_case = true,
        Some(_) => return Test::Other,
    }
    let table = sample.split_once('(').map_or(sample, |(name, _)| name);
    match (table, flags.method) {
        ("src", None | Some("ip")) => source(&flags.patterns),
        ("req.ssl_sni" | "req_ssl_sni", None | Some("str" | "end")) => names(flags),
        ("req.ssl_alpn", None | Some("str")) if !flags.patterns.is_empty() => {
            Test::Protocols(flags.patterns)
        }
        ("req.ssl_hello_type" | "req_ssl_hello_type", None | Some("int"))
            if flags.patterns == ["1"] =>
        {
            Test::Hello
        }
        ("src_conn_cur", None) => counted(&flags.patterns, false, true),
        ("sc0_conn_cur" | "sc_conn_cur", None) => counted(&flags.patterns, true, true),
        ("src_conn_rate", None) => counted(&flags.patterns, false, false),
        ("sc0_conn_rate" | "sc_conn_rate", None) => counted(&flags.patterns, true, false),
        _ => Test::Other,
    }
}

fn flags<'a>(words: &'a [String], files: &mut Files<'_, '_>) -> Option<Flags<'a>> {
    let mut flags = Flags::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-i" => flags.ignores_case = true,
            "-n" => {}
            "-m" => flags.method = Some(words.next()?),
            "-f" => flags.patterns.extend_from_slice(files.patterns(words.next()?)?),
            "--" => {
                flags.patterns.extend(words.by_ref().cloned());
            }
            other if other.starts_with('-') => return None,
            _ => {
                flags.patterns.push(word.clone());
                flags.patterns.extend(words.by_ref().cloned());
            }
        }
    }
    Some(flags)
}

fn source(patterns: &[String]) -> Test {
    let prefixes: Option<Vec<Prefix>> = patterns.iter().map(|text| prefix(text)).collect();
    prefixes.filter(|it| !it.is_empty()).map_or(Test::Other, Test::Source)
}

/// An address, alone, with a length, or with a mask.
fn prefix(text: &str) -> Option<Prefix> {
    let masked = text.split_once('/').and_then(|(address, mask)| {
        let mask = mask.parse::<Ipv4Addr>().ok()?.to_bits();
        let length = mask.leading_ones();
        (mask.count_ones() == length).then(|| format!("{address}/{length}"))
    });
    match masked.as_deref().unwrap_or(text).parse() {
        Ok(prefix) | Err(NotAPrefix::HostBits(prefix)) => Some(prefix),
        Err(_) => None,
    }
}

fn names(flags: Flags<'_>) -> Test {
    let are_ends = flags.method == Some("end");
    if flags.patterns.is_empty() {
        return Test::Other;
    }
    let patterns = flags.patterns.into_iter().flat_map(|name| match name.strip_prefix('.') {
        Some(_) if are_ends => vec![format!("*{name}")],
        None if are_ends => vec![format!("*.{name}"), name],
        _ => vec![name],
    });
    let patterns = patterns.collect();
    Test::Names(Names { patterns, are_ends, has_case: !flags.ignores_case })
}

/// `gt 10`, `ge 10` or `10:`.
fn counted(patterns: &[String], of_tracked: bool, is_sessions: bool) -> Test {
    let words: Vec<_> = patterns.iter().map(String::as_str).collect();
    let at_least = match words[..] {
        ["gt", number] => number.parse::<u32>().ok().and_then(|number| number.checked_add(1)),
        ["ge", number] => number.parse().ok(),
        [range] => range.strip_suffix(':').and_then(|number| number.parse().ok()),
        _ => None,
    };
    match at_least {
        None => Test::Other,
        Some(at_least) if is_sessions => Test::Sessions { at_least, of_tracked },
        Some(at_least) => Test::Rate { at_least, of_tracked },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    /// What a condition tests, with the lines of a file of patterns.
    fn condition(acls: &[&str], text: &str, file: &str) -> Option<Groups> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut include = |name: &str| match name {
            "list" => Ok(vec![Source { name: name.to_owned(), text: file.to_owned() }]),
            _ => Err("none".into()),
        };
        let mut files = Files::new(&mut include);
        let place = crate::SourcePlace { file: "f".into(), line: 1 };
        let line =
            |text: &&str| Line { place: place.clone(), words: words(text), has_variable: false };
        let lines: Vec<_> = acls.iter().map(line).collect();
        let acls = Acls::new(lines.iter(), &mut files);
        acls.condition(&if text.is_empty() { Vec::new() } else { words(text) }, &mut files)
    }

    fn tests(acls: &[&str], text: &str, file: &str) -> Vec<Vec<(bool, Test)>> {
        let groups = condition(acls, text, file).expect("a condition");
        let group =
            |group: Vec<Literal>| group.into_iter().map(|it| (it.is_not, it.test)).collect();
        groups.into_iter().map(group).collect()
    }

    fn source(prefixes: &[&str]) -> Test {
        Test::Source(prefixes.iter().map(|it| it.parse().expect("a prefix")).collect())
    }

    #[test]
    fn conditions_are_read() {
        let ten = source(&["10.0.0.0/8"]);
        let acls = ["acl in src 10.0.0.0/8", "acl tls req_ssl_hello_type 1"];
        assert_eq!(tests(&acls, "", ""), [[]]);
        assert_eq!(tests(&acls, "if in", ""), [[(false, ten.clone())]]);
        assert_eq!(tests(&acls, "unless in", ""), [[(true, ten.clone())]]);
        assert_eq!(tests(&acls, "if !in tls", ""), [[(true, ten.clone()), (false, Test::Hello)]]);
        let either = [[(false, Test::Hello)], [(true, ten.clone())]];
        assert_eq!(tests(&acls, "if tls or ! { src 10.1.2.3/8 }", ""), either);
        assert_eq!(tests(&acls, "if { src -f list }", "# x\n10.0.0.0/8\n\n"), [[(false, ten)]]);
        let masked = source(&["10.0.0.0/8", "192.168.0.0/16", "::1"]);
        let text = "if { src -n 10.0.0.0/8 192.168.1.1/255.255.0.0 ::1 }";
        assert_eq!(tests(&[], text, ""), [[(false, masked)]]);
        for other in ["if", "if {", "if { src 10.0.0.1", "if in or", "in", "unless in tls"] {
            assert_eq!(condition(&acls, other, ""), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_understood_is_something_else() {
        for text in [
            "{ src host.example }",
            "{ src 10.0.0.0/255.0.255.0 }",
            "{ src -f missing }",
            "{ src }",
            "{ req.ssl_sni -m reg ^a }",
            "{ req.ssl_sni,field(1,.) a }",
            "{ req.ssl_sni -m found }",
            "{ req_ssl_hello_type 2 }",
            "{ src_conn_cur lt 3 }",
            "{ dst_port 22 }",
            "unknown",
        ] {
            assert_eq!(tests(&[], &format!("if {text}"), ""), [[(false, Test::Other)]], "{text}");
        }
        let both = ["acl x src 10.0.0.1", "acl x dst_port 22"];
        assert_eq!(tests(&both, "if x", ""), [[(false, Test::Other)]]);
    }

    #[test]
    fn names_and_limits_are_read() {
        let names = |patterns: &[&str], are_ends, has_case| {
            let patterns = patterns.iter().map(|&it| it.to_owned()).collect();
            [[(false, Test::Names(Names { patterns, are_ends, has_case }))]]
        };
        let of = |text: &str| tests(&[], &format!("if {{ {text} }}"), "");
        assert_eq!(of("req.ssl_sni -i a.test b.test"), names(&["a.test", "b.test"], false, false));
        assert_eq!(of("req_ssl_sni a.test"), names(&["a.test"], false, true));
        assert_eq!(of("req.ssl_sni,lower -m str a.test"), names(&["a.test"], false, false));
        assert_eq!(of("req.ssl_sni -i -m end .a.test"), names(&["*.a.test"], true, false));
        assert_eq!(of("req.ssl_sni -m end a.test"), names(&["*.a.test", "a.test"], true, true));
        let limit = |at_least, of_tracked| [[(false, Test::Sessions { at_least, of_tracked })]];
        assert_eq!(of("src_conn_cur gt 10"), limit(11, false));
        assert_eq!(of("sc0_conn_cur ge 10"), limit(10, true));
        assert_eq!(of("sc_conn_cur(0) 10:"), limit(10, true));
        let rate = [[(false, Test::Rate { at_least: 4, of_tracked: false })]];
        assert_eq!(of("src_conn_rate(table) gt 3"), rate);
    }
}
