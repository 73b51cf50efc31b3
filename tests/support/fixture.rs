//! Breakers on a clock that stands still, and an upstream that does as it is told.

use futures::future::BoxFuture;
use resilience::clock::Manual;
use resilience::machine::{Event, Rule};
use resilience::observe::Transitions;
use resilience::{Breaker, Builder, Rejected, State};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use tower::Service;

/// So many seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many milliseconds.
#[must_use]
pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One nanosecond: the other side of every boundary.
pub const NS: Duration = Duration::from_nanos(1);

/// A breaker by the default policy without jitter, bent by `change`, and the clock that drives it.
///
/// # Panics
///
/// If the policy is refused.
#[must_use]
pub fn manual(change: impl FnOnce(Builder) -> Builder) -> (Breaker, Manual) {
    let clock = Manual::new();
    let builder = Breaker::builder().jitter(0.0).clock(clock.clone());
    (change(builder).build().expect("a policy in its range"), clock)
}

/// As [`manual`], with a single probe to close.
///
/// # Panics
///
/// If the policy is refused.
#[must_use]
pub fn classic(change: impl FnOnce(Builder) -> Builder) -> (Breaker, Manual) {
    manual(|builder| change(builder.stages(1)))
}

/// So many calls that fail.
///
/// # Panics
///
/// If one is refused.
pub fn fail(breaker: &Breaker, calls: u32) {
    for _ in 0..calls {
        breaker.try_acquire().expect("admitted").failure();
    }
}

/// So many calls that succeed.
///
/// # Panics
///
/// If one is refused.
pub fn succeed(breaker: &Breaker, calls: u32) {
    for _ in 0..calls {
        breaker.try_acquire().expect("admitted").success();
    }
}

/// Makes the default window trip.
///
/// # Panics
///
/// If it does not.
pub fn trip(breaker: &Breaker) {
    fail(breaker, 3);
    assert_eq!(breaker.state(), State::Open);
}

/// Trips the breaker and lets its cool-down pass.
///
/// # Panics
///
/// If it does not become half-open.
pub fn half_open(breaker: &Breaker, clock: &Manual) {
    trip(breaker);
    clock.advance(wait(breaker));
    assert_eq!(breaker.state(), State::HalfOpen);
}

/// The refusal of a call.
///
/// # Panics
///
/// If it is admitted.
#[must_use]
pub fn refusal(breaker: &Breaker) -> Rejected {
    breaker.try_acquire().expect_err("refused")
}

/// How long a refused call is told to wait.
///
/// # Panics
///
/// If it is admitted.
#[must_use]
pub fn wait(breaker: &Breaker) -> Duration {
    refusal(breaker).retry_after()
}

/// The rule that keeps the breaker from being closed.
///
/// # Panics
///
/// If it has not tripped.
#[must_use]
pub fn rule(breaker: &Breaker) -> Rule {
    breaker.snapshot().trip.expect("tripped").rule
}

/// The short names of all that has happened.
#[must_use]
pub fn names(transitions: &mut Transitions) -> Vec<&'static str> {
    events(transitions).iter().map(|event| event.kind.name()).collect()
}

/// All that has happened.
#[must_use]
pub fn events(transitions: &mut Transitions) -> Vec<Event> {
    std::iter::from_fn(|| transitions.try_next()).collect()
}

/// What the [`Upstream`] fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upstream is down")
    }
}

impl std::error::Error for Down {}

/// What the upstream's answer to the next calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `Ok("pong")`, at once.
    Pong,
    /// `Err(Down)`, at once.
    Fail,
    /// Never.
    Hang,
    /// What the test says, when it says it: [`Upstream::release`].
    Held,
    /// A panic in `call`.
    PanicInCall,
    /// A panic when the future is polled.
    PanicInPoll,
}

/// What the upstream says when it is polled for readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Ready.
    Ready,
    /// Not yet.
    Pending,
    /// Never again.
    Broken,
    /// A panic.
    Panic,
}

