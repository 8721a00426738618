//! `web`: the page of the running process in a browser, without its token. A loopback port passes requests on to
//! the admin interface with the caller's rights; only requests with the key in the printed URL are passed on.

use crate::console::browser;
use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::signals::Signals;
use crate::exit::Exit;
use crate::{say, warn};
use api::{Error, ErrorCode, Failure};
use host::AdminTokens;
use http_body_util::{Either, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IsTerminal, Read, stdout};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at the same time. A page needs seven.
const CONNECTIONS: usize = 64;
/// A connection without a request is closed after this time.
const TO_ASK: Duration = Duration::from_secs(10);
/// Bytes of a key.
const KEY: usize = 16;
/// Headers of a request that the admin interface needs.
const PASSED_ON: [HeaderName; 4] =
    [header::HOST, header::ORIGIN, header::ACCEPT, header::IF_NONE_MATCH];

/// The body of a response: passed on, or made here.
type Body = Either<Incoming, Full<Bytes>>;

pub(crate) async fn run(args: &command::Web) -> Result<Exit, CommandError> {
    let admin = Arc::new(AdminApi::new(&args.connect)?);
    // If the process is down, the command fails like any other.
    admin.status().await?;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| CommandError::Usage(format!("{what}: {error}"))
    };
    let mut signals = Signals::new().map_err(failed("wait for signals"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await;
    let listener = listener.map_err(failed(&format!("listen on 127.0.0.1:{}", args.port)))?;
    let address = listener.local_addr().map_err(failed("find the port"))?;
    let [key, name] =
        [random().map_err(failed("make a key"))?, random().map_err(failed("make a key"))?];
    let url = format!("http://{address}/#key={key}");
    let printed = say(&format!("{url}\nAccess needs this whole URL. Ctrl-C ends it.\n"));
    if printed != Exit::Done {
        return Ok(printed);
    }
    let is_opened = !args.no_open && stdout().is_terminal();
    let opened = if is_opened { browser::open(&url, &name) } else { Ok(None) };
    let _redirect = opened.unwrap_or_else(|error| {
        warn(&format!("warning: the browser is not opened: {error}\n"));
        None
    });
    let invalid = || failed("make a key")(io::Error::from(io::ErrorKind::InvalidData));
    let key = AdminTokens::restore(&key).ok_or_else(invalid)?;
    let gate = Arc::new(Gate { admin, key });
    tokio::select! {
        () = serve(&listener, &gate) => {}
        () = signals.any() => {}
    }
    Ok(Exit::Done)
}

/// A key that cannot be guessed, in hexadecimal digits.
fn random() -> io::Result<String> {
    let mut bytes = [0; KEY];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Accepts connections, a bounded number at a time, for ever.
async fn serve(listener: &TcpListener, gate: &Arc<Gate>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Files are short, or the client has gone.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let gate = Arc::clone(gate);
        tokio::spawn(async move {
            gate.connection(stream).await;
            drop(place);
        });
    }
}

struct Gate {
    admin: Arc<AdminApi>,
    /// The key, as the only token of the port.
    key: AdminTokens,
}

impl Gate {
    async fn connection(self: &Arc<Self>, stream: TcpStream) {
        let answer = service_fn(|request| {
            let gate = Arc::clone(self);
            async move { Ok::<_, Infallible>(gate.answer(request).await) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(TO_ASK);
        // The browser reports a broken connection.
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        // The files of the page have no data. Its first request cannot have the key, which stays in the
        // fragment of the URL.
        let is_open = path == "/" || path.starts_with("/page/");
        let given = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        if !is_open && given.is_none_or(|given| self.key.find(given).is_none()) {
            let message = "open the URL that `traffic-forwarder web` printed".to_owned();
            let error = Error { code: ErrorCode::Unauthorized.into(), message };
            return refusal(StatusCode::UNAUTHORIZED, error);
        }
        match self.admin.pass_on(passed_on(&request)).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                // They are about the connection to the process.
                head.headers.remove(header::CONNECTION);
                head.headers.remove(header::TRANSFER_ENCODING);
                Response::from_parts(head, Either::Left(body))
            }
            Err(failure) => refusal(StatusCode::BAD_GATEWAY, failure.for_programs().error),
        }
    }
}

/// The request to the admin interface: no request of the page has a body.
fn passed_on(request: &Request<Incoming>) -> Request<Empty<Bytes>> {
    let mut passed = Request::new(Empty::new());
    *passed.method_mut() = request.method().clone();
    *passed.uri_mut() = request.uri().clone();
    for name in PASSED_ON {
        if let Some(value) = request.headers().get(&name) {
            passed.headers_mut().insert(name, value.clone());
        }
    }
    passed
}

fn refusal(status: StatusCode, error: Error) -> Response<Body> {
    let text = serde_json::to_vec(&Failure { error }).unwrap_or_default();
    let mut response = Response::new(Either::Right(Full::new(text.into())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
