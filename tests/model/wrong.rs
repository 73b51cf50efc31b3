//! Does the comparison notice a wrong breaker? Each of these differs in one number from what it should be.

use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::compare::{Comparison, Imitation};
use support::model::{CoolDown, Forgive, Hints, Policy};
use support::script::{drafts, policies};

/// Whether random scripts tell a breaker with the changed policy from one with the policy it was given.
fn is_noticed(change: impl Fn(&mut Policy)) -> bool {
    let mut runner = TestRunner::deterministic();
    let cases = (policies(), vec(drafts(), 40));
    (0..5000).any(|_| {
        let (policy, drafts) = cases.new_tree(&mut runner).unwrap().current();
        let mut wrong = policy.clone();
        change(&mut wrong);
        let mut comparison = Comparison::new(&policy, Imitation::new(wrong));
        drafts.iter().any(|draft| comparison.draft(draft).is_err())
    })
}

macro_rules! notices {
    ($($name:ident: $change:expr;)*) => { $(#[test] fn $name() { assert!(is_noticed($change)); })* };
}

notices! {
    one_failure_more: |policy| policy.window.iter_mut().for_each(|window| window.failures += 1);
    a_window_shorter_by_a_nanosecond: |policy| policy.window.iter_mut().for_each(|window| window.within -= 1);
    a_window_longer_by_a_nanosecond: |policy| policy.window.iter_mut().for_each(|window| window.within += 1);
    successes_that_clear_or_keep_the_wrong_way:
        |policy| policy.window.iter_mut().for_each(|window| window.keep = !window.keep);
    one_failure_in_a_row_more: |policy| policy.in_a_row.iter_mut().for_each(|failures| *failures += 1);
    a_ratio_slightly_too_high:
        |policy| policy.failure_rate.iter_mut().for_each(|rate| rate.ratio += 1e-12);
    a_rate_window_without_end: |policy| policy.failure_rate.iter_mut().for_each(|rate| rate.over *= 1000);
    a_rate_window_too_coarse: |policy| policy.failure_rate.iter_mut().for_each(|rate| rate.over += rate.over / 10);
    one_call_more_for_a_rate: |policy| policy.failure_rate.iter_mut().for_each(|rate| rate.min_calls += 1);
    a_slow_limit_longer_by_a_nanosecond: |policy| policy.slow_calls.iter_mut().for_each(|slow| slow.limit += 1);
    one_stalled_call_more: |policy| policy.stall.iter_mut().for_each(|stall| stall.calls += 1);
    a_stall_later_by_a_nanosecond: |policy| policy.stall.iter_mut().for_each(|stall| stall.after += 1);
    a_constant_cool_down: |policy| policy.cool_down = CoolDown::Constant(policy.cool_down.at(0).0);
    a_level_that_is_forgiven_too_early: |policy| policy.forgive = Forgive::AtOnce;
    a_level_that_is_forgiven_later_by_a_nanosecond: |policy| {
        if let Forgive::Each(interval) = &mut policy.forgive {
            *interval += 1;
        }
    };
    hints_that_are_not_taken: |policy| policy.hints = Hints::Ignore;
    hints_that_are_not_obeyed: |policy| {
        if policy.hints == Hints::Obey {
            policy.hints = Hints::Extend;
        }
    };
    hints_without_a_limit: |policy| policy.max_hint *= 100;
    one_probe_more: |policy| policy.probes += 1;
    one_stage_more: |policy| policy.stages += 1;
    a_stage_longer_by_a_nanosecond: |policy| policy.stage_time += 1;
    a_deadline_later_by_a_nanosecond: |policy| policy.deadline += 1;
    a_patience_longer_by_a_nanosecond: |policy| policy.patience = Some(policy.patience() + 1);
    a_drop_that_is_judged_later_by_a_nanosecond: |policy| policy.abandon_after += 1;
}
