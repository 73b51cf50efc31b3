//! Stories with an end that was worked out by hand: what the model is believed for, and the crate too.

use support::compare::{Comparison, Imitation};
use support::model::{Answer, Model, Phase};
use support::script::{Script, show_time};

/// Runs a story on both, and says how it ends.
fn ends(story: &str) -> String {
    let script = Script::parse(story);
    let subject = Imitation::new(script.policy.clone());
    let told = Comparison::new(&script.policy, subject).run(&script.steps).unwrap();
    let mut model = told.model().clone();
    describe(&mut model, told.now())
}

fn describe(model: &mut Model, now: u128) -> String {
    let view = model.read(now);
    let phase = match view.phase {
        Phase::Closed { .. } => format!("closed, failures {}", view.failures),
        Phase::Open(_) => format!("open for {}", show_time(view.remaining)),
        Phase::HalfOpen { stage, .. } => format!("half-open {stage}"),
    };
    let next = match model.clone().admit(true, now) {
        Answer::Admitted(_) => "admits".to_owned(),
        Answer::Refused(refusal) => {
            format!("{} {}", refusal.why, refusal.wait.map_or("at some time".to_owned(), show_time))
        }
    };
    format!("{phase}, level {}, late {}: {next}", view.level, view.totals.late)
}

