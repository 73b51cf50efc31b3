//! Random policies and scripts.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};
use support::compare::{Comparison, Imitation, Subject};
use support::model::Policy;
use support::script::{Draft, Script, drafts, policies};

use crate::real::{RealBreaker, RealMachine};

/// The same cases each time, as many as fit into a few seconds. `PROPTEST_CASES` asks for more, and for others.
fn config() -> Config {
    let plain = Config {
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::XorShift,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return plain;
    }
    Config { cases: 1500, rng_seed: RngSeed::Fixed(7), ..plain }
}

/// How often somebody looks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Watch {
    Always,
    /// Where the script says so, and at the end.
    Rarely,
}

fn compare<S: Subject>(policy: &Policy, subject: S, drafts: &[Draft], watch: Watch) -> Result<Script, TestCaseError> {
    let comparison = Comparison::new(policy, subject);
    let rarely = watch == Watch::Rarely && policy.is_exact();
    let mut comparison = if rarely { comparison.unwatched() } else { comparison };
    for draft in drafts.iter().chain([&Draft::Read]) {
        comparison.draft(draft).map_err(|disagreement| TestCaseError::fail(disagreement.to_string()))?;
    }
    Ok(comparison.script().clone())
}

fn cases() -> impl Strategy<Value = (Policy, Vec<Draft>)> {
    (policies(), prop::collection::vec(drafts(), 0..60))
}

/// With jitter, also in the policies that are set later.
fn cases_with_jitter() -> impl Strategy<Value = (Policy, Vec<Draft>)> {
    (cases(), prop::sample::select(vec![0.1, 0.5, 1.0])).prop_map(|((mut policy, mut drafts), jitter)| {
        policy.jitter = jitter;
        for draft in &mut drafts {
            if let Draft::SetPolicy(policy) = draft {
                policy.jitter = jitter;
            }
        }
        (policy, drafts)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_does_as_the_model_says((policy, drafts) in cases()) {
        compare(&policy, RealMachine::new(&policy), &drafts, Watch::Always)?;
    }

    #[test]
    fn the_machine_does_not_depend_on_being_seen((policy, drafts) in cases()) {
        compare(&policy, RealMachine::new(&policy), &drafts, Watch::Rarely)?;
    }

    #[test]
    fn the_breaker_does_as_the_model_says((policy, drafts) in cases()) {
        compare(&policy, RealBreaker::new(&policy), &drafts, Watch::Always)?;
    }

    #[test]
    fn the_breaker_does_not_depend_on_being_seen((policy, drafts) in cases()) {
        compare(&policy, RealBreaker::new(&policy), &drafts, Watch::Rarely)?;
    }

    #[test]
    fn jitter_only_adds_and_is_drawn_once((policy, drafts) in cases_with_jitter()) {
        compare(&policy, RealMachine::new(&policy), &drafts, Watch::Always)?;
        compare(&policy, RealBreaker::new(&policy), &drafts, Watch::Always)?;
    }

    #[test]
    fn a_script_reads_as_it_was_written((policy, drafts) in cases()) {
        let script = compare(&policy, Imitation::new(policy.clone()), &drafts, Watch::Always)?;
        prop_assert_eq!(Script::parse(&script.to_string()), script);
    }
}
