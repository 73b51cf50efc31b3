//! The flags of the replay.

use super::log::{Edge, Reading};
use super::policies::PolicyArg;
use clap::{Parser, ValueEnum};
use resilience::classify::HttpStatus;
use std::path::PathBuf;
use std::time::Duration;

/// Plays access logs to breakers, and tells what each would have done: when it would have tripped and why, what it would
/// have refused, rightly and in vain, and which failures would have got through.
///
/// Logs are in the common or the combined format of Apache and nginx, or have a JSON object a line.
#[derive(Parser, Clone, Debug)]
#[command(name = "replay", version)]
pub struct Config {
    /// Access logs, in any order; `-` is standard input.
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// A policy to play to: `default`, settings as `NAME:failures=5,within=1m`, or a document as `NAME=FILE.toml`; several to compare them.
    #[arg(long = "policy", value_name = "POLICY", default_value = "default")]
    pub policies: Vec<PolicyArg>,
    /// Only calls whose path begins like this.
    #[arg(long, value_name = "PREFIX")]
    pub path: Option<String>,
    /// Only calls to this host, where the log tells it.
    #[arg(long)]
    pub host: Option<String>,
    /// The statuses that are failures, like `502,503,504`, in place of the layer's: 429 and 5xx.
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(100..1000))]
    pub failing: Option<Vec<u16>>,
    /// What the plain number of a duration counts, where its name does not say it.
    #[arg(long, default_value = "s")]
    pub unit: Unit,
    /// What the time of a line is the time of, where its name does not say it: nginx writes that of the end, Apache that of the start.
    #[arg(long, default_value = "end")]
    pub times: Edge,
    /// How many trips of each policy are listed.
    #[arg(long, default_value_t = 10)]
    pub trips: usize,
    /// Results as JSON, for machines; with all trips.
    #[arg(long)]
    pub json: bool,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unit {
    /// Seconds, as nginx writes them.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds, as `%D` of Apache.
    Us,
    /// Nanoseconds.
    Ns,
}

impl Config {
    /// How the logs are to be read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let statuses = match &self.failing {
            Some(failing) => HttpStatus::failures(failing.iter().copied()),
            None => HttpStatus::new().into(),
        };
        let unit = match self.unit {
            Unit::S => Duration::from_secs(1),
            Unit::Ms => Duration::from_millis(1),
            Unit::Us => Duration::from_micros(1),
            Unit::Ns => Duration::from_nanos(1),
        };
        Reading { unit, edge: self.times, path: self.path.clone(), host: self.host.clone(), statuses }
    }
}
