use super::nearest::nearest;
use super::{ConfigError, VARIABLES, Variable};
use crate::policy::{CoolDown, FailureRate, FailureWindow, Forgive, Hints, OnSuccess, Quota, SlowCalls, Stall};
use crate::{Policy, PolicyError};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a share is taken of, unless it is said.
const SHARE_OVER: Duration = Duration::from_secs(30);
const SHARE_OF: u32 = 20;

#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl Policy {
    /// The default policy, changed by the variables of the environment that begin with this prefix.
    ///
    /// # Errors
    ///
    /// As for [`with_vars`](Self::with_vars).
    ///
    /// ```
    /// use resilience::Policy;
    ///
    /// // Nobody has set any.
    /// assert_eq!(Policy::from_env("RESILIENCE_EXAMPLE_")?, Policy::default());
    /// # Ok::<(), resilience::config::ConfigError>(())
    /// ```
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))] // which has no environment
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        Self::default().with_env(prefix)
    }

    /// This policy, changed by the variables of the environment that begin with this prefix.
    ///
    /// # Errors
    ///
    /// As for [`with_vars`](Self::with_vars).
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn with_env(self, prefix: &str) -> Result<Self, ConfigError> {
        let vars = std::env::vars_os().filter_map(|(name, value)| {
            // A name that is not even text is none of ours.
            let name = name.into_string().ok().filter(|name| name.starts_with(prefix))?;
            // A value that is not text reads as none that is allowed, and the error shows as much of it as can be shown.
            Some((name, value.to_string_lossy().into_owned()))
        });
        self.with_vars(prefix, vars)
    }

    /// This policy, changed by the variables among these whose names begin with this prefix: [`VARIABLES`] lists them. Of
    /// two with the same name the later one counts, so layers can be chained.
    ///
    /// A rule that may be off is switched off by `off`. Times are written as `30s`, `250ms`, `1m 30s`.
    ///
    /// # Errors
    ///
    /// The first variable that is not known, that is not what it has to be, that says nothing without another one, or whose
    /// value is out of its range. Where a value was not set but is in the way of one that was, the error says so.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::{Policy, policy::CoolDown};
    ///
    /// let base = Policy { stages: 1, ..Policy::default() };
    /// let vars = [("HOME", "/root"), ("APP_FAILURES", "off"), ("APP_IN_A_ROW", "5"), ("APP_DELAYS", "1s, 5s, 30s")];
    /// let policy = base.with_vars("APP_", vars)?;
    /// assert_eq!((policy.window, policy.in_a_row, policy.stages), (None, Some(5), 1));
    /// assert_eq!(policy.cool_down, CoolDown::ByLevel([1, 5, 30].map(Duration::from_secs).to_vec()));
    /// # Ok::<(), resilience::config::ConfigError>(())
    /// ```
    pub fn with_vars<K, V>(self, prefix: &str, vars: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut set = BTreeMap::new();
        for (name, value) in vars {
            if let Some(name) = name.as_ref().strip_prefix(prefix) {
                set.insert(name.to_owned(), value.as_ref().to_owned());
            }
        }
        let vars = Vars { prefix, set };
        vars.know_them_all()?;
        let policy = vars.change(self)?;
        policy.check().map_err(|error| vars.out_of_range(&error))?;
        Ok(policy)
    }
}

/// The variables that are set, without their prefix.
struct Vars<'a> {
    prefix: &'a str,
    set: BTreeMap<String, String>,
}

