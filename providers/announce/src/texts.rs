//! The texts of announcements, where the file replaces those that come with the program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Template;
use switchover::model::{Announcement, Moment};
use switchover::report::wording;

/// A text for each moment, with placeholders such as `{pair}`, `{from}` and `{to}`; what is left out keeps the text that comes with the
/// program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// A run begins.
    pub begins: Option<Template>,
    /// The roles are swapped and checked: the new production serves.
    pub swapped: Option<Template>,
    /// The run is at its end.
    pub finished: Option<Template>,
    /// The run failed or was taken back, and everything it did was undone.
    pub undone: Option<Template>,
    /// The run stopped part-way and waits for somebody.
    pub paused: Option<Template>,
    /// The run waits for an approval.
    pub approval_needed: Option<Template>,
    /// A test.
    pub test: Option<Template>,
}

impl Texts {
    fn of(&self, moment: Moment) -> Option<&Template> {
        match moment {
            Moment::Begins => self.begins.as_ref(),
            Moment::Swapped => self.swapped.as_ref(),
            Moment::Finished => self.finished.as_ref(),
            Moment::Undone => self.undone.as_ref(),
            Moment::Paused => self.paused.as_ref(),
            Moment::ApprovalNeeded => self.approval_needed.as_ref(),
            Moment::Test => self.test.as_ref(),
        }
    }

    /// What people read. `escaped` makes a text fit for where it goes; of a text from the file only the values need it, so that the
    /// file may use the markup of the place.
    pub(crate) fn text(&self, announcement: &Announcement, escaped: impl Fn(&str) -> String) -> String {
        match self.of(announcement.moment) {
            Some(template) => template.render(announcement, escaped),
            None => escaped(&wording(announcement)),
        }
    }
}
