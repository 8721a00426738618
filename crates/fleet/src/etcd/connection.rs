//! One HTTP/1.1 connection to a member.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::failure::Failure;
use super::tls::{Tls, tls_error};
use super::wire;

/// The longest answer: eleven parts of a text.
const ANSWER_MAX: usize = 16 << 20;

/// Time for the look-up of a name, within that of a member.
const LOOK_UP_LIMIT: Duration = Duration::from_millis(2500);

/// Time for one of the addresses of a name.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Reads and writes of a connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One HTTP/1.1 connection. Dropping it closes it, even during an exchange.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
    host: HeaderValue,
    tls: Option<Tls>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request as etcd's gateway takes it: JSON to a path.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) body: Bytes,
    /// Whether a member without a leader must refuse instead of waiting for one.
    pub(super) needs_leader: bool,
}

impl Connection {
    /// Connects to `HOST:PORT`.
    pub(super) async fn open(endpoint: &str, tls: Option<&Tls>) -> Result<Self, Failure> {
        let tcp = connect(endpoint).await?;
        // Without it, a request of several segments waits for acknowledgements.
        tcp.set_nodelay(true).map_err(|error| Failure::Connect(flow::error_text(&error)))?;
        let stream: Pin<Box<dyn Stream>> = match tls {
            Some(tls) => Box::pin(tls.connect(host_of(endpoint), tcp).await?),
            None => Box::pin(tcp),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::Connect(error.to_string()))?;
        // The sender reports its errors.
        let task = tokio::spawn(async {
            let _ = connection.await;
        });
        let host = HeaderValue::from_str(endpoint)
            .map_err(|_| Failure::Connect("is not a host name".to_owned()))?;
        Ok(Self { sender, task, host, tls: tls.cloned() })
    }

    /// Whether another request can be sent.
    pub(super) fn is_usable(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Sends a request, and reads the whole answer within `limit`.
    pub(super) async fn exchange(
        &mut self,
        call: &Call,
        token: Option<&str>,
        limit: Duration,
    ) -> Result<Bytes, Failure> {
        let answer = async {
            let response = self.send(call, token).await?;
            self.read(response).await
        };
        timeout(limit, answer).await.unwrap_or(Err(Failure::Silent(limit)))
    }

    /// Sends a request whose answer does not end, and returns its body.
    pub(super) async fn open_stream(
        &mut self,
        call: &Call,
        token: Option<&str>,
        limit: Duration,
    ) -> Result<Incoming, Failure> {
        let answer = async {
            let response = self.send(call, token).await?;
            if response.status() == StatusCode::OK {
                return Ok(response.into_body());
            }
            match self.read(response).await {
                Ok(_) => Err(Failure::NotEtcd("no answer to a watch".to_owned())),
                Err(failure) => Err(failure),
            }
        };
        timeout(limit, answer).await.unwrap_or(Err(Failure::Silent(limit)))
    }

    async fn send(
        &mut self,
        call: &Call,
        token: Option<&str>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(call.path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token).map_err(|_| {
                Failure::NotEtcd("a login token that no HTTP header can carry".to_owned())
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if call.needs_leader {
            // https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/; gRPC's metadata of the same name
            request = request.header("Grpc-Metadata-hasleader", "true");
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|error| Failure::Connect(error.to_string()))?;
        let sent = self.sender.send_request(request).await;
        sent.map_err(|error| self.failure(&error))
    }

    /// Reads an answer: JSON if its status is 200, otherwise etcd's refusal.
    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = match body {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Failure::TooLong(ANSWER_MAX));
            }
            Err(error) => {
                return Err(match error.downcast_ref::<hyper::Error>() {
                    Some(error) => self.failure(error),
                    None => Failure::Lost(error.to_string()),
                });
            }
        };
        if status == StatusCode::OK { Ok(body) } else { Err(wire::refusal(status, &body)) }
    }

    /// The failure of a request that hyper reports.
    pub(super) fn failure(&self, error: &hyper::Error) -> Failure {
        let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
        if let (Some(tls), Some(error)) = (&self.tls, io.and_then(tls_error)) {
            return Failure::Tls(tls.explain(error));
        }
        if error.is_canceled() && io.is_none() {
            return Failure::Connect("the connection was closed before the request".to_owned());
        }
        match io {
            Some(error) => Failure::Lost(flow::error_text(error)),
            None if error.is_parse() => Failure::NotEtcd(format!("no HTTP: {error}")),
            None if self.tls.is_some() => {
                Failure::Lost("the connection ended before the answer".to_owned())
            }
            // etcd with TLS ends it without a word.
            None => Failure::Lost(
                "the connection ended before the answer; if it speaks TLS, write `etcds://`"
                    .to_owned(),
            ),
        }
    }
}

fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error: &&(dyn Error + 'static)| (*error).source())
}

/// The certificate that a member shows in a handshake.
pub(super) async fn certificate(endpoint: &str, tls: &Tls) -> Result<Vec<u8>, Failure> {
    let stream = tls.connect(host_of(endpoint), connect(endpoint).await?).await?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let own = shown.first().ok_or_else(|| Failure::Tls("it shows no certificate".to_owned()))?;
    Ok(own.to_vec())
}

/// `HOST` of `HOST:PORT`, without the brackets of IPv6.
fn host_of(endpoint: &str) -> &str {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

async fn connect(endpoint: &str) -> Result<TcpStream, Failure> {
    let addresses = match endpoint.parse::<SocketAddr>() {
        Ok(address) => vec![address],
        Err(_) => look_up(endpoint).await?,
    };
    let mut last = None;
    for address in addresses {
        match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(flow::error_text(&error)),
            Err(_) => last = Some("no connection within 1 s".to_owned()),
        }
    }
    match last {
        Some(cause) => Err(Failure::Connect(cause)),
        None => Err(Failure::LookUp("the name has no address".to_owned())),
    }
}

/// The addresses of `HOST:PORT`. getaddrinfo(3) would keep a thread, for which the end of the process would wait.
async fn look_up(endpoint: &str) -> Result<Vec<SocketAddr>, Failure> {
    let port = endpoint.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port: u16 = port.ok_or_else(|| Failure::LookUp("the address has no port".to_owned()))?;
    let host = [host_of(endpoint).to_owned()];
    let answer = discover::look_up_hosts(&host, LOOK_UP_LIMIT).await.pop();
    let addresses = answer.unwrap_or(Err(discover::LookUpError::NoAddress));
    let addresses = addresses.map_err(|error| Failure::LookUp(error.to_string()))?;
    let with_port = |mut address: SocketAddr| {
        address.set_port(port);
        address
    };
    Ok(addresses.into_iter().map(with_port).collect())
}
