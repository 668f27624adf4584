//! Changes of a zone's records, carried out in the API's order, and the rules that concern several records.

use jiff::Timestamp;

use super::{Draft, Kind, Record, RecordId, Refusal, Zone};

/// What one request asks for. A request for a single record is a batch of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) deletes: Vec<RecordId>,
    pub(crate) patches: Vec<(RecordId, Draft)>,
    pub(crate) puts: Vec<(RecordId, Draft)>,
    pub(crate) posts: Vec<Draft>,
}

impl Changes {
    pub(crate) fn len(&self) -> usize {
        self.deletes.len() + self.patches.len() + self.puts.len() + self.posts.len()
    }
}

/// The records that a request changed, as they are now, and the deleted ones as they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    pub(crate) deletes: Vec<Record>,
    pub(crate) patches: Vec<Record>,
    pub(crate) puts: Vec<Record>,
    pub(crate) posts: Vec<Record>,
}

impl Zone {
    /// The body of the transaction. On an error `self` is half changed, so `apply` works on a copy.
    ///
    /// Order: <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/>. That the
    /// rules between records hold after every single change, and not at the end alone, is assumed.
    pub(super) fn carry_out(&mut self, changes: &Changes, now: Timestamp) -> Result<Applied, Refusal> {
        let mut applied = Applied::default();
        for id in &changes.deletes {
            applied.deletes.push(self.records.remove(id).ok_or(Refusal::UnknownRecord)?);
        }
        for (id, draft) in &changes.patches {
            let before = self.records.get(id).ok_or(Refusal::UnknownRecord)?.clone();
            applied.patches.push(self.replace(&before, &draft.over(&before), now)?);
        }
        for (id, draft) in &changes.puts {
            let before = self.records.get(id).ok_or(Refusal::UnknownRecord)?.clone();
            applied.puts.push(self.replace(&before, draft, now)?);
        }
        for draft in &changes.posts {
            applied.posts.push(self.add(draft, now)?);
        }
        Ok(applied)
    }

    /// Adds a record under a new id.
    pub(crate) fn add(&mut self, draft: &Draft, now: Timestamp) -> Result<Record, Refusal> {
        let limit = self.most_records;
        if self.records.len() >= limit {
            return Err(Refusal::Records(limit));
        }
        self.ids_given += 1;
        let id = RecordId(crate::ids::hex(&[&self.name, &self.ids_given.to_string()]));
        let mut record = draft.resolve(self, id, now)?;
        record.comment_modified_on = record.comment.is_some().then_some(now);
        record.tags_modified_on = (!record.tags.is_empty()).then_some(now);
        self.insert(record)
    }

    fn replace(&mut self, before: &Record, draft: &Draft, now: Timestamp) -> Result<Record, Refusal> {
        let mut after = draft.resolve(self, before.id.clone(), now)?;
        after.created_on = before.created_on;
        after.comment_modified_on =
            if after.comment == before.comment { before.comment_modified_on } else { Some(now) };
        after.tags_modified_on = if after.tags == before.tags { before.tags_modified_on } else { Some(now) };
        self.insert(after)
    }

    fn insert(&mut self, record: Record) -> Result<Record, Refusal> {
        self.check_beside_others(&record)?;
        self.records.insert(record.id.clone(), record.clone());
        Ok(record)
    }

    /// What may share a name:
    /// <https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/>.
    fn check_beside_others(&self, record: &Record) -> Result<(), Refusal> {
        let apex = self.name.as_str();
        for other in self.records.values().filter(|other| other.id != record.id && other.name == record.name)
        {
            if other.identical(record) {
                return Err(Refusal::Identical);
            }
            check_pair(record.kind, other.kind, record.name == apex)?;
        }
        Ok(())
    }
}

fn check_pair(wanted: Kind, there: Kind, at_apex: bool) -> Result<(), Refusal> {
    let is_host = |kind: Kind| kind.is_address() || kind == Kind::CNAME;
    if wanted == Kind::CNAME && is_host(there) {
        return Err(Refusal::HostTaken);
    }
    if there == Kind::CNAME && wanted.is_address() {
        return Err(Refusal::CnameTaken);
    }
    // The apex is where Cloudflare itself puts NS records, beside everything else.
    // DS belongs beside the NS records of a delegation.
    let delegation = |kind: Kind| matches!(kind, Kind::NS | Kind::DS);
    if !at_apex && (wanted == Kind::NS || there == Kind::NS) && !(delegation(wanted) && delegation(there)) {
        return Err(Refusal::NsTaken);
    }
    Ok(())
}
