//! Being ready, and what a call may count on after it.

use resilience::classify::{ClassifyExt, ErrorsFail};
use resilience::respond::Error;
use resilience::{Breaker, BreakerLayer, BreakerService, Reason, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;
use support::fixture::{
    Answer, Down, Readiness, Upstream, classic, fail, half_open, manual, now, out, poll_ready, secs, succeed, trip,
    wait,
};
use tower::{Layer, Service};

type Guarded = BreakerService<Upstream>;

fn guard(breaker: &Breaker, upstream: &Upstream) -> Guarded {
    BreakerLayer::new(breaker.clone()).layer(upstream.clone())
}

/// A call without asking for readiness: what follows a `poll_ready` of the test's own.
fn call(service: &mut Guarded) -> Result<&'static str, Error<Down>> {
    futures::FutureExt::now_or_never(service.call(())).expect("answered at once")
}

fn reason(answer: Result<&'static str, Error<Down>>) -> (Reason, Duration) {
    let error = answer.expect_err("refused");
    let rejected = error.rejected().expect("refused, not failed");
    (rejected.reason(), rejected.retry_after())
}

#[test]
fn closed_its_readiness_is_that_of_the_inner_service() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    upstream.is(Readiness::Pending);
    assert!(poll_ready(&mut service).is_pending());
    upstream.is(Readiness::Ready);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));
    upstream.is(Readiness::Broken);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err(Error::Inner(Down))));
    assert_eq!(upstream.polls(), 3);
}

type Refuse = fn(&Breaker, &resilience::clock::Manual) -> Option<resilience::Permit>;

#[test]
fn while_it_refuses_it_is_ready_at_once_and_the_inner_service_is_left_alone() {
    let refusing: [(&str, Refuse); 4] = [
        ("open", |breaker, _| {
            trip(breaker);
            None
        }),
        ("forced open", |breaker, _| {
            breaker.force_open();
            None
        }),
        ("forced open for a while", |breaker, _| {
            breaker.force_open_for(secs(1));
            None
        }),
        ("half-open, its probe out", |breaker, clock| {
            half_open(breaker, clock);
            breaker.try_acquire().ok()
        }),
    ];
    for (how, refuse) in refusing {
        let (breaker, clock) = manual(|builder| builder);
        let upstream = Upstream::default();
        let mut service = guard(&breaker, &upstream);
        upstream.is(Readiness::Pending);
        let _probe = refuse(&breaker, &clock);
        for _ in 0..3 {
            assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{how}");
            assert!(call(&mut service).unwrap_err().rejected().is_some(), "{how}");
        }
        assert_eq!((upstream.polls(), upstream.calls()), (0, 0), "{how}");
    }
}

type Happen = fn(&Breaker, &resilience::clock::Manual);

#[test]
fn a_call_after_a_refusing_readiness_is_refused_whatever_has_happened_since() {
    let since: [(&str, Happen); 5] = [
        ("reset", |breaker, _| breaker.reset()),
        ("forced closed", |breaker, _| breaker.force_closed()),
        ("shadow", |breaker, _| breaker.shadow()),
        ("the cool-down is over", |_, clock| clock.advance(secs(1))),
        ("recovered", |breaker, clock| {
            clock.advance(secs(1));
            succeed(breaker, 7);
            assert_eq!(breaker.state(), State::Closed);
        }),
    ];
    for (what, happen) in since {
        let (breaker, clock) = manual(|builder| builder);
        let upstream = Upstream::default();
        let mut service = guard(&breaker, &upstream);
        trip(&breaker);
        assert!(poll_ready(&mut service).is_ready());
        happen(&breaker, &clock);
        let counts = breaker.snapshot().counts;
        assert_eq!(reason(call(&mut service)), (Reason::StaleReadiness, secs(0)), "{what}");
        assert_eq!(breaker.snapshot().counts, counts, "a refusal is no outcome");
        assert_eq!(now(&mut service, ()), Ok("pong"), "{what}: asked anew, it is admitted");
        assert_eq!(upstream.calls(), 1);
    }
}

#[test]
fn a_stale_readiness_tells_the_present_reason_where_there_is_one() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = guard(&breaker, &Upstream::default());
    trip(&breaker);
    assert!(poll_ready(&mut service).is_ready());
    clock.advance(secs(1));
    let _probe = breaker.try_acquire().unwrap();
    assert_eq!(reason(call(&mut service)), (Reason::ProbesOut, secs(1)));
}