macro_rules! stories {
    ($($name:ident: $story:literal => $end:literal;)*) => {
        $(#[test] fn $name() { assert_eq!(ends($story), $end); })*
    };
}

stories! {
    the_third_failure_at_exactly_the_window_trips:
        "policy: the defaults
         admit
         #0 failure
         wait 15s
         admit
         #1 failure
         wait 15s
         admit
         #2 failure" => "open for 1s, level 1, late 0: open 1s";
    a_nanosecond_beyond_the_window_does_not_trip:
        "policy: the defaults
         admit
         #0 failure
         wait 15s
         admit
         #1 failure
         wait 15.000000001s
         admit
         #2 failure" => "closed, failures 2, level 0, late 0: admits";
    a_slow_success_from_before_a_burst_does_not_hide_it:
        "policy: the defaults
         admit
         admit
         #1 failure
         admit
         #2 failure
         #0 success
         admit
         #3 failure" => "open for 1s, level 1, late 0: open 1s";
    a_success_clears_what_was_recorded_before_its_call:
        "policy: the defaults
         admit
         #0 failure
         admit
         admit
         #1 failure
         #2 success
         admit
         #3 failure" => "closed, failures 2, level 0, late 0: admits";
    a_success_clears_nothing_where_failures_are_kept:
        "policy: window 2 in 30s keep
         admit
         #0 failure
         admit
         #1 success
         admit
         #2 failure" => "open for 1s, level 1, late 0: open 1s";
    reachable_and_ignored_calls_clear_nothing:
        "policy: window 2 in 30s
         admit
         #0 failure
         admit
         #1 reachable
         admit
         #2 ignore
         admit
         #3 relayed 5s
         admit
         #4 limited 5s
         admit
         #5 failure" => "open for 1s, level 1, late 0: open 1s";
    failures_in_a_row_may_be_far_apart:
        "policy: no window; row 2
         admit
         #0 failure
         wait 9000s
         admit
         #1 failure" => "open for 1s, level 1, late 0: open 1s";
    exactly_the_ratio_trips:
        "policy: no window; rate 0.3 over 30s of 10
         admit
         #0 success
         admit
         #1 success
         admit
         #2 success
         admit
         #3 success
         admit
         #4 success
         admit
         #5 success
         admit
         #6 success
         admit
         #7 failure
         admit
         #8 failure
         admit
         #9 failure" => "open for 1s, level 1, late 0: open 1s";
    old_successes_leave_the_rate_window:
        "policy: no window; rate 1 over 10s of 2
         admit
         #0 success
         wait 11s
         admit
         #1 failure
         admit
         #2 failure" => "open for 1s, level 1, late 0: open 1s";
    too_few_calls_say_nothing:
        "policy: no window; rate 0.5 over 10s of 3
         admit
         #0 failure
         admit
         #1 failure" => "closed, failures 0, level 0, late 0: admits";
    slow_successes_trip_where_that_is_asked_for:
        "policy: slow 2s 1 over 10s of 2
         admit
         admit
         wait 2.000000001s
         #0 success
         #1 success" => "open for 1s, level 1, late 0: open 1s";
    a_stall_trips_while_the_calls_are_still_out:
        "policy: stall 2 after 5s
         admit
         wait 1s
         admit
         wait 5.5s" => "open for 0.5s, level 1, late 0: open 0.5s";
    an_answer_puts_a_stall_off:
        "policy: stall 2 after 5s
         admit
         wait 1s
         admit
         admit
         wait 3s
         #2 success
         wait 9s" => "closed, failures 0, level 0, late 0: admits";
    a_late_outcome_changes_nothing:
        "policy: window 1 in 1s; stages 1
         admit
         admit
         admit
         #0 failure
         #1 failure
         wait 1s
         #2 success" => "half-open 0, level 1, late 2: admits";
    open_becomes_half_open_at_its_deadline_without_a_call:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s" => "half-open 0, level 1, late 0: admits";
    stages_admit_one_two_and_four:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         admit
         admit
         #2 success
         #3 reachable
         admit
         admit
         admit
         admit" => "half-open 2, level 1, late 0: all slots taken 1s";
    the_last_stage_closes_and_forgives:
        "policy: window 1 in 1s; stages 2
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         admit
         admit
         #2 success
         #3 success" => "closed, failures 0, level 0, late 0: admits";
    a_failed_probe_opens_for_the_next_cool_down:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         #1 failure" => "open for 1.5s, level 2, late 0: open 1.5s";
    a_hung_probe_gives_up_its_slot_after_patience:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         wait 0.25s" => "half-open 0, level 1, late 0: all slots taken 0.75s";
    another_may_try_once_patience_is_over:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         wait 1s" => "half-open 0, level 1, late 0: admits";
    a_missed_deadline_reopens_as_of_the_deadline:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         wait 11s
         #1 success" => "open for 0.5s, level 2, late 1: open 0.5s";
    a_missed_deadline_is_excused_by_a_later_probe:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         wait 1s
         admit
         #2 success
         wait 11s
         #1 failure" => "half-open 1, level 1, late 1: admits";
    a_probe_of_an_earlier_stage_counts_for_its_own_only:
        "policy: window 1 in 1s; stages 2
         admit
         #0 failure
         wait 1s
         admit
         wait 1s
         admit
         #2 success
         #1 success
         admit
         #3 success" => "half-open 1, level 1, late 0: admits";
    a_stage_waits_for_its_least_length:
        "policy: window 1 in 1s; stages 1; stage-time 3s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         wait 2.999999999s" => "half-open 0, level 1, late 0: admits";
    a_complete_stage_ends_when_its_length_is_over:
        "policy: window 1 in 1s; stages 1; stage-time 3s; forgive 10s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         wait 12.999999999s" => "closed, failures 0, level 1, late 0: admits";
    each_interval_closed_forgives_one_trip:
        "policy: window 1 in 1s; stages 1; forgive 10s
         admit
         #0 failure
         wait 1s
         admit
         #1 failure
         wait 1.5s
         admit
         #2 success
         wait 10s
         admit
         #3 failure" => "open for 1.5s, level 2, late 0: open 1.5s";
    a_request_that_may_not_probe_waits_for_stage_one:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit one that may not probe
         admit
         #1 success
         admit one that may not probe" => "half-open 1, level 1, late 0: admits";
    a_predicate_never_stops_recovery:
        "policy: window 1 in 1s; stages 1
         admit
         #0 failure
         wait 1.999999999s
         admit one that may not probe
         wait 0.000000001s
         admit one that may not probe
         #1 success" => "closed, failures 0, level 0, late 0: admits";
    the_farthest_hint_of_the_log_lengthens_the_open_time:
        "policy: the defaults
         admit
         #0 failure hint 20s
         wait 2s
         admit
         #1 failure hint 5s
         admit
         #2 failure" => "open for 18s, level 1, late 0: open 18s";
    a_hint_is_clamped:
        "policy: window 1 in 1s; max-hint 7s
         admit
         #0 failure hint 20s" => "open for 7s, level 1, late 0: open 7s";
    a_limited_call_trips_at_once_where_hints_are_obeyed:
        "policy: hints obey
         admit
         #0 limited 20s" => "open for 20s, level 1, late 0: open 20s";
    a_relayed_refusal_fails_a_probe_with_its_hint:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         #1 relayed 5s" => "open for 5s, level 2, late 0: open 5s";
    a_call_dropped_young_says_nothing:
        "policy: window 1 in 1s
         admit
         wait 0.999999999s
         #0 dropped" => "closed, failures 0, level 0, late 0: admits";
    a_call_dropped_old_has_failed:
        "policy: window 1 in 1s
         admit
         wait 1s
         #0 dropped" => "open for 1s, level 1, late 0: open 1s";
    forced_open_ends_at_its_expiry_and_open_goes_on:
        "policy: window 1 in 1s; constant 5s
         admit
         #0 failure
         force open for 2s
         wait 2s" => "open for 3s, level 1, late 0: open 3s";
    closed_starts_clean_after_a_forced_overlay:
        "policy: window 2 in 30s
         admit
         #0 failure
         force closed
         admit
         #1 failure
         auto
         admit
         #2 failure" => "closed, failures 1, level 0, late 0: admits";
    half_open_starts_again_after_a_forced_overlay:
        "policy: window 1 in 1s
         admit
         #0 failure
         wait 1s
         admit
         #1 success
         admit
         force open
         wait 1s
         auto
         #2 failure" => "half-open 0, level 1, late 1: admits";
    a_shadow_refuses_nothing_and_reports:
        "policy: window 1 in 1s
         shadow
         admit
         #0 failure
         admit
         #1 success" => "open for 1s, level 1, late 0: admits";
    a_new_policy_clamps_the_deadline:
        "policy: window 1 in 1s; constant 30s
         admit
         #0 failure
         wait 2s
         policy: constant 5s" => "open for 5s, level 1, late 0: open 5s";
    a_reset_is_a_new_beginning:
        "policy: window 1 in 1s
         admit
         #0 failure
         force open
         reset
         admit" => "closed, failures 0, level 0, late 0: admits";
}
