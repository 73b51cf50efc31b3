//! Ids that only ever grow.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// Makes version 7 UUIDs, each greater than the one before: within a millisecond, when the clock goes back, and after a
/// restart, because it starts from the greatest id that is stored.
#[derive(Debug)]
pub(super) struct Ids {
    last: Uuid,
}

impl Ids {
    pub(super) fn after(last: Uuid) -> Self {
        Self { last }
    }

    pub(super) fn next(&mut self, now: SystemTime) -> Uuid {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fresh = Uuid::new_v7(Timestamp::from_unix(NoContext, since.as_secs(), since.subsec_nanos()));
        self.last = if fresh > self.last { fresh } else { successor(self.last) };
        self.last
    }
}

/// The next id of version 7: the version and the variant stand between the parts of the number and stay as they are.
fn successor(id: Uuid) -> Uuid {
    const LOW: u128 = (1 << 62) - 1;
    const MIDDLE: u128 = ((1 << 12) - 1) << 64;
    let id = id.as_u128();
    let next = if id & LOW != LOW {
        id + 1
    } else if id & MIDDLE != MIDDLE {
        (id & !LOW) + (1 << 64)
    } else {
        (id & !LOW & !MIDDLE).wrapping_add(1 << 80)
    };
    Uuid::from_u128(next)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn is_v7(id: Uuid) -> bool {
        id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
    }

    #[test]
    fn ids_grow_whatever_the_clock_does() {
        let mut ids = Ids::after(Uuid::nil());
        let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut last = Uuid::nil();
        for step in 0..10_000_u64 {
            // Standing still, going on, and going back by an hour.
            let now = if step % 3 == 0 {
                start - Duration::from_secs(3600)
            } else {
                start + Duration::from_millis(step / 100)
            };
            let id = ids.next(now);
            assert!(id > last && is_v7(id), "{last} then {id}");
            last = id;
        }
    }

    #[test]
    fn a_successor_carries_over_version_and_variant() {
        for (id, next) in [
            ("0192f0c1-2345-7abc-8def-0123456789ab", "0192f0c1-2345-7abc-8def-0123456789ac"),
            ("0192f0c1-2345-7abc-bfff-ffffffffffff", "0192f0c1-2345-7abd-8000-000000000000"),
            ("0192f0c1-2345-7fff-bfff-ffffffffffff", "0192f0c1-2346-7000-8000-000000000000"),
        ] {
            assert_eq!(successor(id.parse().unwrap()).to_string(), next);
        }
    }

    #[test]
    fn a_restart_goes_on_after_the_last_id() {
        let last: Uuid = "ffff0000-0000-7abc-8def-0123456789ab".parse().unwrap();
        assert!(Ids::after(last).next(UNIX_EPOCH) > last);
    }
}
