//! How calls through the layer end.

use resilience::classify::HttpStatus;
use resilience::machine::Rule;
use resilience::respond::Error;
use resilience::{Breaker, BreakerLayer, State, Verdict};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};
use support::fixture::{
    Answer, Down, Upstream, classic, half_open, manual, ms, now, out, poll_ready, rule, secs, trip, wait,
};
use tower::{Layer, Service, service_fn};

#[test]
fn answers_pass_unchanged_and_are_judged() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    assert_eq!(now(&mut service, ()), Ok("pong"));
    upstream.answers(Answer::Fail);
    assert_eq!(now(&mut service, ()), Err(Error::Inner(Down)));
    assert_eq!(breaker.snapshot().failures.len(), 1);
    upstream.answers(Answer::Pong);
    assert_eq!(now(&mut service, ()), Ok("pong"));
    assert_eq!(breaker.snapshot().failures.len(), 0);
}

#[test]
fn a_panic_in_the_call_or_in_its_future_is_a_failure_and_goes_on_unwinding() {
    for answer in [Answer::PanicInCall, Answer::PanicInPoll] {
        let (breaker, clock) = classic(|builder| builder);
        let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(answer));
        for _ in 0..3 {
            assert_eq!(breaker.state(), State::Closed);
            let panic = catch_unwind(AssertUnwindSafe(|| now(&mut service, ()))).expect_err("it goes on unwinding");
            assert_eq!(panic.downcast_ref(), Some(&"told to"));
        }
        assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::FailureWindow), "{answer:?}");
        clock.advance(wait(&breaker));
        assert!(catch_unwind(AssertUnwindSafe(|| now(&mut service, ()))).is_err());
        assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::Probe), "{answer:?}");
    }
}

#[test]
fn a_panic_counts_once_even_though_the_future_is_dropped_after_it() {
    let (breaker, _) = manual(|builder| builder.abandon_after(secs(0)));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::PanicInPoll));
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    let mut call = Box::pin(service.call(()));
    let poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    drop(call);
    assert_eq!(breaker.snapshot().counts.failures, 1);
}

#[test]
fn a_classifier_that_panics_wedges_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone())
        .classify(|_: Result<&&str, &Down>| -> Verdict { std::panic::panic_any("the classifier's own trouble") });
    let mut service = layer.layer(Upstream::default());
    half_open(&breaker, &clock);
    for _ in 0..10 {
        assert!(catch_unwind(AssertUnwindSafe(|| now(&mut service, ()))).is_err());
        assert_eq!((breaker.state(), breaker.snapshot().probes_out), (State::HalfOpen, 0));
    }
}

#[test]
fn a_closure_is_a_classifier() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone())
        .classify(|outcome: Result<&&str, &Down>| Verdict::failure_if(outcome.is_ok_and(|answer| *answer == "pong")));
    let mut service = layer.layer(Upstream::default());
    for _ in 0..3 {
        assert_eq!(now(&mut service, ()), Ok("pong"));
    }
    assert_eq!(breaker.state(), State::Open);
}

/// An HTTP service that answers with this status, or cannot be reached.
fn http(
    status: Option<u16>,
) -> impl Service<
    (),
    Response = http::Response<String>,
    Error = Down,
    Future = impl Future<Output = Result<http::Response<String>, Down>>,
> {
    service_fn(move |()| async move {
        let status = status.ok_or(Down)?;
        Ok(http::Response::builder().status(status).body(String::new()).unwrap())
    })
}

#[test]
fn transport_errors_and_failing_statuses_are_failures_of_http() {
    for (status, trips) in [(None, true), (Some(500), true), (Some(429), true), (Some(404), false), (Some(200), false)]
    {
        let (breaker, _) = manual(|builder| builder);
        let mut service = BreakerLayer::for_http(breaker.clone()).layer(http(status));
        for _ in 0..3 {
            let _ = now(&mut service, ());
        }
        assert_eq!(breaker.state() == State::Open, trips, "{status:?}");
    }
    // A named set, as a gateway has it.
    for (status, trips) in [(502, true), (503, true), (504, true), (500, false), (429, false)] {
        let (breaker, _) = manual(|builder| builder);
        let layer = BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::failures([502, 503, 504]));
        let mut service = layer.layer(http(Some(status)));
        for _ in 0..3 {
            let _ = now(&mut service, ());
        }
        assert_eq!(breaker.state() == State::Open, trips, "{status}");
    }
}

