//! The table of a health check: how its keys combine.

use crate::field::AsValue;
use crate::health_check::HealthCheck;
use crate::problem::ParseError;
use crate::table::Table;
use crate::value::Value;

/// Keys that say what a check does. A table with one of them replaces all that was set before, except the
/// times and counts.
pub(crate) const KINDS: [&str; 5] = ["connect", "tls", "http", "send", "expect"];

impl HealthCheck {
    /// Whether the table names no kind of check.
    pub(crate) fn has_no_kind(&self) -> bool {
        let Self { connect, tls, http, send, expect, .. } = self;
        !connect && !tls && http.is_none() && send.is_none() && expect.is_none()
    }

    /// Why the parts do not fit together, if so.
    pub(crate) fn mistake(&self) -> Option<ParseError> {
        let Self { connect, tls, http, send, expect, .. } = self;
        let has_exchange = send.is_some() || expect.is_some();
        let kinds = [
            (*connect, "connect"),
            (*tls, "tls"),
            (http.is_some(), "http"),
            (has_exchange, if expect.is_some() { "expect" } else { "send" }),
        ];
        let kinds: Vec<_> = kinds.iter().filter(|(is_set, _)| *is_set).map(|kind| kind.1).collect();
        let error = |message: &str| ParseError::new(0..0, message.to_owned());
        let default = Self::defaults();
        match kinds[..] {
            [] => {
                let hint =
                    "add `connect = true`, `tls = true`, `http = \"/path\"` or `expect = \"text\"`";
                Some(error("this check does not say what it does").hint(hint))
            }
            [one, other, ..] => {
                let message =
                    format!("a check does one thing, and this one has `{one}` and `{other}`");
                Some(error(&message).hint("keep one of them"))
            }
            [_] if send.is_some() && expect.is_none() => Some(
                error("`send` without `expect`: any answer would do")
                    .hint("add `expect = \"text\"`"),
            ),
            [kind] if kind != "http" && self.method != default.method => {
                Some(error("`method` belongs to a check with `http`"))
            }
            [kind] if kind != "http" && self.status != default.status => {
                Some(error("`status` belongs to a check with `http`"))
            }
            [kind] if kind != "http" && kind != "tls" && self.host.is_some() => {
                Some(error("`host` belongs to a check with `http` or `tls`"))
            }
            [_] => None,
        }
    }
}

/// Keys that are not used by this kind of check are left out.
impl AsValue for HealthCheck {
    fn to_value(&self) -> Value {
        let is_used = |key: &str| match key {
            "connect" => self.connect,
            "tls" => self.tls,
            "method" | "status" => self.http.is_some(),
            _ => true,
        };
        let settings = Self::SETTINGS.iter().filter(|setting| is_used(setting.key));
        Value::Table(settings.filter_map(|setting| Some((setting, self.get(setting)?))).collect())
    }

    fn from_value(value: Value, before: Option<&Self>) -> Option<Self> {
        let Value::Table(given) = value else { return None };
        let mut check = before.cloned().unwrap_or_else(Self::defaults);
        if given.iter().any(|(setting, _)| KINDS.contains(&setting.key)) {
            let Self { every, timeout, fall, rise, .. } = check;
            check = Self { every, timeout, fall, rise, ..Self::defaults() };
        }
        for (setting, value) in given {
            check.set(setting, value);
        }
        Some(check)
    }
}
