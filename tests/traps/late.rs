//! | the trap | the test |
//! |---|---|
//! | a late success from before the trip closes the breaker | `a_late_success_from_before_the_trip_does_not_close` |
//! | a late failure reopens it, or prolongs the open time, or trips it again and again | `late_failures_neither_reopen_nor_prolong_nor_trip_again` |
//! | a late outcome decides in place of the probe that is out | `a_late_outcome_does_not_decide_for_the_probe_that_is_out` |
//! | a probe of an earlier trip decides for the present one | `a_probe_of_an_earlier_spell_does_not_decide_for_the_present_one` |
//! | a late outcome frees a slot that it never held | `a_late_outcome_frees_no_slot_that_it_never_held` |
//! | late outcomes after an operator's reset count for the new life | `outcomes_from_before_a_reset_change_nothing` |
//! | outcomes of a breaker that is gone count for its successor | `a_permit_that_outlives_its_breaker_is_nobodys_late_outcome` |
//! | calls of a breaker that is gone count for its successor | `the_calls_of_a_breaker_that_is_gone_are_not_counted_by_its_successor` |
//! | the result of a call that is longer than the window is thrown away with its start | `a_failure_of_a_call_longer_than_the_window_counts_when_it_comes` |
//! | the state, its deadline and its epoch are published one after the other | `nobody_ever_sees_an_open_breaker_without_its_deadline` |
//! | two threads bring the same transition about, or an illegal one | `under_many_threads_every_transition_is_a_legal_one_and_happens_once` |
//! | bookkeeping is pinned, or locked, for the whole of the user's call | `a_call_that_is_out_holds_nothing_that_others_need` |

use resilience::machine::EventKind;
use resilience::{Breaker, Reason, State, Verdict};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use support::fixture::{classic, events, fail, half_open, manual, refusal, secs, succeed, trip, wait};

#[test]
fn a_late_success_from_before_the_trip_does_not_close() {
    let (breaker, clock) = classic(|builder| builder);
    let slow = breaker.try_acquire().unwrap();
    trip(&breaker);
    slow.success();
    assert_eq!(breaker.state(), State::Open);

    for verdict in [Verdict::Success, Verdict::Reachable] {
        breaker.reset();
        let slow = breaker.try_acquire().unwrap();
        half_open(&breaker, &clock);
        slow.record(verdict);
        assert_eq!(breaker.state(), State::HalfOpen, "after a late {verdict:?}");
    }
    assert_eq!(breaker.snapshot().counts.late, 3);
}

#[test]
fn late_failures_neither_reopen_nor_prolong_nor_trip_again() {
    let (breaker, clock) = classic(|builder| builder);
    let mut transitions = breaker.subscribe();
    let slow: Vec<_> = (0..10).map(|_| breaker.try_acquire().unwrap()).collect();
    trip(&breaker);
    let before = wait(&breaker);
    let mut slow = slow.into_iter();
    slow.by_ref().take(4).for_each(resilience::Permit::failure);
    assert_eq!(wait(&breaker), before);

    clock.advance(before);
    assert_eq!(breaker.state(), State::HalfOpen);
    slow.by_ref().take(4).for_each(resilience::Permit::failure);
    assert_eq!(breaker.state(), State::HalfOpen);

    succeed(&breaker, 1);
    slow.for_each(resilience::Permit::failure);
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.snapshot().failures.is_empty());
    let names: Vec<_> = events(&mut transitions).iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["tripped", "half_opened", "closed"]);
    assert_eq!((breaker.snapshot().counts.trips, breaker.snapshot().counts.late), (1, 10));
}

#[test]
fn a_late_outcome_does_not_decide_for_the_probe_that_is_out() {
    for (late, probe, then) in [
        (Verdict::Success, Verdict::Failure(None), State::Open),
        (Verdict::Failure(None), Verdict::Success, State::Closed),
    ] {
        let (breaker, clock) = classic(|builder| builder);
        let slow = breaker.try_acquire().unwrap();
        half_open(&breaker, &clock);
        let out = breaker.try_acquire().unwrap();
        slow.record(late);
        assert_eq!(breaker.state(), State::HalfOpen, "the probe is still waited for");
        out.record(probe);
        assert_eq!(breaker.state(), then);
    }
}

#[test]
fn a_probe_of_an_earlier_spell_does_not_decide_for_the_present_one() {
    let (breaker, clock) = manual(|builder| builder.stages(2).probe_patience(secs(100)).probe_deadline(secs(100)));
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    let (first, second) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    first.failure();
    clock.advance(wait(&breaker));
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().stage, 1);
    second.failure();
    assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, 1));
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_late_outcome_frees_no_slot_that_it_never_held() {
    let (breaker, clock) = classic(|builder| builder);
    let slow: Vec<_> = (0..4).map(|_| breaker.try_acquire().unwrap()).collect();
    half_open(&breaker, &clock);
    let probe = breaker.try_acquire().unwrap();
    for (permit, verdict) in
        slow.into_iter().zip([Verdict::Success, Verdict::Failure(None), Verdict::Ignore, Verdict::Reachable])
    {
        permit.record(verdict);
        assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut, "after a late {verdict:?}");
    }
    drop(probe);
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn outcomes_from_before_a_reset_change_nothing() {
    let (breaker, _) = manual(|builder| builder);
    let slow: Vec<_> = (0..5).map(|_| breaker.try_acquire().unwrap()).collect();
    fail(&breaker, 1);
    breaker.reset();
    slow.into_iter().for_each(resilience::Permit::failure);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().failures.len(), 0);
}

