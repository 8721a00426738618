//! Session records as text: the usual values are left out, so that a record fits into one line.

use api::{Close, ClosedTcp, SessionClosed};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// Verdicts that say nothing was slow. That of a session which was not connected is in its close reason.
const USUAL_VERDICTS: [&str; 4] = ["ok", "idle", "connecting", "greeting"];
/// Seconds for which bytes of a session wait before its line says so.
const NOTABLE_STALL: f64 = 1.0;

/// The message of a session record in text: forward, peers, duration in seconds, bytes and close reason.
pub(crate) struct SessionLine<'a> {
    record: &'a SessionClosed<'a>,
    /// For a row of a terminal: rounded, and the reason of an orderly end is `fin`.
    is_short: bool,
}

/// The values of a session record that are not usual, with the names of the record's fields.
#[derive(Serialize)]
pub(crate) struct Unusual<'a> {
    sni: Option<&'a str>,
    proxy: Option<&'a str>,
    target_address: Option<&'a str>,
    attempts: Option<u8>,
    stalled_up: Option<f64>,
    stalled_down: Option<f64>,
    verdict: Option<&'a str>,
    fallback_up: Option<&'a str>,
    fallback_down: Option<&'a str>,
    close: Option<Errno<'a>>,
    client_tcp: Option<Retransmits>,
    target_tcp: Option<Retransmits>,
}

#[derive(Serialize)]
struct Errno<'a> {
    errno: &'a str,
}

#[derive(Serialize)]
struct Retransmits {
    retransmits: u32,
}

impl<'a> SessionLine<'a> {
    pub(crate) fn new(record: &'a SessionClosed<'a>, is_short: bool) -> Self {
        Self { record, is_short }
    }

    /// The fields that follow the message.
    pub(crate) fn unusual(&self) -> Unusual<'a> {
        let SessionClosed { target, target_address, attempts, close, .. } = self.record;
        let fallback = |word: &'a str| Some(word).filter(|word| *word != "none");
        let stalled = |seconds: f64| Some(seconds).filter(|it| *it >= NOTABLE_STALL);
        let retransmits = |tcp: &Option<ClosedTcp>| {
            let lost = tcp.as_ref().map_or(0, |tcp| tcp.retransmits);
            (lost > 0).then_some(Retransmits { retransmits: lost })
        };
        // A connected address of a name is of little use in the row, and a failed one is the cause.
        let shows_address = !self.is_short || self.record.connect_time.is_none();
        let is_news = |address: &&str| target.as_deref() != Some(*address) && *address != "unix";
        let address = target_address.as_deref().filter(is_news);
        Unusual {
            sni: self.record.sni.as_deref(),
            proxy: self.record.proxy.as_deref(),
            target_address: address.filter(|_| shows_address),
            attempts: Some(*attempts).filter(|attempts| *attempts > 1),
            stalled_up: stalled(self.record.stalled_up),
            stalled_down: stalled(self.record.stalled_down),
            verdict: Some(self.record.verdict.as_str()).filter(|it| !USUAL_VERDICTS.contains(it)),
            fallback_up: fallback(self.record.fallback_up.as_str()),
            fallback_down: fallback(self.record.fallback_down.as_str()),
            close: close.errno.as_deref().map(|errno| Errno { errno }),
            client_tcp: retransmits(&self.record.client_tcp),
            target_tcp: retransmits(&self.record.target_tcp),
        }
    }
}

impl fmt::Display for SessionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionClosed { id, forward, client, target, duration, close, .. } = self.record;
        let SessionClosed { bytes_up, bytes_down, .. } = self.record;
        let forward = word(forward);
        // Without a selected target.
        let target = target.as_deref().map_or("-".into(), word);
        write!(f, "closed #{id} {forward} {client} -> {target} ")?;
        let Close { by, phase, cause, .. } = close;
        if !self.is_short {
            let duration = rounded(*duration);
            return write!(f, "{duration}s up={bytes_up} down={bytes_down} {by}/{phase}/{cause}");
        }
        let (duration, up, down) = (brief(*duration), bytes(*bytes_up), bytes(*bytes_down));
        write!(f, "{duration} {up}/{down} ")?;
        match (phase.as_str(), cause.as_str()) {
            ("relay", "fin") => f.write_str("fin"),
            _ => write!(f, "{by}/{phase}/{cause}"),
        }
    }
}

/// A value that is one word, quoted unless it is one already.
fn word(value: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.into();
    }
    format!("\"{}\"", value.replace('"', "'")).into()
}

/// Seconds with milliseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Seconds in at most six characters, as far as they are fewer than 100,000 hours.
fn brief(seconds: f64) -> String {
    match seconds {
        few if few < 0.9995 => format!("{:.0}ms", few * 1000.0),
        few if few < 99.95 => format!("{few:.1}s"),
        more if more < 5999.5 => format!("{:.0}m", more / 60.0),
        many => format!("{:.0}h", many / 3600.0),
    }
}

