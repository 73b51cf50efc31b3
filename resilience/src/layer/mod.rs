//! The breaker as a tower [`Layer`].
//!
//! - The breaker is built first and given to the layer, so every service that the layer makes, and every clone of it,
//!   shares the one state: a layer that a framework applies for each route, or for each request, guards one upstream.
//! - While calls would be refused the service is ready at once, and the inner service is not polled: a stuck inner
//!   service delays no refusal, and a call that is known to be refused takes none of its slots. The call that follows is
//!   refused whatever has happened since, because an inner service that was not polled ready must not be called.
//! - A service that waits for its inner one is woken when the breaker trips or an operator opens it, and refuses then.
//!   (What time alone brings about, such as a stall, is seen when the next call comes.)
//! - Whether a call is admitted is decided in `call`; being ready reserves nothing.
//! - The service is 16 bytes larger than the inner one, its future 24; nothing is boxed, and nothing is cloned that the
//!   inner service does not ask for.
//! - A call that is dropped before its outcome is judged by its age: one younger than `abandon_after` says nothing (the
//!   client went away); an older one is a failure (somebody's timeout outside cut a hung upstream).
//!
//! # Order
//!
//! Outermost first: retry, then the breaker, then the timeout of each try, then limits of concurrency. A timeout inside
//! is an answer that the breaker sees; one outside drops the call, which is judged by its age. A retry outside sees
//! refusals, and should wait as long as they say.

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod back_pressure;
mod body;
mod future;
pub mod keyed;
mod service;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use body::ResponseBody;
pub use body::Watch;
pub use future::ResponseFuture;
pub use keyed::{KeyedFuture, KeyedLayer, KeyedService};
pub use service::BreakerService;

use crate::Breaker;
use crate::classify::{Classify, ErrorsFail};
#[cfg(feature = "http")]
use crate::classify::{GrpcStatus, HttpStatus};
use crate::respond::{AsError, Respond};
#[cfg(feature = "http")]
use crate::respond::{GrpcUnavailable, Http503};
use std::any::type_name;
use std::fmt;
use tower_layer::Layer;
use tower_service::Service;

/// Whether a request is fit to be a probe.
///
/// Implemented by [`AnyRequest`] and by closures from the request to a `bool`; see [`BreakerLayer::probe_if`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say of a `{Req}` whether it may probe",
    note = "a closure has to spell out its argument: `|request: &_| ...`"
)]
pub trait MayProbe<Req> {
    /// Whether this request may be one of the first to try an upstream that was down.
    fn may_probe(&self, request: &Req) -> bool;
}

/// Any request may probe.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyRequest;

impl<Req> MayProbe<Req> for AnyRequest {
    #[inline]
    fn may_probe(&self, _: &Req) -> bool {
        true
    }
}

impl<F: Fn(&Req) -> bool, Req> MayProbe<Req> for F {
    fn may_probe(&self, request: &Req) -> bool {
        self(request)
    }
}

/// Puts a [`Breaker`] around services.
///
/// `C` judges answers ([`Classify`]), `R` shapes refusals ([`Respond`]),
/// `P` says which requests may probe ([`MayProbe`]). The constructors choose them; most users never name one.
///
/// ```
/// use resilience::{Breaker, BreakerLayer, respond::Error};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let layer = BreakerLayer::new(Breaker::new());
/// let service = layer.layer(service_fn(|up: bool| async move { if up { Ok("pong") } else { Err("down") } }));
/// assert_eq!(service.clone().oneshot(true).await, Ok("pong"));
/// for _ in 0..3 {
///     assert_eq!(service.clone().oneshot(false).await, Err(Error::Inner("down")));
/// }
/// assert!(matches!(service.oneshot(true).await, Err(Error::Rejected(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct BreakerLayer<C = ErrorsFail, R = AsError, P = AnyRequest> {
    breaker: Breaker,
    classify: C,
    respond: R,
    may_probe: P,
}

