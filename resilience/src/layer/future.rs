#[cfg(feature = "http")]
use super::Watch;
use crate::Rejected;
#[cfg(feature = "http")]
use crate::Verdict;
use crate::breaker::CallPermit;
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
    state: State<F>,
    classify: C,
    respond: R,
}

#[pin_project(project = StateProjection)]
enum State<F> {
    Admitted {
        #[pin]
        future: F,
        permit: CallPermit,
    },
    Refused {
        rejected: Rejected,
    },
}

impl<F, C, R> ResponseFuture<F, C, R> {
    #[inline]
    pub(super) fn admitted(future: F, permit: CallPermit, classify: C, respond: R) -> Self {
        Self { state: State::Admitted { future, permit }, classify, respond }
    }

    pub(super) fn refused(rejected: Rejected, classify: C, respond: R) -> Self {
        Self { state: State::Refused { rejected }, classify, respond }
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
                        let (body, learns) = permit.take();
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
fn learn<C: Classify<Res, E>, Res, E>(permit: &CallPermit, classify: &C, outcome: Result<&Res, &E>) {
    #[cfg(feature = "http")]
    if let Some(quota) = classify.quota(outcome) {
        permit.learn(quota);
    }
    #[cfg(not(feature = "http"))]
    let _ = (permit, classify, outcome);
}

impl<F, C, R> fmt::Debug for ResponseFuture<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Admitted { .. } => "admitted",
            State::Refused { .. } => "refused",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
