//! The file as it is written: types for the sake of their JSON Schema, which every file is held against.
//!
//! They are not read as a whole, because then the first wrong key would hide all others: `resolve` reads key by key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::{Period, PortKind, SecretRef};
use crate::retention::Counts;

/// The key that names a provider's kind.
pub(super) const PROVIDER: &str = "provider";

/// The configuration of Switchover: pairs of infrastructures that swap roles.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "switchover.toml")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct File {
    /// Where the journal of every pair is kept.
    state: Option<StateTable>,
    /// The name services that hold the zones, each under a name of your own.
    #[schemars(default)]
    dns: BTreeMap<String, NamesTable>,
    /// Checks, each under a name of your own; endpoints refer to them.
    #[schemars(default)]
    checks: BTreeMap<String, CheckTable>,
    /// Ways of telling people, each under a name of your own; pairs refer to them.
    #[schemars(default)]
    announce: BTreeMap<String, AnnouncerTable>,
    /// Status pages of the systems that pairs stand on, each under a name of your own; pairs refer to them.
    #[schemars(default)]
    status_pages: BTreeMap<String, StatusPageTable>,
    /// The pairs: one service each, on two infrastructures.
    pair: BTreeMap<String, Pair>,
}

/// One service on two infrastructures.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Pair {
    /// How carefully names are moved.
    #[schemars(default)]
    dns: Dns,
    /// How often the probe fetches.
    #[schemars(default)]
    probe: Probe,
    /// The names of those ways of telling people that tell of its swaps.
    #[schemars(default)]
    announce: Vec<String>,
    /// The names of the status pages that are looked at before a swap.
    #[schemars(default)]
    status_pages: Vec<String>,
    /// The document that says which side is production, kept true by every swap.
    role_table: Option<RoleTableTable>,
    /// The two infrastructures, by names of their own: never those of a role.
    sides: BTreeMap<String, Side>,
    /// The environments (live, staging, …) in the order in which they are swapped and shown.
    environments: BTreeMap<String, Environment>,
}

/// A scope inside a pair, such as live or staging.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Environment {
    /// The names that follow the roles.
    endpoints: Vec<Endpoint>,
    /// The data that follows the roles, each store under a name of your own.
    #[schemars(default)]
    stores: BTreeMap<String, StoreTable>,
    /// The settings whose value depends on the role, by name.
    #[schemars(default)]
    settings: BTreeMap<String, RoleValues>,
    /// What the stand-by's delivery starts by the clock and production's does not, such as a nightly sync: paused on a side while it is
    /// production.
    #[schemars(default)]
    standby_schedules: Vec<String>,
    /// Who must approve a swap.
    #[schemars(default)]
    approvals: Approvals,
    /// When a swap may happen; at any time if left out.
    #[schemars(default)]
    windows: Vec<Window>,
    /// How long the new production is watched before a run ends; not at all if left out.
    soak: Option<Period>,
    /// How long users may wait from the confirmation until they are moved (the recovery-time objective); plans and reports are held against
    /// it.
    rto: Option<Period>,
    /// The environment on which the same must have succeeded before, such as `staging`.
    rehearse_on: Option<String>,
}

/// What a setting says on a side, by the side's role.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleValues {
    /// Its value on production.
    pub(super) production: SettingText,
    /// Its value on the stand-by.
    pub(super) standby: SettingText,
}

/// A setting's value, or where a secret one is to be found.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SettingText {
    /// The value.
    Plain(String),
    /// Where the value is: `{ env = "NAME" }` or `{ file = "PATH" }`.
    Secret(SecretRef),
}

/// Who must approve a swap.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
struct Approvals {
    /// How long a run waits for approvals; 72h if left out.
    expire: Option<Period>,
    /// Whether whoever began the run may approve it; no if left out.
    by_requester: bool,
    /// The groups of people, each under a name of your own; all of them must approve.
    groups: BTreeMap<String, Group>,
}

/// People of whom some must approve.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// Their names: those of their accounts on the machines where they run `switchover approve`.
    pub(super) members: Vec<String>,
    /// How many of them must approve; 1 if left out.
    pub(super) needed: Option<u32>,
}

/// A time in which a swap may happen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// When it opens, as crontab writes it: `0 2 * * 6`.
    pub(super) opens: String,
    /// How long it stays open.
    pub(super) lasts: Period,
    /// The time zone of `opens`, such as `Asia/Hong_Kong`; `UTC` if left out.
    pub(super) time_zone: Option<String>,
}

/// How carefully names are moved.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
struct Dns {
    /// The TTL that `swap-roles --prepare` sets ahead of a swap: whole seconds, 60s if left out.
    swap_ttl: Option<Period>,
    /// How long the old side is kept after the old TTL has passed; 60s if left out.
    margin: Option<Period>,
    /// How long every authoritative server may take to serve a change; 5m if left out.
    propagation_deadline: Option<Period>,
    /// Public resolvers that are read back too, as `IP` or `IP:port` (port 53 if left out).
    resolvers: Vec<String>,
}

/// How often the probe fetches.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
struct Probe {
    /// The time between two fetches of one name; 200ms if left out.
    every: Option<Period>,
}

