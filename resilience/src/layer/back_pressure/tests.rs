use super::*;
use crate::clock::{Manual, Tokio};
use crate::respond::Error;
use crate::{Breaker, Rejected, State};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Duration;
use tokio_test::task::{Spawn, spawn};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower::ServiceExt;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Constant;

/// Answers with its own number; whether it is ready is said from outside.
#[derive(Clone, Debug)]
struct Endpoint {
    number: u32,
    stuck: bool,
}

impl Service<()> for Endpoint {
    type Response = u32;
    type Error = Infallible;
    type Future = Ready<Result<u32, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.stuck { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(self.number))
    }
}

fn endpoint(number: u32) -> Endpoint {
    Endpoint { number, stuck: false }
}

fn breaker() -> Breaker {
    Breaker::builder().jitter(0.0).clock(Tokio::new()).build().unwrap()
}

fn waiting(breaker: &Breaker) -> BackPressure<Endpoint> {
    BreakerLayer::new(breaker.clone()).back_pressure().layer(endpoint(1))
}

fn trip(breaker: &Breaker) {
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
    }
    assert_eq!(breaker.state(), State::Open);
}

fn poll<S: Service<()> + Unpin>(task: &mut Spawn<S>) -> Poll<Result<(), S::Error>> {
    task.enter(|cx, mut service| service.poll_ready(cx))
}

