use super::RetryPolicy;
use super::budget::Budget;
#[cfg(feature = "http")]
use super::repeat::IdempotentHttp;
use crate::PolicyError;
use crate::classify::ErrorsFail;
#[cfg(feature = "http")]
use crate::classify::HttpStatus;
use crate::clock::nanos;
use crate::machine::mix;
use crate::policy::{exponential, jittered, require, span};
use crate::respond::AsError;
#[cfg(feature = "http")]
use crate::respond::Http503;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The most tokens that a budget may hold.
const MAX_RESERVE: u32 = 1_000_000;

/// Builds a [`RetryPolicy`] with other settings than the default ones. They are checked when it is built, all of them.
///
/// ```
/// use resilience::retry::Builder;
/// use std::time::Duration;
///
/// let policy = Builder::new()
///     .attempts(4)
///     .delay(Duration::from_millis(50))
///     .max_wait(Duration::from_secs(5))
///     .time_limit(Duration::from_secs(20))
///     .budget(0.1, 20)
///     .for_requests(|request: &String| Some(request.clone()))?;
/// assert_eq!(policy.budget_left(), 20);
///
/// let error = Builder::new().jitter(f64::NAN).for_requests(|(): &()| Some(())).unwrap_err();
/// assert_eq!(error.field(), "jitter");
/// # Ok::<(), resilience::PolicyError>(())
/// ```
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone, Debug)]
pub struct Builder {
    attempts: u32,
    delay: Duration,
    factor: f64,
    max_wait: Duration,
    jitter: f64,
    time_limit: Duration,
    share: f64,
    reserve: u32,
}

impl Builder {
    /// The default settings.
    pub const fn new() -> Self {
        Self {
            attempts: 3,
            delay: Duration::from_millis(100),
            factor: 2.0,
            max_wait: Duration::from_secs(10),
            jitter: 0.5,
            time_limit: Duration::from_secs(30),
            share: 0.2,
            reserve: 10,
        }
    }

    /// How often the upstream may be asked, the first time included; refusals do not count. Range: at least 1.
    /// Default: 3.
    pub const fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The wait after the first answer that is no success. Range: above zero. Default: 100 ms.
    pub const fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// By how much each wait is longer than the one before. Range: at least 1. Default: 2.
    pub const fn factor(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// The longest wait before one retry, jitter apart, whoever asked for it: the backoff, a refusal, the server. Range: at
    /// least the first wait. Default: 10 s.
    pub const fn max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// The largest share added at random on top of each wait, so that those who failed together do not come back together.
    /// Range: from 0 to 1. Default: 0.5.
    pub const fn jitter(self, jitter: f64) -> Self {
        Self { jitter, ..self }
    }

    /// After this time, counted from the original request, no retry begins. Range: above zero. Default: 30 s.
    pub const fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The budget: each original request pays in this share of a retry (rounded to a thousandth), and at most this many
    /// retries are held in reserve, which is also what there is at the beginning. Range: a share from 0 to 1, a reserve
    /// from 1 to 1,000,000. Default: 0.2 and 10.
    pub const fn budget(self, share: f64, reserve: u32) -> Self {
        Self { share, reserve, ..self }
    }

    /// A policy for HTTP: see [`RetryPolicy::for_http`].
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, by name.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn for_http(self) -> Result<RetryPolicy<IdempotentHttp, HttpStatus, Http503>, PolicyError> {
        self.check()?;
        Ok(RetryPolicy::of(self.settings(), IdempotentHttp, HttpStatus::new(), Http503))
    }

    /// A policy for any requests: see [`RetryPolicy::new`].
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, by name.
    pub fn for_requests<Q>(self, repeat: Q) -> Result<RetryPolicy<Q, ErrorsFail, AsError>, PolicyError> {
        self.check()?;
        Ok(RetryPolicy::of(self.settings(), repeat, ErrorsFail, AsError))
    }

    fn check(&self) -> Result<(), PolicyError> {
        let Self { attempts, delay, factor, max_wait, jitter, time_limit, share, reserve } = self;
        require(*attempts > 0, "attempts", attempts, "at least 1")?;
        span("delay", *delay)?;
        require(*factor >= 1.0 && factor.is_finite(), "factor", factor, "a number of at least 1")?;
        require(max_wait >= delay, "max_wait", max_wait, "at least `delay`")?;
        require((0.0..=1.0).contains(jitter), "jitter", jitter, "from 0 to 1")?;
        span("time_limit", *time_limit)?;
        require((0.0..=1.0).contains(share), "budget.share", share, "from 0 to 1")?;
        require((1..=MAX_RESERVE).contains(reserve), "budget.reserve", reserve, "from 1 to 1000000")
    }

    /// To be called with settings that have been checked.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::new(Settings {
            attempts: self.attempts,
            delay: nanos(self.delay),
            factor: self.factor,
            max_wait: nanos(self.max_wait),
            jitter: self.jitter,
            time_limit: self.time_limit,
            budget: Budget::new(self.share, self.reserve),
            draws: AtomicU64::new(RandomState::new().hash_one(0)),
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// Settings that have been checked, and what the requests of one policy share.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) attempts: u32,
    delay: u64,
    factor: f64,
    max_wait: u64,
    jitter: f64,
    pub(super) time_limit: Duration,
    pub(super) budget: Budget,
    draws: AtomicU64,
}

impl Settings {
    /// The backoff after so many answers, from 1 on.
    pub(super) fn backoff(&self, answers: u32) -> Duration {
        Duration::from_nanos(exponential(self.delay, self.factor, answers.saturating_sub(1), self.max_wait))
    }

