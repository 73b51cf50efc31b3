//! One thread, one call at a time: what a breaker adds to a call in each of its states.
//!
//! The groups are the states; within a group every subject makes the same calls to the same upstream, so a row is to
//! be read against the row `bare` (where the upstream is called at all) and against its neighbours, from one run.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use subjects::{Scenario, Subject, Visitor, every_subject, start};

/// Adds one state of every subject to a group.
struct States<'a, 'b> {
    group: &'a mut BenchmarkGroup<'b, WallTime>,
    scenario: Scenario,
}

impl Visitor for States<'_, '_> {
    fn visit<S: Subject>(&mut self) {
        let Some(mut subject) = start::<S>(self.scenario) else { return };
        self.group.bench_function(S::NAME, |bencher| {
            bencher.iter_custom(|calls| {
                let begun = Instant::now();
                let seen = self.scenario.run(&mut subject, calls);
                let took = begun.elapsed();
                self.scenario.assert::<S>(seen);
                took
            });
        });
    }
}

fn states(criterion: &mut Criterion) {
    for scenario in Scenario::ALL {
        let mut group = criterion.benchmark_group(scenario.name());
        every_subject(&mut States { group: &mut group, scenario });
        group.finish();
    }
}

/// Adds the clone of every subject to a group: many servers clone the service for each request.
struct Clones<'a, 'b>(&'a mut BenchmarkGroup<'b, WallTime>);

impl Visitor for Clones<'_, '_> {
    fn visit<S: Subject>(&mut self) {
        let Some(subject) = start::<S>(Scenario::Healthy) else { return };
        self.0.bench_function(S::NAME, |bencher| bencher.iter(|| drop(black_box(black_box(&subject).clone()))));
    }
}

fn clones(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clone");
    every_subject(&mut Clones(&mut group));
    group.finish();
}

criterion_group! {
    name = calls;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .sample_size(50);
    targets = states, clones
}
criterion_main!(calls);
