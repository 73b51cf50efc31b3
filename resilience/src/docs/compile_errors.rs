//! When it does not compile: the classic messages, and what to do.
//!
//! Almost every one of them says that a *form of refusal* does not fit the error type of the stack around it. A breaker adds
//! a way to fail, and somewhere that has to go: into the response, into the error, or beside it.
//!
//! # Which form
//!
//! | around the layer | form |
//! |---|---|
//! | HTTP, and errors must stay as they are (axum, hyper's servers) | `BreakerLayer::for_http(breaker)`: a response |
//! | gRPC | `BreakerLayer::for_grpc(breaker)`: a response |
//! | your own code, which matches on errors | `BreakerLayer::new(breaker)`: [`Error<E>`](crate::respond::Error) |
//! | tower's middleware that boxes errors (`timeout`, `load_shed`, `buffer`) *inside* the breaker | `.respond(Boxed)` or `.respond(IntoInner)` |
//! | `option_layer`, `connector_layer`: the error type must be exactly that of the inner service | `.respond(IntoInner)` |
//! | anything else | `.respond(\|rejected: Rejected\| …)`, which gives a result of the inner service's own types |
//!
//! # First of all: let it be said where the problem is
//!
//! That a method (`oneshot`, `ready`, `call`) `exists for struct BreakerService<…>, but its trait bounds were not satisfied`
//! (E0599) does not say which bound. Put [`layer_for`](crate::BreakerLayer::layer_for) in place of `layer`, with
//! the type of the requests, and the message names it:
//!
//! ```
//! use resilience::{Breaker, BreakerLayer};
//! use tower::service_fn;
//!
//! let ping = service_fn(|(): ()| async { Ok::<_, std::io::Error>("pong") });
//! let service = BreakerLayer::new(Breaker::new()).layer_for::<(), _>(ping);
//! ```
//!
//! # `the trait bound Infallible: From<Error<Infallible>> is not satisfied`
//!
//! axum's handlers cannot fail, so a layer must not add an error. Use the form that answers: `BreakerLayer::for_http(breaker)`.
//!
//! # `expected Box<dyn Error + Send + Sync>, found Error<Box<dyn Error + Send + Sync>>` (E0271)
//!
//! Whoever takes the layer wants the error type of the inner service back (reqwest's `connector_layer`, for one).
//! `.respond(IntoInner)` leaves it as it is, if it can be made from a [`Rejected`](crate::Rejected), as a boxed error can.
//!
//! # A `timeout` within, another one around, and nothing fits (E0599)
//!
//! tower's timeouts box their error, and [`Error<BoxError>`](crate::respond::Error) is no error that could be boxed again: a
//! box is not itself an [`Error`](std::error::Error). Box once:
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, Rejected, respond::Boxed};
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let breaker = Breaker::new();
//! let service = ServiceBuilder::new()
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(30)))
//!     .layer(BreakerLayer::new(breaker.clone()).respond(Boxed))
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
//!     .service(service_fn(|(): ()| async { Ok::<_, std::io::Error>("pong") }));
//! breaker.force_open();
//! assert!(service.oneshot(()).await.unwrap_err().is::<Rejected>());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same box keeps [`ignore_error`](crate::classify::ClassifyExt::ignore_error) from looking in; a closure can:
//!
//! ```
//! use resilience::classify::{ClassifyExt, ErrorsFail, error::chain_has};
//! use resilience::respond::{BoxError, Boxed};
//! use resilience::{Breaker, BreakerLayer};
//! use tower::load_shed::error::Overloaded;
//! # use resilience::Verdict;
//! # use resilience::classify::Classify;
//!
//! let classifier = ErrorsFail
//!     .ignore_if(|outcome: Result<&_, &BoxError>| outcome.is_err_and(|error| chain_has::<Overloaded>(&**error)));
//! # let outcome: Result<&(), _> = Err(&BoxError::from(Overloaded::new()));
//! # assert_eq!(classifier.classify(outcome), Verdict::Ignore);
//! let layer = BreakerLayer::new(Breaker::new()).classify(classifier).respond(Boxed);
//! # let _: BreakerLayer<_, _> = layer;
//! ```
//!
//! # `type annotations needed` (E0282) in a closure
//!
//! The layer does not know yet what it will guard, so a closure has to say it: `|outcome: Result<&_, &_>|` for a classifier
//! (the types themselves may be left open if nothing is called on them), `|rejected: Rejected|` for a refusal,
//! `|request: &Request<_>|` for `probe_if`.
//!
//! ```compile_fail,E0282
//! use resilience::{Breaker, BreakerLayer, Verdict};
//!
//! let layer = BreakerLayer::new(Breaker::new()).classify(|outcome| Verdict::failure_if(outcome.is_err()));
//! ```
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, Verdict};
//!
//! let layer = BreakerLayer::new(Breaker::new())
//!     .classify(|outcome: Result<&u16, &std::io::Error>| Verdict::failure_if(outcome.is_err()));
//! ```
//!
//! # `implementation of FnOnce is not general enough`, or a `Reading` that `does not judge`
//!
//! A closure that is kept in a variable first is taken to be for one lifetime only. Write it where it is passed, or make it a
//! function.
//!
//! # `doesn't satisfy C: Clone`
//!
//! A layer is applied several times, so classifiers, forms and predicates are cloned. A closure that owns what cannot be
//! cloned may own it in an [`Arc`](std::sync::Arc).
//!
//! # `Either<…>` of an `option_layer`
//!
//! Its two arms have to agree on their error, so it takes `.respond(IntoInner)` or a closure only. Simpler: build the layer
//! always, and [`force_closed`](crate::Breaker::force_closed) the breaker where there should be none.
//!
//! # A `503` that is a type of its own
//!
//! The body of a guarded response is a [`ResponseBody<B>`](crate::layer::ResponseBody), which is the inner one or the
//! refusal's. Frameworks take any body. Where you must name the response, name that type, or box the body:
//! `response.map(axum::body::Body::new)`.
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
