//! Requests to the admin interface: one connection each, with time limits.

use crate::console::args::ConnectArgs;
use crate::console::endpoint::Endpoint;
use crate::console::failure::{AnswerError, Attempt, CommandError};
use crate::console::locate::{self, FileUse, Located};
use crate::console::process_file;
use crate::console::process_options::ProcessOptions;
use crate::console::trust::{TrustedUsers, Untrusted};
use api::ErrorCode;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// A process on the same host that takes longer to accept is stuck.
const TO_CONNECT: Duration = Duration::from_secs(2);
/// Long enough for a reload of many forwards.
const TO_ANSWER: Duration = Duration::from_secs(30);
/// Health checks have short deadlines of their own.
const TO_PROBE: Duration = Duration::from_secs(3);
/// Upper bound on a response body, in bytes. A forward with one target takes about 1.8 kB in the list of all
/// forwards, and a page of sessions at most some 10 MB: an answer about 150,000 forwards fits, and one about the
/// million targets that all listeners together may have does not.
const LARGEST_ANSWER: usize = 256 << 20;

/// Sends requests to the admin interface of a running process.
pub(crate) struct AdminApi {
    endpoints: Vec<Endpoint>,
    /// Endpoints to try last, of a process that runs with `file`.
    elsewhere: Vec<Endpoint>,
    /// The configuration that gave the endpoints.
    file: Option<PathBuf>,
    /// The problems of the file to compare with: the error if no process answers.
    problems: Option<String>,
    trusted: TrustedUsers,
    token: Option<Token>,
    options: ProcessOptions,
}

/// The bearer token that a TCP admin interface requires.
struct Token {
    text: String,
    /// The file that it was read from, for error messages.
    file: PathBuf,
}

