//! What a client wants a record to be: read from JSON, checked, and laid over what is there.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Kind, LONGEST_TTL, Record, RecordId, Refusal, Zone};

/// A record as a client sent it. `None` is a field that was not named; PATCH keeps it, PUT and POST reset it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) content: Option<String>,
    pub(crate) data: Option<Value>,
    pub(crate) priority: Option<u16>,
    pub(crate) ttl: Option<u32>,
    pub(crate) proxied: Option<bool>,
    /// Empty is none.
    pub(crate) comment: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) settings: Option<Map<String, Value>>,
}

impl Draft {
    /// Reads a JSON object. Fields that only the API itself writes, such as `id` and `meta`, are passed over.
    pub(crate) fn from_json(body: &Value) -> Result<Draft, Refusal> {
        let fields = body.as_object().ok_or_else(|| Refusal::Body("not an object".into()))?;
        let named = |field: &str| fields.get(field).filter(|value| !value.is_null());
        Ok(Draft {
            name: named("name").map(|value| text(value, "name")).transpose()?,
            kind: named("type").map(kind).transpose()?,
            content: named("content").map(|value| text(value, "content")).transpose()?,
            data: named("data").map(object).transpose()?.map(Value::Object),
            priority: named("priority").map(priority).transpose()?,
            ttl: named("ttl").map(ttl).transpose()?,
            proxied: named("proxied")
                .map(|value| value.as_bool().ok_or(Refusal::ProxiedNotBoolean))
                .transpose()?,
            comment: fields.get("comment").map(comment).transpose()?,
            tags: fields.get("tags").map(tags).transpose()?,
            settings: named("settings").map(object).transpose()?,
        })
    }

    /// The draft that a PATCH comes to: what was named, and for the rest what is there.
    pub(crate) fn over(&self, before: &Record) -> Draft {
        let content_named = self.content.is_some() || self.data.is_some();
        Draft {
            name: self.name.clone().or_else(|| Some(before.name.clone())),
            kind: self.kind.or(Some(before.kind)),
            content: if content_named { self.content.clone() } else { Some(before.content.clone()) },
            data: if content_named { self.data.clone() } else { before.data.clone() },
            priority: self.priority.or(before.priority),
            ttl: self.ttl.or(Some(before.ttl)),
            proxied: self.proxied.or(Some(before.proxied)),
            comment: self.comment.clone().or_else(|| before.comment.clone()),
            tags: self.tags.clone().or_else(|| Some(before.tags.clone())),
            settings: self.settings.clone().or_else(|| Some(before.settings.clone())),
        }
    }

    /// The record that the draft describes, checked by every rule that needs no other record.
    pub(crate) fn resolve(&self, zone: &Zone, id: RecordId, now: Timestamp) -> Result<Record, Refusal> {
        let kind = self.kind.ok_or(Refusal::Missing("type"))?;
        let name = full_name(self.name.as_deref().ok_or(Refusal::Missing("name"))?, zone)?;
        let value = Content::of(kind, self)?;
        let proxied = self.proxied.unwrap_or(false);
        if proxied && !kind.proxiable() {
            return Err(Refusal::NotProxiable(kind));
        }
        Ok(Record {
            id,
            name,
            kind,
            content: value.text,
            data: value.data,
            priority: value.priority,
            // A proxied record is always automatic, whatever was asked for:
            // https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/
            ttl: if proxied { 1 } else { checked_ttl(self.ttl.unwrap_or(1), zone.shortest_ttl)? },
            proxied,
            comment: checked_comment(self.comment.as_deref().unwrap_or_default(), zone)?,
            tags: checked_tags(self.tags.clone().unwrap_or_default(), zone)?,
            settings: self.settings.clone().unwrap_or_default(),
            created_on: now,
            modified_on: now,
            comment_modified_on: None,
            tags_modified_on: None,
        })
    }
}

fn text(value: &Value, field: &str) -> Result<String, Refusal> {
    value.as_str().map(str::to_owned).ok_or_else(|| Refusal::Body(format!("{field} is no text")))
}

fn kind(value: &Value) -> Result<Kind, Refusal> {
    let written = text(value, "type")?;
    Kind::parse(&written).ok_or(Refusal::KindUnknown(written))
}

fn object(value: &Value) -> Result<Map<String, Value>, Refusal> {
    value.as_object().cloned().ok_or_else(|| Refusal::Body("data or settings is no object".into()))
}

