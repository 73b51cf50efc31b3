//! The policy within tower's retry, around a breaker, on paused time.

use super::*;
use crate::clock::Tokio;
use crate::respond::{BoxError, Boxed, Error, IntoInner};
use crate::{Breaker, BreakerLayer, Hint, Reason, Rejected, State, Verdict};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use tower::retry::RetryLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

type Outcome = Result<&'static str, Verdict>;

/// Says in turn what it is told, then that all is well; and when it was asked.
#[derive(Clone, Default)]
struct Upstream {
    says: Rc<RefCell<VecDeque<Outcome>>>,
    asked: Rc<RefCell<Vec<Instant>>>,
}

impl Upstream {
    fn saying(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let upstream = Self::default();
        upstream.says.borrow_mut().extend(outcomes);
        upstream
    }

    fn service(&self) -> impl Service<&'static str, Response = &'static str, Error = Verdict> + Clone + use<> {
        let Self { says, asked } = self.clone();
        service_fn(move |_: &'static str| {
            asked.borrow_mut().push(Instant::now());
            ready(says.borrow_mut().pop_front().unwrap_or(Ok("well")))
        })
    }

    fn asked(&self) -> usize {
        self.asked.borrow().len()
    }

    /// The waits between one attempt and the next, in milliseconds.
    fn waits(&self) -> Vec<u128> {
        self.asked.borrow().windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}

const DOWN: Outcome = Err(Verdict::Failure(None));

fn hint(seconds: u64) -> Outcome {
    Err(Verdict::Failure(Some(Hint::after(Duration::from_secs(seconds)))))
}

/// The error is the verdict.
fn judge(outcome: Result<&&'static str, &Error<Verdict>>) -> Verdict {
    match outcome {
        Ok(_) => Verdict::Success,
        Err(Error::Inner(verdict)) => *verdict,
        Err(Error::Rejected(_)) => panic!("a refusal is no answer"),
    }
}

fn builder() -> Builder {
    Builder::new().jitter(0.0)
}

fn breaker() -> Breaker {
    Breaker::builder().failures(100).within(Duration::from_secs(30)).jitter(0.0).clock(Tokio::new()).build().unwrap()
}

async fn send(builder: Builder, breaker: &Breaker, upstream: &Upstream) -> Result<&'static str, Error<Verdict>> {
    let policy = builder.for_requests(|request: &&'static str| Some(*request)).unwrap().classify(judge);
    let service = BreakerLayer::new(breaker.clone()).layer(upstream.service());
    RetryLayer::new(policy).layer(service).oneshot("request").await
}

#[tokio::test(start_paused = true)]
async fn failures_are_repeated_with_growing_waits_as_often_as_allowed() {
    let upstream = Upstream::saying([DOWN; 9]);
    let result = send(builder().attempts(4), &breaker(), &upstream).await;
    assert_eq!(result, Err(Error::Inner(Verdict::Failure(None))));
    assert_eq!(upstream.waits(), [100, 200, 400]);
}