/// A Unix or TCP stream. The trait object lets hyper be compiled for one type only.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl AdminApi {
    pub(crate) fn new(connect: &ConnectArgs) -> Result<Self, CommandError> {
        Self::for_file(connect, FileUse::Address)
    }

    /// Like [`Self::new`], for another use of the file of `-c`.
    pub(crate) fn for_file(connect: &ConnectArgs, file_use: FileUse) -> Result<Self, CommandError> {
        let located = locate::find(connect, file_use)?;
        let problems = located.problems.clone();
        let api = Self::at(located, connect).and_then(Self::with_token);
        api.map_err(|failure| problems.map_or(failure, CommandError::Configuration))
    }

    fn with_token(self) -> Result<Self, CommandError> {
        if let ([endpoint @ Endpoint::Tcp(_)], None) = (&*self.endpoints, &self.token) {
            let message =
                format!("{endpoint} is a TCP port and requires a token: add --token-file FILE");
            return Err(CommandError::Usage(message));
        }
        Ok(self)
    }

    /// Like [`Self::new`], but without a token for a TCP port. For [`Self::probe`] only, which
    /// needs none.
    pub(crate) fn for_probes(connect: &ConnectArgs) -> Result<Self, CommandError> {
        Self::at(locate::find(connect, FileUse::Address)?, connect)
    }

    fn at(located: Located, connect: &ConnectArgs) -> Result<Self, CommandError> {
        let Located { endpoints, elsewhere, token_file, file, user, problems } = located;
        // A member of `admin_group` may not read the tokens, and needs none on the socket.
        let is_needed = connect.token_file.is_some()
            || !endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Unix(_)));
        let token = match token_file.as_deref().map(read_token).transpose() {
            Err(_) if !is_needed => None,
            token => token?,
        };
        let trusted = TrustedUsers::new(user, token_file.as_deref());
        let options = ProcessOptions::of(connect);
        Ok(Self { endpoints, elsewhere, file, problems, trusted, token, options })
    }

    /// Sends a request and decodes the JSON answer.
    pub(crate) async fn ask<Answer: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<Answer, CommandError> {
        let (endpoint, body) = self.require_success(method, path, TO_ANSWER).await?;
        serde_json::from_slice(&body)
            .map_err(|error| CommandError::Broken { endpoint, error: AnswerError::Foreign(error) })
    }

    pub(crate) async fn status(&self) -> Result<api::Status, CommandError> {
        self.ask(Method::GET, "/v1/status").await
    }

    pub(crate) async fn forwards(&self) -> Result<api::Forwards, CommandError> {
        self.ask(Method::GET, "/v1/forwards").await
    }

    /// Downloads a file. `time` is how long the process needs to produce it, on top of the normal
    /// time limit.
    pub(crate) async fn fetch(&self, path: &str, time: Duration) -> Result<Bytes, CommandError> {
        self.require_success(Method::GET, path, time + TO_ANSWER).await.map(|(_, body)| body)
    }

    /// Requests a health check, which succeeds or fails without a body. The time limit is short
    /// because the calling health checker has its own deadline.
    pub(crate) async fn probe(&self, path: &str) -> Result<(), CommandError> {
        self.require_success(Method::GET, path, TO_PROBE).await.map(drop)
    }

    /// Sends a request and returns the endpoint and body of a 2xx response. Any other status
    /// becomes a [`CommandError`].
    async fn require_success(
        &self,
        method: Method,
        path: &str,
        limit: Duration,
    ) -> Result<(Endpoint, Bytes), CommandError> {
        let (endpoint, stream) = self.connect().await?;
        let broken = |error| CommandError::Broken { endpoint: endpoint.clone(), error };
        let token = self.token_for(&endpoint);
        let answer = timeout(limit, exchange(stream, token, method, path)).await;
        let answer = answer.unwrap_or(Err(AnswerError::Timeout(limit)));
        let (status, body) = answer.map_err(broken)?;
        if status.is_success() {
            return Ok((endpoint, body));
        }
        match serde_json::from_slice::<api::Failure>(&body) {
            Ok(failure) => Err(CommandError::Refused(self.explained(failure.error, &endpoint))),
            Err(_) => Err(broken(AnswerError::NotOurs(Some(status)))),
        }
    }

    /// Options for another command to reach the same process.
    pub(crate) fn options(&self) -> &ProcessOptions {
        &self.options
    }

    /// Completes an error message with local knowledge that the process lacks: the path of the
    /// token file, and the options that reach the process.
    fn explained(&self, error: api::Error, endpoint: &Endpoint) -> api::Error {
        let Some(token) = self.token.as_ref().filter(|_| error.code == ErrorCode::Unauthorized)
        else {
            // The message quotes the configuration, which stays as it is.
            let is_quoted = error.code == ErrorCode::InvalidConfig;
            let completed = |error: api::Error| {
                let message = self.options.complete(&error.message);
                api::Error { message, ..error }
            };
            return if is_quoted { error } else { completed(error) };
        };
        let file = plan::escaped(&token.file.to_string_lossy());
        let message = format!(
            "the process at {endpoint} rejects the token in `{file}`: pass the file that its \
                 `admin_token_file` names with --token-file"
        );
        api::Error { message, ..error }
    }

    /// Connects to the first endpoint that accepts.
    async fn connect(&self) -> Result<(Endpoint, Box<dyn Stream>), CommandError> {
        // A mistake in the file may hide the address of the process.
        let explained =
            |failure| self.problems.clone().map_or(failure, CommandError::Configuration);
        self.first_to_accept().await.map_err(explained)
    }

    async fn first_to_accept(&self) -> Result<(Endpoint, Box<dyn Stream>), CommandError> {
        let mut attempts = Vec::new();
        for endpoint in &self.endpoints {
            match self.reach(endpoint).await? {
                Ok(stream) => return Ok((endpoint.clone(), stream)),
                Err(error) => attempts.push(Attempt { endpoint: endpoint.clone(), error }),
            }
        }
        let file = self.file.as_deref();
        for endpoint in &self.elsewhere {
            let found = match (self.reach(endpoint).await?, file) {
                (Ok(stream), Some(file)) => runs_with(stream, file).await,
                (Ok(_), None) => continue,
                (Err(error), _) => Err(error),
            };
            match found {
                // The request needs another connection.
                Ok(()) => match self.reach(endpoint).await? {
                    Ok(stream) => return Ok((endpoint.clone(), stream)),
                    Err(error) => attempts.push(Attempt { endpoint: endpoint.clone(), error }),
                },
                Err(error) => attempts.push(Attempt { endpoint: endpoint.clone(), error }),
            }
        }
        Err(CommandError::NoProcess { attempts, file: self.file.clone() })
    }

    /// Connects to one endpoint. The outer error ends the command: the process there belongs to another user.
    async fn reach(
        &self,
        endpoint: &Endpoint,
    ) -> Result<io::Result<Box<dyn Stream>>, CommandError> {
        let late = || Err(io::Error::other(format!("does not accept within {TO_CONNECT:?}")));
        let connected = async {
            match endpoint {
                Endpoint::Unix(path) => self.reach_socket(path).await,
                Endpoint::Tcp(address) => self.reach_port(*address).await,
            }
        };
        match timeout(TO_CONNECT, connected).await {
            Ok(Err(why)) => Err(CommandError::Untrusted { endpoint: endpoint.clone(), why }),
            Ok(Ok(result)) => Ok(result),
            Err(_) => Ok(late()),
        }
    }

    /// Sends a request as it is, with the token, and returns the response before its body.
    pub(crate) async fn pass_on(
        &self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, CommandError> {
        let (endpoint, stream) = self.connect().await?;
        let answer = timeout(TO_ANSWER, send(stream, self.token_for(&endpoint), request)).await;
        let answer = answer.unwrap_or(Err(AnswerError::Timeout(TO_ANSWER)));
        answer.map_err(|error| CommandError::Broken { endpoint, error })
    }

    /// The token, which only a port gets.
    fn token_for(&self, endpoint: &Endpoint) -> Option<&Token> {
        self.token.as_ref().filter(|_| matches!(endpoint, Endpoint::Tcp(_)))
    }

    async fn reach_socket(&self, path: &Path) -> Result<io::Result<Box<dyn Stream>>, Untrusted> {
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(error)),
        };
        match stream.peer_cred() {
            Ok(peer) => self.trusted.check_socket(path, peer.uid())?,
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(Box::new(stream)))
    }

    /// Requests without a token, for health checks, go to any process.
    async fn reach_port(
        &self,
        address: SocketAddr,
    ) -> Result<io::Result<Box<dyn Stream>>, Untrusted> {
        let has_secret = self.token.is_some();
        if has_secret {
            self.trusted.check_port(address)?;
        }
        let stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(error)),
        };
        if has_secret {
            match stream.local_addr() {
                Ok(client) => self.trusted.check_connected_port(address, client)?,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Box::new(stream)))
    }
}

