//! A breaker for each host, route or tenant: which key, and what it costs.
//!
//! One breaker around calls to many upstreams refuses the good together with the bad. [`KeyedLayer`](crate::KeyedLayer)
//! takes a key from each request and guards each key by itself; [`keyed`](crate::keyed) is its manual, with what it does
//! where there is no room and how a parent trips when many keys do. Here is what to choose.
//!
//! # Which key
//!
//! | what fails by itself | key | |
//! |---|---|---|
//! | a host (a client with many upstreams, a proxy) | `request.uri().authority()` as an `Arc<str>`, or a number that you have given it | with a parent: the network may be what is down |
//! | a route | the name of the route, a `&'static str` | not the path: ids in it make a key of each call, and nothing ever trips |
//! | a tenant, whose own back end may be down | the tenant of the *authenticated* caller | not a header that anybody may set: see below |
//! | a shard, a replica | its number | a balancer wants [back-pressure](crate::layer::back_pressure) instead, one service each |
//!
//! A key is cloned and hashed with each call, so take one for which that is cheap: a number, a `&'static str`, an
//! `Arc<str>`. `None` is no key: such a call is guarded by the parent only.
//!
//! # By tenant, in a server
//!
//! ```
//! use http::{Request, Response};
//! use resilience::{Breaker, Keyed, KeyedLayer};
//! use std::{convert::Infallible, sync::Arc, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! fn tenant<B>(request: &Request<B>) -> Option<Arc<str>> {
//!     request.headers().get("x-tenant")?.to_str().ok().map(Arc::from)
//! }
//!
//! let everything = Breaker::builder().name("all tenants").failures(5).within(Duration::from_secs(60)).build()?;
//! let tenants = Keyed::builder().name("tenants").parent(everything).build()?;
//! let layer = KeyedLayer::for_http(tenants.clone(), tenant);
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! // In axum: `Router::new().route(…).layer(layer)`.
//! let add_event = layer.layer(service_fn(|request: Request<String>| async move {
//!     let status = if request.headers()["x-tenant"] == "acme" { 500 } else { 201 };
//!     Ok::<_, Infallible>(Response::builder().status(status).body(String::new()).unwrap())
//! }));
//! let call = |tenant| {
//!     let request = Request::builder().header("x-tenant", tenant).body(String::new()).unwrap();
//!     let answer = add_event.clone().oneshot(request);
//!     async { answer.await.map(|answer| answer.status().as_u16()) }
//! };
//! for _ in 0..3 {
//!     assert_eq!((call("acme").await, call("other").await), (Ok(500), Ok(201)));
//! }
//! assert_eq!((call("acme").await, call("other").await), (Ok(503), Ok(201)));
//!
//! // Who is in trouble?
//! let troubled: Vec<_> = tenants.snapshot().into_iter().map(|key| key.key).collect();
//! assert_eq!(troubled, ["acme".into()]);
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # By host, in a client
//!
//! ```
//! use http::Request;
//! use resilience::{Keyed, KeyedLayer};
//! use std::sync::Arc;
//!
//! fn host<B>(request: &Request<B>) -> Option<Arc<str>> {
//!     request.uri().authority().map(|authority| Arc::from(authority.as_str()))
//! }
//!
//! let layer = KeyedLayer::for_http(Keyed::<Arc<str>>::new(), host::<()>);
//! # let _ = layer;
//! ```
//!
//! # What it costs
//!
//! A healthy key holds no memory, and its calls write nothing that another thread reads. Beside the layer with one breaker
//! (`cargo bench -p benches --bench keyed`, one run, AMD EPYC, keys of 8 bytes in no order) a call took longer by 13 ns
//! while no key was in trouble, and by 16 ns while 1000 other keys were open; a thousand keys or a million made no
//! difference worth telling. A key in trouble takes at most 128 bytes, and
//! [`most_keys`](crate::keyed::KeyedBuilder::most_keys) is a hard limit to their number, whoever chooses the
//! keys. What a key owns besides (the text of an `Arc<str>`) is yours and comes on top: where callers choose keys, refuse
//! those that are too long before they become one.
//!
//! # When not to
//!
//! A few upstreams that are known when the program is written are better off with a [`Breaker`](crate::Breaker) each: all
//! rules (a rate needs healthy calls to be counted, which nobody does for a key), and a name in the metrics. Metrics of keys
//! are totals ([`stats`](crate::Keyed::stats)), for whoever chooses keys would choose labels, too.
#![cfg_attr(not(feature = "tokio"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
