//! The states that subjects are measured in, and the proof that they are in them.

use std::hint::black_box;
use std::time::Duration;

use crate::{Form, Refusal, Subject};

/// A state that a subject is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Closed, every call succeeds; the subject's default policy, or its "N in a row".
    Healthy,
    /// Closed, every call fails and is counted, yet the policy is such that nothing trips.
    Failing,
    /// Closed, every second call fails; nothing trips.
    Alternating,
    /// Open for an hour: every call is refused.
    Refusing,
    /// Half-open, every call succeeds, yet the policy is such that it does not close.
    HalfOpen,
}

/// How a number of calls ended.
#[must_use]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The upstream succeeded.
    pub succeeded: u64,
    /// The upstream failed.
    pub failed: u64,
    /// The upstream was not called.
    pub refused: u64,
}

/// How long the breakers of [`Scenario::Refusing`] stay open.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
/// How long those of [`Scenario::HalfOpen`] do: not so short that a thread which has to wait for its processor sees a
/// breaker half-open again that has just tripped.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// How long after a trip the breakers of [`Scenario::Refusing`] are first called.
const SETTLED: Duration = Duration::from_millis(50);

/// Calls before the measured ones.
const CHECKED: u64 = 1_000;

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Healthy, Self::Failing, Self::Alternating, Self::Refusing, Self::HalfOpen];

    /// The name in tables and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Alternating => "alternating",
            Self::Refusing => "refusing",
            Self::HalfOpen => "half-open",
        }
    }

    /// The first request, and what is added for the next: odd requests fail.
    fn requests(self) -> (u64, u64) {
        match self {
            Self::Healthy | Self::Refusing | Self::HalfOpen => SUCCEED,
            Self::Failing => FAIL,
            Self::Alternating => (0, 1),
        }
    }

    /// Makes the scenario's calls.
    #[inline]
    pub fn run<S: Subject>(self, subject: &mut S, calls: u64) -> Seen {
        run(subject, self.requests(), calls)
    }

    /// Fails unless the calls ended as the scenario says.
    ///
    /// # Panics
    ///
    /// If they did not: the benchmark has measured something else than its name says.
    pub fn assert<S: Subject>(self, seen: Seen) {
        let all = seen.succeeded + seen.failed + seen.refused;
        let right = match self {
            Self::Healthy => seen.succeeded == all,
            Self::Failing => seen.failed == all,
            Self::Alternating => seen.refused == 0 && seen.succeeded.abs_diff(seen.failed) <= 1,
            Self::Refusing => seen.refused == all,
            // A peer that lets only a sample through while it probes is measured as it is.
            Self::HalfOpen => seen.succeeded == all || seen.refused > all / 2,
        };
        assert!(right, "{} is not {}: {seen:?}", S::NAME, self.name());
    }
}

const SUCCEED: (u64, u64) = (0, 2);
const FAIL: (u64, u64) = (1, 2);

/// The measured loop: calls with `first`, `first + step`, and so on, and how they ended.
///
/// All calls of a subject are made here, those that bring it into a state too: with a single place that polls them, the
/// compiler inlines also those futures that it would otherwise find too large. How each call ended is counted, so that
/// no row can measure another state than it says; that costs the bare upstream and everybody else the same.
#[inline(never)]
pub fn run<S: Subject>(subject: &mut S, (first, step): (u64, u64), calls: u64) -> Seen {
    let (mut succeeded, mut refused) = (0, 0);
    let mut request = first;
    for _ in 0..calls {
        // As a caller would: it looks at the result at once, and not at all of it at a time.
        match subject.call(black_box(request)) {
            Ok(answer) => {
                black_box(answer);
                succeeded += 1;
            }
            Err(error) => refused += u64::from(black_box(error).refused()),
        }
        request = request.wrapping_add(step);
    }
    Seen { succeeded, failed: calls - succeeded - refused, refused }
}

/// A subject in the scenario's state, proved to be in it; `None` where it cannot be kept there.
///
/// # Panics
///
/// If the subject does not come into the state.
#[must_use]
pub fn start<S: Subject>(scenario: Scenario) -> Option<S> {
    if S::FORM != Form::Bare {
        match scenario {
            // A breaker that cannot trip would be measured for nothing.
            Scenario::Healthy => trip(&mut S::new(scenario)?),
            // One that has closed by itself lets the call after a failure pass.
            Scenario::HalfOpen => {
                let mut subject = bring::<S>(scenario)?;
                scenario.assert::<S>(scenario.run(&mut subject, CHECKED));
                let _ = run(&mut subject, FAIL, 1);
                assert!(run(&mut subject, SUCCEED, 1).refused == 1, "{} was not half-open", S::NAME);
            }
            _ => {}
        }
    }
    let mut subject = bring::<S>(scenario)?;
    scenario.assert::<S>(scenario.run(&mut subject, CHECKED));
    Some(subject)
}

fn bring<S: Subject>(scenario: Scenario) -> Option<S> {
    let mut subject = S::new(scenario)?;
    match scenario {
        Scenario::Refusing => {
            trip(&mut subject);
            // A breaker may look twice for a moment after the trip. What is measured is what lasts.
            std::thread::sleep(SETTLED);
        }
        Scenario::HalfOpen => {
            trip(&mut subject);
            std::thread::sleep(SHORT * 2);
            assert!(run(&mut subject, SUCCEED, 1).succeeded == 1, "{} does not probe", S::NAME);
        }
        _ => {}
    }
    Some(subject)
}

/// Fails until it is refused, and not once more: a breaker that stays open for a moment only would trip again, for longer.
/// No peer needs more than a hundred failures by default.
fn trip<S: Subject>(subject: &mut S) {
    let refused = (0..200).any(|_| run(subject, FAIL, 1).refused > 0);
    assert!(refused, "{} does not trip", S::NAME);
}
