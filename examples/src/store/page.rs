//! Lists in pages.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest page.
pub const MOST_ITEMS: usize = 200;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The last item of the page before; none for the first page.
    pub after: Option<Cursor>,
    /// How many items at most, at least 1 and at most [`MOST_ITEMS`].
    pub limit: usize,
}

impl PageRequest {
    /// The limit where a client names none.
    pub const DEFAULT_LIMIT: usize = 50;

    /// The first id that can stand on the page.
    pub(super) fn from(self) -> Option<Uuid> {
        match self.after {
            None => Some(Uuid::nil()),
            Some(Cursor(id)) => id.as_u128().checked_add(1).map(Uuid::from_u128),
        }
    }

    pub(super) fn limit(self) -> usize {
        self.limit.clamp(1, MOST_ITEMS)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: Self::DEFAULT_LIMIT }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items, oldest first.
    pub items: Vec<T>,
    /// Where the next page begins; none if there is no next page yet.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page from one item more than fits on it, if there are that many.
    pub(super) fn of(mut items: Vec<T>, limit: usize, id: impl Fn(&T) -> Uuid) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|item| Cursor(id(item))) } else { None };
        Self { items, next }
    }
}

/// A place in a list. As text it is opaque: clients hand back what they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(Uuid);

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no cursor that this service gave out")]
pub struct CursorError;

impl Cursor {
    /// The place after an item, by its id.
    #[must_use]
    pub fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the item that it stands after.
    #[must_use]
    pub fn id(self) -> Uuid {
        self.0
    }
}

/// The version of the text; another form of cursor takes another letter.
const MARK: &str = "c";

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}", self.0.simple())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let cursor = text.strip_prefix(MARK).and_then(|id| Uuid::try_parse(id).ok()).map(Self).ok_or(CursorError)?;
        // The parser takes other spellings too; only the one that was given out is a cursor.
        if cursor.to_string() == text { Ok(cursor) } else { Err(CursorError) }
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;

    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor = Cursor(Uuid::from_u128(77));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let id = Uuid::from_u128(77);
        for bad in ["", "c", "x", &id.to_string(), &format!("c{id}"), &cursor.to_string().to_uppercase()] {
            assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
        }
    }

    #[test]
    fn nothing_comes_after_the_last_id() {
        assert_eq!(PageRequest { after: Some(Cursor(Uuid::max())), limit: 1 }.from(), None);
    }
}