#[test]
fn what_trips_between_readiness_and_call_refuses_the_call() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    assert!(poll_ready(&mut service).is_ready());
    trip(&breaker);
    assert_eq!(reason(call(&mut service)), (Reason::Open, secs(1)));
    assert_eq!((upstream.polls(), upstream.calls()), (1, 0));
}

#[test]
fn an_inner_service_that_was_not_polled_ready_is_never_called() {
    // The upstream panics if it is. What happens in which order is drawn from a fixed sequence.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let (breaker, clock) = manual(|builder| builder.max_delay(secs(2)));
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    let mut ready = false;
    let mut probes = Vec::new();
    for _ in 0..20_000 {
        match draw(13) {
            0..=3 => ready = matches!(poll_ready(&mut service), Poll::Ready(Ok(()))),
            4..=6 if std::mem::take(&mut ready) => drop(call(&mut service)),
            7 => upstream.is(match draw(4) {
                0 => Readiness::Pending,
                1 => Readiness::Broken,
                _ => Readiness::Ready,
            }),
            8 => upstream.answers(if draw(2) == 0 { Answer::Pong } else { Answer::Fail }),
            9 => clock.advance(Duration::from_millis(draw(900))),
            10 => match draw(5) {
                0 => breaker.force_open_for(secs(1)),
                1 => breaker.force_closed_for(secs(1)),
                2 => breaker.shadow_for(secs(1)),
                3 => breaker.reset(),
                _ => breaker.auto(),
            },
            11 => probes.extend(breaker.try_acquire()),
            _ => drop(probes.pop()),
        }
    }
    assert!(upstream.calls() > 100, "the sequence is worth something: {} calls", upstream.calls());
}

#[test]
fn an_inner_service_that_cannot_become_ready_is_a_failure_and_the_error_is_passed_on() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    upstream.is(Readiness::Broken);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(poll_ready(&mut service), Poll::Ready(Err(Error::Inner(Down))));
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "now it is refused, and no longer asked");
    assert_eq!(upstream.polls(), 3);
}

#[test]
fn the_classifier_judges_errors_of_readiness_too() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let layer = BreakerLayer::new(breaker.clone()).classify(ErrorsFail.ignore_error::<Down>());
    let mut service = layer.layer(upstream.clone());
    upstream.is(Readiness::Broken);
    for _ in 0..10 {
        assert!(matches!(poll_ready(&mut service), Poll::Ready(Err(_))));
    }
    assert_eq!(breaker.snapshot().counts.failures, 0);
}

#[test]
fn a_panic_while_it_becomes_ready_is_a_failure_and_goes_on_unwinding() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    upstream.is(Readiness::Panic);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        assert!(catch_unwind(AssertUnwindSafe(|| poll_ready(&mut service))).is_err());
    }
    assert_eq!(breaker.state(), State::Open);
    clock.advance(wait(&breaker));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_ready(&mut service))).is_err());
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::Open, 2), "a probe that panicked");
}

#[test]
fn a_caller_that_waits_for_a_stuck_inner_service_is_woken_to_be_refused() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = guard(&breaker, &upstream);
    upstream.is(Readiness::Pending);
    let mut waiting = tokio_test::task::spawn(());
    assert!(waiting.enter(|cx, _| Service::<()>::poll_ready(&mut service, cx)).is_pending());
    fail(&breaker, 2);
    assert!(!waiting.is_woken());
    fail(&breaker, 1);
    assert!(waiting.is_woken());
    assert!(waiting.enter(|cx, _| Service::<()>::poll_ready(&mut service, cx)).is_ready());
    assert_eq!(reason(call(&mut service)).0, Reason::Open);
}

#[test]
fn being_ready_while_a_probe_may_be_made_reserves_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::new(Answer::Hang);
    let (mut first, mut second) = (guard(&breaker, &upstream), guard(&breaker, &upstream));
    half_open(&breaker, &clock);
    assert!(poll_ready(&mut first).is_ready());
    assert!(poll_ready(&mut second).is_ready());
    let probe = out(&mut second);
    assert_eq!(reason(call(&mut first)).0, Reason::ProbesOut);
    drop(probe);
    assert!(poll_ready(&mut first).is_ready());
    drop(first);
    assert_eq!(breaker.snapshot().probes_out, 0);
}
