//! The records, in the form in which they are stored and sent.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Made by the store.
    pub id: Uuid,
    /// Unique.
    pub user_name: String,
    /// Unique whatever the case; kept as typed.
    pub email: String,
    /// The user's events, oldest first.
    pub events: Vec<Uuid>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Made by the store.
    pub id: Uuid,
    /// What happened.
    pub name: String,
    /// To whom.
    pub user_id: Uuid,
    /// What else there is to say.
    pub details: Option<String>,
    /// When the store made it.
    pub created_at: Timestamp,
}

/// A user to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// See [`User::user_name`].
    pub user_name: String,
    /// See [`User::email`].
    pub email: String,
}

/// An event to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// See [`Event::name`].
    pub name: String,
    /// See [`Event::user_id`].
    pub user_id: Uuid,
    /// See [`Event::details`].
    pub details: Option<String>,
}

impl NewEvent {
    /// Whether the event could have come from this request. A key and what it made are compared by content, so no
    /// fingerprint has to be kept.
    pub(super) fn made(&self, event: &Event) -> bool {
        self.name == event.name && self.user_id == event.user_id && self.details == event.details
    }

    pub(super) fn into_event(self, id: Uuid, created_at: Timestamp) -> Event {
        Event { id, name: self.name, user_id: self.user_id, details: self.details, created_at }
    }
}

/// The answer to an event that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The event.
    pub event: Event,
    /// Whether an earlier request with the same key had made it.
    pub replayed: bool,
}

/// A moment to the millisecond; RFC 3339 in UTC as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "date-time"))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last moment that four digits can name the year of.
    pub(super) const LAST: u64 = 253_402_300_799_999;

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }

    /// The moment that is later by a duration.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// From milliseconds since 1970.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond it the formatter would fail.
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(Self::LAST));
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = humantime::TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_rfc3339(text).map(Self::from)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = humantime::TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_text_to_the_millisecond() {
        let timestamp = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(timestamp.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!(Timestamp::from_millis(u64::MAX).to_string().starts_with("9999-"));
    }

    #[test]
    fn records_are_written_with_the_names_of_the_interface() {
        let event = NewEvent { name: "n".to_owned(), user_id: Uuid::nil(), details: None }
            .into_event(Uuid::max(), Timestamp::from_millis(0));
        let json = serde_json::to_value(&event).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["createdAt", "details", "id", "name", "userId"]);
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }
}
