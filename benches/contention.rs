//! Several threads on one breaker, against one thread, and against as many breakers as threads.
//!
//! The time of a row is that of one call on each of its threads, so that a breaker which scales has the same time in
//! all rows (up to the number of processors) and one which does not has a longer one the more threads there are.
//! `apart` is the control: what the machine makes of two threads that share nothing.
#![allow(missing_docs)]

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use subjects::{Scenario, Subject, Visitor, every_subject, start, together};

struct Threads<'a, 'b> {
    group: &'a mut BenchmarkGroup<'b, WallTime>,
    scenario: Scenario,
    shared: &'static [u64],
}

impl Threads<'_, '_> {
    fn measure<S: Subject>(&mut self, row: String, subjects: &[S]) {
        self.group.throughput(Throughput::Elements(subjects.len() as u64));
        self.group.bench_function(BenchmarkId::new(S::NAME, row), |bencher| {
            bencher.iter_custom(|calls| together(subjects, self.scenario, calls).wall);
        });
    }
}

impl Visitor for Threads<'_, '_> {
    fn visit<S: Subject>(&mut self) {
        if !S::shares(self.scenario) {
            return;
        }
        for &threads in self.shared {
            let Some(subject) = start::<S>(self.scenario) else { return };
            let subjects: Vec<S> = (0..threads).map(|_| subject.clone()).collect();
            self.measure(format!("{threads}"), &subjects);
        }
        let apart: Vec<S> = (0..2).filter_map(|_| start::<S>(self.scenario)).collect();
        self.measure("2-apart".to_owned(), &apart);
    }
}

fn healthy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads/healthy");
    every_subject(&mut Threads { group: &mut group, scenario: Scenario::Healthy, shared: &[1, 2, 4] });
    group.finish();
}

fn refusing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads/refusing");
    every_subject(&mut Threads { group: &mut group, scenario: Scenario::Refusing, shared: &[1, 2] });
    group.finish();
}

criterion_group! {
    name = contention;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1000))
        .sample_size(20);
    targets = healthy, refusing
}
criterion_main!(contention);
