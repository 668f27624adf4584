//! Pages of lists: 20 to a page, 100 at most, with `Link` and `x-…` headers (<https://docs.gitlab.com/api/rest/#pagination>).

use serde_json::Value;

use super::error::ApiError;
use super::params::Params;
use crate::api::reply::Reply;

/// Where a list is, for its links.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The URL without the query.
    pub(super) url: &'a str,
    pub(super) params: &'a Params,
}

/// One page of a list.
pub(super) fn page(place: &Place, items: &[Value]) -> Result<Reply, ApiError> {
    let number = |name: &str, default: usize| -> Result<usize, ApiError> {
        let given = place.params.number(name)?.unwrap_or(default as u64);
        if given == 0 {
            return Err(ApiError::parameter(&format!("{name} does not have a valid value")));
        }
        Ok(usize::try_from(given).unwrap_or(usize::MAX))
    };
    let (at, size) = (number("page", 1)?, number("per_page", 20)?.min(100));
    let pages = items.len().div_ceil(size).max(1);
    let shown: Vec<Value> =
        items.iter().skip(at.saturating_sub(1).saturating_mul(size)).take(size).cloned().collect();
    let link = |page: usize, rel: &str| {
        let rest = place.params.rest_of_query();
        format!("<{}?page={page}&per_page={size}{rest}>; rel=\"{rel}\"", place.url)
    };
    let (previous, next) = ((at > 1).then(|| at - 1), (at < pages).then_some(at + 1));
    let mut links = vec![link(1, "first"), link(pages, "last")];
    links.extend(previous.map(|page| link(page, "prev")));
    links.extend(next.map(|page| link(page, "next")));
    let shown_or_empty = |page: Option<usize>| page.map(|page| page.to_string()).unwrap_or_default();
    Ok(Reply::json(200, &Value::from(shown))
        .with("link", links.join(", "))
        .with("x-page", at.to_string())
        .with("x-per-page", size.to_string())
        .with("x-prev-page", shown_or_empty(previous))
        .with("x-next-page", shown_or_empty(next))
        .with("x-total", items.len().to_string())
        .with("x-total-pages", pages.to_string()))
}
