//! Error answers.

use crate::handle::Gone;
use api::{Error, ErrorCode, Failure};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

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

    pub(super) fn no_session(id: u64) -> Self {
        let message = format!("there is no session {id}: it may have ended");
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
        Self::bad_request(rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = Error { code: self.code.into(), message: self.message };
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
