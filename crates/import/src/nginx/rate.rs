//! `proxy_upload_rate` and `proxy_download_rate`: bytes per second of one connection.

use super::words::Directive;
use crate::note::quoted;
use crate::section::{Noted, Section};

/// The lowest rate that the kernel keeps well enough here.
const LOWEST: u64 = 64 * 1024;

/// The rates of one server.
#[derive(Default)]
pub(super) struct Rates {
    up: Option<u64>,
    down: Option<u64>,
}

impl Rates {
    /// Notes one of the directives.
    pub(super) fn rate(&mut self, directive: &Directive, section: &mut Section) {
        let rate = match bytes(directive.argument()) {
            Some(0) => None,
            Some(rate) if rate >= LOWEST => Some(rate),
            Some(_) => {
                let words = quoted(&directive.words.join(" "));
                let message = format!("{words}: rates below 64 KiB/s are not kept well");
                return section.not_converted(&directive.place, message, "set `rate` by hand");
            }
            None => {
                let message = format!("{}: no bandwidth is limited", quoted(directive.name()));
                return section.not_converted(&directive.place, message, "set `rate` by hand");
            }
        };
        match directive.name() {
            "proxy_upload_rate" => self.up = rate,
            _ => self.down = rate,
        }
    }

    /// Sets `rate` of the forward.
    pub(super) fn set(self, section: &mut Section) {
        let entry = |(key, rate): (&str, Option<u64>)| {
            rate.map(|rate| {
                format!("{key} = {}", plan::basic_string(&plan::ByteRate(rate).to_string()))
            })
        };
        let entries: Vec<_> =
            [("up", self.up), ("down", self.down)].into_iter().filter_map(entry).collect();
        if !entries.is_empty() {
            section.set("rate", format!("{{ {} }}", entries.join(", ")));
        }
    }
}

/// A size of nginx: bytes, or a number with `k`, `m` or `g`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let size = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let cases = [("70000", 70_000), ("100k", 100 << 10), ("1m", 1 << 20), ("2G", 2 << 30)];
        for (text, expected) in cases {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "k", "1x", "$rate", "99999999999g", "1.5m"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
