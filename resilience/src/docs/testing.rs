//! Testing your own service without waiting.
//!
//! All of a breaker's time comes from its [`Clock`](crate::clock::Clock). Give it one that you move.
//!
//! # Without a runtime
//!
//! ```
//! use std::time::Duration;
//! use resilience::{Breaker, State, clock::Manual};
//!
//! let clock = Manual::new();
//! let breaker = Breaker::builder()
//!     .jitter(0.0) // so that the times are exact
//!     .stages(1)
//!     .clock(clock.clone())
//!     .build()?;
//!
//! for _ in 0..3 {
//!     breaker.try_acquire()?.failure();
//! }
//! let rejected = breaker.try_acquire().unwrap_err();
//! assert_eq!(rejected.retry_after(), Duration::from_secs(1));
//!
//! clock.advance(rejected.retry_after());
//! breaker.try_acquire()?.success();
//! assert_eq!(breaker.state(), State::Closed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Under tokio's paused time
//!
//! With the feature `tokio`, [`clock::Tokio`](crate::clock) follows `tokio::time::pause` and `advance`, and so does
//! everything else in the test: timeouts, sleeps, the breaker.
//!
//! # Putting it into a state
//!
//! `breaker.force_open()` makes every call be refused, `breaker.reset()` makes it new. To see what your service does with
//! a refusal you need no failing upstream.
