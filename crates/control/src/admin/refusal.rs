//! Error answers.

use crate::handle::Gone;
use api::{ErrorCode, Failure};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use flow::CloseReason;
use std::error::Error;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: ErrorCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: String) -> Self {
        Self { status, code, message }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message.into())
    }

    pub(super) fn no_forward(name: &str) -> Self {
        let message = format!("there is no forward `{name}`");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    pub(super) fn no_target(name: &str, target: &str) -> Self {
        let message =
            format!("the forward `{name}` has no target `{target}`: `targets` lists those it has");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// `since`: the time from which on all ended sessions are known.
    pub(super) fn no_session(id: u64, since: &str) -> Self {
        let message = format!("there is no session {id}, and none that has ended since {since}");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// The session is not open any more.
    pub(super) fn has_ended(id: u64, CloseReason { by, phase, cause, .. }: CloseReason) -> Self {
        let [by, phase, cause] = [by.as_str(), phase.as_str(), cause.as_str()];
        let message = format!("session {id} has ended: {by}/{phase}/{cause}");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// `since`: the time from which on all ended sessions are known.
    pub(super) fn no_ended_session(id: u64, since: &str) -> Self {
        let message = format!("no session {id} has ended since {since}");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    pub(super) fn conflict(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message.into())
    }

    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Busy, message.into())
    }
}

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        let message = "the process is about to end".to_owned();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining, message)
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(query_problem(&rejection))
    }
}

/// The problem of a query, in the words of this interface.
fn query_problem(rejection: &dyn Error) -> String {
    // The deepest cause has the parameter and its fault, without the names of the libraries.
    let mut cause = rejection;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let words = [
        ("unknown field", "there is no parameter"),
        ("duplicate field", "given twice:"),
        ("unknown variant", "there is no value"),
        ("invalid digit found in string", "not a whole number"),
        ("cannot parse integer from empty string", "not a whole number"),
        ("number too large to fit in target type", "the number is too large"),
        ("provided string was not `true` or `false`", "neither `true` nor `false`"),
    ];
    let text = cause.to_string();
    let text = words.iter().fold(text, |text, (serde, ours)| text.replace(serde, ours));
    format!("the query is wrong: {text}")
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = api::Error { code: self.code.into(), message: self.message };
        let mut response = (self.status, Json(Failure { error })).into_response();
        // For the audit line.
        response.extensions_mut().insert(self.code);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Answers an unknown path.
pub(super) async fn no_path(uri: Uri) -> Refusal {
    let message = format!("there is no {}: GET /openapi.json lists what there is", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}

/// Answers a method that a path does not have.
pub(super) async fn no_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::Query;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        #[expect(dead_code, reason = "it is parsed only")]
        limit: Option<usize>,
        #[serde(default)]
        #[expect(dead_code, reason = "it is parsed only")]
        rates: bool,
    }

    #[test]
    fn a_wrong_query_is_explained_without_the_words_of_libraries() {
        for (query, expected) in [
            ("limit=x", "limit: not a whole number"),
            ("limit=-1", "not a whole number"),
            ("rates=yes", "neither `true` nor `false`"),
            ("rate=true", "there is no parameter `rate`, expected `limit` or `rates`"),
            ("limit=1&limit=2", "given twice: `limit`"),
            ("limit=99999999999999999999", "the number is too large"),
        ] {
            let uri = format!("/v1/x?{query}").parse::<Uri>().unwrap();
            let rejection = Query::<Parameters>::try_from_uri(&uri).map(drop).unwrap_err();
            let message = query_problem(&rejection);
            assert!(message.contains(expected), "{query}: {message}");
            assert!(!message.contains("eserialize"), "{query}: {message}");
        }
    }
}
