//! Authorisation of requests. A Unix socket has the peer's user id; a port needs the token.
//! Requests from web pages are accepted from our own page only, also on a Unix socket: `ssh -L`,
//! for example, makes it a port of another host.

use super::refusal::Refusal;
use api::ErrorCode;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use host::Token;
use std::sync::Arc;

/// Need no token: probes of supervisors, and the page that asks for the token.
const OPEN_PATHS: [&str; 3] = ["/healthz", "/readyz", "/"];

/// Path prefix of the page's files. They hold no data and no secret.
pub(super) const PAGE_FOLDER: &str = "/page/";

/// Access rules of a listener.
#[derive(Clone)]
pub(super) struct Access {
    /// `None` on a Unix socket.
    token: Option<Arc<Token>>,
}

impl Access {
    pub(super) fn unix() -> Self {
        Self { token: None }
    }

    pub(super) fn tcp(token: Token) -> Self {
        Self { token: Some(Arc::new(token)) }
    }

    /// The token that a client must send, on a port.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref().map(Token::as_str)
    }

    /// Whether callers are this process's own user or root.
    pub(super) fn is_local_user(&self) -> bool {
        self.token.is_none()
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        check_page(headers)?;
        let Some(token) = &self.token else { return Ok(()) };
        if OPEN_PATHS.contains(&path) || path.starts_with(PAGE_FOLDER) {
            return Ok(());
        }
        let given = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if given.is_some_and(|given| token.is(given)) {
            return Ok(());
        }
        let message = "send the header `Authorization: Bearer TOKEN`, with the token of the file \
                       that `admin_token_file` names";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message.to_owned()))
    }
}

/// Refuses requests that a browser sends for another web page. A browser always sends a Host
/// header.
fn check_page(headers: &HeaderMap) -> Result<(), Refusal> {
    let forbidden = |message: &str| {
        Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message.to_owned())
    };
    let host = text(headers, HOST).filter(|host| is_loopback(host));
    if headers.contains_key(HOST) && host.is_none() {
        let message = "the Host header must be localhost, 127.0.0.1 or [::1], with any port";
        return Err(forbidden(message));
    }
    let own =
        |origin: &[u8]| host.is_some_and(|host| origin == format!("http://{host}").as_bytes());
    if headers.get(ORIGIN).is_some_and(|origin| !own(origin.as_bytes())) {
        return Err(forbidden("a web page of another origin may not ask"));
    }
    Ok(())
}

/// Middleware: passes an authorised request, and answers another with the reason.
pub(super) async fn check(
    State(access): State<Access>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    access.check(request.uri().path(), request.headers())?;
    Ok(next.run(request).await)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Accepts only names that DNS rebinding cannot point to another host.
fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let port = host.strip_prefix(name).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
        port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            && (host.len() == name.len() || host.as_bytes()[name.len()] == b':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn status(headers: &[(HeaderName, &str)], path: &str) -> Option<u16> {
        status_of(&Access::tcp(Token::restore(TOKEN.to_owned())), headers, path)
    }

    fn status_of(access: &Access, headers: &[(HeaderName, &str)], path: &str) -> Option<u16> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        access.check(path, &headers).err().map(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn only_the_complete_token_is_accepted() {
        let host = (HOST, "localhost:9180");
        let with = |value| status(&[host.clone(), (AUTHORIZATION, value)], "/v1/status");
        assert_eq!(with("Bearer 0123456789abcdef"), None);
        for wrong in ["Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Bearer ", TOKEN] {
            assert_eq!(with(wrong), Some(401), "{wrong}");
        }
        assert_eq!(status(std::slice::from_ref(&host), "/v1/status"), Some(401));
        for open in ["/healthz", "/readyz", "/", "/page/main.js"] {
            assert_eq!(status(std::slice::from_ref(&host), open), None, "{open}");
        }
        for closed in ["/metrics", "/openapi.json", "/page", "//", "/v1/events"] {
            assert_eq!(status(std::slice::from_ref(&host), closed), Some(401), "{closed}");
        }
    }

    #[test]
    fn only_loopback_names_and_our_own_page_are_accepted() {
        let with = |host, origin| {
            let mut headers = vec![(HOST, host)];
            headers.extend(Option::map(origin, |origin| (ORIGIN, origin)));
            let [health, page] = ["/healthz", "/"].map(|path| status(&headers, path));
            assert_eq!([health, page], [status_of(&Access::unix(), &headers, "/v1/status"); 2]);
            page
        };
        for host in ["localhost", "127.0.0.1:1", "[::1]:9180", "localhost:"] {
            assert_eq!(with(host, None), None, "{host}");
        }
        for host in
            ["evil.example", "localhost.evil", "127.0.0.1.nip.io:80", "[::1]x", "127.0.0.12"]
        {
            assert_eq!(with(host, None), Some(403), "{host}");
        }
        assert_eq!(status(&[], "/healthz"), None, "no browser");
        assert_eq!(status(&[(ORIGIN, "http://localhost")], "/healthz"), Some(403));
        assert_eq!(with("localhost:1", Some("http://localhost:1")), None);
        for origin in ["http://localhost:2", "https://evil.example", "null"] {
            assert_eq!(with("localhost:1", Some(origin)), Some(403), "{origin}");
        }
    }
}
