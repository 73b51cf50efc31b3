//! What an operator lays over the phase.

use resilience::{Breaker, Overlay, Reason, State, Verdict};
use std::time::Duration;
use support::fixture::{NS, events, fail, half_open, manual, ms, names, refusal, secs, succeed, trip, wait};

#[test]
fn forced_open_refuses_until_told_otherwise() {
    let (breaker, clock) = manual(|builder| builder);
    breaker.force_open();
    clock.advance(secs(1_000_000));
    assert_eq!((breaker.state(), refusal(&breaker).reason()), (State::Open, Reason::ForcedOpen));
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.overlay, snapshot.overlay_remaining), (Overlay::ForcedOpen, None));
    assert_eq!((snapshot.state, snapshot.phase), (State::Open, State::Closed));
    assert_eq!(refusal(&breaker).trip(), None);
    breaker.auto();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn forced_open_for_a_while_says_how_long_and_ends_by_itself() {
    let (breaker, clock) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    breaker.force_open_for(secs(10));
    clock.advance(secs(4));
    assert_eq!(wait(&breaker), secs(6));
    assert_eq!(breaker.snapshot().overlay_remaining, Some(secs(6)));
    clock.advance(secs(6) - NS);
    assert_eq!(breaker.state(), State::Open);
    clock.advance(NS);
    assert_eq!(breaker.state(), State::Closed);
    succeed(&breaker, 1);
    let told = events(&mut transitions);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].at.saturating_since(told[0].at), secs(10), "as of its expiry");
}

#[test]
fn the_process_clock_ends_it_as_well() {
    // No waiting: a nanosecond is over as soon as it has begun.
    let breaker = Breaker::new();
    breaker.force_open_for(NS);
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.try_acquire().is_ok());
    breaker.force_open_for(secs(3600));
    assert_eq!(refusal(&breaker).reason(), Reason::ForcedOpen);
    assert!(wait(&breaker) <= secs(3600) && wait(&breaker) > secs(3500));
}

#[test]
fn a_refusal_of_a_breaker_that_is_forced_open_for_ever_still_says_when_to_ask_again() {
    let (breaker, clock) = manual(|builder| builder);
    breaker.force_open();
    assert_eq!(wait(&breaker), secs(1), "the cool-down that a trip would have");
    breaker.auto();
    half_open(&breaker, &clock);
    fail(&breaker, 1);
    breaker.force_open();
    assert_eq!((wait(&breaker), refusal(&breaker).level()), (ms(2250), 2));
    // And in the same way by the process's clock, whose refusals take no lock.
    let breaker = Breaker::new();
    trip(&breaker);
    breaker.force_open();
    assert_eq!((wait(&breaker), refusal(&breaker).level(), refusal(&breaker).trip()), (ms(1500), 1, None));
}

#[test]
fn what_is_forced_for_the_longest_time_there_is_has_no_end() {
    // With the process's clock a refusal takes no lock, and with another one it does.
    for breaker in [Breaker::new(), manual(|builder| builder).0] {
        breaker.force_open_for(Duration::MAX);
        assert_eq!(wait(&breaker), secs(1), "as if no time was said");
        assert_eq!(breaker.snapshot().overlay_remaining, None);
    }
}

#[test]
fn forced_closed_admits_everything_and_records_nothing() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    breaker.force_closed_for(secs(10));
    assert_eq!((breaker.state(), breaker.snapshot().phase), (State::Closed, State::Open));
    let before = breaker.snapshot().counts;
    fail(&breaker, 100);
    assert_eq!(breaker.snapshot().counts, before);
    clock.advance(secs(10));
    assert_eq!(breaker.state(), State::HalfOpen, "open went on to its deadline meanwhile");
}

#[test]
fn an_outcome_of_before_or_of_during_an_overlay_changes_nothing_after_it() {
    for force in [Breaker::force_open, Breaker::force_closed] {
        let (breaker, _) = manual(|builder| builder.failures(1).within(secs(30)));
        let before = breaker.try_acquire().unwrap();
        force(&breaker);
        let during = breaker.try_acquire();
        breaker.auto();
        before.failure();
        if let Ok(during) = during {
            during.failure();
        }
        assert_eq!((breaker.state(), breaker.snapshot().failures.len()), (State::Closed, 0));
    }
}

