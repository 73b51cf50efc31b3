//! Stages, slots, deadlines and patience.

use resilience::machine::Rule;
use resilience::{Breaker, Permit, Reason, State, Verdict};
use support::fixture::{NS, classic, events, fail, half_open, manual, ms, names, refusal, rule, secs, succeed, wait};

fn out(breaker: &Breaker, probes: usize) -> Vec<Permit> {
    (0..probes).map(|_| breaker.try_acquire().expect("a slot")).collect()
}

#[test]
fn stages_double_the_slots_and_want_as_many_successes() {
    for (probes, stages) in [(1, 1), (1, 3), (2, 3), (3, 2), (1, 7)] {
        let (breaker, clock) = manual(|builder| builder.probes(probes).stages(stages));
        half_open(&breaker, &clock);
        let mut transitions = breaker.subscribe();
        for stage in 0..stages {
            assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, stage));
            let slots = out(&breaker, (probes << stage) as usize);
            assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut, "{probes} probes, stage {stage}");
            assert_eq!(breaker.snapshot().probes_out, probes << stage);
            slots.into_iter().for_each(Permit::success);
        }
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(names(&mut transitions).len(), stages as usize + 1, "half-opened, each further stage, closed");
    }
}

#[test]
fn successes_one_after_the_other_count_as_well_as_at_once() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    for successes in 0..7 {
        assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, (successes + 1_u32).ilog2()));
        succeed(&breaker, 1);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn any_failure_in_any_stage_reopens() {
    for before in 0..7 {
        let (breaker, clock) = manual(|builder| builder);
        half_open(&breaker, &clock);
        succeed(&breaker, before);
        fail(&breaker, 1);
        assert_eq!((breaker.state(), rule(&breaker), wait(&breaker)), (State::Open, Rule::Probe, ms(1500)), "{before}");
        clock.advance(ms(1500));
        assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, 0), "from the first stage again");
    }
}

#[test]
fn a_probe_of_an_earlier_stage_holds_its_slot_and_counts_for_its_own_stage_only() {
    let (breaker, clock) = manual(|builder| builder.probes(2).probe_patience(secs(10)));
    half_open(&breaker, &clock);
    let mut first = out(&breaker, 2);
    let straggler = first.pop().unwrap();
    first.into_iter().for_each(Permit::success);
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().stage, 1);
    // Three slots are left of four.
    let three = out(&breaker, 3);
    assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut);
    straggler.success();
    three.into_iter().for_each(Permit::success);
    assert_eq!(breaker.snapshot().stage, 1, "three of four: the straggler was of the stage before");
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().stage, 2);
}

#[test]
fn a_probe_of_an_earlier_stage_that_fails_reopens() {
    let (breaker, clock) = manual(|builder| builder.probes(2));
    half_open(&breaker, &clock);
    let straggler = breaker.try_acquire().unwrap();
    succeed(&breaker, 2);
    assert_eq!(breaker.snapshot().stage, 1);
    straggler.failure();
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_new_stage_is_no_new_epoch() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    let epoch = breaker.snapshot().epoch;
    succeed(&breaker, 1);
    assert_eq!((breaker.snapshot().stage, breaker.snapshot().epoch), (1, epoch));
}

#[test]
fn a_stage_lasts_at_least_as_long_as_it_was_told_to() {
    let (breaker, clock) = manual(|builder| builder.stages(2).stage_time(secs(5)));
    half_open(&breaker, &clock);
    let mut transitions = breaker.subscribe();
    succeed(&breaker, 10);
    assert_eq!(breaker.snapshot().stage, 0);
    clock.advance(secs(5) - NS);
    assert_eq!(breaker.snapshot().stage, 0);
    clock.advance(NS);
    assert_eq!(breaker.snapshot().stage, 1, "without another call");
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::HalfOpen);
    clock.advance(secs(60));
    assert_eq!(breaker.state(), State::Closed);
    drop(breaker.try_acquire());
    let told = events(&mut transitions);
    let at: Vec<_> = told.iter().map(|event| event.at.saturating_since(told[0].at)).collect();
    assert_eq!(at, [secs(0), secs(5), secs(10)], "told as of when they were due");
}

