use super::{CoolDown, Forgive, Hints, OnSuccess, Pace, Policy, PolicyError};
use crate::clock::nanos;

/// A checked [`Policy`], in the machine's own units.
///
/// There is no other way to one than [`Rules::new`], so the machine never meets a value out of its range.
///
/// ```
/// use resilience::{Policy, policy::Rules};
///
/// let rules = Rules::new(Policy::default())?;
/// assert_eq!(rules.policy(), &Policy::default());
/// # Ok::<(), resilience::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    policy: Policy,
    /// Nanoseconds, all of them.
    pub(crate) within: u64,
    pub(crate) window: u32,
    pub(crate) keep: bool,
    pub(crate) in_a_row: u32,
    pub(crate) stalled: u32,
    pub(crate) stall_time: u64,
    pub(crate) quota: Option<Pace>,
    pub(crate) max_hint: u64,
    pub(crate) stage_time: u64,
    pub(crate) deadline: u64,
    pub(crate) patience: u64,
    pub(crate) abandon_after: u64,
    /// The log keeps this many failures.
    pub(crate) log: u32,
}

/// "Off", for a count that can never be reached.
const NEVER: u32 = u32::MAX;

impl Rules {
    /// Checks a policy.
    ///
    /// # Errors
    ///
    /// The first field that is out of its range, by name.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self::of(policy))
    }

    fn of(policy: Policy) -> Self {
        let window = policy.window.map_or(NEVER, |window| window.failures);
        let in_a_row = policy.in_a_row.unwrap_or(NEVER);
        let longest = [policy.window.map(|window| window.failures), policy.in_a_row].into_iter().flatten().max();
        Self {
            within: policy.window.map_or(0, |window| nanos(window.within)),
            window,
            keep: policy.window.is_some_and(|window| window.on_success == OnSuccess::Keep),
            in_a_row,
            stalled: policy.stall.map_or(NEVER, |stall| stall.calls),
            stall_time: policy.stall.map_or(u64::MAX, |stall| nanos(stall.longer_than)),
            quota: policy.quota.map(Pace::of),
            max_hint: nanos(policy.max_hint),
            stage_time: nanos(policy.stage_time),
            deadline: nanos(policy.probe_deadline),
            patience: nanos(policy.patience()),
            abandon_after: nanos(policy.abandon_after),
            // Rules that need no instants still want a few, to tell of the first and the last failure.
            log: longest.unwrap_or(super::FailureWindow::default().failures),
            policy,
        }
    }

    /// The policy that was checked.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn watches_stalls(&self) -> bool {
        self.stalled != NEVER
    }

    /// Whether the machine keeps account of every call while it is closed.
    pub(crate) fn watches_every_call(&self) -> bool {
        self.watches_stalls() || self.quota.is_some()
    }

    /// Whether it matters what answers say of the server's own count.
    pub(crate) fn learns_quota(&self) -> bool {
        self.quota.is_some() && !self.ignores_hints()
    }

    /// Whether every call is counted, not only the failures.
    pub(crate) fn counts_calls(&self) -> bool {
        self.policy.failure_rate.is_some() || self.policy.slow_calls.is_some()
    }

    /// A call that takes longer than this, in nanoseconds, is slow.
    pub(crate) fn slow_limit(&self) -> Option<u64> {
        self.policy.slow_calls.map(|slow| nanos(slow.slower_than))
    }

    pub(crate) fn obeys_hints(&self) -> bool {
        self.policy.hints == Hints::Obey
    }

    pub(crate) fn ignores_hints(&self) -> bool {
        self.policy.hints == Hints::Ignore
    }

    pub(crate) fn forgive_each(&self) -> Option<u64> {
        match self.policy.forgive {
            Forgive::AtOnce => None,
            Forgive::Each(interval) => Some(nanos(interval)),
        }
    }

    /// `backoff(level)` of the cool-down, without jitter.
    pub(crate) fn cool_down(&self, level: u32) -> u64 {
        match &self.policy.cool_down {
            CoolDown::Constant(delay) => nanos(*delay),
            CoolDown::ByLevel(delays) => {
                let level = usize::try_from(level).unwrap_or(usize::MAX);
                delays.get(level).or(delays.last()).copied().map_or(1, nanos)
            }
            CoolDown::Exponential { delay, factor, max_delay } => {
                exponential(nanos(*delay), *factor, level, nanos(*max_delay))
            }
        }
    }

    /// The longest own cool-down.
    pub(crate) fn longest_cool_down(&self) -> u64 {
        match &self.policy.cool_down {
            CoolDown::Constant(delay) => nanos(*delay),
            CoolDown::ByLevel(delays) => delays.iter().copied().map(nanos).max().unwrap_or(1),
            CoolDown::Exponential { max_delay, .. } => nanos(*max_delay),
        }
    }

    /// The longest that an open state under these rules lasts, without jitter.
    pub(crate) fn longest_open(&self, hinted: bool) -> u64 {
        if hinted { self.max_hint } else { self.longest_cool_down() }
    }

    /// The same with all the jitter that there can be, rounded up.
    pub(crate) fn longest_jittered(&self, hinted: bool) -> u64 {
        let longest = self.longest_open(hinted);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let jitter = (longest as f64 * self.policy.jitter).ceil() as u64;
        longest.saturating_add(jitter)
    }

    /// `wait` with up to the policy's jitter on top, drawn by `draw`: a number from 0 to 2^32 − 1.
    pub(crate) fn jittered(&self, wait: u64, draw: u32) -> u64 {
        jittered(self.policy.jitter, wait, draw)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::of(Policy::default())
    }
}

