//! From a request to its answer: who calls, is it too often, where to, may they.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::{Credentials, Owner, Permission, Token, TokenStatus, identify};
use super::error::ApiError;
use super::limit::Verdict;
use super::query::Query;
use super::reply::Reply;
use super::{records, zones};
use crate::ids;
use crate::world::{Call, State};
use crate::zone::{RecordId, Zone};

/// The answer, and the position of the zone that was changed.
type Answer = (Reply, Option<usize>);

/// Answers a call. Nothing is changed unless the answer is a success.
pub(crate) fn answer(state: &mut State, call: &Call, now: Timestamp, clock: Instant) -> Answer {
    let token = match identify(&state.tokens, &call.credentials) {
        Ok(token) => token.cloned(),
        Err(error) => return refused(&error),
    };
    let verdict = token.as_ref().map(|token| state.limiter.count(&token.budget(), clock));
    let (reply, changed) = match verdict {
        Some(Verdict { allowed: false, .. }) => {
            let policy = state.limiter.policy();
            refused(&ApiError::rate_limited(policy.requests, policy.window.as_secs()))
        }
        Some(_) | None => route(state, call, token.as_ref(), now).unwrap_or_else(|error| refused(&error)),
    };
    match verdict {
        Some(verdict) => (state.limiter.label(reply, verdict), changed),
        None => (reply, changed),
    }
}

/// The name of the token that a caller presents, for the log.
pub(crate) fn token_name(state: &State, credentials: &Credentials) -> Option<String> {
    identify(&state.tokens, credentials).ok().flatten().map(|token| token.name.clone())
}

fn refused(error: &ApiError) -> Answer {
    (Reply::error(error), None)
}

fn unchanged(reply: Reply) -> Answer {
    (reply, None)
}

fn route(state: &mut State, call: &Call, token: Option<&Token>, now: Timestamp) -> Result<Answer, ApiError> {
    let path = call.path.as_deref().ok_or_else(ApiError::no_route)?;
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["user", "tokens", "verify"] => get_only(call).and_then(|()| verify(token, None, now)),
        ["accounts", account, "tokens", "verify"] => {
            get_only(call).and_then(|()| verify(token, Some(account), now))
        }
        ["accounts"] => get_only(call).and_then(|()| Ok(accounts(state, valid(token, now)?))),
        ["zones"] => {
            get_only(call)?;
            let query = Query::parse(&call.query);
            zones::list(&state.zones, valid(token, now)?, &query).map(unchanged)
        }
        ["zones", id, rest @ ..] => {
            let token = valid(token, now)?;
            if !ids::is_id(id) {
                return Err(ApiError::could_not_route(path));
            }
            let position = state.zones.iter().position(|zone| zone.id.as_str() == *id);
            let zone = position.map(|position| &mut state.zones[position]);
            let (reply, changed) = below_zone(zone, rest, call, token, now)?;
            Ok((reply, position.filter(|_| changed)))
        }
        _ => Err(ApiError::no_route()),
    }
}

/// `/zones/{id}` and everything below it. An unknown zone and one that the token may not see look the same.
fn below_zone(
    zone: Option<&mut Zone>,
    rest: &[&str],
    call: &Call,
    token: &Token,
    now: Timestamp,
) -> Result<(Reply, bool), ApiError> {
    match rest {
        [] => {
            get_only(call)?;
            let zone = seen(zone, token)?;
            Ok((Reply::result(&zones::show(zone)), false))
        }
        ["dns_records", rest @ ..] => dns_records(zone, rest, call, token, now),
        // octoDNS asks for page rules before it plans, and for regional hostnames if told to.
        ["pagerules"] | ["addressing", "regional_hostnames"] => {
            get_only(call)?;
            seen(zone, token).map(|_| (Reply::result(&json!([])), false))
        }
        ["available_plans"] => {
            get_only(call)?;
            seen(zone, token).map(|_| (Reply::result(&zones::plans()), false))
        }
        _ => Err(ApiError::no_route()),
    }
}