/// A whole number of any JSON spelling: clients send 300 and 300.0.
fn whole(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    let from_float = |number: f64| {
        (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u64)
    };
    value.as_u64().or_else(|| value.as_f64().and_then(from_float))
}

fn priority(value: &Value) -> Result<u16, Refusal> {
    whole(value)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| Refusal::Body("priority is not within 0 to 65535".into()))
}

fn ttl(value: &Value) -> Result<u32, Refusal> {
    let number = whole(value).ok_or_else(|| Refusal::Body("ttl is no whole number".into()))?;
    // A number too large for the type is out of range by any plan, so the range check may refuse it.
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

fn comment(value: &Value) -> Result<String, Refusal> {
    if value.is_null() { Ok(String::new()) } else { text(value, "comment") }
}

fn tags(value: &Value) -> Result<Vec<String>, Refusal> {
    let refusal = || Refusal::Body("tags is no list of texts".into());
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(tags) => {
            tags.iter().map(|tag| tag.as_str().map(str::to_owned).ok_or_else(refusal)).collect()
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Err(refusal()),
    }
}

fn checked_ttl(ttl: u32, shortest: u32) -> Result<u32, Refusal> {
    if ttl == 1 || (shortest..=LONGEST_TTL).contains(&ttl) { Ok(ttl) } else { Err(Refusal::Ttl { shortest }) }
}

fn checked_comment(comment: &str, zone: &Zone) -> Result<Option<String>, Refusal> {
    let limit = zone.plan.comment_limit();
    let length = comment.chars().count();
    if length > limit {
        return Err(Refusal::Comment { length, limit });
    }
    Ok((!comment.is_empty()).then(|| comment.to_owned()))
}

fn checked_tags(tags: Vec<String>, zone: &Zone) -> Result<Vec<String>, Refusal> {
    let quota = zone.plan.tag_limit();
    if tags.len() > quota {
        return Err(Refusal::Tags { count: tags.len(), quota });
    }
    match tags.iter().find(|tag| !is_tag(tag)) {
        Some(wrong) => Err(Refusal::Tag(wrong.clone())),
        None => Ok(tags),
    }
}

/// Names of up to 32 letters, digits, `-` and `_`, values of up to 100 characters:
/// <https://developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes/#record-tags>.
fn is_tag(tag: &str) -> bool {
    let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    letters && (1..=32).contains(&name.len()) && value.chars().count() <= 100
}

/// The complete name in lower case; `@` is the apex.
///
/// Cloudflare appends the zone's name to a name that is not below it. The sandbox refuses such a name, since a
/// record under a doubled name is never what a client of ours meant.
fn full_name(written: &str, zone: &Zone) -> Result<String, Refusal> {
    let name = written.trim_end_matches('.').to_ascii_lowercase();
    if name == "@" {
        return Ok(zone.name.clone());
    }
    if !is_name(&name) {
        return Err(Refusal::Name(written.to_owned()));
    }
    if zone.holds(&name) { Ok(name) } else { Err(Refusal::NameOutside { name, zone: zone.name.clone() }) }
}

fn is_name(name: &str) -> bool {
    let is_label = |(index, label): (usize, &str)| {
        let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&label.len()) && (letters || (index == 0 && label == "*"))
    };
    name.len() <= 253 && name.split('.').enumerate().all(is_label)
}

/// A host that content points at: a name, or `.` for none.
fn host(text: &str) -> Option<String> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    if text == "." { Some(".".into()) } else { is_name(&name).then_some(name) }
}

/// The value of a record in its normal form.
struct Content {
    text: String,
    data: Option<Value>,
    priority: Option<u16>,
}

impl Content {
    fn of(kind: Kind, draft: &Draft) -> Result<Content, Refusal> {
        let plain = |text: String| Content { text, data: None, priority: None };
        match kind {
            Kind::A => v4(given(draft)?).map(plain),
            Kind::AAAA => v6(given(draft)?).map(plain),
            Kind::CNAME | Kind::NS | Kind::PTR => {
                host(given(draft)?).map(plain).ok_or(Refusal::Content(kind))
            }
            Kind::TXT | Kind::OPENPGPKEY => Ok(plain(given(draft)?.to_owned())),
            Kind::MX => mx(draft),
            Kind::CAA => caa(draft),
            Kind::SRV => srv(draft),
            Kind::CERT
            | Kind::DNSKEY
            | Kind::DS
            | Kind::HTTPS
            | Kind::LOC
            | Kind::NAPTR
            | Kind::SMIMEA
            | Kind::SSHFP
            | Kind::SVCB
            | Kind::TLSA
            | Kind::URI => structured(kind, draft),
        }
    }
}

