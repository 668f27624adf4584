//! The endpoints below `/zones/{id}/dns_records`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::query::{Page, Query, select};
use super::reply::Reply;
use crate::zone::{Applied, Changes, Draft, Record, RecordId, Refusal, Zone};

/// `GET …/dns_records`: 1 to 5,000,000 on a page, 100 if not said.
pub(crate) fn list(zone: &Zone, query: &Query) -> Result<Reply, ApiError> {
    let page = Page::read(query, 100, 1, 5_000_000)?;
    let chosen = select(query, zone.sorted())?;
    let total = chosen.len() as u64;
    let shown: Vec<Value> = page.cut(chosen).into_iter().map(Record::to_json).collect();
    Ok(Reply::page(&shown, page.number, page.size, total))
}

/// `GET …/dns_records/{id}`.
pub(crate) fn get(zone: &Zone, id: &RecordId) -> Result<Reply, ApiError> {
    let record = zone.records.get(id).ok_or_else(|| ApiError::from(&Refusal::UnknownRecord))?;
    Ok(Reply::result(&record.to_json()))
}

/// `POST …/dns_records`.
pub(crate) fn create(zone: &mut Zone, body: &[u8], now: Timestamp) -> Result<Reply, ApiError> {
    let posts = vec![draft(&parse(body)?)?];
    one(apply(zone, &Changes { posts, ..Changes::default() }, now)?.posts)
}

/// `PATCH …/dns_records/{id}`: what is not named stays.
pub(crate) fn patch(zone: &mut Zone, id: RecordId, body: &[u8], now: Timestamp) -> Result<Reply, ApiError> {
    let patches = vec![(id, draft(&parse(body)?)?)];
    one(apply(zone, &Changes { patches, ..Changes::default() }, now)?.patches)
}

/// `PUT …/dns_records/{id}`: what is not named is reset.
pub(crate) fn put(zone: &mut Zone, id: RecordId, body: &[u8], now: Timestamp) -> Result<Reply, ApiError> {
    let puts = vec![(id, draft(&parse(body)?)?)];
    one(apply(zone, &Changes { puts, ..Changes::default() }, now)?.puts)
}

/// `DELETE …/dns_records/{id}`.
pub(crate) fn delete(zone: &mut Zone, id: RecordId, now: Timestamp) -> Result<Reply, ApiError> {
    let answer = json!({ "id": id });
    apply(zone, &Changes { deletes: vec![id], ..Changes::default() }, now)?;
    Ok(Reply::result(&answer))
}

/// `POST …/dns_records/batch`.
pub(crate) fn batch(zone: &mut Zone, body: &[u8], now: Timestamp) -> Result<Reply, ApiError> {
    let body = parse(body)?;
    let changes = read_batch(&body).map_err(|refusal| ApiError::from(&refusal))?;
    let limit = zone.plan.batch_limit();
    if changes.len() == 0 {
        return Err(ApiError::from(&Refusal::BatchEmpty));
    }
    if changes.len() > limit {
        return Err(ApiError::from(&Refusal::BatchTooLarge { count: changes.len(), limit }));
    }
    let applied = apply(zone, &changes, now)?;
    let shown = |key: &str, records: &[Record]| {
        let asked = body.get(key).is_some_and(|list| !list.is_null());
        if asked { Value::from(records.iter().map(Record::to_json).collect::<Vec<_>>()) } else { Value::Null }
    };
    Ok(Reply::result(&json!({
        "deletes": shown("deletes", &applied.deletes),
        "patches": shown("patches", &applied.patches),
        "puts": shown("puts", &applied.puts),
        "posts": shown("posts", &applied.posts),
    })))
}

fn read_batch(body: &Value) -> Result<Changes, Refusal> {
    let list = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list.clone()),
        Some(_) => Err(Refusal::Body(format!("{key} is no list"))),
    };
    let id = |item: &Value| {
        let id = item.get("id").and_then(Value::as_str).ok_or(Refusal::Missing("id"))?;
        Ok(RecordId(id.to_owned()))
    };
    let with_id = |item: &Value| Ok((id(item)?, Draft::from_json(item)?));
    if !body.is_object() {
        return Err(Refusal::Body("not an object".into()));
    }
    Ok(Changes {
        deletes: list("deletes")?.iter().map(id).collect::<Result<_, Refusal>>()?,
        patches: list("patches")?.iter().map(with_id).collect::<Result<_, Refusal>>()?,
        puts: list("puts")?.iter().map(with_id).collect::<Result<_, Refusal>>()?,
        posts: list("posts")?.iter().map(Draft::from_json).collect::<Result<_, Refusal>>()?,
    })
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|_| ApiError::body())
}

fn draft(body: &Value) -> Result<Draft, ApiError> {
    Draft::from_json(body).map_err(|refusal| ApiError::from(&refusal))
}

fn apply(zone: &mut Zone, changes: &Changes, now: Timestamp) -> Result<Applied, ApiError> {
    zone.apply(changes, now).map_err(|refusal| ApiError::from(&refusal))
}

/// The only record that a request for one record changed.
fn one(records: Vec<Record>) -> Result<Reply, ApiError> {
    let record = records.into_iter().next().ok_or_else(ApiError::body)?;
    Ok(Reply::result(&record.to_json()))
}
