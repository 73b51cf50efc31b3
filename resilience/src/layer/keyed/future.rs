use crate::Rejected;
use crate::classify::Classify;
use crate::keyed::{Key, KeyedCall};
use crate::layer::future::Guarded;
use crate::respond::Respond;
use pin_project::pin_project;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer of a [`KeyedService`](super::KeyedService): the inner service's, or the refusal.
///
/// Dropping it gives the permit back.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct KeyedFuture<F, C, R, K: Key, S: BuildHasher + Send + Sync + 'static = RandomState> {
    #[pin]
    call: Guarded<F, C, R, KeyedCall<K, S>>,
}

impl<F, C, R, K: Key, S: BuildHasher + Send + Sync + 'static> KeyedFuture<F, C, R, K, S> {
    #[inline]
    pub(super) fn admitted(future: F, call: KeyedCall<K, S>, classify: C, respond: R) -> Self {
        Self { call: Guarded::admitted(future, call, classify, respond) }
    }

    pub(super) fn refused(rejected: Rejected, classify: C, respond: R) -> Self {
        Self { call: Guarded::refused(rejected, classify, respond) }
    }
}

impl<F, C, R, K, S, Res, E> Future for KeyedFuture<F, C, R, K, S>
where
    K: Key,
    S: BuildHasher + Send + Sync + 'static,
    F: Future<Output = Result<Res, E>>,
    C: Classify<Res, E>,
    R: Respond<Res, E>,
{
    type Output = Result<R::Response, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.poll(cx)
    }
}

impl<F, C, R, K: Key, S: BuildHasher + Send + Sync + 'static> fmt::Debug for KeyedFuture<F, C, R, K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedFuture").field("state", &self.call.state()).finish_non_exhaustive()
    }
}
