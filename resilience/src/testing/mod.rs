//! A kit for tests of your own: a service that does as it is told, and breakers that are brought into a state and asked
//! whether they are in it.
//!
//! Together with [`clock::Manual`](crate::clock::Manual) (or, with the feature `tokio`, with tokio's paused time) a test
//! waits for nothing. Turn the feature on for tests only:
//!
//! ```toml
//! [dev-dependencies]
//! resilience = { git = "…", features = ["test-util"] }
//! ```
//!
//! ```
//! use resilience::clock::Manual;
//! use resilience::respond::Error;
//! use resilience::testing::{Scripted, assert_closed, assert_open};
//! use resilience::{Breaker, BreakerLayer};
//! use std::time::Duration;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let clock = Manual::new();
//! let breaker = Breaker::builder().jitter(0.0).stages(1).clock(clock.clone()).build()?;
//! let upstream = Scripted::new(|_: &&str| Ok("pong"));
//! let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
//!
//! upstream.fail(3, "down");
//! for _ in 0..3 {
//!     assert_eq!(service.clone().oneshot("ping").await, Err(Error::Inner("down")));
//! }
//! let rejected = assert_open(&breaker);
//! assert_eq!(rejected.retry_after(), Duration::from_secs(1));
//! assert!(service.clone().oneshot("ping").await.is_err());
//! assert_eq!(upstream.calls(), 3, "a refused call does not reach it");
//!
//! clock.advance(rejected.retry_after());
//! assert_eq!(service.oneshot("ping").await, Ok("pong"));
//! assert_closed(&breaker);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything here panics where a test has to fail, and says what it found instead.

mod scripted;
#[cfg(feature = "http")]
mod statuses;
#[cfg(all(test, not(loom)))]
mod tests;

pub use scripted::{Held, Scripted, ScriptedFuture};

use crate::clock::Manual;
use crate::{Breaker, Rejected, State};

/// More failures than any test needs to trip a breaker.
const ENOUGH: u32 = 100_000;

/// Makes calls fail until the breaker refuses the next one; returns that refusal.
///
/// ```
/// use resilience::{Breaker, Reason, testing};
///
/// let breaker = Breaker::builder().failure_rate(0.5).over(std::time::Duration::from_secs(60)).min_calls(20).build()?;
/// assert_eq!(testing::trip(&breaker).reason(), Reason::Open);
/// # Ok::<(), resilience::PolicyError>(())
/// ```
///
/// # Panics
///
/// If 100,000 failures do not trip it: its policy has no rule that counts them, or an operator has forced it closed.
#[track_caller]
#[allow(clippy::must_use_candidate)]
pub fn trip(breaker: &Breaker) -> Rejected {
    for _ in 0..ENOUGH {
        match breaker.try_acquire() {
            Ok(permit) => permit.failure(),
            Err(rejected) => return rejected,
        }
    }
    panic!("{ENOUGH} failures did not trip it: {}", shown(breaker))
}

/// Trips the breaker, if it is closed, and lets its cool-down pass: the next call is a probe.
///
/// # Panics
///
/// If the clock is not the breaker's, or an operator has forced it open.
#[track_caller]
pub fn half_open(breaker: &Breaker, clock: &Manual) {
    let rejected = trip(breaker);
    clock.advance(rejected.retry_after());
    assert_half_open(breaker);
}

/// Asserts that it is closed.
///
/// # Panics
///
/// If it is not.
#[track_caller]
pub fn assert_closed(breaker: &Breaker) {
    assert_state(breaker, State::Closed);
}

/// Asserts that it is open; returns the refusal that a call would get. Such a call is made, and counted as refused.
///
/// # Panics
///
/// If it is not.
#[track_caller]
#[allow(clippy::must_use_candidate)]
pub fn assert_open(breaker: &Breaker) -> Rejected {
    assert_state(breaker, State::Open);
    match breaker.try_acquire() {
        Err(rejected) => rejected,
        Ok(_) => panic!("it is open and admits a call, so it is only observed: {}", shown(breaker)),
    }
}

/// Asserts that it is half-open: some calls pass as probes.
///
/// # Panics
///
/// If it is not.
#[track_caller]
pub fn assert_half_open(breaker: &Breaker) {
    assert_state(breaker, State::HalfOpen);
}

/// Asserts the state that callers meet.
///
/// # Panics
///
/// If it is another one; the message shows where the breaker stands, and why.
#[track_caller]
pub fn assert_state(breaker: &Breaker, expected: State) {
    let found = breaker.state();
    assert!(found == expected, "expected {expected:?}, found {found:?}: {}", shown(breaker));
}

fn shown(breaker: &Breaker) -> String {
    format!("{:#?}", breaker.snapshot())
}
