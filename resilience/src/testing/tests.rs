use super::{Scripted, assert_closed, assert_half_open, assert_open, assert_state, half_open, trip};
use crate::clock::Manual;
use crate::{Breaker, BreakerLayer, Reason, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tower_layer::Layer;
use tower_service::Service;

fn manual() -> (Breaker, Manual) {
    let clock = Manual::new();
    (Breaker::builder().jitter(0.0).stages(1).clock(clock.clone()).build().unwrap(), clock)
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn message<R>(act: impl FnOnce() -> R) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(act)).err().expect("it has to panic");
    panicked.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_breaker_goes_where_it_is_brought() {
    let (breaker, clock) = manual();
    assert_closed(&breaker);
    assert_eq!(trip(&breaker).retry_after(), Duration::from_secs(1));
    assert_eq!(assert_open(&breaker).reason(), Reason::Open);
    half_open(&breaker, &clock);
    assert_half_open(&breaker);
    breaker.try_acquire().unwrap().success();
    assert_closed(&breaker);
    half_open(&breaker, &clock);
    assert_state(&breaker, State::HalfOpen);
}

#[test]
fn an_assertion_that_fails_says_what_was_found_and_why() {
    let (breaker, _) = manual();
    assert!(message(|| assert_open(&breaker)).starts_with("expected Open, found Closed: Snapshot {"));
    trip(&breaker);
    let said = message(|| assert_closed(&breaker));
    assert!(said.starts_with("expected Closed, found Open") && said.contains("FailureWindow"), "{said}");
    breaker.shadow();
    assert!(message(|| assert_open(&breaker)).contains("only observed"));
    breaker.force_closed();
    assert!(message(|| trip(&breaker)).starts_with("100000 failures did not trip it"));
    let other = Manual::new();
    breaker.auto();
    assert!(message(|| half_open(&breaker, &other)).starts_with("expected HalfOpen, found Open"));
}

#[test]
fn steps_are_taken_in_order_and_then_the_closure_answers() {
    let mut asked = 0;
    let mut upstream = Scripted::new(move |_: &u32| {
        asked += 1;
        if asked % 2 == 0 { Err("even") } else { Ok(asked) }
    });
    upstream.answer(Ok(40)).fail(1, "down").hang();
    assert_eq!(poll(upstream.call(1)), Poll::Ready(Ok(40)));
    assert_eq!(poll(upstream.call(2)), Poll::Ready(Err("down")));
    assert_eq!(poll(upstream.call(3)), Poll::Pending);
    assert_eq!([4, 5].map(|request| poll(upstream.call(request))), [Poll::Ready(Ok(1)), Poll::Ready(Err("even"))]);
    assert_eq!(
        (upstream.calls(), upstream.take_requests(), upstream.take_requests()),
        (5, vec![1, 2, 3, 4, 5], vec![])
    );
    assert_eq!(format!("{upstream:?}"), "Scripted { calls: 5, steps: 0, ready: true }");
}

#[test]
fn a_held_call_ends_with_its_answer_and_wakes_whoever_waits() {
    let mut upstream = Scripted::new(|_: &()| Ok::<_, ()>(0));
    let held = upstream.hold();
    let mut call = upstream.call(());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut call).poll(&mut cx).is_pending());
    held.answer(Ok(9));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(std::pin::Pin::new(&mut call).poll(&mut cx), Poll::Ready(Ok(9)));
    let early = upstream.hold();
    early.answer(Err(()));
    assert_eq!(poll(upstream.call(())), Poll::Ready(Err(())));
}

#[test]
fn it_is_ready_when_it_is_told_to_be() {
    let mut upstream = Scripted::new(|_: &()| Ok::<_, ()>(()));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    upstream.set_ready(false);
    assert!(upstream.poll_ready(&mut cx).is_pending());
    upstream.clone().set_ready(true);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(upstream.poll_ready(&mut cx).is_ready());
}

#[test]
fn a_call_that_panics_is_a_failure_and_the_script_goes_on() {
    let (breaker, _) = manual();
    let upstream = Scripted::new(|_: &()| Ok::<_, ()>(()));
    upstream.panic("told to").panic("told to").panic("told to");
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    for _ in 0..3 {
        let call = service.call(());
        assert_eq!(message(|| poll(call)), "told to");
    }
    assert_open(&breaker);
    assert_eq!(upstream.calls(), 3);
}

#[test]
fn a_closure_that_panics_or_calls_its_own_service_leaves_no_lock_behind() {
    let upstream =
        Scripted::new(|request: &u32| if *request == 1 { panic!("of the closure") } else { Ok::<_, ()>(()) });
    let mut handle = upstream.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(handle.call(1)))).is_err());
    assert_eq!(upstream.calls(), 1);
    assert!(message(|| poll(handle.call(2))).contains("has panicked"));
    upstream.answer(Ok(()));
    assert_eq!(poll(handle.call(2)), Poll::Ready(Ok(())));
}

#[cfg(feature = "http")]
#[test]
fn an_answer_of_a_status_is_one_for_each_call_and_empty() {
    use http::{Response, StatusCode};
    let mut upstream = Scripted::new(|_: &()| Ok::<_, ()>(Response::new("by the closure")));
    upstream.answer_status(2, StatusCode::TOO_MANY_REQUESTS);
    let mut next = || match poll(upstream.call(())) {
        Poll::Ready(Ok(answer)) => (answer.status().as_u16(), *answer.body()),
        other => panic!("{other:?}"),
    };
    assert_eq!([next(), next(), next()], [(429, ""), (429, ""), (200, "by the closure")]);
}

#[cfg(feature = "tokio")]
mod under_tokio {
    use super::*;
    use crate::clock;
    use crate::respond::Error;
    use tokio::time::{Instant, sleep, timeout};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_is_waited_for_from_the_arrival_of_its_call() {
        let mut upstream = Scripted::new(|_: &()| Ok::<_, ()>("at once"));
        upstream.answer_later(|| sleep(5 * SECOND), Ok("late")).answer_later(|| sleep(SECOND), Err(()));
        sleep(3 * SECOND).await;
        let start = Instant::now();
        let (late, failed) = (upstream.call(()), upstream.call(()));
        assert_eq!((failed.await, start.elapsed()), (Err(()), SECOND));
        assert_eq!((late.await, start.elapsed()), (Ok("late"), 5 * SECOND));
        assert_eq!((upstream.call(()).await, upstream.calls()), (Ok("at once"), 3));
    }

    /// A slow upstream behind a timeout, the whole way round, in no time.
    #[tokio::test(start_paused = true)]
    async fn the_kit_and_the_breaker_follow_paused_time_together() {
        let breaker = Breaker::builder().jitter(0.0).stages(1).clock(clock::Tokio::new()).build().unwrap();
        let upstream = Scripted::new(|_: &()| Ok::<_, &str>("pong"));
        let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
        let start = Instant::now();
        for _ in 0..3 {
            upstream.answer_later(|| sleep(2 * SECOND), Err("too slow"));
            assert_eq!(service.call(()).await, Err(Error::Inner("too slow")));
        }
        let wait = assert_open(&breaker).retry_after();
        assert_eq!((start.elapsed(), wait), (6 * SECOND, SECOND));
        sleep(wait).await;
        assert_half_open(&breaker);
        upstream.hang();
        assert!(timeout(SECOND / 2, service.call(())).await.is_err(), "the probe hangs and is given up");
        assert_eq!(service.call(()).await, Ok("pong"));
        assert_closed(&breaker);
        assert_eq!((upstream.calls(), start.elapsed()), (5, 7 * SECOND + SECOND / 2));
    }
}
