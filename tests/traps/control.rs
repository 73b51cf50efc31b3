//! | the trap | the test |
//! |---|---|
//! | the operator's "force open" is undone by a timer, or by a success | `what_an_operator_forced_open_stays_open` |
//! | forcing it open while it is open does not extend | `forcing_open_what_is_open_lasts_beyond_the_cool_down` |
//! | somebody else's good news closes the breaker at full traffic | `only_probes_close_it_not_success_elsewhere` |
//! | an outage of everything leaves no way out | `an_operator_can_let_everything_through` |
//! | a listener is called under the lock and deadlocks when it looks | `an_observer_may_use_the_breaker_it_observes` |
//! | a listener that panics poisons the breaker | `an_observer_that_panics_hurts_nobody` |
//! | notifications come out of order, or twice | `events_come_in_order_and_once` |
//! | bad configuration is corrected silently, or panics | `a_policy_out_of_its_range_is_refused_by_name` |
//! | a zero threshold wedges or deadlocks | `nothing_that_could_wedge_can_be_built` |
//! | the breaker needs a task, a runtime or a timer of its own | `a_breaker_needs_no_runtime_and_leaves_nothing_behind` |
//! | an error that tells nothing | `a_refusal_says_why_in_words_and_in_numbers` |

use resilience::machine::Rule;
use resilience::{Breaker, Reason, State};
use std::sync::{Arc, Mutex, OnceLock};
use support::fixture::{classic, events, fail, half_open, manual, ms, names, refusal, secs, succeed, trip};

#[test]
fn what_an_operator_forced_open_stays_open() {
    let (breaker, clock) = manual(|builder| builder);
    let before = breaker.try_acquire().unwrap();
    breaker.force_open();
    before.success();
    clock.advance(secs(1_000_000));
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(refusal(&breaker).reason(), Reason::ForcedOpen);
    breaker.auto();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn forcing_open_what_is_open_lasts_beyond_the_cool_down() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    breaker.force_open();
    clock.advance(secs(3600));
    assert_eq!((breaker.state(), refusal(&breaker).reason()), (State::Open, Reason::ForcedOpen));
    breaker.force_open_for(secs(10));
    clock.advance(secs(5));
    breaker.force_open_for(secs(10));
    clock.advance(secs(9));
    assert_eq!(refusal(&breaker).reason(), Reason::ForcedOpen);
    clock.advance(secs(1));
    assert_eq!(breaker.state(), State::HalfOpen, "its own cool-down is long over");
}

#[test]
fn only_probes_close_it_not_success_elsewhere() {
    let (breaker, clock) = manual(|builder| builder);
    let (elsewhere, _) = manual(|builder| builder.name("health"));
    half_open(&breaker, &clock);
    succeed(&elsewhere, 1000);
    assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, 0));
}

#[test]
fn an_operator_can_let_everything_through() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    breaker.force_closed();
    fail(&breaker, 100);
    clock.advance(ms(500));
    breaker.auto();
    assert_eq!(breaker.state(), State::Open, "its deadline stands");
    clock.advance(ms(500));
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn an_observer_may_use_the_breaker_it_observes() {
    let own: Arc<OnceLock<Breaker>> = Arc::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (handle, log) = (Arc::clone(&own), Arc::clone(&seen));
    let (breaker, _) = manual(|builder| {
        builder.observer(move |_: &str, event: &resilience::machine::Event| {
            let breaker = handle.get().expect("set before anything happens");
            log.lock().unwrap().push((event.kind.name(), breaker.state(), breaker.snapshot().counts.trips));
            if breaker.state() == State::Open {
                breaker.reset();
                breaker.set_policy(breaker.policy()).unwrap();
                breaker.try_acquire().unwrap().success();
            }
        })
    });
    own.set(breaker.clone()).unwrap();
    fail(&breaker, 3);
    let told: Vec<_> = seen.lock().unwrap().iter().map(|(name, ..)| *name).collect();
    assert_eq!(told, ["tripped", "reset", "policy_changed"]);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_observer_that_panics_hurts_nobody() {
    let (breaker, clock) = classic(|builder| {
        builder.observer(|_: &str, _: &resilience::machine::Event| std::panic::panic_any("an observer's own trouble"))
    });
    let mut transitions = breaker.subscribe();
    for _ in 0..3 {
        half_open(&breaker, &clock);
        succeed(&breaker, 1);
    }
    assert_eq!(names(&mut transitions), ["tripped", "half_opened", "closed"].repeat(3));
}

#[test]
fn events_come_in_order_and_once() {
    let (breaker, clock) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    fail(&breaker, 1);
    clock.advance(secs(2));
    succeed(&breaker, 7);
    breaker.force_open();
    breaker.force_open();
    breaker.auto();
    breaker.auto();
    let told = events(&mut transitions);
    let names: Vec<_> = told.iter().map(|event| event.kind.name()).collect();
    assert_eq!(
        names,
        [
            "tripped",
            "half_opened",
            "stage_reached",
            "tripped",
            "half_opened",
            "stage_reached",
            "stage_reached",
            "closed",
            "overlay_changed",
            "overlay_changed",
        ]
    );
    assert!(told.is_sorted_by_key(|event| (event.at, event.epoch)));
}

#[test]
fn a_policy_out_of_its_range_is_refused_by_name() {
    let error = Breaker::builder().failures(0).within(secs(30)).build().unwrap_err();
    assert_eq!(error.field(), "window.failures");
    let error = Breaker::builder().jitter(f64::NAN).build().unwrap_err();
    assert_eq!(error.field(), "jitter");
}

#[test]
fn nothing_that_could_wedge_can_be_built() {
    assert_eq!(Breaker::builder().probes(0).build().unwrap_err().field(), "probes");
    assert_eq!(Breaker::builder().stages(0).build().unwrap_err().field(), "stages");
    assert_eq!(Breaker::builder().probe_deadline(secs(0)).build().unwrap_err().field(), "probe_deadline");
    // The smallest that can be, works.
    let (breaker, clock) = classic(|builder| builder.failures(1).within(secs(1)));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    clock.advance(secs(1));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_breaker_needs_no_runtime_and_leaves_nothing_behind() {
    // No runtime is entered here; with a task or a timer of its own this would panic.
    for _ in 0..1000 {
        let breaker = Breaker::new();
        trip(&breaker);
        assert!(breaker.try_acquire().is_err());
    }
}

#[test]
fn a_refusal_says_why_in_words_and_in_numbers() {
    let (breaker, clock) = manual(|builder| builder.name("orders"));
    fail(&breaker, 2);
    clock.advance(secs(4));
    fail(&breaker, 1);
    clock.advance(ms(250));
    let refused = refusal(&breaker);
    let trip = refused.trip().unwrap();
    assert_eq!((refused.reason(), refused.level(), refused.retry_after()), (Reason::Open, 1, ms(750)));
    assert_eq!((trip.rule, trip.failures, trip.calls), (Rule::FailureWindow, 3, 3));
    assert_eq!((trip.first_ago, trip.last_ago, trip.hinted), (ms(4250), ms(250), false));
    assert_eq!(refused.to_string(), "orders: the breaker is open (failures within the window: 3); come back in 750ms");
}
