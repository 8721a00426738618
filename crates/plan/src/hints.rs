//! Hints for keys and values that other programs use for something that has another name here.

use crate::other_words;
use crate::setting::{Kind, Section};
use crate::text::cut;

/// Table, key of another program, and hint.
const KEYS: &[(Section, &[&str], &str)] = &[
    (Section::Inside("check"), &["path", "uri", "url"], "did you mean `http = \"/healthz\"`?"),
    (Section::Inside("check"), &["interval", "inter", "period"], "did you mean `every`?"),
    (Section::Inside("to"), &["dns"], "write `address = \"dns:db.internal:5432\"`"),
    (Section::Inside("to"), &["srv"], "write `address = \"srv:_postgres._tcp.db.internal\"`"),
    (Section::Inside("to"), &["host", "port"], "write `address = \"HOST:PORT\"`"),
];

/// A word of another program, and ours for it.
const WORDS: &[(&str, &str)] =
    &[("leastconn", "least"), ("least_conn", "least"), ("random", "least")];

/// The hint for a key in a table of this section where it is none of ours.
pub(crate) fn of_key(section: Section, key: &str) -> Option<&'static str> {
    let hint = KEYS.iter().find(|(place, keys, _)| *place == section && keys.contains(&key));
    hint.map(|(.., hint)| *hint).or_else(|| other_words::hint(section, key))
}

/// Our word for one of another program, if it is one of `words`.
pub(crate) fn of_word<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let (_, ours) = WORDS.iter().find(|(other, _)| *other == text)?;
    words.iter().copied().find(|word| word == ours)
}

/// The hint for a target whose prefix is in capitals, or written as that of a URL.
pub(crate) fn of_prefix(text: &str) -> Option<String> {
    let (prefix, rest) = text.split_once(':')?;
    let known = ["dns", "srv", "unix"].into_iter().find(|it| prefix.eq_ignore_ascii_case(it))?;
    if prefix != known {
        return Some(format!("did you mean `{known}:`?"));
    }
    let address = rest.strip_prefix("//")?.split('/').next()?;
    Some(format!("write `{known}:{}`", cut(address)))
}

/// The hint for a target that is a list in one text, which only the command line has.
pub(crate) fn of_target_list(text: &str) -> Option<String> {
    let targets: Vec<_> = text.split([',', ';', '|']).map(str::trim).collect();
    let [first, second, ..] = targets[..] else { return None };
    let more = if targets.len() > 2 { ", …" } else { "" };
    Some(format!("write to = [\"{}\", \"{}\"{more}]", cut(first), cut(second)))
}

/// The hint for a check or for statuses in a form that they do not have.
pub(crate) fn of_value(kind: Kind, text: &str) -> Option<String> {
    match kind.without_word() {
        Kind::KeyOrTable(..) if text == "http" || text.contains("://") || text.starts_with('/') => {
            Some("write check = { http = \"/path\" }".to_owned())
        }
        Kind::Statuses => match text.as_bytes() {
            [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                let class = char::from(*class);
                Some(format!("write \"{class}00-{class}99\""))
            }
            _ if text.contains([',', ' ', '[']) => {
                Some("write a single status or range, such as \"200-299\"".to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The hint for prefixes in a form that they do not have: with a mask, or several in one text.
pub(crate) fn of_prefixes(text: &str) -> Option<String> {
    let parts: Vec<_> =
        text.split([',', ';', ' ']).map(str::trim).filter(|part| !part.is_empty()).collect();
    if let [first, second, ..] = parts[..] {
        let more = if parts.len() > 2 { ", …" } else { "" };
        return Some(format!("write a list: [\"{}\", \"{}\"{more}]", cut(first), cut(second)));
    }
    let (address, mask) = text.split_once('/')?;
    let mask = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    let is_mask = mask.leading_ones() + mask.trailing_zeros() == 32 || mask == 0;
    is_mask.then(|| format!("write `{}/{}`", cut(address), mask.leading_ones()))
}
