//! The layer's policy, from the environment: one variable for each field that a service owner turns.

use super::config::ConfigError;
use crate::config::duration;
use clap::Args;
use resilience::policy::{CoolDown, FailureRate, FailureWindow, Forgive, Hints, OnSuccess, Policy, PolicyError};
use std::time::Duration;

/// When `/addEvent` is refused, for how long, and how it comes back.
///
/// Everything that is not here keeps the default of [`Policy`].
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "The breaker in front of /addEvent")]
pub struct PolicyArgs {
    /// How many failures within the window trip it.
    #[arg(long, env = "RESILIENCE_FAILURES", default_value_t = 3)]
    pub failures: u32,
    /// How far apart the first and the last of them may lie.
    #[arg(long, env = "RESILIENCE_WINDOW", default_value = "30s", value_parser = duration)]
    pub window: Duration,
    /// Whether a success clears the failures before it, or leaves them to age: `clear` or `keep`.
    #[arg(long, env = "RESILIENCE_ON_SUCCESS", default_value = "clear", value_parser = on_success)]
    pub on_success: OnSuccess,
    /// Trips after this many failures in a row, however far apart (off unless set).
    #[arg(long, env = "RESILIENCE_IN_A_ROW")]
    pub in_a_row: Option<u32>,
    /// Trips when this share of the calls failed, above 0 and at most 1 (off unless set).
    #[arg(long, env = "RESILIENCE_FAILURE_RATE")]
    pub failure_rate: Option<f64>,
    /// The sliding window of the share.
    #[arg(long, env = "RESILIENCE_RATE_WINDOW", default_value = "30s", value_parser = duration)]
    pub rate_window: Duration,
    /// The fewest calls that a share is taken of.
    #[arg(long, env = "RESILIENCE_MIN_CALLS", default_value_t = 20)]
    pub min_calls: u32,
    /// The first cool-down.
    #[arg(long, env = "RESILIENCE_DELAY", default_value = "1s", value_parser = duration)]
    pub delay: Duration,
    /// The longest cool-down.
    #[arg(long, env = "RESILIENCE_MAX_DELAY", default_value = "60s", value_parser = duration)]
    pub max_delay: Duration,
    /// By how much each cool-down is longer than the one before.
    #[arg(long, env = "RESILIENCE_FACTOR", default_value_t = 1.5)]
    pub factor: f64,
    /// The largest share that is added to a cool-down at random.
    #[arg(long, env = "RESILIENCE_JITTER", default_value_t = 0.1)]
    pub jitter: f64,
    /// What closing does to the level: `at-once`, or one level for each such time spent closed, like `30s`.
    #[arg(long, env = "RESILIENCE_FORGIVE", default_value = "at-once", value_parser = forgive)]
    pub forgive: Forgive,
    /// How a Retry-After of the upstream is taken: `obey`, `extend` or `ignore`.
    #[arg(long, env = "RESILIENCE_HINTS", default_value = "obey", value_parser = hints)]
    pub hints: Hints,
    /// The longest Retry-After that is followed.
    #[arg(long, env = "RESILIENCE_MAX_HINT", default_value = "5m", value_parser = duration)]
    pub max_hint: Duration,
    /// Calls in flight in the first stage of recovery; each stage doubles it.
    #[arg(long, env = "RESILIENCE_PROBES", default_value_t = 1)]
    pub probes: u32,
    /// Stages of recovery. Two: one good answer, then two more, and it is closed.
    #[arg(long, env = "RESILIENCE_STAGES", default_value_t = 2)]
    pub stages: u32,
    /// The least time a stage lasts.
    #[arg(long, env = "RESILIENCE_STAGE_TIME", default_value = "0s", value_parser = duration)]
    pub stage_time: Duration,
    /// A probe that is out for this long has failed.
    #[arg(long, env = "RESILIENCE_PROBE_DEADLINE", default_value = "10s", value_parser = duration)]
    pub probe_deadline: Duration,
    /// A probe that is out for this long makes room for another (the first cool-down unless set).
    #[arg(long, env = "RESILIENCE_PROBE_PATIENCE", value_parser = duration)]
    pub probe_patience: Option<Duration>,
    /// A call that its client gives up at this age or older is a failure.
    #[arg(long, env = "RESILIENCE_ABANDON_AFTER", default_value = "1s", value_parser = duration)]
    pub abandon_after: Duration,
}

impl PolicyArgs {
    /// The policy, checked.
    ///
    /// # Errors
    ///
    /// The variable whose value is out of its range.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let policy = Policy {
            window: Some(FailureWindow { failures: self.failures, within: self.window, on_success: self.on_success }),
            in_a_row: self.in_a_row,
            failure_rate: self.failure_rate.map(|ratio| FailureRate {
                ratio,
                over: self.rate_window,
                min_calls: self.min_calls,
            }),
            cool_down: CoolDown::Exponential { delay: self.delay, factor: self.factor, max_delay: self.max_delay },
            jitter: self.jitter,
            forgive: self.forgive,
            hints: self.hints,
            max_hint: self.max_hint,
            probes: self.probes,
            stages: self.stages,
            stage_time: self.stage_time,
            probe_deadline: self.probe_deadline,
            probe_patience: self.probe_patience,
            abandon_after: self.abandon_after,
            ..Policy::default()
        };
        policy.check().map_err(|error| ConfigError::new(variable(&error), format!("must be {}", error.range())))?;
        Ok(policy)
    }
}

/// The variable that a field of the policy comes from.
fn variable(error: &PolicyError) -> &'static str {
    match error.field() {
        "window.failures" => "RESILIENCE_FAILURES",
        "window.within" => "RESILIENCE_WINDOW",
        "in_a_row" => "RESILIENCE_IN_A_ROW",
        "failure_rate.ratio" => "RESILIENCE_FAILURE_RATE",
        "failure_rate.over" => "RESILIENCE_RATE_WINDOW",
        "failure_rate.min_calls" => "RESILIENCE_MIN_CALLS",
        "cool_down.delay" => "RESILIENCE_DELAY",
        "cool_down.factor" => "RESILIENCE_FACTOR",
        "cool_down.max_delay" => "RESILIENCE_MAX_DELAY",
        "jitter" => "RESILIENCE_JITTER",
        "forgive.each" => "RESILIENCE_FORGIVE",
        "max_hint" => "RESILIENCE_MAX_HINT",
        "probes" => "RESILIENCE_PROBES",
        "stages" => "RESILIENCE_STAGES",
        "probe_deadline" => "RESILIENCE_PROBE_DEADLINE",
        "probe_patience" => "RESILIENCE_PROBE_PATIENCE",
        other => other,
    }
}

fn on_success(text: &str) -> Result<OnSuccess, String> {
    match text {
        "clear" => Ok(OnSuccess::Clear),
        "keep" => Ok(OnSuccess::Keep),
        _ => Err("must be `clear` or `keep`".to_owned()),
    }
}

fn forgive(text: &str) -> Result<Forgive, String> {
    match text {
        "at-once" => Ok(Forgive::AtOnce),
        _ => duration(text).map(Forgive::Each).map_err(|_| "must be `at-once` or a duration like 30s".to_owned()),
    }
}

fn hints(text: &str) -> Result<Hints, String> {
    match text {
        "obey" => Ok(Hints::Obey),
        "extend" => Ok(Hints::Extend),
        "ignore" => Ok(Hints::Ignore),
        _ => Err("must be `obey`, `extend` or `ignore`".to_owned()),
    }
}
