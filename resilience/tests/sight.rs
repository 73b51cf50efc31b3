//! What a dashboard is told: at any moment exactly one state, no counter that goes down, nothing that nobody asked for.

use resilience::clock::Manual;
use resilience::machine::{Overlay, ProbeResults, Rule};
use resilience::observe::{METRICS, MetricKind, Sample, TransitionReason, Watched};
use resilience::{Breaker, Builder, Policy, Reason, Snapshot, State, Verdict};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker that is watched, on a clock of ours, with exact times and one stage.
fn watched(change: impl FnOnce(Builder) -> Builder) -> (Watched, Breaker, Manual) {
    let clock = Manual::new();
    let builder = Breaker::builder().name("orders").jitter(0.0).stages(1).clock(clock.clone());
    let breaker = change(builder).build().unwrap();
    let watched = Watched::new();
    watched.add(&breaker).unwrap();
    (watched, breaker, clock)
}

fn fail(breaker: &Breaker, times: usize) {
    (0..times).for_each(|_| breaker.try_acquire().unwrap().failure());
}

/// The value of a series, as `name{value,value}` of the labels besides the breaker's name.
fn series(sample: &Sample) -> String {
    format!("{}{{{}}}", sample.metric.name, sample.labels.join(","))
}

fn values(watched: &Watched) -> BTreeMap<String, f64> {
    let samples = watched.samples();
    let count = samples.len();
    let values: BTreeMap<_, _> = samples.iter().map(|sample| (series(sample), sample.value.as_f64())).collect();
    assert_eq!(values.len(), count, "a series is given twice");
    values
}

fn value(watched: &Watched, series: &str) -> f64 {
    *values(watched).get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", values(watched)))
}

fn lit(watched: &Watched, metric: &str) -> Vec<String> {
    let samples = watched.samples().into_iter().filter(|sample| sample.metric.name == metric);
    samples.filter(|sample| sample.value.as_f64() == 1.0).map(|sample| sample.labels[0].to_owned()).collect()
}

fn transitions(snapshot: &Snapshot) -> Vec<(State, State, &'static str, u64)> {
    let counted = snapshot.transitions.iter().flatten();
    counted.map(|seen| (seen.from, seen.to, seen.reason.name(), seen.count)).collect()
}

#[test]
fn a_whole_cycle_is_told_in_transitions_in_seconds_and_in_what_came_of_the_probes() {
    let (watched, breaker, clock) = watched(|builder| builder);
    fail(&breaker, 3);
    clock.advance(SECOND);
    // The first probe fails, the second one succeeds.
    breaker.try_acquire().unwrap().failure();
    clock.advance(Duration::from_millis(1500));
    breaker.try_acquire().unwrap().success();

    for (series, expected) in [
        ("resilience_state{closed}", 1.0),
        ("resilience_transitions_total{closed,open,failure_window}", 1.0),
        ("resilience_transitions_total{open,half_open,cool_down_over}", 2.0),
        ("resilience_transitions_total{half_open,open,probe}", 1.0),
        ("resilience_transitions_total{half_open,closed,recovered}", 1.0),
        ("resilience_transitions_total{closed,open,stall}", 0.0),
        ("resilience_open_seconds_total{}", 2.5),
        ("resilience_failures_total{}", 4.0),
        ("resilience_probes_total{}", 2.0),
        ("resilience_probe_results_total{success}", 1.0),
        ("resilience_probe_results_total{failure}", 1.0),
        ("resilience_probe_results_total{overdue}", 0.0),
        ("resilience_level{}", 0.0),
    ] {
        assert_eq!(value(&watched, series), expected, "{series}");
    }
}

