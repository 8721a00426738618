//! A client for one request at a time: what the admin interface is asked with.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde_json::Value;
use socket2::Socket;

use crate::addr::{Addr, connect};

/// Longest wait for a response: a reload of tens of thousands of forwards takes seconds in a debug
/// build on a busy machine.
const RESPONSE_LIMIT: Duration = Duration::from_secs(60);

/// An HTTP server with the headers sent in each request.
#[derive(Clone, Debug)]
pub struct Http {
    server: Addr,
    headers: String,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status, such as 200.
    pub status: u16,
    /// The lines of its head, in lower case.
    pub headers: Vec<String>,
    /// Body of the response.
    pub body: String,
}

impl Http {
    /// The server at this address.
    pub fn new(server: impl Into<Addr>) -> Self {
        Self { server: server.into(), headers: String::new() }
    }

    /// Adds a header to all requests. Without one of its own, `Host` is `localhost`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// Sends a GET request.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    /// Asks with POST, without a body.
    #[track_caller]
    pub fn post(&self, path: &str) -> Answer {
        self.ask("POST", path)
    }

    /// Sends a DELETE request.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path)
    }

    /// The body of a successful GET, as JSON.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        self.get(path).success().json()
    }

    /// Asks, and reads the whole answer.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str) -> Answer {
        let mut reader = BufReader::new(self.send(method, path));
        let (status, headers) = read_head(&mut reader);
        let mut body = String::new();
        reader.read_to_string(&mut body).expect("the answer's body is text");
        Answer { status, headers, body }
    }

    /// Asks for server-sent events. Each wait for one lasts at most `timeout`.
    #[track_caller]
    pub fn events(&self, path: &str, timeout: Duration) -> ServerEvents {
        let socket = self.send("GET", path);
        socket.set_read_timeout(Some(timeout)).expect("a timeout can be set");
        let mut reader = BufReader::new(socket);
        let (status, _) = read_head(&mut reader);
        assert_eq!(status, 200, "the answer to {path}");
        ServerEvents(reader)
    }

    /// HTTP/1.0: the answer ends with the connection, and comes in one piece.
    #[track_caller]
    fn send(&self, method: &str, path: &str) -> Socket {
        let mut socket = connect(self.server.clone()).expect("connect to the server");
        socket.set_read_timeout(Some(RESPONSE_LIMIT)).expect("a timeout can be set");
        let named = self.headers.to_ascii_lowercase().contains("host:");
        let host = if named { "" } else { "Host: localhost\r\n" };
        let request = format!("{method} {path} HTTP/1.0\r\n{host}{}\r\n", self.headers);
        socket.write_all(request.as_bytes()).expect("send a request");
        socket
    }
}

fn read_head(reader: &mut impl BufRead) -> (u16, Vec<String>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("read the answer's head");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    (status.unwrap_or_else(|| panic!("no HTTP answer: {lines:?}")), lines)
}

impl Answer {
    /// Itself, if the status is 200.
    #[expect(clippy::return_self_not_must_use, reason = "the check alone may be what is wanted")]
    #[track_caller]
    pub fn success(self) -> Self {
        self.status(200)
    }

    /// Itself, if this is the status.
    #[expect(clippy::return_self_not_must_use, reason = "the check alone may be what is wanted")]
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{}", self.body);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.body))
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct ServerEvents(BufReader<Socket>);

impl ServerEvents {
    /// The next event: its name, and its data as JSON. `None` at the end of the stream.
    ///
    /// # Panics
    ///
    /// If no event arrives in time, or the received text is not an event.
    #[track_caller]
    pub fn next_event(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("an event in time") == 0 {
                return None;
            }
            if let Some(text) = line.strip_prefix("event:") {
                text.trim().clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("data:") {
                let data = serde_json::from_str(text).expect("an event's data is JSON");
                return Some((name, data));
            }
        }
    }

    /// The data of the next event with this name; others are passed over.
    #[track_caller]
    pub fn wait_for(&mut self, name: &str) -> Value {
        loop {
            let (found, data) =
                self.next_event().unwrap_or_else(|| panic!("the stream ended without `{name}`"));
            if found == name {
                return data;
            }
        }
    }
}
