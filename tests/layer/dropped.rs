//! Calls that are dropped before their outcome.

use resilience::clock::Tokio;
use resilience::{Breaker, BreakerLayer, State};
use std::task::Poll;
use std::time::Duration;
use support::fixture::{Answer, NS, Upstream, classic, half_open, manual, ms, out, poll_ready, secs};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

#[test]
fn a_call_that_is_dropped_young_says_nothing() {
    let (breaker, clock) = manual(|builder| builder.failures(1).within(secs(30)));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    let call = out(&mut service);
    clock.advance(secs(1) - NS);
    drop(call);
    assert_eq!((breaker.state(), breaker.snapshot().counts.failures), (State::Closed, 0));
}

#[test]
fn a_call_that_is_dropped_at_the_limit_of_its_age_is_a_failure() {
    for limit in [ms(1), secs(1), secs(20)] {
        let (breaker, clock) = manual(|builder| builder.failures(1).within(secs(30)).abandon_after(limit));
        let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
        let call = out(&mut service);
        clock.advance(limit);
        drop(call);
        assert_eq!(breaker.state(), State::Open, "{limit:?}");
    }
}

#[test]
fn age_counts_from_when_the_call_first_has_to_wait() {
    let (breaker, clock) = manual(|builder| builder.failures(1).within(secs(30)));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    // Never polled: it may not even have been sent.
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    let unpolled = service.call(());
    clock.advance(secs(3600));
    drop(unpolled);
    assert_eq!(breaker.state(), State::Closed);
    // Polled late, and then for 900 ms.
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    let mut call = tokio_test::task::spawn(service.call(()));
    clock.advance(secs(3600));
    assert!(call.poll().is_pending());
    clock.advance(ms(600));
    assert!(call.poll().is_pending());
    clock.advance(ms(300));
    drop(call);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn where_the_limit_is_zero_every_dropped_call_is_a_failure() {
    let (breaker, _) = manual(|builder| builder.abandon_after(Duration::ZERO));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    drop(out(&mut service));
    drop(out(&mut service));
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    drop(service.call(()));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_call_that_was_answered_is_not_dropped_once_more() {
    let (breaker, clock) = manual(|builder| builder.abandon_after(Duration::ZERO));
    let upstream = Upstream::new(Answer::Held);
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    let mut call = out(&mut service);
    clock.advance(secs(5));
    upstream.release(Ok("pong"));
    assert_eq!(futures::FutureExt::now_or_never(&mut call), Some(Ok("pong")));
    drop(call);
    assert_eq!(breaker.snapshot().counts.failures, 0);
}

#[test]
fn a_refusal_that_is_dropped_says_nothing() {
    let (breaker, _) = manual(|builder| builder.abandon_after(Duration::ZERO));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::default());
    breaker.force_open();
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    drop(service.call(()));
    breaker.auto();
    assert_eq!(breaker.snapshot().counts, resilience::machine::Counts::default());
}

#[test]
fn a_probe_that_is_dropped_is_judged_by_its_age_too() {
    let (breaker, clock) = classic(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    half_open(&breaker, &clock);
    let young = out(&mut service);
    clock.advance(ms(500));
    drop(young);
    assert_eq!((breaker.state(), breaker.snapshot().probes_out), (State::HalfOpen, 0));
    let old = out(&mut service);
    clock.advance(secs(2));
    drop(old);
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::Open, 2));
}

#[tokio::test(start_paused = true)]
async fn a_hung_upstream_trips_whichever_side_the_timeout_stands_on() {
    let breaker = || Breaker::builder().delay(secs(60)).clock(Tokio::new()).build().unwrap();
    let (outside, inside) = (breaker(), breaker());
    let mut cut = ServiceBuilder::new()
        .timeout(secs(2))
        .layer(BreakerLayer::new(outside.clone()))
        .service(Upstream::new(Answer::Hang));
    let mut answered = ServiceBuilder::new()
        .layer(BreakerLayer::new(inside.clone()))
        .timeout(secs(2))
        .service(Upstream::new(Answer::Hang));
    for _ in 0..3 {
        assert_eq!((outside.state(), inside.state()), (State::Closed, State::Closed));
        assert!(ServiceExt::<()>::ready(&mut cut).await.unwrap().call(()).await.is_err());
        assert!(ServiceExt::<()>::ready(&mut answered).await.unwrap().call(()).await.is_err());
    }
    assert_eq!((outside.state(), inside.state()), (State::Open, State::Open));
}
