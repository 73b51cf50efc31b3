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
//! # With an upstream that does as it is told
//!
//! With the feature `test-util` (for tests only: in `[dev-dependencies]`), [`testing`](crate::testing) has a
//! [`Scripted`](crate::testing::Scripted) service, which answers (at once, later, with a status), fails, hangs, panics or is
//! held by the test, and counts what reaches it; functions that bring a breaker into a state; and assertions whose messages
//! show where it stands and why:
//!
#![cfg_attr(feature = "test-util", doc = "```")]
#![cfg_attr(not(feature = "test-util"), doc = "```ignore")]
//! use resilience::clock::Manual;
//! use resilience::testing::{self, Scripted};
//! use resilience::{Breaker, BreakerLayer};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let clock = Manual::new();
//! let breaker = Breaker::builder().jitter(0.0).stages(1).clock(clock.clone()).build()?;
//! let upstream = Scripted::new(|_: &u32| Ok::<_, &str>("pong"));
//! let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
//!
//! testing::half_open(&breaker, &clock);
//! upstream.answer(Err("still down"));
//! assert!(service.clone().oneshot(1).await.is_err());
//! let rejected = testing::assert_open(&breaker);
//! assert_eq!(rejected.level(), 2);
//! assert!(service.oneshot(2).await.is_err());
//! assert_eq!(upstream.take_requests(), [1], "the second one was refused");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Putting it into a state
//!
//! `breaker.force_open()` makes every call be refused, `breaker.reset()` makes it new. To see what your service does with
//! a refusal you need no failing upstream.
#![cfg_attr(not(feature = "test-util"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
