//! Every refusal over HTTP as an RFC 9457 problem document. Only here an error becomes a status code.

use crate::storage::StorageError;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// A part of the path, the query or the body isn't what it should be.
    #[error("{detail}")]
    Invalid {
        /// Which part: a parameter's or field's name, `path`, `query` or `body`.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No token, or one that is not good.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// A good token whose role may not do that.
    #[error("the role of this token may not do that")]
    Forbidden,
    /// Name, password or code is wrong; which of them isn't told.
    #[error("name, password or code is wrong, or the code was used or is too old")]
    WrongLogin,
    /// Too many wrong ones of late.
    #[error("too many failed logins; wait {} s", .0.as_secs() + 1)]
    TooManyFailures(Duration),
    /// A password would cross the network for all to read.
    #[error("a password goes over HTTPS only: put a TLS proxy in front, or set http.plain_logins")]
    LoginNeedsHttps,
    /// A state-changing request from another site's page.
    #[error("a page of another origin may not change anything here")]
    CrossOrigin,
    /// A host name that is not ours.
    #[error("this host name is not served here; add it to http.allowed_hosts")]
    Misdirected,
    /// Nothing of that name.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The path knows other methods.
    #[error("this path doesn't take that method")]
    Method,
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// A body longer than is read.
    #[error("the body is too long")]
    TooLarge,
    /// A body that isn't said to be JSON.
    #[error("the body must be JSON, with Content-Type application/json")]
    MediaType,
    /// As many event streams are open as Spor serves.
    #[error("too many event streams are open")]
    TooManyStreams,
    /// The journal doesn't take it, or not in time.
    #[error("the journal can't keep it now; it may or may not count: look, then ask again")]
    NotKept,
    /// Postgres doesn't answer.
    #[error("the database doesn't answer; what is happening now can still be asked for")]
    StorageAway,
    /// A fault of Spor's; what it was stands in its log.
    #[error("something went wrong inside; the log says what")]
    Internal,
}

/// A problem document, RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:spor:problem:not-found", "title": "Not found", "status": 404,
    "detail": "there is no such asset"
}))]
pub(super) struct Problem {
    /// What kind of problem; programs decide by this.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status code.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The parameter or field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl ApiError {
    /// The refusal of a parameter or field.
    pub(super) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), detail: detail.into() }
    }

    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid", "Invalid request"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized", "Token required"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::WrongLogin => (StatusCode::UNAUTHORIZED, "wrong-login", "Not let in"),
            Self::TooManyFailures(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-failures", "Too many failures")
            }
            Self::LoginNeedsHttps => (StatusCode::FORBIDDEN, "login-needs-https", "HTTPS needed"),
            Self::CrossOrigin => (StatusCode::FORBIDDEN, "cross-origin", "Cross-origin request"),
            Self::Misdirected => {
                (StatusCode::MISDIRECTED_REQUEST, "host-not-served", "Host not served")
            }
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "Method not allowed"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Conflict"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too long"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Not JSON"),
            Self::TooManyStreams => {
                (StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", "Too many streams")
            }
            Self::NotKept => (StatusCode::SERVICE_UNAVAILABLE, "not-kept", "Not kept"),
            Self::StorageAway => {
                (StatusCode::SERVICE_UNAVAILABLE, "database-away", "Database away")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Away(_) => Self::StorageAway,
            StorageError::NotFound { what, .. } => Self::NotFound(what),
            StorageError::Invalid(detail) => Self::Conflict(detail),
            other => {
                tracing::error!(error = %other, "a request failed");
                Self::Internal
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.kind();
        let detail = self.to_string();
        let wait = match &self {
            Self::TooManyFailures(wait) => wait.as_secs() + 1,
            _ => 5,
        };
        let field = match self {
            Self::Invalid { field, .. } => Some(field),
            _ => None,
        };
        let kind = format!("urn:spor:problem:{kind}");
        let problem = Problem { kind, title, status: status.as_u16(), detail, field };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                let scheme = HeaderValue::from_static("Bearer realm=\"spor\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            _ => {}
        }
        response
    }
}
