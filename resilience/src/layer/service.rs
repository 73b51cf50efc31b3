use super::{AnyRequest, MayProbe, ResponseFuture};
use crate::Breaker;
use crate::breaker::{CallPermit, Seat, Since};
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
    /// `refusing`: `poll_ready` found that calls would be refused, and left the inner service alone.
    seat: Seat,
    classify: C,
    respond: R,
    may_probe: P,
}

impl<S, C, R, P> BreakerService<S, C, R, P> {
    pub(super) const fn new(inner: S, breaker: Breaker, classify: C, respond: R, may_probe: P) -> Self {
        Self { inner, seat: Seat::new(breaker), classify, respond, may_probe }
    }

    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        self.seat.breaker()
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

    /// Whether the service was found refusing when it was last asked whether it is ready.
    #[cfg(feature = "tokio")]
    pub(super) const fn is_refusing(&self) -> bool {
        self.seat.refusing
    }

    /// Has the task woken when calls are refused no longer.
    #[cfg(feature = "tokio")]
    pub(super) fn wake_when_admitted(&mut self, cx: &Context<'_>) {
        self.seat.wait(cx.waker(), true);
    }

    /// The inner service is not ready, and may never be: if calls are refused by now, or from some moment on, that must
    /// not be waited for.
    #[cold]
    #[inline(never)]
    fn stuck(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.seat.wait(cx.waker(), false);
        self.seat.refusing = self.breaker().slot().would_refuse();
        if self.seat.refusing { Poll::Ready(()) } else { Poll::Pending }
    }

    /// An inner service that cannot become ready is a failure of the upstream, as a call is that cannot be made.
    #[cold]
    fn unready<Res, E>(&self, error: &E)
    where
        C: Classify<Res, E>,
    {
        let slot = self.seat.breaker().slot();
        if let Ok(ticket) = slot.admit(|| true) {
            CallPermit::new(slot, ticket).record(self.classify.classify(Err(error)));
        }
    }
}

/// A panic that unwinds out of the inner service's readiness is a failure, as one that unwinds out of a call is.
struct Unwinding<'a>(&'a Seat);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        let slot = self.0.breaker().slot();
        if let Ok(ticket) = slot.admit(|| true) {
            slot.panicked(ticket, Since::NEVER);
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
        self.seat.refusing = self.breaker().slot().would_refuse();
        if self.seat.refusing {
            return Poll::Ready(Ok(()));
        }
        let unwinding = Unwinding(&self.seat);
        let ready = self.inner.poll_ready(cx);
        std::mem::forget(unwinding);
        match ready {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => {
                self.unready::<S::Response, _>(&error);
                Poll::Ready(Err(self.respond.pass_error(error)))
            }
            Poll::Pending => self.stuck(cx).map(Ok),
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let slot = self.seat.breaker().slot();
        let (classify, respond) = (self.classify.clone(), self.respond.clone());
        if self.seat.refusing {
            self.seat.refusing = false;
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
        let Self { inner, seat, classify, respond, may_probe } = self;
        Self::new(inner.clone(), seat.breaker().clone(), classify.clone(), respond.clone(), may_probe.clone())
    }
}

impl<S: fmt::Debug, C, R, P> fmt::Debug for BreakerService<S, C, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, seat, classify: _, respond: _, may_probe: _ } = self;
        f.debug_struct("BreakerService")
            .field("inner", inner)
            .field("breaker", seat.breaker())
            .field("classify", &std::any::type_name::<C>())
            .field("respond", &std::any::type_name::<R>())
            .field("refusing", &seat.refusing)
            .finish_non_exhaustive()
    }
}