#[test]
fn what_time_alone_has_brought_about_is_told_although_no_call_came() {
    let (watched, breaker, clock) = watched(|builder| builder);
    fail(&breaker, 3);
    clock.advance(Duration::from_millis(400));
    assert_eq!(lit(&watched, "resilience_state"), ["open"]);
    assert_eq!(value(&watched, "resilience_open_seconds_total{}"), 0.4);
    assert_eq!(value(&watched, "resilience_remaining_seconds{}"), 0.6);
    clock.advance(10 * SECOND);
    assert_eq!(lit(&watched, "resilience_state"), ["half_open"]);
    assert_eq!(value(&watched, "resilience_transitions_total{open,half_open,cool_down_over}"), 1.0);
    assert_eq!(value(&watched, "resilience_open_seconds_total{}"), 1.0, "it was open for its cool-down, not until now");
    // The call that commits it does not count it again.
    breaker.try_acquire().unwrap().success();
    assert_eq!(value(&watched, "resilience_transitions_total{open,half_open,cool_down_over}"), 1.0);
    assert_eq!(value(&watched, "resilience_open_seconds_total{}"), 1.0);
}

#[test]
fn a_probe_is_counted_by_what_came_of_it() {
    let (_, breaker, clock) = watched(|builder| builder.probes(4).probe_deadline(5 * SECOND).probe_patience(SECOND));
    let results = || breaker.snapshot().counts.probe_results;
    fail(&breaker, 3);
    clock.advance(SECOND);
    breaker.try_acquire().unwrap().record(Verdict::Ignore);
    drop(breaker.try_acquire().unwrap());
    breaker.try_acquire().unwrap().record(Verdict::Reachable);
    let mut expected = ProbeResults::default();
    (expected.succeeded, expected.ignored, expected.abandoned) = (1, 1, 1);
    assert_eq!(results(), expected);
    let hung = breaker.try_acquire().unwrap();
    clock.advance(5 * SECOND);
    assert_eq!(breaker.state(), State::Open, "overdue");
    expected.overdue = 1;
    assert_eq!(results(), expected);
    drop(hung);
    assert_eq!(results(), expected, "it had been given up");
    clock.advance(60 * SECOND);
    breaker.try_acquire().unwrap().failure();
    expected.failed = 1;
    assert_eq!(results(), expected);
    let ProbeResults { succeeded, failed, ignored, abandoned, overdue, .. } = expected;
    assert_eq!(breaker.snapshot().counts.probes, succeeded + failed + ignored + abandoned + overdue);
}

#[test]
fn each_refusal_is_counted_by_its_reason() {
    let (watched, breaker, clock) = watched(|builder| builder.quota(1).per(SECOND));
    let refused = |reason: Reason| {
        let before = breaker.snapshot().refusals.unwrap();
        assert_eq!(breaker.try_acquire().unwrap_err().reason(), reason);
        let after = breaker.snapshot().refusals.unwrap();
        let grown = before.iter().zip(after.iter()).filter(|(before, after)| after.1 > before.1);
        assert_eq!(grown.map(|(_, (reason, _))| reason).collect::<Vec<_>>(), [reason]);
    };
    breaker.try_acquire().unwrap().failure();
    refused(Reason::Quota);
    breaker.set_policy(Policy { stages: 1, jitter: 0.0, ..Policy::default() }).unwrap();
    fail(&breaker, 2);
    refused(Reason::Open);
    clock.advance(SECOND);
    assert_eq!(breaker.try_acquire_no_probe().unwrap_err().reason(), Reason::MayNotProbe);
    let probe = breaker.try_acquire().unwrap();
    refused(Reason::ProbesOut);
    drop(probe);
    breaker.force_open();
    refused(Reason::ForcedOpen);
    assert_eq!(value(&watched, "resilience_refusals_total{may_not_probe}"), 1.0);
    assert_eq!(value(&watched, "resilience_refusals_total{stale_readiness}"), 0.0);
}

