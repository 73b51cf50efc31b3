//! Scripts: what happens to a breaker, step by step, as text that can be read and run again.
//!
//! ```text
//! policy: window 1 in 30s; deadline 10s
//! admit
//! #0 failure
//! wait 1s
//! admit
//! wait 9.999999999s
//! #1 success
//! ```
//!
//! A failing comparison prints its script in this form; pasted into a test it is a regression test.

mod generate;
mod policy_text;
mod step_text;
mod time_text;

pub use generate::{Draft, Leap, drafts, policies};
pub use time_text::{show_time, take_time};

use crate::model::{Nanos, Overlay, Policy, Verdict};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A call comes.
    Admit {
        /// Whether its request may probe.
        may_probe: bool,
    },
    /// An admitted call comes back; calls are numbered from 0 in order of admission.
    Outcome {
        /// Which.
        call: usize,
        /// What it says.
        verdict: Verdict,
    },
    /// An admitted call is dropped.
    Drop {
        /// Which.
        call: usize,
    },
    /// Time passes.
    Wait(Nanos),
    /// The operator changes the overlay; the expiry is counted from now.
    Overlay(Overlay),
    /// The operator resets.
    Reset,
    /// The operator sets a new policy.
    SetPolicy(Box<Policy>),
    /// Somebody looks.
    Read,
}

/// A policy, and what happens under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The policy at the start.
    pub policy: Policy,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script from its text.
    ///
    /// # Panics
    ///
    /// If the text is no script: it is written by hand or by a failed test.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().and_then(|line| line.strip_prefix("policy:"));
        let policy = policy_text::parse(first.expect("a script begins with a policy"));
        Self { policy, steps: lines.map(step_text::parse).collect() }
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "policy: {}", policy_text::show(&self.policy))?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
