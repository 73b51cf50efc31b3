//! Many callers at the end of the cool-down, and probes that misbehave.

use resilience::clock::Tokio;
use resilience::respond::Error;
use resilience::{Breaker, BreakerLayer, BreakerService, Reason, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use support::fixture::{Answer, Down, Upstream, classic, half_open, manual, ms, now, out, secs, trip, wait};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

const CALLERS: usize = 100;

type Answers = JoinSet<Result<&'static str, Error<Down>>>;

/// So many callers at once; those that are answered at once have been when this returns.
async fn all_at_once(service: &BreakerService<Upstream>, calls: &mut Answers) {
    for _ in 0..CALLERS {
        calls.spawn(ServiceExt::<()>::oneshot(service.clone(), ()));
    }
    for _ in 0..3 * CALLERS {
        tokio::task::yield_now().await;
    }
}

async fn refused(calls: &mut Answers, expected: usize) {
    for _ in 0..expected {
        let answer = calls.join_next().await.unwrap().unwrap();
        let error = answer.expect_err("refused");
        assert_eq!(error.rejected().expect("refused").reason(), Reason::ProbesOut);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_callers_at_the_end_of_the_cool_down_one_reaches_the_upstream_until_it_answers() {
    let breaker = Breaker::builder().jitter(0.0).clock(Tokio::new()).build().unwrap();
    let upstream = Upstream::new(Answer::Held);
    let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    let mut calls = Answers::new();
    trip(&breaker);
    tokio::time::advance(secs(1)).await;

    all_at_once(&service, &mut calls).await;
    assert_eq!(upstream.calls(), 1);
    refused(&mut calls, CALLERS - 1).await;

    tokio::time::advance(ms(999)).await;
    all_at_once(&service, &mut calls).await;
    assert_eq!(upstream.calls(), 1, "it is still waited for");
    refused(&mut calls, CALLERS).await;

    tokio::time::advance(ms(1)).await;
    all_at_once(&service, &mut calls).await;
    assert_eq!(upstream.calls(), 2, "patience with the first is over: one more");
    refused(&mut calls, CALLERS - 1).await;

    // The first answers after all: two may be out in the next stage, and the second of the first stage still is.
    upstream.release(Ok("pong"));
    assert_eq!(calls.join_next().await.unwrap().unwrap(), Ok("pong"));
    assert_eq!(breaker.snapshot().stage, 1);
    all_at_once(&service, &mut calls).await;
    assert_eq!(upstream.calls(), 3);
    refused(&mut calls, CALLERS - 1).await;

    upstream.release(Ok("pong"));
    upstream.release(Ok("pong"));
    for _ in 0..2 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), Ok("pong"));
    }
    // One success of the second stage: the other was of the first.
    assert_eq!(breaker.snapshot().stage, 1);
    upstream.answers(Answer::Pong);
    for _ in 0..5 {
        assert_eq!(ServiceExt::<()>::oneshot(service.clone(), ()).await, Ok("pong"));
    }
    assert_eq!(breaker.state(), State::Closed);
    upstream.answers(Answer::Held);
    all_at_once(&service, &mut calls).await;
    assert_eq!(upstream.calls(), 8 + CALLERS, "closed: nobody is held back");
}

/// Ways for a probe to come to nothing.
#[derive(Clone, Copy, Debug)]
enum Misbehave {
    Drop,
    Hang,
    PanicInCall,
    PanicInPoll,
    Fail,
}

#[test]
fn no_sequence_of_drops_hangs_panics_and_failures_wedges_recovery() {
    use Misbehave::{Drop, Fail, Hang, PanicInCall, PanicInPoll};
    let ways = [Drop, Hang, PanicInCall, PanicInPoll, Fail];
    for sequence in 0..5_usize.pow(3) {
        let (breaker, clock) = manual(|builder| builder.stages(2).max_delay(secs(2)));
        let upstream = Upstream::default();
        let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
        trip(&breaker);
        let mut hung = Vec::new();
        let mut rest = sequence;
        for _ in 0..3 {
            // The next probe is admitted in bounded time: the cool-down, or the patience with those that hang.
            let mut waited = Duration::ZERO;
            while let Err(rejected) = breaker.try_acquire().map(drop) {
                assert!(!rejected.retry_after().is_zero());
                waited += rejected.retry_after();
                clock.advance(rejected.retry_after());
            }
            assert!(waited <= secs(3), "{waited:?} in sequence {sequence}");
            match ways[rest % 5] {
                Drop => {
                    upstream.answers(Answer::Hang);
                    drop(out(&mut service));
                }
                Hang => {
                    upstream.answers(Answer::Hang);
                    hung.push(out(&mut service));
                }
                PanicInCall => {
                    upstream.answers(Answer::PanicInCall);
                    assert!(catch_unwind(AssertUnwindSafe(|| now(&mut service, ()))).is_err());
                }
                PanicInPoll => {
                    upstream.answers(Answer::PanicInPoll);
                    assert!(catch_unwind(AssertUnwindSafe(|| now(&mut service, ()))).is_err());
                }
                Fail => {
                    upstream.answers(Answer::Fail);
                    assert!(now(&mut service, ()).is_err());
                }
            }
            rest /= 5;
        }
        upstream.answers(Answer::Pong);
        let mut calls = 0;
        while breaker.state() != State::Closed {
            calls += 1;
            assert!(calls < 50, "sequence {sequence} never recovers: {:?}", breaker.snapshot());
            if let Err(error) = now(&mut service, ()) {
                clock.advance(error.rejected().expect("refused, not failed").retry_after());
            }
        }
        drop(hung);
        assert_eq!(breaker.state(), State::Closed, "what hung is late by now");
    }
}

#[test]
fn a_hung_probe_costs_its_patience_and_not_its_deadline() {
    let (breaker, clock) = classic(|builder| builder.probe_deadline(secs(60)).probe_patience(secs(1)));
    let upstream = Upstream::new(Answer::Hang);
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    half_open(&breaker, &clock);
    let hung = out(&mut service);
    clock.advance(wait(&breaker));
    upstream.answers(Answer::Pong);
    assert_eq!(now(&mut service, ()), Ok("pong"));
    assert_eq!(breaker.state(), State::Closed);
    drop(hung);
}
