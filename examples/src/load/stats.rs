//! What a run comes to, in numbers.

use super::pace::{Outcome, Sample};
use super::run::Run;
use super::scenario::Phase;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A run in numbers. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Whether the breaker had an effect.
    pub layer: bool,
    /// Requests of the run.
    pub requests: u64,
    /// How many got which answer.
    pub answers: BTreeMap<String, u64>,
    /// From the instant at which a request was meant to be sent.
    pub latency_ms: Latency,
    /// The same, of the requests that were meant to be sent while the upstream was sick.
    pub latency_while_sick_ms: Latency,
    /// Calls that reached the upstream while it was sick.
    pub reached_while_sick: u64,
    /// From the upstream's getting sick to the first refusal.
    pub detect_ms: Option<f64>,
    /// From its being well for good to the first success of a request meant to be sent after that.
    pub first_success_ms: Option<f64>,
    /// From its being well for good to the first success after which everything succeeds.
    pub steady_success_ms: Option<f64>,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the requests took at most this long.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// Ninety-nine in a hundred.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Summary {
    /// Works out the numbers of a run.
    #[must_use]
    pub fn of(run: &Run, phases: &[Phase]) -> Self {
        let mut answers = BTreeMap::new();
        for sample in &run.samples {
            *answers.entry(name(sample.outcome)).or_insert(0) += 1;
        }
        let sick = |at: Duration| phases.iter().any(|phase| phase.sick && phase.from <= at && at < phase.to);
        let sick_from = phases.iter().find(|phase| phase.sick).map(|phase| phase.from);
        let well_from = phases.iter().rev().find(|phase| phase.sick).map(|phase| phase.to);
        let detect = sick_from.and_then(|from| {
            let refused = run.samples.iter().filter(|sample| sample.outcome == Outcome::Refused);
            refused.map(|sample| sample.answered).filter(|at| *at >= from).min().map(|at| at.saturating_sub(from))
        });
        let (first, steady) = well_from.map_or((None, None), |from| recovery(&run.samples, from));
        Self {
            layer: run.layer,
            requests: run.samples.len() as u64,
            answers,
            latency_ms: Latency::of(run.samples.iter()),
            latency_while_sick_ms: Latency::of(run.samples.iter().filter(|sample| sick(sample.intended))),
            reached_while_sick: run.reached_while_sick,
            detect_ms: detect.map(millis),
            first_success_ms: first.map(millis),
            steady_success_ms: steady.map(millis),
        }
    }
}

/// The first success of a request of the healthy time, and the first with nothing but successes after it.
fn recovery(samples: &[Sample], from: Duration) -> (Option<Duration>, Option<Duration>) {
    let added = |sample: &&Sample| sample.outcome == Outcome::Added;
    let since = |sample: &Sample| sample.answered.saturating_sub(from);
    let first = samples.iter().filter(|sample| sample.intended >= from).filter(added).map(since).min();
    let trouble = samples.iter().filter(|sample| !added(sample)).map(|sample| sample.answered).max();
    let steady = samples
        .iter()
        .filter(added)
        .filter(|sample| sample.answered >= from && trouble.is_none_or(|trouble| sample.answered > trouble));
    (first, steady.map(since).min())
}

impl Latency {
    fn of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Self {
        // From a microsecond to a day, to three digits. These bounds are within the histogram's own.
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, 86_400_000_000, 3) else { return Self::default() };
        for sample in samples {
            let micros = u64::try_from(sample.latency().as_micros()).unwrap_or(u64::MAX);
            histogram.saturating_record(micros);
        }
        let at = |quantile| millis(Duration::from_micros(histogram.value_at_quantile(quantile)));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: millis(Duration::from_micros(histogram.max())) }
    }
}

/// What an answer is called.
#[must_use]
pub fn name(outcome: Outcome) -> String {
    match outcome {
        Outcome::Added => "201".to_owned(),
        Outcome::Refused => "503 by the breaker".to_owned(),
        Outcome::Status(status) => status.to_string(),
        Outcome::Broken => "no answer: broken connection".to_owned(),
        Outcome::TimedOut => "no answer: timed out".to_owned(),
        Outcome::Unfinished => "no answer: the run was over".to_owned(),
    }
}

/// To the microsecond.
#[allow(clippy::cast_precision_loss, reason = "a day in microseconds is far below where a double loses whole numbers")]
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Answers in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// 201.
    pub added: u32,
    /// Refused by the breaker.
    pub refused: u32,
    /// Everything else that was answered, or given up.
    pub failed: u32,
}

