#[cfg(feature = "http")]
use super::Watch;
use crate::Rejected;
#[cfg(feature = "http")]
use crate::Verdict;
use crate::breaker::{CallPermit, Hold};
use crate::classify::Classify;
use crate::respond::Respond;
use pin_project::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer of a [`BreakerService`](super::BreakerService): the inner service's, or the refusal.
///
/// Dropping it gives the permit back.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ResponseFuture<F, C, R> {
    #[pin]
    call: Guarded<F, C, R, CallPermit>,
}

impl<F, C, R> ResponseFuture<F, C, R> {
    #[inline]
    pub(super) fn admitted(future: F, permit: CallPermit, classify: C, respond: R) -> Self {
        Self { call: Guarded::admitted(future, permit, classify, respond) }
    }

    pub(super) fn refused(rejected: Rejected, classify: C, respond: R) -> Self {
        Self { call: Guarded::refused(rejected, classify, respond) }
    }
}

impl<F, C, R, Res, E> Future for ResponseFuture<F, C, R>
where
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

impl<F, C, R> fmt::Debug for ResponseFuture<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("state", &self.call.state()).finish_non_exhaustive()
    }
}

/// A call that was admitted or refused, whatever guards it.
#[pin_project]
pub(super) struct Guarded<F, C, R, H> {
    #[pin]
    state: State<F, H>,
    classify: C,
    respond: R,
}

#[pin_project(project = StateProjection)]
enum State<F, H> {
    Admitted {
        #[pin]
        future: F,
        permit: H,
    },
    Refused {
        rejected: Rejected,
    },
}

impl<F, C, R, H> Guarded<F, C, R, H> {
    #[inline]
    pub(super) fn admitted(future: F, permit: H, classify: C, respond: R) -> Self {
        Self { state: State::Admitted { future, permit }, classify, respond }
    }

    pub(super) fn refused(rejected: Rejected, classify: C, respond: R) -> Self {
        Self { state: State::Refused { rejected }, classify, respond }
    }

    /// For people.
    pub(super) const fn state(&self) -> &'static str {
        match &self.state {
            State::Admitted { .. } => "admitted",
            State::Refused { .. } => "refused",
        }
    }
}

impl<F, C, R, H, Res, E> Future for Guarded<F, C, R, H>
where
    H: Hold,
    F: Future<Output = Result<Res, E>>,
    C: Classify<Res, E>,
    R: Respond<Res, E>,
{
    type Output = Result<R::Response, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (future, permit) = match this.state.project() {
            StateProjection::Admitted { future, permit } => (future, permit),
            StateProjection::Refused { rejected } => return Poll::Ready(this.respond.refuse(*rejected)),
        };
        match permit.guard(|| future.poll(cx)) {
            Poll::Pending => {
                permit.waits();
                Poll::Pending
            }
            Poll::Ready(Ok(response)) => {
                let verdict = this.classify.classify(Ok(&response));
                #[cfg(feature = "http")]
                if R::WATCHES_BODY && !matches!(verdict, Verdict::Failure(_)) {
                    if let Some(end) = this.classify.at_end(&response) {
                        let (body, learns) = permit.hand_on();
                        if learns {
                            learn(permit, this.classify, Ok::<_, &E>(&response));
                        }
                        let watch = Watch::new(body, end);
                        return Poll::Ready(Ok(this.respond.pass_watched(response, watch)));
                    }
                }
                if permit.record(verdict) {
                    learn(permit, this.classify, Ok::<_, &E>(&response));
                }
                Poll::Ready(Ok(this.respond.pass(response)))
            }
            Poll::Ready(Err(error)) => {
                if permit.record(this.classify.classify(Err(&error))) {
                    learn(permit, this.classify, Err::<&Res, _>(&error));
                }
                Poll::Ready(Err(this.respond.pass_error(error)))
            }
        }
    }
}

/// Hands on what the answer says of the server's own count. After the outcome, so that the call is out no longer.
#[inline]
fn learn<H: Hold, C: Classify<Res, E>, Res, E>(permit: &H, classify: &C, outcome: Result<&Res, &E>) {
    #[cfg(feature = "http")]
    if let Some(quota) = classify.quota(outcome) {
        permit.learn(quota);
    }
    #[cfg(not(feature = "http"))]
    let _ = (permit, classify, outcome);
}
