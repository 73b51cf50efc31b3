//! What a breaker would have done: an access log is played to one policy or to several, so that numbers can be chosen from
//! one's own traffic before the layer is added.
//!
//! | module | answers the question |
//! |---|---|
//! | [`config`] | what can be set? |
//! | [`log`] | which calls does a log tell of? |
//! | [`traffic`] | in which order did they begin, and how did they end? |
//! | [`policies`] | which breakers are they played to? |
//! | [`play`] | what would one of them have done? |
//! | [`mod@report`] | what does that come to, for people and for machines? |
//!
//! The breaker is the real one, on a clock that goes from event to event. Each call asks it when it began; where it is let
//! through, its outcome is recorded when it ended, by the rule of the layer for HTTP. A call that is refused records
//! nothing. What the breaker does is heard from its own events.
//!
//! # When calls began
//!
//! A log is written when calls end, so a slow one stands below quicker ones that began later, and mostly its time is that of
//! the end, too (Apache's `%t` is that of the start: `--times start`). With the time that a call took its start is the time
//! of its line less that; without, it begins when it ends, and slow failures trip too early. Where times are in whole seconds
//! the order within a second is that of the starts, and then that of the lines; what happens within it is true to a second
//! only. `$msec`, or a date with a fraction, is exact.
//!
//! # What a replay cannot know
//!
//! - **What would have come of it.** A breaker takes load off a sick upstream, which may recover sooner for it, and lets it
//!   back in step by step. The log is that of the upstream without a breaker: what is refused in vain here might not have
//!   been asked, and an outage might have been shorter.
//! - **What callers do.** A refused client repeats its call, later or at once; here it does not. And a log with retries in it
//!   has calls that would not have been made.
//! - **What is not in the log.** Calls that never ended, or whose line was lost; the hints of the upstream (`Retry-After`), so
//!   real cool-downs may be longer; what a breaker had seen before the first line.
//! - **Chance.** Jitter is left out, so real cool-downs are longer by up to a tenth, or whatever the policy says. And a single
//!   outage is a single sample: play more than one.
//!
//! # What it takes
//!
//! Lines are read one at a time, and of each a call of 24 bytes is kept; putting them in order takes half as much again for a
//! moment. A million lines, the sample 1389 times over, took a second of processor time and 38 MB of memory on an AMD EPYC;
//! each policy more than one, a tenth of a second:
//!
//! ```console
//! $ for i in $(seq 1389); do cat examples/assets/access.log; done > million.log
//! $ cargo run --release --example replay -- million.log
//! ```
//!
//! Gzipped logs come by standard input: `zcat access.log.2.gz | cargo run --release --example replay -- -`.

pub mod config;
pub mod log;
pub mod play;
pub mod policies;
pub mod report;
pub mod traffic;

pub use config::Config;
pub use log::{Log, Reading};
pub use play::{Tripped, Verdict};
pub use policies::{PolicyArg, PolicyProblem};
pub use report::Report;
pub use traffic::{Count, Entry, Outcome, Traffic};

use crate::process;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A policy makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyProblem),
    /// A policy is out of its range.
    #[error(transparent)]
    Range(#[from] resilience::PolicyError),
    /// A log cannot be read.
    #[error("{file}: {cause}")]
    Log {
        /// Which one.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
    /// There is nothing to play.
    #[error("{files}: no call to play: {why}")]
    Empty {
        /// The logs.
        files: String,
        /// What was found instead.
        why: String,
    },
    /// The answer cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// The program: reads, plays, prints.
#[must_use]
pub fn run(config: &Config) -> ExitCode {
    let written =
        report(config, io::stdin().lock()).and_then(|text| Ok(io::stdout().lock().write_all(text.as_bytes())?));
    match written {
        // A reader that has seen enough, `head` say, is no failure.
        Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => process::failed(&error),
        Ok(()) => ExitCode::SUCCESS,
    }
}

/// What the program prints.
///
/// # Errors
///
/// [`ReplayError`].
pub fn report(config: &Config, input: impl io::BufRead) -> Result<String, ReplayError> {
    // Before a long log is read.
    let policies = PolicyArg::all(&config.policies)?;
    let mut log = Log::default();
    let (reading, mut input) = (config.reading(), Some(input));
    for path in &config.logs {
        let name = file_name(path);
        let read = match input.take_if(|_| path == Path::new("-")) {
            Some(input) => log.read(&name, input, &reading),
            None => File::open(path).and_then(|file| log.read(&name, BufReader::new(file), &reading)),
        };
        read.map_err(|cause| ReplayError::Log { file: name, cause })?;
    }
    let files = config.logs.iter().map(|path| file_name(path)).collect::<Vec<_>>().join(", ");
    if log.entries.is_empty() {
        return Err(ReplayError::Empty { files, why: log.why_empty() });
    }
    let report = Report::new(files, log, policies)?;
    if config.json { Ok(report.json().map_err(io::Error::from)?) } else { Ok(report.text(config.trips)) }
}

fn file_name(path: &Path) -> String {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    name.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests;
