use super::*;
use crate::clock::Tokio;
use crate::machine::Rule;
use crate::{Hint, Reason, State};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn breaker() -> Breaker {
    Breaker::builder().jitter(0.0).clock(Tokio::new()).build().unwrap()
}

fn trip(breaker: &Breaker) {
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
    }
    assert_eq!(breaker.state(), State::Open);
}

async fn advance(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

/// Answers at once, always the same, and counts.
fn counting(verdict: Verdict) -> (Rc<Cell<u32>>, impl FnMut() -> std::future::Ready<Verdict>) {
    let count = Rc::new(Cell::new(0));
    let counts = Rc::clone(&count);
    let check = move || {
        counts.set(counts.get() + 1);
        std::future::ready(verdict)
    };
    (count, check)
}

#[tokio::test(start_paused = true)]
async fn it_does_nothing_while_the_breaker_is_closed_not_even_when_calls_fail() {
    let breaker = breaker();
    let (checks, check) = counting(Verdict::Success);
    let mut probe = spawn(ActiveProbe::new(&breaker, check).run());
    assert_pending!(probe.poll());
    breaker.try_acquire().unwrap().failure();
    breaker.try_acquire().unwrap().success();
    assert!(!probe.is_woken());
    advance(100_000).await;
    assert!(!probe.is_woken());
    assert_eq!(checks.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_cool_down_and_closes_the_breaker_by_itself() {
    let breaker = breaker();
    let (checks, check) = counting(Verdict::Success);
    let mut probe = spawn(ActiveProbe::new(&breaker, check).run());
    assert_pending!(probe.poll());
    trip(&breaker);
    assert!(probe.is_woken());
    assert_pending!(probe.poll());
    advance(999).await;
    assert!(!probe.is_woken());
    for round in 1..=7 {
        advance(if round == 1 { 2 } else { 101 }).await;
        assert!(probe.is_woken());
        assert_pending!(probe.poll());
        assert_eq!(checks.get(), round);
    }
    assert_eq!(breaker.state(), State::Closed);
    advance(101).await;
    assert_pending!(probe.poll());
    // And the next time again.
    trip(&breaker);
    assert!(probe.is_woken());
    assert_pending!(probe.poll());
    advance(1001).await;
    assert_pending!(probe.poll());
    assert_eq!(checks.get(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_opens_again_with_its_hint() {
    let breaker = breaker();
    let (checks, check) = counting(Verdict::Failure(Some(Hint::after(Duration::from_secs(20)))));
    let mut probe = spawn(ActiveProbe::new(&breaker, check).run());
    trip(&breaker);
    assert_pending!(probe.poll());
    advance(1001).await;
    assert_pending!(probe.poll());
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.level, checks.get()), (State::Open, 2, 1));
    assert_eq!(snapshot.open_for, Some(Duration::from_secs(20)));
    advance(101).await;
    assert_pending!(probe.poll());
    advance(19_000).await;
    assert!(!probe.is_woken());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_has_failed_at_the_deadline() {
    let breaker = breaker();
    let mut probe = spawn(ActiveProbe::new(&breaker, std::future::pending::<Verdict>).run());
    trip(&breaker);
    assert_pending!(probe.poll());
    advance(1001).await;
    assert_pending!(probe.poll());
    assert_eq!(breaker.snapshot().probes_out, 1);
    advance(10_001).await;
    assert!(probe.is_woken());
    assert_pending!(probe.poll());
    assert_eq!(breaker.snapshot().trip.unwrap().rule, Rule::ProbeDeadline);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_in_the_midst_of_a_check_frees_the_slot() {
    let breaker = breaker();
    let mut probe = spawn(ActiveProbe::new(&breaker, std::future::pending::<Verdict>).run());
    trip(&breaker);
    assert_pending!(probe.poll());
    advance(1001).await;
    assert_pending!(probe.poll());
    assert_eq!(breaker.try_acquire().unwrap_err().reason(), Reason::ProbesOut);
    drop(probe);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_last_handle_whatever_it_waits_for() {
    let (_, check) = counting(Verdict::Success);
    let closed = breaker();
    let mut probe = spawn(ActiveProbe::new(&closed, check).run());
    assert_pending!(probe.poll());
    drop(closed);
    assert!(probe.is_woken());
    assert_ready!(probe.poll());

    let (_, check) = counting(Verdict::Success);
    let open = breaker();
    let mut probe = spawn(ActiveProbe::new(&open, check).run());
    trip(&open);
    assert_pending!(probe.poll());
    drop(open);
    assert!(probe.is_woken());
    assert_ready!(probe.poll());
}

#[tokio::test(start_paused = true)]
async fn two_probes_do_not_keep_each_other_alive() {
    let breaker = breaker();
    let (_, check) = counting(Verdict::Success);
    let (_, other) = counting(Verdict::Success);
    let (mut one, mut two) =
        (spawn(ActiveProbe::new(&breaker, check).run()), spawn(ActiveProbe::new(&breaker, other).run()));
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    drop(breaker);
    assert_ready!(one.poll());
    assert_ready!(two.poll());
}

#[tokio::test(start_paused = true)]
async fn requests_that_may_not_probe_are_kept_out_of_the_first_stage_as_long_as_it_runs() {
    let breaker = breaker();
    let verdict = Rc::new(RefCell::new(Verdict::Ignore));
    let says = Rc::clone(&verdict);
    let check = move || std::future::ready(*says.borrow());
    let mut probe = spawn(ActiveProbe::new(&breaker, check).pause(Duration::from_millis(500)).run());
    trip(&breaker);
    assert_pending!(probe.poll());
    advance(1001).await;
    for _ in 0..20 {
        assert_pending!(probe.poll());
        assert_eq!(breaker.try_acquire_no_probe().unwrap_err().reason(), Reason::MayNotProbe);
        advance(501).await;
    }
    *verdict.borrow_mut() = Verdict::Success;
    assert_pending!(probe.poll());
    assert_eq!(breaker.snapshot().stage, 1);
    breaker.try_acquire_no_probe().unwrap().success();

    // And in the first stage again once it is gone, after a cool-down without any probe.
    breaker.reset();
    trip(&breaker);
    drop(probe);
    advance(1000).await;
    assert_eq!(breaker.try_acquire_no_probe().unwrap_err().reason(), Reason::MayNotProbe);
    advance(1000).await;
    assert!(breaker.try_acquire_no_probe().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_overlay_holds_it_back_until_it_expires() {
    let breaker = breaker();
    let (checks, check) = counting(Verdict::Success);
    let mut probe = spawn(ActiveProbe::new(&breaker, check).run());
    trip(&breaker);
    breaker.force_open_for(Duration::from_secs(5));
    assert_pending!(probe.poll());
    advance(4999).await;
    assert!(!probe.is_woken());
    advance(2).await;
    assert!(probe.is_woken());
    assert_pending!(probe.poll());
    assert_eq!(checks.get(), 1);
}

#[test]
fn it_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let probe = ActiveProbe::new(&Breaker::new(), || async { Verdict::Success });
    is_send(&probe);
    is_send(&probe.run());
}
