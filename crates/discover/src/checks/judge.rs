//! Requests of checks, and whether the bytes of an answer are a success. Pure.

use super::probe::{CheckFailure, Excerpt, MOST_BYTES, ProbeKind};

/// What the bytes so far mean; `None` if more are needed.
pub(crate) type Judgement = Option<Result<(), CheckFailure>>;

/// Bytes to send after the connect. `random` is 32 bytes for a ClientHello.
pub(crate) fn request(kind: &ProbeKind, random: &[u8; 32]) -> Vec<u8> {
    match kind {
        ProbeKind::Connect => Vec::new(),
        ProbeKind::Tls { server_name } => client_hello(server_name.as_deref(), random),
        ProbeKind::Http { method, path, host, .. } => format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: traffic-forwarder\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        )
        .into_bytes(),
        ProbeKind::Exchange { send, .. } => send.clone(),
    }
}

/// Judges the bytes received so far. At the end of the stream, `is_end` is true and there is a judgement.
pub(crate) fn judge(kind: &ProbeKind, bytes: &[u8], is_end: bool) -> Judgement {
    let judgement = match kind {
        ProbeKind::Connect => Some(Ok(())),
        ProbeKind::Tls { .. } => tls(bytes),
        ProbeKind::Http { status, .. } => http(bytes, *status),
        ProbeKind::Exchange { expect, .. } => contains(bytes, expect).then_some(Ok(())),
    };
    if judgement.is_some() {
        return judgement;
    }
    if bytes.len() >= MOST_BYTES {
        return Some(Err(unexpected(bytes)));
    }
    let is_wrong = is_end && matches!(kind, ProbeKind::Exchange { .. }) && !bytes.is_empty();
    match (is_end, is_wrong) {
        (true, true) => Some(Err(unexpected(bytes))),
        (true, false) => Some(Err(CheckFailure::Closed)),
        (false, _) => None,
    }
}

fn unexpected(answer: &[u8]) -> CheckFailure {
    CheckFailure::Unexpected(Excerpt::of(answer))
}

fn contains(bytes: &[u8], expected: &[u8]) -> bool {
    expected.is_empty() || bytes.windows(expected.len()).any(|window| window == expected)
}

/// Judges a status line and, so that the target is not reset while it sends them, waits for the headers.
fn http(bytes: &[u8], (first, last): (u16, u16)) -> Judgement {
    const BEGIN: &[u8] = b"HTTP/1.";
    let common = bytes.len().min(BEGIN.len());
    if bytes[..common] != BEGIN[..common] {
        return Some(Err(unexpected(bytes)));
    }
    let line = bytes.get(..bytes.windows(2).position(|two| two == b"\r\n")?)?;
    // `HTTP/1.1 200 OK`: a version digit, a space, three digits, and a space if a reason follows.
    let status = match &line[BEGIN.len()..] {
        [b'0' | b'1', b' ', one, two, three] | [b'0' | b'1', b' ', one, two, three, b' ', ..] => {
            number(&[*one, *two, *three])
        }
        _ => None,
    };
    let Some(status) = status else { return Some(Err(unexpected(bytes))) };
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
    // An interim response, such as `103 Early Hints`, precedes the final one (RFC 9110, section 15.2).
    if matches!(status, 100 | 102..=199) {
        return http(&bytes[end?..], (first, last));
    }
    if !(first..=last).contains(&status) {
        return Some(Err(CheckFailure::Status(status)));
    }
    end.map(|_| Ok(()))
}

fn number(digits: &[u8]) -> Option<u16> {
    let all = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all)?.parse().ok()
}

/// Judges the first record (RFC 8446, section 5.1): a handshake record that begins with a ServerHello, or
/// an alert.
fn tls(bytes: &[u8]) -> Judgement {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    match bytes {
        [] | [ALERT | HANDSHAKE] => None,
        [ALERT, 3, _, 0, 2, _, _, ..] | [HANDSHAKE, 3, _, _, _, SERVER_HELLO, ..] => Some(Ok(())),
        [ALERT | HANDSHAKE, 3, ..] if bytes.len() < 6 => None,
        [ALERT, 3, _, 0, 2, ..] if bytes.len() < 7 => None,
        _ => Some(Err(unexpected(bytes))),
    }
}

/// A ClientHello for TLS 1.3 and 1.2 (RFC 8446, section 4.1.2). It offers no key share, so the server
/// answers with a HelloRetryRequest, which is a ServerHello, and needs no cryptography of ours.
fn client_hello(server_name: Option<&str>, random: &[u8; 32]) -> Vec<u8> {
    let ciphers: [u16; 13] = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009c, 0x009d,
        0x002f, 0x0035,
    ];
    let groups: [u16; 3] = [0x001d, 0x0017, 0x0018];
    let signatures: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let numbers =
        |numbers: &[u16]| numbers.iter().flat_map(|it| it.to_be_bytes()).collect::<Vec<_>>();
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        let entry = [&[0][..], &long(name.as_bytes())].concat();
        extensions.push(extension(0, &long(&entry)));
    }
    extensions.push(extension(10, &long(&numbers(&groups))));
    extensions.push(extension(11, &short(&[0])));
    extensions.push(extension(13, &long(&numbers(&signatures))));
    extensions.push(extension(43, &short(&numbers(&[0x0304, 0x0303]))));
    extensions.push(extension(51, &long(&[])));
    let body = [
        &[3, 3][..],
        random,
        // A session id, so that middleboxes see a resumption (appendix D.4).
        &short(random),
        &long(&numbers(&ciphers)),
        &short(&[0]),
        &long(&extensions.concat()),
    ]
    .concat();
    let handshake = [&[1, 0][..], &long(&body)].concat();
    [&[22, 3, 1][..], &long(&handshake)].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &long(data)].concat()
}

