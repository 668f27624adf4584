//! The endpoints for zones themselves, and the neighbours that clients ask on their way.

use serde_json::{Value, json};

use super::auth::{Permission, Token};
use super::error::ApiError;
use super::query::{Page, Query};
use super::reply::Reply;
use crate::zone::record::instant;
use crate::zone::{Plan, Zone};

/// `GET /zones`: the zones that the token may see, 5 to 50 on a page, 20 if not said.
/// Source: <https://developers.cloudflare.com/api/resources/zones/methods/list/>.
pub(crate) fn list(zones: &[Zone], token: &Token, query: &Query) -> Result<Reply, ApiError> {
    if !token.may_anywhere(Permission::ZoneRead) {
        return Err(ApiError::zone_not_permitted());
    }
    let page = Page::read(query, 20, 5, 50)?;
    let wanted = |key: &str, own: &str| query.get(key).is_none_or(|asked| asked.eq_ignore_ascii_case(own));
    let mut chosen: Vec<&Zone> = zones
        .iter()
        .filter(|zone| token.may(&[Permission::ZoneRead], &zone.name))
        .filter(|zone| wanted("name", &zone.name) && wanted("status", "active"))
        .filter(|zone| wanted("account.id", &zone.account))
        .collect();
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    let total = chosen.len() as u64;
    let shown: Vec<Value> = page.cut(chosen).into_iter().map(show).collect();
    Ok(Reply::page(&shown, page.number, page.size, total))
}

/// A zone as the API shows it.
/// Source: <https://developers.cloudflare.com/api/resources/zones/methods/get/>.
pub(crate) fn show(zone: &Zone) -> Value {
    json!({
        "id": zone.id,
        "name": zone.name,
        "status": "active",
        "paused": false,
        "type": "full",
        "development_mode": 0,
        "name_servers": zone.name_servers,
        "original_name_servers": null,
        "original_registrar": null,
        "original_dnshost": null,
        "created_on": instant(zone.created_on),
        "modified_on": instant(zone.modified_on),
        "activated_on": instant(zone.created_on),
        "meta": { "step": 2, "custom_certificate_quota": 0, "page_rule_quota": 20, "phishing_detected": false },
        "owner": { "id": null, "type": "user", "email": null },
        "account": { "id": zone.account, "name": zone.account },
        "tenant": { "id": null, "name": null },
        "tenant_unit": { "id": null },
        "permissions": ["#dns_records:edit", "#dns_records:read", "#zone:read"],
        "plan": plan(zone.plan),
    })
}

/// `GET /zones/{id}/available_plans`, which octoDNS reads when it is told to manage a zone's plan.
pub(crate) fn plans() -> Value {
    [Plan::Free, Plan::Pro, Plan::Business, Plan::Enterprise].into_iter().map(plan).collect()
}

fn plan(plan: Plan) -> Value {
    let legacy_id = plan.legacy_id();
    json!({
        "id": crate::ids::hex(&["plan", legacy_id]),
        "name": format!("{} Website", legacy_id.to_uppercase()),
        "price": 0,
        "currency": "USD",
        "frequency": "",
        "is_subscribed": true,
        "can_subscribe": false,
        "legacy_id": legacy_id,
        "legacy_discount": false,
        "externally_managed": false,
    })
}