#[test]
fn refusals_without_the_lock_are_counted_too_and_those_of_many_threads_add_up() {
    // By the process's own clock a refusal takes no lock.
    let breaker = Breaker::builder().count_refusals().delay(3600 * SECOND).max_delay(3600 * SECOND).build().unwrap();
    fail(&breaker, 3);
    let each = if cfg!(miri) { 20 } else { 1000 };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..each).for_each(|_| assert!(breaker.try_acquire().is_err())));
        }
    });
    assert_eq!(breaker.snapshot().refusals.unwrap().open, 4 * each);
    breaker.force_open();
    (0..5).for_each(|_| assert!(breaker.try_acquire().is_err()));
    assert_eq!(breaker.snapshot().refusals.unwrap().forced_open, 5);
}

#[test]
fn nothing_is_counted_that_nobody_asked_for_and_no_count_passes_to_the_next_owner_of_a_slot() {
    for _ in 0..4 {
        let asked = Breaker::builder().count_refusals().count_transitions().build().unwrap();
        asked.force_open();
        assert!(asked.try_acquire().is_err());
        assert_eq!(asked.snapshot().refusals.map(|refusals| refusals.forced_open), Some(1));
        assert_eq!(transitions(&asked.snapshot()), [(State::Closed, State::Open, "operator", 1)]);
        drop(asked);
        let silent: Vec<Breaker> = (0..4).map(|_| Breaker::new()).collect();
        for breaker in silent {
            breaker.force_open();
            assert!(breaker.try_acquire().is_err());
            let Snapshot { refusals, transitions, open_time, .. } = breaker.snapshot();
            assert_eq!((refusals, transitions, open_time), (None, None, None));
        }
    }
}

#[test]
fn a_breaker_that_is_gone_is_not_shown_and_the_next_owner_of_its_slot_is_not_taken_for_it() {
    let watched = Watched::new();
    let breaker = Breaker::builder().name("orders").build().unwrap();
    watched.add(&breaker).unwrap();
    let other = Breaker::builder().name("orders").build().unwrap();
    assert_eq!(watched.add(&other).unwrap_err().to_string().lines().count(), 1);
    assert_eq!(other.snapshot().refusals, None, "it was not added, so it counts nothing");
    drop(breaker);
    let others: Vec<Breaker> = (0..64).map(|_| Breaker::new()).collect();
    assert!(watched.snapshots().is_empty() && watched.samples().is_empty());
    watched.add(&other).unwrap();
    watched.add(&others[0]).unwrap();
    let names: Vec<String> = watched.snapshots().into_iter().map(|snapshot| snapshot.name).collect();
    assert_eq!(names, ["orders", "resilience"]);
}

#[test]
fn an_operators_word_is_a_transition_and_time_forced_open_is_time_spent_open() {
    let (watched, breaker, clock) = watched(|builder| builder);
    breaker.force_open_for(2 * SECOND);
    clock.advance(5 * SECOND);
    assert_eq!(lit(&watched, "resilience_overlay"), ["automatic"]);
    assert_eq!(value(&watched, "resilience_open_seconds_total{}"), 2.0);
    fail(&breaker, 3);
    // Laid over an open breaker it changes nothing that callers meet.
    breaker.force_open();
    clock.advance(SECOND);
    breaker.reset();
    breaker.shadow();
    assert_eq!(lit(&watched, "resilience_overlay"), ["shadow"]);
    let expected = [
        (State::Closed, State::Open, "failure_window", 1),
        (State::Closed, State::Open, "operator", 1),
        (State::Open, State::Closed, "operator", 1),
        (State::Open, State::Closed, "reset", 1),
    ];
    assert_eq!(transitions(&breaker.snapshot()), expected);
    assert_eq!(value(&watched, "resilience_open_seconds_total{}"), 3.0);
}

