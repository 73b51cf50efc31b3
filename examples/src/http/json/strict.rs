//! A first pass over a document that builds nothing: it finds what a typed parse would let through.
//!
//! A typed parse skips what stands under keys it does not know without looking into it, takes an array for an object, and
//! knows about repeated keys only in structs. This pass reads everything.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};

use super::{Problem, shorten};

/// Checks that the bytes are one JSON object without repeated keys at any depth.
pub(super) fn check(bytes: &[u8]) -> Result<(), Problem> {
    let repeated = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let walked = json.deserialize_any(Walk { repeated: &repeated }).and_then(|kind| json.end().map(|()| kind));
    if let Some(key) = repeated.into_inner() {
        return Err(Problem::bad_field(shorten(&key), "stands more than once in an object"));
    }
    match walked {
        Ok(Kind::Object) => Ok(()),
        Ok(Kind::Other) => Err(Problem::bad_request("The body must be a JSON object.")),
        Err(_) if bytes.is_empty() => Err(Problem::bad_request("The body is empty; a JSON object is expected.")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(Problem::bad_request(format!("The body is not valid JSON ({place}).")))
        }
    }
}

enum Kind {
    Object,
    Other,
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    repeated: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Kind;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                self.repeated.replace(Some(key));
                return Err(de::Error::custom("repeated key"));
            }
            keys.insert(key);
            map.next_value_seed(self)?;
        }
        Ok(Kind::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(Kind::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
}
