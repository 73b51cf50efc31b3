//! The load generator: a gateway under a constant load while its upstream gets into trouble, with the breaker and
//! without it.
//!
//! | module | answers the question |
//! |---|---|
//! | [`config`] | what can be set? |
//! | [`scenario`] | what happens to the upstream, and when? |
//! | [`site`] | which gateway, which upstream, and how are they moved? |
//! | [`pace`] | when is a request sent, and from when on does its latency count? |
//! | [`client`] | what is an answer? |
//! | [`mod@run`] | how does one run go? |
//! | [`stats`], `table`, [`plot`] | what did it come to, in numbers, for people, as a picture? |
//! | [`progress`] | what is there to see meanwhile? |
//!
//! The run without the breaker is the same gateway with the same code, its breaker [forced
//! closed](resilience::Breaker::force_closed): every call is admitted and nothing is recorded.
//!
//! The load is open-loop: requests are meant to be sent at a fixed rate, whatever becomes of those before, and waiting
//! for a free sender counts as waiting. What is driven, and made to fail on purpose, is this machine's unless a flag
//! says otherwise; a gateway that ran before is left as it was found.

pub mod client;
pub mod config;
pub mod pace;
pub mod plot;
pub mod progress;
pub mod run;
pub mod scenario;
pub mod site;
pub mod stats;
mod table;

pub use config::{Config, ConfigError};
pub use progress::Progress;
pub use run::Run;
pub use scenario::{Scenario, ScenarioError, Trouble};
pub use stats::Summary;

use crate::event_api::faults::FaultsError;
use crate::{event_api, gateway, process};
use scenario::Phase;
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A setting is not acceptable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The scenario cannot be turned into faults.
    #[error("--scenario: {0}")]
    Faults(#[from] FaultsError),
    /// The gateway in this process cannot start.
    #[error(transparent)]
    Gateway(#[from] gateway::StartError),
    /// The event API in this process cannot start.
    #[error(transparent)]
    EventApi(#[from] event_api::StartError),
    /// The gateway in this process has an address that cannot be asked.
    #[error("the gateway's address is no authority")]
    Address,
    /// The upstream of a gateway cannot be made to fail.
    #[error("--upstream: the gateway has no event API of its own; say where the one behind it is")]
    NotItsOwn,
    /// A request that the run depends on was turned down.
    #[error("{path}: answered {status}")]
    Denied {
        /// The route.
        path: &'static str,
        /// The answer.
        status: u16,
    },
    /// A request that the run depends on was not answered.
    #[error("{path}: no answer")]
    Unreachable {
        /// The route.
        path: &'static str,
    },
    /// The user has seen enough.
    #[error("interrupted")]
    Interrupted,
    /// The plot cannot be written.
    #[error("--plot: {path} cannot be written: {cause}")]
    Plot {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Both runs, and what they come to.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What the upstream did.
    pub phases: Vec<Phase>,
    /// Without the breaker first, then with it.
    pub runs: [Run; 2],
    /// The same in numbers.
    pub summaries: [Summary; 2],
    total: Duration,
    subtitle: String,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'c> {
    scenario: String,
    rate: u32,
    concurrency: u32,
    runs: &'c [Summary; 2],
    timelines: [Timeline; 2],
}

#[derive(Serialize)]
struct Timeline {
    layer: bool,
    bucket_ms: u128,
    answers: Vec<stats::Bucket>,
    states: Vec<StateFrom>,
}

#[derive(Serialize)]
struct StateFrom {
    from_ms: u128,
    state: &'static str,
}

/// What a run is called.
pub(crate) const fn title(layer: bool) -> &'static str {
    if layer { "with the breaker" } else { "without it" }
}

/// Runs the scenario twice, without the breaker and with it.
///
/// # Errors
///
/// [`LoadError`].
pub async fn compare(config: &Config, progress: Progress) -> Result<Comparison, LoadError> {
    config.check()?;
    let phases = config.scenario.phases()?;
    let without = run::run(config, false, &phases, &progress).await?;
    let with = run::run(config, true, &phases, &progress).await?;
    let summaries = [Summary::of(&without, &phases), Summary::of(&with, &phases)];
    let subtitle = format!("{}, {} requests/s, at most {} in flight", config.scenario, config.rate, config.concurrency);
    Ok(Comparison { phases, runs: [without, with], summaries, total: config.scenario.total(), subtitle })
}

impl Comparison {
    /// The numbers side by side.
    #[must_use]
    pub fn table(&self) -> String {
        table::table(&self.summaries)
    }

    /// The timelines one above the other, as SVG.
    #[must_use]
    pub fn plot(&self) -> String {
        plot::plot(&plot::Data {
            subtitle: &self.subtitle,
            total: self.total,
            phases: &self.phases,
            // The eye compares downwards: what the breaker does, then what it is like without.
            panels: [(&self.runs[1], &self.summaries[1]), (&self.runs[0], &self.summaries[0])],
        })
    }

    fn document(&self, config: &Config) -> serde_json::Result<String> {
        let width = plot::bucket_width(self.total);
        let timelines = self.runs.each_ref().map(|run| Timeline {
            layer: run.layer,
            bucket_ms: width.as_millis(),
            answers: stats::timeline(&run.samples, width, self.total),
            states: run
                .bands
                .iter()
                .map(|band| StateFrom { from_ms: band.from.as_millis(), state: band.state.name() })
                .collect(),
        });
        serde_json::to_string_pretty(&Document {
            scenario: config.scenario.to_string(),
            rate: config.rate,
            concurrency: config.concurrency,
            runs: &self.summaries,
            timelines,
        })
    }
}

/// The program: compares, writes the plot, prints the table.
pub async fn run(config: Config) -> ExitCode {
    match report(&config).await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(LoadError::Interrupted) => ExitCode::from(130),
        Err(error) => process::failed(&error),
    }
}

async fn report(config: &Config) -> Result<String, LoadError> {
    // Before the first word about what is going to happen.
    config.check()?;
    let progress = if config.json { Progress::Hidden } else { Progress::on_a_terminal() };
    if !config.json {
        println!(
            "{}: {} requests/s, twice {}",
            config.scenario,
            config.rate,
            crate::config::display_duration(config.scenario.total())
        );
    }
    let comparison = compare(config, progress).await?;
    let path = config.plot.clone();
    let cannot = |cause| LoadError::Plot { path: path.clone(), cause };
    tokio::fs::write(&path, comparison.plot()).await.map_err(cannot)?;
    if config.json {
        comparison.document(config).map_err(|error| cannot(error.into()))
    } else {
        Ok(format!("\n{}\nplot: {}", comparison.table(), path.display()))
    }
}
