//! `mode`, `user`, `uid`, `group` and `gid` of `bind`: the rights on the file of a Unix socket.

use super::keywords::OF_BIND;
use super::parameters::each;
use super::words::Line;
use crate::route::Listen;
use crate::section::Section;

/// Parameters of `bind`, and our keys.
const KEYS: [(&str, &str); 5] =
    [("mode", "mode"), ("user", "owner"), ("uid", "owner"), ("group", "group"), ("gid", "group")];

/// Sets `mode`, `owner` and `group`, which all Unix listeners of a forward have in common.
pub(super) fn convert(binds: &[(&Line, Vec<Listen>)], section: &mut Section) {
    let is_unix =
        |listen: &Listen| matches!(listen, Listen::Other(text) if text.starts_with("unix:"));
    let rights = binds
        .iter()
        .filter(|(_, listens)| listens.iter().any(is_unix))
        .map(|(line, _)| (*line, of(line)));
    let rights: Vec<_> = rights.collect();
    let Some((_, first)) = rights.first() else { return };
    if let Some((other, _)) = rights.iter().find(|(_, rights)| rights != first) {
        let message = "`bind`: Unix sockets of one proxy have different rights";
        return section.comment_out(&other.place, message, "write a forward for each");
    }
    for (key, value) in first {
        section.set(key, plan::basic_string(value));
    }
}

/// The rights that a line gives; the last value of a key counts.
fn of(line: &Line) -> Vec<(&'static str, String)> {
    let mut rights: Vec<(&'static str, String)> = Vec::new();
    for (word, value) in each(OF_BIND, line, 2) {
        let Some((_, key)) = KEYS.iter().find(|(name, _)| *name == word) else { continue };
        rights.retain(|(present, _)| present != key);
        let value = if *key == "mode" { octal(value) } else { value.to_owned() };
        rights.push((key, value));
    }
    rights.sort();
    rights
}

/// Octal digits, as our reader wants them.
fn octal(text: &str) -> String {
    u32::from_str_radix(text, 8).map_or_else(|_| text.to_owned(), |bits| format!("{bits:04o}"))
}
