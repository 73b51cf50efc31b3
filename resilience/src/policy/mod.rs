//! What a breaker is told: when to trip, how long to stay open, how to recover.
//!
//! A [`Policy`] is plain data. It is checked once, when a breaker is built or told to change; every value out of its
//! range is a [`PolicyError`] that names the field. Nothing is corrected silently.

mod check;
mod error;
#[cfg(feature = "serde")]
mod human;
mod quota;
mod rules;

pub(crate) use check::MAX_FAILURES;
pub use error::PolicyError;
pub(crate) use quota::Pace;
pub use quota::Quota;
pub use rules::Rules;
#[cfg(feature = "retry")]
pub(crate) use {
    check::{require, span},
    rules::{exponential, jittered},
};

use std::time::Duration;

/// When a breaker trips, how long it stays open, and how it recovers.
///
/// The default is the rule this crate exists for: 3 failures within 30 s trip it, it stays open for 1 s and half as long
/// again each time up to 60 s, and 1, 2 and 4 probes in a row bring it back.
///
/// Written as a literal it should end with `..Policy::default()`: a later version may have further fields, and their defaults
/// change nothing.
///
/// ```
/// use std::time::Duration;
/// use resilience::{Breaker, Policy};
///
/// let policy = Policy { max_hint: Duration::from_secs(120), ..Policy::default() };
/// assert!(Breaker::builder().policy(policy).build().is_ok());
///
/// let wrong = Policy { jitter: f64::NAN, ..Policy::default() };
/// assert_eq!(wrong.check().unwrap_err().field(), "jitter");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Policy {
    /// Trips when this many failures lie within this time. Default: 3 within 30 s.
    pub window: Option<FailureWindow>,
    /// Trips after this many failures in a row, however far apart. Default: off.
    pub in_a_row: Option<u32>,
    /// Trips when this share of the calls of a sliding window failed. Default: off.
    pub failure_rate: Option<FailureRate>,
    /// Trips when this share of the calls of a sliding window was slow. Default: off.
    pub slow_calls: Option<SlowCalls>,
    /// Trips when calls are out and nobody is answered. Default: off.
    pub stall: Option<Stall>,
    /// Keeps to the limit of the upstream: refuses what would exceed it, and trips nothing. Default: off.
    pub quota: Option<Quota>,
    /// How long it stays open, by level. Default: exponential, 1 s × 1.5 up to 60 s.
    pub cool_down: CoolDown,
    /// The largest share added at random on top of each open time (of the ceiling and of hints, too). Default: 0.1.
    pub jitter: f64,
    /// What closing does to the level. Default: at once.
    pub forgive: Forgive,
    /// How the server's hints are taken. Default: extend.
    pub hints: Hints,
    /// The longest hint that is followed. Default: 5 min.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub max_hint: Duration,
    /// Calls in flight in the first stage of half-open; each stage doubles it. Default: 1.
    pub probes: u32,
    /// Stages of half-open, each with twice the probes of the one before. 1 is the classic breaker. Default: 3.
    pub stages: u32,
    /// The least time a stage lasts, for upstreams that start cold. Default: 0.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub stage_time: Duration,
    /// A probe that is out for this long has failed. Default: 10 s.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub probe_deadline: Duration,
    /// A probe that is out for this long makes room for another. Default (`None`): the first cool-down.
    #[cfg_attr(feature = "serde", serde(with = "human::option"))]
    pub probe_patience: Option<Duration>,
    /// A call that is dropped before its outcome at this age or older is a failure; younger, it says nothing. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub abandon_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: Some(FailureWindow::default()),
            in_a_row: None,
            failure_rate: None,
            slow_calls: None,
            stall: None,
            quota: None,
            cool_down: CoolDown::default(),
            jitter: 0.1,
            forgive: Forgive::AtOnce,
            hints: Hints::Extend,
            max_hint: Duration::from_secs(300),
            probes: 1,
            stages: 3,
            stage_time: Duration::ZERO,
            probe_deadline: Duration::from_secs(10),
            probe_patience: None,
            abandon_after: Duration::from_secs(1),
        }
    }
}

