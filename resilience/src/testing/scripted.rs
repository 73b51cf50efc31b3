use crate::breaker::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tower_service::Service;

/// An upstream that does as it is told, and remembers what it was asked. Clones are handles to the same one.
///
/// Each call takes the next step of the script; without one it answers what the closure of [`new`](Self::new) says. It
/// needs no runtime.
///
/// ```
/// use resilience::testing::Scripted;
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let upstream = Scripted::new(|number: &u32| if number % 2 == 0 { Ok(*number) } else { Err("odd") });
/// upstream.answer(Ok(7)).fail(2, "down");
/// assert_eq!(upstream.clone().oneshot(1).await, Ok(7));
/// assert_eq!(upstream.clone().oneshot(2).await, Err("down"));
/// assert_eq!(upstream.clone().oneshot(4).await, Err("down"));
/// assert_eq!(upstream.clone().oneshot(6).await, Ok(6));
/// assert_eq!((upstream.calls(), upstream.take_requests()), (4, vec![1, 2, 4, 6]));
///
/// let held = upstream.hold();
/// let call = upstream.oneshot(8);
/// held.answer(Ok(9));
/// assert_eq!(call.await, Ok(9));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Scripted<Req, Res, E> {
    shared: Arc<Mutex<Shared<Req, Res, E>>>,
}

struct Shared<Req, Res, E> {
    steps: VecDeque<Step<Res, E>>,
    otherwise: Otherwise<Req, Res, E>,
    requests: Vec<Req>,
    calls: usize,
    busy: bool,
    waiting: Vec<Waker>,
}

/// Taken out while it runs: it is the test's own code, and may use the service.
type Otherwise<Req, Res, E> = Option<Box<dyn FnMut(&Req) -> Result<Res, E> + Send>>;

/// What the answer of a call waits for.
type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the script says of a call.
enum Step<Res, E> {
    /// The wait begins when the call arrives.
    Later(Box<dyn FnOnce() -> Wait + Send>, Result<Res, E>),
    Out(Out<Res, E>),
}

/// Where a call stands that is out.
enum Out<Res, E> {
    Answer(Result<Res, E>),
    Waiting(Wait, Result<Res, E>),
    Hang,
    Hold(Arc<Mutex<Slot<Res, E>>>),
    Panic(String),
}

struct Slot<Res, E> {
    answer: Option<Result<Res, E>>,
    waker: Option<Waker>,
}

/// A call that is out until its answer is given: see [`Scripted::hold`].
pub struct Held<Res, E> {
    slot: Arc<Mutex<Slot<Res, E>>>,
}

