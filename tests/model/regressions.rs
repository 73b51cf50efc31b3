//! Scripts on which the crate and the model once disagreed, by what they show.

use support::compare::Comparison;
use support::script::{Script, Step};

use crate::real::{RealBreaker, RealMachine};

/// Runs a script on the machine and on the breaker; a disagreement fails.
fn agree(text: &str) {
    let Script { policy, steps } = Script::parse(text);
    Comparison::new(&policy, RealMachine::new(&policy)).run(&steps).unwrap();
    Comparison::new(&policy, RealBreaker::new(&policy)).run(&steps).unwrap();
    if policy.is_exact() {
        let steps: Vec<_> = steps.into_iter().chain([Step::Read]).collect();
        Comparison::new(&policy, RealMachine::new(&policy)).unwatched().run(&steps).unwrap();
        Comparison::new(&policy, RealBreaker::new(&policy)).unwatched().run(&steps).unwrap();
    }
}

macro_rules! agreed {
    ($($name:ident: $script:literal;)*) => { $(#[test] fn $name() { agree($script); })* };
}

agreed! {
    the_phase_is_computed_under_a_forced_overlay_too:
        "policy: window 1 in 1s
         admit
         #0 failure
         force open
         wait 1s
         read
         auto
         admit";
    a_new_way_to_forgive_takes_nothing_back:
        "policy: window 1 in 1s; stages 1; forgive 10s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         wait 10s
         policy: window 1 in 1s; stages 1
         read";
    a_new_way_to_forgive_counts_from_now:
        "policy: window 1 in 1s; stages 1; forgive 100s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         wait 10s
         policy: window 1 in 1s; stages 1; forgive 10s
         wait 9.999999999s
         wait 0.000000001s";
    shadow_interrupts_no_interval_of_forgiveness:
        "policy: window 1 in 1s; stages 1; forgive 10s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         wait 6s
         shadow
         wait 4s";
    shadow_on_shadow_changes_nothing:
        "policy: window 1 in 1s; stages 1
         shadow
         admit
         #0 failure
         wait 1s
         admit
         shadow
         #1 success";
    another_expiry_is_no_change_of_overlay:
        "policy: window 1 in 1s; stages 1
         admit
         #0 failure
         wait 1s
         shadow
         admit
         shadow for 5s
         #1 success
         shadow for 1s
         wait 1s";
    a_call_from_before_the_expiry_of_a_shadow_is_late_for_the_rates_too:
        "policy: no window; rate 0.5 over 10s of 2
         shadow for 1s
         admit
         wait 1s
         #0 failure
         admit
         #1 failure";
    a_success_from_before_the_expiry_of_a_shadow_is_counted_as_late:
        "policy: the defaults
         shadow
         admit
         shadow for 1s
         wait 1s
         #0 success
         read";
    a_hint_that_a_slow_success_has_cleared_does_not_lengthen_its_trip:
        "policy: slow 2s 0.5 over 10s of 2
         admit
         #0 failure hint 20s
         admit
         wait 2.000000001s
         #1 success
         read";
    a_wait_of_nothing_is_no_hint:
        "policy: window 2 in 30s; hints obey
         admit
         #0 limited 0s
         admit
         #1 failure limiting 0s
         read";
    a_wait_of_nothing_is_no_failure_of_a_rate:
        "policy: no window; rate 0.5 over 10s of 2; hints obey
         admit
         #0 limited 0s
         admit
         #1 success
         admit
         #2 failure";
    a_relayed_refusal_is_no_answer_to_those_who_are_stuck:
        "policy: stall 1 after 5s
         admit
         admit
         wait 4s
         #1 relayed 3s
         wait 1s";
    a_call_that_is_given_up_does_not_put_a_stall_off:
        "policy: stall 1 after 5s
         admit
         wait 4s
         admit
         #1 ignore
         wait 1s";
    given_up_calls_from_before_an_answer_are_not_counted_twice:
        "policy: stall 1 after 5s
         admit
         admit
         #1 reachable
         admit
         #0 ignore
         wait 5s";
    the_oldest_given_up_makes_the_next_one_count:
        "policy: stall 1 after 5s
         admit
         wait 1s
         admit
         #0 ignore
         wait 4s
         wait 1s";
    shadow_keeps_the_calls_of_a_rate:
        "policy: no window; rate 0.5 over 10s of 2
         admit
         #0 failure
         shadow
         admit
         #1 failure";
    a_rate_over_another_length_starts_with_nothing:
        "policy: no window; rate 0.5 over 10s of 2
         admit
         #0 failure
         policy: no window; rate 0.5 over 5s of 2
         admit
         #1 failure
         read";
    a_run_is_counted_from_when_somebody_asks_for_it:
        "policy: window 3 in 1s keep
         admit
         #0 failure
         admit
         #1 success
         policy: window 3 in 1s keep; row 2
         admit
         #2 failure
         read
         admit
         #3 failure";
}

/// State of one breaker must not be seen by another.
#[test]
fn a_new_breaker_has_no_memory_of_a_dead_one() {
    let script = Script::parse(
        "policy: no window; rate 0.5 over 10s of 4
         admit
         #0 failure
         admit
         #1 failure
         admit
         #2 failure",
    );
    for _ in 0..100 {
        Comparison::new(&script.policy, RealBreaker::new(&script.policy)).run(&script.steps).unwrap();
    }
}
