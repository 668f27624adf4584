//! What is wrong, where, and what was probably meant.

use std::fmt;

use serde::Serialize;

use crate::config::EndpointField;
use crate::model::{AnnouncerName, EnvironmentName, SettingRef, SideName, StatusPageName, StoreRef, ZoneRef};

/// Whether a finding stops a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No plan is made while it stands.
    Error,
    /// Worth a look; it stops nothing.
    Warning,
}

/// What a finding is about, so that it can be shown at its place in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// The pair as a whole.
    Pair,
    /// One way of telling people.
    Announcer {
        /// Which one.
        announcer: AnnouncerName,
    },
    /// The pair's role table.
    RoleTable,
    /// One status page.
    StatusPage {
        /// The page.
        page: StatusPageName,
    },
    /// One side.
    Side {
        /// The side.
        side: SideName,
    },
    /// One zone.
    Zone {
        /// The zone.
        zone: ZoneRef,
    },
    /// One environment.
    Environment {
        /// The environment.
        environment: EnvironmentName,
    },
    /// One store.
    Store {
        /// The store.
        store: StoreRef,
    },
    /// What brings releases and settings to one side.
    Delivery {
        /// The side.
        side: SideName,
    },
    /// One setting.
    Setting {
        /// The setting.
        setting: SettingRef,
    },
    /// One field of one endpoint.
    Endpoint {
        /// The environment.
        environment: EnvironmentName,
        /// The endpoint's place in the environment, from 0.
        index: usize,
        /// The field.
        field: EndpointField,
    },
}

/// The kinds of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A side's address book cannot be read.
    SideUnreadable,
    /// Both sides use one credential or act as one principal.
    SharedCredential,
    /// Both sides are in one account.
    SharedAccount,
    /// A side has no address of that name.
    AddressMissing,
    /// A side has several addresses of that name.
    AddressDoubled,
    /// Nothing is attached to an address.
    AddressDetached,
    /// One side has an address of a family that the other lacks.
    AddressOneSided,
    /// Both sides have the same address.
    SameAddress,
    /// A zone cannot be read.
    ZoneUnreadable,
    /// The credential cannot change a zone.
    ZoneNotWritable,
    /// A name has no address record.
    RecordMissing,
    /// A name has several records of one type.
    RecordDoubled,
    /// A name is an alias, alone or beside an address record.
    AliasBeside,
    /// A record of a family that the plan cannot move would stay behind.
    LeftBehind,
    /// A name leads to neither side.
    PointsElsewhere,
    /// A name leads to an address that belongs to another name.
    WrongAddress,
    /// A name leads to the side that the others of its environment do not lead to.
    WrongSide,
    /// The names of an environment do not say which side is production.
    RolesUnclear,
    /// DNS and the journal disagree about the production side.
    JournalDisagrees,
    /// The side that shall take production fails a check.
    CheckFailed,
    /// A store cannot be read, on one side or both.
    StoreUnreadable,
    /// Something about a store stands in the way of a sync or a swap.
    StoreUnfit,
    /// Both sides of a store are one place.
    StoreShared,
    /// Writes to a store cannot be refused.
    StoreUnguarded,
    /// A store takes writes on both sides.
    BothWritable,
    /// A store takes writes on the side that is not production, and not on production.
    StoreDisagrees,
    /// Production takes no writes.
    ProductionFrozen,
    /// The stand-by may hold what production does not.
    StoreDiverged,
    /// The stand-by's data is older than it may be.
    StoreStale,
    /// What a side runs, and what is on its way there, cannot be read.
    ReleasesUnreadable,
    /// A side's embargo cannot be read.
    EmbargoUnreadable,
    /// A side's settings cannot be read.
    SettingsUnreadable,
    /// A side's schedules cannot be read.
    SchedulesUnreadable,
    /// The credentials of a side may lay no embargo there.
    EmbargoNotWritable,
    /// The credentials of a side may not change its settings.
    SettingsNotWritable,
    /// A release cannot be deployed to the stand-by.
    ReleaseUnfit,
    /// Both sides run different releases.
    ReleasesDiffer,
    /// A deployment may still change a side.
    DeploymentUnderWay,
    /// An embargo lies on a side that is not Switchover's.
    ForeignEmbargo,
    /// A side lacks a setting.
    SettingMissing,
    /// A setting cannot be read back.
    SettingHidden,
    /// A setting has the value of neither role.
    SettingForeign,
    /// A setting has the value of the other role than its side's.
    SettingOfOtherRole,
    /// A service would not take the value that a setting shall have.
    SettingUnfit,
    /// A side lacks a schedule, or has several of one name.
    ScheduleMissing,
    /// A schedule of the stand-by runs on production.
    ScheduleOfOtherRole,
    /// A status page says that something is wrong with a system that the pair stands on.
    TroubleReported,
    /// A status page says nothing that can be understood.
    StatusPageSilent,
    /// People could not be told.
    AnnouncerUnfit,
    /// The role table could not be written.
    RoleTableUnfit,
    /// A side that a failover would give up answers.
    LostAnswers,
}

/// One thing that is wrong or worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it stops a plan.
    pub severity: Severity,
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// Where.
    pub place: Place,
    /// What is wrong, with the values that were seen.
    pub message: String,
    /// The value that was probably meant, or what to do next.
    pub suggestion: Option<String>,
}

impl Finding {
    pub(super) fn error(kind: FindingKind, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, kind, place, message: message.into(), suggestion: None }
    }

    pub(super) fn warning(kind: FindingKind, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, kind, place, message: message.into(), suggestion: None }
    }

    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Whether it stops a plan.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}