/// Bytes behind their length in one byte.
fn short(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    [&[length][..], &bytes[..length.into()]].concat()
}

/// Bytes behind their length in two bytes.
fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], &bytes[..length.into()]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http_kind() -> ProbeKind {
        ProbeKind::Http {
            method: "GET".to_owned(),
            path: "/primary".to_owned(),
            host: "db.test:8008".to_owned(),
            status: (200, 399),
        }
    }

    /// The judgement of each beginning of `bytes`: none up to the last one.
    fn judged(kind: &ProbeKind, bytes: &[u8]) -> Judgement {
        let judgements = (0..=bytes.len()).map(|end| judge(kind, &bytes[..end], false));
        judgements.flatten().next()
    }

    fn is_unexpected(judgement: &Judgement) -> bool {
        matches!(judgement, Some(Err(CheckFailure::Unexpected(_))))
    }

    #[test]
    fn a_failure_shows_the_beginning_of_the_answer() {
        let shown = |answer: &[u8]| CheckFailure::Unexpected(Excerpt::of(answer)).to_string();
        assert_eq!(shown(b"-ERR\r\n"), r#"not the expected answer, but "-ERR\r\n""#);
        let long = shown(&[0xff; 100]);
        assert_eq!(long.matches("\\xff").count(), 60);
        assert!(long.ends_with("...\""), "{long}");
        let late = |answer: &[u8]| CheckFailure::Timeout(Excerpt::of(answer)).to_string();
        assert_eq!(late(b""), "no answer in time");
        assert_eq!(late(b"\"x"), r#"not the expected answer in time, but "\"x""#);
    }

    #[test]
    fn an_http_answer_is_judged_by_its_status() {
        let kind = http_kind();
        assert_eq!(judged(&kind, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), Some(Ok(())));
        assert_eq!(judged(&kind, b"HTTP/1.0 399\r\n\r\n"), Some(Ok(())));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n";
        assert_eq!(judged(&kind, interim), None);
        let with = |last: &[u8]| judged(&kind, &[&interim[..], last].concat());
        assert_eq!(with(b"HTTP/1.1 200 OK\r\n\r\n"), Some(Ok(())));
        assert_eq!(with(b"HTTP/1.1 500 No\r\n\r\n"), Some(Err(CheckFailure::Status(500))));
        for wrong in [&b"HTTP/1.1 2000 OK\r\n\r\n"[..], b"HTTP/1.1 20 OK\r\n\r\n"] {
            assert!(is_unexpected(&judged(&kind, wrong)));
        }
        assert_eq!(judged(&kind, b"HTTP/1.1 200 OK\r\nA: b\r\n"), None);
        let failed = |bytes| judged(&kind, bytes).unwrap().unwrap_err();
        assert_eq!(failed(b"HTTP/1.1 503 x\r\n"), CheckFailure::Status(503));
        for wrong in [&b"SSH-2.0"[..], b"HTTP/2 200\r\n", b"HTTP/1.1 2x0 \r\n", b"HTTP/1.1 20\r\n"]
        {
            assert!(is_unexpected(&judged(&kind, wrong)));
        }
        assert_eq!(judge(&kind, b"HTTP/1.1 20", true), Some(Err(CheckFailure::Closed)));
        let request = String::from_utf8(request(&kind, &[0; 32])).unwrap();
        assert!(
            request.starts_with("GET /primary HTTP/1.1\r\nHost: db.test:8008\r\n"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_tls_answer_is_a_server_hello_or_an_alert() {
        let kind = ProbeKind::Tls { server_name: None };
        assert_eq!(judged(&kind, &[22, 3, 3, 0, 90, 2, 0, 0, 86]), Some(Ok(())));
        assert_eq!(judged(&kind, &[21, 3, 3, 0, 2, 2, 40]), Some(Ok(())));
        assert_eq!(judged(&kind, &[21, 3, 3, 0, 2, 2]), None);
        for wrong in [&b"HTTP"[..], &[22, 3, 3, 0, 90, 1], &[21, 3, 3, 0, 3, 2, 40], &[22, 2]] {
            assert!(is_unexpected(&judged(&kind, wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn an_exchange_expects_bytes_anywhere_in_a_bounded_answer() {
        let kind = ProbeKind::Exchange { send: b"PING\r\n".to_vec(), expect: b"+PONG".to_vec() };
        assert_eq!(request(&kind, &[0; 32]), b"PING\r\n");
        assert_eq!(judged(&kind, b"banner\r\n+PONG\r\n"), Some(Ok(())));
        assert_eq!(judge(&kind, b"-ERR\r\n", false), None);
        assert!(is_unexpected(&judge(&kind, b"-ERR\r\n", true)));
        assert_eq!(judge(&kind, b"", true), Some(Err(CheckFailure::Closed)));
        let endless = vec![0; MOST_BYTES];
        assert!(is_unexpected(&judge(&kind, &endless, false)));
        let none = ProbeKind::Exchange { send: Vec::new(), expect: Vec::new() };
        assert_eq!(judge(&none, b"", false), Some(Ok(())));
    }

    #[test]
    fn a_client_hello_has_the_lengths_that_it_names() {
        let hello = client_hello(Some("db.test"), &[7; 32]);
        let length = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        assert_eq!((&hello[..3], length(3)), (&[22, 3, 1][..], hello.len() - 5));
        assert_eq!((hello[5], hello[6], length(7)), (1, 0, hello.len() - 9));
        assert!(contains(&hello, b"db.test"));
    }
}
