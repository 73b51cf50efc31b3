use super::{Breaker, CallPermit, Rejected};
use crate::Verdict;
use pin_project::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A call that a breaker watches, or its refusal: see [`Breaker::call_async`].
///
/// 24 bytes larger than the call's own future (and its judge), which is not boxed. Dropping it gives the permit back.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Called<F, J> {
    #[pin]
    state: State<F>,
    judge: J,
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

/// Judges a call by whether it gave `Err`.
pub type ByResult<T, E> = fn(&Result<T, E>) -> Verdict;

impl Breaker {
    /// Makes a call that takes its time, if the breaker lets it through; `Err` of its result is a failure, a panic too.
    ///
    /// A call that is dropped before it ends is judged by its age, as a call through the layer is: younger than the policy's
    /// `abandon_after` it says nothing, older it is a failure. So a timeout may stand around it.
    ///
    /// ```
    /// use resilience::{Breaker, Rejected, State};
    ///
    /// async fn send(up: bool) -> Result<&'static str, &'static str> {
    ///     if up { Ok("pong") } else { Err("down") }
    /// }
    ///
    /// # futures::executor::block_on(async {
    /// let breaker = Breaker::new();
    /// assert_eq!(breaker.call_async(|| send(true)).await?, Ok("pong"));
    /// for _ in 0..3 {
    ///     assert_eq!(breaker.call_async(|| send(false)).await?, Err("down"));
    /// }
    /// assert!(breaker.call_async(|| send(true)).await.is_err(), "refused: it was not made");
    /// # Ok::<(), Rejected>(())
    /// # })?;
    /// # Ok::<(), Rejected>(())
    /// ```
    pub fn call_async<F, T, E>(&self, call: impl FnOnce() -> F) -> Called<F, ByResult<T, E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.call_async_judged(call, |result| Verdict::failure_if(result.is_err()))
    }

    /// As [`call_async`](Self::call_async), for whatever the call gives, judged by a function of your own.
    ///
    /// ```
    /// use resilience::{Breaker, Rejected, Verdict};
    ///
    /// # futures::executor::block_on(async {
    /// let breaker = Breaker::new();
    /// let judge = |status: &u16| Verdict::failure_if(*status >= 500);
    /// for _ in 0..3 {
    ///     assert_eq!(breaker.call_async_judged(|| async { 503 }, judge).await?, 503);
    /// }
    /// assert!(breaker.call_async_judged(|| async { 200 }, judge).await.is_err());
    /// # Ok::<(), Rejected>(())
    /// # })?;
    /// # Ok::<(), Rejected>(())
    /// ```
    pub fn call_async_judged<F, J>(&self, call: impl FnOnce() -> F, judge: J) -> Called<F, J>
    where
        F: Future,
        J: Fn(&F::Output) -> Verdict,
    {
        let slot = self.slot();
        let state = match slot.admit(|| true) {
            Ok(ticket) => {
                let mut permit = CallPermit::new(slot, ticket);
                State::Admitted { future: permit.guard(call), permit }
            }
            Err(rejected) => State::Refused { rejected },
        };
        Called { state, judge }
    }
}

impl<F, J> Future for Called<F, J>
where
    F: Future,
    J: Fn(&F::Output) -> Verdict,
{
    /// The refusal, if the call was not made. Its own result stays inside, so the two never mix.
    type Output = Result<F::Output, Rejected>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (future, permit) = match this.state.project() {
            StateProjection::Admitted { future, permit } => (future, permit),
            StateProjection::Refused { rejected } => return Poll::Ready(Err(*rejected)),
        };
        match permit.guard(|| future.poll(cx)) {
            Poll::Pending => {
                permit.waits();
                Poll::Pending
            }
            Poll::Ready(output) => {
                permit.record((this.judge)(&output));
                Poll::Ready(Ok(output))
            }
        }
    }
}

impl<F, J> fmt::Debug for Called<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Admitted { .. } => "admitted",
            State::Refused { .. } => "refused",
        };
        f.debug_struct("Called").field("state", &state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;
    use std::future::{pending, ready};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::Waker;
    use std::time::Duration;

    type Answer = Result<(), ()>;

    fn breaker() -> (Breaker, Manual) {
        let clock = Manual::new();
        (Breaker::builder().jitter(0.0).clock(clock.clone()).build().unwrap(), clock)
    }

    fn failures(breaker: &Breaker) -> usize {
        breaker.snapshot().failures.len()
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_call_that_is_dropped_is_judged_by_how_long_it_has_waited() {
        let (breaker, clock) = breaker();
        for (age, counted) in [(999, 0), (1000, 1)] {
            let mut call = Box::pin(breaker.call_async(pending::<Answer>));
            assert!(poll(call.as_mut()).is_pending());
            clock.advance(Duration::from_millis(age));
            drop(call);
            assert_eq!(failures(&breaker), counted, "after {age} ms");
        }
        drop(breaker.call_async(pending::<Answer>));
        assert_eq!(failures(&breaker), 1, "one that was never polled says nothing");
    }

    #[test]
    fn a_panic_is_a_failure_wherever_it_unwinds_from() {
        let (breaker, _) = breaker();
        let early = || -> std::future::Ready<Answer> { panic!("while the call is made") };
        assert!(catch_unwind(AssertUnwindSafe(|| breaker.call_async(early))).is_err());
        let late = || async { if true { panic!("while it is out") } else { Answer::Ok(()) } };
        let unwound = catch_unwind(AssertUnwindSafe(|| poll(pin!(breaker.call_async(late)))));
        assert!(unwound.is_err());
        assert_eq!(failures(&breaker), 2);
    }

    #[test]
    fn a_refused_call_is_not_made_and_an_ended_one_is_counted_once() {
        let (breaker, _) = breaker();
        for _ in 0..3 {
            let mut call = pin!(breaker.call_async(|| ready(Answer::Err(()))));
            assert_eq!(poll(call.as_mut()), Poll::Ready(Ok(Err(()))));
        }
        assert_eq!(breaker.snapshot().counts.failures, 3);
        let call = || -> std::future::Ready<Answer> { unreachable!("it is refused") };
        assert!(matches!(poll(pin!(breaker.call_async(call))), Poll::Ready(Err(_))));
    }
}
