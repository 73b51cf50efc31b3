//! Where the layer stands among timeouts, retries and limits.
//!
//! Outermost first:
//!
//! 1. **Retry.** It sees refusals, and can wait as long as they say; `resilience::retry` (feature `retry`) has a policy
//!    for tower's retry that does. Each try asks the breaker, and each is judged by it. Inside the breaker the tries would
//!    be hidden from it: three failures would count as one, and one probe would be three calls to a sick upstream.
//! 2. **The breaker.**
//! 3. **Timeout of one try.** Its error is an outcome that the breaker sees, at the moment it happens.
//! 4. **Concurrency limit, load shedding.** A call that the breaker refuses must not wait for a slot, and a call that was
//!    shed for lack of one says nothing about the upstream: classify that error as
//!    [`Ignore`](crate::Verdict::Ignore) (see [`ignore_error`](crate::classify::ClassifyExt::ignore_error)).
//! 5. **The client.**
//!
//! ```
//! use std::time::Duration;
//! use resilience::{Breaker, BreakerLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let breaker = Breaker::builder().clock(resilience::clock::Tokio::new()).build()?;
//! let client = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(breaker.clone()))
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_millis(200)))
//!     .service(service_fn(|_: ()| std::future::pending::<Result<(), std::io::Error>>()));
//! for _ in 0..3 {
//!     assert!(client.clone().oneshot(()).await.is_err());
//! }
//! assert_eq!(breaker.state(), resilience::State::Open);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! # If the timeout has to stand outside
//!
//! A server's overall timeout, or a client that goes away, drops the call. The breaker judges a dropped call by its age,
//! counted from the first time it had to wait: younger than `abandon_after` (1 s) it says nothing, older it is a failure.
//! So a hung upstream trips the breaker whichever side the timeout stands on. If your callers give up on healthy slow
//! calls, raise `abandon_after`.
//!
//! # Two breakers in a row
//!
//! A gateway's breaker in front of a service that has one of its own sees that one's refusals as `503`s. They are marked
//! (`Proxy-Status`, RFC 9209); name the proxies whose refusals you trust, and they are no failures of your upstream:
//! [`HttpStatus::trust_refusals_of`](crate::classify::HttpStatus::trust_refusals_of). Breakers in one process:
//! [`ignore_refusals`](crate::classify::ClassifyExt::ignore_refusals). Do not use the *same* breaker twice in one call:
//! the outer one would hold the only probe that the inner one wants.
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
