//! Connections to the admin interface, with limits of their number, time and request size.

use super::access::Access;
use super::app::App;
use super::listener::{AdminListener, BoundListener};
use super::routes::router;
use super::write_timeout::WriteTimeout;
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

/// Time limit of a request's head, and of an idle connection.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Limit of a request's head, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// Time after which a connection is closed if its peer reads nothing of an answer.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// Pause after a failed accept(2), whose cause does not pass at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Starts accepting connections, until the runtime ends.
pub(crate) fn open(admin_listener: &mut AdminListener, app: App) {
    if let Some((listener, access)) = admin_listener.take_listener() {
        tokio::spawn(serve(listener, access, app));
    }
}

/// Serves all connections of a listener.
async fn serve(listener: BoundListener, access: Access, app: App) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let server = Server { places, service: TowerToHyperService::new(router(app, access)) };
    let result = match listener {
        BoundListener::Unix(listener) => server.serve_unix(listener).await,
        BoundListener::Tcp(listener) => server.serve_tcp(listener).await,
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
            // In addition to the file's mode, which can be changed by mistake.
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

    /// Waits until one more connection is allowed.
    async fn place(&self) {
        // The semaphore is never closed.
        drop(self.places.acquire().await);
    }

    fn connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let stream = TokioIo::new(WriteTimeout::new(stream, WRITE_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(HEAD_MAX)
            .serve_connection(stream, self.service.clone());
        tokio::spawn(async move {
            // Errors of a connection, such as a closed peer, need no action.
            let _ = connection.await;
            drop(place);
        });
    }
}