/// How many answers came when, in stretches of `width`, from zero to at least `total`.
#[must_use]
pub fn timeline(samples: &[Sample], width: Duration, total: Duration) -> Vec<Bucket> {
    let width = width.as_nanos().max(1);
    let place = |at: Duration| usize::try_from(at.as_nanos() / width).unwrap_or(usize::MAX);
    let answered = samples.iter().filter(|sample| sample.outcome != Outcome::Unfinished);
    let last = answered.clone().map(|sample| place(sample.answered) + 1).max().unwrap_or(0);
    let whole = usize::try_from(total.as_nanos().div_ceil(width)).unwrap_or(0);
    let mut buckets = vec![Bucket::default(); last.max(whole)];
    for sample in answered {
        let bucket = &mut buckets[place(sample.answered)];
        match sample.outcome {
            Outcome::Added => bucket.added += 1,
            Outcome::Refused => bucket.refused += 1,
            _ => bucket.failed += 1,
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Scenario;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sample(intended: u64, latency: u64, outcome: Outcome) -> Sample {
        Sample { intended: ms(intended), answered: ms(intended + latency), outcome }
    }

    fn summary(samples: Vec<Sample>) -> Summary {
        let scenario: Scenario = "outage(before=1s, for=2s, after=1s)".parse().unwrap();
        let run = Run { layer: true, samples, bands: Vec::new(), reached_while_sick: 7 };
        Summary::of(&run, &scenario.phases().unwrap())
    }

    #[test]
    fn answers_are_counted_by_name_and_the_times_are_those_of_the_scenario() {
        let summary = summary(vec![
            sample(0, 2, Outcome::Added),
            sample(900, 200, Outcome::Status(503)),
            sample(1200, 1, Outcome::Refused),
            sample(1300, 1, Outcome::Refused),
            sample(2990, 20, Outcome::Added),
            sample(3100, 1, Outcome::Refused),
            sample(3300, 5, Outcome::Added),
            sample(3400, 5, Outcome::Refused),
            sample(3500, 4, Outcome::Added),
        ]);
        assert_eq!(summary.answers["201"], 4);
        assert_eq!(summary.answers["503"], 1);
        assert_eq!(summary.answers["503 by the breaker"], 4);
        assert_eq!(summary.detect_ms, Some(201.0));
        assert_eq!(summary.first_success_ms, Some(305.0), "one that was meant to be sent before does not count");
        assert_eq!(summary.steady_success_ms, Some(504.0));
        assert_eq!((summary.requests, summary.reached_while_sick), (9, 7));
    }

    #[test]
    fn what_never_happened_has_no_time() {
        let summary = summary(vec![sample(0, 1, Outcome::Added), sample(3500, 1, Outcome::Broken)]);
        assert_eq!((summary.detect_ms, summary.first_success_ms, summary.steady_success_ms), (None, None, None));
    }

    #[test]
    fn percentiles_are_right_to_three_digits_and_the_slowest_is_not_lost() {
        let mut samples: Vec<_> = (1..=1000).map(|place| sample(0, place, Outcome::Added)).collect();
        samples.push(sample(0, 9999, Outcome::Unfinished));
        let latency = summary(samples).latency_ms;
        for (is, should) in [(latency.p50, 501.0), (latency.p90, 901.0), (latency.p99, 991.0), (latency.max, 9999.0)] {
            assert!((is - should).abs() <= should / 500.0, "{is} for {should}");
        }
    }

    #[test]
    fn the_timeline_holds_every_answer() {
        let samples = [
            sample(0, 10, Outcome::Added),
            sample(0, 260, Outcome::Status(504)),
            sample(10, 260, Outcome::Refused),
            sample(900, 600, Outcome::Added),
            sample(900, 600, Outcome::Unfinished),
        ];
        let buckets = timeline(&samples, ms(250), ms(1000));
        assert_eq!(buckets.len(), 7);
        assert_eq!(buckets[0], Bucket { added: 1, ..Bucket::default() });
        assert_eq!(buckets[1], Bucket { refused: 1, failed: 1, ..Bucket::default() });
        assert_eq!(buckets[6].added, 1);
        assert_eq!(timeline(&[], ms(250), ms(1000)).len(), 4);
    }
}
