//! The four requests that are made, as endpoints of the crate `cloudflare` with results of our own.

use cloudflare::framework::endpoint::spec::EndpointSpec;
use cloudflare::framework::endpoint::{Method, RequestBody, serialize_query};
use cloudflare::framework::response::ApiResult;
use serde::{Deserialize, Serialize};

use crate::wire::{BatchResult, Patch, TokenStatus, WireRecord, WireZone};

/// Records asked for at once. The reference allows up to 5,000,000; this many fill about 2 MB.
pub(crate) const RECORDS_PER_PAGE: u64 = 5_000;
/// Zones asked for at once: the most that the reference allows.
const ZONES_PER_PAGE: u64 = 50;

/// `GET /zones` (<https://developers.cloudflare.com/api/resources/zones/methods/list/>).
#[derive(Debug, Default, Serialize)]
pub(crate) struct ListZones {
    pub(crate) name: Option<String>,
    #[serde(rename = "account.id")]
    pub(crate) account: Option<String>,
}

/// The zones of an answer.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Zones(pub(crate) Vec<WireZone>);

impl ApiResult for Zones {}

impl EndpointSpec for ListZones {
    type JsonResponse = Zones;
    type ResponseType = Zones;

    fn method(&self) -> Method {
        Method::GET
    }

    fn path(&self) -> String {
        "zones".to_owned()
    }

    fn query(&self) -> Option<String> {
        let filter = serialize_query(self).filter(|query| !query.is_empty());
        let size = format!("per_page={ZONES_PER_PAGE}");
        Some(filter.map_or_else(|| size.clone(), |filter| format!("{filter}&{size}")))
    }
}

/// `GET /zones/{zone}/dns_records` (<https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/list/>).
#[derive(Debug)]
pub(crate) struct ListRecords {
    pub(crate) zone: String,
    pub(crate) page: u64,
}

/// The records of an answer.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Records(pub(crate) Vec<WireRecord>);

impl ApiResult for Records {}

impl EndpointSpec for ListRecords {
    type JsonResponse = Records;
    type ResponseType = Records;

    fn method(&self) -> Method {
        Method::GET
    }

    fn path(&self) -> String {
        format!("zones/{}/dns_records", self.zone)
    }

    fn query(&self) -> Option<String> {
        // Pages of a list without a fixed order may overlap.
        Some(format!("page={}&per_page={RECORDS_PER_PAGE}&order=name&direction=asc", self.page))
    }
}

/// `POST /zones/{zone}/dns_records/batch`: one database transaction, all or nothing
/// (<https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>).
#[derive(Debug)]
pub(crate) struct ChangeBatch {
    zone: String,
    body: String,
}

#[derive(Serialize)]
struct BatchBody<'a> {
    patches: &'a [Patch],
}

impl ChangeBatch {
    /// A batch of patches. The error is serde's, and cannot happen for what a [`Patch`] holds.
    pub(crate) fn new(zone: &str, patches: &[Patch]) -> Result<Self, serde_json::Error> {
        Ok(Self { zone: zone.to_owned(), body: serde_json::to_string(&BatchBody { patches })? })
    }
}

impl ApiResult for BatchResult {}

impl EndpointSpec for ChangeBatch {
    type JsonResponse = BatchResult;
    type ResponseType = BatchResult;

    fn method(&self) -> Method {
        Method::POST
    }

    fn path(&self) -> String {
        format!("zones/{}/dns_records/batch", self.zone)
    }

    fn body(&self) -> Option<RequestBody<'_>> {
        Some(RequestBody::Json(self.body.clone()))
    }
}

/// `GET /user/tokens/verify`, or `GET /accounts/{account}/tokens/verify` for a token that an account owns.
#[derive(Debug)]
pub(crate) struct VerifyToken {
    pub(crate) account: Option<String>,
}

impl ApiResult for TokenStatus {}

impl EndpointSpec for VerifyToken {
    type JsonResponse = TokenStatus;
    type ResponseType = TokenStatus;

    fn method(&self) -> Method {
        Method::GET
    }

    fn path(&self) -> String {
        self.account
            .as_ref()
            .map_or_else(|| "user/tokens/verify".to_owned(), |id| format!("accounts/{id}/tokens/verify"))
    }
}
