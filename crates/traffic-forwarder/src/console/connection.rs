//! One question, one connection: finding the process, HTTP, time limits.

use crate::console::failure::{Attempt, Failure};
use crate::console::place::Place;
use crate::console::reach::Whom;
use crate::console::same_process::SameProcess;
use crate::console::whereabouts::{self, Whereabouts};
use api::ErrorCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// A process on the same host that takes longer to accept is stuck.
const TO_CONNECT: Duration = Duration::from_secs(2);
/// A reload of many forwards takes its time.
const TO_ANSWER: Duration = Duration::from_secs(30);
/// A health check that takes longer has failed.
const TO_PROBE: Duration = Duration::from_secs(3);
/// An answer has no reason to be larger: a session takes about one KiB.
const LARGEST_ANSWER: usize = 1 << 30;

/// What is wrong with an answer that is no answer to our question.
const NOT_OURS: &str = "what answers there is not the admin interface of a traffic-forwarder";

/// Asks a running process.
pub(crate) struct Client {
    places: Vec<Place>,
    token: Option<Token>,
    same_process: SameProcess,
}

/// What a port asks for.
struct Token {
    text: String,
    /// Where it was read.
    file: PathBuf,
}

/// Either kind of connection: one type, so that HTTP is compiled once.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Client {
    pub(crate) fn new(whom: &Whom) -> Result<Self, Failure> {
        let client = Self::of_probes(whom)?;
        if let ([place @ Place::Tcp(_)], None) = (&*client.places, &client.token) {
            let message =
                format!("{place} is a port, which asks for a token: add --token-file FILE");
            return Err(Failure::Usage(message));
        }
        Ok(client)
    }

    /// One for [`Self::probe`] only, for which no port asks for a token.
    pub(crate) fn of_probes(whom: &Whom) -> Result<Self, Failure> {
        let Whereabouts { places, token_file } = whereabouts::find(whom)?;
        let token = token_file.as_deref().map(read_token).transpose()?;
        Ok(Self { places, token, same_process: SameProcess::of(whom) })
    }

    /// Asks, and reads the answer.
    pub(crate) async fn ask<Answer: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<Answer, Failure> {
        let (place, body) = self.succeed(method, path, TO_ANSWER).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::Broken { place, what: foreign(&error) })
    }

    /// The state of the process.
    pub(crate) async fn status(&self) -> Result<api::Status, Failure> {
        self.ask(Method::GET, "/v1/status").await
    }

    /// All forwards, with their states and counters.
    pub(crate) async fn forwards(&self) -> Result<api::Forwards, Failure> {
        self.ask(Method::GET, "/v1/forwards").await
    }

    /// Asks for a file. Finding out what is in it takes `time`, besides what every answer may take.
    pub(crate) async fn fetch(&self, path: &str, time: Duration) -> Result<Bytes, Failure> {
        self.succeed(Method::GET, path, time + TO_ANSWER).await.map(|(_, body)| body)
    }

    /// Asks a probe, whose answer is only whether it succeeds. It waits for no long task of the
    /// process, because who asks has a deadline, too.
    pub(crate) async fn probe(&self, path: &str) -> Result<(), Failure> {
        self.succeed(Method::GET, path, TO_PROBE).await.map(drop)
    }

    /// The body of an answer of success, and who gave it.
    async fn succeed(
        &self,
        method: Method,
        path: &str,
        limit: Duration,
    ) -> Result<(Place, Bytes), Failure> {
        let (place, stream) = self.connect().await?;
        let broken = |what: String| Failure::Broken { place: place.clone(), what };
        let answer = timeout(limit, self.exchange(stream, method, path)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {limit:?}")));
        let (status, body) = answer.map_err(broken)?;
        if status.is_success() {
            return Ok((place, body));
        }
        match serde_json::from_slice::<api::Failure>(&body) {
            Ok(failure) => Err(Failure::Refused(self.explained(failure.error, &place))),
            Err(_) => Err(broken(format!("{NOT_OURS}: it answers {status}"))),
        }
    }

    /// How other commands reach the process that this one asks.
    pub(crate) fn same_process(&self) -> &SameProcess {
        &self.same_process
    }

    /// The process answers for every client: it does not know the file of the token, nor by which
    /// options it was found.
    fn explained(&self, error: api::Error, place: &Place) -> api::Error {
        let Some(token) = self.token.as_ref().filter(|_| error.code == ErrorCode::Unauthorized)
        else {
            // Those quote the configuration.
            let is_quoted = error.code == ErrorCode::InvalidConfig;
            let completed = |error: api::Error| {
                let message = self.same_process.complete(&error.message);
                api::Error { message, ..error }
            };
            return if is_quoted { error } else { completed(error) };
        };
        let file = plan::escaped(&token.file.to_string_lossy());
        let message = format!(
            "the process at {place} does not take the token in `{file}`: give --token-file the file \
             that its `admin_token_file` names"
        );
        api::Error { message, ..error }
    }

    /// The first place where somebody is.
    async fn connect(&self) -> Result<(Place, Box<dyn Stream>), Failure> {
        let mut attempts = Vec::new();
        for place in &self.places {
            let late = || Err(io::Error::other(format!("does not accept within {TO_CONNECT:?}")));
            match timeout(TO_CONNECT, connect_to(place)).await.unwrap_or_else(|_| late()) {
                Ok(stream) => return Ok((place.clone(), stream)),
                Err(error) => attempts.push(Attempt { place: place.clone(), error }),
            }
        }
        Err(Failure::NoProcess(attempts))
    }

    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        method: Method,
        path: &str,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.text));
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        // It ends with its sender. What goes wrong in it, the request is told.
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| what_went_wrong(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| format!("the answer breaks off: {error}"))?;
        Ok((status, body.to_bytes()))
    }
}

/// Whoever speaks before he is asked, the question is never put to: what he said is the cause.
fn what_went_wrong(error: &hyper::Error) -> String {
    let cause = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    let spoke_first = error.is_canceled() && cause.is_some_and(|cause| !is_of_system(cause));
    if error.is_parse() || spoke_first { NOT_OURS.to_owned() } else { error.to_string() }
}

fn is_of_system(error: &hyper::Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

async fn connect_to(place: &Place) -> io::Result<Box<dyn Stream>> {
    Ok(match place {
        Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Place::Tcp(address) => Box::new(TcpStream::connect(address).await?),
    })
}

fn read_token(path: &Path) -> Result<Token, Failure> {
    let name = plan::escaped(&path.to_string_lossy());
    let usage = |what: String| Failure::Usage(format!("the token file `{name}` {what}"));
    let text =
        std::fs::read_to_string(path).map_err(|error| usage(format!("cannot be read: {error}")))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(usage("holds no token: one word of visible ASCII characters".to_owned()));
    }
    Ok(Token { text: token.to_owned(), file: path.to_owned() })
}

fn foreign(error: &serde_json::Error) -> String {
    format!(
        "the answer is not one of traffic-forwarder {}: {error}",
        observe::Version::of_program()
    )
}