impl BreakerLayer {
    /// For any service: every `Err` is a failure, and a refusal is [`respond::Error::Rejected`](crate::respond::Error::Rejected).
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker, classify: ErrorsFail, respond: AsError, may_probe: AnyRequest }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl BreakerLayer<HttpStatus, Http503> {
    /// For HTTP, both sides: judges by [`HttpStatus`], refuses with [`Http503`], keeps the error type of the service.
    pub fn for_http(breaker: Breaker) -> Self {
        Self { breaker, classify: HttpStatus::new(), respond: Http503, may_probe: AnyRequest }
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl BreakerLayer<GrpcStatus, GrpcUnavailable> {
    /// For gRPC, both sides: judges by [`GrpcStatus`] (in the head or in the trailers), refuses with [`GrpcUnavailable`].
    pub fn for_grpc(breaker: Breaker) -> Self {
        Self { breaker, classify: GrpcStatus::new(), respond: GrpcUnavailable, may_probe: AnyRequest }
    }
}

impl<C, R, P> BreakerLayer<C, R, P> {
    /// Judges answers by this classifier: one of [`classify`](crate::classify), or a closure
    /// `|result: Result<&_, &_>| …`.
    pub fn classify<D>(self, classify: D) -> BreakerLayer<D, R, P> {
        let Self { breaker, classify: _, respond, may_probe } = self;
        BreakerLayer { breaker, classify, respond, may_probe }
    }

    /// Shapes refusals by this form: one of [`respond`](crate::respond), or a closure `|rejected: Rejected| …`.
    pub fn respond<S>(self, respond: S) -> BreakerLayer<C, S, P> {
        let Self { breaker, classify, respond: _, may_probe } = self;
        BreakerLayer { breaker, classify, respond, may_probe }
    }

    /// Lets only these requests be the first to try an upstream that was down (an idempotent one, say). The others are
    /// refused in the first stage of half-open, and admitted from the second one on; where none that may has come for a
    /// whole further cool-down, any may: a predicate never stops recovery.
    pub fn probe_if<Q>(self, may_probe: Q) -> BreakerLayer<C, R, Q> {
        let Self { breaker, classify, respond, may_probe: _ } = self;
        BreakerLayer { breaker, classify, respond, may_probe }
    }

    /// The same as [`layer`](Layer::layer), for requests that are named: if the service cannot be guarded like this, the
    /// compiler says here which part does not fit, where a later `.call()` would only say that bounds were not satisfied.
    ///
    /// ```
    /// use resilience::{Breaker, BreakerLayer};
    /// use tower::service_fn;
    ///
    /// let ping = service_fn(|_: &'static str| async { Ok::<_, std::io::Error>("pong") });
    /// let service = BreakerLayer::new(Breaker::new()).layer_for::<&'static str, _>(ping);
    /// ```
    ///
    /// A preset for HTTP does not know what to make of a service that speaks something else:
    ///
    /// ```compile_fail,E0271
    /// use resilience::{Breaker, BreakerLayer};
    /// use tower::service_fn;
    ///
    /// let ping = service_fn(|_: &'static str| async { Ok::<_, std::io::Error>("pong") });
    /// let service = BreakerLayer::for_http(Breaker::new()).layer_for::<&'static str, _>(ping);
    /// ```
    pub fn layer_for<Req, S>(&self, inner: S) -> BreakerService<S, C, R, P>
    where
        S: Service<Req>,
        C: Classify<S::Response, S::Error> + Clone,
        R: Respond<S::Response, S::Error> + Clone,
        P: MayProbe<Req> + Clone,
    {
        self.layer(inner)
    }

    /// Waits while calls would be refused, in place of refusing them: the form for load balancers. See
    /// [`back_pressure`].
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub const fn back_pressure(self) -> back_pressure::BackPressureLayer<C, R, P> {
        back_pressure::BackPressureLayer::new(self)
    }

    /// The breaker of this layer's services.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S, C: Clone, R: Clone, P: Clone> Layer<S> for BreakerLayer<C, R, P> {
    type Service = BreakerService<S, C, R, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { breaker, classify, respond, may_probe } = self.clone();
        BreakerService::new(inner, breaker, classify, respond, may_probe)
    }
}

impl<C, R, P> fmt::Debug for BreakerLayer<C, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaker, classify: _, respond: _, may_probe: _ } = self;
        f.debug_struct("BreakerLayer")
            .field("breaker", breaker)
            .field("classify", &type_name::<C>())
            .field("respond", &type_name::<R>())
            .field("may_probe", &type_name::<P>())
            .finish()
    }
}
