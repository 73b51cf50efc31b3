//! | the trap | the test |
//! |---|---|
//! | the back-off starts over after one lucky success | `one_lucky_probe_does_not_start_the_back_off_over` |
//! | the back-off is never forgiven | `a_full_recovery_forgives_the_back_off` |
//! | forgiving without evidence: time spent open counts, too | `time_spent_open_forgives_nothing` |
//! | jitter that can make the open time zero, or shorter | `jitter_never_makes_an_open_time_shorter_than_the_policy_says` |
//! | jitter in whole seconds, so none below one | `jitter_is_there_below_a_second_too` |
//! | every breaker draws the same jitter, a fleet probes in step | `two_breakers_of_one_policy_do_not_come_back_in_step` |
//! | no jitter by default, or none at the ceiling | `there_is_jitter_by_default_and_at_the_ceiling_too` |
//! | fractions of a second are cut off | `a_cool_down_is_exact_to_the_nanosecond` |
//! | a coarse clock lags, and the wait comes out a second too long | `the_first_refusal_tells_the_whole_open_time_and_not_a_tick_more` |
//! | `factor^level` overflows, wraps or panics | `a_thousand_failed_probes_in_a_row_stay_at_the_ceiling` |
//! | an instant plus a long time overflows | `the_longest_times_there_are_saturate` |
//! | the open state shows for ever on an idle service | `a_cool_down_that_is_over_reads_half_open_though_no_call_came` |
//! | reading brings transitions about | `looking_commits_nothing_and_tells_nobody` |
//! | the test's clock is ignored somewhere | `nothing_but_its_own_clock_moves_a_breaker` |
//! | the paused clock of the runtime is ignored | `the_paused_clock_of_tokio_drives_a_breaker` |
//! | a server's hint is taken without bounds | `a_hint_is_bounded_and_never_shortens_the_open_time` |
//! | the hint is dropped where the answer is a failure anyway | `the_hint_of_the_failure_that_trips_counts` |
//! | a hint of zero, or one that is garbage, opens for no time | `a_hint_of_nothing_changes_nothing` |

use resilience::clock::{Clock, Instant, Tokio};
use resilience::policy::CoolDown;
use resilience::{Breaker, Hint, Hints, State, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::fixture::{NS, classic, fail, half_open, manual, ms, names, refusal, secs, succeed, trip, wait};

#[test]
fn one_lucky_probe_does_not_start_the_back_off_over() {
    let (breaker, clock) = manual(|builder| builder.factor(2.0));
    half_open(&breaker, &clock);
    for level in 1..6 {
        succeed(&breaker, 1);
        fail(&breaker, 1);
        assert_eq!(wait(&breaker), secs(1 << level));
        clock.advance(wait(&breaker));
    }
}

#[test]
fn a_full_recovery_forgives_the_back_off() {
    let (breaker, clock) = manual(|builder| builder.factor(2.0));
    half_open(&breaker, &clock);
    for _ in 0..4 {
        fail(&breaker, 1);
        clock.advance(wait(&breaker));
    }
    succeed(&breaker, 7);
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::Closed, 0));
    trip(&breaker);
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn time_spent_open_forgives_nothing() {
    let (breaker, clock) = classic(|builder| builder.factor(2.0).forgive_each(secs(10)));
    half_open(&breaker, &clock);
    fail(&breaker, 1);
    assert_eq!(breaker.snapshot().level, 2);
    clock.advance(secs(100_000));
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::HalfOpen, 2));
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().level, 2, "well, but not for long");
    clock.advance(secs(10));
    assert_eq!(breaker.snapshot().level, 1);
}

#[test]
fn jitter_never_makes_an_open_time_shorter_than_the_policy_says() {
    for jitter in [0.1, 0.5, 1.0] {
        let (breaker, clock) =
            classic(|builder| builder.cool_down(CoolDown::Constant(secs(1))).probe_patience(secs(1)).jitter(jitter));
        trip(&breaker);
        for _ in 0..1000 {
            let open = wait(&breaker);
            assert!(open >= secs(1) && open <= secs(1).mul_f64(1.0 + jitter), "{open:?}");
            clock.advance(open);
            fail(&breaker, 1);
        }
    }
}

