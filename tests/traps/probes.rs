//! | the trap | the test |
//! |---|---|
//! | successes of the closed phase count in half-open | `successes_of_the_closed_phase_count_for_nothing_in_half_open` |
//! | half-open lets everybody in | `of_many_threads_at_the_end_of_the_cool_down_one_gets_through` |
//! | a dropped probe keeps its slot for ever | `a_probe_that_is_dropped_gives_its_slot_back_and_says_nothing` |
//! | a probe that never ends wedges recovery | `a_probe_that_never_ends_makes_room_then_fails_and_its_late_outcome_is_nothing` |
//! | the probe's deadline counts from when somebody looked | `a_deadline_that_ran_out_counts_as_of_the_deadline` |
//! | a neutral outcome closes the breaker | `an_ignored_probe_neither_closes_nor_reopens` |
//! | a neutral outcome dilutes the failure rate | `ignored_calls_do_not_dilute_the_failure_rate` |
//! | a neutral outcome keeps the slot | `ignored_probes_one_after_the_other_never_use_the_slots_up` |
//! | a service whose probes are all 404 is refused for ever | `a_service_that_is_merely_reachable_is_not_refused_for_ever` |
//! | cancelled calls count as failures | `clients_that_go_away_trip_nothing` |
//! | half-open waits for a minimum of samples that never comes | `in_half_open_one_verdict_decides_whatever_the_minimum_of_calls` |
//! | full speed after one good probe | `traffic_comes_back_one_two_four_and_then_all` |
//! | a panicking call is not counted | `a_panic_in_the_call_is_a_failure_and_goes_on_unwinding` |
//! | a panicking probe keeps its slot | `a_panicking_probe_reopens_and_keeps_no_slot` |
//! | the breaker used within itself never heals | `a_call_within_a_probe_is_refused_and_wedges_nothing` |
//! | a probe refused by a second breaker was used up at the first | `a_probe_that_a_second_breaker_refuses_is_not_used_up` |
//! | what trips by slowness is closed by a slow success | `a_slow_success_does_not_close_what_slowness_opened` |

use resilience::machine::Rule;
use resilience::{Breaker, Reason, State, Verdict};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use support::fixture::{
    NS, classic, events, fail, half_open, manual, ms, names, refusal, rule, secs, succeed, trip, wait,
};

#[test]
fn successes_of_the_closed_phase_count_for_nothing_in_half_open() {
    let (breaker, clock) = manual(|builder| builder.failure_rate(0.9).over(secs(600)).min_calls(5));
    succeed(&breaker, 1000);
    half_open(&breaker, &clock);
    for probe in 0..7 {
        assert_eq!(breaker.state(), State::HalfOpen, "after {probe} probes");
        succeed(&breaker, 1);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn of_many_threads_at_the_end_of_the_cool_down_one_gets_through() {
    const THREADS: usize = 16;
    for _ in 0..50 {
        let (breaker, clock) = manual(|builder| builder);
        trip(&breaker);
        clock.advance(secs(1));
        let admitted = AtomicU32::new(0);
        let start = Barrier::new(THREADS);
        let end = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    let permit = breaker.try_acquire();
                    if permit.is_ok() {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                    end.wait();
                });
            }
        });
        assert_eq!(admitted.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_probe_that_is_dropped_gives_its_slot_back_and_says_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    for _ in 0..1000 {
        let probe = breaker.try_acquire().expect("the slot is free again");
        assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut);
        drop(probe);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_probe_that_never_ends_makes_room_then_fails_and_its_late_outcome_is_nothing() {
    let (breaker, clock) = classic(|builder| builder.probe_patience(secs(2)).probe_deadline(secs(5)));
    half_open(&breaker, &clock);
    let hung = breaker.try_acquire().unwrap();
    // At most the present cool-down, which is a second.
    assert_eq!(wait(&breaker), secs(1));
    clock.advance(secs(2) - NS);
    assert_eq!(wait(&breaker), NS, "until the patience with the oldest ends");
    clock.advance(NS);
    let second = breaker.try_acquire().expect("patience is over");
    clock.advance(secs(3) - NS);
    assert_eq!(breaker.state(), State::HalfOpen);
    clock.advance(NS);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(rule(&breaker), Rule::ProbeDeadline);
    hung.success();
    second.success();
    assert_eq!(breaker.state(), State::Open);

    // And never for good: however many hang, there is always a next one.
    for _ in 0..20 {
        clock.advance(secs(120));
        std::mem::forget(breaker.try_acquire().expect("a hung probe wedges nothing"));
    }
}

#[test]
fn a_deadline_that_ran_out_counts_as_of_the_deadline() {
    let (breaker, clock) = classic(|builder| builder.probe_deadline(secs(10)));
    half_open(&breaker, &clock);
    let _hung = breaker.try_acquire().unwrap();
    let mut transitions = breaker.subscribe();
    // Ten seconds to the deadline, a second and a half open: nobody looks until that is over.
    clock.advance(ms(11_499));
    assert_eq!(breaker.snapshot().remaining, Some(ms(1)));
    clock.advance(ms(1));
    assert_eq!(breaker.state(), State::HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    let told = events(&mut transitions);
    let after: Vec<_> = told.iter().map(|event| event.at.saturating_since(told[0].at)).collect();
    assert_eq!(told.iter().map(|event| event.kind.name()).collect::<Vec<_>>(), ["tripped", "half_opened", "closed"]);
    assert_eq!(after, [secs(0), ms(1500), ms(1500)]);
}

#[test]
fn an_ignored_probe_neither_closes_nor_reopens() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let probe = breaker.try_acquire().unwrap();
    let mut transitions = breaker.subscribe();
    probe.record(Verdict::Ignore);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(names(&mut transitions).is_empty());
}

#[test]
fn ignored_calls_do_not_dilute_the_failure_rate() {
    let (breaker, _) = manual(|builder| builder.without_failure_window().failure_rate(0.5).over(secs(10)).min_calls(2));
    for _ in 0..1000 {
        breaker.try_acquire().unwrap().record(Verdict::Ignore);
        drop(breaker.try_acquire().unwrap());
    }
    fail(&breaker, 2);
    assert_eq!(rule(&breaker), Rule::FailureRate);
}

#[test]
fn ignored_probes_one_after_the_other_never_use_the_slots_up() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    for _ in 0..1000 {
        breaker.try_acquire().expect("the slot is free again").record(Verdict::Ignore);
    }
    succeed(&breaker, 7);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_service_that_is_merely_reachable_is_not_refused_for_ever() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    for _ in 0..7 {
        breaker.try_acquire().unwrap().record(Verdict::Reachable);
    }
    assert_eq!(breaker.state(), State::Closed);
    // But while it is closed, being reachable is no proof of health.
    fail(&breaker, 2);
    breaker.try_acquire().unwrap().record(Verdict::Reachable);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn clients_that_go_away_trip_nothing() {
    let (breaker, _) = manual(|builder| builder.in_a_row(5).failure_rate(0.1).over(secs(60)).min_calls(5));
    for _ in 0..50 {
        drop(breaker.try_acquire().unwrap());
    }
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.snapshot().failures.is_empty());
}

