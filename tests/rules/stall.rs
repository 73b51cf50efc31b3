//! Calls out and nobody answered.

use resilience::machine::{Event, EventKind, Rule};
use resilience::{Builder, Permit, State, Verdict};
use support::fixture::{NS, events, half_open, manual, ms, refusal, rule, secs};

fn stall(builder: Builder) -> Builder {
    builder.stalled(3).for_longer_than(secs(5))
}

#[test]
fn so_many_calls_out_for_so_long_trip_while_they_are_still_out() {
    let (breaker, clock) = manual(stall);
    let mut out = vec![breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    clock.advance(secs(3));
    out.push(breaker.try_acquire().unwrap());
    clock.advance(secs(5) - NS);
    assert_eq!(breaker.state(), State::Closed);
    clock.advance(NS);
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::Stall));
    let refused = refusal(&breaker);
    assert_eq!((refused.trip().unwrap().failures, refused.trip().unwrap().first_ago), (3, secs(8)));
}

#[test]
fn it_counts_as_of_the_instant_it_was_due_not_of_when_somebody_looked() {
    let (breaker, clock) = manual(stall);
    let mut transitions = breaker.subscribe();
    let _out: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(ms(5400));
    assert_eq!(breaker.snapshot().remaining, Some(ms(600)));
    clock.advance(ms(600));
    drop(breaker.try_acquire());
    let told = events(&mut transitions);
    assert_eq!(told.iter().map(|event: &Event| event.kind.name()).collect::<Vec<_>>(), ["tripped", "half_opened"]);
    assert_eq!(told[1].at.saturating_since(told[0].at), secs(1));
}

#[test]
fn an_answer_to_anybody_ends_the_wait_of_all() {
    for verdict in [Verdict::Success, Verdict::Reachable, Verdict::Failure(None)] {
        let (breaker, clock) = manual(stall);
        let _out: Vec<_> = (0..10).map(|_| breaker.try_acquire().unwrap()).collect();
        clock.advance(secs(4));
        breaker.try_acquire().unwrap().record(verdict);
        clock.advance(secs(3600));
        assert_eq!(breaker.state(), State::Closed, "{verdict:?}");
        let _more: Vec<_> = (0..2).map(|_| breaker.try_acquire().unwrap()).collect();
        clock.advance(secs(3600));
        assert_eq!(breaker.state(), State::Closed, "{verdict:?}: only two have been admitted since");
    }
}

#[test]
fn a_call_that_was_given_up_is_no_answer_and_no_longer_out() {
    let (breaker, clock) = manual(stall);
    let mut out: Vec<Permit> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(secs(4));
    drop(out.pop());
    clock.advance(secs(100));
    assert_eq!(breaker.state(), State::Closed, "two are out");
    out.push(breaker.try_acquire().unwrap());
    clock.advance(secs(5));
    assert_eq!(rule(&breaker), Rule::Stall);
}

#[test]
fn those_that_come_back_after_the_stall_are_late() {
    let (breaker, clock) = manual(|builder| stall(builder).stages(1));
    let out: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(secs(6));
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
    out.into_iter().for_each(Permit::failure);
    assert_eq!((breaker.state(), breaker.snapshot().counts.late), (State::Closed, 3));
    // And the rule watches on.
    let _out: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(secs(5));
    assert_eq!(rule(&breaker), Rule::Stall);
}

#[test]
fn a_stall_that_is_seen_late_has_the_level_of_the_instant_it_was_due() {
    let (breaker, clock) = manual(|builder| stall(builder).stages(1).factor(2.0).forgive_each(secs(60)));
    half_open(&breaker, &clock);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.snapshot().level, 1);
    let _out: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
    let mut transitions = breaker.subscribe();
    // Due after five seconds, at a level that is forgiven only after sixty.
    clock.advance(secs(3600));
    assert_eq!(breaker.state(), State::HalfOpen);
    drop(breaker.try_acquire());
    let told = events(&mut transitions);
    let EventKind::Tripped(trip) = told[0].kind else { panic!("{told:?}") };
    assert_eq!((trip.level, trip.until.saturating_since(trip.at)), (2, secs(2)));
}
