//! Which requests may probe.

use resilience::respond::Error;
use resilience::{Breaker, BreakerLayer, Reason, Rejected, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::fixture::{Answer, Down, NS, Upstream, half_open, manual, ms, now, out, secs, succeed};
use tower::{Layer, Service};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Read,
    Write,
}

fn guard(breaker: &Breaker, upstream: Upstream) -> impl Service<Method, Response = &'static str, Error = Error<Down>> {
    BreakerLayer::new(breaker.clone()).probe_if(|method: &Method| *method == Method::Read).layer(upstream)
}

fn refused<S: Service<Method, Response = &'static str, Error = Error<Down>>>(
    service: &mut S,
    method: Method,
) -> Rejected {
    *now(service, method).unwrap_err().rejected().expect("refused")
}

#[test]
fn a_request_that_may_not_probe_is_refused_in_the_first_stage_and_admitted_from_the_second_on() {
    let (breaker, clock) = manual(|builder| builder.delay(secs(3)));
    let mut service = guard(&breaker, Upstream::default());
    half_open(&breaker, &clock);
    for _ in 0..5 {
        let rejected = refused(&mut service, Method::Write);
        assert_eq!((rejected.reason(), rejected.retry_after()), (Reason::MayNotProbe, secs(3)));
    }
    assert_eq!(now(&mut service, Method::Read), Ok("pong"));
    assert_eq!(breaker.snapshot().stage, 1);
    assert_eq!(now(&mut service, Method::Write), Ok("pong"));
}

#[test]
fn from_the_second_stage_on_the_limit_holds_for_all() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).probe_if(|(): &()| false).layer(Upstream::new(Answer::Hang));
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    let _out = [out(&mut service), out(&mut service)];
    let error = now(&mut service, ()).unwrap_err();
    assert_eq!(error.rejected().map(Rejected::reason), Some(Reason::ProbesOut));
}

#[test]
fn where_none_that_may_has_come_for_a_further_cool_down_any_may() {
    let (breaker, clock) = manual(|builder| builder.delay(secs(3)));
    let mut service = guard(&breaker, Upstream::default());
    half_open(&breaker, &clock);
    clock.advance(secs(3) - NS);
    assert_eq!(refused(&mut service, Method::Write).reason(), Reason::MayNotProbe);
    clock.advance(NS);
    for _ in 0..7 {
        assert_eq!(now(&mut service, Method::Write), Ok("pong"));
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn the_further_cool_down_is_the_present_one_not_the_first() {
    let (breaker, clock) = manual(|builder| builder.delay(secs(1)).factor(10.0));
    let mut service = guard(&breaker, Upstream::default());
    half_open(&breaker, &clock);
    breaker.try_acquire().unwrap().failure();
    clock.advance(secs(10));
    assert_eq!(refused(&mut service, Method::Write).retry_after(), secs(10));
    clock.advance(secs(9));
    assert_eq!(refused(&mut service, Method::Write).reason(), Reason::MayNotProbe);
    clock.advance(secs(1));
    assert_eq!(now(&mut service, Method::Write), Ok("pong"));
}

#[test]
fn as_long_as_requests_that_may_probe_come_the_others_wait_for_them() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = guard(&breaker, Upstream::new(Answer::Hang));
    half_open(&breaker, &clock);
    // Reads keep coming; each of them goes away before it is answered.
    for _ in 0..20 {
        assert!(poll_once(&mut service, Method::Read).is_none());
        clock.advance(ms(400));
        assert_eq!(poll_once(&mut service, Method::Write).expect("refused").reason(), Reason::MayNotProbe);
    }
    // Also those that are refused, because the slot is taken, count as having come.
    let _probe = breaker.try_acquire().unwrap();
    clock.advance(ms(600));
    assert_eq!(poll_once(&mut service, Method::Read).expect("refused").reason(), Reason::ProbesOut);
    clock.advance(ms(600));
    assert_eq!(poll_once(&mut service, Method::Write).expect("refused").reason(), Reason::MayNotProbe);
}

/// Makes a call, polls and drops it; the refusal, if it was refused.
fn poll_once<S: Service<Method, Error = Error<Down>>>(service: &mut S, method: Method) -> Option<Rejected> {
    use futures::FutureExt;
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(cx).is_ready());
    let answer = service.call(method).now_or_never()?;
    answer.err().and_then(|error| error.rejected().copied())
}

#[test]
fn healthy_calls_are_not_asked_whether_they_may_probe() {
    let asked = Arc::new(AtomicU32::new(0));
    let (breaker, clock) = manual(|builder| builder);
    let count = Arc::clone(&asked);
    let layer = BreakerLayer::new(breaker.clone()).probe_if(move |(): &()| {
        count.fetch_add(1, Ordering::SeqCst);
        true
    });
    let mut service = layer.layer(Upstream::default());
    for _ in 0..10 {
        assert_eq!(now(&mut service, ()), Ok("pong"));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    half_open(&breaker, &clock);
    assert_eq!(now(&mut service, ()), Ok("pong"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_predicate_may_use_the_breaker_and_may_panic() {
    let (breaker, clock) = manual(|builder| builder);
    let own = breaker.clone();
    let layer = BreakerLayer::new(breaker.clone()).probe_if(move |trouble: &bool| {
        assert!(!trouble, "the predicate's own trouble");
        own.state() == State::HalfOpen
    });
    let mut service = layer.layer(Upstream::default());
    half_open(&breaker, &clock);
    assert!(catch_unwind(AssertUnwindSafe(|| now(&mut service, true))).is_err());
    assert_eq!((breaker.state(), breaker.snapshot().probes_out), (State::HalfOpen, 0));
    assert_eq!(now(&mut service, false), Ok("pong"));
}