impl<Res, E> Held<Res, E> {
    /// The call ends like this.
    pub fn answer(self, answer: Result<Res, E>) {
        let waker = {
            let mut slot = lock(&self.slot);
            slot.answer = Some(answer);
            slot.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<Req, Res, E> Scripted<Req, Res, E> {
    /// Answers by this closure whatever the script says nothing of.
    #[must_use]
    pub fn new(otherwise: impl FnMut(&Req) -> Result<Res, E> + Send + 'static) -> Self {
        let shared = Shared {
            steps: VecDeque::new(),
            otherwise: Some(Box::new(otherwise)),
            requests: Vec::new(),
            calls: 0,
            busy: false,
            waiting: Vec::new(),
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    fn step(&self, step: Step<Res, E>) -> &Self {
        lock(&self.shared).steps.push_back(step);
        self
    }

    /// The next call ends like this.
    pub fn answer(&self, answer: Result<Res, E>) -> &Self {
        self.step(Step::Out(Out::Answer(answer)))
    }

    /// The next so many calls end with this error.
    pub fn fail(&self, calls: usize, error: E) -> &Self
    where
        E: Clone,
    {
        for _ in 0..calls {
            self.answer(Err(error.clone()));
        }
        self
    }

    /// The next call ends like this when what the closure returns is done: the closure is called when the call arrives.
    ///
    /// With tokio's paused time a test of a slow upstream takes no time:
    ///
    /// ```
    /// use resilience::testing::Scripted;
    /// use std::time::Duration;
    /// use tokio::time::{Instant, sleep};
    /// use tower::ServiceExt;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// let upstream = Scripted::new(|_: &()| Ok::<_, ()>("at once"));
    /// upstream.answer_later(|| sleep(Duration::from_secs(40)), Ok("late"));
    /// let start = Instant::now();
    /// assert_eq!(upstream.oneshot(()).await, Ok("late"));
    /// assert_eq!(start.elapsed(), Duration::from_secs(40));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn answer_later<W>(&self, wait: impl FnOnce() -> W + Send + 'static, answer: Result<Res, E>) -> &Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        self.step(Step::Later(Box::new(|| Box::pin(wait())), answer))
    }

    /// The next call never ends.
    pub fn hang(&self) -> &Self {
        self.step(Step::Out(Out::Hang))
    }

    /// The next call ends when its answer is given.
    #[must_use = "a call whose answer is never given never ends"]
    pub fn hold(&self) -> Held<Res, E> {
        let slot = Arc::new(Mutex::new(Slot { answer: None, waker: None }));
        self.step(Step::Out(Out::Hold(Arc::clone(&slot))));
        Held { slot }
    }

    /// The next call panics with this message when it is polled.
    pub fn panic(&self, message: impl Into<String>) -> &Self {
        self.step(Step::Out(Out::Panic(message.into())))
    }

    /// Whether it is ready for a call; it is at first.
    pub fn set_ready(&self, ready: bool) -> &Self {
        let waiting = {
            let mut shared = lock(&self.shared);
            shared.busy = !ready;
            if ready { std::mem::take(&mut shared.waiting) } else { Vec::new() }
        };
        waiting.into_iter().for_each(Waker::wake);
        self
    }

    /// How many calls have reached it.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.shared).calls
    }

    /// What it was asked since this was last taken, in order.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Req> {
        std::mem::take(&mut lock(&self.shared).requests)
    }
}

impl<Req, Res, E> Service<Req> for Scripted<Req, Res, E> {
    type Response = Res;
    type Error = E;
    type Future = ScriptedFuture<Res, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut shared = lock(&self.shared);
        if shared.busy {
            shared.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (step, otherwise) = {
            let mut shared = lock(&self.shared);
            shared.calls += 1;
            let step = shared.steps.pop_front();
            let otherwise = if step.is_none() { shared.otherwise.take() } else { None };
            (step, otherwise)
        };
        let out = match (step, otherwise) {
            // Not under the lock either: it is the test's own code, too.
            (Some(Step::Later(wait, answer)), _) => Out::Waiting(wait(), answer),
            (Some(Step::Out(out)), _) => out,
            (None, Some(mut otherwise)) => {
                let answer = otherwise(&request);
                lock(&self.shared).otherwise = Some(otherwise);
                Out::Answer(answer)
            }
            (None, None) => Out::Panic("the closure of a scripted service has panicked, or calls itself".to_owned()),
        };
        lock(&self.shared).requests.push(request);
        ScriptedFuture { out: Some(out) }
    }
}

/// The answer of a [`Scripted`] service.
#[must_use = "futures do nothing unless they are polled"]
pub struct ScriptedFuture<Res, E> {
    out: Option<Out<Res, E>>,
}

// Nothing in it is pinned.
impl<Res, E> Unpin for ScriptedFuture<Res, E> {}

impl<Res, E> Future for ScriptedFuture<Res, E> {
    type Output = Result<Res, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.out.take() {
            Some(Out::Answer(answer)) => Poll::Ready(answer),
            Some(Out::Waiting(mut wait, answer)) => match wait.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(answer),
                Poll::Pending => {
                    self.out = Some(Out::Waiting(wait, answer));
                    Poll::Pending
                }
            },
            Some(Out::Panic(message)) => panic!("{message}"),
            Some(Out::Hold(slot)) => {
                let answer = {
                    let mut slot = lock(&slot);
                    slot.waker = Some(cx.waker().clone());
                    slot.answer.take()
                };
                match answer {
                    Some(answer) => Poll::Ready(answer),
                    None => {
                        self.out = Some(Out::Hold(slot));
                        Poll::Pending
                    }
                }
            }
            Some(Out::Hang) | None => {
                self.out = Some(Out::Hang);
                Poll::Pending
            }
        }
    }
}

impl<Req, Res, E> Clone for Scripted<Req, Res, E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<Req, Res, E> fmt::Debug for Scripted<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, steps, busy) = {
            let shared = lock(&self.shared);
            (shared.calls, shared.steps.len(), shared.busy)
        };
        f.debug_struct("Scripted").field("calls", &calls).field("steps", &steps).field("ready", &!busy).finish()
    }
}

impl<Res, E> fmt::Debug for Held<Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl<Res, E> fmt::Debug for ScriptedFuture<Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedFuture").finish_non_exhaustive()
    }
}
