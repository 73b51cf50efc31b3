use crate::Policy;
use crate::policy::{CoolDown, Forgive, Hints, OnSuccess};
use std::fmt::Display;
use std::time::Duration;

#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl Policy {
    /// The variables that make this policy, names with this prefix: what [`with_vars`](Self::with_vars) reads, over whatever
    /// policy. To show which settings are in force, or to hand them on to another process.
    ///
    /// ```
    /// use resilience::Policy;
    ///
    /// let policy = Policy { stages: 1, ..Policy::default() };
    /// let vars = policy.to_vars("APP_");
    /// assert!(vars.contains(&("APP_STAGES".to_owned(), "1".to_owned())));
    /// assert!(vars.contains(&("APP_IN_A_ROW".to_owned(), "off".to_owned())));
    /// assert_eq!(Policy::default().with_vars("APP_", vars)?, policy);
    /// # Ok::<(), resilience::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn to_vars(&self, prefix: &str) -> Vec<(String, String)> {
        // By all its fields, so that a new one is not forgotten here.
        let Self {
            window,
            in_a_row,
            failure_rate,
            slow_calls,
            stall,
            quota,
            cool_down,
            jitter,
            forgive,
            hints,
            max_hint,
            probes,
            stages,
            stage_time,
            probe_deadline,
            probe_patience,
            abandon_after,
        } = self;
        let mut vars = Vec::new();
        let mut set = |name: &str, value: String| vars.push((format!("{prefix}{name}"), value));
        set("FAILURES", or_off(window.map(|window| window.failures)));
        if let Some(window) = window {
            set("WINDOW", time(window.within));
            set("ON_SUCCESS", on_success(window.on_success).to_owned());
        }
        set("IN_A_ROW", or_off(*in_a_row));
        set("FAILURE_RATE", or_off(failure_rate.map(|rate| rate.ratio)));
        if let Some(rate) = failure_rate {
            set("RATE_WINDOW", time(rate.over));
            set("MIN_CALLS", rate.min_calls.to_string());
        }
        set("SLOW_CALLS", or_off(slow_calls.map(|slow| slow.ratio)));
        if let Some(slow) = slow_calls {
            set("SLOWER_THAN", time(slow.slower_than));
            set("SLOW_WINDOW", time(slow.over));
            set("SLOW_MIN_CALLS", slow.min_calls.to_string());
        }
        set("STALLED", or_off(stall.map(|stall| stall.calls)));
        if let Some(stall) = stall {
            set("STALL_TIME", time(stall.longer_than));
        }
        set("QUOTA", or_off(quota.map(|quota| quota.calls)));
        if let Some(quota) = quota {
            set("QUOTA_TIME", time(quota.per));
            set("QUOTA_BURST", quota.burst.to_string());
        }
        match cool_down {
            CoolDown::Exponential { delay, factor, max_delay } => {
                set("DELAY", time(*delay));
                set("MAX_DELAY", time(*max_delay));
                set("FACTOR", factor.to_string());
            }
            CoolDown::Constant(delay) => set("DELAYS", time(*delay)),
            CoolDown::ByLevel(delays) => {
                set("DELAYS", delays.iter().copied().map(time).collect::<Vec<_>>().join(","));
            }
        }
        set("JITTER", jitter.to_string());
        set(
            "FORGIVE",
            match forgive {
                Forgive::AtOnce => "at-once".to_owned(),
                Forgive::Each(interval) => time(*interval),
            },
        );
        set("HINTS", hints_text(*hints).to_owned());
        set("MAX_HINT", time(*max_hint));
        set("PROBES", probes.to_string());
        set("STAGES", stages.to_string());
        set("STAGE_TIME", time(*stage_time));
        set("PROBE_DEADLINE", time(*probe_deadline));
        set("PROBE_PATIENCE", probe_patience.map_or_else(|| "delay".to_owned(), time));
        set("ABANDON_AFTER", time(*abandon_after));
        vars
    }
}

fn or_off<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "off".to_owned(), |value| value.to_string())
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

const fn on_success(on_success: OnSuccess) -> &'static str {
    match on_success {
        OnSuccess::Clear => "clear",
        OnSuccess::Keep => "keep",
    }
}

const fn hints_text(hints: Hints) -> &'static str {
    match hints {
        Hints::Extend => "extend",
        Hints::Ignore => "ignore",
        Hints::Obey => "obey",
    }
}
