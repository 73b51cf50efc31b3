//! The gateway's configuration: every setting is a variable of the environment and a flag of the same name.

use super::auth::OauthArgs;
use super::limits::Bounds;
use super::policy::PolicyArgs;
use super::upstream::Base;
use crate::config::{DatabaseUrl, LimitOptions};
use crate::event_api::faults::Faults;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A gateway in front of an event API, with a circuit breaker on `POST /addEvent`.
///
/// Without an upstream it brings one up of its own, in this process: a durable store and a plan of faults.
#[derive(Parser, Clone, Debug, PartialEq)]
#[command(name = "gateway", version)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "GATEWAY_ADDR", default_value = "127.0.0.1:3000")]
    pub gateway_addr: SocketAddr,
    /// The event API to stand in front of, like `http://127.0.0.1:3001`. None: one of the gateway's own.
    #[arg(long, env = "UPSTREAM_URL", value_parser = base)]
    pub upstream_url: Option<String>,
    /// Where the gateway's own event API keeps its data.
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// A PostgreSQL database for the gateway's own event API, instead of the directory: like `postgres://name:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// What goes wrong on purpose in the gateway's own event API: `default`, `healthy`, or like `addEvent=outage(10s)`.
    #[arg(long, env = "FAULTS", default_value = "default")]
    pub faults: Faults,
    /// Who clients are.
    #[command(flatten)]
    pub oauth: OauthArgs,
    /// What clients may do.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// What is taken from the upstream and remembered.
    #[command(flatten)]
    pub bounds: Bounds,
    /// The breaker.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

impl Default for Config {
    /// Every setting at its default, whatever the environment says.
    fn default() -> Self {
        let command = Self::command().mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        let matches = command.try_get_matches_from(["gateway"]);
        matches
            .and_then(|matches| Self::from_arg_matches(&matches))
            // Every setting has a default or none is needed, which a test makes sure of.
            .expect("the defaults of the command line are valid")
    }
}

/// The text, if it is the address of an upstream.
fn base(url: &str) -> Result<String, String> {
    Base::parse(url).map(|_| url.to_owned()).map_err(str::to_owned)
}

/// A setting that is out of its range. Reads as one line that names the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {message}")]
pub struct ConfigError {
    variable: &'static str,
    message: String,
}

impl ConfigError {
    pub(crate) fn new(variable: &'static str, message: impl Into<String>) -> Self {
        Self { variable, message: message.into() }
    }

    /// The variable.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_defaults_are_valid() {
        let config = Config::default();
        assert_eq!(config.gateway_addr, SocketAddr::from(([127, 0, 0, 1], 3000)));
        assert!(config.policy.policy().is_ok());
    }

    #[test]
    fn every_setting_has_a_variable_of_its_own_name() {
        let command = Config::command();
        let mut seen = HashSet::new();
        for argument in
            command.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
        {
            let variable = argument.get_env().unwrap().to_str().unwrap();
            let id = argument.get_id().as_str().to_ascii_uppercase();
            assert!(variable == id || variable == format!("RESILIENCE_{id}"), "{variable} {id}");
            assert!(seen.insert(variable.to_owned()), "{variable} twice");
            assert!(argument.get_help().is_some(), "{variable}");
        }
    }
}
