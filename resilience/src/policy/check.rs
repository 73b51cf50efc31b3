use super::{CoolDown, Forgive, Policy, PolicyError};
use crate::clock::nanos;
use std::time::Duration;

/// The most failures a window or a run may ask for: their instants are kept.
pub(crate) const MAX_FAILURES: u32 = 1 << 20;
/// The most calls the stall rule may ask for: their instants are kept, too.
pub(crate) const MAX_STALLED: u32 = 1 << 16;
/// The most probes that may ever be out at once.
pub(crate) const MAX_PROBES: u32 = 4096;
/// The shortest window that 64 buckets of at least a few nanoseconds can resolve.
const MIN_WINDOW: Duration = Duration::from_micros(1);

const COUNT: &str = "at least 1";
const FAILURES: &str = "from 1 to 1048576";
const SPAN: &str = "longer than zero";
const RATIO: &str = "above 0 and at most 1";
const WINDOW: &str = "at least 1 µs";

pub(crate) fn require(
    ok: bool,
    field: &'static str,
    value: impl std::fmt::Debug,
    range: &'static str,
) -> Result<(), PolicyError> {
    if ok { Ok(()) } else { Err(PolicyError::new(field, value, range)) }
}

pub(crate) fn span(field: &'static str, value: Duration) -> Result<(), PolicyError> {
    require(!value.is_zero(), field, value, SPAN)
}

fn ratio(field: &'static str, value: f64) -> Result<(), PolicyError> {
    // A comparison with NaN is false, so NaN is refused here, too.
    require(value > 0.0 && value <= 1.0, field, value, RATIO)
}

impl Policy {
    /// Whether every field is in its range.
    ///
    /// # Errors
    ///
    /// The first field that is not, by name.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.check_rules()?;
        self.check_cool_down()?;
        self.check_recovery()
    }

    fn check_rules(&self) -> Result<(), PolicyError> {
        if let Some(window) = &self.window {
            require((1..=MAX_FAILURES).contains(&window.failures), "window.failures", window.failures, FAILURES)?;
            span("window.within", window.within)?;
        }
        if let Some(run) = self.in_a_row {
            require((1..=MAX_FAILURES).contains(&run), "in_a_row", run, FAILURES)?;
        }
        if let Some(rate) = &self.failure_rate {
            ratio("failure_rate.ratio", rate.ratio)?;
            require(rate.over >= MIN_WINDOW, "failure_rate.over", rate.over, WINDOW)?;
            require(rate.min_calls > 0, "failure_rate.min_calls", rate.min_calls, COUNT)?;
        }
        if let Some(slow) = &self.slow_calls {
            ratio("slow_calls.ratio", slow.ratio)?;
            span("slow_calls.slower_than", slow.slower_than)?;
            require(slow.over >= MIN_WINDOW, "slow_calls.over", slow.over, WINDOW)?;
            require(slow.min_calls > 0, "slow_calls.min_calls", slow.min_calls, COUNT)?;
        }
        if let Some(stall) = &self.stall {
            require((1..=MAX_STALLED).contains(&stall.calls), "stall.calls", stall.calls, "from 1 to 65536")?;
            span("stall.longer_than", stall.longer_than)?;
        }
        if let Some(quota) = &self.quota {
            require(quota.calls > 0, "quota.calls", quota.calls, COUNT)?;
            span("quota.per", quota.per)?;
            require((1..=quota.calls).contains(&quota.burst), "quota.burst", quota.burst, "from 1 to `quota.calls`")?;
        }
        Ok(())
    }

    fn check_cool_down(&self) -> Result<(), PolicyError> {
        match &self.cool_down {
            CoolDown::Exponential { delay, factor, max_delay } => {
                span("cool_down.delay", *delay)?;
                require(*factor >= 1.0 && factor.is_finite(), "cool_down.factor", factor, "a number of at least 1")?;
                require(max_delay >= delay, "cool_down.max_delay", max_delay, "at least `cool_down.delay`")?;
            }
            CoolDown::Constant(delay) => span("cool_down.constant", *delay)?,
            CoolDown::ByLevel(delays) => {
                require(!delays.is_empty(), "cool_down.by_level", delays, "one duration at least")?;
                require(!delays.iter().any(Duration::is_zero), "cool_down.by_level", delays, "longer than zero, each")?;
            }
        }
        require((0.0..=1.0).contains(&self.jitter), "jitter", self.jitter, "from 0 to 1")?;
        if let Forgive::Each(interval) = self.forgive {
            span("forgive.each", interval)?;
        }
        span("max_hint", self.max_hint)
    }

    fn check_recovery(&self) -> Result<(), PolicyError> {
        require((1..=MAX_PROBES).contains(&self.probes), "probes", self.probes, "from 1 to 4096")?;
        require((1..=13).contains(&self.stages), "stages", self.stages, "from 1 to 13")?;
        span("probe_deadline", self.probe_deadline)?;
        if let Some(patience) = self.probe_patience {
            span("probe_patience", patience)?;
        }
        // Probes out of patience make room for others, so up to `deadline / patience` times the last stage's may be out.
        let patience = u128::from(nanos(self.patience()));
        let last_stage = u128::from(self.probes) << (self.stages - 1);
        let limit = u128::from(MAX_PROBES);
        require(last_stage <= limit, "probes", self.probes, "such that probes × 2^(stages − 1) is at most 4096")?;
        require(
            last_stage * (patience + u128::from(nanos(self.probe_deadline))) <= limit * patience,
            "probe_patience",
            self.patience(),
            "so long that probes × 2^(stages − 1) × (1 + probe_deadline / probe_patience) is at most 4096",
        )
    }

    /// The time after which a probe makes room for another.
    pub(crate) fn patience(&self) -> Duration {
        self.probe_patience.unwrap_or_else(|| self.cool_down.first())
    }
}

impl CoolDown {
    /// The cool-down of level zero.
    pub(crate) fn first(&self) -> Duration {
        match self {
            Self::Exponential { delay, .. } => *delay,
            Self::Constant(delay) => *delay,
            Self::ByLevel(delays) => delays.first().copied().unwrap_or_default(),
        }
    }
}
