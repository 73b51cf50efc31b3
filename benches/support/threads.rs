//! Several threads that call at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Scenario, Subject, cpu_time};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Together {
    /// From the first thread's first call to the last thread's last.
    pub wall: Duration,
    /// Calls a second of all threads, each by its own time.
    pub rate: f64,
    /// The part of its own time that the thread with the least of it was on a processor. Below, say, 0.95 something
    /// else used the machine, and the figures are worth nothing.
    pub running: f64,
    /// The part of the whole time in which all of them were calling.
    pub overlap: f64,
}

/// Lets one thread for each of the `subjects` make `calls` calls, all at the same time.
///
/// Clones of one subject share a breaker; subjects made apart have a breaker each and are the control.
///
/// # Panics
///
/// If the calls do not end as the scenario says.
#[must_use]
pub fn together<S: Subject>(subjects: &[S], scenario: Scenario, calls: u64) -> Together {
    let start = Barrier::new(subjects.len());
    let spans: Vec<(Instant, Instant, f64)> = thread::scope(|scope| {
        let threads: Vec<_> = subjects
            .iter()
            .map(|subject| {
                let mut subject = subject.clone();
                let start = &start;
                scope.spawn(move || {
                    // On the thread's own stack, as in a task of its own: handles side by side in memory would share a
                    // line that the services write, though the breaker does not.
                    start.wait();
                    let (begun, begun_cpu) = (Instant::now(), cpu_time());
                    let seen = from_another_depth(|| scenario.run(&mut subject, calls));
                    let (ended, ended_cpu) = (Instant::now(), cpu_time());
                    scenario.assert::<S>(seen);
                    let share = (ended_cpu - begun_cpu).as_secs_f64() / (ended - begun).as_secs_f64();
                    (begun, ended, share)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread's assertion failed")).collect()
    });
    let (begins, ends) = (spans.iter().map(|(begun, ..)| *begun), spans.iter().map(|(_, ended, _)| *ended));
    let between = |from: Option<Instant>, to: Option<Instant>| {
        from.zip(to).map_or(Duration::ZERO, |(from, to)| to.saturating_duration_since(from))
    };
    let wall = between(begins.clone().min(), ends.clone().max());
    let all = between(begins.max(), ends.min());
    #[allow(clippy::cast_precision_loss)]
    let calls = calls as f64;
    Together {
        wall,
        rate: spans.iter().map(|(begun, ended, _)| calls / (*ended - *begun).as_secs_f64()).sum(),
        running: spans.iter().map(|(.., share)| *share).fold(1.0, f64::min),
        overlap: all.as_secs_f64() / wall.as_secs_f64(),
    }
}

/// Calls it with another distance to the bottom of the stack each time.
///
/// Where an address on the stack and one in the breaker agree in their lowest twelve bits, the processor takes a load from
/// the one for a load of what was just stored in the other, and waits. A thread's stack begins at the same place each time,
/// so by bad luck all windows of a row would be three times as slow, and this has happened.
fn from_another_depth<R>(call: impl FnOnce() -> R) -> R {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    deeper(CALLS.fetch_add(1, Ordering::Relaxed) % 16, call)
}

#[inline(never)]
fn deeper<R>(steps: usize, call: impl FnOnce() -> R) -> R {
    let room = black_box([0_u8; 192]);
    let result = if steps == 0 { call() } else { deeper(steps - 1, call) };
    black_box(&room);
    result
}
