//! Audit lines: each change through the admin interface, with its caller and outcome.

use super::caller::Caller;
use api::ErrorCode;
use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;

/// IDs of killed sessions in a line. `sessions` counts all.
const MOST_IDS: usize = 100;

/// The sessions that a change has ended, for its line. An extension of the response.
#[derive(Clone, Debug)]
pub(super) struct KilledSessions(pub(super) Vec<u64>);

/// The change that a request asks for; `None` if it only reads.
pub(super) fn action(method: &Method, uri: &Uri) -> Option<&'static str> {
    let path = uri.path();
    if matches!(*method, Method::GET | Method::HEAD) {
        // It stops or slows down the process for a while.
        return path.starts_with("/debug/pprof/").then_some("profile");
    }
    Some(match path {
        "/v1/reload" => "reload",
        "/v1/confirm" => "confirm",
        "/v1/upgrade" => "upgrade",
        _ if path.starts_with("/v1/sessions") => "kill",
        _ if path.ends_with("/drain") => "drain",
        _ if path.ends_with("/resume") => "resume",
        _ => "other",
    })
}

/// Whether a reload is only planned. No other action has a dry run: its parameters may hold any text.
fn is_dry_run(action: &str, uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    action == "reload" && parameters.any(|parameter| parameter == "dry_run=true")
}

/// Middleware: writes the line of a change.
pub(super) async fn record(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let action = action(request.method(), uri).filter(|action| !is_dry_run(action, uri));
    let caller = request.extensions().get::<Caller>();
    let (Some(action), Some(caller)) = (action, caller) else { return next.run(request).await };
    let target = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let mut line = AuditLine { action, target, caller: caller.clone(), is_answered: false };
    let response = next.run(request).await;
    line.is_answered = true;
    let code = response.extensions().get::<ErrorCode>();
    let outcome = match code {
        Some(code) => code.as_str(),
        None if response.status().is_success() => "ok",
        None => "failed",
    };
    line.write(outcome, response.extensions().get::<KilledSessions>());
    response
}

/// A change that is under way. It is carried out even if its caller closes the connection, so the line
/// is written then, too.
struct AuditLine {
    action: &'static str,
    /// Path and query of the request.
    target: String,
    caller: Caller,
    is_answered: bool,
}

impl AuditLine {
    fn write(&self, outcome: &str, killed: Option<&KilledSessions>) {
        let Self { action, target, caller, .. } = self;
        let peer = caller.peer;
        let ids = killed.map(|KilledSessions(ids)| {
            let ids: Vec<_> = ids.iter().take(MOST_IDS).map(ToString::to_string).collect();
            ids.join(",")
        });
        tracing::info!(
            action,
            target,
            outcome,
            sessions = killed.map(|KilledSessions(ids)| ids.len()),
            ids,
            role = caller.role.as_str(),
            name = caller.shown_name(),
            uid = peer.uid(),
            pid = peer.pid(),
            peer = peer.address().map(|address| address.to_string()),
            "admin action"
        );
    }
}

impl Drop for AuditLine {
    fn drop(&mut self) {
        if !self.is_answered {
            self.write("unknown: the caller closed the connection", None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_that_changes_something_has_an_action() {
        let of = |method: Method, uri: &'static str| action(&method, &Uri::from_static(uri));
        for path in ["/v1/status", "/metrics", "/v1/sessions/1", "/", "/openapi.json"] {
            assert_eq!(of(Method::GET, path), None, "{path}");
        }
        assert_eq!(of(Method::GET, "/debug/pprof/heap"), Some("profile"));
        assert_eq!(of(Method::DELETE, "/v1/sessions?client=10.0.0.0/8"), Some("kill"));
        assert_eq!(of(Method::POST, "/v1/forwards/a/drain"), Some("drain"));
        assert_eq!(of(Method::POST, "/v1/reload?dry_run=true"), Some("reload"));
        assert_eq!(of(Method::POST, "/v1/something"), Some("other"));
    }

    #[test]
    fn only_a_reload_has_a_dry_run() {
        let is = |uri: &'static str| {
            let uri = Uri::from_static(uri);
            is_dry_run(action(&Method::POST, &uri).unwrap(), &uri)
        };
        assert!(is("/v1/reload?dry_run=true") && is("/v1/reload?file=/a&dry_run=true"));
        for uri in [
            "/v1/reload",
            "/v1/reload?dry_run=false",
            "/v1/reload?file=/dry_run=true",
            "/v1/sessions/5?dry_run=true",
            "/v1/forwards/a/drain?dry_run=true",
            "/v1/upgrade?dry_run=true",
        ] {
            assert!(!is(uri), "{uri}");
        }
    }
}
