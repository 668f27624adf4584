//! The errors of the API: HTTP status, code and text of each, and where each is known from.
//!
//! Cloudflare publishes no complete list of codes. Those marked *seen* are quoted from real answers that people
//! published; those marked *assumed* are the sandbox's best guess and nothing should depend on their number.

use serde_json::{Value, json};

use crate::zone::Refusal;

/// One error of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: String,
    /// The cause below it, if the answer tells one.
    pub(crate) chain: Option<(u32, String)>,
}

impl ApiError {
    fn new(status: u16, code: u32, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), chain: None }
    }

    fn caused_by(mut self, code: u32, message: impl Into<String>) -> ApiError {
        self.chain = Some((code, message.into()));
        self
    }

    /// Status 400, code 1004 with the actual code in the chain.
    /// Seen: <https://github.com/timothymiller/cloudflare-ddns/issues/179>.
    fn validation(code: u32, message: impl Into<String>) -> ApiError {
        ApiError::new(400, 1004, "DNS Validation Error").caused_by(code, message)
    }

    /// The `Authorization` header is not `Bearer` and a token.
    /// Seen with status 400: <https://github.com/jeessy2/ddns-go/issues/916>.
    pub(crate) fn malformed_authorization() -> ApiError {
        ApiError::new(400, 6003, "Invalid request headers")
            .caused_by(6111, "Invalid format for Authorization header")
    }

    /// `X-Auth-Key` was sent; the sandbox has no global API keys.
    /// Seen: <https://github.com/cloudflare/cloudflare-typescript/issues/161>.
    pub(crate) fn malformed_key() -> ApiError {
        ApiError::new(400, 6003, "Invalid request headers")
            .caused_by(6103, "Invalid format for X-Auth-Key header")
    }

    /// No credentials were sent. Text and code seen: <https://github.com/kissgyorgy/cloudflare-dyndns/issues/40>;
    /// the status is assumed.
    pub(crate) fn no_authorization() -> ApiError {
        ApiError::new(400, 1001, "Missing \"Authorization\" header")
    }

    /// The token is unknown, disabled, expired or not valid yet. Status and code seen:
    /// <https://github.com/jeessy2/ddns-go/issues/1341>; the text is assumed.
    pub(crate) fn invalid_token() -> ApiError {
        ApiError::new(403, 9109, "Invalid access token")
    }

    /// `tokens/verify` with an unknown token; assumed.
    pub(crate) fn unverified_token() -> ApiError {
        ApiError::new(401, 1000, "Invalid API Token")
    }

    /// The token may not do this to the records of that zone, or there is no such zone: the API does not tell
    /// which. Seen with status 403: <https://github.com/cloudflare/terraform-provider-cloudflare/issues/913>,
    /// <https://github.com/hieunc229/mailflare/issues/1>.
    pub(crate) fn not_permitted() -> ApiError {
        ApiError::new(403, 10000, "Authentication error")
    }

    /// The token may not see that zone, or any zone. Text seen: <https://github.com/octodns/octodns-cloudflare/issues/60>.
    pub(crate) fn zone_not_permitted() -> ApiError {
        ApiError::new(403, 9109, "Unauthorized to access requested resource")
    }

    /// There is no such endpoint. Seen: <https://github.com/cloudflare/serverless-cloudflare-workers/issues/27>.
    pub(crate) fn no_route() -> ApiError {
        ApiError::new(404, 7000, "No route for that URI")
    }

    /// An id in the path is no id. Text seen: <https://github.com/xiaodao2026/speed/issues/1>; the status is assumed.
    pub(crate) fn could_not_route(path: &str) -> ApiError {
        let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
        ApiError::new(404, 7003, message)
    }

    /// The endpoint exists and does not take this method. Text and code seen:
    /// <https://github.com/fire1ce/DDNS-Cloudflare-Bash/issues/3>; the status is assumed.
    pub(crate) fn method_not_allowed(method: &str) -> ApiError {
        ApiError::new(
            405,
            10000,
            format!("{method} method not allowed for the api_token authentication scheme"),
        )
    }

    /// The limit of requests is reached. Text and status seen:
    /// <https://github.com/lablabs/cloudflare-exporter/issues/74>; the code is assumed.
    pub(crate) fn rate_limited(limit: u32, window_seconds: u64) -> ApiError {
        let message = format!(
            "More than {limit} requests per {window_seconds} seconds reached. \
             Please wait and consider throttling your request speed"
        );
        ApiError::new(429, 10100, message)
    }

    /// A parameter of the query is out of its documented range; assumed.
    pub(crate) fn parameter(message: impl Into<String>) -> ApiError {
        ApiError::new(400, 6007, "Malformed parameter in the request URI").caused_by(6007, message)
    }

    /// The body is no JSON. Seen: <https://github.com/timothymiller/cloudflare-ddns/issues/206>.
    pub(crate) fn body() -> ApiError {
        ApiError::new(400, 9207, "Request body is invalid.")
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some((code, message)) = &self.chain {
            error["error_chain"] = json!([{ "code": code, "message": message }]);
        }
        error
    }
}