/// The failure window: exact, sliding, without buckets and without a minimum of traffic.
///
/// The instants of the last `failures` failures are kept; the newest trips if the oldest of them is at most `within` away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct FailureWindow {
    /// How many failures trip. Range: 1 to 1,048,576.
    pub failures: u32,
    /// How far apart the first and the last of them may lie. Range: above zero.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub within: Duration,
    /// What a success does to the failures recorded before its call was admitted.
    pub on_success: OnSuccess,
}

impl Default for FailureWindow {
    fn default() -> Self {
        Self { failures: 3, within: Duration::from_secs(30), on_success: OnSuccess::Clear }
    }
}

/// What a success does to the failures in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OnSuccess {
    /// Clears the failures that were recorded before its own call was admitted.
    #[default]
    Clear,
    /// Leaves them to age.
    Keep,
}

/// The share of failures over a sliding time window, with a minimum of calls.
///
/// Constant memory whatever the traffic; old calls leave the window to within a 64th of its length.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct FailureRate {
    /// The share that trips. Range: above 0, at most 1.
    pub ratio: f64,
    /// The length of the window. Range: at least 1 µs.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub over: Duration,
    /// With fewer calls in the window than this nothing trips. Range: at least 1.
    pub min_calls: u32,
}

/// The share of slow calls over a sliding time window, with a minimum of calls.
///
/// Timing every call costs two clock readings; nothing is timed while this rule is off.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SlowCalls {
    /// The share that trips. Range: above 0, at most 1.
    pub ratio: f64,
    /// A call is slow if it takes longer than this. Range: above zero.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub slower_than: Duration,
    /// The length of the window. Range: at least 1 µs.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub over: Duration,
    /// With fewer calls in the window than this nothing trips. Range: at least 1.
    pub min_calls: u32,
}

/// Calls that are out while nobody is answered: trips while they are still out.
///
/// Every call is registered while this rule is on, so it costs a lock a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Stall {
    /// How many calls have to be out. Range: 1 to 65,536.
    pub calls: u32,
    /// For how long, with no answer to anybody meanwhile. Range: above zero.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub longer_than: Duration,
}

/// How long the breaker stays open, by the level: the number of trips not yet forgiven.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum CoolDown {
    /// `min(delay × factor^level, max_delay)`.
    Exponential {
        /// The first cool-down. Range: above zero.
        #[cfg_attr(feature = "serde", serde(with = "human", default = "first_delay"))]
        delay: Duration,
        /// By how much each is longer than the one before. Range: at least 1.
        #[cfg_attr(feature = "serde", serde(default = "growth"))]
        factor: f64,
        /// The longest cool-down. Range: at least `delay`.
        #[cfg_attr(feature = "serde", serde(with = "human", default = "longest_delay"))]
        max_delay: Duration,
    },
    /// Always the same. Range: above zero.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    Constant(Duration),
    /// One for each level; the last one repeats. Range: one at least, each above zero.
    #[cfg_attr(feature = "serde", serde(with = "human::list"))]
    ByLevel(Vec<Duration>),
}

impl Default for CoolDown {
    fn default() -> Self {
        Self::Exponential { delay: first_delay(), factor: growth(), max_delay: longest_delay() }
    }
}

const fn first_delay() -> Duration {
    Duration::from_secs(1)
}

const fn growth() -> f64 {
    1.5
}

const fn longest_delay() -> Duration {
    Duration::from_secs(60)
}

/// What closing does to the level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Forgive {
    /// Closing sets it to zero.
    #[default]
    AtOnce,
    /// One level for each full interval spent closed; a new spell starts a new count. Range: above zero.
    ///
    /// An upstream that is well for seconds at a time is driven to the ceiling by this; at once serves far more of its calls.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    Each(Duration),
}

/// How the server's hints ("not before") are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Hints {
    /// The open time is the longer of the cool-down and the hint.
    #[default]
    Extend,
    /// As if there were none.
    Ignore,
    /// As [`Extend`](Self::Extend), and a limiting answer (`503` or `429` with `Retry-After`) trips at once. Right where
    /// the whole upstream is what is limited; where one tenant's quota is, it would close the door on all.
    Obey,
}
