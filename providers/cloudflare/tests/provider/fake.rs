//! As much of Cloudflare as the tests need: zones, records, one transactional batch, tokens.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::server::{Reply, Request, json as reply};

pub(crate) const TOKEN: &str = "good-Token_0123456789";
pub(crate) const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

/// What the token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Write,
    ReadOnly,
    Expired,
    Unknown,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) token: Token,
    pub(crate) zones: Vec<Value>,
    pub(crate) records: Vec<Value>,
    /// The most records on one page, whatever is asked for.
    pub(crate) page: usize,
}

/// Cloudflare with one zone that has records; others are only listed.
#[derive(Debug, Clone)]
pub(crate) struct Fake(Arc<Mutex<State>>);

pub(crate) fn zone(id: &str, name: &str, plan: &str) -> Value {
    json!({"id": id, "name": name, "status": "active", "plan": {"legacy_id": plan}, "meta": {"step": 2}})
}

pub(crate) fn a(id: &str, name: &str, content: &str) -> Value {
    json!({
        "id": id, "name": name, "type": "A", "content": content, "ttl": 300, "proxied": false, "proxiable": true,
        "comment": "kept", "tags": ["owner:ops"], "settings": {}, "meta": {}, "modified_on": "2026-01-01T00:00:00Z"
    })
}

pub(crate) fn refusal(status: u16, code: u32, message: &str) -> Reply {
    let body = json!({"success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null});
    reply(status, &body)
}

fn success(result: &Value) -> Reply {
    reply(200, &json!({"success": true, "errors": [], "messages": [], "result": result}))
}

impl Fake {
    pub(crate) fn new(records: Vec<Value>) -> Self {
        let zones = vec![zone(ZONE, "gigadb.org", "free")];
        Self(Arc::new(Mutex::new(State { token: Token::Write, zones, records, page: 5_000_000 })))
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.with(|state| state.records.clone())
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let mut state = self.0.lock().unwrap();
        let authorized = request.headers.get("authorization") == Some(&format!("Bearer {TOKEN}"));
        let token = if authorized { state.token } else { Token::Unknown };
        let parts: Vec<&str> = request.path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user", "tokens", "verify"] | ["accounts", _, "tokens", "verify"]) => verify(token),
            _ if matches!(token, Token::Expired | Token::Unknown) => {
                refusal(403, 10_000, "Authentication error")
            }
            ("GET", ["zones"]) => state.list_zones(request),
            (_, ["zones", id, ..]) if *id != ZONE => {
                refusal(404, 7003, "Could not route to /zones/x, perhaps your object identifier is invalid?")
            }
            ("GET", ["zones", _, "dns_records"]) => state.list_records(request),
            ("POST", ["zones", _, "dns_records", "batch"]) if token == Token::ReadOnly => {
                refusal(403, 10_000, "Authentication error")
            }
            ("POST", ["zones", _, "dns_records", "batch"]) => state.batch(&request.json()),
            _ => refusal(404, 7000, "No route for that URI"),
        }
    }
}

fn verify(token: Token) -> Reply {
    let status = match token {
        Token::Write | Token::ReadOnly => "active",
        Token::Expired => "expired",
        Token::Unknown => return refusal(401, 1000, "Invalid API Token"),
    };
    success(&json!({"id": "ed17574386854bf78a67040be0a770b0", "status": status}))
}

impl State {
    fn list_zones(&self, request: &Request) -> Reply {
        let wanted = request.query.get("name");
        let all: Vec<&Value> = self
            .zones
            .iter()
            .filter(|zone| wanted.is_none_or(|name| zone["name"] == name.as_str()))
            .collect();
        page(&all, request, 50)
    }

    fn list_records(&self, request: &Request) -> Reply {
        page(&self.records.iter().collect::<Vec<_>>(), request, self.page)
    }

    fn batch(&mut self, body: &Value) -> Reply {
        let patches = body["patches"].as_array().unwrap();
        if patches.len() > 200 && self.zones[0]["plan"]["legacy_id"] == "free" {
            return refusal(400, 9001, "too many operations");
        }
        let mut records = self.records.clone();
        let mut changed = Vec::new();
        for patch in patches {
            let Some(record) = records.iter_mut().find(|record| record["id"] == patch["id"]) else {
                return refusal(404, 81_044, "Record does not exist.");
            };
            for (field, value) in patch.as_object().unwrap() {
                record[field] = value.clone();
            }
            changed.push(record.clone());
        }
        self.records = records;
        success(&json!({"deletes": null, "patches": changed, "puts": null, "posts": null}))
    }
}

fn page(all: &[&Value], request: &Request, most: usize) -> Reply {
    let number = |key: &str| request.query.get(key).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(100).min(most);
    let page = number("page").unwrap_or(1);
    let result: Vec<&&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    reply(
        200,
        &json!({
            "success": true, "errors": [], "messages": [], "result": result,
            "result_info": {
                "page": page, "per_page": size, "count": result.len(),
                "total_count": all.len(), "total_pages": all.len().div_ceil(size)
            }
        }),
    )
}
