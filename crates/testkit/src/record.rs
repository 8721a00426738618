//! Session records: the one line of JSON that the forwarder writes when a session ends.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// What a record says about one session. Absent and `null` are the same.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The session's number, as text.
    pub id: String,
    /// Name of the forward.
    pub forward: String,
    /// Address of the client.
    pub client: String,
    /// The address that the client connected to.
    pub listener: String,
    /// The target's address, if one was tried.
    pub target: Option<String>,
    /// When it began, RFC 3339.
    pub started: String,
    /// How long it lived.
    pub duration: Duration,
    /// How long connecting took, if it came to that.
    pub connect_time: Option<Duration>,
    /// From acceptance to the target's first byte, if there was one.
    pub first_byte: Option<Duration>,
    /// Bytes from client to target.
    pub bytes_up: u64,
    /// Bytes from target to client.
    pub bytes_down: u64,
    /// How long bytes waited for the target.
    pub stalled_up: Duration,
    /// How long bytes waited for the client.
    pub stalled_down: Duration,
    /// How the bytes went up: `copy` or `splice`.
    pub path_up: Option<String>,
    /// How the bytes went down.
    pub path_down: Option<String>,
    /// Why the lane up left splice, or `none`.
    pub fallback_up: String,
    /// Why the lane down left splice, or `none`.
    pub fallback_down: String,
    /// The last verdict.
    pub verdict: String,
    /// Close reason of the session.
    pub close: CloseReason,
    /// The kernel's view of the client's socket.
    pub client_tcp: Option<TcpInfo>,
    /// The kernel's view of the target's socket.
    pub target_tcp: Option<TcpInfo>,
    /// The whole record as JSON.
    pub json: Value,
}

/// Close reason: by, phase and cause. Displayed as `client/relay/fin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// `client`, `target`, `limit` and so on.
    pub by: String,
    /// `accept`, `admit`, `connect`, `relay` or `drain`.
    pub phase: String,
    /// `fin`, `reset`, `refused` and so on.
    pub cause: String,
    /// The error number behind it, as the record writes it.
    pub errno: Option<String>,
}

/// The part of `TCP_INFO` that a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Segments that were sent again.
    pub retransmits: u64,
}

impl SessionRecord {
    /// The record in a line of the log, or `None` if the line is something else.
    ///
    /// # Panics
    ///
    /// If it is a session record and a field is missing or of the wrong type.
    pub fn parse(line: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(line).ok()?;
        if json["message"] != "session ended" {
            return None;
        }
        Some(
            Self::read(&json)
                .unwrap_or_else(|what| panic!("session record without {what}: {line}")),
        )
    }

    /// Why the session ended, like `client/relay/fin`.
    pub fn close_reason(&self) -> String {
        self.close.to_string()
    }

    fn read(json: &Value) -> Result<Self, &'static str> {
        Ok(Self {
            id: word(json, "id")?,
            forward: word(json, "forward")?,
            client: word(json, "client")?,
            listener: word(json, "listener")?,
            target: word(json, "target").ok(),
            started: word(json, "started")?,
            duration: seconds(json, "duration")?,
            connect_time: seconds(json, "connect_time").ok(),
            first_byte: seconds(json, "first_byte").ok(),
            bytes_up: number(json, "bytes_up")?,
            bytes_down: number(json, "bytes_down")?,
            stalled_up: seconds(json, "stalled_up")?,
            stalled_down: seconds(json, "stalled_down")?,
            path_up: word(json, "path_up").ok(),
            path_down: word(json, "path_down").ok(),
            fallback_up: word(json, "fallback_up")?,
            fallback_down: word(json, "fallback_down")?,
            verdict: word(json, "verdict")?,
            close: CloseReason::read(&json["close"])?,
            client_tcp: TcpInfo::read(&json["client_tcp"]),
            target_tcp: TcpInfo::read(&json["target_tcp"]),
            json: json.clone(),
        })
    }
}

impl CloseReason {
    fn read(json: &Value) -> Result<Self, &'static str> {
        Ok(Self {
            by: word(json, "by")?,
            phase: word(json, "phase")?,
            cause: word(json, "cause")?,
            errno: word(json, "errno").ok(),
        })
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.by, self.phase, self.cause)
    }
}

impl TcpInfo {
    fn read(json: &Value) -> Option<Self> {
        let rtt = seconds(json, "rtt").ok()?;
        Some(Self { rtt, retransmits: number(json, "retransmits").ok()? })
    }
}

/// A text, or a number as text.
fn word(json: &Value, field: &'static str) -> Result<String, &'static str> {
    match &json[field] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(field),
    }
}

fn number(json: &Value, field: &'static str) -> Result<u64, &'static str> {
    json[field].as_u64().ok_or(field)
}

fn seconds(json: &Value, field: &'static str) -> Result<Duration, &'static str> {
    let seconds = json[field].as_f64().ok_or(field)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"time":"2026-01-01T00:00:00Z","level":"info","message":"session ended",
        "id":7,"forward":"db","client":"127.0.0.1:5","listener":"127.0.0.1:6","target":null,
        "started":"2026-01-01T00:00:00Z","duration":1.5,"bytes_up":10,"bytes_down":0,
        "stalled_up":0.25,"stalled_down":0,"verdict":"ok","path_up":"copy","fallback_up":"none","fallback_down":"none","close":{"by":"target","phase":"connect","cause":"refused","errno":111},
        "client_tcp":{"rtt":0.00025,"retransmits":0}}"#;

    #[test]
    fn reads_a_record() {
        let record = SessionRecord::parse(LINE).unwrap();
        assert_eq!(record.close_reason(), "target/connect/refused");
        assert_eq!((record.id.as_str(), record.bytes_up, record.target), ("7", 10, None));
        assert_eq!(record.duration, Duration::from_millis(1500));
        assert_eq!((record.connect_time, record.target_tcp), (None, None));
        assert_eq!((record.first_byte, record.stalled_up), (None, Duration::from_millis(250)));
        let rtt = Duration::from_micros(250);
        assert_eq!(record.client_tcp, Some(TcpInfo { rtt, retransmits: 0 }));
        assert_eq!(record.close.errno.as_deref(), Some("111"));
    }

    #[test]
    fn other_lines_are_none() {
        assert!(SessionRecord::parse(r#"{"message":"ready"}"#).is_none());
        assert!(SessionRecord::parse("session ended").is_none());
    }

    #[test]
    #[should_panic(expected = "session record without bytes_up")]
    fn a_missing_field_is_named() {
        SessionRecord::parse(&LINE.replace("bytes_up", "bytes_left"));
    }
}
