//! Several threads that call at once.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Scenario, Subject, cpu_time};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Together {
    /// From the first thread's first call to the last thread's last.
    pub wall: Duration,
    /// The part of its own time that the thread with the least of it was on a processor. Below, say, 0.95 something
    /// else used the machine, and the figure is worth nothing.
    pub running: f64,
}

/// Lets one thread for each of the `subjects` make `calls` calls, all at the same time.
///
/// Clones of one subject share a breaker; subjects made apart have a breaker each and are the control.
///
/// # Panics
///
/// If the calls do not end as the scenario says.
#[must_use]
pub fn together<S: Subject>(subjects: &mut [S], scenario: Scenario, calls: u64) -> Together {
    let start = Barrier::new(subjects.len());
    let spans: Vec<(Instant, Instant, f64)> = thread::scope(|scope| {
        let threads: Vec<_> = subjects
            .iter_mut()
            .map(|subject| {
                scope.spawn(|| {
                    start.wait();
                    let (begun, begun_cpu) = (Instant::now(), cpu_time());
                    let seen = scenario.run(subject, calls);
                    let (ended, ended_cpu) = (Instant::now(), cpu_time());
                    scenario.assert::<S>(seen);
                    let share = (ended_cpu - begun_cpu).as_secs_f64() / (ended - begun).as_secs_f64();
                    (begun, ended, share)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread's assertion failed")).collect()
    });
    let begun = spans.iter().map(|(begun, ..)| *begun).min();
    let ended = spans.iter().map(|(_, ended, _)| *ended).max();
    Together {
        wall: begun.zip(ended).map_or(Duration::ZERO, |(begun, ended)| ended - begun),
        running: spans.iter().map(|(.., share)| *share).fold(1.0, f64::min),
    }
}