/// `wait` with up to this share of it on top, drawn by `draw`: a number from 0 to 2^32 − 1.
pub(crate) fn jittered(share: f64, wait: u64, draw: u32) -> u64 {
    // 2^32 parts of the share are finer than anybody's clock; the product fits 128 bits whatever the wait.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let share = (share * 4_294_967_296.0) as u64;
    let extra = (u128::from(wait) * u128::from(share) * u128::from(draw)) >> 64;
    wait.saturating_add(u64::try_from(extra).unwrap_or(u64::MAX))
}

/// `min(delay × factor^level, max)` in nanoseconds; what overflows saturates.
pub(crate) fn exponential(delay: u64, factor: f64, level: u32, max: u64) -> u64 {
    let power = power(factor, level);
    // Floats above 2^64, infinity too, saturate in the cast; the delay itself is never zero.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let wait = (delay as f64 * power) as u64;
    // Rounding of the product must not make a step shorter than the delay it started from.
    wait.max(delay).min(max)
}

/// By squaring, in products that every machine rounds alike: `powi` may be a unit off here and not there, and a fleet
/// that restores one another's snapshots should agree on when a breaker opens.
fn power(mut factor: f64, mut level: u32) -> f64 {
    let mut power = 1.0;
    while level > 0 {
        if level & 1 == 1 {
            power *= factor;
        }
        factor *= factor;
        level >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rules(cool_down: CoolDown) -> Rules {
        Rules::new(Policy { cool_down, probe_patience: Some(Duration::from_secs(1)), ..Policy::default() }).unwrap()
    }

    #[test]
    fn default_cool_downs_are_one_second_and_half_as_long_again_each_time_up_to_a_minute() {
        let rules = Rules::default();
        let millis: Vec<u64> = (0..12).map(|level| rules.cool_down(level) / 1_000_000).collect();
        assert_eq!(millis, [1000, 1500, 2250, 3375, 5062, 7593, 11390, 17085, 25628, 38443, 57665, 60000]);
    }

    #[test]
    fn no_level_overflows_or_wraps() {
        for factor in [1.0, 1.5, 2.0, 1e9, f64::MAX] {
            let rules = rules(CoolDown::Exponential {
                delay: Duration::from_secs(1),
                factor,
                max_delay: Duration::from_secs(u64::MAX),
            });
            let mut last = 0;
            for level in [0, 1, 2, 63, 64, 65, 1024, u32::MAX / 2, u32::MAX] {
                let wait = rules.cool_down(level);
                assert!(wait >= last && wait >= 1_000_000_000, "level {level} of factor {factor} waits {wait}");
                last = wait;
            }
        }
    }

    #[test]
    fn jitter_only_adds_and_stays_within_its_share() {
        let rules = Rules::default();
        for wait in [1, 7, 1_000_000_000, u64::MAX] {
            for draw in [0, 1, u32::MAX / 2, u32::MAX] {
                let jittered = rules.jittered(wait, draw);
                assert!(jittered >= wait);
                assert!(jittered <= wait.saturating_add(wait / 10 + 1));
            }
        }
        assert_eq!(Rules::new(Policy { jitter: 0.0, ..Policy::default() }).unwrap().jittered(1000, u32::MAX), 1000);
        let whole = Rules::new(Policy { jitter: 1.0, ..Policy::default() }).unwrap();
        assert!(whole.jittered(1_000_000, u32::MAX) >= 1_999_999);
    }

    #[test]
    fn the_last_of_a_list_of_cool_downs_repeats() {
        let rules = rules(CoolDown::ByLevel(vec![Duration::from_nanos(5), Duration::from_nanos(3)]));
        assert_eq!([0, 1, 2, u32::MAX].map(|level| rules.cool_down(level)), [5, 3, 3, 3]);
        assert_eq!(rules.longest_cool_down(), 5);
    }
}