    /// The wait for a moment that is so far away, jitter on top; `None` if that is further than is allowed.
    pub(super) fn wait(&self, asked: Duration) -> Option<Duration> {
        let asked = Some(nanos(asked)).filter(|asked| *asked <= self.max_wait)?;
        let draw = mix(self.draws.fetch_add(1, Ordering::Relaxed));
        Some(Duration::from_nanos(jittered(self.jitter, asked, draw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(builder: Builder) -> &'static str {
        builder.for_requests(|(): &()| Some(())).unwrap_err().field()
    }

    #[test]
    fn the_default_settings_are_in_their_ranges() {
        Builder::new().check().unwrap();
    }

    #[test]
    fn what_is_out_of_its_range_is_named() {
        let builder = Builder::new;
        assert_eq!(field(builder().attempts(0)), "attempts");
        assert_eq!(field(builder().delay(Duration::ZERO)), "delay");
        for factor in [0.99, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(field(builder().factor(factor)), "factor");
        }
        assert_eq!(field(builder().max_wait(Duration::from_millis(99))), "max_wait");
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(field(builder().jitter(share)), "jitter");
            assert_eq!(field(builder().budget(share, 1)), "budget.share");
        }
        assert_eq!(field(builder().time_limit(Duration::ZERO)), "time_limit");
        assert_eq!(field(builder().budget(0.1, 0)), "budget.reserve");
    }

    #[test]
    fn no_setting_makes_a_wait_overflow() {
        let longest = Builder::new().delay(Duration::MAX).max_wait(Duration::MAX).factor(f64::MAX).jitter(1.0);
        longest.check().unwrap();
        let settings = longest.settings();
        for answers in [0, 1, 2, u32::MAX] {
            assert_eq!(settings.wait(settings.backoff(answers)), Some(Duration::from_nanos(u64::MAX)));
        }
    }

    #[test]
    fn jitter_only_adds_and_differs_from_one_wait_to_the_next() {
        let settings = Builder::new().settings();
        let second = Duration::from_secs(1);
        let waits: Vec<Duration> = (0..100).filter_map(|_| settings.wait(second)).collect();
        assert_eq!(waits.len(), 100);
        assert!(waits.iter().all(|wait| (second..=second * 3 / 2).contains(wait)));
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
