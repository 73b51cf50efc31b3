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
