//! Errors in GitLab's shapes: `{"message": …}` from its own code, `{"error": …}` from its token check and its parameter check
//! (<https://docs.gitlab.com/api/rest/troubleshooting/>).

use serde_json::{Value, json};

use crate::api::reply::Reply;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ApiError {
    status: u16,
    body: Value,
}

impl ApiError {
    pub(super) fn message(status: u16, message: impl Into<Value>) -> ApiError {
        let message: Value = message.into();
        ApiError { status, body: json!({ "message": message }) }
    }

    pub(super) fn unauthorized() -> ApiError {
        ApiError::message(401, "401 Unauthorized")
    }

    /// `lib/api/api_guard.rb`: a token that is known and does not work.
    pub(super) fn bad_token(what: &str) -> ApiError {
        let body = json!({ "error": "invalid_token", "error_description": format!("Token {what}. You can either do re-authorization or token refresh.") });
        ApiError { status: 401, body }
    }

    /// `lib/api/api_guard.rb`.
    pub(super) fn insufficient_scope() -> ApiError {
        let body = json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api",
        });
        ApiError { status: 403, body }
    }

    pub(super) fn forbidden() -> ApiError {
        ApiError::message(403, "403 Forbidden")
    }

    pub(super) fn forbidden_because(why: &str) -> ApiError {
        ApiError::message(403, format!("403 Forbidden - {why}"))
    }

    pub(super) fn not_found(what: &str) -> ApiError {
        ApiError::message(404, format!("404 {what} Not Found"))
    }

    /// Records that `find` did not find.
    pub(super) fn no_record() -> ApiError {
        ApiError::message(404, "404 Not found")
    }

    pub(super) fn no_route() -> ApiError {
        ApiError { status: 404, body: json!({ "error": "404 Not Found" }) }
    }

    pub(super) fn bad_request(why: &str) -> ApiError {
        ApiError::message(400, format!("400 Bad request - {why}"))
    }

    /// A model's own validation: fields with what is wrong with them.
    pub(super) fn invalid(field: &str, why: &str) -> ApiError {
        ApiError::message(400, json!({ field: [why] }))
    }

    /// A parameter of the wrong shape (Grape).
    pub(super) fn parameter(why: &str) -> ApiError {
        ApiError { status: 400, body: json!({ "error": why }) }
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::json(self.status, &self.body)
    }
}