/// Succeeds if the process behind a Unix socket runs with this file.
async fn runs_with(stream: Box<dyn Stream>, file: &Path) -> io::Result<()> {
    let answer = timeout(TO_PROBE, exchange(stream, None, Method::GET, "/v1/status")).await;
    let status = answer.ok().and_then(Result::ok);
    let status = status.and_then(|(_, body)| serde_json::from_slice::<api::Status>(&body).ok());
    match status {
        Some(status) if process_file::runs_with(&status, file) => Ok(()),
        Some(status) => {
            let config = status.config.as_deref().map(plan::escaped);
            let with =
                config.map_or_else(|| "without a file".to_owned(), |it| format!("with {it}"));
            Err(io::Error::other(format!("its process runs {with}")))
        }
        None => Err(io::Error::other("its process does not say which file it runs with")),
    }
}

async fn exchange(
    stream: Box<dyn Stream>,
    token: Option<&Token>,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), AnswerError> {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    let request = request.body(Empty::<Bytes>::new()).map_err(AnswerError::Request)?;
    let answer = send(stream, token, request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            AnswerError::TooLong(LARGEST_ANSWER)
        } else {
            AnswerError::Body(error)
        }
    })?;
    Ok((status, body.to_bytes()))
}

async fn send(
    stream: Box<dyn Stream>,
    token: Option<&Token>,
    mut request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, AnswerError> {
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {}", token.text));
        let value = value.map_err(|error| AnswerError::Request(error.into()))?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(AnswerError::Exchange)?;
    // The task ends when its sender is dropped. `send_request` reports its errors.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(unanswered)
}

/// Describes a failed request. A connection that fails before hyper has sent the request cancels it:
/// the cause is then the failure.
fn unanswered(error: hyper::Error) -> AnswerError {
    let cause = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    let failure = cause.unwrap_or(&error);
    let sent_first = cause.is_some() && !is_of_system(failure);
    if failure.is_incomplete_message() || is_reset(failure) {
        AnswerError::Closed
    } else if failure.is_parse() || sent_first {
        AnswerError::NotOurs(None)
    } else {
        AnswerError::Exchange(error)
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let kind = cause.map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}

fn is_of_system(error: &hyper::Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

fn read_token(path: &Path) -> Result<Token, CommandError> {
    let name = plan::escaped(&path.to_string_lossy());
    let usage = |what: String| CommandError::Usage(format!("the token file `{name}` {what}"));
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(host::TOKEN_FILE_MAX + 1).read_to_string(&mut text))
        .map_err(|error| usage(format!("cannot be read: {}", flow::error_text(&error))))?;
    if text.len() as u64 > host::TOKEN_FILE_MAX {
        let kib = host::TOKEN_FILE_MAX / 1024;
        return Err(usage(format!("is longer than {kib} KiB: give the file that holds the token")));
    }
    // The process's own file may hold several.
    let tokens = host::AdminTokens::restore(&text);
    let token = tokens.as_ref().map_or(text.trim(), host::AdminTokens::for_commands);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(usage(
            "contains no token: expected one word of printable ASCII characters".to_owned(),
        ));
    }
    Ok(Token { text: token.to_owned(), file: path.to_owned() })
}
