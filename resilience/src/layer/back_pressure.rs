//! A breaker that keeps callers waiting in place of refusing them.
//!
//! [`BreakerService`] is always ready to say no. That is what a caller wants who has only one upstream, and what a load
//! balancer must not be given: an endpoint that refuses at once looks like the fastest one. Here `poll_ready` is pending
//! while calls would be refused, so that a balancer passes the endpoint over and comes back to it when its cool-down is
//! over.
//!
//! - The task is woken by a timer when the wait that a refusal would tell is over, and at once when the breaker changes:
//!   it trips or closes, a further stage begins, a probe's slot becomes free, an operator or a new policy intervenes.
//! - The inner service is not polled meanwhile.
//! - Being ready reserves nothing, and all that wait are woken, because one that is woken need not call. So more calls may
//!   come than half-open has slots; whoever comes late is refused in the form of the layer.
//! - What probes is not known before there is a request: a request that may not probe is refused in half-open's first
//!   stage, however long its service waited.
//! - A service that is forced open waits for as long as that lasts. Put a timeout, or tower's `load_shed`, outside where a
//!   caller must not wait.
//!
//! Timers run on tokio's clock. A breaker with a clock of its own should have [`Tokio`](crate::clock::Tokio).
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, clock::Tokio};
//! use std::time::Duration;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let breaker = Breaker::builder().jitter(0.0).clock(Tokio::new()).build()?;
//! let layer = BreakerLayer::new(breaker.clone()).back_pressure();
//! let mut service = layer.layer(service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name) }));
//!
//! for _ in 0..3 {
//!     breaker.try_acquire()?.failure();
//! }
//! let began = tokio::time::Instant::now();
//! assert_eq!(service.ready().await?.call("ping").await?, "ping");
//! assert!(began.elapsed() >= Duration::from_secs(1), "it waited for the cool-down");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{AnyRequest, BreakerLayer, BreakerService, MayProbe, ResponseFuture};
use crate::Breaker;
use crate::classify::{Classify, ErrorsFail};
use crate::clock;
use crate::respond::{AsError, Respond};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

/// Puts a [`Breaker`] around services and has them wait while calls would be refused.
///
/// Made from a [`BreakerLayer`], which says how answers are judged and how late comers are refused.
///
/// ```
/// use resilience::{Breaker, BreakerLayer};
/// use resilience::layer::back_pressure::BackPressureLayer;
///
/// let breaker = Breaker::new();
/// let layer = BackPressureLayer::new(BreakerLayer::new(breaker));
/// # let _: BackPressureLayer = layer;
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct BackPressureLayer<C = ErrorsFail, R = AsError, P = AnyRequest> {
    layer: BreakerLayer<C, R, P>,
}

impl<C, R, P> BackPressureLayer<C, R, P> {
    /// The waiting form of this layer.
    pub const fn new(layer: BreakerLayer<C, R, P>) -> Self {
        Self { layer }
    }

    /// The breaker of this layer's services.
    pub const fn breaker(&self) -> &Breaker {
        self.layer.breaker()
    }
}

impl<S, C: Clone, R: Clone, P: Clone> Layer<S> for BackPressureLayer<C, R, P> {
    type Service = BackPressure<S, C, R, P>;

    fn layer(&self, inner: S) -> Self::Service {
        BackPressure { service: self.layer.layer(inner), timer: None }
    }
}

/// A service with a [`Breaker`] around it that waits while calls would be refused: see the [module](self).
///
/// # Clone
///
/// A clone shares the breaker, not the readiness, and does not wait yet.
///
/// # Panics
///
/// `poll_ready` panics while calls would be refused if it is not polled within a tokio runtime that has its timers enabled.
#[must_use = "a service does nothing until it is called"]
pub struct BackPressure<S, C = ErrorsFail, R = AsError, P = AnyRequest> {
    service: BreakerService<S, C, R, P>,
    /// Made when it is first needed.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S, C, R, P> BackPressure<S, C, R, P> {
    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        self.service.breaker()
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        self.service.get_ref()
    }

    /// The inner service. One that is called past the breaker is not guarded by it.
    pub const fn get_mut(&mut self) -> &mut S {
        self.service.get_mut()
    }

    /// The inner service alone.
    pub fn into_inner(self) -> S {
        self.service.into_inner()
    }

    /// Waits while calls would be refused.
    #[cold]
    fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.service.wake_when_admitted(cx);
            let Some(wait) = self.breaker().slot().refusal() else { return Poll::Ready(()) };
            let until = clock::timer(wait);
            let timer = match &mut self.timer {
                Some(timer) => {
                    timer.as_mut().reset(until);
                    timer
                }
                none => none.insert(Box::pin(tokio::time::sleep_until(until))),
            };
            ready!(timer.as_mut().poll(cx));
        }
    }
}

impl<S, C, R, P, Req> Service<Req> for BackPressure<S, C, R, P>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Clone,
    R: Respond<S::Response, S::Error> + Clone,
    P: MayProbe<Req>,
{
    type Response = R::Response;
    type Error = R::Error;
    type Future = ResponseFuture<S::Future, C, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        loop {
            ready!(self.service.poll_ready(cx))?;
            if !self.service.is_refusing() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_admitted(cx));
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        self.service.call(request)
    }
}

impl<S: Clone, C: Clone, R: Clone, P: Clone> Clone for BackPressure<S, C, R, P> {
    fn clone(&self) -> Self {
        let Self { service, timer: _ } = self;
        Self { service: service.clone(), timer: None }
    }
}

impl<C, R, P> fmt::Debug for BackPressureLayer<C, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer } = self;
        f.debug_struct("BackPressureLayer").field("layer", layer).finish()
    }
}

impl<S: fmt::Debug, C, R, P> fmt::Debug for BackPressure<S, C, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, timer } = self;
        f.debug_struct("BackPressure").field("service", service).field("has_waited", &timer.is_some()).finish()
    }
}

#[cfg(test)]
mod tests;
