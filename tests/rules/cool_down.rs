//! How long it stays open, and what is forgiven.

use resilience::policy::CoolDown;
use resilience::{Breaker, State};
use std::time::Duration;
use support::fixture::{NS, classic, fail, half_open, manual, ms, secs, succeed, trip, wait};

/// The open times of so many trips in a row, none of them recovered from.
fn open_times(breaker: &Breaker, clock: &resilience::clock::Manual, trips: usize) -> Vec<Duration> {
    trip(breaker);
    let mut times = Vec::new();
    for _ in 0..trips {
        times.push(wait(breaker));
        clock.advance(wait(breaker));
        fail(breaker, 1);
    }
    times
}

#[test]
fn by_default_it_is_a_second_half_as_long_again_each_time_up_to_a_minute() {
    let (breaker, clock) = manual(|builder| builder);
    let times: Vec<_> = open_times(&breaker, &clock, 13).iter().map(Duration::as_millis).collect();
    assert_eq!(times, [1000, 1500, 2250, 3375, 5062, 7593, 11390, 17085, 25628, 38443, 57665, 60000, 60000]);
}

#[test]
fn each_trip_raises_the_level_by_one() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    for level in 1..20 {
        assert_eq!((breaker.snapshot().level, support::fixture::refusal(&breaker).level()), (level, level));
        clock.advance(wait(&breaker));
        fail(&breaker, 1);
    }
}

#[test]
fn constant_ones_do_not_grow_and_listed_ones_end_with_the_last() {
    let (breaker, clock) = manual(|builder| builder.cool_down(CoolDown::Constant(secs(7))));
    assert_eq!(open_times(&breaker, &clock, 4), [secs(7); 4]);
    let list = vec![secs(1), secs(10), secs(5)];
    let (breaker, clock) = manual(|builder| builder.cool_down(CoolDown::ByLevel(list)));
    assert_eq!(open_times(&breaker, &clock, 5), [secs(1), secs(10), secs(5), secs(5), secs(5)]);
}

#[test]
fn growth_is_exact_below_a_second_and_beyond_a_year() {
    let (breaker, clock) =
        manual(|builder| builder.delay(ms(10)).factor(3.0).max_delay(secs(100_000_000)).probe_patience(secs(1)));
    let times = open_times(&breaker, &clock, 25);
    for (level, time) in times.iter().enumerate() {
        let expected = (10_000_000 * 3_u64.pow(u32::try_from(level).unwrap())).min(100_000_000_000_000_000);
        // Long waits are told in units of 2^13 ns.
        assert!(time.as_nanos() - u128::from(expected) <= 8192, "level {level}: {time:?}");
    }
}

#[test]
fn jitter_only_adds_and_at_most_its_share() {
    for (jitter, share) in [(0.1, 1.1), (1.0, 2.0)] {
        let (breaker, clock) = manual(|builder| builder.jitter(jitter).cool_down(CoolDown::Constant(secs(10))));
        let times = open_times(&breaker, &clock, 300);
        assert!(times.iter().all(|time| *time >= secs(10) && *time <= secs(10).mul_f64(share)));
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        // It is spread over the whole of its share.
        assert!(*most - *least > secs(9).mul_f64(jitter), "from {least:?} to {most:?}");
    }
}

#[test]
fn jitter_comes_on_top_of_the_ceiling_and_of_hints() {
    let (breaker, clock) = manual(|builder| builder.jitter(1.0).delay(secs(60)));
    assert!(open_times(&breaker, &clock, 50).iter().any(|time| *time > secs(90)));
    let times: Vec<_> = (0..50)
        .map(|_| {
            let (breaker, _) = manual(|builder| builder.jitter(1.0).failures(1).within(secs(1)));
            let hint = resilience::Hint::after(secs(300));
            breaker.try_acquire().unwrap().record(resilience::Verdict::Failure(Some(hint)));
            wait(&breaker)
        })
        .collect();
    assert!(times.iter().all(|time| *time >= secs(300) && *time <= secs(600)));
    assert!(times.iter().any(|time| *time > secs(400)), "{times:?}");
}

#[test]
fn forgiving_at_once_starts_over_with_each_recovery() {
    let (breaker, clock) = classic(|builder| builder.factor(2.0).forgive_at_once());
    for _ in 0..5 {
        half_open(&breaker, &clock);
        fail(&breaker, 1);
        assert_eq!(wait(&breaker), secs(2));
        clock.advance(secs(2));
        succeed(&breaker, 1);
        assert_eq!((breaker.state(), breaker.snapshot().level), (State::Closed, 0));
    }
}

#[test]
fn each_full_interval_spent_closed_forgives_one_level() {
    let (breaker, clock) = classic(|builder| builder.factor(2.0).forgive_each(secs(60)));
    half_open(&breaker, &clock);
    for _ in 0..3 {
        fail(&breaker, 1);
        clock.advance(wait(&breaker));
    }
    succeed(&breaker, 1);
    let level = || breaker.snapshot().level;
    assert_eq!(level(), 4);
    clock.advance(secs(60) - NS);
    assert_eq!(level(), 4);
    clock.advance(NS);
    assert_eq!(level(), 3);
    clock.advance(secs(61));
    assert_eq!(level(), 2);
    trip(&breaker);
    assert_eq!((wait(&breaker), level()), (secs(4), 3));
    clock.advance(wait(&breaker));
    succeed(&breaker, 1);
    // A new spell starts a new count: the 61st second of the last one is lost.
    clock.advance(secs(60) - NS);
    assert_eq!(level(), 3);
    clock.advance(secs(600));
    assert_eq!(level(), 0);
    trip(&breaker);
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn healthy_calls_neither_earn_nor_cost_forgiveness() {
    let (breaker, clock) = classic(|builder| builder.forgive_each(secs(60)));
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    for _ in 0..59 {
        clock.advance(secs(1));
        succeed(&breaker, 100);
    }
    assert_eq!(breaker.snapshot().level, 1);
    clock.advance(secs(1));
    assert_eq!(breaker.snapshot().level, 0);
}

#[test]
fn the_end_of_the_cool_down_is_inclusive() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    clock.advance(secs(1) - NS);
    assert!(breaker.try_acquire().is_err());
    clock.advance(NS);
    assert!(breaker.try_acquire().is_ok());
}
