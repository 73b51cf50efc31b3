#[cfg(feature = "http")]
use super::IdempotentHttp;
use super::builder::{Builder, Settings};
use super::{FindRefusal, Repeat};
#[cfg(feature = "http")]
use crate::classify::HttpStatus;
use crate::classify::{Classify, ErrorsFail};
use crate::respond::AsError;
#[cfg(feature = "http")]
use crate::respond::Http503;
use crate::{Hint, Rejected, Verdict, clock};
use pin_project::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tower::retry::Policy;

/// A [`tower::retry::Policy`] that knows a refusal from an answer: see the [module](super).
///
/// `Q` copies requests ([`Repeat`]), `C` judges answers ([`Classify`]), `F` finds refusals ([`FindRefusal`]). The
/// constructors choose them; most users never name one.
///
/// # Clone
///
/// Clones share the budget. What is kept of one request is kept by the clone that tower makes for it.
#[derive(Clone)]
#[must_use = "a policy does nothing until it is given to `tower::retry::RetryLayer`"]
pub struct RetryPolicy<Q, C = ErrorsFail, F = AsError> {
    settings: Arc<Settings>,
    repeat: Q,
    classify: C,
    find: F,
    /// When the request came.
    began: Option<Instant>,
    /// How often the upstream has answered it.
    answers: u32,
    /// It has been sent before, or refused.
    again: bool,
}

impl<Q> RetryPolicy<Q> {
    /// For any service: every `Err` is repeated, but a refusal is waited for
    /// ([`respond::Error::Rejected`](crate::respond::Error::Rejected), as by
    /// [`BreakerLayer::new`](crate::BreakerLayer::new)).
    ///
    /// Only you know which requests may be sent twice: the function makes the copy, or says `None`.
    pub fn new(repeat: Q) -> Self {
        Self::of(Builder::new().settings(), repeat, ErrorsFail, AsError)
    }
}

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl RetryPolicy<IdempotentHttp, HttpStatus, Http503> {
    /// For HTTP, outside a [`BreakerLayer::for_http`](crate::BreakerLayer::for_http): repeats what
    /// [`HttpStatus`] holds for a failure, and waits for refusals of [`Http503`]; no request but an
    /// [idempotent](super::may_repeat) one.
    pub fn for_http() -> Self {
        Self::of(Builder::new().settings(), IdempotentHttp, HttpStatus::new(), Http503)
    }
}

impl<Q, C, F> RetryPolicy<Q, C, F> {
    pub(super) fn of(settings: Arc<Settings>, repeat: Q, classify: C, find: F) -> Self {
        Self { settings, repeat, classify, find, began: None, answers: 0, again: false }
    }

    /// Judges answers by this classifier. Failures are repeated, as is what a limiter or a breaker elsewhere turned away
    /// ([`Verdict::Limited`], [`Verdict::Relayed`]); the rest is handed on.
    pub fn classify<D>(self, classify: D) -> RetryPolicy<Q, D, F> {
        let Self { settings, repeat, classify: _, find, .. } = self;
        RetryPolicy::of(settings, repeat, classify, find)
    }

    /// Finds refusals in this form: that of [`respond`](crate::respond) which the layer below refuses with, or a closure.
    pub fn refusals<G>(self, find: G) -> RetryPolicy<Q, C, G> {
        let Self { settings, repeat, classify, find: _, .. } = self;
        RetryPolicy::of(settings, repeat, classify, find)
    }

    /// Copies requests like this: see [`Repeat`].
    pub fn repeat<P>(self, repeat: P) -> RetryPolicy<P, C, F> {
        let Self { settings, repeat: _, classify, find, .. } = self;
        RetryPolicy::of(settings, repeat, classify, find)
    }

    /// How many retries the budget has left, for metrics.
    #[must_use]
    pub fn budget_left(&self) -> u32 {
        self.settings.budget.left()
    }

    /// How long to wait before the request is sent again; `None` if it is not.
    fn decide<Res, E>(&mut self, outcome: Result<&Res, &E>) -> Option<Duration>
    where
        C: Classify<Res, E>,
        F: FindRefusal<Res, E>,
    {
        let refusal = self.find.refusal(outcome);
        let asked = match &refusal {
            Some(rejected) => Rejected::retry_after(rejected),
            None => {
                let hint = match self.classify.classify(outcome) {
                    Verdict::Failure(hint) => hint.map(Hint::wait),
                    Verdict::Limited(wait) => Some(wait),
                    Verdict::Relayed(wait) => wait,
                    Verdict::Success | Verdict::Reachable | Verdict::Ignore => return None,
                };
                self.answers = self.answers.saturating_add(1);
                if self.answers >= self.settings.attempts || self.classify.forbids_retry(outcome) {
                    return None;
                }
                hint.unwrap_or_default().max(self.settings.backoff(self.answers))
            }
        };
        // Whoever cannot be answered in time is told so now.
        let left = self.settings.time_limit.checked_sub(self.began?.elapsed())?;
        let wait = self.settings.wait(asked).filter(|_| asked <= left)?;
        if refusal.is_none() && !self.settings.budget.withdraw() {
            return None;
        }
        Some(wait.min(left))
    }
}

impl<Req, Res, E, Q, C, F> Policy<Req, Res, E> for RetryPolicy<Q, C, F>
where
    Q: Repeat<Req>,
    C: Classify<Res, E>,
    F: FindRefusal<Res, E>,
{
    type Future = Wait;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Wait> {
        let wait = self.decide(result.as_ref())?;
        self.again = true;
        Some(Wait { timer: tokio::time::sleep_until(clock::timer(wait)) })
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        if !self.again {
            self.began = Some(Instant::now());
            self.settings.budget.deposit();
        }
        self.repeat.repeat(request)
    }
}

impl<Q, C, F> fmt::Debug for RetryPolicy<Q, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, repeat: _, classify: _, find: _, began, answers, again } = self;
        f.debug_struct("RetryPolicy")
            .field("settings", settings)
            .field("repeat", &std::any::type_name::<Q>())
            .field("classify", &std::any::type_name::<C>())
            .field("find", &std::any::type_name::<F>())
            .field("began", began)
            .field("answers", answers)
            .field("again", again)
            .finish()
    }
}

/// The wait before a retry.
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Wait {
    #[pin]
    timer: Sleep,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().timer.poll(cx)
    }
}
