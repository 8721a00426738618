//! Authorisation of requests. A Unix socket has the peer's user id; a port needs a token.
//! Requests from web pages are accepted from our own page only, also on a Unix socket: `ssh -L`,
//! for example, makes it a port of another host.

use super::audit;
use super::caller::{Caller, Peer};
use super::connections::Connection;
use super::denials::{DenialReason, Denials};
use super::refusal::Refusal;
use super::tokens::Tokens;
use api::ErrorCode;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use host::AdminRole;

/// Paths of the probes.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The page, which asks for the token.
const PAGE: &str = "/";

/// Path prefix of the page's files. They hold no data and no secret.
const PAGE_FOLDER: &str = "/page/";

/// How a caller gets access to a process, and to the command `web`.
const SEND_TOKEN: &str = "send the header `Authorization: Bearer TOKEN`, with a token of the file that `admin_token_file` names";
const OPEN_URL: &str = "open the URL that `traffic-forwarder web` printed";

/// Fetch Metadata of a browser's request (W3C, sec-fetch-site and sec-fetch-mode).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Access rules of the admin interface.
#[derive(Clone, Debug)]
pub(super) struct Access {
    tokens: Tokens,
    denials: Denials,
    /// Whether probes need no token, like the files of the page.
    has_open_probes: bool,
    /// How to get access.
    hint: &'static str,
}

/// A denied request, and the name of its caller, if it is known.
#[derive(Debug)]
struct Denied {
    reason: DenialReason,
    refusal: Refusal,
    name: Option<String>,
}

impl Access {
    pub(super) fn new(tokens: Tokens, denials: Denials) -> Self {
        Self { tokens, denials, has_open_probes: true, hint: SEND_TOKEN }
    }

    /// The rules of the command `web`, whose key is the only token.
    pub(super) fn of_page_proxy(key: Tokens, denials: Denials) -> Self {
        Self { tokens: key, denials, has_open_probes: false, hint: OPEN_URL }
    }

    /// The caller of a request; `None` if it needs none.
    fn check(&self, request: &Head<'_>, peer: Peer) -> Result<Option<Caller>, Denied> {
        check_page(request)?;
        let caller = self.caller(request, peer)?;
        if let Some(caller) = &caller
            && request.action.is_some()
            && caller.role == AdminRole::View
        {
            return Err(Denied::role(caller));
        }
        Ok(caller)
    }

    fn caller(&self, request: &Head<'_>, peer: Peer) -> Result<Option<Caller>, Denied> {
        if let Peer::Unix { .. } = peer {
            return Ok(Some(Caller::on_socket(peer, request.action.is_some())));
        }
        let given = text(request.headers, AUTHORIZATION);
        let path = request.uri.path();
        let is_open = path == PAGE
            || path.strip_prefix(PAGE_FOLDER).is_some_and(is_file_name)
            || self.has_open_probes && PROBES.contains(&path);
        let known = given.and_then(|value| value.strip_prefix("Bearer "));
        let known = known.and_then(|given| self.tokens.find(given));
        match known {
            Some((role, name)) => Ok(Some(Caller { role, name, peer })),
            None if is_open => Ok(None),
            None => Err(Denied::token(given.is_some(), self.hint)),
        }
    }
}

/// The parts of a request that decide.
struct Head<'a> {
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    /// The change that it asks for.
    action: Option<&'static str>,
}

impl<'a> Head<'a> {
    fn of(method: &Method, uri: &'a Uri, version: Version, headers: &'a HeaderMap) -> Self {
        Self { uri, version, headers, action: audit::action(method, uri) }
    }
}

impl Denied {
    fn page(message: &str) -> Self {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message.to_owned());
        Self { reason: DenialReason::Page, refusal, name: None }
    }

    fn host(message: &str) -> Self {
        Self { reason: DenialReason::Page, refusal: Refusal::bad_request(message), name: None }
    }

    fn token(is_wrong: bool, hint: &str) -> Self {
        let refusal =
            Refusal::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, hint.to_owned());
        let reason = if is_wrong { DenialReason::WrongToken } else { DenialReason::NoToken };
        Self { reason, refusal, name: None }
    }

    fn role(caller: &Caller) -> Self {
        let (name, role) = (&caller.name, caller.role.as_str());
        let needed = AdminRole::Operate.as_str();
        let message = format!("the token of `{name}` has the role `{role}`: this needs `{needed}`");
        let refusal = Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
        Self { reason: DenialReason::Role, refusal, name: Some(name.to_string()) }
    }
}

/// Refuses requests that a browser sends for another web page. A browser always sends a Host
/// header.
fn check_page(request: &Head<'_>) -> Result<(), Denied> {
    let headers = request.headers;
    let hosts = headers.get_all(HOST).iter().count();
    // RFC 9112, section 3.2.
    if hosts > 1 {
        return Err(Denied::host("the request has several Host headers"));
    }
    if hosts == 0 && request.version > Version::HTTP_10 {
        return Err(Denied::host("the request has no Host header"));
    }
    let host = text(headers, HOST).filter(|host| is_loopback(host));
    // The authority of an absolute URI counts more than the header does (RFC 9112, section 3.2.2).
    let is_foreign = |authority: &axum::http::uri::Authority| !is_loopback(authority.as_str());
    if hosts == 1 && host.is_none() || request.uri.authority().is_some_and(is_foreign) {
        let message = "the Host header must be localhost, 127.0.0.1 or [::1], with any port";
        return Err(Denied::page(message));
    }
    let own =
        |origin: &[u8]| host.is_some_and(|host| origin == format!("http://{host}").as_bytes());
    let is_foreign = match headers.get(ORIGIN) {
        Some(origin) => !own(origin.as_bytes()),
        None => is_of_another_site(request),
    };
    if is_foreign {
        return Err(Denied::page("a web page of another origin may not ask"));
    }
    Ok(())
}

/// Whether a browser says that another site makes it ask. A link there may lead to our page.
fn is_of_another_site(request: &Head<'_>) -> bool {
    let is = |name, value| text(request.headers, name) == Some(value);
    let is_own = is(FETCH_SITE, "same-origin") || is(FETCH_SITE, "none");
    let is_link = request.uri.path() == "/" && is(FETCH_MODE, "navigate");
    request.headers.contains_key(FETCH_SITE) && !is_own && !is_link
}

/// Middleware: passes an authorised request, and answers another with the reason. A connection that no
/// caller was authorised on ends with the answer.
pub(super) async fn check(
    State(access): State<Access>,
    // The server adds it to each request. One without it is answered with 500.
    Extension(connection): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let head = Head::of(request.method(), request.uri(), request.version(), request.headers());
    let checked = access.check(&head, connection.peer());
    let role = checked.as_ref().ok().and_then(|caller| Some(caller.as_ref()?.role));
    let stays = role.is_some_and(|role| connection.recognise(role));
    let mut response = match checked {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(Denied { reason, refusal, name }) => {
            access.denials.count(reason, connection.peer(), name.as_deref());
            refusal.into_response()
        }
    };
    if !stays {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
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

/// Whether it is one segment of a path, as the route of the page's files has it. A longer path would meet another
/// route, which needs a token.
fn is_file_name(path: &str) -> bool {
    !path.is_empty() && !path.contains('/')
}

#[cfg(test)]
mod tests;
