//! The quota in the layer: an upstream that counts its calls never sees one too many, whatever the breaker goes through.
#![cfg(all(feature = "http", feature = "tokio"))]
// A lock that a panic left poisoned fails the test, as it should.
#![allow(clippy::disallowed_methods)]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use resilience::classify::{Classify, ClassifyExt, HttpStatus};
use resilience::clock::{Manual, Tokio};
use resilience::{Breaker, BreakerLayer, Hints, Policy, Reason, State, Verdict, hint, policy::Quota};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

type Body = Empty<Bytes>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn answer(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::new()).unwrap()
}

fn telling(status: u16, headers: &[(&str, &str)]) -> Response<Body> {
    let builder = Response::builder().status(status);
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(Body::new()).unwrap()
}

/// Numbers that look random and are the same each time.
struct Lots(u64);

impl Lots {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// An upstream that takes so many calls in any span of so long, and knows when it was asked for more.
#[derive(Default)]
struct Sliding {
    arrived: VecDeque<Instant>,
    taken: u32,
    exceeded: u32,
}

impl Sliding {
    fn arrive(&mut self, limit: usize, per: Duration) -> bool {
        let now = Instant::now();
        self.arrived.push_back(now);
        while self.arrived.front().is_some_and(|first| now - *first > per) {
            self.arrived.pop_front();
        }
        self.taken += 1;
        let exceeded = self.arrived.len() > limit;
        self.exceeded += u32::from(exceeded);
        !exceeded
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_upstream_is_never_asked_for_more_in_traffic_trips_probes_and_recovery() {
    const LIMIT: u32 = 60;
    let per = 10 * SECOND;
    let upstream = Arc::new(Mutex::new(Sliding::default()));
    let trips = Arc::new(AtomicU32::new(0));
    let breaker = Breaker::builder().quota(LIMIT).per(per).clock(Tokio::new()).build().unwrap();
    let began = Instant::now();

    let inner = {
        let upstream = Arc::clone(&upstream);
        service_fn(move |_: Request<()>| {
            let taken = upstream.lock().unwrap().arrive(LIMIT as usize, per);
            async move {
                match began.elapsed().as_secs() {
                    _ if !taken => return Ok::<_, Infallible>(answer(429)),
                    // It hangs, then it fails, then it half works.
                    60..80 => sleep(MINUTE).await,
                    110..140 => return Ok(answer(500)),
                    170..190 if began.elapsed().as_millis() % 3 != 0 => return Ok(answer(503)),
                    _ => sleep(Duration::from_millis(20)).await,
                }
                Ok(answer(200))
            }
        })
    };
    let service = BreakerLayer::for_http(breaker.clone()).layer(inner);

    // Far more than it takes, without regard for what they are told.
    let clients = (0..20).map(|client| {
        let service = service.clone();
        let mut lots = Lots(client);
        tokio::spawn(async move {
            while began.elapsed() < 5 * MINUTE {
                let _ = timeout(2 * SECOND, service.clone().oneshot(Request::new(()))).await;
                sleep(Duration::from_millis(5 + lots.below(60))).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let watch = tokio::spawn({
        let (breaker, trips) = (breaker.clone(), Arc::clone(&trips));
        async move {
            while began.elapsed() < 5 * MINUTE {
                trips.store(u32::try_from(breaker.snapshot().counts.trips).unwrap(), Ordering::Relaxed);
                sleep(SECOND).await;
            }
        }
    });
    for task in clients.into_iter().chain([watch]) {
        task.await.unwrap();
    }

    let Sliding { taken, exceeded, .. } = *upstream.lock().unwrap();
    assert_eq!(exceeded, 0, "of {taken}");
    assert!(trips.load(Ordering::Relaxed) >= 4, "it went through a lot: {trips:?}");
    assert_eq!(breaker.state(), State::Closed, "and came back");
    // Five minutes, less than two of them bad: the guard leaves the rest nearly all of the limit.
    assert!(taken > 30 * LIMIT * 6 / 10, "{taken} calls came through");
}

/// An upstream that counts by the clock on its wall, and says how far it is.
struct Fixed {
    began: Instant,
    window: u64,
    count: u64,
    exceeded: u32,
    taken: u32,
}

impl Fixed {
    const LIMIT: u64 = 40;
    const PER: u64 = 30;

    fn arrive(&mut self) -> Response<Body> {
        let elapsed = self.began.elapsed();
        let window = elapsed.as_secs() / Self::PER;
        if window != self.window {
            (self.window, self.count) = (window, 0);
        }
        self.count += 1;
        let taken = self.count <= Self::LIMIT;
        *(if taken { &mut self.taken } else { &mut self.exceeded }) += 1;
        let left = Duration::from_secs((window + 1) * Self::PER) - elapsed;
        let seconds = left.as_nanos().div_ceil(SECOND.as_nanos());
        let said = format!("\"all\";r={};t={seconds}", Self::LIMIT.saturating_sub(self.count));
        telling(if taken { 200 } else { 429 }, &[("ratelimit", &said)])
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_headers_say_is_kept_to_although_answers_overtake_one_another() {
    // The policy knows of no limit worth the name, so the headers are all there is.
    let breaker = Breaker::builder().quota(100_000).per(SECOND).clock(Tokio::new()).build().unwrap();
    let began = Instant::now();
    let upstream = Fixed { began, window: 0, count: 0, exceeded: 0, taken: 0 };
    let upstream = Arc::new(Mutex::new((upstream, Lots(7))));
    let inner = {
        let upstream = Arc::clone(&upstream);
        service_fn(move |_: Request<()>| {
            let (answer, way_back) = {
                let (upstream, lots) = &mut *upstream.lock().unwrap();
                (upstream.arrive(), lots.below(300))
            };
            async move {
                sleep(Duration::from_millis(way_back)).await;
                Ok::<_, Infallible>(answer)
            }
        })
    };
    let service = BreakerLayer::for_http(breaker).layer(inner);
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let service = service.clone();
            let mut lots = Lots(client);
            tokio::spawn(async move {
                while began.elapsed() < 10 * MINUTE {
                    service.clone().oneshot(Request::new(())).await.unwrap();
                    sleep(Duration::from_millis(lots.below(200))).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let Fixed { exceeded, taken, .. } = upstream.lock().unwrap().0;
    assert_eq!(exceeded, 0, "of {taken}");
    assert!(u64::from(taken) >= 20 * Fixed::LIMIT * 8 / 10, "{taken} of {}", 20 * Fixed::LIMIT);
}

fn limited(calls: u32) -> Breaker {
    Breaker::builder().quota(calls).with_burst(calls).per(MINUTE).clock(Manual::new()).build().unwrap()
}

#[tokio::test]
async fn a_refusal_by_quota_is_a_503_that_says_so_and_the_inner_service_is_left_alone() {
    let breaker = limited(1);
    let polled = Arc::new(AtomicU32::new(0));
    let inner = {
        let polled = Arc::clone(&polled);
        service_fn(move |_: Request<()>| {
            polled.fetch_add(1, Ordering::Relaxed);
            ready(Ok::<_, Infallible>(answer(200)))
        })
    };
    let mut service = BreakerLayer::for_http(breaker.clone()).layer(inner);
    assert_eq!(service.ready().await.unwrap().call(Request::new(())).await.unwrap().status(), 200);

    let refused = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "61");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    assert!(body.contains(r#""reason":"quota""#) && !body.contains("trip"), "{body}");
    assert_eq!(polled.load(Ordering::Relaxed), 1);
    assert_eq!((breaker.state(), breaker.snapshot().counts.failures), (State::Closed, 0));
}

#[tokio::test]
async fn a_429_that_says_how_long_to_wait_ends_the_traffic_at_once() {
    for (hints, reason) in [(Hints::Extend, Some(Reason::Quota)), (Hints::Ignore, None)] {
        let clock = Manual::new();
        let breaker = Breaker::builder().quota(100).per(MINUTE).hints(hints).clock(clock.clone()).build().unwrap();
        let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(telling(429, &[("retry-after", "20")]))));
        let service = BreakerLayer::for_http(breaker.clone()).layer(inner);
        assert_eq!(service.oneshot(Request::new(())).await.unwrap().status(), 429);
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.try_acquire().err().map(|rejected| rejected.reason()), reason, "{hints:?}");
        clock.advance(20 * SECOND);
        assert!(breaker.try_acquire().is_ok());
    }
}

/// A classifier that finds what is left in the answer itself.
#[derive(Clone)]
struct Balance;

impl<E> Classify<u64, E> for Balance {
    fn classify(&self, _: Result<&u64, &E>) -> Verdict {
        Verdict::Success
    }

    fn quota(&self, outcome: Result<&u64, &E>) -> Option<hint::Quota> {
        outcome.ok().map(|left| hint::Quota::new(*left, MINUTE))
    }
}

/// A classifier of answers that are errors, and say what is left.
#[derive(Clone)]
struct Denied;

impl Classify<(), u64> for Denied {
    fn classify(&self, _: Result<&(), &u64>) -> Verdict {
        Verdict::Reachable
    }

    fn quota(&self, outcome: Result<&(), &u64>) -> Option<hint::Quota> {
        outcome.err().map(|left| hint::Quota::new(*left, MINUTE))
    }
}

#[tokio::test]
async fn what_is_left_is_learnt_from_errors_too() {
    let breaker = limited(50);
    let inner = service_fn(|left: u64| ready(Err::<(), _>(left)));
    BreakerLayer::new(breaker.clone()).classify(Denied).layer(inner).oneshot(4).await.unwrap_err();
    assert_eq!(breaker.snapshot().quota.unwrap().remaining, Some(4));
}

#[tokio::test]
async fn what_is_left_is_learnt_through_wrapped_classifiers_and_from_those_of_ones_own() {
    let breaker = limited(50);
    let inner =
        service_fn(|status: u16| ready(Ok::<_, Infallible>(telling(status, &[("ratelimit", r#""all";r=9;t=30"#)]))));
    let learnt = || breaker.snapshot().quota.unwrap().remaining;
    let layer = BreakerLayer::for_http(breaker.clone())
        .classify(HttpStatus::failures([502]).ignore_if(|_: Result<&Response<Body>, &_>| true));
    assert_eq!(learnt(), None);
    layer.layer(inner).oneshot(404).await.unwrap();
    assert_eq!(learnt(), Some(9));

    let inner = service_fn(|left: u64| ready(Ok::<_, Infallible>(left)));
    BreakerLayer::new(breaker.clone()).layer(inner).oneshot(3).await.unwrap();
    assert_eq!(learnt(), Some(8), "it told nothing, and may have been counted");
    BreakerLayer::new(breaker.clone()).classify(Balance).layer(inner).oneshot(3).await.unwrap();
    assert_eq!(learnt(), Some(3));
}

#[tokio::test]
async fn an_answer_whose_body_takes_its_time_is_no_longer_in_flight() {
    let breaker = limited(50);
    let inner = service_fn(|_: Request<()>| {
        let response = Response::builder().header("ratelimit", r#""all";r=20;t=30"#);
        ready(Ok::<_, Infallible>(response.body(Endless).unwrap()))
    });
    let layer = BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::new().judged_at_end());
    let service = layer.layer(inner);
    let left = || breaker.snapshot().quota.map(|quota| (quota.in_flight, quota.remaining)).unwrap();
    let mut bodies = Vec::new();
    for _ in 0..5 {
        bodies.push(service.clone().oneshot(Request::new(())).await.unwrap());
        assert_eq!(left(), (0, Some(20)));
    }
    // Ended, in whatever way, they give nothing back a second time.
    let permit = breaker.try_acquire().unwrap();
    assert_eq!(left(), (1, Some(19)));
    drop(bodies);
    assert_eq!(left(), (1, Some(19)));
    permit.success();
    assert_eq!(left(), (0, Some(19)));
}

/// A body that never ends.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn a_quota_can_be_put_in_force_and_taken_away_while_calls_are_made() {
    let breaker = Breaker::builder().clock(Manual::new()).build().unwrap();
    let early = breaker.try_acquire().unwrap();
    let policy = Policy { quota: Some(Quota::new(2, MINUTE)), ..Policy::default() };
    breaker.set_policy(policy).unwrap();
    let permit = breaker.try_acquire().unwrap();
    assert_eq!(breaker.try_acquire().unwrap_err().reason(), Reason::Quota);
    early.success();
    permit.success();
    assert_eq!(breaker.snapshot().quota.unwrap().in_flight, 0);
    breaker.set_policy(Policy::default()).unwrap();
    (0..100).for_each(|_| breaker.try_acquire().unwrap().success());
    assert_eq!(breaker.snapshot().quota, None);
}

#[test]
fn a_restart_does_not_fill_the_bucket() {
    let breaker = limited(5);
    (0..3).for_each(|_| breaker.try_acquire().unwrap().success());
    breaker.learn_quota(1, MINUTE);
    let snapshot = breaker.snapshot();
    let left = snapshot.quota.unwrap();
    assert_eq!((left.tokens, left.remaining), (2, Some(1)));
    let again = Breaker::builder().quota(5).with_burst(5).per(MINUTE).clock(Manual::new()).restore(snapshot);
    let again = again.build().unwrap();
    again.try_acquire().unwrap().success();
    let rejected = again.try_acquire().unwrap_err();
    assert_eq!(rejected.reason(), Reason::Quota);
    assert!(rejected.retry_after() > 59 * SECOND, "{rejected}");
}

#[test]
fn a_refusal_by_quota_tells_of_no_trip_that_is_long_over() {
    let clock = Manual::new();
    let breaker = Breaker::builder().quota(5).with_burst(5).per(1000 * MINUTE).stages(1).clock(clock.clone());
    let breaker = breaker.build().unwrap();
    (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
    clock.advance(2 * SECOND);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
    breaker.try_acquire().unwrap().success();
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.reason(), rejected.trip(), rejected.level()), (Reason::Quota, None, 0));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_that_was_written_before_there_were_quotas_is_still_good() {
    let mut snapshot = serde_json::to_value(limited(3).snapshot()).unwrap();
    assert_eq!(snapshot["quota"]["tokens"], 3);
    snapshot.as_object_mut().unwrap().remove("quota");
    assert_eq!(serde_json::from_value::<resilience::Snapshot>(snapshot).unwrap().quota, None);
}
