use super::{AnyRequest, MayProbe, ResponseFuture};
use crate::Breaker;
use crate::breaker::CallPermit;
use crate::classify::{Classify, ErrorsFail};
use crate::respond::{AsError, Respond};
use std::fmt;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service with a [`Breaker`] around it: see [`BreakerLayer`](super::BreakerLayer).
///
/// # Clone
///
/// A clone shares the breaker, not the readiness: that belongs to the instance that was polled.
#[must_use = "a service does nothing until it is called"]
pub struct BreakerService<S, C = ErrorsFail, R = AsError, P = AnyRequest> {
    inner: S,
    breaker: Breaker,
    classify: C,
    respond: R,
    may_probe: P,
    /// `poll_ready` found that calls would be refused, and left the inner service alone.
    refusing: bool,
}

impl<S, C, R, P> BreakerService<S, C, R, P> {
    pub(super) const fn new(inner: S, breaker: Breaker, classify: C, respond: R, may_probe: P) -> Self {
        Self { inner, breaker, classify, respond, may_probe, refusing: false }
    }

    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service. One that is called past the breaker is not guarded by it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Whether calls would be refused; remembers it for the call that follows.
    #[cold]
    #[inline(never)]
    fn found_refusing(&mut self) -> bool {
        self.refusing = self.breaker.slot().would_refuse();
        self.refusing
    }

    /// An inner service that cannot become ready is a failure of the upstream, as a call is that cannot be made.
    #[cold]
    fn unready<Res, E>(&self, error: &E)
    where
        C: Classify<Res, E>,
    {
        let slot = self.breaker.slot();
        if let Ok(ticket) = slot.admit(|| true) {
            CallPermit::new(slot, ticket).record(self.classify.classify(Err(error)));
        }
    }
}

impl<S, C, R, P, Req> Service<Req> for BreakerService<S, C, R, P>
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
        if self.breaker.slot().is_unquiet() && self.found_refusing() {
            return Poll::Ready(Ok(()));
        }
        self.refusing = false;
        self.inner.poll_ready(cx).map_err(|error| {
            self.unready::<S::Response, _>(&error);
            self.respond.pass_error(error)
        })
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let slot = self.breaker.slot();
        let (classify, respond) = (self.classify.clone(), self.respond.clone());
        if self.refusing {
            self.refusing = false;
            let rejected = slot.refuse_unready(|| self.may_probe.may_probe(&request));
            return ResponseFuture::refused(rejected, classify, respond);
        }
        match slot.admit(|| self.may_probe.may_probe(&request)) {
            Ok(ticket) => {
                let mut permit = CallPermit::new(slot, ticket);
                let future = permit.guard(|| self.inner.call(request));
                ResponseFuture::admitted(future, permit, classify, respond)
            }
            Err(rejected) => ResponseFuture::refused(rejected, classify, respond),
        }
    }
}

impl<S: Clone, C: Clone, R: Clone, P: Clone> Clone for BreakerService<S, C, R, P> {
    fn clone(&self) -> Self {
        let Self { inner, breaker, classify, respond, may_probe, refusing: _ } = self;
        Self::new(inner.clone(), breaker.clone(), classify.clone(), respond.clone(), may_probe.clone())
    }
}

impl<S: fmt::Debug, C, R, P> fmt::Debug for BreakerService<S, C, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, breaker, classify: _, respond: _, may_probe: _, refusing } = self;
        f.debug_struct("BreakerService")
            .field("inner", inner)
            .field("breaker", breaker)
            .field("classify", &std::any::type_name::<C>())
            .field("respond", &std::any::type_name::<R>())
            .field("refusing", refusing)
            .finish_non_exhaustive()
    }
}
