use crate::clock::nanos;
use std::time::Duration;

/// The limit of the upstream: so many calls in so long, all together, traffic, probes and recovery.
///
/// In no span of the length [`per`](Self::per), both ends included, are more than [`calls`](Self::calls) calls admitted,
/// whatever the breaker goes through meanwhile. It is a bucket of [`burst`](Self::burst) tokens; an admission takes one,
/// and one comes back each `per / (calls − burst + 1)`. So `burst` calls may come at once, and the rest of the limit is
/// spread evenly over the time: a small burst gives almost the whole limit to a steady stream, a large one serves a rush
/// and is slow to recover from it.
///
/// Counted is when calls are admitted. They may come in at the upstream closer together than they left; where its limit is
/// strict to the last call, say a few less.
///
/// Every call is counted under the lock while this rule is on.
///
/// ```
/// use resilience::policy::Quota;
/// use std::time::Duration;
///
/// let quota = Quota::new(100, Duration::from_secs(60));
/// assert_eq!((quota.calls, quota.burst), (100, 10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Written"))]
pub struct Quota {
    /// How many calls. Range: at least 1.
    pub calls: u32,
    /// In how long. Range: above zero.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub per: Duration,
    /// How many of them at once. Range: 1 to `calls`. Default: a tenth of `calls`, at least 1.
    pub burst: u32,
}

/// A quota as people write it: the burst may be left out.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    calls: u32,
    #[serde(with = "super::human")]
    per: Duration,
    burst: Option<u32>,
}

#[cfg(feature = "serde")]
impl From<Written> for Quota {
    fn from(Written { calls, per, burst }: Written) -> Self {
        let quota = Self::new(calls, per);
        Self { burst: burst.unwrap_or(quota.burst), ..quota }
    }
}

impl Quota {
    /// So many calls in so long, a tenth of them at once.
    #[must_use]
    pub const fn new(calls: u32, per: Duration) -> Self {
        let tenth = calls / 10;
        Self { calls, per, burst: if tenth == 0 { 1 } else { tenth } }
    }
}

/// A [`Quota`] in the machine's own units, nanoseconds.
///
/// With 128 bits nothing can overflow, so nothing has to saturate, and the guarantee holds for every quota there is: the
/// longest span is below 2^65, a bucket has at most 2^32 tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The time in which one token comes back.
    pub(crate) interval: u128,
    /// The tokens of a full bucket.
    pub(crate) burst: u32,
}

impl Pace {
    /// Of a quota that was checked.
    pub(super) fn of(quota: Quota) -> Self {
        let spread = u128::from(quota.calls.saturating_sub(quota.burst)) + 1;
        // A full bucket, and what comes back in `per`, may not be more than `calls`. So fewer than `spread` intervals may
        // fit into `per`, and `per / spread`, rounded up to what is strictly more, is the shortest such interval.
        Self { interval: u128::from(nanos(quota.per)) / spread + 1, burst: quota.burst }
    }

    /// The time in which an empty bucket fills.
    pub(crate) fn fills_in(&self) -> u128 {
        self.interval * u128::from(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn the_shortest_interval_that_keeps_to_the_limit_is_taken() {
        for (calls, per, burst) in
            [(1, 1, 1), (1, 100, 1), (100, 60_000, 10), (100, 60_000, 100), (7, 3, 2), (9, 100, 9)]
        {
            let Pace { interval, .. } = Pace::of(Quota { calls, per: Duration::from_nanos(per), burst });
            let most = |interval: u128| u128::from(burst) + u128::from(per) / interval;
            assert!(most(interval) <= u128::from(calls), "{calls} per {per}, {burst} at once");
            assert!(interval == 1 || most(interval - 1) > u128::from(calls), "{calls} per {per}: one less would do");
        }
    }

    #[test]
    fn the_largest_quota_overflows_nothing() {
        let pace = Pace::of(Quota { calls: u32::MAX, per: Duration::MAX, burst: u32::MAX });
        assert_eq!(pace.fills_in(), (u128::from(u64::MAX) + 1) * u128::from(u32::MAX));
    }

    #[test]
    fn values_out_of_range_are_errors_that_name_the_field() {
        let field = |quota: Quota| {
            let policy = Policy { quota: Some(quota), ..Policy::default() };
            policy.check().err().map(|error| error.field())
        };
        let good = Quota { calls: 10, per: Duration::from_secs(1), burst: 10 };
        assert_eq!(field(good), None);
        assert_eq!(field(Quota { calls: 1, burst: 1, ..good }), None);
        assert_eq!(field(Quota { calls: 0, ..good }), Some("quota.calls"));
        assert_eq!(field(Quota { per: Duration::ZERO, ..good }), Some("quota.per"));
        assert_eq!(field(Quota { burst: 0, ..good }), Some("quota.burst"));
        assert_eq!(field(Quota { burst: 11, ..good }), Some("quota.burst"));
        assert_eq!(field(Quota { calls: u32::MAX, per: Duration::MAX, burst: u32::MAX }), None);
        let built = crate::Breaker::builder().quota(100).with_burst(0).per(Duration::from_secs(1)).build();
        assert_eq!(built.unwrap_err().to_string(), "`quota.burst` is 0; it must be from 1 to `quota.calls`");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_quota_reads_and_writes_as_people_do() {
        let read = |text: &str| serde_json::from_str::<Policy>(text).map(|policy| policy.quota);
        let quota = Quota::new(100, Duration::from_secs(60));
        assert_eq!(read(r#"{"quota":{"calls":100,"per":"1m"}}"#).unwrap(), Some(quota));
        let burst = Some(Quota { burst: 30, ..quota });
        assert_eq!(read(r#"{"quota":{"calls":100,"per":"1m","burst":30}}"#).unwrap(), burst);
        assert_eq!(read("{}").unwrap(), None);
        for wrong in [
            r#"{"quota":{"calls":100}}"#,
            r#"{"quota":{"per":"1m"}}"#,
            r#"{"quota":{"calls":-1,"per":"1m"}}"#,
            r#"{"quota":{"calls":100,"per":"soon"}}"#,
            r#"{"quota":{"calls":100,"per":"1m","bursts":3}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let policy = Policy { quota: burst, ..Policy::default() };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }
}
