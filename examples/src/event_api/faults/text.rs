//! Plans as one line of text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Fault, Faults, FaultsError, RouteName, all, unavailable};
use crate::config::{display_duration, duration};

impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Self, FaultsError> {
        let mut faults = Self::healthy();
        for (place, entry) in text.split(';').map(str::trim).enumerate() {
            match entry {
                "default" | "healthy" if place > 0 => {
                    return Err(FaultsError::new(shown(entry), "can only be the first entry"));
                }
                "default" => faults = Self::default(),
                "healthy" | "" => {}
                _ => faults = add(faults, entry)?,
            }
        }
        Ok(faults)
    }
}

/// Adds what one entry says: what it says about a route takes the place of what was said before.
fn add(mut faults: Faults, entry: &str) -> Result<Faults, FaultsError> {
    let (routes, list) = match entry.split_once('=').map(|(left, right)| (left.trim(), right.trim())) {
        Some(("seed", seed)) => {
            let seed = seed.parse().map_err(|_| FaultsError::new("seed", "must be a whole number"))?;
            return Ok(faults.seed(seed));
        }
        Some((name, list)) => {
            let route = RouteName::ALL.into_iter().find(|route| route.as_str() == name);
            let names = RouteName::ALL.map(RouteName::as_str).join(", ");
            let unknown = || FaultsError::new(shown(name), format!("is no route; there are {names}"));
            (vec![route.ok_or_else(unknown)?], list)
        }
        None => (RouteName::ALL.to_vec(), entry),
    };
    for route in routes {
        faults.routes.remove(&route);
        if list != "healthy" {
            for fault in list.split('+') {
                faults = faults.with(route, fault.trim().parse()?)?;
            }
        }
    }
    Ok(faults)
}

/// A piece of the text in a message, but not at any length.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

impl FromStr for Fault {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Self, FaultsError> {
        let (name, arguments) = match text.split_once('(') {
            None => (text, ""),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')');
                (name, inner.ok_or_else(|| FaultsError::new(shown(text), "the closing bracket is missing"))?)
            }
        };
        let mut arguments = Arguments { fault: shown(text), rest: arguments.split(',') };
        let fault = match name.trim() {
            "cycle" => Self::Cycle {
                serve: arguments.needed("how many to serve", number)?,
                fail: arguments.needed("how many to fail", number)?,
                delay: arguments.next(time)?.unwrap_or_default(),
                status: arguments.next(number)?.unwrap_or_else(unavailable),
            },
            "outage" => Self::Outage {
                lasts: arguments.next(time)?,
                status: arguments.next(number)?.unwrap_or_else(unavailable),
                retry_after: arguments.next(time)?,
            },
            "brown-out" => Self::BrownOut {
                share: arguments.needed("a share", share)?,
                status: arguments.next(number)?.unwrap_or_else(unavailable),
            },
            "flapping" => Self::Flapping {
                up: arguments.needed("how long it is well", time)?,
                down: arguments.needed("how long it is not", time)?,
                status: arguments.next(number)?.unwrap_or_else(unavailable),
            },
            "rate-limit" => Self::RateLimit {
                per_second: arguments.needed("how many a second", number)?,
                status: arguments.next(number)?.unwrap_or_else(unavailable),
                retry_after: arguments.next(time)?,
            },
            "slow" => Self::Slow { by: arguments.needed("a time", time)? },
            "hang" => Self::Hang { share: arguments.next(share)?.unwrap_or_else(all) },
            "close" => Self::Close { share: arguments.next(share)?.unwrap_or_else(all) },
            "reset" => Self::Reset { share: arguments.next(share)?.unwrap_or_else(all) },
            "garbage" => Self::Garbage { share: arguments.next(share)?.unwrap_or_else(all) },
            "cut-body" => Self::CutBody { share: arguments.next(share)?.unwrap_or_else(all) },
            _ => {
                let names =
                    "cycle, outage, brown-out, flapping, rate-limit, slow, hang, close, reset, garbage, cut-body";
                return Err(FaultsError::new(shown(text), format!("is no fault; there are {names}")));
            }
        };
        arguments.end()?;
        Ok(fault)
    }
}

struct Arguments<'t> {
    fault: String,
    rest: std::str::Split<'t, char>,
}

impl<'t> Arguments<'t> {
    /// The next argument; `-` and nothing stand for its default.
    fn next<T>(&mut self, read: impl Fn(&'t str) -> Result<T, String>) -> Result<Option<T>, FaultsError> {
        match self.rest.next().map(str::trim) {
            None | Some("" | "-") => Ok(None),
            Some(text) => read(text).map(Some).map_err(|reason| FaultsError::new(self.fault.clone(), reason)),
        }
    }

    fn needed<T>(&mut self, what: &str, read: impl Fn(&'t str) -> Result<T, String>) -> Result<T, FaultsError> {
        self.next(read)?.ok_or_else(|| FaultsError::new(self.fault.clone(), format!("needs {what}")))
    }

    fn end(mut self) -> Result<(), FaultsError> {
        match self.rest.next() {
            Some(text) if !text.trim().is_empty() => Err(FaultsError::new(self.fault, "has too many arguments")),
            _ => Ok(()),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{} is no whole number that fits here", shown(text)))
}

fn time(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|reason| format!("{}: {reason}", shown(text)))
}

/// A share as `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (digits, unit) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits.trim(), 100.0));
    let share: f64 = digits.parse().map_err(|_| format!("{} is no share like 5% or 0.05", shown(text)))?;
    Ok(share / unit)
}

fn display_share(share: f64) -> String {
    let percent = (share * 100.0).round();
    // Shares that are no whole number of hundredths would change on the way through per cent.
    if percent / 100.0 == share { format!("{percent}%") } else { share.to_string() }
}

fn display_option(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), display_duration)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle { serve, fail, delay, status } => {
                write!(f, "cycle({serve},{fail},{},{status})", display_duration(*delay))
            }
            Self::Outage { lasts, status, retry_after } => {
                write!(f, "outage({},{status},{})", display_option(*lasts), display_option(*retry_after))
            }
            Self::BrownOut { share, status } => write!(f, "brown-out({},{status})", display_share(*share)),
            Self::Flapping { up, down, status } => {
                write!(f, "flapping({},{},{status})", display_duration(*up), display_duration(*down))
            }
            Self::RateLimit { per_second, status, retry_after } => {
                write!(f, "rate-limit({per_second},{status},{})", display_option(*retry_after))
            }
            Self::Slow { by } => write!(f, "slow({})", display_duration(*by)),
            Self::Hang { share } => write!(f, "hang({})", display_share(*share)),
            Self::Close { share } => write!(f, "close({})", display_share(*share)),
            Self::Reset { share } => write!(f, "reset({})", display_share(*share)),
            Self::Garbage { share } => write!(f, "garbage({})", display_share(*share)),
            Self::CutBody { share } => write!(f, "cut-body({})", display_share(*share)),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries = Vec::new();
        for (route, faults) in &self.routes {
            let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
            if !faults.is_empty() {
                entries.push(format!("{}={}", route.as_str(), faults.join("+")));
            }
        }
        if entries.is_empty() {
            entries.push("healthy".to_owned());
        }
        if self.seed != 0 {
            entries.push(format!("seed={}", self.seed));
        }
        f.write_str(&entries.join("; "))
    }
}
