//! Random policies and scripts.

use proptest::prelude::*;
use proptest::test_runner::Config;
use crate::real::RealMachine;
use support::compare::{Comparison, Imitation};
use support::model::Policy;
use support::script::{Draft, Script, drafts, policies};

/// As many cases as fit into a few seconds; `PROPTEST_CASES` asks for more, `PROPTEST_RNG_SEED` for others.
fn config() -> Config {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { 4000 };
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

fn compare_with_machine(policy: &Policy, drafts: &[Draft], watched: bool) -> Result<(), TestCaseError> {
    let comparison = Comparison::new(policy, RealMachine::new(policy));
    let mut comparison = if watched || !policy.is_exact() { comparison } else { comparison.unwatched() };
    for draft in drafts.iter().chain([&Draft::Read]) {
        comparison.draft(draft).map_err(|disagreement| TestCaseError::fail(disagreement.to_string()))?;
    }
    Ok(())
}

fn compare(policy: &Policy, wrong: &Policy, drafts: &[Draft]) -> Result<Script, TestCaseError> {
    let mut comparison = Comparison::new(policy, Imitation::new(wrong.clone()));
    for draft in drafts {
        comparison.draft(draft).map_err(|disagreement| TestCaseError::fail(disagreement.to_string()))?;
    }
    Ok(comparison.script().clone())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_does_as_the_model_says(policy in policies(), drafts in prop::collection::vec(drafts(), 0..60)) {
        compare_with_machine(&policy, &drafts, true)?;
    }

    #[test]
    fn nothing_depends_on_being_seen(policy in policies(), drafts in prop::collection::vec(drafts(), 0..60)) {
        compare_with_machine(&policy, &drafts, false)?;
    }

    #[test]
    fn a_script_reads_as_it_was_written(policy in policies(), drafts in prop::collection::vec(drafts(), 0..40)) {
        let script = compare(&policy, &policy, &drafts)?;
        prop_assert_eq!(Script::parse(&script.to_string()), script);
    }
}
