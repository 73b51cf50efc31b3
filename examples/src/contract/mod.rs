//! What goes over the wire to and from both programs: the requests with their rules, and how pages and keys are asked for.
//! The answers are the records of the [store](crate::store).
//!
//! | what | rule |
//! |---|---|
//! | `userName` | 1 to 64 characters; see *text* |
//! | `email` | `local@domain` in ASCII, at most 254 octets, 64 of them local; the local part without quotes, the domain of at least two labels of letters, digits and hyphens (so an international domain in its `xn--` form) |
//! | `name` of an event | 1 to 100 characters; see *text* |
//! | `details` | at most 4096 characters; see *text*, but line breaks, tabs and blanks around it are allowed |
//! | `userId` | a UUID in its usual form, with hyphens |
//! | text | neither blank nor with blanks around it, no control characters, none that change the direction of the text, none that are not to be seen |
//! | other fields | 400: a misspelt name should not go unnoticed |
//! | `limit` | 1 to 200, default 50 |
//! | `Idempotency-Key` | 1 to 255 visible ASCII characters; quoted, as a structured field is, or not |

mod text;

use garde::Validate;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::http::{Call, Problem};
use crate::store::{MOST_ITEMS, NewEvent, NewUser, PageRequest};

/// The body of `POST /addUser`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct AddUser {
    /// The user's name.
    #[garde(custom(text::user_name))]
    #[schemars(length(min = 1, max = 64))]
    pub user_name: String,
    /// The user's email.
    #[garde(custom(text::email))]
    #[schemars(length(max = 254), extend("format" = "email"))]
    pub email: String,
}

/// The body of `POST /addEvent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct AddEvent {
    /// What happened.
    #[garde(custom(text::event_name))]
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// To whom.
    #[serde(deserialize_with = "hyphenated")]
    pub user_id: Uuid,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(text::details)))]
    #[schemars(length(max = 4096))]
    pub details: Option<String>,
}

impl From<AddUser> for NewUser {
    fn from(AddUser { user_name, email }: AddUser) -> Self {
        Self { user_name, email }
    }
}

impl From<AddEvent> for NewEvent {
    fn from(AddEvent { name, user_id, details }: AddEvent) -> Self {
        Self { name, user_id, details }
    }
}

/// A UUID in the one form in which ids are given out.
fn hyphenated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = String::deserialize(deserializer)?;
    let id = if text.len() == 36 { Uuid::try_parse(&text).ok() } else { None };
    id.ok_or_else(|| serde::de::Error::custom("is not a UUID"))
}

/// Which page a request asks for, by its `limit` and `cursor`.
///
/// # Errors
///
/// 400 that names the parameter: a limit outside 1 to 200, a cursor that was not given out here, any other parameter.
pub fn page(call: &Call) -> Result<PageRequest, Problem> {
    let query = call.query(&["limit", "cursor"])?;
    let limit = match query.get("limit") {
        None => PageRequest::DEFAULT_LIMIT,
        Some(text) => {
            // Digits only: the parser would take a plus sign.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let limit = text.parse().ok().filter(|limit| digits && (1..=MOST_ITEMS).contains(limit));
            limit.ok_or_else(|| Problem::bad_field("limit", format!("must be a number from 1 to {MOST_ITEMS}")))?
        }
    };
    let after = match query.get("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|error| Problem::bad_field("cursor", format!("{error}")))?),
    };
    Ok(PageRequest { after, limit })
}

/// The name of the header that makes a repetition of `POST /addEvent` harmless.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The key of a request, if it has one.
///
/// # Errors
///
/// 400 if there are two, or if it is empty, too long, or holds what is not visible ASCII.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const LONGEST: usize = 255;
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(Problem::bad_field("Idempotency-Key", "stands more than once")),
    };
    // A structured field is quoted; most clients do not know. Both forms name the same key.
    let key = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let plain = key.iter().all(|byte| byte.is_ascii_graphic() && !br#""\"#.contains(byte));
    match str::from_utf8(key) {
        Ok(key) if plain && (1..=LONGEST).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_field("Idempotency-Key", "must be 1 to 255 visible ASCII characters without quotes")),
    }
}

#[cfg(test)]
mod tests;
