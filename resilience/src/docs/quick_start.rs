//! A first minute with each framework.
//!
//! Each program here is whole: the lines of its `Cargo.toml` and its `main.rs`. It fails on purpose, so that three calls
//! later it refuses. The breaker is the one line with `BreakerLayer` in it; the rest is what the framework asks for anyway.
//! The programs are files of the repository (`resilience/quick_start`), which its tests compile and call, so what you copy
//! works.
//!
//! | you run | judge and refuse with | a refusal is |
//! |---|---|---|
//! | [axum](#axum), [hyper](#a-hyper-server) servers | `BreakerLayer::for_http(breaker)` | `503` with `Retry-After`, the error type stays as it is |
//! | [hyper's client](#hypers-client) | the same | the same |
//! | [reqwest](#reqwest) | `BreakerLayer::new(breaker).classify(HttpStatus::new().reading(…))` | a typed error, or a `503` that you build |
//! | [tonic](#tonic), both sides | `BreakerLayer::for_grpc(breaker)` | `UNAVAILABLE` with pushback |
//! | [any tower service](#any-tower-service) | `BreakerLayer::new(breaker)` | a typed error |
//! | [no tower at all](#without-tower) | [`Breaker::call`](crate::Breaker::call), [`Breaker::try_acquire`](crate::Breaker::try_acquire) | the same |
//!
//! # axum
//!
//! One breaker for all routes. `Router::route_layer` takes the same layer and leaves out what is not found;
//! `MethodRouter::layer` and `Handler::layer` guard one route.
//!
//! ```toml
#![doc = include_str!("../../quick_start/axum.toml")]
//! ```
//!
#![cfg_attr(not(doctest), doc = "```")]
#![cfg_attr(not(doctest), doc = include_str!("../../quick_start/axum.rs"))]
#![cfg_attr(not(doctest), doc = "```")]
//!
//! ```console
//! $ for i in 1 2 3 4; do curl --include http://127.0.0.1:3000/events; done
//! ```
//!
//! The fourth answer is the breaker's own: `503 Service Unavailable`, `Retry-After: 2` (a second, some jitter, rounded up), and
//! a body that says why. `breaker.clone()` kept elsewhere is the handle to it: `state()`, `snapshot()`, `force_open()`.
//!
//! Such a breaker guards what stands *behind* all the routes, a database say. Where routes call different upstreams, guard the
//! clients, one breaker each.
//!
//! # A hyper server
//!
//! The same layer on a service of your own. hyper would close the connection on an `Err`; this form has none.
//!
//! ```toml
#![doc = include_str!("../../quick_start/hyper.toml")]
//! ```
//!
#![cfg_attr(not(doctest), doc = "```")]
#![cfg_attr(not(doctest), doc = include_str!("../../quick_start/hyper.rs"))]
#![cfg_attr(not(doctest), doc = "```")]
//!
//! # hyper's client
//!
//! Nobody listens on port 1, so the first three calls fail to connect, and the fourth one is not made.
//!
//! ```toml
#![doc = include_str!("../../quick_start/hyper_client.toml")]
//! ```
//!
#![cfg_attr(not(doctest), doc = "```")]
#![cfg_attr(not(doctest), doc = include_str!("../../quick_start/hyper_client.rs"))]
#![cfg_attr(not(doctest), doc = "```")]
//!
//! # reqwest
//!
//! reqwest has types of its own for requests and answers, so the classifier is told where their head is. Without the line
//! `.respond(…)` a refusal is [`Error::Rejected`](crate::respond::Error::Rejected), beside reqwest's own error.
//!
//! ```toml
#![doc = include_str!("../../quick_start/reqwest.toml")]
//! ```
//!
#![cfg_attr(not(doctest), doc = "```")]
#![cfg_attr(not(doctest), doc = include_str!("../../quick_start/reqwest.rs"))]
#![cfg_attr(not(doctest), doc = "```")]
//!
//! `reqwest::ClientBuilder::connector_layer` takes the layer, too, in a form that keeps boxed errors:
//! `BreakerLayer::new(breaker).respond(Boxed)`. It then sees whether connections come about, and not what is answered.
//!
//! # tonic
//!
//! Both sides in one program. The status in the trailers decides, and the pushback of the server's breaker is a hint to the
//! client's. One service of several is guarded by `tonic::service::LayerExt::named_layer`.
//!
//! ```toml
#![doc = include_str!("../../quick_start/tonic.toml")]
//! ```
//!
#![cfg_attr(not(doctest), doc = "```")]
#![cfg_attr(not(doctest), doc = include_str!("../../quick_start/tonic.rs"))]
#![cfg_attr(not(doctest), doc = "```")]
//!
//! # Any tower service
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, respond::Error};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let read = service_fn(|path: &'static str| async move { std::fs::read(path) });
//! let guarded = BreakerLayer::new(Breaker::new()).layer(read);
//!
//! for _ in 0..3 {
//!     assert!(matches!(guarded.clone().oneshot("/nowhere").await, Err(Error::Inner(_))));
//! }
//! match guarded.oneshot("/nowhere").await {
//!     Err(Error::Rejected(rejected)) => println!("refused; come back in {:?}", rejected.retry_after()),
//!     _ => unreachable!("it has tripped"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Without tower
//!
//! ```
//! use resilience::{Breaker, Verdict};
//!
//! fn ask() -> Result<u16, std::io::Error> {
//!     Ok(503)
//! }
//!
//! let breaker = Breaker::new();
//! for _ in 0..3 {
//!     let permit = breaker.try_acquire()?;
//!     let answer = ask();
//!     permit.record(Verdict::failure_if(answer.map_or(true, |status| status >= 500)));
//! }
//! assert!(breaker.try_acquire().is_err());
//! # Ok::<(), resilience::Rejected>(())
//! ```
//!
//! # And then
//!
//! [Which numbers](super::choosing), [which order of layers](super::order), [how to test it](super::testing), and what to do
//! [when it does not compile](super::compile_errors).
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
