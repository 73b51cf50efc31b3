//! Sending at a pace that does not depend on the answers.
//!
//! Request `n` is meant to be sent at `n / rate` after the start, whatever became of those before it, and its latency
//! counts from that instant. Where all senders are busy it leaves late; the time that it waited is time that a user
//! would have waited. A generator that measures from the moment of sending, and sends when the last answer is there,
//! leaves out just the requests that would have suffered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How many, how fast, for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second.
    pub rate: u32,
    /// Requests in all.
    pub requests: u64,
    /// Requests in flight at a time.
    pub concurrency: u32,
    /// From the start; what is not answered by then never is.
    pub deadline: Duration,
}

/// What became of one request. Times count from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was meant to be sent.
    pub intended: Duration,
    /// When its answer was there.
    pub answered: Duration,
    /// What it was.
    pub outcome: Outcome,
}

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// 201.
    Added,
    /// The breaker's 503.
    Refused,
    /// Any other answer.
    Status(u16),
    /// The connection failed.
    Broken,
    /// The client waited for as long as it does.
    TimedOut,
    /// The run was over first: the request was in flight, or still waiting to be sent.
    Unfinished,
}

impl Sample {
    /// How long a user waited.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.answered.saturating_sub(self.intended)
    }
}

impl Pace {
    fn intended(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate.max(1));
        // A scenario takes a day at most.
        u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
    }
}

/// Sends all requests, and gives a sample for each, in the order in which they were meant to be sent.
///
/// `send` gets the number of the request; `told` is called after each answer.
pub async fn drive<F, R>(
    pace: Pace,
    start: Instant,
    send: F,
    told: impl Fn(&Sample) + Send + Sync + 'static,
) -> Vec<Sample>
where
    F: Fn(u64) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Outcome> + Send,
{
    let unfinished = |number| {
        let intended = pace.intended(number);
        Sample { intended, answered: pace.deadline.max(intended), outcome: Outcome::Unfinished }
    };
    let samples: Arc<Mutex<Vec<Sample>>> = Arc::new(Mutex::new((0..pace.requests).map(unfinished).collect()));
    let (next, told) = (Arc::new(AtomicU64::new(0)), Arc::new(told));
    let mut senders = JoinSet::new();
    for _ in 0..pace.concurrency {
        let (samples, next, told, send) = (Arc::clone(&samples), Arc::clone(&next), Arc::clone(&told), send.clone());
        senders.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pace.requests {
                    return;
                }
                let intended = pace.intended(number);
                sleep_until(start + intended).await;
                let outcome = send(number).await;
                let sample = Sample { intended, answered: start.elapsed(), outcome };
                // The number is below the length of the list.
                if let Ok(place) = usize::try_from(number)
                    && let Some(slot) = lock(&samples).get_mut(place)
                {
                    *slot = sample;
                }
                told(&sample);
            }
        });
    }
    let all = async { while senders.join_next().await.is_some() {} };
    // The deadline cuts what is left; its samples are as they were made.
    timeout_at(start + pace.deadline, all).await.ok();
    senders.shutdown().await;
    std::mem::take(&mut *lock(&samples))
}

fn lock(samples: &Mutex<Vec<Sample>>) -> MutexGuard<'_, Vec<Sample>> {
    // A sample is written in one piece.
    samples.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const PACE: Pace = Pace { rate: 100, requests: 100, concurrency: 4, deadline: ms(60_000) };

    #[tokio::test(start_paused = true)]
    async fn requests_leave_at_their_time() {
        let samples = drive(PACE, Instant::now(), |_| async { Outcome::Added }, |_| {}).await;
        assert_eq!(samples.len(), 100);
        for (sample, number) in samples.iter().zip(0..) {
            assert_eq!(sample.intended, ms(10 * number));
            assert_eq!((sample.latency(), sample.outcome), (Duration::ZERO, Outcome::Added));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_behind_a_slow_answer_is_counted_as_waiting() {
        let pace = Pace { concurrency: 1, ..PACE };
        let slow = |number| async move {
            sleep(if number == 10 { ms(500) } else { Duration::ZERO }).await;
            Outcome::Added
        };
        let samples = drive(pace, Instant::now(), slow, |_| {}).await;
        let latencies: Vec<_> = samples.iter().map(|sample| sample.latency().as_millis()).collect();
        assert_eq!(latencies[9..13], [0, 500, 490, 480]);
        assert_eq!(latencies.iter().filter(|latency| **latency > 0).count(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_in_flight_than_was_said_and_none_is_sent_twice() {
        let out = Arc::new((AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)));
        let seen = Arc::clone(&out);
        let send = move |number: u64| {
            let seen = Arc::clone(&seen);
            async move {
                let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
                seen.1.fetch_max(now, Ordering::SeqCst);
                seen.2.fetch_add(number, Ordering::SeqCst);
                sleep(ms(200)).await;
                seen.0.fetch_sub(1, Ordering::SeqCst);
                Outcome::Added
            }
        };
        drive(PACE, Instant::now(), send, |_| {}).await;
        assert_eq!(out.1.load(Ordering::SeqCst), 4);
        assert_eq!(out.2.load(Ordering::SeqCst), (0..100).sum::<u64>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_it_and_what_is_left_is_counted() {
        let pace = Pace { deadline: ms(500), ..PACE };
        let start = Instant::now();
        let hang = |number| async move {
            if number >= 20 {
                std::future::pending::<()>().await;
            }
            Outcome::Added
        };
        let samples = drive(pace, start, hang, |_| {}).await;
        assert_eq!(start.elapsed(), ms(500));
        let unfinished: Vec<_> = samples.iter().filter(|sample| sample.outcome == Outcome::Unfinished).collect();
        assert_eq!(unfinished.len(), 80);
        assert_eq!(unfinished[0].latency(), ms(300));
        assert_eq!(unfinished.last().unwrap().latency(), Duration::ZERO);
    }
}
