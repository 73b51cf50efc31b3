use crate::clock::Instant;
use std::fmt;
use std::time::Duration;

/// What made a breaker trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rule {
    /// So many failures within so long.
    FailureWindow,
    /// So many failures in a row.
    InARow,
    /// The share of failures.
    FailureRate,
    /// The share of slow calls.
    SlowCalls,
    /// Calls out and nobody answered.
    Stall,
    /// A limiting answer, under a policy that obeys hints.
    Hint,
    /// A probe failed.
    Probe,
    /// A probe outlived its deadline.
    ProbeDeadline,
}

impl Rule {
    /// A short name for metrics and logs.
    ///
    /// ```
    /// assert_eq!(resilience::machine::Rule::FailureWindow.name(), "failure_window");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailureWindow => "failure_window",
            Self::InARow => "in_a_row",
            Self::FailureRate => "failure_rate",
            Self::SlowCalls => "slow_calls",
            Self::Stall => "stall",
            Self::Hint => "hint",
            Self::Probe => "probe",
            Self::ProbeDeadline => "probe_deadline",
        }
    }

    /// Whether it trips from half-open.
    pub(crate) const fn is_probe(self) -> bool {
        matches!(self, Self::Probe | Self::ProbeDeadline)
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::FailureWindow => 1,
            Self::InARow => 2,
            Self::FailureRate => 3,
            Self::SlowCalls => 4,
            Self::Stall => 5,
            Self::Hint => 6,
            Self::Probe => 7,
            Self::ProbeDeadline => 8,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::FailureWindow,
            2 => Self::InARow,
            3 => Self::FailureRate,
            4 => Self::SlowCalls,
            5 => Self::Stall,
            6 => Self::Hint,
            7 => Self::Probe,
            8 => Self::ProbeDeadline,
            _ => return None,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FailureWindow => "failures within the window",
            Self::InARow => "failures in a row",
            Self::FailureRate => "the share of failures",
            Self::SlowCalls => "the share of slow calls",
            Self::Stall => "calls out and nobody answered",
            Self::Hint => "the upstream limits its callers",
            Self::Probe => "a probe failed",
            Self::ProbeDeadline => "a probe ran out of time",
        })
    }
}

/// The summary of a trip: what refusals tell while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trip {
    /// What tripped.
    pub rule: Rule,
    /// The failures (or slow calls, or calls out) that were counted.
    pub failures: u32,
    /// The calls among which they were counted, for the rules that count shares; else the same number.
    pub calls: u32,
    /// The first of the failures that were counted. For shares: the oldest that is still remembered.
    pub first: Instant,
    /// The last of them.
    pub last: Instant,
    /// The level after this trip: 1 for the first one.
    pub level: u32,
    /// Whether a hint of the server made it longer than the cool-down of its level.
    pub hinted: bool,
    /// When it tripped.
    pub at: Instant,
    /// When half-open begins.
    pub until: Instant,
}

impl Trip {
    /// How long the breaker stays open for this trip.
    #[must_use]
    pub const fn open_for(&self) -> Duration {
        self.until.saturating_since(self.at)
    }
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// The breaker is open: the cool-down is not over.
    Open,
    /// Half-open, and every slot for a probe is taken.
    ProbesOut,
    /// Half-open in its first stage, and this request may not probe.
    MayNotProbe,
    /// An operator forced it open.
    ForcedOpen,
    /// The service was found refusing when it was polled for readiness, so the inner service was not readied; it would not refuse now.
    StaleReadiness,
    /// The quota of the upstream is used up.
    Quota,
}

impl Reason {
    /// A short name for metrics and logs.
    ///
    /// ```
    /// assert_eq!(resilience::Reason::ProbesOut.name(), "probes_out");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::ProbesOut => "probes_out",
            Self::MayNotProbe => "may_not_probe",
            Self::ForcedOpen => "forced_open",
            Self::StaleReadiness => "stale_readiness",
            Self::Quota => "quota",
        }
    }
}

impl Reason {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::ProbesOut => 1,
            Self::MayNotProbe => 2,
            Self::ForcedOpen => 3,
            Self::StaleReadiness => 4,
            Self::Quota => 5,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::ProbesOut,
            2 => Self::MayNotProbe,
            3 => Self::ForcedOpen,
            4 => Self::StaleReadiness,
            5 => Self::Quota,
            _ => Self::Open,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Open => "the breaker is open",
            Self::ProbesOut => "the breaker is half-open and all its probes are out",
            Self::MayNotProbe => "the breaker is half-open and this request may not probe",
            Self::ForcedOpen => "the breaker was forced open",
            Self::StaleReadiness => "the service was readied while it refused",
            Self::Quota => "the quota of the upstream is used up",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A refusal as the machine gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// How long to wait before coming back.
    pub wait: Duration,
}

/// The calls of the sliding window at the moment of an outcome, that outcome included.
///
/// Counted outside the machine, because many threads count at once; zero where no rule asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Calls that ended within the failure-rate window.
    pub rate_calls: u64,
    /// Those of them that failed.
    pub rate_failures: u64,
    /// Calls that ended within the slow-call window.
    pub slow_calls: u64,
    /// Those of them that were slow.
    pub slow: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_rules_come_back_from_their_codes() {
        use Reason::{ForcedOpen, MayNotProbe, Open, ProbesOut, Quota, StaleReadiness};
        for reason in [Open, ProbesOut, MayNotProbe, ForcedOpen, StaleReadiness, Quota] {
            assert_eq!(Reason::from_code(reason.code()), reason);
        }
        for code in 1..=8 {
            assert_eq!(Rule::from_code(code).map(Rule::code), Some(code));
        }
        assert_eq!((Rule::from_code(0), Rule::from_code(9)), (None, None));
    }

    #[test]
    fn the_rules_of_probes_are_told_from_those_of_calls() {
        let probes: Vec<Rule> = (1..=8).filter_map(Rule::from_code).filter(|rule| rule.is_probe()).collect();
        assert_eq!(probes, [Rule::Probe, Rule::ProbeDeadline]);
    }
}
