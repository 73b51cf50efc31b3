//! The flags of the load generator.

use super::client::Base;
use super::scenario::Scenario;
use crate::config::positive_duration;
use crate::gateway::PolicyArgs;
use clap::{Parser, value_parser};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Sends load to a gateway while its upstream gets into trouble, with the circuit breaker and without it, and compares.
///
/// Without --url it brings up a gateway and an event API of its own, on free ports of this machine.
#[derive(Parser, Clone, Debug)]
#[command(name = "load", version)]
pub struct Config {
    /// What happens to the upstream: outage, brown-out, rate-limit, flapping or hang, like `outage(before=3s, for=10s, after=5s)`.
    #[arg(long, default_value = "outage")]
    pub scenario: Scenario,
    /// Requests a second.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub rate: u32,
    /// Requests in flight at a time.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,
    /// Users to add, and then to add events for.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..=1000))]
    pub users: u32,
    /// How long a client waits for an answer.
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub timeout: Duration,
    /// The most requests of a run; a scenario that takes more is refused.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=10_000_000))]
    pub max_requests: u32,
    /// The longest time of a run; a scenario that takes longer is refused, and what is left by then is cut.
    #[arg(long, default_value = "5m", value_parser = positive_duration)]
    pub max_time: Duration,
    /// A gateway to drive instead, with an event API of its own, like `http://127.0.0.1:3000`.
    #[arg(long)]
    pub url: Option<Base>,
    /// The event API behind the gateway of --url, where it is not the gateway's own.
    #[arg(long, requires = "url")]
    pub upstream: Option<Base>,
    /// The bearer token for the gateway of --url, where it asks for one.
    #[arg(long, env = "LOAD_TOKEN", hide_env_values = true, requires = "url")]
    pub token: Option<Token>,
    /// Lets --url and --upstream name other machines. They must be yours: this makes them fail on purpose.
    #[arg(long)]
    pub anywhere: bool,
    /// Results as JSON, for machines.
    #[arg(long)]
    pub json: bool,
    /// Where the plot goes.
    #[arg(long, default_value = "load.svg")]
    pub plot: PathBuf,
    /// The breaker of the gateway that is brought up here; that of --url has its own settings.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// A bearer token, which is never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        // It is not repeated in the message.
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Self(text.to_owned())).ok_or("must be visible ASCII characters")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A setting is not acceptable. Reads as one line that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{field}: {reason}")]
pub struct ConfigError {
    field: &'static str,
    reason: String,
}

impl ConfigError {
    pub(super) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }

    /// The flag, without its dashes.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl Config {
    /// Requests of one run.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let requests = self.scenario.total().as_nanos() * u128::from(self.rate) / 1_000_000_000;
        u64::try_from(requests).unwrap_or(u64::MAX)
    }

    /// Checks what no flag can know by itself.
    ///
    /// # Errors
    ///
    /// The flag that is not acceptable.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (requests, most) = (self.requests(), self.max_requests);
        if requests > u64::from(most) {
            let reason = format!("{most} are fewer than the {requests} requests of the scenario at this rate");
            return Err(ConfigError::new("max-requests", reason));
        }
        if requests == 0 {
            return Err(ConfigError::new("scenario", "is over before the first request"));
        }
        if self.scenario.total() > self.max_time {
            return Err(ConfigError::new("max-time", "is shorter than the scenario"));
        }
        for (field, base) in [("url", &self.url), ("upstream", &self.upstream)] {
            if let Some(base) = base.as_ref().filter(|base| !self.anywhere && !base.is_loopback()) {
                let reason = format!("{base} is not this machine; --anywhere lets the load go there");
                return Err(ConfigError::new(field, reason));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[&str]) -> Config {
        Config::try_parse_from([&["load"], flags].concat()).unwrap()
    }

    fn wrong(flags: &[&str]) -> &'static str {
        let error = config(flags).check().unwrap_err();
        assert!(error.to_string().starts_with(&format!("--{}: ", error.field())), "{error}");
        error.field()
    }

    #[test]
    fn the_defaults_are_acceptable_and_bounded() {
        let config = config(&[]);
        config.check().unwrap();
        assert_eq!(config.requests(), 1500);
        assert!(config.url.is_none());
    }

    #[test]
    fn other_machines_are_refused_unless_they_are_asked_for() {
        for url in ["http://192.0.2.1:3000", "http://gateway.example", "http://0.0.0.0:3000", "http://[2001:db8::1]"] {
            assert_eq!(wrong(&["--url", url]), "url", "{url}");
            assert_eq!(wrong(&["--url", "http://[::1]:1", "--upstream", url]), "upstream", "{url}");
            config(&["--anywhere", "--url", url]).check().unwrap();
        }
        for url in ["http://127.0.0.1:3000", "http://127.9.9.9", "http://[::1]:3000", "http://localhost:3000/"] {
            config(&["--url", url]).check().unwrap();
        }
        for url in ["https://127.0.0.1", "127.0.0.1:3000", "http://", "http://u@127.0.0.1", "http://127.0.0.1/x?y"] {
            assert!(Config::try_parse_from(["load", "--url", url]).is_err(), "{url}");
        }
    }

    #[test]
    fn what_a_run_may_take_is_bounded_by_count_and_time() {
        assert_eq!(wrong(&["--max-requests", "1499"]), "max-requests");
        assert_eq!(wrong(&["--max-time", "14s"]), "max-time");
        assert_eq!(wrong(&["--scenario", "outage(before=0s,for=1ms,after=0s)"]), "scenario");
        for flags in [["--rate", "0"], ["--concurrency", "0"], ["--users", "0"], ["--timeout", "0s"]] {
            assert!(Config::try_parse_from([&["load"][..], &flags].concat()).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn a_bad_scenario_is_told_by_its_field() {
        let error = Config::try_parse_from(["load", "--scenario", "hang(share=2)"]).unwrap_err().to_string();
        assert!(error.contains("hang.share: must be"), "{error}");
    }

    #[test]
    fn a_token_is_not_shown() {
        let config = config(&["--url", "http://127.0.0.1:1", "--token", "s3cret"]);
        assert!(!format!("{config:?}").contains("s3cret"));
        assert_eq!(config.token.unwrap().header(), "Bearer s3cret");
    }
}
