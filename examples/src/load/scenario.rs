//! What happens to the upstream, and when.
//!
//! As text: the name of a trouble and, in brackets, whatever is to be different from its defaults.
//!
//! | trouble | what the upstream does with `POST /addEvent` meanwhile | fields |
//! |---|---|---|
//! | `outage` | answers 503, each after a while | `delay` (100 ms) |
//! | `brown-out` | answers 503 to a share | `share` (50 %) |
//! | `rate-limit` | serves so many a second, and answers 429 with `Retry-After` to the others | `rate` (20) |
//! | `flapping` | is down and up by turns, as an outage | `down`, `up` (2 s each), `delay` (100 ms) |
//! | `hang` | does not answer a share | `share` (100 %) |
//!
//! Each has `before` (3 s of good health), `for` (6 s of trouble) and `after` (6 s of good health again):
//! `outage(before=1s, for=10s, delay=50ms)`.

use crate::config::{display_duration, duration, positive_duration};
use crate::event_api::faults::{Fault, Faults, FaultsError, RouteName};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Healthy, in trouble, healthy again.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Good health, to begin with.
    pub before: Duration,
    /// What then goes wrong.
    pub trouble: Trouble,
    /// For how long.
    pub lasts: Duration,
    /// Good health, at the end.
    pub after: Duration,
}

/// What goes wrong. The [module](self) says what each means.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the table of the module says what each field means")]
pub enum Trouble {
    Outage { delay: Duration },
    BrownOut { share: f64 },
    RateLimit { rate: u32 },
    Flapping { down: Duration, up: Duration, delay: Duration },
    Hang { share: f64 },
}

/// A stretch of time in which the upstream behaves in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// When it begins, from the start of the run.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
    /// Whether the upstream is sick.
    pub sick: bool,
    /// How it behaves.
    pub faults: Faults,
}

/// A scenario is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ScenarioError {
    field: String,
    reason: String,
}

impl ScenarioError {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// What is not acceptable, like `brown-out.share`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

/// Where a scenario must end, however long each of its parts: times are added up and drawn.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The most turns of a flapping upstream.
const MOST_PHASES: u128 = 1000;
const NAMES: &str = "outage, brown-out, rate-limit, flapping, hang";

impl Scenario {
    /// How long it takes.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.before.saturating_add(self.lasts).saturating_add(self.after)
    }

    /// What the upstream does in turn, without gaps, from zero to [`total`](Self::total).
    ///
    /// # Errors
    ///
    /// If the upstream has no such fault.
    pub fn phases(&self) -> Result<Vec<Phase>, FaultsError> {
        let (begin, end) = (self.before, self.before.saturating_add(self.lasts));
        let mut phases = Vec::new();
        let mut push = |from: Duration, to: Duration, sick: bool| -> Result<(), FaultsError> {
            if to > from {
                let faults = if sick { self.trouble.faults()? } else { Faults::healthy() };
                phases.push(Phase { from, to, sick, faults });
            }
            Ok(())
        };
        push(Duration::ZERO, begin, false)?;
        if let Trouble::Flapping { down, up, .. } = self.trouble {
            let (mut now, mut sick) = (begin, true);
            while now < end {
                let next = now.saturating_add(if sick { down } else { up }).min(end);
                push(now, next, sick)?;
                (now, sick) = (next, !sick);
            }
        } else {
            push(begin, end, true)?;
        }
        push(end, self.total(), false)?;
        Ok(phases)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |field: &str, reason: &str| Err(ScenarioError::new(self.trouble.field(field), reason));
        if self.total() > LONGEST {
            return wrong("for", "is too long: a scenario takes a day at most");
        }
        match self.trouble {
            Trouble::BrownOut { share } | Trouble::Hang { share } if !(share > 0.0 && share <= 1.0) => {
                wrong("share", "must be above 0 and at most 100%")
            }
            Trouble::RateLimit { rate: 0 } => wrong("rate", "must be at least 1"),
            Trouble::Flapping { down, up, .. }
                if self.lasts.as_nanos() / down.saturating_add(up).as_nanos().max(1) > MOST_PHASES / 2 =>
            {
                wrong("down", "is too short: the upstream would flap more than 500 times")
            }
            _ => Ok(()),
        }
    }
}

impl Trouble {
    /// Its name, as it is written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Outage { .. } => "outage",
            Self::BrownOut { .. } => "brown-out",
            Self::RateLimit { .. } => "rate-limit",
            Self::Flapping { .. } => "flapping",
            Self::Hang { .. } => "hang",
        }
    }

    fn field(&self, field: &str) -> String {
        format!("{}.{field}", self.name())
    }

    fn faults(&self) -> Result<Faults, FaultsError> {
        let faults = match *self {
            Self::Outage { delay } | Self::Flapping { delay, .. } => {
                let slow = (!delay.is_zero()).then_some(Fault::Slow { by: delay });
                let outage = Fault::Outage { lasts: None, status: 503, retry_after: None };
                slow.into_iter().chain([outage]).collect()
            }
            Self::BrownOut { share } => vec![Fault::BrownOut { share, status: 503 }],
            Self::RateLimit { rate } => vec![Fault::RateLimit { per_second: rate, status: 429, retry_after: None }],
            Self::Hang { share } => vec![Fault::Hang { share }],
        };
        faults.into_iter().try_fold(Faults::healthy(), |plan, fault| plan.with(RouteName::AddEvent, fault))
    }
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let (name, fields) = match text.trim().split_once('(') {
            None => (text.trim(), ""),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')');
                (name.trim(), inner.ok_or_else(|| ScenarioError::new(shown(name), "the closing bracket is missing"))?)
            }
        };
        let second = Duration::from_secs(1);
        let delay = Duration::from_millis(100);
        let trouble = match name {
            "outage" => Trouble::Outage { delay },
            "brown-out" => Trouble::BrownOut { share: 0.5 },
            "rate-limit" => Trouble::RateLimit { rate: 20 },
            "flapping" => Trouble::Flapping { down: 2 * second, up: 2 * second, delay },
            "hang" => Trouble::Hang { share: 1.0 },
            _ => return Err(ScenarioError::new(shown(name), format!("is no scenario; there are {NAMES}"))),
        };
        let mut scenario = Self { before: 3 * second, trouble, lasts: 6 * second, after: 6 * second };
        for field in fields.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=').map_or((field, ""), |(key, value)| (key.trim(), value.trim()));
            let wrong = |reason: String| ScenarioError::new(format!("{name}.{}", shown(key)), reason);
            scenario.set(key, value).map_err(wrong)?;
        }
        scenario.check()?;
        Ok(scenario)
    }
}

