//! Connections to the admin interface: how many, for how long, and how large a request may be.

use super::access::Access;
use super::app::App;
use super::door::{Door, Listener};
use super::routes::router;
use super::stall::Stall;
use host::ADMIN_CONNECTIONS;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

/// How long a request's head may take, and how long a connection may be without a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// The longest head in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// How long whoever asked may leave an answer unread.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// Pause after a failed accept(2): nothing gets better at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Lets people in at `door`, from now on and until the runtime ends.
pub(crate) fn open(door: &mut Door, app: App) {
    if let Some((listener, access)) = door.take_listener() {
        tokio::spawn(serve(listener, access, app));
    }
}

/// Serves whoever connects.
async fn serve(listener: Listener, access: Access, app: App) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let server = Server { places, service: TowerToHyperService::new(router(app, access)) };
    let result = match listener {
        Listener::Unix(listener) => server.serve_unix(listener).await,
        Listener::Tcp(listener) => server.serve_tcp(listener).await,
    };
    if let Err(error) = result {
        tracing::error!(%error, "the admin interface cannot be served");
    }
}

struct Server {
    places: Arc<Semaphore>,
    service: TowerToHyperService<axum::Router>,
}

impl Server {
    async fn serve_unix(self, listener: std::os::unix::net::UnixListener) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        let own = sys::user_id();
        loop {
            self.place().await;
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // The file's mode says the same; a mode can be changed by mistake.
            let user = stream.peer_cred().map(|peer| peer.uid());
            if user.is_ok_and(|user| user == own || user == 0) {
                self.connection(stream);
            }
        }
    }

    async fn serve_tcp(self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            self.place().await;
            match listener.accept().await {
                Ok((stream, _)) => self.connection(stream),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Waits until there is room for one more connection.
    async fn place(&self) {
        // It is never closed.
        drop(self.places.acquire().await);
    }

    fn connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let stream = TokioIo::new(Stall::new(stream, WRITE_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(HEAD_MAX)
            .serve_connection(stream, self.service.clone());
        tokio::spawn(async move {
            // A client that goes away is its own affair.
            let _ = connection.await;
            drop(place);
        });
    }
}
