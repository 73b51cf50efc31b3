use super::KeyedFuture;
use crate::breaker::{Hold, Seat};
use crate::classify::{Classify, ErrorsFail};
use crate::keyed::Key;
use crate::layer::{AnyRequest, MayProbe};
use crate::respond::{AsError, Respond};
use crate::{Breaker, Keyed};
use std::any::type_name;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::task::{Context, Poll};
use tower_service::Service;

/// A service with a breaker for each key around it: see [`KeyedLayer`](super::KeyedLayer).
///
/// # Clone
///
/// A clone shares the breakers, not the readiness: that belongs to the instance that was polled.
#[must_use = "a service does nothing until it is called"]
pub struct KeyedService<
    I,
    K: Key,
    F,
    C = ErrorsFail,
    R = AsError,
    P = AnyRequest,
    S: BuildHasher + Send + Sync + 'static = RandomState,
> {
    inner: I,
    keyed: Keyed<K, S>,
    /// Where it waits for all keys to be refused while the inner service is not ready; made when it is first not.
    seats: Option<Box<Seats>>,
    /// `poll_ready` found that calls of all keys would be refused, and left the inner service alone.
    refusing: bool,
    key: F,
    classify: C,
    respond: R,
    may_probe: P,
}

/// One with each breaker that refuses all keys at once.
struct Seats {
    front: Seat,
    parent: Option<Seat>,
}

impl<I, K: Key, F, C, R, P, S: BuildHasher + Send + Sync + 'static> KeyedService<I, K, F, C, R, P, S> {
    pub(super) const fn new(inner: I, keyed: Keyed<K, S>, key: F, classify: C, respond: R, may_probe: P) -> Self {
        Self { inner, keyed, seats: None, refusing: false, key, classify, respond, may_probe }
    }

    /// The breakers.
    pub const fn keyed(&self) -> &Keyed<K, S> {
        &self.keyed
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &I {
        &self.inner
    }

    /// The inner service. One that is called past the breakers is not guarded by them.
    pub const fn get_mut(&mut self) -> &mut I {
        &mut self.inner
    }

    /// The inner service alone.
    pub fn into_inner(self) -> I {
        self.inner
    }

    /// Whether calls of all keys would be refused; remembers it for the call that follows.
    #[inline]
    fn found_refusing(&mut self) -> bool {
        let refuses = |breaker: &Breaker| breaker.slot().would_refuse();
        self.refusing = refuses(self.keyed.front()) || self.keyed.parent().is_some_and(refuses);
        self.refusing
    }

    /// The inner service is not ready, and may never be: if all calls are refused by now, or from some moment on, that must
    /// not be waited for.
    #[cold]
    #[inline(never)]
    fn stuck(&mut self, cx: &Context<'_>) -> Poll<()> {
        let keyed = &self.keyed;
        let seats = self.seats.get_or_insert_with(|| {
            let front = Seat::new(keyed.front().clone());
            Box::new(Seats { front, parent: keyed.parent().cloned().map(Seat::new) })
        });
        seats.front.wait(cx.waker(), false);
        if let Some(parent) = &mut seats.parent {
            parent.wait(cx.waker(), false);
        }
        if self.found_refusing() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<I, K, F, C, R, P, S, Req> Service<Req> for KeyedService<I, K, F, C, R, P, S>
where
    I: Service<Req>,
    K: Key,
    F: Fn(&Req) -> Option<K>,
    C: Classify<I::Response, I::Error> + Clone,
    R: Respond<I::Response, I::Error> + Clone,
    P: MayProbe<Req>,
    S: BuildHasher + Send + Sync + 'static,
{
    type Response = R::Response;
    type Error = R::Error;
    type Future = KeyedFuture<I::Future, C, R, K, S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.found_refusing() {
            return Poll::Ready(Ok(()));
        }
        match self.inner.poll_ready(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.respond.pass_error(error))),
            Poll::Pending => self.stuck(cx).map(Ok),
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let (classify, respond) = (self.classify.clone(), self.respond.clone());
        let may_probe = || self.may_probe.may_probe(&request);
        if self.refusing {
            self.refusing = false;
            let rejected = self.keyed.refuse_unready(may_probe);
            return KeyedFuture::refused(rejected, classify, respond);
        }
        match self.keyed.admit((self.key)(&request), may_probe) {
            Ok(mut call) => {
                let future = call.guard(|| self.inner.call(request));
                KeyedFuture::admitted(future, call, classify, respond)
            }
            Err(rejected) => KeyedFuture::refused(rejected, classify, respond),
        }
    }
}

impl<I, K, F, C, R, P, S> Clone for KeyedService<I, K, F, C, R, P, S>
where
    I: Clone,
    K: Key,
    F: Clone,
    C: Clone,
    R: Clone,
    P: Clone,
    S: BuildHasher + Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        let Self { inner, keyed, seats: _, refusing: _, key, classify, respond, may_probe } = self;
        Self::new(inner.clone(), keyed.clone(), key.clone(), classify.clone(), respond.clone(), may_probe.clone())
    }
}

impl<I, K, F, C, R, P, S> fmt::Debug for KeyedService<I, K, F, C, R, P, S>
where
    I: fmt::Debug,
    K: Key,
    S: BuildHasher + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, keyed, seats: _, refusing, key: _, classify: _, respond: _, may_probe: _ } = self;
        f.debug_struct("KeyedService")
            .field("inner", inner)
            .field("keyed", keyed)
            .field("key", &type_name::<F>())
            .field("classify", &type_name::<C>())
            .field("respond", &type_name::<R>())
            .field("refusing", refusing)
            .finish_non_exhaustive()
    }
}