#[test]
fn slowness_counts_from_when_a_call_first_has_to_wait() {
    let (breaker, clock) = manual(|builder| {
        builder.without_failure_window().slow_calls(1.0).slower_than(secs(2)).over(secs(60)).min_calls(2)
    });
    let upstream = Upstream::new(Answer::Held);
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    let mut answered_after = |time| {
        let call = out(&mut service);
        clock.advance(time);
        upstream.release(Ok("pong"));
        assert_eq!(futures::FutureExt::now_or_never(call), Some(Ok("pong")));
    };
    answered_after(secs(2));
    answered_after(secs(2));
    answered_after(secs(3));
    assert_eq!(breaker.state(), State::Closed, "exactly the limit is not slow, and one in three is not all");
    clock.advance(secs(120));
    answered_after(secs(3));
    answered_after(ms(2001));
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::SlowCalls));
}

#[test]
fn calls_that_hang_trip_the_stall_rule_while_they_are_still_out() {
    let (breaker, clock) = manual(|builder| builder.stalled(3).for_longer_than(secs(5)));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    let out: Vec<_> = (0..3).map(|_| out(&mut service)).collect();
    clock.advance(ms(4999));
    assert_eq!(breaker.state(), State::Closed);
    clock.advance(ms(1));
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::Stall));
    assert!(now(&mut service, ()).unwrap_err().rejected().is_some());
    drop(out);
}

#[test]
fn every_service_of_a_layer_and_every_clone_share_the_breaker() {
    let breaker = Breaker::new();
    let layer = BreakerLayer::new(breaker.clone());
    let (mut first, mut second) = (layer.layer(Upstream::new(Answer::Fail)), layer.clone().layer(Upstream::default()));
    let mut clone = first.clone();
    for service in [&mut first, &mut clone] {
        assert_eq!(now(service, ()), Err(Error::Inner(Down)));
    }
    assert_eq!(now(&mut first, ()), Err(Error::Inner(Down)));
    for service in [&mut first, &mut clone, &mut second] {
        assert!(now(service, ()).unwrap_err().rejected().is_some());
    }
    assert_eq!(layer.breaker().state(), State::Open);
    assert_eq!(first.breaker().state(), State::Open);
}

#[test]
fn a_guarded_service_is_as_good_at_crossing_threads_as_the_one_within() {
    fn crosses<T: Send + Sync + Clone + Unpin + 'static>(_: &T) {}
    fn sends_its_future<S: Service<()>>(_: &S)
    where
        S::Future: Send + Unpin,
    {
    }
    let breaker = Breaker::new();
    let service =
        BreakerLayer::new(breaker.clone()).layer(service_fn(|(): ()| std::future::ready(Ok::<_, Infallible>(()))));
    crosses(&service);
    sends_its_future(&service);
    crosses(&BreakerLayer::for_http(breaker.clone()));
    crosses(&breaker);
    // And asks the inner service for nothing that it does not need itself: this one is neither.
    let local = std::rc::Rc::new(());
    let mut service = BreakerLayer::new(breaker).layer(service_fn(move |(): ()| {
        let local = std::rc::Rc::clone(&local);
        async move { Ok::<_, Infallible>(std::rc::Rc::strong_count(&local)) }
    }));
    assert_eq!(now(&mut service, ()).unwrap(), 2);
}

#[test]
fn the_inner_service_can_be_reached_and_taken_out() {
    let (breaker, _) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::default());
    trip(&breaker);
    assert!(format!("{service:?}").starts_with("BreakerService"));
    assert_eq!(service.get_ref().calls(), 0);
    assert_eq!(now(service.get_mut(), ()), Ok("pong"));
    assert_eq!(service.into_inner().calls(), 1);
}