/// One of the two infrastructures.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Side {
    /// What people call the project behind it; shown in the role table.
    project: Option<String>,
    /// More columns of the role table, by their headings, such as `"AWS profile" = "Upstream"`.
    #[schemars(default)]
    columns: BTreeMap<String, String>,
    /// Where its named addresses are looked up.
    addresses: AddressesTable,
    /// What brings releases and settings to it: deployments, the change embargo, variables, schedules.
    delivery: Option<DeliveryTable>,
}

/// A production name and a standby name that lead to one named address on whichever side holds the role.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Endpoint {
    /// The name that users use.
    production: String,
    /// The name of the side that waits.
    standby: String,
    /// The name of the address both lead to, the same on both sides.
    address: String,
    /// The checks it must pass on a side before and after the side takes production.
    #[schemars(default)]
    checks: Vec<String>,
    /// Whether both names are fetched throughout a run, with the first of the checks.
    #[schemars(default)]
    probe: bool,
}

/// What core reads of a name service's table, beside the provider's own options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Service {
    /// The zones it holds: names, or tables of a name and the service's own id.
    zones: Vec<Zone>,
    /// The authoritative servers to read back, as `IP` or `IP:port` (port 53 if left out); found by the zones' NS records
    /// if left out.
    #[schemars(default)]
    authorities: Vec<String>,
}

/// What core reads of a role table's own table, beside the provider's own options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct RoleTable {
    /// The environments that it shows; all of the pair's if left out.
    #[schemars(default)]
    environments: Vec<String>,
}

/// What core reads of a status page's table, beside the provider's own options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct StatusPage {
    /// Whether no swap is planned while it says that something is wrong, or says nothing; a warning if left out.
    #[schemars(default)]
    gate: bool,
}

/// The keys of a store's table that are core's own.
pub(super) const STORE_KEYS: [&str; 11] = [
    PROVIDER,
    "rpo",
    "schedule",
    "time_zone",
    "catch_up",
    "jitter",
    "keep",
    "verify_content_every",
    "deadline",
    "lease",
    "ping",
];

/// What core reads of a store's table, beside the provider's own options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Store {
    /// How old the stand-by's data may be (the recovery point objective); `switchover status` says when it is older.
    rpo: Option<Period>,
    /// When it is synced by the clock, as crontab writes it: `15 2 * * *`, `@daily`.
    schedule: Option<String>,
    /// The time zone of the schedule and of the keys of its backups, such as `Asia/Hong_Kong`; `UTC` if left out.
    time_zone: Option<String>,
    /// How late a missed run is still caught up; 6h if left out.
    catch_up: Option<Period>,
    /// The most by which a scheduled run is put off, so that many do not start at once; 0s if left out.
    jitter: Option<Period>,
    /// Which backups are kept when old ones are pruned; all of them if left out.
    keep: Option<Counts>,
    /// After how long a sync compares all content again, and not the counts alone; 7d if left out, never if 0s.
    verify_content_every: Option<Period>,
    /// How long a sync may take; 12h if left out.
    deadline: Option<Period>,
    /// After how long a freeze that is not renewed ends by itself; 60s if left out.
    lease: Option<Period>,
    /// Where a URL is to be found that is asked when a sync starts, succeeds or fails (a dead man's switch).
    ping: Option<SecretRef>,
}

/// A zone.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Zone {
    /// Its name.
    Name(String),
    /// Its name and the service's own id.
    Identified(IdentifiedZone),
}

/// A zone with its id.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentifiedZone {
    /// Its name.
    pub(super) name: String,
    /// The service's own id of it; saves a look-up.
    pub(super) id: Option<String>,
}

/// The name of the definition that lists every kind of a port.
pub(super) fn definition(port: PortKind) -> &'static str {
    match port {
        PortKind::Names => "NameService",
        PortKind::Addresses => "AddressBook",
        PortKind::Check => "Check",
        PortKind::State => "StateStore",
        PortKind::Store => "Store",
        PortKind::Delivery => "Delivery",
        PortKind::Announcer => "Announcer",
        PortKind::RoleTable => "RoleTable",
        PortKind::StatusPage => "StatusPage",
    }
}

macro_rules! provider_table {
    ($name:ident, $port:expr) => {
        /// A provider's table, whose schema comes from the catalog.
        ///
        /// Never made; the field keeps it from being of no size, which no map value may be.
        struct $name(#[expect(dead_code, reason = "only its schema is used")] Value);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                definition($port).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "$ref": format!("#/$defs/{}", definition($port)) })
            }
        }
    };
}

provider_table!(NamesTable, PortKind::Names);
provider_table!(AddressesTable, PortKind::Addresses);
provider_table!(CheckTable, PortKind::Check);
provider_table!(StateTable, PortKind::State);
provider_table!(StoreTable, PortKind::Store);
provider_table!(DeliveryTable, PortKind::Delivery);
provider_table!(AnnouncerTable, PortKind::Announcer);
provider_table!(RoleTableTable, PortKind::RoleTable);
provider_table!(StatusPageTable, PortKind::StatusPage);
