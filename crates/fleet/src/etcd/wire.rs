//! etcd's requests and answers as JSON: keys and values in base64, 64-bit numbers as texts, fields with the value 0
//! left out (<https://protobuf.dev/programming-guides/json/>).

use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine};
use hyper::StatusCode;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::failure::Failure;
use crate::store::{Compare, Entry, LeaseId, Op, Txn};

/// Where an answer comes from.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) cluster_id: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) member_id: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) revision: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RangeAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(super) more: bool,
    #[serde(default, deserialize_with = "number")]
    pub(super) count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyValue {
    #[serde(default, deserialize_with = "bytes")]
    pub(super) key: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    value: Vec<u8>,
    #[serde(default, deserialize_with = "number")]
    mod_revision: i64,
}

impl KeyValue {
    /// Bytes of key and value.
    pub(super) fn len(&self) -> usize {
        self.key.len() + self.value.len()
    }

    pub(super) fn into_entry(self) -> Entry {
        // The fleet writes text only; another program's key must not end a reading.
        let key = String::from_utf8_lossy(&self.key).into_owned();
        Entry { key, value: self.value, mod_revision: self.mod_revision }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct TxnAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct LeaseAnswer {
    /// A grant's; a renewal's must be there, and is not used.
    #[serde(rename = "header")]
    _header: Header,
    #[serde(rename = "ID", default, deserialize_with = "number")]
    pub(super) id: i64,
    /// Seconds; 0 after the end of the lease.
    #[serde(rename = "TTL", default, deserialize_with = "number")]
    pub(super) ttl: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct HeaderAnswer {
    #[serde(rename = "header")]
    _header: Header,
}

#[derive(Debug, Deserialize)]
pub(super) struct MembersAnswer {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default)]
    pub(super) members: Vec<ListedMember>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedMember {
    /// A member without a vote.
    #[serde(default, rename = "isLearner")]
    pub(super) is_learner: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoginAnswer {
    #[serde(rename = "header")]
    _header: Header,
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) version: String,
    /// The leader's member; 0 without one.
    #[serde(default, deserialize_with = "number")]
    pub(super) leader: u64,
    /// Alarms, such as `memberID:10276657743932975437 alarm:NOSPACE `.
    #[serde(default)]
    pub(super) errors: Vec<String>,
}

/// One message of an answer that is a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Streamed<T> {
    pub(super) result: Option<T>,
    pub(super) error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchAnswer {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default)]
    pub(super) created: bool,
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default)]
    pub(super) cancel_reason: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) compact_revision: i64,
    #[serde(default)]
    pub(super) events: Vec<serde::de::IgnoredAny>,
}

/// A refusal. The names of its fields depend on the version of etcd, and on whether it ends a stream.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default, alias = "grpc_code")]
    code: Option<u32>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

impl Refusal {
    pub(super) fn into_failure(self) -> Failure {
        let message = self.message.or(self.error);
        match (self.code, message) {
            (Some(code), Some(message)) => refused(code, &message),
            _ => Failure::NotEtcd("an error without a code".to_owned()),
        }
    }
}

/// etcd's refusal with this gRPC code.
pub(super) fn refused(code: u32, message: &str) -> Failure {
    if message.contains("etcdserver: no leader") {
        return Failure::NoQuorum;
    }
    Failure::Refused { code, message: excerpt(message) }
}

const NAMED_CERTIFICATE: &str = "it takes a login only beside a client certificate without a common name: issue the file \
                                 `certificate` with a subject that has no `CN`, such as `/O=traffic-forwarder`";

/// The failure that an answer with another status than 200 stands for.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
    match refusal.into_failure() {
        Failure::NotEtcd(_) => {
            let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
            if text.contains("HTTP request to an HTTPS server") {
                return Failure::NotEtcd("it speaks TLS: write `etcds://` in `from`".to_owned());
            }
            // With `--client-cert-auth`, once `auth enable` requires logins (`accessController` in etcd's embed/serve.go).
            if text.contains("CommonName of client sending a request against gateway") {
                return Failure::Tls(NAMED_CERTIFICATE.to_owned());
            }
            Failure::NotEtcd(format!("HTTP {}: {}", status.as_u16(), excerpt(text.trim())))
        }
        failure => failure,
    }
}

/// Reads an answer.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
        Failure::NotEtcd(format!("{error} in {:?}", excerpt(start.trim())))
    })
}

/// Reads the first message of an answer that is a stream.
pub(super) fn parse_streamed<T: DeserializeOwned>(line: &[u8]) -> Result<T, Failure> {
    let streamed: Streamed<T> = parse(line)?;
    match (streamed.result, streamed.error) {
        (_, Some(error)) => Err(error.into_failure()),
        (Some(result), None) => Ok(result),
        (None, None) => Err(Failure::NotEtcd("a message without a result".to_owned())),
    }
}

/// A message of another program, short and on one line.
fn excerpt(text: &str) -> String {
    const EXCERPT_MAX: usize = 300;
    let mut short: String =
        text.chars().take(EXCERPT_MAX).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The keys of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range<'a> {
    One(&'a str),
    Prefix(&'a str),
}

impl Range<'_> {
    /// `key` and `range_end`. A key of one byte 0 stands for the lowest one, and as the end for no end.
    pub(super) fn to_json(self) -> (String, Option<String>) {
        match self {
            Self::One(key) => (base64(key.as_bytes()), None),
            Self::Prefix("") => (base64(b"\0"), Some(base64(b"\0"))),
            Self::Prefix(prefix) => {
                let mut end = prefix.as_bytes().to_vec();
                // No byte of UTF-8 is 255.
                if let Some(last) = end.last_mut() {
                    *last += 1;
                }
                (base64(prefix.as_bytes()), Some(base64(&end)))
            }
        }
    }
}

/// A range request; `more` adds fields to it.
pub(super) fn range(range: Range<'_>, more: &Value) -> Value {
    let (key, end) = range.to_json();
    let mut request = json!({ "key": key });
    if let Some(end) = end {
        request["range_end"] = end.into();
    }
    if let Value::Object(more) = more {
        for (name, value) in more {
            request[name] = value.clone();
        }
    }
    request
}

/// A transaction.
pub(super) fn txn(txn: &Txn) -> Value {
    let compare = |it: &Compare| {
        json!({
            "key": base64(it.key.as_bytes()),
            "target": "MOD",
            "result": "EQUAL",
            "mod_revision": it.mod_revision.to_string(),
        })
    };
    let op = |op: &Op| match op {
        Op::Put { key, value, lease } => {
            let lease = lease.map_or(0, |LeaseId(id)| id).to_string();
            json!({ "request_put": {
                "key": base64(key.as_bytes()), "value": base64(value), "lease": lease,
            } })
        }
        Op::Delete { key } => {
            json!({ "request_delete_range": range(Range::One(key), &Value::Null) })
        }
        Op::DeleteAll { prefix } => {
            json!({ "request_delete_range": range(Range::Prefix(prefix), &Value::Null) })
        }
    };
    json!({
        "compare": txn.compare.iter().map(compare).collect::<Vec<_>>(),
        "success": txn.ops.iter().map(op).collect::<Vec<_>>(),
    })
}

/// Bytes as JSON has them.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map_err(D::Error::custom)
}

/// A number, which is a text in JSON if it may have 64 bits.
fn number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        other => return Err(D::Error::custom(format!("{other} is not a number"))),
    };
    text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a number")))
}
