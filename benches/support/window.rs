//! What a call costs when many calls are already in the window.

use std::time::{Duration, Instant};

use crate::{Scenario, Subject, cpu_time, median};

/// The sizes of a window that are looked at.
pub const WINDOWS: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Nanoseconds of a call when `held` calls were made just before; `None` where the subject has no such state.
///
/// What is measured are `held / 10` more calls, so that the window is still about as large at the end. That is repeated
/// with new breakers for as long as `patience` lasts, but done once at least.
#[must_use]
pub fn window_cost<S: Subject>(scenario: Scenario, held: u64, patience: Duration) -> Option<f64> {
    let measured = (held / 10).max(10);
    // Several breakers in one measurement where one alone would be shorter than the clock's own reading.
    let breakers = (10_000 / held).clamp(1, 100);
    let begun = Instant::now();
    let mut samples = Vec::new();
    while samples.is_empty() || (begun.elapsed() < patience && samples.len() < 100) {
        let mut subjects: Vec<S> = (0..breakers).filter_map(|_| S::new(scenario)).collect();
        if subjects.is_empty() {
            return None;
        }
        for subject in &mut subjects {
            scenario.assert::<S>(scenario.run(subject, held));
        }
        let nothing = cpu_time();
        let start = cpu_time();
        for subject in &mut subjects {
            scenario.assert::<S>(scenario.run(subject, measured));
        }
        let took = (cpu_time() - start).saturating_sub(start - nothing);
        samples.push(nanoseconds(took) / nanoseconds(Duration::from_nanos(breakers * measured)));
    }
    Some(median(samples))
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