const SAME_NAME: &str = "For more details, refer to <https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/>.";

impl From<&Refusal> for ApiError {
    /// Where a code is seen, its source stands beside it; the others are assumed.
    fn from(refusal: &Refusal) -> ApiError {
        match refusal {
            // https://github.com/zanjie1999/cloudflare-api-v4-ddns/issues/5 (the status is assumed)
            Refusal::UnknownRecord => ApiError::new(404, 81044, "Record does not exist."),
            Refusal::Body(why) => ApiError::body().caused_by(9207, why.clone()),
            Refusal::Missing(field) => ApiError::validation(9001, format!("{field} is a required field.")),
            Refusal::KindUnknown(kind) => ApiError::validation(9002, format!("Invalid type {kind}.")),
            Refusal::Name(_) | Refusal::NameOutside { .. } => {
                ApiError::validation(9000, "DNS name is invalid.")
            }
            // https://github.com/yulewang/cloudflare-api-v4-ddns/issues/16
            Refusal::AddressV4(_) => {
                ApiError::new(400, 9005, "Content for A record must be a valid IPv4 address.")
            }
            Refusal::AddressV6(_) => {
                ApiError::new(400, 9006, "Content for AAAA record must be a valid IPv6 address.")
            }
            Refusal::Content(kind) => {
                ApiError::new(400, 9007, format!("Content for {kind} record is invalid."))
            }
            Refusal::Data { field, .. } => {
                ApiError::validation(9101, format!("{field} is a required data field."))
            }
            // https://github.com/timothymiller/cloudflare-ddns/issues/179
            Refusal::Ttl { shortest } => ApiError::validation(
                9021,
                format!("TTL must be between {shortest} and 86400 seconds, or 1 for Automatic."),
            ),
            // https://github.com/LINKIWI/cloudflare-ddns-client/pull/20
            Refusal::ProxiedNotBoolean => {
                ApiError::validation(9003, "Invalid 'proxied' value, must be a boolean")
            }
            // https://github.com/stephenou/fruitionsite/issues/104
            Refusal::NotProxiable(_) => ApiError::validation(9004, "This record type cannot be proxied."),
            // https://github.com/HermanMartinus/bearblog/issues/105
            Refusal::HostTaken => ApiError::new(
                400,
                81053,
                format!("An A, AAAA, or CNAME record with that host already exists. {SAME_NAME}"),
            ),
            // https://github.com/favonia/cloudflare-ddns/issues/990
            Refusal::CnameTaken => ApiError::new(
                400,
                81054,
                format!("A CNAME record with that host already exists. {SAME_NAME}"),
            ),
            // Text: https://github.com/cloudflare/cloudflare-docs/pull/10789
            Refusal::NsTaken => {
                ApiError::new(400, 81056, format!("NS records with that host already exist. {SAME_NAME}"))
            }
            // https://github.com/jeessy2/ddns-go/issues/1378
            Refusal::Identical => ApiError::new(400, 81058, "An identical record already exists."),
            // https://github.com/kubernetes-sigs/external-dns/issues/3706
            Refusal::Tags { count, quota } => ApiError::validation(
                9300,
                format!("DNS record has {count} tags, exceeding the quota of {quota}."),
            ),
            Refusal::Tag(tag) => ApiError::validation(9301, format!("DNS record tag {tag} is invalid.")),
            Refusal::Comment { length, limit } => ApiError::validation(
                9313,
                format!("DNS record comment has {length} characters, exceeding the limit of {limit}."),
            ),
            Refusal::Records(_) => ApiError::new(400, 81045, "Record quota exceeded."),
            Refusal::BatchTooLarge { count, limit } => ApiError::body()
                .caused_by(9207, format!("Batch has {count} operations, exceeding the limit of {limit}.")),
            Refusal::BatchEmpty => ApiError::body().caused_by(9207, "Batch has no operations."),
        }
    }
}