fn given(draft: &Draft) -> Result<&str, Refusal> {
    draft.content.as_deref().filter(|content| !content.is_empty()).ok_or(Refusal::Missing("content"))
}

fn v4(content: &str) -> Result<String, Refusal> {
    content.parse::<Ipv4Addr>().map(|ip| ip.to_string()).map_err(|_| Refusal::AddressV4(content.to_owned()))
}

fn v6(content: &str) -> Result<String, Refusal> {
    content.parse::<Ipv6Addr>().map(|ip| ip.to_string()).map_err(|_| Refusal::AddressV6(content.to_owned()))
}

fn mx(draft: &Draft) -> Result<Content, Refusal> {
    let text = host(given(draft)?).ok_or(Refusal::Content(Kind::MX))?;
    let priority = draft.priority.ok_or(Refusal::Missing("priority"))?;
    Ok(Content { text, data: None, priority: Some(priority) })
}

/// The fields of a CAA record, from `data` or from a content such as `0 issue "letsencrypt.org"`.
fn caa(draft: &Draft) -> Result<Content, Refusal> {
    let mut data = fields_or(Kind::CAA, draft, &["flags", "tag", "value"])?;
    let flags = number(Kind::CAA, &data, "flags", u16::from(u8::MAX))?;
    let tag = field(Kind::CAA, &data, "tag")?;
    let value = field(Kind::CAA, &data, "value")?.trim_matches('"').to_owned();
    let text = format!("{flags} {tag} \"{value}\"");
    data.insert("flags".into(), flags.into());
    data.insert("value".into(), value.into());
    Ok(Content { text, data: Some(Value::Object(data)), priority: None })
}

/// The fields of an SRV record, from `data` or from a content such as `10 5 5060 sip.example.com`.
fn srv(draft: &Draft) -> Result<Content, Refusal> {
    let mut data = fields_or(Kind::SRV, draft, &["priority", "weight", "port", "target"])?;
    let mut numbers = [0; 3];
    for (slot, name) in numbers.iter_mut().zip(["priority", "weight", "port"]) {
        *slot = number(Kind::SRV, &data, name, u16::MAX)?;
        data.insert(name.into(), (*slot).into());
    }
    let [priority, weight, port] = numbers;
    let wrong = Refusal::Data { kind: Kind::SRV, field: "target" };
    let target = host(&field(Kind::SRV, &data, "target")?).ok_or(wrong)?;
    data.insert("target".into(), target.clone().into());
    let text = format!("{weight} {port} {target}");
    Ok(Content { text, data: Some(Value::Object(data)), priority: Some(priority) })
}

/// Types whose fields the sandbox keeps and returns but does not read.
fn structured(kind: Kind, draft: &Draft) -> Result<Content, Refusal> {
    let text = match (&draft.content, &draft.data) {
        (_, Some(Value::Object(fields))) => fields
            .values()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        (Some(content), _) if !content.is_empty() => content.clone(),
        (_, _) => return Err(Refusal::Data { kind, field: "data" }),
    };
    Ok(Content { text, data: draft.data.clone(), priority: draft.priority })
}

fn fields_or(kind: Kind, draft: &Draft, names: &[&'static str]) -> Result<Map<String, Value>, Refusal> {
    if let Some(Value::Object(fields)) = &draft.data {
        return Ok(fields.clone());
    }
    let words: Vec<&str> = given(draft)?.splitn(names.len(), char::is_whitespace).collect();
    if words.len() != names.len() {
        return Err(Refusal::Data { kind, field: "data" });
    }
    Ok(names.iter().zip(words).map(|(name, word)| ((*name).to_owned(), Value::from(word))).collect())
}

fn field(kind: Kind, data: &Map<String, Value>, field: &'static str) -> Result<String, Refusal> {
    data.get(field).and_then(Value::as_str).map(str::to_owned).ok_or(Refusal::Data { kind, field })
}

fn number(kind: Kind, data: &Map<String, Value>, field: &'static str, most: u16) -> Result<u16, Refusal> {
    let value = data.get(field);
    value
        .and_then(|value| whole(value).or_else(|| value.as_str()?.parse().ok()))
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number <= most)
        .ok_or(Refusal::Data { kind, field })
}