impl Scenario {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, &mut self.trouble) {
            ("before", _) => self.before = duration(value)?,
            ("for", _) => self.lasts = positive_duration(value)?,
            ("after", _) => self.after = duration(value)?,
            ("delay", Trouble::Outage { delay } | Trouble::Flapping { delay, .. }) => *delay = duration(value)?,
            ("down", Trouble::Flapping { down, .. }) => *down = positive_duration(value)?,
            ("up", Trouble::Flapping { up, .. }) => *up = positive_duration(value)?,
            ("share", Trouble::BrownOut { share: own } | Trouble::Hang { share: own }) => *own = share(value)?,
            ("rate", Trouble::RateLimit { rate }) => {
                *rate = value.parse().map_err(|_| "must be a whole number".to_owned())?;
            }
            _ => return Err("is no field of this scenario".to_owned()),
        }
        Ok(())
    }
}

/// A share as `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (digits, unit) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits.trim(), 100.0));
    let share: f64 = digits.parse().map_err(|_| "must be a share like 5% or 0.05".to_owned())?;
    Ok(share / unit)
}

/// A piece of the text in a message, but not at any length.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = display_duration;
        let (before, lasts, after) = (time(self.before), time(self.lasts), time(self.after));
        write!(f, "{}(before={before}, for={lasts}, after={after}", self.trouble.name())?;
        match self.trouble {
            Trouble::Outage { delay } => write!(f, ", delay={}", time(delay))?,
            Trouble::BrownOut { share } | Trouble::Hang { share } => write!(f, ", share={share}")?,
            Trouble::RateLimit { rate } => write!(f, ", rate={rate}")?,
            Trouble::Flapping { down, up, delay } => {
                write!(f, ", down={}, up={}, delay={}", time(down), time(up), time(delay))?;
            }
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn parse(text: &str) -> Scenario {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_alone_is_a_scenario_and_every_scenario_is_read_as_it_is_written() {
        for name in NAMES.split(", ") {
            let scenario = parse(name);
            assert_eq!(scenario.trouble.name(), name);
            assert_eq!(scenario.total(), secs(15));
            assert_eq!(parse(&scenario.to_string()), scenario);
        }
        let scenario = parse(" flapping ( before = 1s, for=10s,after=0s,down=3s,up=250ms, delay=0s) ".trim());
        assert_eq!(scenario.total(), secs(11));
        assert_eq!(parse(&scenario.to_string()), scenario);
        assert_eq!(parse("brown-out(share=5%)").trouble, Trouble::BrownOut { share: 0.05 });
    }

    #[test]
    fn an_error_names_its_field() {
        for (text, field) in [
            ("", ""),
            ("earthquake", "earthquake"),
            ("outage(for=1s", "outage"),
            ("outage(for=0s)", "outage.for"),
            ("outage(for=soon)", "outage.for"),
            ("outage(for=48h)", "outage.for"),
            ("outage(share=1)", "outage.share"),
            ("outage(before)", "outage.before"),
            ("brown-out(share=0)", "brown-out.share"),
            ("brown-out(share=101%)", "brown-out.share"),
            ("hang(share=NaN)", "hang.share"),
            ("rate-limit(rate=0)", "rate-limit.rate"),
            ("rate-limit(rate=-1)", "rate-limit.rate"),
            ("flapping(up=0s)", "flapping.up"),
            ("flapping(up=1ms, down=1ms)", "flapping.down"),
        ] {
            let error = text.parse::<Scenario>().unwrap_err();
            assert_eq!(error.field(), field, "{text}: {error}");
            assert!(error.to_string().starts_with(field));
        }
    }

    #[test]
    fn phases_follow_one_another_from_the_start_to_the_end() {
        for text in ["outage", "flapping(for=5s)", "hang(before=0s,after=0s)"] {
            let scenario = parse(text);
            let phases = scenario.phases().unwrap();
            assert_eq!(phases.first().unwrap().from, Duration::ZERO);
            assert_eq!(phases.last().unwrap().to, scenario.total());
            assert!(phases.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].sick != pair[1].sick));
        }
        let flapping = parse("flapping(for=5s)").phases().unwrap();
        let sick: Vec<_> = flapping.iter().filter(|phase| phase.sick).map(|phase| (phase.from, phase.to)).collect();
        assert_eq!(sick, [(secs(3), secs(5)), (secs(7), secs(8))]);
    }

    #[test]
    fn only_the_guarded_route_is_sick() {
        let phases = parse("outage").phases().unwrap();
        assert_eq!(phases[1].faults.to_string(), "addEvent=slow(100ms)+outage(-,503,-)");
        assert_eq!(phases[2].faults, Faults::healthy());
    }
}
