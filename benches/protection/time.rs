//! Time, as the breakers under test can be told it.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use failsafe::clock::{self, MockClock};
use resilience::clock::Manual;

/// How much faster than a clock the simulation runs, where a breaker can be told no time but the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace(pub(crate) u32);

/// A window of 30 s is a second then, and one of the peers makes it that at least.
pub(crate) const FAST: Pace = Pace(30);
/// A stage of that one's recovery, which is 5 s as it comes, is a second at least too.
pub(crate) const SLOW: Pace = Pace(5);

impl Pace {
    /// What a breaker is set to that runs at this pace.
    pub(crate) fn of(self, time: Duration) -> Duration {
        time / self.0
    }
}

/// Moves on.
pub(crate) trait Time {
    /// Lets the time be `at`, counted from the beginning.
    fn reach(&mut self, at: Duration);
}

/// Nobody looks at it.
#[derive(Debug)]
pub(crate) struct Nobodys;

impl Time for Nobodys {
    fn reach(&mut self, _: Duration) {}
}

/// The clock of this crate that is moved by hand.
#[derive(Debug, Default)]
pub(crate) struct ByHand {
    pub(crate) clock: Manual,
    now: Duration,
}

impl Time for ByHand {
    fn reach(&mut self, at: Duration) {
        self.clock.advance(at - self.now);
        self.now = at;
    }
}

/// The clock that failsafe brings for its own tests, which its release has too.
#[derive(Debug)]
pub(crate) struct Frozen<'a> {
    clock: &'a mut MockClock,
    begun: Instant,
    now: Duration,
}

impl<'a> Frozen<'a> {
    pub(crate) fn new(clock: &'a mut MockClock) -> Self {
        Self { begun: clock.now(), clock, now: Duration::ZERO }
    }
}

impl Time for Frozen<'_> {
    fn reach(&mut self, at: Duration) {
        // Failsafe reads it behind the compiler's back.
        black_box(&mut *self.clock).advance(at - self.now);
        self.now = at;
        assert_eq!(black_box(clock::now)(), self.begun + at, "failsafe does not see its clock move");
    }
}

/// The system's clock, sped up.
#[derive(Debug)]
pub(crate) struct Real {
    pace: Pace,
    begun: Instant,
    /// By how much the machine was late, at most, in simulated time.
    pub(crate) late: Duration,
}

impl Real {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, begun: Instant::now(), late: Duration::ZERO }
    }
}

impl Time for Real {
    fn reach(&mut self, at: Duration) {
        let due = self.begun + self.pace.of(at);
        let now = Instant::now();
        if let Some(early) = due.checked_duration_since(now) {
            thread::sleep(early);
        }
        self.late = self.late.max((Instant::now() - due) * self.pace.0);
    }
}