#[test]
fn a_failure_within_the_time_of_a_stage_reopens() {
    let (breaker, clock) = manual(|builder| builder.stages(1).stage_time(secs(5)));
    half_open(&breaker, &clock);
    succeed(&breaker, 10);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_probe_fails_at_exactly_its_deadline() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let probe = breaker.try_acquire().unwrap();
    clock.advance(secs(10) - NS);
    assert_eq!(breaker.state(), State::HalfOpen);
    clock.advance(NS);
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::ProbeDeadline));
    probe.success();
    assert_eq!((breaker.state(), breaker.snapshot().counts.late), (State::Open, 1));
}

#[test]
fn a_deadline_that_runs_out_after_a_younger_probe_succeeded_fails_nothing() {
    let (breaker, clock) = manual(|builder| builder.stages(2));
    half_open(&breaker, &clock);
    let hung = breaker.try_acquire().unwrap();
    clock.advance(secs(2));
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().stage, 1);
    clock.advance(secs(8));
    assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, 1));
    // But its permit is void from then on: even its failure is.
    hung.failure();
    assert_eq!((breaker.state(), breaker.snapshot().counts.late), (State::HalfOpen, 1));
}

#[test]
fn a_deadline_that_runs_out_after_only_an_older_probe_succeeded_reopens() {
    let (breaker, clock) = manual(|builder| builder.probes(2));
    half_open(&breaker, &clock);
    let older = breaker.try_acquire().unwrap();
    let _hung = breaker.try_acquire().unwrap();
    clock.advance(secs(5));
    older.success();
    clock.advance(secs(5));
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::ProbeDeadline));
}

#[test]
fn patience_frees_the_slot_at_exactly_its_end_and_the_probe_may_still_succeed() {
    let (breaker, clock) = classic(|builder| builder.probe_patience(secs(3)));
    half_open(&breaker, &clock);
    let slow = breaker.try_acquire().unwrap();
    clock.advance(secs(3) - NS);
    assert_eq!((breaker.snapshot().probes_out, wait(&breaker)), (1, NS));
    clock.advance(NS);
    assert_eq!(breaker.snapshot().probes_out, 0);
    let second = breaker.try_acquire().unwrap();
    slow.success();
    assert_eq!(breaker.state(), State::Closed);
    second.failure();
    assert_eq!(breaker.state(), State::Closed, "late");
}

#[test]
fn by_default_patience_is_the_first_cool_down() {
    let (breaker, clock) = classic(|builder| builder.delay(secs(4)));
    half_open(&breaker, &clock);
    let _hung = breaker.try_acquire().unwrap();
    clock.advance(secs(4) - NS);
    assert!(breaker.try_acquire().is_err());
    clock.advance(NS);
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn never_more_probes_are_out_than_the_bound() {
    let (breaker, clock) = manual(|builder| builder.probes(2).stages(1).probe_patience(secs(2)));
    half_open(&breaker, &clock);
    let mut hung = Vec::new();
    let mut most = 0;
    for _ in 0..100 {
        while breaker.state() == State::HalfOpen {
            match breaker.try_acquire() {
                Ok(permit) => hung.push(permit),
                Err(_) => break,
            }
        }
        if breaker.state() == State::Open {
            most = most.max(hung.len());
            hung.clear();
        }
        clock.advance(secs(1));
    }
    // limit × (1 + deadline / patience) = 2 × (1 + 10 / 2)
    assert!(most > 2 && most <= 12, "{most} were out");
}

#[test]
fn with_all_slots_taken_the_wait_is_that_for_the_oldest_but_no_longer_than_the_cool_down() {
    let (breaker, clock) = manual(|builder| builder.probes(2).stages(1).delay(secs(3)).probe_patience(secs(2)));
    half_open(&breaker, &clock);
    let _first = breaker.try_acquire().unwrap();
    clock.advance(ms(500));
    let _second = breaker.try_acquire().unwrap();
    clock.advance(ms(500));
    assert_eq!(wait(&breaker), secs(1));
    let (breaker, clock) = classic(|builder| builder.probe_patience(secs(8)));
    half_open(&breaker, &clock);
    let _probe = breaker.try_acquire().unwrap();
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn closing_starts_clean() {
    let (breaker, clock) = classic(|builder| builder.in_a_row(4));
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
    breaker.try_acquire().unwrap().record(Verdict::Reachable);
    fail(&breaker, 1);
    assert_eq!(rule(&breaker), Rule::FailureWindow);
}
