//! Answers of the API: status, headers of their own, and the envelope.

use serde_json::{Value, json};

use super::error::ApiError;

/// An answer before it is put on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Any JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        let body = body.to_string().into_bytes();
        Reply { status, headers: Vec::new(), content_type: "application/json", body }
    }

    /// A success without paging.
    pub(crate) fn result(result: &Value) -> Reply {
        Reply::json(200, &json!({ "result": result, "success": true, "errors": [], "messages": [] }))
    }

    /// A page of a list.
    pub(crate) fn page(result: &[Value], page: u64, per_page: u64, total: u64) -> Reply {
        let info = json!({
            "page": page,
            "per_page": per_page,
            "count": result.len(),
            "total_count": total,
            "total_pages": total.div_ceil(per_page),
        });
        Reply::json(
            200,
            &json!({ "result": result, "success": true, "errors": [], "messages": [], "result_info": info }),
        )
    }

    /// A failure.
    pub(crate) fn error(error: &ApiError) -> Reply {
        Reply::json(
            error.status,
            &json!({ "result": null, "success": false, "errors": [error.to_json()], "messages": [] }),
        )
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}