/// Bytes in at most seven characters, rounded.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count}B");
    }
    // 2^53 is enough: the result has three digits.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut size = count as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"");
    while size >= 999.5 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1024.0, next);
    }
    let digits = usize::from(size < 9.95);
    format!("{size:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Word;

    fn usual() -> SessionClosed<'static> {
        SessionClosed {
            id: 17,
            forward: "web".into(),
            client: "192.168.1.17:43472".to_owned(),
            proxy: None,
            sni: None,
            listener: ":18080".into(),
            target: Some("10.0.0.5:5432".into()),
            target_address: Some("10.0.0.5:5432".to_owned()),
            attempts: 1,
            started: "2026-01-02T03:04:05.678Z".to_owned(),
            duration: 12.500_345,
            connect_time: Some(0.000_25),
            first_byte: Some(0.5),
            bytes_up: 79,
            bytes_down: 616,
            stalled_up: 0.999,
            stalled_down: 0.0,
            path_up: Word::of("copy"),
            path_down: Word::of("copy"),
            fallback_up: Word::of("none"),
            fallback_down: Word::of("none"),
            verdict: Word::of("ok"),
            close: Close {
                by: Word::of("client"),
                phase: Word::of("relay"),
                cause: Word::of("fin"),
                errno: None,
            },
            client_tcp: Some(ClosedTcp { rtt: 0.1, retransmits: 0 }),
            target_tcp: None,
        }
    }

    fn written(record: &SessionClosed<'_>, is_short: bool) -> (String, serde_json::Value) {
        let line = SessionLine::new(record, is_short);
        let serde_json::Value::Object(mut fields) = serde_json::to_value(line.unusual()).unwrap()
        else {
            panic!("no struct")
        };
        fields.retain(|_, value| !value.is_null());
        (line.to_string(), fields.into())
    }

    #[test]
    fn a_usual_session_fits_into_a_row() {
        let (line, fields) = written(&usual(), false);
        assert_eq!(
            line,
            "closed #17 web 192.168.1.17:43472 -> 10.0.0.5:5432 12.5s up=79 down=616 client/relay/fin"
        );
        assert_eq!(fields, serde_json::json!({}));
        let (line, fields) = written(&usual(), true);
        assert_eq!(line, "closed #17 web 192.168.1.17:43472 -> 10.0.0.5:5432 12.5s 79B/616B fin");
        assert!("00:00:00Z ".len() + line.len() <= 80, "{line}");
        assert_eq!(fields, serde_json::json!({}));
    }

    #[test]
    fn unusual_values_are_named() {
        let mut record = usual();
        record.forward = "my \"web\"".into();
        record.target = Some("db.internal:80".into());
        record.attempts = 3;
        record.stalled_down = 1.5;
        record.verdict = Word::of("client-slow");
        record.fallback_up = Word::of("no_pipe");
        record.proxy = Some("10.0.0.1:1".to_owned());
        record.sni = Some("db".into());
        record.close.cause = Word::of("reset");
        record.close.errno = Some("ECONNRESET".into());
        record.client_tcp = Some(ClosedTcp { rtt: 0.1, retransmits: 7 });
        let (line, mut fields) = written(&record, false);
        assert!(line.starts_with("closed #17 \"my 'web'\" 192.168.1.17:43472 -> db.internal:80 "));
        assert!(line.ends_with(" client/relay/reset"), "{line}");
        let expected = serde_json::json!({
            "sni": "db", "proxy": "10.0.0.1:1", "target_address": "10.0.0.5:5432", "attempts": 3,
            "stalled_down": 1.5, "verdict": "client-slow",
            "fallback_up": "no_pipe", "close": { "errno": "ECONNRESET" },
            "client_tcp": { "retransmits": 7 },
        });
        assert_eq!(fields, expected);
        let (line, short) = written(&record, true);
        assert!(line.ends_with(" 79B/616B client/relay/reset"), "{line}");
        fields.as_object_mut().unwrap().remove("target_address");
        assert_eq!(short, fields);
        record.connect_time = None;
        assert_eq!(written(&record, true).1["target_address"], "10.0.0.5:5432");
        record.target = None;
        assert!(written(&record, true).0.contains(" -> - "));
    }

    #[test]
    fn figures_of_a_row_stay_short() {
        for (count, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0KiB"),
            (10_188, "9.9KiB"),
            (10_189, "10KiB"),
            (1_023_000, "999KiB"),
            (1_023_500, "1.0MiB"),
            (118 << 20, "118MiB"),
            (u64::MAX, "16EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (seconds, text) in [
            (0.000_1, "0ms"),
            (0.9994, "999ms"),
            (0.9996, "1.0s"),
            (99.9, "99.9s"),
            (99.96, "2m"),
            (3600.0, "60m"),
            (6000.0, "2h"),
            (86_400.0, "24h"),
        ] {
            assert_eq!(brief(seconds), text);
        }
    }
}