impl Vars<'_> {
    fn know_them_all(&self) -> Result<(), ConfigError> {
        let known = || VARIABLES.iter().map(|variable| variable.name);
        match self.set.keys().find(|name| !known().any(|known| known == *name)) {
            Some(unknown) => {
                let problem = match nearest(unknown, known()) {
                    Some(meant) => format!("is not known; did you mean {}{meant}?", self.prefix),
                    None => format!("is not known; these are: {}", known().collect::<Vec<_>>().join(", ")),
                };
                Err(ConfigError::variable_is(self.full(unknown), None, problem))
            }
            None => Ok(()),
        }
    }

    fn change(&self, policy: Policy) -> Result<Policy, ConfigError> {
        Ok(Policy {
            window: self.window(policy.window)?,
            in_a_row: self.or_off("IN_A_ROW", policy.in_a_row, whole)?,
            failure_rate: self.failure_rate(policy.failure_rate)?,
            slow_calls: self.slow_calls(policy.slow_calls)?,
            stall: self.stall(policy.stall)?,
            quota: self.quota(policy.quota)?,
            cool_down: self.cool_down(policy.cool_down)?,
            jitter: self.or("JITTER", policy.jitter, number)?,
            forgive: self.or("FORGIVE", policy.forgive, forgive)?,
            hints: self.or("HINTS", policy.hints, hints)?,
            max_hint: self.or("MAX_HINT", policy.max_hint, time)?,
            probes: self.or("PROBES", policy.probes, whole)?,
            stages: self.or("STAGES", policy.stages, whole)?,
            stage_time: self.or("STAGE_TIME", policy.stage_time, time)?,
            probe_deadline: self.or("PROBE_DEADLINE", policy.probe_deadline, time)?,
            probe_patience: self.or("PROBE_PATIENCE", policy.probe_patience, patience)?,
            abandon_after: self.or("ABANDON_AFTER", policy.abandon_after, time)?,
        })
    }

    fn window(&self, base: Option<FailureWindow>) -> Result<Option<FailureWindow>, ConfigError> {
        let Some(failures) = self.or_off("FAILURES", base.map(|base| base.failures), whole)? else {
            return self.say_nothing("FAILURES", &["WINDOW", "ON_SUCCESS"]);
        };
        let base = base.unwrap_or_default();
        Ok(Some(FailureWindow {
            failures,
            within: self.or("WINDOW", base.within, time)?,
            on_success: self.or("ON_SUCCESS", base.on_success, on_success)?,
        }))
    }

    fn failure_rate(&self, base: Option<FailureRate>) -> Result<Option<FailureRate>, ConfigError> {
        let Some(ratio) = self.or_off("FAILURE_RATE", base.map(|base| base.ratio), number)? else {
            return self.say_nothing("FAILURE_RATE", &["RATE_WINDOW", "MIN_CALLS"]);
        };
        let over = base.map_or(SHARE_OVER, |base| base.over);
        let min_calls = base.map_or(SHARE_OF, |base| base.min_calls);
        let (over, min_calls) = (self.or("RATE_WINDOW", over, time)?, self.or("MIN_CALLS", min_calls, whole)?);
        Ok(Some(FailureRate { ratio, over, min_calls }))
    }

    fn slow_calls(&self, base: Option<SlowCalls>) -> Result<Option<SlowCalls>, ConfigError> {
        let Some(ratio) = self.or_off("SLOW_CALLS", base.map(|base| base.ratio), number)? else {
            return self.say_nothing("SLOW_CALLS", &["SLOWER_THAN", "SLOW_WINDOW", "SLOW_MIN_CALLS"]);
        };
        let over = base.map_or(SHARE_OVER, |base| base.over);
        let min_calls = base.map_or(SHARE_OF, |base| base.min_calls);
        let slower_than = self.needed("SLOW_CALLS", "SLOWER_THAN", base.map(|base| base.slower_than))?;
        let (over, min_calls) = (self.or("SLOW_WINDOW", over, time)?, self.or("SLOW_MIN_CALLS", min_calls, whole)?);
        Ok(Some(SlowCalls { ratio, slower_than, over, min_calls }))
    }

    fn stall(&self, base: Option<Stall>) -> Result<Option<Stall>, ConfigError> {
        let Some(calls) = self.or_off("STALLED", base.map(|base| base.calls), whole)? else {
            return self.say_nothing("STALLED", &["STALL_TIME"]);
        };
        let longer_than = self.needed("STALLED", "STALL_TIME", base.map(|base| base.longer_than))?;
        Ok(Some(Stall { calls, longer_than }))
    }

    fn quota(&self, base: Option<Quota>) -> Result<Option<Quota>, ConfigError> {
        let Some(calls) = self.or_off("QUOTA", base.map(|base| base.calls), whole)? else {
            return self.say_nothing("QUOTA", &["QUOTA_TIME", "QUOTA_BURST"]);
        };
        let per = self.needed("QUOTA", "QUOTA_TIME", base.map(|base| base.per))?;
        // The burst of another number of calls would be a share that nobody chose.
        let same = base.filter(|base| base.calls == calls).map(|base| base.burst);
        let burst = self.or("QUOTA_BURST", same.unwrap_or(Quota::new(calls, per).burst), whole)?;
        Ok(Some(Quota { calls, per, burst }))
    }

    fn cool_down(&self, base: CoolDown) -> Result<CoolDown, ConfigError> {
        const GROWING: [&str; 3] = ["DELAY", "MAX_DELAY", "FACTOR"];
        let growing = GROWING.into_iter().find(|name| self.set.contains_key(*name));
        if let Some(mut delays) = self.get("DELAYS", times)? {
            return match (growing, delays.len()) {
                (Some(other), _) => {
                    let problem = format!("is set together with {}; one of them has to go", self.full(other));
                    Err(self.wrong("DELAYS", problem))
                }
                (None, 1) => Ok(CoolDown::Constant(delays.remove(0))),
                (None, _) => Ok(CoolDown::ByLevel(delays)),
            };
        }
        let base = match base {
            other @ (CoolDown::Constant(_) | CoolDown::ByLevel(_)) if growing.is_none() => return Ok(other),
            CoolDown::Exponential { delay, factor, max_delay } => (delay, factor, max_delay),
            CoolDown::Constant(_) | CoolDown::ByLevel(_) => {
                // As the builder does it: the default one, where there was another form.
                let CoolDown::Exponential { delay, factor, max_delay } = CoolDown::default() else {
                    return Ok(CoolDown::default());
                };
                (delay, factor, max_delay)
            }
        };
        Ok(CoolDown::Exponential {
            delay: self.or("DELAY", base.0, time)?,
            factor: self.or("FACTOR", base.1, number)?,
            max_delay: self.or("MAX_DELAY", base.2, time)?,
        })
    }

    /// The value of a variable, if it is set.
    fn get<T>(&self, name: &'static str, read: fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.set.get(name) else { return Ok(None) };
        match read(text.trim()) {
            Some(value) => Ok(Some(value)),
            None => {
                let takes = VARIABLES.iter().find(|variable| variable.name == name).map_or("", |known| known.takes);
                Err(self.wrong(name, format!("is {text:?}; must be {takes}")))
            }
        }
    }

    fn or<T>(&self, name: &'static str, base: T, read: fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        Ok(self.get(name, read)?.unwrap_or(base))
    }

    /// A value that may be switched off.
    fn or_off<T>(
        &self,
        name: &'static str,
        base: Option<T>,
        read: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        if self.set.get(name).is_some_and(|text| text.trim() == "off") {
            return Ok(None);
        }
        Ok(self.get(name, read)?.or(base))
    }

    /// A time without which a rule is none.
    fn needed(&self, rule: &str, name: &'static str, base: Option<Duration>) -> Result<Duration, ConfigError> {
        let found = self.get(name, time)?.or(base);
        found.ok_or_else(|| self.wrong(name, format!("is not set, and {} wants it", self.full(rule))))
    }

    /// These details of a rule must not be set, as it is off.
    fn say_nothing<T>(&self, rule: &str, details: &[&'static str]) -> Result<Option<T>, ConfigError> {
        match details.iter().find(|name| self.set.contains_key(**name)) {
            Some(detail) => Err(self.wrong(detail, format!("says nothing without {}", self.full(rule)))),
            None => Ok(None),
        }
    }

    fn out_of_range(&self, error: &PolicyError) -> ConfigError {
        // Each field has a variable, which a test makes sure of.
        let name = Variable::of_field(error.field()).map_or(error.field(), |variable| variable.name);
        let as_it_is = if self.set.contains_key(name) { "" } else { ", as it is not set" };
        let problem = format!("is {}{as_it_is}; must be {}", error.value(), error.range());
        ConfigError::variable_is(self.full(name), Some(error.field()), problem)
    }

    fn wrong(&self, name: &str, problem: String) -> ConfigError {
        let field = VARIABLES.iter().find(|variable| variable.name == name).map(|variable| variable.field);
        ConfigError::variable_is(self.full(name), field, problem)
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

fn whole(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

fn times(text: &str) -> Option<Vec<Duration>> {
    text.split(',').map(|one| time(one.trim())).collect()
}

fn on_success(text: &str) -> Option<OnSuccess> {
    match text {
        "clear" => Some(OnSuccess::Clear),
        "keep" => Some(OnSuccess::Keep),
        _ => None,
    }
}

fn forgive(text: &str) -> Option<Forgive> {
    if matches!(text, "at-once" | "at_once") { Some(Forgive::AtOnce) } else { time(text).map(Forgive::Each) }
}

/// "As the delay" is what it is unless it is set.
fn patience(text: &str) -> Option<Option<Duration>> {
    if text == "delay" { Some(None) } else { time(text).map(Some) }
}

fn hints(text: &str) -> Option<Hints> {
    match text {
        "extend" => Some(Hints::Extend),
        "ignore" => Some(Hints::Ignore),
        "obey" => Some(Hints::Obey),
        _ => None,
    }
}
