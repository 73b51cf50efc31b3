//! Durations as people write them: `30s`, `1m 30s`, `250ms`; a bare number counts milliseconds.

use serde::{Deserialize, Deserializer, Serializer, de};
use std::fmt;
use std::time::Duration;

struct Human(Duration);

impl<'de> Deserialize<'de> for Human {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Human;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"30s\" or \"250ms\", or a whole number of milliseconds")
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Human, E> {
                Ok(Human(Duration::from_millis(millis)))
            }

            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Human, E> {
                u64::try_from(millis)
                    .map(|millis| Human(Duration::from_millis(millis)))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(millis), &"a duration that is not negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Human, E> {
                humantime::parse_duration(text)
                    .map(Human)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Human::deserialize(deserializer).map(|human| human.0)
}

/// For a duration that may be absent.
pub(super) mod option {
    use super::*;

    pub(in crate::policy) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Human>::deserialize(deserializer)?.map(|human| human.0))
    }
}

/// For one duration a level.
pub(super) mod list {
    use super::*;

    pub(in crate::policy) fn serialize<S: Serializer>(
        durations: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(durations.iter().map(|duration| humantime::format_duration(*duration).to_string()))
    }

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Duration>, D::Error> {
        Ok(Vec::<Human>::deserialize(deserializer)?.into_iter().map(|human| human.0).collect())
    }
}