#[test]
fn jitter_is_there_below_a_second_too() {
    let (breaker, clock) =
        classic(|builder| builder.cool_down(CoolDown::Constant(ms(10))).probe_patience(secs(1)).jitter(0.5));
    trip(&breaker);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        seen.insert(wait(&breaker));
        clock.advance(wait(&breaker));
        fail(&breaker, 1);
    }
    assert!(seen.len() > 90, "only {} different open times", seen.len());
}

#[test]
fn two_breakers_of_one_policy_do_not_come_back_in_step() {
    let builder = Breaker::builder().jitter(0.5);
    let breakers: Vec<_> = (0..20).map(|_| builder.clone().build().unwrap()).collect();
    let mut open: Vec<Duration> = Vec::new();
    for breaker in &breakers {
        trip(breaker);
        open.push(breaker.snapshot().open_for.unwrap());
    }
    open.sort_unstable();
    open.dedup();
    assert_eq!(open.len(), breakers.len());
}

#[test]
fn there_is_jitter_by_default_and_at_the_ceiling_too() {
    assert!((Breaker::new().policy().jitter - 0.1).abs() < f64::EPSILON);
    let (breaker, clock) = classic(|builder| builder.jitter(0.1).delay(secs(60)));
    trip(&breaker);
    let mut above = 0;
    for _ in 0..100 {
        above += u32::from(wait(&breaker) > secs(60));
        clock.advance(wait(&breaker));
        fail(&breaker, 1);
    }
    assert!(above > 90, "above the ceiling in {above} of 100 cases");
}

#[test]
fn a_cool_down_is_exact_to_the_nanosecond() {
    let odd = Duration::new(1, 500_000_001);
    let (breaker, clock) = classic(|builder| builder.delay(odd));
    trip(&breaker);
    assert_eq!(wait(&breaker), odd);
    clock.advance(odd - NS);
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, NS));
    clock.advance(NS);
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn the_first_refusal_tells_the_whole_open_time_and_not_a_tick_more() {
    // By the clock of the process, which is read coarsely for refusals.
    for _ in 0..100 {
        let breaker = Breaker::builder().jitter(0.0).delay(secs(1)).build().unwrap();
        trip(&breaker);
        let refused = refusal(&breaker);
        assert!(refused.retry_after() <= secs(1), "{refused:?}");
        assert_eq!(refused.retry_after_secs(), 1);
        breaker.force_open_for(secs(10));
        assert_eq!(refusal(&breaker).retry_after_secs(), 10);
    }
}

#[test]
fn a_thousand_failed_probes_in_a_row_stay_at_the_ceiling() {
    let (breaker, clock) = classic(|builder| builder.factor(1e9).max_delay(secs(3600)));
    trip(&breaker);
    for _ in 0..5000 {
        clock.advance(wait(&breaker));
        fail(&breaker, 1);
        assert_eq!(wait(&breaker), secs(3600));
    }
    assert_eq!(breaker.snapshot().level, 5001);
    assert_eq!(refusal(&breaker).level(), 2047, "as many as a refusal can tell");
}

#[test]
fn the_longest_times_there_are_saturate() {
    let (breaker, clock) = classic(|builder| {
        let builder =
            builder.failures(2).within(Duration::MAX).delay(secs(1)).factor(f64::MAX).max_delay(Duration::MAX);
        let builder = builder.max_hint(Duration::MAX).forgive_each(Duration::MAX).jitter(1.0);
        builder
            .probe_deadline(Duration::MAX)
            .probe_patience(Duration::MAX)
            .stage_time(Duration::MAX)
            .abandon_after(Duration::MAX)
    });
    fail(&breaker, 1);
    clock.advance(secs(1 << 32));
    breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::after(Duration::MAX))));
    assert_eq!(breaker.state(), State::Open);
    assert!(wait(&breaker) > secs(1 << 33));
    clock.advance(Duration::MAX);
    assert_eq!(breaker.state(), State::HalfOpen);
    let probe = breaker.try_acquire().unwrap();
    clock.advance(Duration::MAX);
    probe.failure();
    let _ = (breaker.snapshot(), breaker.state(), breaker.try_acquire().map(drop));
    breaker.force_open_for(Duration::MAX);
    let _ = breaker.state();
}