/// An inner service that does as it is told, counts what is asked of it, and cannot be called unless it was polled ready.
///
/// Clones share the orders and the counts, not the readiness.
#[derive(Debug)]
pub struct Upstream {
    shared: Arc<Shared>,
    ready: bool,
}

#[derive(Debug)]
struct Shared {
    polls: AtomicUsize,
    calls: AtomicUsize,
    answer: Mutex<Answer>,
    readiness: Mutex<Readiness>,
    held: Mutex<VecDeque<oneshot::Sender<Result<&'static str, Down>>>>,
}

impl Default for Upstream {
    fn default() -> Self {
        Self::new(Answer::Pong)
    }
}

impl Clone for Upstream {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), ready: false }
    }
}

impl Upstream {
    /// One that is ready and answers like this.
    #[must_use]
    pub fn new(answer: Answer) -> Self {
        let shared = Shared {
            polls: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            answer: Mutex::new(answer),
            readiness: Mutex::new(Readiness::Ready),
            held: Mutex::default(),
        };
        Self { shared: Arc::new(shared), ready: false }
    }

    /// From now on it answers like this.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn answers(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// From now on it says this when it is polled for readiness.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn is(&self, readiness: Readiness) {
        *self.shared.readiness.lock().unwrap() = readiness;
    }

    /// How often it was polled for readiness.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.shared.polls.load(Ordering::SeqCst)
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Answers the oldest call that is held.
    ///
    /// # Panics
    ///
    /// If none is.
    pub fn release(&self, answer: Result<&'static str, Down>) {
        let held = self.shared.held.lock().unwrap().pop_front().expect("a call is held");
        // Whoever waited may have given up.
        let _ = held.send(answer);
    }
}

impl<Req> Service<Req> for Upstream {
    type Response = &'static str;
    type Error = Down;
    type Future = BoxFuture<'static, Result<&'static str, Down>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        self.shared.polls.fetch_add(1, Ordering::SeqCst);
        let readiness = *self.shared.readiness.lock().unwrap();
        match readiness {
            Readiness::Ready => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Pending => Poll::Pending,
            Readiness::Broken => Poll::Ready(Err(Down)),
            Readiness::Panic => panic!("told to"),
        }
    }

    fn call(&mut self, _: Req) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "an inner service that was not polled ready was called");
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        let answer = *self.shared.answer.lock().unwrap();
        match answer {
            Answer::Pong => Box::pin(async { Ok("pong") }),
            Answer::Fail => Box::pin(async { Err(Down) }),
            Answer::Hang => Box::pin(std::future::pending()),
            Answer::Held => {
                let (answer, waiting) = oneshot::channel();
                self.shared.held.lock().unwrap().push_back(answer);
                Box::pin(async { waiting.await.unwrap_or(Err(Down)) })
            }
            Answer::PanicInCall => panic!("told to"),
            Answer::PanicInPoll => Box::pin(async { panic!("told to") }),
        }
    }
}

/// Polls a service for readiness, once.
pub fn poll_ready<S: Service<()>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// A call that is out: made, polled once, not answered yet.
///
/// # Panics
///
/// If the service is not ready, or answers at once.
pub fn out<S: Service<()>>(service: &mut S) -> std::pin::Pin<Box<S::Future>> {
    assert!(matches!(poll_ready(service), Poll::Ready(Ok(()))));
    let mut call = Box::pin(service.call(()));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    call
}

/// The answer to a call that is answered at once.
///
/// # Errors
///
/// That of the service.
///
/// # Panics
///
/// If the service is not ready, or lets the caller wait.
pub fn now<S: Service<Req>, Req>(service: &mut S, request: Req) -> Result<S::Response, S::Error> {
    let cx = &mut Context::from_waker(Waker::noop());
    match service.poll_ready(cx) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(error)) => return Err(error),
        Poll::Pending => panic!("not ready"),
    }
    match std::pin::pin!(service.call(request)).poll(cx) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("not answered"),
    }
}
