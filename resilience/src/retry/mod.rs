//! Retrying outside a breaker, by a policy for [`tower::retry`] that knows a refusal from an answer.
//!
//! A retry that takes a refusal for an answer of the upstream does harm to nobody but its caller: it uses up its attempts
//! within milliseconds, all of them refused, and gives up just before the upstream is let try again. One that knows better
//! waits as long as the refusal says.
//!
//! | the call | is repeated after | and costs |
//! |---|---|---|
//! | was refused by the breaker below | what the refusal says | nothing: the upstream was not asked |
//! | failed, with a hint of the server | the hint or the backoff, whichever is longer | an attempt and a retry of the budget |
//! | failed | the backoff | the same |
//! | ended in any other way | is not | |
//!
//! - **Waits** are no longer than `max_wait`, and jitter goes on top, always upward: nobody comes back before the moment
//!   that was named, and not all at that moment. A moment further away than that is not waited for: the answer, or the
//!   refusal, is handed on at once.
//! - **A server that asks not to be tried again** (a negative `grpc-retry-pushback-ms`, gRPC proposal A6) is not.
//! - **The time limit** counts from the original request. A wait that would end beyond it is not begun; the answer, or the
//!   refusal, is handed on at once. An attempt that is out is not cut: put a timeout inside the breaker for that.
//! - **The head decides.** A call that fails in its trailers, or whose body is cut, has been handed on by then. The breaker
//!   below may count it; it is not repeated.
//! - **The budget** bounds what retries add to the load, which attempts alone do not: an upstream that fails everybody
//!   would get three times the traffic. Each original request pays in a share of a retry; when there is nothing left,
//!   answers are handed on as they are. It is shared by the clones of a policy, so use one policy for one upstream.
//! - **No request is repeated that must not be.** For HTTP that is decided by its method, or its `Idempotency-Key`
//!   ([`may_repeat`]), and counts for refusals, too: that of a breaker further down may come after something was done. For
//!   other requests the function that copies them decides.
//!
//! A refusal is known by its type, or by the mark that [`Http503`](crate::respond::Http503) leaves on its response, not by
//! its looks; see [`FindRefusal`]. Those that come over the network, of a proxy that is trusted by name, are answers with a
//! hint.
//!
//! # Order
//!
//! Outermost first: retry, breaker, timeout. Each try then asks the breaker anew, and each is judged by it. The other way
//! round, a breaker around retries sees one failure where there were three.
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, State, clock::Tokio, respond::Error, retry::RetryPolicy};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//! use tower::retry::RetryLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let breaker = Breaker::builder().failures(2).within(Duration::from_secs(30)).clock(Tokio::new()).build()?;
//! let asked = AtomicU32::new(0);
//! // It fails twice, which trips the breaker, and is well after that.
//! let upstream = service_fn(|number: u32| {
//!     let well = asked.fetch_add(1, Ordering::Relaxed) >= 2;
//!     async move { if well { Ok(number) } else { Err("down") } }
//! });
//! let policy = RetryPolicy::new(|number: &u32| Some(*number));
//! let retry = RetryLayer::new(policy.clone());
//! let service = retry.layer(BreakerLayer::new(breaker.clone()).layer(upstream));
//!
//! assert_eq!(service.oneshot(7).await, Ok::<_, Error<&str>>(7));
//! assert_eq!(asked.load(Ordering::Relaxed), 3, "it waited for the cool-down in between");
//! assert_eq!(policy.budget_left(), 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there

mod budget;
mod builder;
mod policy;
mod refusal;
mod repeat;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use policy::{RetryPolicy, Wait};
pub use refusal::FindRefusal;
pub use repeat::Repeat;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use repeat::{IdempotentHttp, may_repeat};
