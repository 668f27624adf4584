//! One zone in memory: its records, what they were before, and the rules that a real service keeps.

use std::time::Duration;

use switchover::model::{DnsName, Record, RecordId, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{Conflict, NameError, RecordChange};

/// The smallest TTL that the fake takes: Cloudflare's on all plans but Enterprise
/// (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
pub(super) const MINIMUM_TTL: Duration = Duration::from_secs(60);

/// A record as a service holds it, with what Switchover must keep and never sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub name: DnsName,
    /// What it says and for how long.
    pub value: RecordValue,
    /// Whether clients see the service's edge instead of the address.
    pub proxied: bool,
    /// A remark by its owner.
    pub comment: Option<String>,
    /// Tags by its owner.
    pub tags: Vec<String>,
}

impl Held {
    /// A plain record: not proxied, without comment or tags, kept for 300 seconds.
    pub fn plain(name: DnsName, data: impl Into<switchover::model::RecordData>) -> Self {
        let value = RecordValue { data: data.into(), ttl: Ttl::Seconds(300) };
        Self { name, value, proxied: false, comment: None, tags: Vec::new() }
    }

    /// The same with another TTL.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.value.ttl = ttl;
        self
    }
}

#[derive(Debug, Clone)]
struct Stored {
    id: RecordId,
    held: Held,
}

impl Stored {
    fn record(&self) -> Record {
        Record {
            id: self.id.clone(),
            name: self.held.name.clone(),
            value: self.held.value.clone(),
            proxied: self.held.proxied,
        }
    }
}

/// A zone and everything it ever held.
#[derive(Debug)]
pub(super) struct FakeZone {
    name: ZoneName,
    stored: Vec<Stored>,
    ids: u64,
    history: Vec<(Duration, Vec<Record>)>,
}

impl FakeZone {
    pub(super) fn new(name: ZoneName) -> Self {
        Self { name, stored: Vec::new(), ids: 0, history: vec![(Duration::ZERO, Vec::new())] }
    }

    /// Replaces everything. Records get new ids, as if they had been deleted and made again.
    pub(super) fn set(&mut self, now: Duration, records: &[Held]) {
        self.stored.clear();
        for held in records {
            self.add(now, held.clone());
        }
        self.remember(now);
    }

    pub(super) fn add(&mut self, now: Duration, held: Held) {
        assert!(held.name.is_within(self.name.apex()), "{} is not within {}", held.name, self.name);
        self.ids += 1;
        self.stored.push(Stored { id: RecordId(format!("{:032x}", self.ids)), held });
        self.remember(now);
    }

    pub(super) fn remove(&mut self, now: Duration, name: &DnsName) {
        self.stored.retain(|stored| stored.held.name != *name);
        self.remember(now);
    }

    /// Edits every record of a name, as its owner would by hand.
    pub(super) fn edit(&mut self, now: Duration, name: &DnsName, edit: impl Fn(&mut Held)) {
        let of_name = self.stored.iter_mut().filter(|stored| stored.held.name == *name);
        let edited = of_name.map(|stored| edit(&mut stored.held)).count();
        assert!(edited > 0, "{name} has no record that could be edited");
        self.remember(now);
    }

    pub(super) fn held(&self) -> Vec<Held> {
        self.stored.iter().map(|stored| stored.held.clone()).collect()
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.stored.iter().map(Stored::record).collect()
    }

    /// What the zone held at that time.
    pub(super) fn records_at(&self, when: Duration) -> &[Record] {
        let before = self.history.iter().rev().find(|(since, _)| *since <= when);
        before.map_or(&[], |(_, records)| records)
    }

    /// Changes records if all still read as expected, or none.
    pub(super) fn compare_and_change(
        &mut self,
        now: Duration,
        changes: &[RecordChange],
    ) -> Result<(), NameError> {
        let conflicts: Vec<Conflict> = changes.iter().filter_map(|change| self.conflict(change)).collect();
        if conflicts.is_empty() {
            self.change(now, changes)
        } else {
            Err(NameError::Conflict { zone: self.name.clone(), records: conflicts })
        }
    }

    /// Changes records by their ids alone, whatever they say, or none: what a service without comparison does with a request
    /// that comes late.
    pub(super) fn change(&mut self, now: Duration, changes: &[RecordChange]) -> Result<(), NameError> {
        let before = self.stored.clone();
        let done = changes.iter().try_for_each(|change| self.change_one(change)).and_then(|()| self.check());
        match done {
            Ok(()) => self.remember(now),
            Err(_) => self.stored = before,
        }
        done
    }

    fn change_one(&mut self, change: &RecordChange) -> Result<(), NameError> {
        let place = self.stored.iter().position(|stored| stored.id == change.before.id);
        let Some(stored) = place.and_then(|place| self.stored.get_mut(place)) else {
            return Err(self.rejected(81044, format!("Record does not exist: {}", change.before.name)));
        };
        stored.held.value = change.after.clone();
        Ok(())
    }

    /// The rules that hold for every zone at rest.
    fn check(&self) -> Result<(), NameError> {
        for (place, stored) in self.stored.iter().enumerate() {
            let held = &stored.held;
            let same =
                |other: &Stored| other.held.name == held.name && other.held.value.data == held.value.data;
            if self.stored.iter().skip(place + 1).any(same) {
                return Err(
                    self.rejected(81058, format!("An identical record already exists: {}", held.name))
                );
            }
            let too_short = match held.value.ttl {
                Ttl::Auto => false,
                Ttl::Seconds(seconds) => held.proxied || u64::from(seconds) < MINIMUM_TTL.as_secs(),
            };
            if too_short {
                return Err(self.rejected(9021, format!("Invalid TTL for {}: {}", held.name, held.value.ttl)));
            }
            if held.value.data.kind() == RecordKind::Cname
                && self.stored.iter().any(|other| other.held.name == held.name && other.id != stored.id)
            {
                return Err(self.rejected(81053, format!("{} is an alias and has other records", held.name)));
            }
        }
        Ok(())
    }

    fn conflict(&self, change: &RecordChange) -> Option<Conflict> {
        let found = self.stored.iter().find(|stored| stored.id == change.before.id).map(Stored::record);
        (found.as_ref() != Some(&change.before)).then(|| Conflict {
            name: change.before.name.clone(),
            expected: text(&change.before),
            found: found.as_ref().map(text),
        })
    }

    fn rejected(&self, code: u32, message: String) -> NameError {
        NameError::Rejected { zone: self.name.clone(), code: Some(code), message }
    }

    fn remember(&mut self, now: Duration) {
        let records = self.records();
        self.history.push((now, records));
    }
}

fn text(record: &Record) -> String {
    format!("{} {} ({})", record.kind(), record.value.data, record.value.ttl)
}
