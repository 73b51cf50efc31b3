//! The halves of the sentences that a [`Builder`] is told.

use super::Builder;
use crate::policy::{FailureRate, FailureWindow, Quota, SlowCalls, Stall};
use std::time::Duration;

/// `.failures(3)` …
#[must_use = "say `.within(…)`"]
#[derive(Clone, Debug)]
pub struct FailuresStep {
    pub(super) builder: Builder,
    pub(super) failures: u32,
}

impl FailuresStep {
    /// … `.within(30 s)`.
    pub fn within(self, within: Duration) -> Builder {
        let mut builder = self.builder;
        let on_success = builder.policy.window.unwrap_or_default().on_success;
        builder.policy.window = Some(FailureWindow { failures: self.failures, within, on_success });
        builder
    }
}

/// `.failure_rate(0.5)` …
#[must_use = "say `.over(…).min_calls(…)`"]
#[derive(Clone, Debug)]
pub struct FailureRateStep {
    pub(super) builder: Builder,
    pub(super) ratio: f64,
    pub(super) over: Duration,
}

impl FailureRateStep {
    /// … `.over(60 s)` …
    pub fn over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }

    /// … `.min_calls(20)`.
    pub fn min_calls(self, min_calls: u32) -> Builder {
        let mut builder = self.builder;
        builder.policy.failure_rate = Some(FailureRate { ratio: self.ratio, over: self.over, min_calls });
        builder
    }
}

/// `.slow_calls(0.5)` …
#[must_use = "say `.slower_than(…).over(…).min_calls(…)`"]
#[derive(Clone, Debug)]
pub struct SlowCallsStep {
    pub(super) builder: Builder,
    pub(super) ratio: f64,
    pub(super) slower_than: Duration,
    pub(super) over: Duration,
}

impl SlowCallsStep {
    /// … `.slower_than(2 s)` …
    pub fn slower_than(mut self, limit: Duration) -> Self {
        self.slower_than = limit;
        self
    }

    /// … `.over(60 s)` …
    pub fn over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }

    /// … `.min_calls(20)`.
    pub fn min_calls(self, min_calls: u32) -> Builder {
        let Self { mut builder, ratio, slower_than, over } = self;
        builder.policy.slow_calls = Some(SlowCalls { ratio, slower_than, over, min_calls });
        builder
    }
}

/// `.stalled(10)` …
#[must_use = "say `.for_longer_than(…)`"]
#[derive(Clone, Debug)]
pub struct StallStep {
    pub(super) builder: Builder,
    pub(super) calls: u32,
}

impl StallStep {
    /// … `.for_longer_than(5 s)`.
    pub fn for_longer_than(self, longer_than: Duration) -> Builder {
        let mut builder = self.builder;
        builder.policy.stall = Some(Stall { calls: self.calls, longer_than });
        builder
    }
}

/// `.quota(100)` …
#[must_use = "say `.per(…)`"]
#[derive(Clone, Debug)]
pub struct QuotaStep {
    pub(super) builder: Builder,
    pub(super) calls: u32,
    pub(super) burst: Option<u32>,
}

impl QuotaStep {
    /// … `.with_burst(20)`: so many of them at once. Default: a tenth of them, at least 1.
    pub fn with_burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// … `.per(60 s)`.
    pub fn per(self, per: Duration) -> Builder {
        let Self { mut builder, calls, burst } = self;
        let quota = Quota::new(calls, per);
        builder.policy.quota = Some(Quota { burst: burst.unwrap_or(quota.burst), ..quota });
        builder
    }
}
