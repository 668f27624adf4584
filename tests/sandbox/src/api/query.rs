//! The query of a list request: filters, order and page.
//!
//! Source: <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/list/>.

use super::error::ApiError;
use crate::zone::{Kind, Record};

/// Decoded pairs of a query string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        let decode = |text: &str| percent_decode(&text.replace('+', " "));
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A whole number within bounds, or what stands for none.
    pub(crate) fn number(&self, key: &str, none: u64, least: u64, most: u64) -> Result<u64, ApiError> {
        let Some(text) = self.get(key) else { return Ok(none) };
        let wrong = || ApiError::parameter(format!("{key} must be within {least} and {most}"));
        text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let coded = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = coded.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One page of items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) number: u64,
    pub(crate) size: u64,
}

impl Page {
    pub(crate) fn read(query: &Query, default_size: u64, least: u64, most: u64) -> Result<Page, ApiError> {
        let number = query.number("page", 1, 1, u64::MAX)?;
        Ok(Page { number, size: query.number("per_page", default_size, least, most)? })
    }

    pub(crate) fn cut<T>(self, items: Vec<T>) -> Vec<T> {
        let skip = usize::try_from((self.number - 1).saturating_mul(self.size)).unwrap_or(usize::MAX);
        let take = usize::try_from(self.size).unwrap_or(usize::MAX);
        items.into_iter().skip(skip).take(take).collect()
    }
}

/// The records that the query asks for, in its order.
pub(crate) fn select<'a>(query: &Query, records: Vec<&'a Record>) -> Result<Vec<&'a Record>, ApiError> {
    let filters = filters(query)?;
    // `match` says how the filters add up; `search` and `type` follow it like the others.
    let any = match query.get("match") {
        None | Some("all") => false,
        Some("any") => true,
        Some(other) => return Err(ApiError::parameter(format!("match must be any or all, not {other}"))),
    };
    let fits = |record: &&Record| {
        let mut verdicts = filters.iter().map(|filter| filter(record));
        filters.is_empty() || if any { verdicts.any(|fits| fits) } else { verdicts.all(|fits| fits) }
    };
    let mut chosen: Vec<&Record> = records.into_iter().filter(fits).collect();
    sort(query, &mut chosen)?;
    Ok(chosen)
}

fn sort(query: &Query, records: &mut [&Record]) -> Result<(), ApiError> {
    match query.get("order") {
        None | Some("type") => {}
        Some("name") => records.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("content") => records.sort_by(|a, b| a.content.cmp(&b.content)),
        Some("ttl") => records.sort_by_key(|record| record.ttl),
        Some("proxied") => records.sort_by_key(|record| record.proxied),
        Some(other) => {
            return Err(ApiError::parameter(format!(
                "order {other} is none of type, name, content, ttl, proxied"
            )));
        }
    }
    match query.get("direction") {
        None | Some("asc") => {}
        Some("desc") => records.reverse(),
        Some(other) => {
            return Err(ApiError::parameter(format!("direction must be asc or desc, not {other}")));
        }
    }
    Ok(())
}

type Filter = Box<dyn Fn(&Record) -> bool>;

/// Every filter of the query. A parameter that is no filter is passed over, as the API does.
fn filters(query: &Query) -> Result<Vec<Filter>, ApiError> {
    let mut filters: Vec<Filter> = Vec::new();
    for (key, wanted) in &query.0 {
        let (field, how) = key.split_once('.').unwrap_or((key, "exact"));
        let wanted = wanted.to_lowercase();
        let how = how.to_owned();
        match field {
            "name" => filters.push(Box::new(move |r| text_fits(&how, Some(&r.name), &wanted))),
            "content" => filters.push(Box::new(move |r| text_fits(&how, Some(&r.content), &wanted))),
            "comment" => filters.push(Box::new(move |r| text_fits(&how, r.comment.as_deref(), &wanted))),
            "tag" => filters.push(Box::new(move |r| tag_fits(&how, &r.tags, &wanted))),
            "search" => filters.push(Box::new(move |r| found_anywhere(r, &wanted))),
            "type" => {
                let kind =
                    Kind::parse(&wanted).ok_or_else(|| ApiError::parameter(format!("no type {wanted}")))?;
                filters.push(Box::new(move |r| r.kind == kind));
            }
            "proxied" => filters.push(Box::new(move |r| r.proxied == (wanted == "true"))),
            _ => {}
        }
    }
    Ok(filters)
}

fn text_fits(how: &str, text: Option<&str>, wanted: &str) -> bool {
    let given = text.map(str::to_lowercase);
    match (how, given.as_deref()) {
        ("present", given) => given.is_some(),
        ("absent", given) => given.is_none(),
        ("exact", Some(given)) => given == wanted,
        ("contains", Some(given)) => given.contains(wanted),
        ("startswith", Some(given)) => given.starts_with(wanted),
        ("endswith", Some(given)) => given.ends_with(wanted),
        (_, _) => false,
    }
}

/// A tag filter is `name` or `name:value`; `present` and `absent` take a name alone.
fn tag_fits(how: &str, tags: &[String], wanted: &str) -> bool {
    let named = |tag: &String| tag.to_lowercase().split(':').next() == Some(wanted);
    match how {
        "present" => tags.iter().any(named),
        "absent" => !tags.iter().any(named),
        "exact" if !wanted.contains(':') => tags.iter().any(named),
        _ => {
            let (name, value) = wanted.split_once(':').unwrap_or((wanted, ""));
            let fits = |tag: &String| {
                let tag = tag.to_lowercase();
                let (own_name, own_value) = tag.split_once(':').unwrap_or((&tag, ""));
                own_name == name && text_fits(how, Some(own_value), value)
            };
            tags.iter().any(fits)
        }
    }
}

fn found_anywhere(record: &Record, wanted: &str) -> bool {
    let texts = [Some(record.name.as_str()), Some(record.content.as_str()), record.comment.as_deref()];
    let own = texts.into_iter().flatten().chain(record.tags.iter().map(String::as_str));
    own.chain([record.kind.as_str()]).any(|text| text.to_lowercase().contains(wanted))
}
