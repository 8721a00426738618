//! The page of another process, for the command `web`: its files come from here, and requests for data are passed on
//! to the process. A request without the key reaches no process.

use super::access::{Access, check};
use super::connections::Connections;
use super::denials::Denials;
use super::page;
use super::places::Places;
use super::refusal::no_method;
use super::server::Server;
use super::tokens::Tokens;
use api::Failure;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use host::{ADMIN_CONNECTIONS, AdminTokens, UNKNOWN_CONNECTIONS};
use hyper::body::Incoming;
use std::io;
use std::net::TcpListener;

/// Headers of a request that the admin interface needs.
const PASSED_ON: [HeaderName; 4] =
    [header::HOST, header::ORIGIN, header::ACCEPT, header::IF_NONE_MATCH];

/// Serves the page on a non-blocking listener, with the limits of the admin interface on a port. Requests with `key`
/// as their token are passed on by `pass_on`. Returns only with an error of the listener.
pub async fn serve_page<P, A>(listener: TcpListener, key: AdminTokens, pass_on: P) -> io::Result<()>
where
    P: Fn(hyper::Request<()>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<hyper::Response<Incoming>, Failure>> + Send,
{
    let tokens = Tokens::default();
    tokens.replace(key);
    let places = Places::new(ADMIN_CONNECTIONS, UNKNOWN_CONNECTIONS);
    let access = Access::of_page_proxy(tokens, Denials::default());
    Server::new(Connections::new(places, None), router(access, pass_on)).serve_tcp(listener).await
}

fn router<P, A>(access: Access, pass_on: P) -> Router
where
    P: Fn(hyper::Request<()>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<hyper::Response<Incoming>, Failure>> + Send,
{
    let passing = move |request: Request| {
        let answer = pass_on(passed_on(&request));
        async move { passed_back(answer.await) }
    };
    Router::new()
        .route("/", get(page::index).fallback(no_method))
        .route("/page/{file}", get(page::part).fallback(no_method))
        .fallback(passing)
        .layer(from_fn_with_state(access, check))
}

/// The request to the admin interface: no request of the page has a body.
fn passed_on(request: &Request) -> hyper::Request<()> {
    let mut passed = hyper::Request::new(());
    *passed.method_mut() = request.method().clone();
    *passed.uri_mut() = request.uri().clone();
    for name in PASSED_ON {
        if let Some(value) = request.headers().get(&name) {
            passed.headers_mut().insert(name, value.clone());
        }
    }
    passed
}

fn passed_back(answer: Result<hyper::Response<Incoming>, Failure>) -> Response {
    match answer {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            // They are about the connection to the process.
            head.headers.remove(header::CONNECTION);
            head.headers.remove(header::TRANSFER_ENCODING);
            Response::from_parts(head, Body::new(body))
        }
        Err(failure) => (StatusCode::BAD_GATEWAY, Json(failure)).into_response(),
    }
}