#[test]
fn a_permit_that_outlives_its_breaker_is_nobodys_late_outcome() {
    // State is used again; the loop makes it likely that it is even while other tests make breakers.
    for _ in 0..100 {
        let (breaker, _) = manual(|builder| builder);
        let orphans: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
        drop(breaker);
        let (successor, _) = manual(|builder| builder);
        orphans.into_iter().for_each(resilience::Permit::failure);
        assert_eq!(successor.state(), State::Closed);
        assert_eq!(successor.snapshot().counts.failures, 0);
        assert_eq!(successor.snapshot().counts.late, 0, "it never admitted them");
    }
}

#[test]
fn the_calls_of_a_breaker_that_is_gone_are_not_counted_by_its_successor() {
    let rate =
        |builder: resilience::Builder| builder.without_failure_window().failure_rate(0.5).over(secs(64)).min_calls(10);
    for _ in 0..100 {
        let (breaker, _) = manual(rate);
        fail(&breaker, 9);
        drop(breaker);
        let (successor, _) = manual(rate);
        fail(&successor, 9);
        assert_eq!(successor.state(), State::Closed);
    }
}

#[test]
fn a_failure_of_a_call_longer_than_the_window_counts_when_it_comes() {
    let (breaker, clock) = manual(|builder| builder.failure_rate(1.0).over(secs(5)).min_calls(2));
    let slow: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(secs(600));
    slow.into_iter().for_each(resilience::Permit::failure);
    assert_eq!(breaker.state(), State::Open);
}

/// Says so when its thread is done, also where an assertion has ended it: nobody waits for ever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nobody_ever_sees_an_open_breaker_without_its_deadline() {
    let breaker =
        Breaker::builder().delay(secs(1000)).max_delay(secs(1000)).probe_patience(secs(1)).jitter(0.0).build().unwrap();
    let done = AtomicBool::new(false);
    let seen = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _done = Done(&done);
                while !done.load(Ordering::Relaxed) {
                    match breaker.try_acquire() {
                        Ok(permit) => permit.failure(),
                        Err(rejected) => {
                            seen.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(rejected.reason(), Reason::Open);
                            // It is told until the breaker trips again, which may be now.
                            assert!(rejected.trip().is_none_or(|trip| trip.failures == 3));
                            assert!(rejected.retry_after() <= secs(1000));
                            // A deadline that belongs to an earlier trip, or to none, would be over or nearly so.
                            assert!(rejected.retry_after() > secs(900), "{rejected:?}");
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..300 {
                while breaker.state() != State::Open && !done.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                breaker.reset();
            }
            done.store(true, Ordering::Relaxed);
        });
    });
    assert!(seen.load(Ordering::Relaxed) > 0);
}

#[test]
fn under_many_threads_every_transition_is_a_legal_one_and_happens_once() {
    let (breaker, clock) = manual(|builder| builder.stages(2).keep_on_success());
    let mut transitions = breaker.subscribe();
    let mut closed = true;
    let mut stage = None;
    let mut epoch = 0;
    let mut seen = 0;
    for round in 0..60 {
        thread::scope(|scope| {
            for thread in 0..4 {
                let breaker = &breaker;
                scope.spawn(move || {
                    for call in 0..40 {
                        if let Ok(permit) = breaker.try_acquire() {
                            permit.record(Verdict::failure_if((thread + call + round) % 7 == 0));
                        }
                    }
                });
            }
        });
        clock.advance(secs(70));
        for event in events(&mut transitions) {
            seen += 1;
            match event.kind {
                EventKind::Tripped(_) => {
                    assert!(closed || stage.is_some(), "tripped while open");
                    (closed, stage) = (false, None);
                }
                EventKind::HalfOpened => {
                    assert!(!closed && stage.is_none(), "half-opened while not open");
                    stage = Some(0);
                }
                EventKind::StageReached(reached) => {
                    assert_eq!(stage.replace(reached), reached.checked_sub(1));
                    continue;
                }
                EventKind::Closed => {
                    assert_eq!(stage.take(), Some(1), "closed before the last stage");
                    closed = true;
                }
                other => panic!("nobody asked for {other:?}"),
            }
            assert!(event.epoch > epoch, "every transition starts an epoch");
            epoch = event.epoch;
        }
    }
    assert!(seen > 50, "only {seen} transitions");
    assert_eq!(transitions.lost(), 0);
}

#[test]
fn a_call_that_is_out_holds_nothing_that_others_need() {
    let (breaker, clock) = classic(|builder| builder);
    let answer = breaker.call(|| {
        half_open(&breaker, &clock);
        succeed(&breaker, 1);
        breaker.force_open();
        breaker.auto();
        breaker.set_policy(breaker.policy()).unwrap();
        Ok::<_, ()>(breaker.snapshot().state)
    });
    assert_eq!(answer.unwrap(), Ok(State::Closed));
}
