//! A whole hot-standby pair on loopback, with nothing installed but Rust.
//!
//! ```text
//!                      ┌──────────────────────────────── Sandbox ───────────────────────────────┐
//!  client ──HTTP──►  API  (Cloudflare's v4 DNS API, strict)                                      │
//!                      │ one lock: zones, tokens, faults, log                                    │
//!                      ▼ every commit, after a delay per server and record set                   │
//!  dig ──UDP/TCP──►  name servers ──►  caching resolver  ◄──UDP/TCP── a client's view            │
//!                                                                                                │
//!  curl ──HTTP────►  sites on 127.x.y.z: {"side":"hongkong","environment":"live",…}              │
//!                      └─────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A site of a seed with `files` has an application that keeps files: `PUT /files/NAME` answers 201 once the file is in its place,
//! `GET /files/NAME` and `GET /files` read. While `maintenance.json` lies in its directory and the `until` in it has not passed, it
//! answers 503 to writes, so that Switchover can freeze it. [`client`] has its clients.
//!
//! Beside them stand any number of [GitLab servers](gitlab), each with its own port and controls, and those who are told of swaps: the
//! [receivers](receiver) of webhooks and mail.
//!
//! [`Sandbox::start`] takes a [`Seed`], which says what there is and where it listens, and gives accessors,
//! snapshots for assertions, a log of requests, and control over what goes wrong. The same control is to be had
//! over HTTP below `/sandbox/` on the API's port:
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /sandbox` | zones with their ids, servers, resolvers, sites |
//! | `GET`, `DELETE /sandbox/requests` | the log of requests; forgets it |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | the [faults](Fault); sets one: `{"method":"POST","path":"/zones/*/dns_records/batch","after":0,"times":1,"kind":"drop-after"}`; takes all back |
//! | `POST /sandbox/latency` | `{"ms":100}` for every request |
//! | `POST /sandbox/limit` | `{"requests":1200,"window_ms":300000,"block_ms":300000}` |
//! | `GET /sandbox/records[?zone=…]` | the records as they are |
//! | `POST /sandbox/records` | `{"name":"gigadb.org","type":"A","content":"127.0.9.9"}`: an edit behind everybody's back |
//! | `GET`, `POST /sandbox/dns` | `{"server":"ns1.sandbox.test","answering":"stale","delay_ms":0,"jitter_ms":0}`; without `server`, all |
//! | `GET`, `POST /sandbox/resolvers` | `{"resolver":"public","answering":"servfail","flush":true}` |
//! | `GET`, `POST /sandbox/sites` | `{"side":"hongkong","name":"…","environment":"live","state":"down"}` (`up`, `hang`, `error`); what is not named fits all |
//! | `POST /sandbox/reset` | back to the seed |
//!
//! # How strict it is
//!
//! It follows <https://developers.cloudflare.com/api/resources/dns/subresources/records/> and the pages named
//! beside each rule. Error codes are quoted from published answers where there are any; `api/error.rs` says which
//! are assumed. Knowingly different from Cloudflare:
//!
//! - A zone may have a shorter TTL than its plan allows (`min_ttl` in the seed).
//! - A name outside the zone is refused; Cloudflare appends the zone's name to it.
//! - Loopback addresses are accepted as content, proxied or not.
//! - Rules between records hold after every single change of a batch; Cloudflare does not say when they do.
//! - Zones, tokens and page rules cannot be made or changed by the API.
//! - Of types other than A, AAAA, CAA, CNAME, MX, NS, PTR, SRV and TXT, the API keeps what it is given, and the
//!   name servers do not serve them.

mod api;
mod application;
pub mod client;
mod connection;
mod control;
mod dns;
mod fault;
pub mod gitlab;
mod ids;
mod log;
pub mod receiver;
mod sandbox;
mod seed;
mod site;
mod world;
mod zone;

pub use api::auth::{Permission, TokenStatus};
pub use dns::Answering;
pub use dns::authority::DnsSettings;
pub use fault::{Fault, FaultRule, RuleError};
pub use log::RequestEntry;
pub use sandbox::{NameServer, RunningSite, Sandbox, StartError};
pub use seed::{
    ApiSeed, DnsSeed, EdgeSeed, GrantSeed, LimitSeed, RecordSeed, ResolverSeed, Seed, SeedError, SiteSeed,
    TokenSeed, ZoneSeed,
};
pub use site::SiteState;
pub use zone::{Kind, Plan, Record, RecordId, Refusal, ZoneId};