#[test]
fn after_a_forced_overlay_closed_starts_clean_and_half_open_with_its_first_stage() {
    let (breaker, clock) = manual(|builder| builder);
    fail(&breaker, 2);
    breaker.force_closed();
    breaker.auto();
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
    breaker.reset();

    half_open(&breaker, &clock);
    succeed(&breaker, 2);
    let probe = breaker.try_acquire().unwrap();
    assert_eq!(breaker.snapshot().stage, 1);
    breaker.force_open();
    clock.advance(secs(3600));
    breaker.auto();
    assert_eq!((breaker.state(), breaker.snapshot().stage, breaker.snapshot().probes_out), (State::HalfOpen, 0, 0));
    probe.failure();
    assert_eq!(breaker.state(), State::HalfOpen, "late");
}

#[test]
fn under_an_overlay_time_spent_closed_forgives_nothing() {
    let (breaker, clock) = manual(|builder| builder.stages(1).forgive_each(secs(10)));
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().level, 1);
    clock.advance(secs(9));
    breaker.force_closed();
    clock.advance(secs(3600));
    breaker.auto();
    assert_eq!(breaker.snapshot().level, 1);
    clock.advance(secs(10));
    assert_eq!(breaker.snapshot().level, 0);
}

#[test]
fn shadow_refuses_nothing_and_counts_what_it_would_have_refused() {
    let (breaker, clock) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    breaker.shadow();
    fail(&breaker, 3);
    assert_eq!((breaker.state(), breaker.snapshot().overlay), (State::Open, Overlay::Shadow));
    succeed(&breaker, 10);
    assert_eq!(breaker.snapshot().counts.shadow_refused, 10);
    clock.advance(secs(1));
    let probes: Vec<_> = (0..5).map(|_| breaker.try_acquire().expect("nothing is refused")).collect();
    assert_eq!(breaker.snapshot().counts.shadow_refused, 14, "one of them is the probe");
    probes.into_iter().for_each(resilience::Permit::success);
    assert_eq!(breaker.snapshot().stage, 1, "those that would have been refused say nothing");
    succeed(&breaker, 6);
    let told = events(&mut transitions);
    let names: Vec<_> = told.iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["overlay_changed", "tripped", "half_opened", "stage_reached", "stage_reached", "closed"]);
    assert!(told[1..].iter().all(|event| event.shadow));
}

#[test]
fn when_shadow_ends_what_it_found_counts() {
    let (breaker, _) = manual(|builder| builder);
    breaker.shadow_for(secs(60));
    fail(&breaker, 3);
    assert!(breaker.try_acquire().is_ok());
    breaker.auto();
    assert_eq!((breaker.state(), refusal(&breaker).reason()), (State::Open, Reason::Open));
}

#[test]
fn one_overlay_replaces_the_other() {
    let (breaker, clock) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    breaker.force_open_for(secs(10));
    breaker.force_closed();
    clock.advance(secs(10));
    assert_eq!(breaker.snapshot().overlay, Overlay::ForcedClosed, "the first one's expiry is not the second one's");
    breaker.force_open();
    breaker.force_open();
    breaker.auto();
    breaker.auto();
    assert_eq!(names(&mut transitions), ["overlay_changed"; 4]);
}

#[test]
fn a_reset_closes_lifts_and_forgives_but_forgets_no_counts() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    fail(&breaker, 1);
    breaker.force_open();
    breaker.reset();
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.state, snapshot.overlay, snapshot.level, snapshot.trip),
        (State::Closed, Overlay::Automatic, 0, None)
    );
    assert_eq!((snapshot.counts.failures, snapshot.counts.trips), (4, 2));
    trip(&breaker);
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn nothing_but_the_operator_or_its_expiry_lifts_an_overlay() {
    let (breaker, clock) = manual(|builder| builder.stages(1));
    half_open(&breaker, &clock);
    let probe = breaker.try_acquire().unwrap();
    breaker.force_open();
    probe.success();
    clock.advance(secs(3600));
    breaker.set_policy(breaker.policy()).unwrap();
    let _ = breaker.try_acquire().map(|permit| permit.record(Verdict::Success));
    assert_eq!(breaker.snapshot().overlay, Overlay::ForcedOpen);
}
