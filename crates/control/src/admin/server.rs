//! Connections to the admin interface and to the metrics, with limits of their number, time and
//! request size.

use super::access::Access;
use super::app::App;
use super::caller::Peer;
use super::connections::{ACCEPT_PAUSE, Connections, Place};
use super::denials::{DenialReason, Denials};
use super::interface::Interface;
use super::listener::BoundListener;
use super::listeners::AdminListeners;
use super::places::Places;
use super::write_timeout::WriteTimeout;
use super::{metrics_routes, routes};
use host::{ADMIN_CONNECTIONS, METRICS_CONNECTIONS, UNKNOWN_CONNECTIONS};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use sys::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// Time limit of a request's head, and of an idle connection, on a Unix socket.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// The same on a port, where every user of the host, or of the network, can connect.
const OPEN_HEAD_LIMIT: Duration = Duration::from_secs(5);
/// Limit of a request's head, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// Time after which a connection is closed if its peer reads nothing of an answer.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Starts accepting connections, until the runtime ends.
pub(crate) fn open(listeners: &mut AdminListeners, app: App) {
    let access = Access::new(listeners.tokens(), listeners.denials());
    let local = LocalCallers {
        denials: listeners.denials(),
        group_may_connect: listeners.group_may_connect(),
        group: listeners.group(),
    };
    let places = Places::new(ADMIN_CONNECTIONS, UNKNOWN_CONNECTIONS);
    let connections = Connections::new(places, listeners.take_reserve());
    let admin = Server::new(connections, routes::router(app.clone(), access));
    // No caller of the metrics is authorised, so none keeps a place.
    let connections = Connections::new(Places::new(0, METRICS_CONNECTIONS), None);
    let metrics = Server::new(connections, metrics_routes::router(app));
    for (interface, listener) in listeners.take_listeners() {
        let server = match interface {
            Interface::Admin => admin.clone(),
            Interface::Metrics => metrics.clone(),
        };
        tokio::spawn(serve(listener, server, local.clone()));
    }
}

/// Serves all connections of a listener.
async fn serve(listener: BoundListener, server: Server, local: LocalCallers) {
    let result = match listener {
        BoundListener::Unix(listener) => server.serve_unix(listener, local).await,
        BoundListener::Tcp(listener) => server.serve_tcp(listener).await,
    };
    if let Err(error) = result {
        let error = flow::error_text(&error);
        tracing::error!(error, "the admin interface cannot be served");
    }
}

/// The callers that may connect to the Unix socket.
#[derive(Clone)]
struct LocalCallers {
    denials: Denials,
    /// The file of the Unix socket lets a group connect.
    group_may_connect: bool,
    /// The configured group.
    group: Option<u32>,
}

impl LocalCallers {
    /// Checks a peer, in addition to the file's mode, which can be changed by mistake.
    fn admit(&self, peer: Peer, stream: &UnixStream, group: u32) -> bool {
        let is_member = || self.group.is_none_or(|ours| ours == group || has_group(stream, ours));
        let admitted = peer.is_own_user() || self.group_may_connect && is_member();
        if !admitted {
            self.denials.count(DenialReason::User, peer, None);
        }
        admitted
    }
}

/// Whether a peer has this supplementary group. On a kernel that cannot say, the file's mode decides alone.
fn has_group(stream: &UnixStream, group: u32) -> bool {
    match sys::peer_groups(stream.as_fd()) {
        Ok(groups) => groups.contains(&group),
        Err(errno) => errno == Errno::NOPROTOOPT,
    }
}

/// Serves connections by a router.
#[derive(Clone)]
pub(super) struct Server {
    connections: Arc<Connections>,
    service: TowerToHyperService<axum::Router>,
}

impl Server {
    pub(super) fn new(connections: Arc<Connections>, router: axum::Router) -> Self {
        Self { connections, service: TowerToHyperService::new(router) }
    }

    async fn serve_unix(
        self,
        listener: std::os::unix::net::UnixListener,
        local: LocalCallers,
    ) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        loop {
            // Callers that wait stay in the kernel's queue.
            let place = self.connections.enter_known().await;
            let (stream, _) = self.accepted(true, |context| listener.poll_accept(context)).await;
            let Ok(credentials) = stream.peer_cred() else { continue };
            let peer = Peer::Unix { uid: credentials.uid(), pid: credentials.pid() };
            if local.admit(peer, &stream, credentials.gid()) {
                self.connection(place, peer, stream, HEAD_LIMIT);
            }
        }
    }

    /// Serves a non-blocking listener. Returns only if the runtime does not take it.
    pub(super) async fn serve_tcp(self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, address) =
                self.accepted(false, |context| listener.poll_accept(context)).await;
            let place = self.connections.enter_unknown().await;
            self.connection(place, Peer::Tcp(address), stream, OPEN_HEAD_LIMIT);
            // Reads the request, if it has come, before newer connections are accepted.
            tokio::task::yield_now().await;
        }
    }

    /// The next connection. Without a free descriptor, one is freed for it.
    async fn accepted<T>(
        &self,
        is_known: bool,
        accept: impl Fn(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> T {
        loop {
            match poll_fn(&accept).await {
                Ok(accepted) => {
                    self.connections.refill_reserve();
                    return accepted;
                }
                Err(error) if is_exhausted(&error) => {
                    self.connections.free_descriptor(is_known).await;
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn connection(
        &self,
        place: Place,
        peer: Peer,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        head_limit: Duration,
    ) {
        let (connection, service) = (place.connection(peer), self.service.clone());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(connection.clone());
            service.call(request)
        });
        let stream = TokioIo::new(WriteTimeout::new(stream, WRITE_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_limit)
            .max_buf_size(HEAD_MAX)
            .serve_connection(stream, service);
        place.spawn(connection);
    }
}

/// Whether the process, or the host, has no free descriptor.
fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE];
    exhausted.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