#[test]
fn a_cool_down_that_is_over_reads_half_open_though_no_call_came() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    clock.advance(secs(1) - NS);
    assert_eq!(breaker.state(), State::Open);
    clock.advance(NS);
    assert_eq!(breaker.state(), State::HalfOpen);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.phase, snapshot.remaining), (State::HalfOpen, State::HalfOpen, None));
}

#[test]
fn looking_commits_nothing_and_tells_nobody() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    let mut transitions = breaker.subscribe();
    clock.advance(secs(1));
    for _ in 0..10 {
        let _ = (breaker.state(), breaker.snapshot(), format!("{breaker:?}"), breaker.policy());
    }
    assert!(names(&mut transitions).is_empty());
    drop(breaker.try_acquire());
    assert_eq!(names(&mut transitions), ["half_opened"]);
}

/// A clock that counts how often it is read.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<(AtomicU64, AtomicU64)>);

impl Clock for Counting {
    fn now(&self) -> Instant {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        Instant::from_nanos(self.0.0.load(Ordering::SeqCst))
    }
}

#[test]
fn nothing_but_its_own_clock_moves_a_breaker() {
    let clock = Counting::default();
    let breaker = Breaker::builder()
        .delay(NS)
        .probe_patience(secs(1))
        .failure_rate(0.5)
        .over(Duration::from_micros(1))
        .min_calls(10)
        .stages(1)
        .jitter(0.0)
        .clock(clock.clone())
        .build()
        .unwrap();
    // However much real time these take, they all lie at one instant: the window of a microsecond holds them all.
    succeed(&breaker, 10_000);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    // A cool-down of a nanosecond has long passed outside.
    for _ in 0..1000 {
        assert_eq!((breaker.state(), wait(&breaker)), (State::Open, NS));
    }
    clock.0.0.store(1, Ordering::SeqCst);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(clock.0.1.load(Ordering::SeqCst) > 11_000);
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_of_tokio_drives_a_breaker() {
    let breaker = Breaker::builder().jitter(0.0).delay(secs(30)).clock(Tokio::new()).build().unwrap();
    trip(&breaker);
    tokio::time::advance(secs(29)).await;
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, secs(1)));
    tokio::time::advance(secs(1)).await;
    assert_eq!(breaker.state(), State::HalfOpen);
}

fn failing(hint: Duration) -> Verdict {
    Verdict::Failure(Some(Hint::after(hint)))
}

#[test]
fn a_hint_is_bounded_and_never_shortens_the_open_time() {
    for (hint, open) in [(ms(1), secs(10)), (secs(11), secs(11)), (secs(120), secs(60)), (Duration::MAX, secs(60))] {
        let (breaker, _) = manual(|builder| builder.delay(secs(10)).max_hint(secs(60)));
        fail(&breaker, 2);
        breaker.try_acquire().unwrap().record(failing(hint));
        assert_eq!(wait(&breaker), open, "for a hint of {hint:?}");
    }
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 2);
    breaker.try_acquire().unwrap().record(failing(Duration::from_secs(9_223_372_037)));
    assert_eq!(wait(&breaker), secs(300), "the default limit");
}

#[test]
fn the_hint_of_the_failure_that_trips_counts() {
    for hints in [Hints::Extend, Hints::Obey] {
        let (breaker, _) = manual(|builder| builder.hints(hints));
        fail(&breaker, 2);
        breaker.try_acquire().unwrap().record(failing(secs(42)));
        assert_eq!(wait(&breaker), secs(42));
        assert!(refusal(&breaker).trip().unwrap().hinted);
    }
}

#[test]
fn a_hint_of_nothing_changes_nothing() {
    for hints in [Hints::Extend, Hints::Obey] {
        let (breaker, _) = manual(|builder| builder.hints(hints));
        breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::limiting(Duration::ZERO))));
        assert_eq!(breaker.state(), State::Closed, "no hint, so nothing to obey");
        fail(&breaker, 1);
        breaker.try_acquire().unwrap().record(failing(Duration::ZERO));
        assert_eq!(wait(&breaker), secs(1));
    }
}