#[tokio::test(start_paused = true)]
async fn no_wait_is_longer_than_the_longest() {
    let upstream = Upstream::saying([DOWN, DOWN, DOWN, DOWN]);
    let settings = builder().attempts(9).max_wait(Duration::from_millis(150));
    assert_eq!(send(settings, &breaker(), &upstream).await, Ok("well"));
    assert_eq!(upstream.waits(), [100, 150, 150, 150]);
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back_before_a_moment_that_is_further_away_than_the_longest_wait() {
    let settings = || builder().max_wait(Duration::from_secs(5));
    let began = Instant::now();
    let upstream = Upstream::saying([hint(6)]);
    assert!(matches!(send(settings(), &breaker(), &upstream).await, Err(Error::Inner(_))));
    let breaker = breaker();
    breaker.force_open_for(Duration::from_secs(6));
    let refused = send(settings(), &breaker, &Upstream::default()).await.unwrap_err();
    assert_eq!(refused.rejected().map(Rejected::retry_after), Some(Duration::from_secs(6)));
    assert_eq!((upstream.asked(), began.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_waited_for_and_never_undercuts_the_backoff() {
    let short = Err(Verdict::Failure(Some(Hint::after(Duration::from_millis(1)))));
    let limited = Err(Verdict::Limited(Duration::from_secs(2)));
    let relayed = Err(Verdict::Relayed(Some(Duration::from_secs(1))));
    let upstream = Upstream::saying([hint(3), short, limited, relayed]);
    assert_eq!(send(builder().attempts(5), &breaker(), &upstream).await, Ok("well"));
    assert_eq!(upstream.waits(), [3000, 200, 2000, 1000]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_failure_is_handed_on() {
    for verdict in [Verdict::Success, Verdict::Reachable, Verdict::Ignore] {
        let upstream = Upstream::saying([Err(verdict)]);
        assert_eq!(send(builder(), &breaker(), &upstream).await, Err(Error::Inner(verdict)));
        assert_eq!(upstream.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_waited_for_and_costs_neither_attempt_nor_budget() {
    let breaker = breaker();
    breaker.force_open_for(Duration::from_secs(5));
    let upstream = Upstream::saying([DOWN]);
    let settings = builder().attempts(2).budget(0.0, 1);
    let began = Instant::now();
    assert_eq!(send(settings, &breaker, &upstream).await, Ok("well"));
    assert_eq!(upstream.asked.borrow()[0] - began, Duration::from_secs(5));
    assert_eq!(upstream.waits(), [100]);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_answered_in_time_is_told_at_once() {
    let breaker = breaker();
    breaker.force_open_for(Duration::from_secs(31));
    let began = Instant::now();
    let refused = send(builder(), &breaker, &Upstream::default()).await.unwrap_err();
    assert_eq!(refused.rejected().map(Rejected::reason), Some(Reason::ForcedOpen));

    let upstream = Upstream::saying([hint(31)]);
    breaker.reset();
    assert!(send(builder(), &breaker, &upstream).await.is_err());
    assert_eq!((upstream.asked(), began.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_counts_from_the_original_request_and_bounds_what_refusals_cost() {
    let breaker = breaker();
    breaker.force_open();
    let began = Instant::now();
    let refused = send(builder().time_limit(Duration::from_secs(7)), &breaker, &Upstream::default()).await;
    assert!(refused.unwrap_err().rejected().is_some());
    let waited = began.elapsed();
    assert!((Duration::from_secs(6)..=Duration::from_secs(7)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn jitter_never_leads_beyond_the_time_limit() {
    for _ in 0..20 {
        let upstream = Upstream::saying([hint(9)]);
        let began = Instant::now();
        let settings = Builder::new().jitter(1.0).time_limit(Duration::from_secs(10));
        assert_eq!(send(settings, &breaker(), &upstream).await, Ok("well"));
        assert!((Duration::from_secs(9)..=Duration::from_millis(10_001)).contains(&began.elapsed()));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_spent_answers_are_handed_on_until_originals_have_paid_in() {
    let (breaker, upstream) = (breaker(), Upstream::saying([DOWN; 100]));
    let policy = builder().attempts(2).budget(0.5, 2).for_requests(|request: &&'static str| Some(*request)).unwrap();
    let policy = policy.classify(judge);
    let layer = RetryLayer::new(policy.clone());
    let service = layer.layer(BreakerLayer::new(breaker).layer(upstream.service()));
    let mut asked = Vec::new();
    for _ in 0..8 {
        let before = upstream.asked();
        assert!(service.clone().oneshot("request").await.is_err());
        asked.push(upstream.asked() - before);
    }
    // Two in reserve, and one for every second original.
    assert_eq!(asked, [2, 2, 2, 1, 2, 1, 2, 1]);
    assert_eq!(policy.budget_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_must_not_be_repeated_is_not_even_after_a_refusal() {
    let breaker = breaker();
    breaker.force_open_for(Duration::from_secs(1));
    let policy = builder().for_requests(|_: &&'static str| None).unwrap();
    let service = RetryLayer::new(policy).layer(BreakerLayer::new(breaker).layer(Upstream::default().service()));
    assert!(service.oneshot("request").await.unwrap_err().rejected().is_some());
}

#[tokio::test(start_paused = true)]
async fn many_that_were_refused_together_all_get_through_in_the_end() {
    let breaker = Breaker::builder().jitter(0.0).clock(Tokio::new()).build().unwrap();
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
    }
    let upstream = Upstream::default();
    let policy = Builder::new().for_requests(|request: &&'static str| Some(*request)).unwrap().classify(judge);
    let service = RetryLayer::new(policy).layer(BreakerLayer::new(breaker.clone()).layer(upstream.service()));
    let requests = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..50).map(|_| requests.spawn_local(service.clone().oneshot("request"))).collect();
    requests.await;
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok("well"));
    }
    assert_eq!((upstream.asked(), breaker.state()), (50, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_found_in_the_form_of_the_layer_below() {
    let breaker = breaker();
    let upstream = service_fn(|number: u8| ready(Ok::<u8, std::io::Error>(number)));
    let policy = || builder().for_requests(|number: &u8| Some(*number)).unwrap();

    breaker.force_open_for(Duration::from_secs(1));
    let boxed = BreakerLayer::new(breaker.clone()).respond(Boxed).layer(upstream);
    let result: Result<u8, BoxError> = RetryLayer::new(policy().refusals(Boxed)).layer(boxed).oneshot(1).await;
    assert_eq!(result.unwrap(), 1);

    breaker.force_open_for(Duration::from_secs(1));
    let refuse = |rejected: Rejected| Err(std::io::Error::other(rejected));
    let own = BreakerLayer::new(breaker.clone()).respond(refuse).layer(upstream);
    assert_eq!(RetryLayer::new(policy().refusals(IntoInner)).layer(own.clone()).oneshot(2).await.unwrap(), 2);

    breaker.force_open_for(Duration::from_secs(1));
    let find = |outcome: Result<&u8, &std::io::Error>| outcome.err()?.get_ref()?.downcast_ref::<Rejected>().copied();
    assert_eq!(RetryLayer::new(policy().refusals(find)).layer(own).oneshot(3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_can_be_said_later_and_the_rest_stays() {
    let breaker = Breaker::builder().clock(Tokio::new()).build().unwrap();
    let upstream = Upstream::saying([DOWN, DOWN]);
    let service = || BreakerLayer::new(breaker.clone()).layer(upstream.service());
    let policy = RetryPolicy::new(|_: &&'static str| None::<&'static str>).classify(judge);
    RetryLayer::new(policy.clone()).layer(service()).oneshot("once").await.unwrap_err();
    assert_eq!(upstream.asked(), 1);
    let policy = policy.repeat(|request: &&'static str| Some(*request));
    assert_eq!(RetryLayer::new(policy).layer(service()).oneshot("again").await.unwrap(), "well");
    assert_eq!(upstream.asked(), 3);
}

#[cfg(feature = "http")]
#[test]
fn settings_that_are_out_of_range_make_no_policy_for_http() {
    assert!(Builder::default().for_http().is_ok());
    assert_eq!(Builder::default().factor(0.5).for_http().err().map(|error| error.field()), Some("factor"));
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn over_http_idempotent_requests_wait_for_the_breaker_and_others_get_the_refusal() {
    use http::{Request, Response};
    use http_body_util::Full;

    let breaker = breaker();
    let upstream = service_fn(|_: Request<Full<bytes::Bytes>>| {
        ready(Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::from("well"))))
    });
    let layer = RetryLayer::new(RetryPolicy::for_http());
    let service = layer.layer(BreakerLayer::for_http(breaker.clone()).layer(upstream));
    let status = async |request: http::request::Builder| {
        breaker.force_open_for(Duration::from_secs(3));
        let began = Instant::now();
        let response = service.clone().oneshot(request.body(Full::default()).unwrap()).await.unwrap();
        breaker.reset();
        (response.status().as_u16(), began.elapsed() >= Duration::from_secs(3))
    };
    assert_eq!(status(Request::get("/")).await, (200, true));
    assert_eq!(status(Request::post("/")).await, (503, false));
    assert_eq!(status(Request::post("/").header("idempotency-key", "7")).await, (200, true));
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn a_grpc_server_that_asks_not_to_be_tried_again_is_not() {
    use crate::classify::GrpcStatus;

    for (pushback, asked) in [("-1", 1), ("soon", 1), ("2147483648", 1), ("0", 2), ("20", 2)] {
        let tries = Rc::new(RefCell::new(0));
        let seen = Rc::clone(&tries);
        let service = service_fn(move |_: &'static str| {
            *seen.borrow_mut() += 1;
            let answer = http::Response::builder().header("grpc-status", "14");
            ready(answer.header("grpc-retry-pushback-ms", pushback).body(()).map_err(Error::<http::Error>::Inner))
        });
        let policy = builder().attempts(2).for_requests(|request: &&'static str| Some(*request)).unwrap();
        let retry = RetryLayer::new(policy.classify(GrpcStatus::new()));
        retry.layer(service).oneshot("request").await.unwrap();
        assert_eq!(*tries.borrow(), asked, "{pushback}");
    }
}
