//! Which zone a name lies in, and which one was meant if it lies in none.

use super::service::Services;
use crate::model::{DnsName, ZoneName, ZoneRef};
use crate::near::nearest;

impl Services {
    /// The zone that holds a name: of nested zones, the innermost.
    pub(super) fn zone_of(&self, name: &DnsName) -> Option<&ZoneRef> {
        let mut rest = Some(name.as_str());
        while let Some(text) = rest {
            if let Some(zone) = ZoneName::new(text).ok().and_then(|zone| self.zones.get(&zone)) {
                return Some(zone);
            }
            rest = text.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    /// The name that was meant by one whose end is nearly a zone: `files.gigdb.org` is nearly in `gigadb.org`.
    pub(super) fn meant(&self, name: &DnsName) -> Option<String> {
        let labels: Vec<&str> = name.as_str().split('.').collect();
        self.zones.keys().find_map(|zone| {
            let length = zone.as_str().split('.').count();
            let (head, tail) = labels.split_at(labels.len().checked_sub(length)?);
            nearest(&tail.join("."), [zone.as_str()])?;
            Some(head.iter().copied().chain([zone.as_str()]).collect::<Vec<_>>().join("."))
        })
    }
}
