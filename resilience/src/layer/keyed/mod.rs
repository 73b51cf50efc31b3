//! The breakers of many keys as a tower [`Layer`].
//!
//! As [`BreakerLayer`](crate::BreakerLayer), with the key taken from each request. What is different:
//!
//! - Whether a key is refused is known when its request is there, in `call`. So a service is ready when its inner one is,
//!   and a call that is then refused for its key does not use that readiness up: the inner service stays ready (and keeps
//!   whatever it reserved for that: a slot of a limit, say) for the next call of this clone, or until this clone is
//!   dropped. A refused call never calls the inner service.
//! - While *all* keys are refused (by the parent, or by an operator) it is ready at once and leaves the inner service
//!   alone, as a single breaker does.
//! - An inner service that cannot become ready fails for nobody's key: its error is passed on, and the parent, which
//!   hears only of keys, is told nothing.
//! - The future holds the key. An answer that is judged at the end of its body costs one allocation, because a body does
//!   not know the type of the key.

mod future;
mod service;

pub use future::KeyedFuture;
pub use service::KeyedService;

use super::AnyRequest;
use crate::Keyed;
use crate::classify::ErrorsFail;
#[cfg(feature = "http")]
use crate::classify::{GrpcStatus, HttpStatus};
use crate::keyed::Key;
use crate::respond::AsError;
#[cfg(feature = "http")]
use crate::respond::{GrpcUnavailable, Http503};
use std::any::type_name;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use tower_layer::Layer;

/// Puts a breaker for each key around services: see [`keyed`](crate::keyed) and the [module](self).
///
/// `F` takes the key from the request: a closure `|request: &Req| -> Option<K>`. A request without a key is guarded by no
/// key's breaker, only by the parent and by what an operator says of all keys.
///
/// ```
/// use resilience::keyed::Keyed;
/// use resilience::layer::KeyedLayer;
/// use resilience::respond::Error;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let keyed: Keyed<&'static str> = Keyed::new();
/// let layer = KeyedLayer::new(keyed.clone(), |host: &&'static str| Some(*host));
/// let service = layer.layer(service_fn(|host: &'static str| async move {
///     if host == "down.example" { Err("no route") } else { Ok("pong") }
/// }));
/// for _ in 0..3 {
///     assert_eq!(service.clone().oneshot("down.example").await, Err(Error::Inner("no route")));
/// }
/// assert!(matches!(service.clone().oneshot("down.example").await, Err(Error::Rejected(_))));
/// assert_eq!(service.oneshot("up.example").await, Ok("pong"));
/// assert_eq!(keyed.kept(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct KeyedLayer<
    K: Key,
    F,
    C = ErrorsFail,
    R = AsError,
    P = AnyRequest,
    S: BuildHasher + Send + Sync + 'static = RandomState,
> {
    keyed: Keyed<K, S>,
    key: F,
    classify: C,
    respond: R,
    may_probe: P,
}

impl<K: Key, F, S: BuildHasher + Send + Sync + 'static> KeyedLayer<K, F, ErrorsFail, AsError, AnyRequest, S> {
    /// For any service: every `Err` is a failure, and a refusal is [`respond::Error::Rejected`](crate::respond::Error::Rejected).
    pub const fn new(keyed: Keyed<K, S>, key: F) -> Self {
        Self { keyed, key, classify: ErrorsFail, respond: AsError, may_probe: AnyRequest }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<K: Key, F, S: BuildHasher + Send + Sync + 'static> KeyedLayer<K, F, HttpStatus, Http503, AnyRequest, S> {
    /// For HTTP, both sides: judges by [`HttpStatus`], refuses with [`Http503`], keeps the error type of the service.
    pub fn for_http(keyed: Keyed<K, S>, key: F) -> Self {
        Self { keyed, key, classify: HttpStatus::new(), respond: Http503, may_probe: AnyRequest }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<K: Key, F, S: BuildHasher + Send + Sync + 'static> KeyedLayer<K, F, GrpcStatus, GrpcUnavailable, AnyRequest, S> {
    /// For gRPC, both sides: judges by [`GrpcStatus`] (in the head or in the trailers), refuses with [`GrpcUnavailable`].
    pub fn for_grpc(keyed: Keyed<K, S>, key: F) -> Self {
        Self { keyed, key, classify: GrpcStatus::new(), respond: GrpcUnavailable, may_probe: AnyRequest }
    }
}

impl<K: Key, F, C, R, P, S: BuildHasher + Send + Sync + 'static> KeyedLayer<K, F, C, R, P, S> {
    /// Judges answers by this classifier: see [`BreakerLayer::classify`](crate::BreakerLayer::classify).
    pub fn classify<D>(self, classify: D) -> KeyedLayer<K, F, D, R, P, S> {
        let Self { keyed, key, classify: _, respond, may_probe } = self;
        KeyedLayer { keyed, key, classify, respond, may_probe }
    }

    /// Shapes refusals by this form: see [`BreakerLayer::respond`](crate::BreakerLayer::respond).
    pub fn respond<T>(self, respond: T) -> KeyedLayer<K, F, C, T, P, S> {
        let Self { keyed, key, classify, respond: _, may_probe } = self;
        KeyedLayer { keyed, key, classify, respond, may_probe }
    }

    /// Lets only these requests be the first to try a key (or a parent) that was down: see
    /// [`BreakerLayer::probe_if`](crate::BreakerLayer::probe_if).
    pub fn probe_if<Q>(self, may_probe: Q) -> KeyedLayer<K, F, C, R, Q, S> {
        let Self { keyed, key, classify, respond, may_probe: _ } = self;
        KeyedLayer { keyed, key, classify, respond, may_probe }
    }

    /// The breakers of this layer's services.
    pub const fn keyed(&self) -> &Keyed<K, S> {
        &self.keyed
    }
}

impl<I, K, F, C, R, P, S> Layer<I> for KeyedLayer<K, F, C, R, P, S>
where
    K: Key,
    F: Clone,
    C: Clone,
    R: Clone,
    P: Clone,
    S: BuildHasher + Send + Sync + 'static,
{
    type Service = KeyedService<I, K, F, C, R, P, S>;

    fn layer(&self, inner: I) -> Self::Service {
        let Self { keyed, key, classify, respond, may_probe } = self.clone();
        KeyedService::new(inner, keyed, key, classify, respond, may_probe)
    }
}

impl<K, F, C, R, P, S> Clone for KeyedLayer<K, F, C, R, P, S>
where
    K: Key,
    F: Clone,
    C: Clone,
    R: Clone,
    P: Clone,
    S: BuildHasher + Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        let Self { keyed, key, classify, respond, may_probe } = self;
        Self {
            keyed: keyed.clone(),
            key: key.clone(),
            classify: classify.clone(),
            respond: respond.clone(),
            may_probe: may_probe.clone(),
        }
    }
}

impl<K: Key, F, C, R, P, S: BuildHasher + Send + Sync + 'static> fmt::Debug for KeyedLayer<K, F, C, R, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keyed, key: _, classify: _, respond: _, may_probe: _ } = self;
        f.debug_struct("KeyedLayer")
            .field("keyed", keyed)
            .field("key", &type_name::<F>())
            .field("classify", &type_name::<C>())
            .field("respond", &type_name::<R>())
            .field("may_probe", &type_name::<P>())
            .finish()
    }
}