#[test]
fn counts_go_on_after_a_restart() {
    let (_, breaker, clock) = watched(|builder| builder);
    fail(&breaker, 3);
    assert!(breaker.try_acquire().is_err());
    clock.advance(Duration::from_millis(250));
    let saved = breaker.snapshot();
    assert_eq!(saved.open_time, Some(Duration::from_millis(250)));

    let builder = || Breaker::builder().jitter(0.0).clock(Manual::new()).restore(saved.clone());
    let restored = builder().count_refusals().count_transitions().build().unwrap();
    assert!(restored.try_acquire().is_err());
    assert_eq!(restored.snapshot().refusals.unwrap().open, 2);
    assert_eq!(transitions(&restored.snapshot()), transitions(&saved));
    assert_eq!(restored.snapshot().open_time, saved.open_time);
    // Only what is counted still is taken up.
    let silent = builder().build().unwrap().snapshot();
    assert_eq!((silent.refusals, silent.transitions, silent.open_time), (None, None, None));
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The upper half: the lower bits of such a generator have short periods.
        u32::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn whatever_happens_one_state_is_lit_no_counter_goes_down_and_no_series_comes_or_goes() {
    let counters: HashSet<&str> =
        METRICS.iter().filter(|metric| metric.kind == MetricKind::Counter).map(|metric| metric.name).collect();
    for seed in 0..if cfg!(miri) { 1 } else { 40 } {
        let mut dice = Dice(seed);
        let (watched, breaker, clock) = watched(|builder| builder.stages(2).probe_deadline(3 * SECOND));
        let mut out = Vec::new();
        let mut before = values(&watched);
        for step in 0..if cfg!(miri) { 30 } else { 300 } {
            match dice.below(16) {
                0..=3 => out.extend(breaker.try_acquire().ok()),
                4..=6 => out.pop().into_iter().for_each(resilience::Permit::failure),
                7..=8 => out.pop().into_iter().for_each(resilience::Permit::success),
                9 => drop(out.pop()),
                10 => breaker.force_open_for(SECOND),
                11 => breaker.force_closed_for(SECOND),
                12 => {
                    [Breaker::auto, Breaker::shadow, Breaker::reset][usize::try_from(dice.below(3)).unwrap()](&breaker);
                }
                13 => {
                    let in_a_row = (dice.below(2) == 0).then_some(2);
                    let probes = 1 + dice.below(2);
                    breaker.set_policy(Policy { in_a_row, probes, ..breaker.policy() }).unwrap();
                }
                _ => clock.advance(Duration::from_millis(dice.below(2000).into())),
            }
            let at = format!("seed {seed}, step {step}");
            let after = values(&watched);
            assert!(before.keys().eq(after.keys()), "{at}");
            for (name, (before, after)) in before.iter().map(|(name, before)| (name, (before, after[name]))) {
                let metric = name.split('{').next().unwrap();
                assert!(!counters.contains(metric) || after >= *before, "{at}: {name} went from {before} to {after}");
            }
            assert_eq!(lit(&watched, "resilience_state"), [breaker.state().name()], "{at}");
            assert_eq!(lit(&watched, "resilience_overlay"), [breaker.snapshot().overlay.name()], "{at}");
            for metric in ["resilience_state{", "resilience_overlay{"] {
                let sum: f64 = after.iter().filter(|(name, _)| name.starts_with(metric)).map(|(_, value)| value).sum();
                assert_eq!(sum, 1.0, "{at}");
            }
            before = after;
        }
    }
}

#[test]
fn every_rule_that_trips_has_a_series_of_its_own() {
    let (watched, _breaker, _clock) = watched(|builder| builder);
    let names: Vec<String> = values(&watched).into_keys().collect();
    for rule in [
        Rule::FailureWindow,
        Rule::InARow,
        Rule::FailureRate,
        Rule::SlowCalls,
        Rule::Stall,
        Rule::Hint,
        Rule::Probe,
        Rule::ProbeDeadline,
    ] {
        let reason = TransitionReason::Tripped(rule).name();
        let found = names.iter().any(|name| name.starts_with("resilience_transitions") && name.contains(reason));
        assert!(found, "{reason}");
    }
    for overlay in [Overlay::Automatic, Overlay::ForcedOpen, Overlay::ForcedClosed, Overlay::Shadow] {
        assert!(names.contains(&format!("resilience_overlay{{{}}}", overlay.name())));
    }
}