fn dns_records(
    zone: Option<&mut Zone>,
    rest: &[&str],
    call: &Call,
    token: &Token,
    now: Timestamp,
) -> Result<(Reply, bool), ApiError> {
    let method = call.method.as_str();
    let reading = method == "GET";
    let needed: &[Permission] =
        if reading { &[Permission::DnsRead, Permission::DnsWrite] } else { &[Permission::DnsWrite] };
    let zone = zone.filter(|zone| token.may(needed, &zone.name)).ok_or_else(ApiError::not_permitted)?;
    let id = |id: &str| {
        let path = call.path.as_deref().unwrap_or_default();
        ids::is_id(id).then(|| RecordId(id.to_owned())).ok_or_else(|| ApiError::could_not_route(path))
    };
    let reply = match (rest, method) {
        ([], "GET") => records::list(zone, &Query::parse(&call.query)),
        ([], "POST") => records::create(zone, &call.body, now),
        (["batch"], "POST") => records::batch(zone, &call.body, now),
        (["batch"] | [], _) => Err(ApiError::method_not_allowed(method)),
        ([record], "GET") => records::get(zone, &id(record)?),
        ([record], "PATCH") => records::patch(zone, id(record)?, &call.body, now),
        ([record], "PUT") => records::put(zone, id(record)?, &call.body, now),
        ([record], "DELETE") => records::delete(zone, id(record)?, now),
        ([_], _) => Err(ApiError::method_not_allowed(method)),
        ([_, _, ..], _) => Err(ApiError::no_route()),
    }?;
    Ok((reply, !reading))
}

fn get_only(call: &Call) -> Result<(), ApiError> {
    if call.method == "GET" { Ok(()) } else { Err(ApiError::method_not_allowed(&call.method)) }
}

fn valid(token: Option<&Token>, now: Timestamp) -> Result<&Token, ApiError> {
    token.filter(|token| token.works_at(now)).ok_or_else(ApiError::invalid_token)
}

fn seen<'a>(zone: Option<&'a mut Zone>, token: &Token) -> Result<&'a Zone, ApiError> {
    let zone = zone.filter(|zone| token.may(&[Permission::ZoneRead], &zone.name));
    zone.map(|zone| &*zone).ok_or_else(ApiError::zone_not_permitted)
}

fn accounts(state: &State, token: &Token) -> Answer {
    let mut ids: Vec<&str> = state
        .zones
        .iter()
        .filter(|zone| token.may(&[Permission::ZoneRead], &zone.name))
        .map(|z| z.account.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let shown: Vec<Value> =
        ids.iter().map(|id| json!({ "id": id, "name": id, "type": "standard" })).collect();
    let total = shown.len() as u64;
    unchanged(Reply::page(&shown, 1, 20, total))
}

/// `tokens/verify`, for a user's tokens or for those of one account.
///
/// Sources: <https://developers.cloudflare.com/api/resources/user/subresources/tokens/methods/verify/>,
/// <https://developers.cloudflare.com/api/resources/accounts/subresources/tokens/methods/verify/>; the message of
/// success is seen in <https://github.com/libdns/cloudflare/issues/12>.
fn verify(token: Option<&Token>, account: Option<&str>, now: Timestamp) -> Result<Answer, ApiError> {
    let belongs = |token: &&Token| match (&token.owner, account) {
        (Owner::User(_), None) => true,
        (Owner::Account(own), Some(asked)) => own == asked,
        (Owner::User(_), Some(_)) | (Owner::Account(_), None) => false,
    };
    let token = token.filter(belongs).ok_or_else(ApiError::unverified_token)?;
    let status = token.status_at(now);
    let mut result = json!({ "id": token.id, "status": status.as_str() });
    for (field, time) in [("not_before", token.not_before), ("expires_on", token.expires_on)] {
        if let Some(time) = time {
            result[field] = json!(time);
        }
    }
    let said = match status {
        TokenStatus::Active => "This API Token is valid and active",
        TokenStatus::Disabled => "This API Token is disabled",
        TokenStatus::Expired => "This API Token is expired",
    };
    let messages = json!([{ "code": 10000, "message": said, "type": null }]);
    let body = json!({ "result": result, "success": true, "errors": [], "messages": messages });
    Ok(unchanged(Reply::json(200, &body)))
}