#[test]
fn in_half_open_one_verdict_decides_whatever_the_minimum_of_calls() {
    let rate = |builder: resilience::Builder| builder.failure_rate(0.5).over(secs(60)).min_calls(1000);
    for (verdict, then) in [(Verdict::Failure(None), State::Open), (Verdict::Success, State::Closed)] {
        let (breaker, clock) = classic(rate);
        half_open(&breaker, &clock);
        breaker.try_acquire().unwrap().record(verdict);
        assert_eq!(breaker.state(), then);
    }
}

#[test]
fn traffic_comes_back_one_two_four_and_then_all() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    for slots in [1, 2, 4] {
        let probes: Vec<_> = (0..slots).map(|_| breaker.try_acquire().expect("a slot of the stage")).collect();
        assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut);
        probes.into_iter().for_each(resilience::Permit::success);
    }
    assert_eq!(breaker.state(), State::Closed);
    let all: Vec<_> = (0..1000).map(|_| breaker.try_acquire().expect("no limit any more")).collect();
    drop(all);
}

#[test]
fn a_panic_in_the_call_is_a_failure_and_goes_on_unwinding() {
    let (breaker, _) = manual(|builder| builder);
    for _ in 0..3 {
        let call = || breaker.call(|| -> Result<(), ()> { std::panic::panic_any("told to") });
        let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("it goes on unwinding");
        assert_eq!(panic.downcast_ref(), Some(&"told to"));
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(rule(&breaker), Rule::FailureWindow);
}

#[test]
fn a_panicking_probe_reopens_and_keeps_no_slot() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let call = || breaker.call(|| -> Result<(), ()> { std::panic::panic_any("told to") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::Probe));
    clock.advance(wait(&breaker));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_call_within_a_probe_is_refused_and_wedges_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let outer = breaker.try_acquire().unwrap();
    assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut);
    // A refusal says nothing about the upstream, so the outer call says nothing either.
    outer.record(Verdict::Ignore);
    assert_eq!(breaker.state(), State::HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_probe_that_a_second_breaker_refuses_is_not_used_up() {
    let (outer, clock) = classic(|builder| builder);
    let inner = Breaker::new();
    half_open(&outer, &clock);
    inner.force_open();
    for _ in 0..10 {
        let probe = outer.try_acquire().expect("given back each time");
        assert!(inner.try_acquire().is_err());
        drop(probe);
    }
    inner.auto();
    let probe = outer.try_acquire().unwrap();
    inner.try_acquire().unwrap().success();
    probe.success();
    assert_eq!(outer.state(), State::Closed);
}

#[test]
fn a_slow_success_does_not_close_what_slowness_opened() {
    let (breaker, clock) = classic(|builder| {
        builder.without_failure_window().slow_calls(0.5).slower_than(secs(2)).over(secs(60)).min_calls(2)
    });
    let call = |time| {
        let permit = breaker.try_acquire().unwrap();
        clock.advance(time);
        permit.success();
    };
    call(secs(3));
    call(secs(3));
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::SlowCalls));
    clock.advance(wait(&breaker));
    call(secs(3));
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::SlowCalls));
    clock.advance(wait(&breaker));
    call(secs(1));
    assert_eq!(breaker.state(), State::Closed);
}