async fn advance(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_breaker_keeps_nobody_waiting() {
    let mut service = waiting(&breaker());
    assert_eq!(service.ready().await.unwrap().call(()).await, Ok(1));
    assert!(service.timer.is_none());
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_as_long_as_the_breaker_is_open_and_no_longer() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    advance(999).await;
    assert!(!ready.is_woken());
    advance(2).await;
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_closes_it_or_resets_it_wakes_those_who_wait() {
    for close in [Breaker::force_closed, Breaker::reset, Breaker::shadow] {
        let breaker = breaker();
        let mut service = waiting(&breaker);
        breaker.force_open();
        let mut ready = spawn(service.ready());
        assert_pending!(ready.poll());
        close(&breaker);
        assert!(ready.is_woken());
        assert_ready_ok!(ready.poll());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_cool_down_by_a_new_policy_is_seen_at_once() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    let cool_down = crate::policy::CoolDown::Constant(Duration::from_millis(10));
    breaker.set_policy(crate::Policy { cool_down, ..breaker.policy() }).unwrap();
    assert!(ready.is_woken());
    assert_pending!(ready.poll());
    advance(11).await;
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_becomes_free_without_a_transition_wakes_those_who_wait() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    advance(1000).await;
    let probe = breaker.try_acquire().unwrap();
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    let events = breaker.subscribe();
    drop(probe);
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
    drop(events);
}

#[tokio::test(start_paused = true)]
async fn a_further_stage_wakes_those_who_wait() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    advance(1000).await;
    let probe = breaker.try_acquire().unwrap();
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    probe.success();
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_runs_out_of_patience_makes_room_by_the_timer() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    advance(1000).await;
    let _probe = breaker.try_acquire().unwrap();
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    advance(1001).await;
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_race_for_a_slot_is_refused_in_the_form_of_the_layer() {
    let breaker = breaker();
    let (mut first, mut second) = (waiting(&breaker), waiting(&breaker));
    trip(&breaker);
    advance(1001).await;
    first.ready().await.unwrap();
    second.ready().await.unwrap();
    let probe = first.call(());
    let refused = second.call(()).await.unwrap_err();
    assert_eq!(refused.rejected().map(Rejected::reason), Some(crate::Reason::ProbesOut));
    assert_eq!(probe.await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let breaker = breaker();
    trip(&breaker);
    for _ in 0..100 {
        let mut service = waiting(&breaker);
        let mut waits = spawn(service.ready());
        assert_pending!(waits.poll());
        drop(waits);
    }
    assert!(format!("{:?}", breaker.slot().waiting_room()).contains("places: []"));
}

/// A balancer draws lots: with so many calls the endpoint that is drawn least gets dozens of them.
const CALLS: u32 = 256;

#[tokio::test(start_paused = true)]
async fn a_balancer_passes_an_open_endpoint_over_and_comes_back_to_it() {
    let breakers = [breaker(), breaker(), breaker()];
    let endpoints = breakers.iter().zip(0..).map(|(breaker, number)| {
        let layer = BreakerLayer::new(breaker.clone()).back_pressure();
        // A balancer prefers the endpoint of the least load: this order shows who is passed over.
        Constant::new(layer.layer(endpoint(number)), number)
    });
    let mut balance = Balance::new(ServiceList::new::<()>(endpoints.collect::<Vec<_>>()));
    let mut answers = Vec::new();
    for _ in 0..CALLS {
        answers.push(balance.ready().await.unwrap().call(()).await.unwrap());
    }
    assert!(answers.contains(&0) && answers.contains(&1));

    trip(&breakers[0]);
    trip(&breakers[1]);
    for _ in 0..CALLS {
        assert_eq!(balance.ready().await.unwrap().call(()).await.unwrap(), 2);
    }
    advance(1001).await;
    let mut answers = Vec::new();
    for _ in 0..CALLS {
        answers.push(balance.ready().await.unwrap().call(()).await.unwrap());
    }
    assert!(answers.contains(&0) && answers.contains(&1), "{answers:?}");
    assert_eq!(breakers.map(|breaker| breaker.state()), [State::Closed; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_balancer_with_no_endpoint_left_waits_for_the_first_to_come_back() {
    let breaker = breaker();
    trip(&breaker);
    let endpoint = Constant::new(waiting(&breaker), 1);
    let mut balance = Balance::new(ServiceList::new::<()>(vec![endpoint]));
    let mut ready = spawn(balance.ready());
    assert_pending!(ready.poll());
    advance(1001).await;
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_on_a_clock_that_stands_still_is_looked_at_again_and_again_without_spinning() {
    let clock = Manual::new();
    let breaker = Breaker::builder().jitter(0.0).clock(clock.clone()).build().unwrap();
    let mut service = waiting(&breaker);
    trip(&breaker);
    let mut ready = spawn(service.ready());
    assert_pending!(ready.poll());
    advance(5000).await;
    assert!(ready.is_woken());
    assert_pending!(ready.poll());
    assert!(!ready.is_woken());
    clock.advance(Duration::from_secs(1));
    advance(1001).await;
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_is_stuck_holds_up_readiness_but_no_refusal() {
    let breaker = breaker();
    let stuck = Endpoint { number: 1, stuck: true };
    let mut plain = spawn(BreakerLayer::new(breaker.clone()).layer(stuck.clone()));
    let mut waiting = spawn(BreakerLayer::new(breaker.clone()).back_pressure().layer(stuck));
    assert_pending!(poll(&mut plain));
    assert_pending!(poll(&mut waiting));
    // A failure that does not trip is no news to it.
    breaker.try_acquire().unwrap().failure();
    assert!(!plain.is_woken());
    breaker.try_acquire().unwrap().failure();
    breaker.try_acquire().unwrap().failure();
    assert!(plain.is_woken());
    assert_ready_ok!(poll(&mut plain));
    let refused = plain.enter(|_, mut service| service.call(())).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(_)));
    assert_pending!(poll(&mut waiting));
}

#[tokio::test(start_paused = true)]
async fn a_clone_waits_for_itself() {
    let breaker = breaker();
    let mut service = waiting(&breaker);
    trip(&breaker);
    let mut first = spawn(service.clone());
    assert_pending!(poll(&mut first));
    let mut second = spawn(service.ready());
    assert_pending!(second.poll());
    drop(first);
    breaker.reset();
    assert!(second.is_woken());
    assert_ready!(second.poll()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_when_operators_and_callers_race() {
    // The timer of a wait is as long as the cool-down: whoever misses the wake-up of an operator is late by an hour.
    let hour = Duration::from_secs(3600);
    let breaker = Breaker::builder().delay(hour).max_delay(hour).build().unwrap();
    for round in 0..500 {
        breaker.force_open();
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let mut service = waiting(&breaker);
                tokio::spawn(async move { service.ready().await.unwrap().call(()).await })
            })
            .collect();
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        breaker.auto();
        for caller in callers {
            let answer = tokio::time::timeout(Duration::from_secs(60), caller).await.expect("woken").unwrap();
            assert_eq!(answer, Ok(1));
        }
    }
}
